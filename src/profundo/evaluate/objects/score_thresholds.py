"""From which score a detection is believed: precision and recall of each class as the threshold falls, the place of the best F1,
and what is counted and taken for what at a threshold. All at an overlap of .50."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.evaluate.objects.judged_scenes import Scenes
from profundo.evaluate.objects.matching import NONE, Matches, matched

__all__ = ["OVERLAP", "ClassCurve", "ImageCounts", "believed", "class_curves", "detection_confusion", "harmonic", "image_counts",
           "place_at"]  # fmt: skip

OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class ClassCurve:
    """One class, its detections from the surest down. objects: to be found; score, recall, precision: float64 (n,), after each
    detection that is not ignored; equal scores belong together, and only the last of them is in it. threshold: the score of the
    best F1, infinite where there is none above 0."""

    objects: int
    score: Tensor
    recall: Tensor
    precision: Tensor
    threshold: float
    f1: float
    place: tuple[float, float]


def class_curves(seen: Scenes, classes: int, matches: Matches | None = None) -> list[ClassCurve]:
    """Of each class. matches: at the overlap, where they are known."""
    matches = matches or matched(seen, (OVERLAP,))
    right, counts = matches.right[:, 0, 0], ~matches.ignored[:, 0, 0]
    kinds, objects = seen.kind[matches.found], seen.there(classes).sum(0).tolist()
    return [
        _curve(seen.score[matches.found[these]], right[these], objects[kind])
        for kind, these in ((kind, counts & (kinds == kind)) for kind in range(classes))
    ]


def _curve(score: Tensor, right: Tensor, objects: int) -> ClassCurve:
    """F1 = 2 · right / (taken + there)."""
    ends = torch.ones(len(score), dtype=torch.bool)
    ends[:-1] = score[1:] != score[:-1]
    hits, taken = right.double().cumsum(0)[ends], torch.arange(1.0, len(score) + 1, dtype=torch.float64)[ends]
    recall, precision, f1 = hits / max(objects, 1), hits / taken, 2 * hits / (taken + objects)
    if not len(f1) or not f1.max() > 0:
        return ClassCurve(objects, score[ends], recall, precision, math.inf, 0.0, (0.0, 0.0))
    best = int(f1.argmax())
    place = recall[best].item(), precision[best].item()
    return ClassCurve(objects, score[ends], recall, precision, score[ends][best].item(), f1[best].item(), place)


def place_at(curve: ClassCurve, threshold: float) -> tuple[float, float]:
    """Recall and precision of what is found with this score or a higher one; 0 and 0 where nothing is."""
    taken = int((curve.score >= threshold).sum())
    return (curve.recall[taken - 1].item(), curve.precision[taken - 1].item()) if taken else (0.0, 0.0)


def harmonic(recall: float, precision: float) -> float:
    """F1, the harmonic mean of the two."""
    return 2 * recall * precision / (recall + precision) if recall + precision > 0 else 0.0


def believed(seen: Scenes, thresholds: Sequence[float]) -> Tensor:
    """bool (found,): which detections reach the threshold of their class."""
    return seen.score >= torch.tensor(thresholds, dtype=torch.float64)[seen.kind]


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """int64 (images, classes): objects that are there and that were found; mean |found − there| over images and its sign kept,
    of each class (classes,), and error of all classes together."""

    there: Tensor
    found: Tensor

    @property
    def error(self) -> Tensor:
        """Of each class the mean over images of |found − there|, in objects."""
        return (self.found - self.there).abs().double().mean(0)

    @property
    def error_of_all(self) -> float:
        """The mean over images of the sum over classes of |found − there|."""
        return self.error.sum().item()


def image_counts(seen: Scenes, thresholds: Sequence[float], matches: Matches | None = None) -> ImageCounts:
    """How many of each class are found at these thresholds, one a class; what is ignored, such as parts of a crowd, is not."""
    matches = matches or matched(seen, (OVERLAP,))
    classes = len(thresholds)
    counted = matches.found[~matches.ignored[:, 0, 0]]
    counted = counted[believed(seen, thresholds)[counted]]
    places = seen.image[counted] * classes + seen.kind[counted]
    found = torch.bincount(places, minlength=seen.images * classes).view(-1, classes)
    return ImageCounts(seen.there(classes), found)


def detection_confusion(seen: Scenes, thresholds: Sequence[float], matches: Matches | None = None) -> Tensor:
    """int64 (classes + 1, classes + 1): rows are what is there, columns what it was taken for; the last is the background, so that
    its row counts detections of nothing and its column objects that were missed.

    Detections that reach the threshold of their class take the object that their score counts them right for; then those that are
    wrong take, the surest first, the object of another class that is left and that they overlap most, by .50 or more.
    """
    matches = matches or matched(seen, (OVERLAP,))
    classes, sure = len(thresholds), believed(seen, thresholds)
    right, wrong = (matches.found[one[:, 0, 0]] for one in (matches.right, matches.wrong))
    left, takes = ~seen.crowd, sure[right]
    left[matches.object[matches.right][takes]] = False
    table = torch.diag(torch.bincount(seen.kind[right[takes]], minlength=classes + 1))
    for detection, thing in _taken_for(seen, wrong[sure[wrong]], left):
        table[seen.object_kind[thing] if thing != NONE else classes, seen.kind[detection]] += 1
    table[:classes, classes] = torch.bincount(seen.object_kind[left], minlength=classes)
    return table


def _taken_for(seen: Scenes, wrong: Tensor, left: Tensor) -> list[tuple[int, int]]:
    """(detection, object) of each of the wrong ones, the surest first; NONE where it is of nothing. What is taken is left no more."""
    near = (seen.overlap >= OVERLAP) & torch.isin(seen.first, wrong) & left[seen.second]
    options: dict[int, list[tuple[float, int]]] = {}
    for first, second, overlap in zip(
        *(one[near].tolist() for one in (seen.first, seen.second, seen.overlap)), strict=True
    ):
        options.setdefault(first, []).append((overlap, second))
    pairs = []
    for detection in wrong[seen.score[wrong].sort(descending=True, stable=True).indices].tolist():
        _, thing = max(
            ((overlap, one) for overlap, one in options.get(detection, ()) if left[one]), default=(0.0, NONE)
        )
        if thing != NONE:
            left[thing] = False
        pairs.append((detection, thing))
    return pairs
