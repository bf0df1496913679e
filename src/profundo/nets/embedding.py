"""Nets whose output is a place: images, or pairs of words, that belong together are to lie near each other.

`embedding_cnn` for metric learning has the trunk of `fast_cnn` and one linear layer to `dimensions` numbers, on the unit
sphere if `normalize` (Schroff et al. 2015, section 3): there, distances lie between 0 and 2 and the squared distance is
2 − 2 cos of the angle, so that a margin means the same whatever the data.
`WordPairs` holds the two tables of the skip-gram model (Mikolov et al. 2013): one row a word as the centre, one as context.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.fast import trunk
from profundo.nets.init import initialize_
from profundo.records import ProfundoError

__all__ = ["OnSphere", "WordPairs", "embedding_cnn"]


def embedding_cnn(shape: tuple[int, ...], dimensions: int = 64, *, normalize: bool = True) -> nn.Sequential:
    """Images (batch, *shape) to embeddings (batch, dimensions); shape: (channels, height, width)."""
    if len(shape) != 3 or dimensions < 1:
        raise ProfundoError(
            f"embedding_cnn: expected (channels, height, width) and one dimension or more, got {shape} and {dimensions}"
        )
    layers, features = trunk(shape)
    layers["embedding"] = nn.Linear(features, dimensions)
    if normalize:
        layers["sphere"] = OnSphere()
    return initialize_(nn.Sequential(layers))


class OnSphere(nn.Module):
    """(batch, d) → (batch, d) of length 1: x / ‖x‖. Zero stays zero."""

    def forward(self, rows: Tensor) -> Tensor:
        return F.normalize(rows, dim=1)


class WordPairs(nn.Module):
    """Two tables (words, dimensions): the score of context c beside centre w is u_w · v_c.

    Drawn as word2vec does: centres uniform within ±1/(2 · dimensions), contexts zero, so that every pair starts at a
    probability of one half.
    """

    def __init__(self, words: int, dimensions: int) -> None:
        super().__init__()
        self.centre = nn.Embedding(words, dimensions)
        self.context = nn.Embedding(words, dimensions)
        nn.init.uniform_(self.centre.weight, -0.5 / dimensions, 0.5 / dimensions)
        nn.init.zeros_(self.context.weight)

    def forward(self, centres: Tensor, contexts: Tensor) -> Tensor:
        """Indices (batch,) and (batch, choices) → scores (batch, choices)."""
        # A product and a sum: for the few contexts of a centre they are twice as quick as many small matrix products.
        scores: Tensor = (self.context(contexts) * self.centre(centres)[:, None]).sum(2)
        return scores

    def all_scores(self, centres: Tensor) -> Tensor:
        """Indices (batch,) → scores (batch, words) of every word as the context."""
        scores: Tensor = self.centre(centres) @ self.context.weight.T
        return scores
