"""Panoptic quality (Kirillov et al. 2019) of objects and what was found of them, as masks without overlaps.

    PQ of a class   Σ overlaps of pairs / (pairs + ½ segments of nothing + ½ objects missed) = SQ · RQ
    SQ, RQ          the mean overlap of the pairs; the F1 of finding them

A pair overlaps by more than ½, so that none has a choice. Each pixel is of one segment, the first that has it: the surest
detection, and the first object. Segments of which more than half lies on a crowd of their class are ignored, and so are crowds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.boxes import Detections, Objects
from profundo.evaluate.objects.judged_scenes import shared_pixels, side_by_side

__all__ = ["PanopticQuality", "apart", "panoptic_quality"]


@dataclass(frozen=True, slots=True)
class PanopticQuality:
    """Means over the classes that occur, NaN where there are none; of_classes: float64 (classes, 3), PQ, SQ and RQ, NaN of those
    that neither are there nor were found."""

    pq: float
    sq: float
    rq: float
    of_classes: Tensor


def panoptic_quality(found: Iterable[Detections], there: Iterable[Objects], classes: int) -> PanopticQuality:
    """Of detections that are believed, the surest first. Raises ProfundoError unless there are as many of both."""
    sums = torch.zeros(classes, 4, dtype=torch.float64)  # overlaps, pairs, of nothing, missed
    for one, objects in side_by_side(found, there):
        sums += _of_image(one, objects, classes)
    overlaps, pairs, of_nothing, missed = sums.T
    whole = pairs + of_nothing / 2 + missed / 2
    each = torch.stack([overlaps / whole, overlaps / pairs.clamp_min(1), pairs / whole], 1)
    each[whole == 0] = math.nan
    pq, sq, rq = each.nanmean(0).tolist()
    return PanopticQuality(pq, sq, rq, each)


def _of_image(found: Detections, there: Objects, classes: int) -> Tensor:
    masks, objects = (None if one is None else apart(one) for one in (found.masks, there.masks))
    shared = shared_pixels(masks, objects, (len(found), len(there)))
    size, object_size = (torch.zeros(0) if one is None else one.flatten(1).sum(1).double() for one in (masks, objects))
    if not all(shared.shape):
        size, object_size = (
            torch.ones(count) if not len(one) else one for one, count in ((size, len(found)), (object_size, len(there)))
        )
    same = found.classes[:, None] == there.classes
    on_crowd = (shared * (same & there.crowd)).sum(1)
    union = size[:, None] + object_size - shared
    overlap = torch.where(same & ~there.crowd & (union > 0), shared / union.clamp_min(1), 0.0)
    pair = overlap > 0.5
    ignored = on_crowd > size / 2
    result = torch.zeros(classes, 4, dtype=torch.float64)
    result[:, 0].index_add_(0, there.classes, (overlap * pair).sum(0))
    result[:, 1].index_add_(0, there.classes, pair.double().sum(0))
    result[:, 2].index_add_(0, found.classes, (~pair.any(1) & ~ignored & (size > 0)).double())
    result[:, 3].index_add_(0, there.classes, (~pair.any(0) & ~there.crowd & (object_size > 0)).double())
    return result


def apart(masks: Tensor) -> Tensor:
    """bool (n, height, width): the same masks, each pixel only in the first that has it."""
    return masks & (masks.long().cumsum(0) == 1)
