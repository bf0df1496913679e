"""COCO's figures of detections (Lin et al. 2014): average precision and average recall, by overlap, area and class.

AP of a class   mean over the recalls 0, .01, … 1 of the highest precision at that recall or a higher one
AP              mean of it over the classes that occur and over overlaps of .50, .55, … .95
AR              mean over classes and overlaps of the recall that the surest 1, 10 or 100 detections of an image and class reach
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from profundo.evaluate.objects.judged_scenes import Scenes
from profundo.evaluate.objects.matching import ANY_AREA, MOST, THRESHOLDS, Matches, matched

__all__ = [
    "AREAS",
    "CocoFigures",
    "class_precisions",
    "coco_figures",
    "falling",
    "interpolated_precision",
    "objects_wanted",
]

AREAS = {"all": ANY_AREA[0], "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, ANY_AREA[0][1])}
RECALLS = torch.from_numpy(np.linspace(0, 1, 101))  # as COCO rounds them
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class CocoFigures:
    """From 0 to 1; NaN where there is nothing to be found. small, medium, large: objects of less than 32² pixels, of up to 96², and
    of more. precision: float64 (classes, ranges of AREAS, overlaps), the average precisions of which the others are means;
    recall: likewise, of up to 100 detections. objects: int64 (classes, ranges), to be found."""

    ap: float
    ap_50: float
    ap_75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar_1: float
    ar_10: float
    ar_100: float
    ar_small: float
    ar_medium: float
    ar_large: float
    precision: Tensor
    recall: Tensor
    objects: Tensor

    @property
    def of_classes(self) -> list[float]:
        """The AP of each class."""
        return self.precision[:, 0].mean(1).tolist()


def coco_figures(seen: Scenes, classes: int) -> CocoFigures:
    """COCO's twelve figures of detections in scenes of so many classes."""
    matches = matched(seen, THRESHOLDS, tuple(AREAS.values()), MOST)
    precision = class_precisions(seen, matches, classes)
    wanted = objects_wanted(seen, matches, classes)
    ar_1, ar_10, ar_100 = (_recalls(seen, matches, wanted, most) for most in (1, 10, MOST))
    ap, small, medium, large = precision.unbind(1)
    return CocoFigures(
        ap=_mean(ap),
        ap_50=_mean(ap[:, THRESHOLDS.index(0.5)]),
        ap_75=_mean(ap[:, THRESHOLDS.index(0.75)]),
        ap_small=_mean(small),
        ap_medium=_mean(medium),
        ap_large=_mean(large),
        ar_1=_mean(ar_1[:, 0]),
        ar_10=_mean(ar_10[:, 0]),
        ar_100=_mean(ar_100[:, 0]),
        ar_small=_mean(ar_100[:, 1]),
        ar_medium=_mean(ar_100[:, 2]),
        ar_large=_mean(ar_100[:, 3]),
        precision=precision,
        recall=ar_100,
        objects=wanted,
    )


def class_precisions(seen: Scenes, matches: Matches, classes: int) -> Tensor:
    """float64 (classes, ranges, thresholds): average precisions, NaN where there is nothing to be found."""
    kinds, there = seen.kind[matches.found], objects_wanted(seen, matches, classes).double()
    result = torch.full((classes, *matches.right.shape[1:]), math.nan, dtype=torch.float64)
    for kind in torch.unique(seen.object_kind).tolist():
        these = slice(*torch.searchsorted(kinds, torch.tensor([kind, kind + 1])).tolist())
        right, wrong = (one[these].flatten(1).T.double() for one in (matches.right, matches.wrong))
        wanted = there[kind, :, None].expand(result.shape[1:]).flatten()
        result[kind] = interpolated_precision(right, wrong, wanted).view(result.shape[1:])
    return result


def objects_wanted(seen: Scenes, matches: Matches, classes: int) -> Tensor:
    """int64 (classes, ranges): how many objects are to be found."""
    none = torch.zeros(classes, matches.wanted.shape[1], dtype=torch.int64)
    return none.index_add_(0, seen.object_kind, matches.wanted.long())


def interpolated_precision(right: Tensor, wrong: Tensor, there: Tensor) -> Tensor:
    """Average precision (lanes,) of detections (lanes, n), the surest first, by the weights with which they are right and wrong; of
    so many objects, there: (lanes,). NaN where there are none."""
    hits = right.cumsum(1)
    recall = hits / there[:, None]
    precision = falling(hits / (hits + wrong.cumsum(1)).clamp_min(TINY))
    at = torch.searchsorted(recall.nan_to_num_(0.0), RECALLS.expand(len(recall), -1).contiguous())
    reached = torch.cat([precision, torch.zeros(len(recall), 1, dtype=torch.float64)], 1).gather(1, at).mean(1)
    return torch.where(there > 0, reached, math.nan)


def falling(precision: Tensor) -> Tensor:
    """The highest precision at each place (…, n) or behind it."""
    return precision.flip(-1).cummax(-1).values.flip(-1)


def _recalls(seen: Scenes, matches: Matches, wanted: Tensor, most: int) -> Tensor:
    """float64 (classes, ranges, thresholds): the share of the objects that the surest `most` of each image find; NaN of none."""
    among = matches.rank < most
    hits = torch.zeros(len(wanted), *matches.right.shape[1:], dtype=torch.float64)
    hits.index_add_(0, seen.kind[matches.found[among]], matches.right[among].double())
    return hits / wanted[..., None]


def _mean(values: Tensor) -> float:
    """Of those that there are; NaN of none."""
    return values.nanmean().item()
