"""Boxes as a net is trained on them: pair by pair, with gradients.

overlap, and generalised overlap (Rezatofighi et al. 2019); and the offsets by which a box is told from another one (Girshick et al.
2014, appendix C), with their inverse.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from profundo.boxes import areas

__all__ = ["generalised_overlap", "moved", "offsets", "paired_overlap"]

UNITS = (0.1, 0.1, 0.2, 0.2)  # of offsets: near their deviations in practice, so that each is about 1
MOST_GROWTH = math.log(1000 / 16)  # of a side, as a logarithm


def paired_overlap(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of each box (…, 4) with the one at its place: (…)."""
    shared, union = shared_and_union(first, second)
    return shared / union.clamp(min=1e-6)


def generalised_overlap(first: Tensor, second: Tensor) -> Tensor:
    """GIoU = IoU − (C − union) / C, with C the area of the least box around both: from −1 to 1, and of boxes that do not meet the
    less, the farther they are, so that there is a way down from everywhere (Rezatofighi et al. 2019, algorithm 1)."""
    shared, union = shared_and_union(first, second)
    around = torch.cat(
        [torch.minimum(first[..., :2], second[..., :2]), torch.maximum(first[..., 2:], second[..., 2:])], -1
    )
    whole = areas(around).clamp(min=1e-6)
    return shared / union.clamp(min=1e-6) - (whole - union) / whole


def shared_and_union(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    sides = torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])
    shared = sides.clamp(min=0).prod(-1)
    return shared, areas(first) + areas(second) - shared


def offsets(boxes: Tensor, bases: Tensor) -> Tensor:
    """What leads from each base (…, 4) to its box: ((x − x₀) / w₀, (y − y₀) / h₀, log(w / w₀), log(h / h₀)) / UNITS, of centres and
    sides."""
    (place, size), (place0, size0) = centre_and_size(boxes), centre_and_size(bases)
    return torch.cat([(place - place0) / size0, torch.log(size / size0)], -1) / boxes.new_tensor(UNITS)


def moved(bases: Tensor, by: Tensor) -> Tensor:
    """The boxes to which offsets lead: the inverse of `offsets`, but no side grows more than sixtyfold."""
    place0, size0 = centre_and_size(bases)
    shift, growth = torch.split(by * by.new_tensor(UNITS), 2, -1)
    place, half = place0 + shift * size0, size0 * growth.clamp(max=MOST_GROWTH).exp() / 2
    return torch.cat([place - half, place + half], -1)


def centre_and_size(boxes: Tensor) -> tuple[Tensor, Tensor]:
    low, high = torch.split(boxes, 2, -1)
    return (low + high) / 2, (high - low).clamp(min=1e-3)
