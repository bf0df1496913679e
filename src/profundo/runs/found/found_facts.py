"""Of a run that finds objects, what its page shows: how well each class is found, and the images with what went wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from profundo.evaluate.kinds.net_answers import Answers
from profundo.evaluate.objects.coco_figures import CocoFigures, coco_figures
from profundo.evaluate.objects.detection_errors import ERRORS, RIGHT, detection_errors
from profundo.evaluate.objects.judged_scenes import Scenes
from profundo.evaluate.objects.matching import matched
from profundo.evaluate.objects.object_scores import answered_scenes, found_in, have_masks, there_in, thresholds_of
from profundo.evaluate.objects.score_thresholds import (
    OVERLAP,
    ClassCurve,
    ImageCounts,
    believed,
    class_curves,
    detection_confusion,
    image_counts,
    place_at,
)
from profundo.pictures.objects.found_objects import FoundClass, Mark, ObjectFacts, Picture
from profundo.ranks_and_places import evenly
from profundo.records import Targets
from profundo.runs.found.shown_images import ShownImage

__all__ = ["object_facts"]

MOST_PLACES = 100  # of a curve


def object_facts(answers: Answers, targets: Targets, worst: Sequence[int], images: Sequence[ShownImage]) -> ObjectFacts:
    """worst: numbers of the samples that are shown; images: they themselves."""
    classes, seen = len(targets.classes), answered_scenes(answers)
    matches = matched(seen, (OVERLAP,))
    curves = class_curves(seen, classes, matches)
    thresholds = thresholds_of(answers, targets)
    counts, figures, errors = (
        image_counts(seen, thresholds, matches),
        coco_figures(seen, classes),
        detection_errors(seen, classes),
    )
    sure, right = believed(seen, thresholds), matches.right[:, 0, 0]
    taken = torch.zeros(len(seen.crowd), dtype=torch.bool)
    taken[matches.object[:, 0, 0][right & sure[matches.found]]] = True
    shown = []
    for at, image in zip(worst, images, strict=True):
        marks = marks_in(answers, targets, seen, at, errors.kinds, sure, taken)
        shown.append(Picture(image.pixels, [moved(one, image) for one in marks], at + 1, image.name))
    sizes = zip(("small", "medium", "large"), (figures.ap_small, figures.ap_medium, figures.ap_large), strict=True)
    return ObjectFacts(
        [
            found_class(name, place, curves[place], answers.threshold, counts, figures)
            for place, name in enumerate(targets.classes)
        ],
        {name: (finite(value), int(figures.objects[:, at].sum())) for at, (name, value) in enumerate(sizes, 1)},
        {name: (errors.counts[name], errors.costs[name]) for name in ERRORS},
        detection_confusion(seen, thresholds, matches).tolist(),
        shown,
        answers.threshold,
    )


def found_class(
    name: str, place: int, curve: ClassCurve, threshold: float, counts: ImageCounts, figures: CocoFigures
) -> FoundClass:
    thin = evenly(len(curve.score), MOST_PLACES)
    return FoundClass(
        name,
        curve.objects,
        finite(figures.precision[place, 0].mean().item()),
        finite(figures.precision[place, 0, 0].item()),
        curve.recall[thin].tolist(),
        curve.precision[thin].tolist(),
        place_at(curve, threshold),
        curve.place if curve.f1 > 0 else None,
        counts.there[:, place].double().mean().item(),
        counts.found[:, place].double().mean().item(),
        counts.error[place].item(),
    )


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def marks_in(
    answers: Answers, targets: Targets, seen: Scenes, image: int, kinds: Tensor, sure: Tensor, taken: Tensor
) -> list[Mark]:
    """Of one image the detections that are believed, and the objects that none of them found. kinds: the error of each detection;
    sure: bool (found,); taken: bool (objects,), found by one of those."""
    masks = have_masks(answers)
    found, there = found_in(answers, image, masks=masks), there_in(answers, image)
    numbers, objects = ((which == image).nonzero().flatten().tolist() for which in (seen.image, seen.object_image))
    marks = []
    for at, thing in enumerate(objects):
        if not taken[thing]:
            verdict = "ignored" if there.crowd[at] else "missed"
            mask = None if there.masks is None else there.masks[at]
            marks.append(Mark(corners(there.boxes[at]), targets.classes[int(there.classes[at])], verdict, mask=mask))  # type: ignore[arg-type]
    for at, number in enumerate(numbers):
        if sure[number]:
            kind = int(kinds[number])
            verdict = "found" if kind == RIGHT else "ignored" if kind < 0 else "false"
            why = ERRORS[kind] if kind >= 0 else ""
            mask = None if found.masks is None else found.masks[at]
            name, score = targets.classes[int(found.classes[at])], float(found.scores[at])
            marks.append(Mark(corners(found.boxes[at]), name, verdict, score, why, mask))  # type: ignore[arg-type]
    return marks


def moved(mark: Mark, image: ShownImage) -> Mark:
    """The same on the image as it is shown."""
    left, top, right, bottom = mark.box
    (height, width), (high, wide) = image.size, image.pixels.shape[1:]
    x, y = wide / width, high / height
    mask = None if mark.mask is None else mark.mask[:height, :width]
    return replace(mark, box=(left * x, top * y, right * x, bottom * y), mask=mask)


def corners(box: Tensor) -> tuple[float, float, float, float]:
    left, top, right, bottom = box.tolist()
    return left, top, right, bottom
