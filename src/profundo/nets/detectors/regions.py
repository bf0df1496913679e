"""RoIAlign: a region of a feature map, of any size and place, as a small grid of features (He et al. 2017, section 3).

The region is cut into size × size cells; in each, SAMPLES × SAMPLES points, evenly spread, read the map between its pixels by
bilinear interpolation, and their mean is the cell's feature. Nothing is rounded, so a region moved by half a pixel gets other
features and hands gradients to all that it read. Points outside the map read its edge.

A pyramid has several maps. They are laid below each other as one sheet, and every region reads from its own level's part of it: one
`grid_sample` for all regions of all images, whatever their sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.boxes import areas

__all__ = ["level_of", "region_features"]

SAMPLES = 2  # points of a cell, each way


def region_features(maps: Sequence[Tensor], strides: Sequence[int], boxes: Tensor, levels: Tensor, size: int) -> Tensor:
    """(batch, regions, channels, size, size) of boxes (batch, regions, 4) in pixels of the image, each read from the map of its
    level, int64 (batch, regions).

    maps: (batch, channels, height, width) of each level, whose pixel (i, j) is seen at s (j + ½), s (i + ½) of the image.
    """
    batch, regions = levels.shape
    sheet, tops = one_sheet(maps)
    stride, top, limits = (values.to(boxes.device)[levels] for values in (torch.tensor(strides), tops, sides(maps)))
    points = (
        grid_points(boxes / stride[..., None], size * SAMPLES) - 0.5
    )  # in pixels of the map: 0 is the centre of the first
    points = torch.minimum(points.clamp(min=0), limits[:, :, None, None].to(points.dtype) - 1)
    points = points + torch.stack([torch.zeros_like(top), top], -1)[:, :, None, None]
    whole = torch.tensor([sheet.shape[3], sheet.shape[2]], device=boxes.device, dtype=points.dtype)
    grid = (2 * points + 1) / whole - 1  # from −1 to 1 over the edges of the sheet
    seen = F.grid_sample(sheet, grid.flatten(1, 2), mode="bilinear", padding_mode="border", align_corners=False)
    seen = F.avg_pool2d(seen.unflatten(2, (regions, -1)).transpose(1, 2).flatten(0, 1), SAMPLES)
    return seen.unflatten(0, (batch, regions))


def one_sheet(maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The maps below one another, as wide as the widest, and the row in which each begins."""
    widest = max(seen.shape[3] for seen in maps)
    heights = torch.tensor([0, *(seen.shape[2] for seen in maps[:-1])])
    return torch.cat([F.pad(seen, (0, widest - seen.shape[3])) for seen in maps], 2), heights.cumsum(0)


def sides(maps: Sequence[Tensor]) -> Tensor:
    """int64 (levels, 2): width and height of each map."""
    return torch.tensor([[seen.shape[3], seen.shape[2]] for seen in maps])


def grid_points(boxes: Tensor, count: int) -> Tensor:
    """(…, count, count, 2): x and y of the centres of count × count equal cells of boxes (…, 4)."""
    along = (torch.arange(count, device=boxes.device, dtype=boxes.dtype) + 0.5) / count
    low, side = boxes[..., None, :2], boxes[..., None, 2:] - boxes[..., None, :2]
    x, y = (low + side * along[:, None]).unbind(-1)  # (…, count) each
    return torch.stack([x[..., None, :].expand(*x.shape, count), y[..., :, None].expand(*y.shape, count)], -1)


def level_of(boxes: Tensor, strides: Sequence[int], usual: float) -> Tensor:
    """Which level a box (…, 4) is read from, int64 (…): a box `usual` strides wide from that stride's own, one twice as wide from the
    next (Lin et al. 2017, equation 1, with 224 / 16 = 14 strides)."""
    wide = areas(boxes).clamp(min=1e-6).sqrt()
    level = torch.floor(torch.log2(wide / (usual * strides[0])))
    return level.clamp(0, len(strides) - 1).long()
