"""What was found and what is there in many images, in flat tables, and how far each overlaps each: what all figures begin with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor

from profundo.boxes import Detections, Objects, areas, shared_areas
from profundo.records import ProfundoError

__all__ = ["LEAST", "Scenes", "scenes", "shared_pixels", "side_by_side"]

LEAST = 0.1  # of the overlaps that are kept: below, two have nothing to do with each other (Bolya et al. 2020)


@dataclass(frozen=True, slots=True)
class Scenes:
    """Detections and objects of so many images, in their order.

    image, kind: int64 (found,), of each detection its image and class; score, area: float64 (found,).
    object_image, object_kind: int64 (objects,); object_area: float64 (objects,); crowd: bool (objects,).
    first, second: int64 (pairs,), a detection and an object of its image that overlap by a tenth or more, by detections and then
    by objects; overlap: float64 (pairs,).

    An overlap is intersection over union; with a crowd, intersection over the detection's own area, for of many that were not told
    apart a detection may be any part.
    """

    images: int
    image: Tensor
    kind: Tensor
    score: Tensor
    area: Tensor
    object_image: Tensor
    object_kind: Tensor
    object_area: Tensor
    crowd: Tensor
    first: Tensor
    second: Tensor
    overlap: Tensor

    def there(self, classes: int) -> Tensor:
        """int64 (images, classes): how many objects there are to be found, crowds aside."""
        places = (self.object_image * classes + self.object_kind)[~self.crowd]
        return torch.bincount(places, minlength=self.images * classes).view(self.images, classes)


def scenes(found: Iterable[Detections], there: Iterable[Objects], *, masks: bool = False) -> Scenes:
    """Tables of what was found and is there, image by image; both may be made as they are read.

    masks: overlaps and areas are those of masks, not of boxes. Whether an object is small is decided by its mask wherever it has
    one, as COCO has it. Raises ProfundoError unless there are as many of both, one at least, with finite scores and masks of one
    size where they are needed.
    """
    rows = [_row(one, objects, masks) for one, objects in side_by_side(found, there)]
    if not rows:
        raise ProfundoError("detections: expected those of images, got none; hand over one image at least")
    boxes, kind, score, area, object_boxes, object_kind, crowd, extent, object_area, shared = map(
        torch.cat, zip(*rows, strict=True)
    )
    if not bool(score.isfinite().all()) or bool((kind < 0).any()) or bool((object_kind < 0).any()):
        raise ProfundoError("detections: expected finite scores and classes from 0; leave out places that hold nothing")
    image, object_image = (_numbered([len(row[column]) for row in rows]) for column in (1, 5))
    first, second = pairs_within(image, object_image)
    if not masks:
        shared = shared_areas(boxes[first, None], object_boxes[second, None])[:, 0, 0]
    touching = shared > 0
    first, second, shared = first[touching], second[touching], shared[touching]
    overlap = shared / (area[first] + torch.where(crowd[second], 0.0, extent[second] - shared))
    kept = overlap >= LEAST
    pairs = first[kept], second[kept], overlap[kept]
    return Scenes(len(rows), image, kind, score, area, object_image, object_kind, object_area, crowd, *pairs)


def side_by_side(found: Iterable[Detections], there: Iterable[Objects]) -> Iterator[tuple[Detections, Objects]]:
    """Image by image. Raises ProfundoError where one has more images than the other."""
    for image, (one, objects) in enumerate(zip_longest(found, there)):
        if one is None or objects is None:
            raise ProfundoError(
                f"detections: expected those of each image beside its objects, got {'them' if one else 'objects'} alone of image "
                f"{image + 1}; hand over as many of both"
            )
        yield one, objects


def _row(found: Detections, there: Objects, masks: bool) -> tuple[Tensor, ...]:
    """The columns of one image: of its detections boxes, class, score, area; of its objects boxes, class, whether a crowd, the area
    that overlaps count, and the one that says how large it is; the area that each shares with each, of masks alone."""
    boxes, object_boxes = found.boxes.double(), there.boxes.double()
    area, extent, shared = areas(boxes), areas(object_boxes), boxes.new_empty(0)
    size = extent if there.masks is None else _pixels(there.masks)
    if masks:
        shared = shared_pixels(found.masks, there.masks, (len(found), len(there))).flatten()
        area, extent = area if found.masks is None else _pixels(found.masks), size
    return (
        boxes, found.classes.long(), found.scores.double(), area,
        object_boxes, there.classes.long(), there.crowd.bool(), extent, size, shared,
    )  # fmt: skip


def shared_pixels(first: Tensor | None, second: Tensor | None, numbers: tuple[int, int]) -> Tensor:
    """How many pixels each of the first masks, bool (n, height, width), shares with each of the second (m, height, width): float64
    (n, m), as one matrix product, exact up to 16 million pixels. numbers: n and m; with none of either, masks may be missing."""
    if not all(numbers):
        return torch.zeros(numbers, dtype=torch.float64)
    if first is None or second is None or first.shape[1:] != second.shape[1:]:
        sizes = [None if one is None else tuple(one.shape[1:]) for one in (first, second)]
        raise ProfundoError(
            f"masks: expected those of detections and of objects in one size, got {sizes[0]} and {sizes[1]}"
        )
    return (first.flatten(1).float() @ second.flatten(1).float().T).double()


def _pixels(masks: Tensor) -> Tensor:
    return masks.flatten(1).sum(1).double()


def _numbered(numbers: Sequence[int]) -> Tensor:
    """0 as often as the first number says, 1 as often as the second …"""
    return torch.arange(len(numbers)).repeat_interleave(torch.tensor(numbers))


def pairs_within(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (pairs,) of all pairs whose values are the same. first: (n,); second: (m,), rising."""
    low = torch.searchsorted(second, first)
    number = torch.searchsorted(second, first, right=True) - low
    one = torch.arange(len(first)).repeat_interleave(number)
    return one, torch.arange(len(one)) + (low - number.cumsum(0) + number)[one]
