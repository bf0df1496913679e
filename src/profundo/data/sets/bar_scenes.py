"""Scenes with one bar, made from five numbers that are known: where it is, its size, its angle, how bright it is.

As dSprites (Matthey et al. 2017) they show whether a net that saw nothing but pictures has found what the pictures were made of. The
angle spans less than a half turn, so that each factor is a number on a line, as a code's numbers are, and no circle; and a bar moves
farther across than down, so that no turned pair of axes would do as well as these.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["FACTORS", "LEVELS", "at_levels", "drawn_scenes", "scene_lattice"]

FACTORS = ("across", "down", "size", "angle", "brightness")
LEVELS = (8, 8, 4, 6, 4)  # of each, in the lattice
ACROSS, DOWN = (0.3, 0.7), (0.4, 0.6)  # of the bar's middle, as a share of the side
LENGTHS = (0.12, 0.26)  # of half a bar
BREADTH = 0.5  # of its length
ANGLES = (-math.pi / 4, math.pi / 4)
BRIGHT = (0.4, 1.0)


def drawn_scenes(factors: Tensor, side: int = 16) -> Tensor:
    """(scenes, 5), each in [0, 1], in the order of FACTORS → float32 pictures (scenes, 1, side, side) in [0, 1].

    A pixel is as bright as the share of it that the bar covers, along and across its axis.
    """
    ranges = torch.tensor((ACROSS, DOWN, LENGTHS, ANGLES, BRIGHT))
    across, down, half, angle, bright = (
        column[:, None, None] for column in (ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * factors.float()).unbind(1)
    )
    middles = (torch.arange(side) + 0.5) / side
    x, y = middles[None, None, :] - across, middles[None, :, None] - down
    along, beside = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    covered = [
        (0.5 + side * (reach - place.abs())).clamp(0, 1) for place, reach in ((along, half), (beside, BREADTH * half))
    ]
    return (bright * covered[0] * covered[1])[:, None]


def scene_lattice() -> Tensor:
    """All combinations of levels, int64 (8 · 8 · 4 · 6 · 4, 5)."""
    return torch.cartesian_prod(*(torch.arange(levels) for levels in LEVELS))


def at_levels(numbers: Tensor) -> Tensor:
    """Levels (scenes, 5) → factors in [0, 1], evenly spread."""
    return numbers / (torch.tensor(LEVELS) - 1)
