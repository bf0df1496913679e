"""The neocognitron (Fukushima 1980, "Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition
unaffected by shift in position", Biological Cybernetics 36): the forerunner of convolutional nets.

Planes of S-cells look for a feature everywhere, all cells of a plane with the same weights; C-cells fire if it is somewhere near.
V-cells inhibit S-cells by the strength of all that they see, so that these answer to the form and not to the ink:

    v = √(Σ c u²)
    s = r φ[(1 + Σ a u) / (1 + 2r/(1 + r) · b v) − 1]                                  φ(x) = max(x, 0)
    C = ψ[(1 + Σ d s) / (1 + mean over planes of Σ d s) − 1]       ψ(x) = φ(x) / (α + φ(x))

An S-plane that was reinforced by a patch fires for those whose cosine with it is above r/(1 + r). While cells learn, r is larger, so
that each learns little more than one form, than when they recognise (Fukushima & Tanigawa 1996, "Use of different thresholds in
learning and recognition"). In the last stage cells see a window as wide as the whole form with what is around it, and one C-cell sees
a whole plane: a window that some of the form is outside of would mistake its rest for a simpler one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CCells", "SCells", "falling", "neocognitron", "representatives"]

FAINT = 1e-4  # the largest weight of a plane that has learned nothing yet: enough to fire where no other does
ALPHA = 0.5
NEAR = 0.9  # what a place weighs, one farther from the middle: c and d


def falling(size: int, rate: float) -> Tensor:
    """rate to the power of the distance from the middle, of sum 1: (size, size)."""
    places = torch.arange(size) - (size - 1) / 2
    weights = rate ** (places[:, None].square() + places.square()).sqrt()
    return weights / weights.sum()


class SCells(nn.Module):
    """u (batch, planes below, height, width) → s (batch, planes, height, width).

    size: of the square that a cell sees, odd; selectivity: r while it learns, in training mode, and as it recognises. excitation:
    a; inhibition: b of each plane; near: c, of sum 1 over places and planes below. Planes that learned nothing fire faintly for
    anything while others learn, and never afterwards.
    """

    near: Tensor

    def __init__(self, below: int, planes: int, size: int, selectivity: tuple[float, float]) -> None:
        super().__init__()
        self.excitation = nn.Parameter(torch.empty(planes, below, size, size).uniform_(0, FAINT), requires_grad=False)
        self.inhibition = nn.Parameter(torch.zeros(planes), requires_grad=False)
        self.register_buffer("near", falling(size, NEAR) / below)
        self.selectivity = selectivity

    def forward(self, u: Tensor) -> Tensor:
        r, padding = self.selectivity[0 if self.training else 1], self.near.shape[0] // 2
        excited = 1 + F.conv2d(u, self.excitation, padding=padding)
        inhibited = 1 + 2 * r / (1 + r) * self.inhibition[:, None, None] * self.strength(u)
        fires = r * (excited / inhibited - 1).relu()
        return fires if self.training else fires * self.learned[:, None, None]

    def strength(self, u: Tensor) -> Tensor:
        """v of the V-cells, (batch, 1, height, width)."""
        squares = u.square().sum(1, keepdim=True)
        return F.conv2d(squares, self.near[None, None], padding=self.near.shape[0] // 2).sqrt()

    @torch.no_grad()
    def reinforce(self, u: Tensor, cells: Sequence[tuple[int, int, int]], rate: float) -> None:
        """Δa = q c u and Δb = q v / 2 of the cells (plane, row, column) that represent their planes; u: (planes below, …)."""
        size = self.near.shape[0]
        around, strength = F.pad(u, [size // 2] * 4), self.strength(u[None])[0, 0]
        for plane, row, column in cells:
            seen = around[:, row : row + size, column : column + size]
            self.excitation[plane] += rate * self.near * seen
            self.inhibition[plane] += rate / 2 * strength[row, column]

    @property
    def learned(self) -> Tensor:
        """Which planes have been reinforced, (planes,)."""
        return self.inhibition > 0


class CCells(nn.Module):
    """s (batch, planes, height, width) → C (batch, planes, …): each cell sees a square of one plane, every other place; size 0: one
    cell sees all of it, and the S-cell that fires most."""

    near: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("near", falling(size, NEAR))

    def forward(self, s: Tensor) -> Tensor:
        if self.near.numel():
            kernel, padding = self.near.expand(s.shape[1], 1, -1, -1), self.near.shape[0] // 2
            seen = F.conv2d(s, kernel, stride=2, padding=padding, groups=s.shape[1])
        else:
            seen = s.amax((2, 3), keepdim=True)
        excess = ((1 + seen) / (1 + seen.mean(1, keepdim=True)) - 1).relu()
        return excess / (ALPHA + excess)


def representatives(s: Tensor, side: int) -> list[tuple[int, int, int]]:
    """The cells (plane, row, column) that are reinforced, of outputs s (planes, height, width).

    Of each S-column, all planes within a square of that side, the one that fires most is a candidate; columns overlap by half.
    Of several candidates in a plane the one that fires most represents it, so that a plane learns one feature.
    """
    most, planes = s.max(0)
    height, width = most.shape
    side = min(side, height, width)
    _, places = F.max_pool2d(most[None], side, stride=max(1, side // 2), ceil_mode=True, return_indices=True)
    candidates = sorted({int(place) for place in places.flatten()}, key=lambda place: -float(most.flatten()[place]))
    chosen: dict[int, tuple[int, int, int]] = {}
    for place in candidates:
        row, column = divmod(place, width)
        plane = int(planes[row, column])
        if most[row, column] > 0 and plane not in chosen:
            chosen[plane] = (plane, row, column)
    return list(chosen.values())


def neocognitron(
    channels: int, planes: Sequence[int], windows: Sequence[int], selectivity: Sequence[tuple[float, float]]
) -> nn.Sequential:
    """Images (batch, channels, height, width) from 0 to 1 → C-cells of the last stage, (batch, planes, 1, 1), whatever the size."""
    layers: dict[str, nn.Module] = {}
    for stage, (count, size, r) in enumerate(zip(planes, windows, selectivity, strict=True), 1):
        layers[f"s{stage}"] = SCells(channels, count, size, r)
        layers[f"c{stage}"] = CCells(size if stage < len(planes) else 0)
        channels = count
    return nn.Sequential(OrderedDict(layers))
