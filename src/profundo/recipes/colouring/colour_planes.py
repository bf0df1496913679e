"""Photographs as lightness and colours at half the size, and colours put onto a photograph of any size.

The eye sees colours coarsely. So a and b of Lab are told in cells of 2 × 2 pixels, and go onto a photograph by its lightness: where
that has an edge, colours have one (after He, Sun & Tang 2010, "Guided image filtering", with slopes at the small size as He & Sun
2015). On CIFAR-10 the true colours in cells come back at 47.9 dB, by straight lines alone at 47.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.images.colour_spaces import from_space, to_space

__all__ = [
    "COLOUR",
    "Colouring",
    "Planes",
    "coloured",
    "in_parts",
    "lab_of",
    "lightness_of",
    "mean_by_lightness",
    "of_the_mean",
    "painted_all",
    "planes_of",
    "seen",
]

COLOUR = 50.0  # units of a and b that are 1 to a net
AT_ONCE = 2**24  # numbers that are held for the cells of some images: 64 MB
CELL = 64  # numbers of a cell while its four pixels are converted or painted, or go through a net
BAND = 2**20  # pixels that are converted or painted at once
FLAT = 25.0  # of lightness, squared: where it varies less, colours follow it less
LEVELS = 50  # of lightness, each with its mean colour

Colouring = Callable[[Tensor, Tensor], Tensor]
"""(lightness, hints) → a and b of the cells, (images, 2, height / 2, width / 2)."""


@dataclass(frozen=True, slots=True)
class Planes:
    """Of images: lightness, float32 (images, 1, height, width) from 0 to 100, and a and b, (images, 2, height / 2, width / 2)."""

    lightness: Tensor
    colours: Tensor

    def __len__(self) -> int:
        return len(self.lightness)

    def some(self, places: Tensor) -> Planes:
        return Planes(self.lightness[places], self.colours[places])


def in_parts(images: Tensor, *others: Tensor, each: int = CELL) -> Iterator[tuple[Tensor, ...]]:
    """Images (images, channels, height, width) with what belongs to each, as few at once as they are large, one at least.

    each: numbers that are held for a cell of 2 × 2 pixels, such as one for each class of colours.
    """
    cells = images.shape[2] * images.shape[3] / 4
    at_once = max(1, int(AT_ONCE / (cells * each)))
    return zip(*(torch.split(values, at_once) for values in (images, *others)), strict=True)


def planes_of(images: Tensor) -> Planes:
    """Of uint8 (images, 3, height, width) with even sides."""
    parts = [lab_of(part) for (part,) in in_parts(images)]
    return Planes(torch.cat([one[:, :1] for one in parts]), torch.cat([F.avg_pool2d(one[:, 1:], 2) for one in parts]))


def lab_of(images: Tensor) -> Tensor:
    """float32 (images, 3, height, width): L, a and b of uint8 sRGB."""
    rgb = images.permute(0, 2, 3, 1).numpy().astype(np.float32) / 255
    return torch.from_numpy(to_space(rgb, "lab")).permute(0, 3, 1, 2).contiguous()


def lightness_of(image: Tensor) -> Tensor:
    """(1, 1, height, width) of uint8 (3, height, width) of any size."""
    rows = max(1, BAND // image.shape[2])
    return torch.cat([lab_of(band[None])[:, :1] for band in torch.split(image, rows, 1)], 2)


def seen(lightness: Tensor, hints: Tensor) -> Tensor:
    """(images, 7, height / 2, width / 2), what a net sees of each cell, about −1 to 1: the lightness of its four pixels, a, b, and
    whether these are told. hints: (images, 3, height / 2, width / 2), see colour_hints.py."""
    told = torch.cat([hints[:, :2] / COLOUR, hints[:, 2:]], 1)
    return torch.cat([F.pixel_unshuffle(lightness / 50 - 1, 2), told], 1).contiguous(memory_format=torch.channels_last)


# --------------------------------------------------------------------------------------------------- mean by lightness
def mean_by_lightness(planes: Planes) -> Tensor:
    """(50, 2), the mean a and b of the cells of each lightness, 2 units wide; 0 where there are none."""
    levels, colours = levels_of(planes.lightness).flatten(), planes.colours.permute(0, 2, 3, 1).reshape(-1, 2)
    sums = torch.zeros(LEVELS, 2).index_add_(0, levels, colours)
    return sums / levels.bincount(minlength=LEVELS).clamp(min=1)[:, None]


def of_the_mean(table: Tensor, lightness: Tensor, _: Tensor) -> Tensor:
    return table[levels_of(lightness)].permute(0, 3, 1, 2)


def levels_of(lightness: Tensor) -> Tensor:
    """int64 (images, height / 2, width / 2)."""
    return (F.avg_pool2d(lightness, 2)[:, 0] * (LEVELS / 100)).long().clamp(0, LEVELS - 1)


# ------------------------------------------------------------------------------------------- colours onto a photograph
def painted_all(way: Colouring, lightness: Tensor, hints: Tensor) -> Tensor:
    """uint8 (images, 3, height, width), a few at a time."""
    return torch.cat([coloured(one, way(one, told)) for one, told in in_parts(lightness, hints)])


def coloured(lightness: Tensor, colours: Tensor) -> Tensor:
    """uint8 (images, 3, height, width) of lightness (images, 1, height, width) and colours (images, 2, fewer rows, fewer
    columns), which follow the lightness. What no screen can show is cut."""
    followed = with_slopes(F.interpolate(lightness, colours.shape[2:], mode="area"), colours)
    height, width = lightness.shape[2:]
    rows = max(1, BAND // (len(lightness) * width))
    bands = [
        painted(part, stretched(followed, top, part.shape[2], (height, width)))
        for top, part in zip(range(0, height, rows), torch.split(lightness, rows, 2), strict=True)
    ]
    return torch.cat(bands, 2)


def painted(lightness: Tensor, followed: Tensor) -> Tensor:
    """Colours by straight lines between the cells, and what their slopes make of lightness that the cells do not have."""
    small, colours, slopes = torch.split(followed, [1, 2, 2], 1)
    lab = torch.cat([lightness, colours + slopes * (lightness - small)], 1).permute(0, 2, 3, 1)
    rgb = torch.from_numpy(from_space(lab.numpy(), "lab"))
    return (255 * rgb).round().to(torch.uint8).permute(0, 3, 1, 2).contiguous()


def with_slopes(lightness: Tensor, colours: Tensor) -> Tensor:
    """(images, 5, height, width): lightness, colours, and of colours by lightness the slope around each cell: by least squares in
    windows of 3 × 3 in which it is held towards 0 (equation 5), the mean over the windows that the cell is in."""
    mean, means = window_mean(lightness), window_mean(colours)
    together = window_mean(lightness * colours) - mean * means
    slope = together / (window_mean(lightness.square()) - mean.square() + FLAT)
    return torch.cat([lightness, colours, window_mean(slope)], 1)


def window_mean(values: Tensor) -> Tensor:
    """Over 3 × 3, of what lies inside."""
    return F.avg_pool2d(values, 3, 1, 1, count_include_pad=False)


def stretched(values: Tensor, top: int, rows: int, size: tuple[int, int]) -> Tensor:
    """Some rows of values (images, channels, height, width), interpolated to a larger size by straight lines."""
    down, across = (
        (2 * torch.arange(begin, begin + number) + 1) / side - 1
        for begin, number, side in ((top, rows, size[0]), (0, size[1], size[1]))
    )
    grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1)
    return F.grid_sample(values, grid.expand(len(values), -1, -1, -1), padding_mode="border", align_corners=False)
