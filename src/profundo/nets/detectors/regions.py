"""RoIAlign: a region of a feature map, of any size and place, as a small grid of features (He et al. 2017, section 3).

The region is cut into size × size cells, and each reads the map at its centre, between pixels by bilinear interpolation. Nothing is
rounded, so a region moved by half a pixel gets other features and hands gradients to all that it read. Points outside the map read
its edge. One point a cell, where others have four: as the paper found, how many hardly matters, for a region is read from a level on
which a cell is about a pixel wide; and a quarter as many pixels are read, and handed gradients.

Along one side a cell reads two rows with weights, along the other two columns, so that

    cell = Σ_rows Σ_columns (weight of the row · weight of the column) · pixel

is a weighted sum of four rows of one table, which holds the pixels of all levels and images, and `embedding_bag` sums it up without
ever writing the terms.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.boxes import areas

__all__ = ["level_of", "region_features"]


def region_features(maps: Sequence[Tensor], strides: Sequence[int], boxes: Tensor, levels: Tensor, size: int) -> Tensor:
    """(batch, regions, channels, size, size) of boxes (batch, regions, 4) in pixels of the image, each read from the map of its
    level, int64 (batch, regions).

    maps: (batch, channels, height, width) of each level, whose pixel in row i and column j is seen at s (j + ½), s (i + ½).
    """
    pixels = torch.cat([seen.permute(0, 2, 3, 1).flatten(0, 2) for seen in maps]).to(boxes.dtype)  # (all, channels)
    about = torch.tensor(
        [[*seen.shape[2:], stride] for seen, stride in zip(maps, strides, strict=True)], device=boxes.device
    )
    height, width, stride = about[levels].unbind(-1)  # (batch, regions) each
    left, top, right, bottom = (boxes / stride[..., None]).unbind(-1)
    row, across = read_along(top, bottom, height, size)
    column, along = read_along(left, right, width, size)
    number = begins(maps, levels)[..., None, None] + row * width[..., None, None]
    index = number[..., :, None, :, None] + column[..., None, :, None, :]  # (batch, regions, size, size, reads, reads)
    weight = across[..., :, None, :, None] * along[..., None, :, None, :]
    return summed(pixels, index.flatten(-2), weight.flatten(-2)).permute(0, 1, 4, 2, 3)


def read_along(low: Tensor, high: Tensor, length: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Of one side: which pixels each of `size` cells between low and high (batch, regions) reads, of a row of `length` whose pixel j
    has its centre at j + ½, and with which weights, which sum to 1: (batch, regions, size, 2) each."""
    share = (torch.arange(size, device=low.device, dtype=low.dtype) + 0.5) / size
    last = (length - 1)[..., None]
    place = low[..., None] + (high - low)[..., None] * share - 0.5
    place = torch.minimum(place.clamp(min=0), last.to(low.dtype))
    before = place.detach().floor()
    after = torch.minimum(before.long() + 1, last)
    return torch.stack([before.long(), after], -1), torch.stack([1 - (place - before), place - before], -1)


def begins(maps: Sequence[Tensor], levels: Tensor) -> Tensor:
    """int64 (batch, regions): the number of the first pixel of each region's own image and level among all."""
    counts = [seen.shape[2] * seen.shape[3] for seen in maps]
    image = torch.arange(levels.shape[0], device=levels.device)[:, None]
    of_level = torch.tensor([0, *counts[:-1]], device=levels.device).cumsum(0) * levels.shape[0]
    return of_level[levels] + image * torch.tensor(counts, device=levels.device)[levels]


def summed(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Σ_k weight_k · table[index_k] over the last axis of both: (…, channels)."""
    if torch.compiler.is_exporting():  # ONNX has no sums of bags but as a loop over them
        return (table[index] * weight[..., None]).sum(-2)
    bags, weights = index.flatten(0, -2), weight.flatten(0, -2)
    return F.embedding_bag(bags, table, per_sample_weights=weights, mode="sum").view(*index.shape[:-1], table.shape[1])


def level_of(boxes: Tensor, strides: Sequence[int], usual: float) -> Tensor:
    """Which level a box (…, 4) is read from, int64 (…): a box `usual` strides wide from that stride's own, one twice as wide from the
    next (Lin et al. 2017, equation 1, with 224 / 16 = 14 strides)."""
    wide = areas(boxes).clamp(min=1e-6).sqrt()
    level = torch.floor(torch.log2(wide / (usual * strides[0])))
    return level.clamp(0, len(strides) - 1).long()
