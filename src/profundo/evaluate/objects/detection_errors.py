"""Why detections are wrong, and by how much each kind of error lowers the average precision: TIDE (Bolya et al. 2020).

A wrong detection is, by the object of its image that it overlaps most, of its class or of another,

    place        of its class, by less than the threshold: found, but its box is off
    class        of another class, by the threshold or more: well placed, but called wrongly
    double       of its class, by the threshold or more, but a surer one has taken it
    background   of none, by a tenth at most
    both         of another class, by less than the threshold

and an object that is neither found nor meant by an error of class or place is missed. What an error costs is by how much the mean
average precision rises if it alone is mended: of class and place the detection becomes right, or goes where its object is found by
another; double, background and both go; what is missed is no longer asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.evaluate.objects.coco_figures import interpolated_precision
from profundo.evaluate.objects.judged_scenes import LEAST, Scenes
from profundo.evaluate.objects.matching import NONE, matched

__all__ = ["ERRORS", "DetectionErrors", "detection_errors"]

ERRORS = ("class", "place", "both", "double", "background", "missed")
CLASS, PLACE, BOTH, DOUBLE, BACKGROUND, MISSED = range(len(ERRORS))
RIGHT, IGNORED = -1, -2


@dataclass(frozen=True, slots=True)
class DetectionErrors:
    """counts: of each kind; costs: by how much the average precision at the threshold of overlap would rise without it. ap: that.
    kinds: int64 (found,), of each detection the index of its error, −1 where it is right, −2 where it is ignored; missed: bool
    (objects,); found: bool (objects,), those that a right detection is of."""

    ap: float
    counts: Mapping[str, int]
    costs: Mapping[str, float]
    kinds: Tensor
    missed: Tensor
    found: Tensor


def detection_errors(seen: Scenes, classes: int, threshold: float = 0.5) -> DetectionErrors:
    """The errors of detections at one threshold of overlap, above .1, in scenes of so many classes."""
    matches = matched(seen, (threshold,))
    right, wrong = (matches.found[one[:, 0, 0]] for one in (matches.right, matches.wrong))
    found = _among(matches.object[matches.right], len(seen.crowd))
    kinds, meant = torch.full_like(seen.kind, IGNORED), torch.full_like(seen.kind, NONE)
    kinds[right] = RIGHT
    kinds[wrong], meant[wrong] = (one[wrong] for one in kinds_of_errors(seen, threshold))
    missed = ~(found | seen.crowd | _among(meant[meant != NONE], len(found)))
    whole = seen.there(classes).sum(0).double()
    left = whole - torch.bincount(seen.object_kind[missed], minlength=classes)
    ap = precision_of_kinds(seen, kinds, seen.kind, whole)
    costs = {
        name: precision_of_kinds(seen, *mended(seen, kinds, meant, error, found), whole) - ap
        for error, name in enumerate(ERRORS[:-1])
    }
    without = precision_of_kinds(seen, kinds, seen.kind, left)
    costs[ERRORS[MISSED]] = (1.0 if math.isnan(without) else without) - ap
    counts = [*(int((kinds == error).sum()) for error in range(MISSED)), int(missed.sum())]
    return DetectionErrors(ap, dict(zip(ERRORS, counts, strict=True)), costs, kinds, missed, found)


def kinds_of_errors(seen: Scenes, threshold: float) -> tuple[Tensor, Tensor]:
    """Of each detection (found,) its error, were it wrong, and the object that it means: of an error of place that of its class,
    of one of class that of another, which it overlaps most; NONE of all others."""
    (own, of_class), (other, of_other) = (_most_overlapped(seen, same) for same in (True, False))
    conditions = (
        (PLACE, (own >= LEAST) & (own < threshold)),
        (CLASS, other >= threshold),
        (DOUBLE, own >= threshold),
        (BOTH, other >= LEAST),
    )
    kinds = torch.full_like(seen.kind, BACKGROUND)
    for error, holds in reversed(conditions):  # the first that holds
        kinds[holds] = error
    meant = torch.where(kinds == PLACE, of_class, torch.where(kinds == CLASS, of_other, NONE))
    return kinds, meant


def _most_overlapped(seen: Scenes, same: bool) -> tuple[Tensor, Tensor]:
    """Of each detection the largest overlap with an object of its class, or of others, and which that is; crowds are none."""
    which = ~seen.crowd[seen.second] & ((seen.kind[seen.first] == seen.object_kind[seen.second]) == same)
    first, second, overlap = (one[which] for one in (seen.first, seen.second, seen.overlap))
    most = torch.zeros_like(seen.score).scatter_reduce_(0, first, overlap, "amax")
    which_object = torch.full_like(seen.kind, NONE)
    best = overlap == most[first]
    which_object[first[best]] = second[best]
    return most, which_object


def mended(seen: Scenes, kinds: Tensor, meant: Tensor, error: int, found: Tensor) -> tuple[Tensor, Tensor]:
    """The kinds of errors and the classes of detections after those of one kind are mended: the surest of those that mean an object
    that none has found becomes right and of its class; the others are there no more."""
    kinds, classes = kinds.clone(), seen.kind.clone()
    these = (kinds == error).nonzero().flatten()
    these = these[seen.score[these].sort(descending=True, stable=True).indices]
    kinds[these] = IGNORED
    if error in (PLACE, CLASS):
        open_ones = these[~found[meant[these]]]
        objects, place = torch.unique(meant[open_ones], return_inverse=True)
        first = torch.full_like(objects, len(open_ones)).scatter_reduce_(0, place, torch.arange(len(open_ones)), "amin")
        kinds[open_ones[first]], classes[open_ones[first]] = RIGHT, seen.object_kind[objects]
    return kinds, classes


def precision_of_kinds(seen: Scenes, kinds: Tensor, classes: Tensor, there: Tensor) -> float:
    """The mean average precision of classes with so many objects (classes,)."""
    order = seen.score.sort(descending=True, stable=True).indices
    kinds, classes = kinds[order], classes[order]
    right, wrong = (one.double() for one in (kinds == RIGHT, kinds >= 0))
    each = [
        interpolated_precision(right[None, of], wrong[None, of], there[place, None])
        for place, of in ((place, classes == place) for place in there.nonzero().flatten().tolist())
    ]
    return torch.cat(each).mean().item() if each else math.nan


def _among(indices: Tensor, number: int) -> Tensor:
    """bool (number,): which indices occur."""
    result = torch.zeros(number, dtype=torch.bool)
    result[indices] = True
    return result
