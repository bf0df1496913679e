"""A part of each image hidden, so that a network does not rely on one part alone.

cutout     a square of zeros, the mean of the training images; it may stick out (DeVries and Taylor 2017)
erase      a rectangle inside the image of random values, one for each number (Zhong et al. 2020, RE-R)
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from profundo.data.augmenting.colours import Units

__all__ = ["box", "cutout", "erase"]


def box(images: Tensor, top: Tensor, left: Tensor, high: Tensor, wide: Tensor) -> Tensor:
    """Which pixels lie in a rectangle of each image: bool (batch, 1, height, width). All arguments (batch,), in pixels."""
    rows, columns = (torch.arange(side, device=images.device) for side in images.shape[2:])
    down = (rows >= top[:, None]) & (rows < (top + high)[:, None])
    across = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    return (down[:, :, None] & across[:, None, :]).unsqueeze(1)


def cutout(images: Tensor, generator: Generator, *, side: float) -> Tensor:
    """side: of the square, in shares of the shorter side. Its centre is any pixel."""
    count, _, height, width = images.shape
    length = round(side * min(height, width))
    if length == 0:
        return images
    centres = [torch.randint(most, (count,), generator=generator, device=images.device) for most in (height, width)]
    top, left = (centre - length // 2 for centre in centres)
    lengths = torch.full_like(top, length)
    return images.masked_fill(box(images, top, left, lengths, lengths), 0.0)


def erase(
    images: Tensor, generator: Generator, *, units: Units, scale: tuple[float, float], ratio: tuple[float, float]
) -> Tensor:
    """The share of the area is uniform in `scale`, the logarithm of height/width uniform in `ratio`."""
    count, _, height, width = images.shape
    if scale[1] == 0:
        return images
    area, shape, down, across = torch.rand(4, count, generator=generator, device=images.device).unbind(0)
    area = (scale[0] + (scale[1] - scale[0]) * area) * height * width
    shape = (math.log(ratio[0]) + math.log(ratio[1] / ratio[0]) * shape).exp()
    high = (area * shape).sqrt().round().clamp(max=height)
    wide = (area / shape).sqrt().round().clamp(max=width)
    top, left = (down * (height - high + 1)).floor(), (across * (width - wide + 1)).floor()
    values = torch.rand(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return torch.where(box(images, top, left, high, wide), units.standardised(values), images)
