"""Which word comes next, row by row, given all before it: the gated PixelCNN (van den Oord et al. 2016, arXiv:1606.05328).

    z = tanh(W_f ∗ x + V_f y) ⊙ σ(W_g ∗ x + V_g y)            equation 4, y: the class

Two stacks see together all words above and to the left, and no other: one looks at the rows above, the other along its own row, and
at what the first found (figure 2); one masked stack alone would have a blind spot. Kernels cover only what they may see, which
costs half of a masked one: maps are padded above and to the left.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PixelCNN", "drawn_words"]


class Gated(nn.Module):
    """One layer of both stacks. reach: how many places up, to the left and to the sides a kernel sees; first: whether its own place
    holds what is to be predicted, and so is not to be seen."""

    def __init__(self, width: int, classes: int, reach: int, first: bool) -> None:
        super().__init__()
        self.reach, self.first = reach, first
        self.above = nn.Conv2d(width, 2 * width, (reach + 1 - first, 2 * reach + 1))
        self.left = nn.Conv2d(width, 2 * width, (1, reach + 1 - first))
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        self.told = nn.Embedding(max(1, classes), 4 * width)
        nn.init.zeros_(self.told.weight)

    def look_above(self, maps: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, width, height, width'), int64 (batch,) → the maps that the next layer looks at, and what the other stack is told,
        (batch, 2 width, height, width')."""
        told, told_left = self.told(classes)[:, :, None, None].chunk(2, 1)
        seen = self.above(F.pad(maps, (self.reach, self.reach, self.reach, 0)))[:, :, : maps.shape[2]]
        return gated(seen + told), self.across(seen) + told_left

    def look_left(self, maps: Tensor, from_above: Tensor) -> Tensor:
        """(batch, width, height, width'), and what this stack is told, → the next layer's."""
        seen = self.left(F.pad(maps, (self.reach, 0, 0, 0)))[:, :, :, : maps.shape[3]]
        changed: Tensor = self.out(gated(seen + from_above))
        return changed if self.first else maps + changed


def gated(maps: Tensor) -> Tensor:
    filters, shares = maps.chunk(2, 1)
    return torch.tanh(filters) * torch.sigmoid(shares)


class PixelCNN(nn.Module):
    """p(words | class), each word of so many given those before it, row by row. classes: 0 where none are told. With five layers a
    place sees 7 rows up, 7 columns to either side."""

    def __init__(self, words: int, classes: int = 0, width: int = 32, layers: int = 5) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.layers = nn.ModuleList([Gated(width, classes, 1 if at else 3, not at) for at in range(layers)])
        self.output = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, 2 * width, 1), nn.ReLU(), nn.Conv2d(2 * width, words, 1)
        )

    @property
    def in_order(self) -> list[Gated]:
        return [layer for layer in self.layers if isinstance(layer, Gated)]

    def embedded(self, words: Tensor) -> Tensor:
        """int64 (batch, height, width') → (batch, width, height, width')."""
        vectors: Tensor = self.embedding(words)
        return vectors.permute(0, 3, 1, 2)

    def from_above(self, maps: Tensor, classes: Tensor | None = None) -> list[Tensor]:
        """What the rows above say to each layer of the stack that looks left. classes: int64 (batch,), where they are told."""
        labels = torch.zeros(len(maps), dtype=torch.int64, device=maps.device) if classes is None else classes
        said = []
        for layer in self.in_order:
            maps, told = layer.look_above(maps, labels)
            said.append(told)
        return said

    def along(self, maps: Tensor, from_above: Sequence[Tensor]) -> Tensor:
        """Embedded words, and what is above them → logits (batch, words, height, width')."""
        for layer, told in zip(self.in_order, from_above, strict=True):
            maps = layer.look_left(maps, told)
        logits: Tensor = self.output(maps)
        return logits

    def forward(self, words: Tensor, classes: Tensor | None = None) -> Tensor:
        """int64 (batch, height, width') → logits (batch, words, height, width')."""
        maps = self.embedded(words)
        return self.along(maps, self.from_above(maps, classes))


@torch.no_grad()
def drawn_words(
    net: PixelCNN, places: tuple[int, int], count: int, classes: Tensor | None, generator: torch.Generator
) -> Tensor:
    """int64 (count, *places), word by word, by a generator of the CPU. The rows above are looked at once for each row."""
    device = net.embedding.weight.device
    words = torch.zeros(count, *places, dtype=torch.int64, device=device)
    labels = None if classes is None else classes.to(device)
    for row in range(places[0]):
        said = [told[:, :, row:] for told in net.from_above(net.embedded(words[:, : row + 1]), labels)]
        for column in range(places[1]):
            logits = net.along(net.embedded(words[:, row : row + 1]), said)[:, :, 0, column]
            drawn = torch.multinomial(logits.float().softmax(1).cpu(), 1, generator=generator)[:, 0]
            words[:, row, column] = drawn.to(device)
    return words
