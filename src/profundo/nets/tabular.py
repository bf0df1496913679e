"""Tables with categorical columns: each category becomes a few learnt numbers (Guo & Berkhahn 2016).

An embedding is a linear layer on the one-hot row, so nothing is new in what the net can say; what is new is that categories
that act alike get like numbers, which can be looked at and given to other methods.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from profundo.nets.dense import perceptron
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.records import ProfundoError

__all__ = ["CategoryNet"]


class CategoryNet(nn.Module):
    """Rows (batch, categories + numbers) → outputs (batch, outputs), by hidden layers of ReLU on embeddings and numbers.

    levels: how many categories each of the first columns has; they hold indices, as floats. dimensions: numbers for a
    category, never more than one less than there are. numbers: columns that follow, as they are.
    """

    def __init__(
        self, levels: Sequence[int], dimensions: int, numbers: int, widths: Sequence[int] = (64, 64), outputs: int = 1
    ) -> None:
        super().__init__()
        if any(count < 2 for count in levels) or dimensions < 1 or numbers < 0:
            raise ProfundoError(
                f"CategoryNet: expected two categories a column or more and one dimension or more, got {tuple(levels)} "
                f"categories, {dimensions} dimensions, {numbers} numbers"
            )
        self.embeddings = nn.ModuleList(nn.Embedding(count, min(dimensions, count - 1)) for count in levels)
        sizes = [*(min(dimensions, count - 1) for count in levels), numbers]
        self.dense = initialize_(nn.Sequential(*perceptron((sum(sizes), *widths, outputs))), output_gain=SMALL_OUTPUT)

    @property
    def tables(self) -> list[Tensor]:
        """Of each categorical column the embeddings (levels, dimensions), detached, on the CPU."""
        weights = (table.get_parameter("weight") for table in self.embeddings)
        return [weight.detach().cpu().clone() for weight in weights]

    def embedded(self, rows: Tensor) -> Tensor:
        """(batch, dimensions + numbers): what the dense layers see, in the order of the columns."""
        indices = rows[:, : len(self.embeddings)].long()
        parts = [table(column) for table, column in zip(self.embeddings, indices.unbind(1), strict=True)]
        return torch.cat([*parts, rows[:, len(self.embeddings) :]], 1)

    def forward(self, rows: Tensor) -> Tensor:
        outputs: Tensor = self.dense(self.embedded(rows))
        return outputs
