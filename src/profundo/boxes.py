"""Boxes: where objects are in an image. What data, nets, figures and pictures say to one another of them.

A box is (left, top, right, bottom) in pixels of the image that it is of, as edges: the pixel in column 3 and row 5 alone is
(3, 5, 4, 6), and a whole image (0, 0, width, height). Files that count otherwise are brought to this where they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = [
    "NO_OBJECT",
    "Detections",
    "Objects",
    "alike_but_for_scale",
    "areas",
    "clipped",
    "overlaps",
    "packed",
    "shared_areas",
    "unpacked",
]

NO_OBJECT = -1  # the class of a place that holds no object, in a table of as many places for every image


@dataclass(frozen=True, slots=True)
class Objects:
    """What is in one image.

    boxes: float32 (objects, 4); classes: int64 (objects,), from 0; crowd: bool (objects,), a region of many that were not told
    apart, which is neither to be found nor a mistake to find (COCO's `iscrowd`, Pascal VOC's `difficult`); left out, none is.
    masks: bool (objects, height, width), the pixels of each; None where only boxes are known.
    """

    boxes: Tensor
    classes: Tensor
    crowd: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))
    masks: Tensor | None = None

    def __post_init__(self) -> None:
        if not len(self.crowd):
            object.__setattr__(self, "crowd", torch.zeros(len(self.classes), dtype=torch.bool))

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class Detections:
    """What a net found in one image, the surest first.

    boxes: float32 (found, 4); classes: int64 (found,); scores: float32 (found,), from 0 to 1.
    masks: bool (found, height, width); None of a net that answers with boxes only.
    """

    boxes: Tensor
    classes: Tensor
    scores: Tensor
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.boxes)


def packed(images: Sequence[Objects], most: int = 0) -> Tensor:
    """The objects of several images as one table, float32 (images, most, 6): the box, the class, 1 where it is a crowd.

    Images of fewer objects end in places of class NO_OBJECT, whose boxes are zeros; most: places, at least as many as the
    fullest image needs and by default just so many, but one at least. Masks are not in it.
    """
    table = torch.zeros(len(images), max(most, 1, *(len(one) for one in images), 0), 6)
    table[:, :, 4] = NO_OBJECT
    for row, one in zip(table, images, strict=True):
        row[: len(one), :4] = one.boxes
        row[: len(one), 4] = one.classes
        row[: len(one), 5] = one.crowd
    return table


def unpacked(row: Tensor, masks: Tensor | None = None) -> Objects:
    """The objects of one row (most, 6) of a packed table; masks: bool (most, height, width), of the same places."""
    there = row[:, 4] != NO_OBJECT
    return Objects(row[there, :4], row[there, 4].long(), row[there, 5] > 0, None if masks is None else masks[there])


def alike_but_for_scale(first: Tensor, second: Tensor) -> bool:
    """Whether two packed tables tell of the same images, each perhaps made larger or smaller: the same classes and crowds in each,
    and boxes that are the other's times one number across and one down."""
    if first.shape != second.shape or not torch.equal(first[..., 4:], second[..., 4:]):
        return False
    one, other = (
        table[..., :4].double().reshape(*table.shape[:-1], 2, 2) for table in (first, second)
    )  # two corners, x and y
    times = (one * other).sum((1, 2), keepdim=True) / (one * one).sum((1, 2), keepdim=True).clamp_min(1e-9)
    return bool(((one * times - other).abs() <= 1e-4 * (1 + other.abs())).all())


def areas(boxes: Tensor) -> Tensor:
    """Of boxes (…, 4): (…), in square pixels; 0 of those whose edges are swapped."""
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def clipped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (…, 4), cut at the edges of an image of that height and width."""
    height, width = size
    return torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height, width, height]))


def shared_areas(first: Tensor, second: Tensor) -> Tensor:
    """The area that each of the first boxes (…, n, 4) shares with each of the second (…, m, 4): (…, n, m)."""
    left, top, right, bottom = first[..., :, None, :].unbind(-1)
    left_, top_, right_, bottom_ = second[..., None, :, :].unbind(-1)
    wide = torch.minimum(right, right_) - torch.maximum(
        left, left_
    )  # edge by edge: a third of the time of corners at once
    high = torch.minimum(bottom, bottom_) - torch.maximum(top, top_)
    return wide.clamp(min=0) * high.clamp(min=0)


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union (Jaccard's index) of each of the first boxes (…, n, 4) with each of the second (…, m, 4).

    Between 0 and 1, in (…, n, m); 0 for two boxes without area.
    """
    shared = shared_areas(first, second)
    union = areas(first)[..., :, None] + areas(second)[..., None, :] - shared
    return torch.where(union > 0, shared / union, torch.zeros_like(shared))
