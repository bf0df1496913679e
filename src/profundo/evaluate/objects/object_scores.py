"""How a net's answers to images with objects are judged, as scores.py judges those of every kind.

    AP              COCO's average precision, the mean over classes and overlaps of .50 to .95; it leads
    AP50, AP75      at one overlap alone; AP small, medium, large: of objects of less than 32², up to 96², and more pixels
    AR              the recall of up to a hundred detections of an image and class, the mean over the same overlaps
    mask AP …       the same by the overlap of masks, where they are known and answered; panoptic quality, of masks
    count error     the mean over images of |objects found − objects there|, summed over classes

What needs a threshold of the score, counts, precision and recall of a class, panoptic quality and which images are shown as
mistakes, is at that of the answers: what was chosen on the validation split, from which objects are told to people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from profundo.boxes import NO_OBJECT, Detections, Objects, overlaps
from profundo.evaluate.kinds.net_answers import Answers
from profundo.evaluate.objects.coco_figures import coco_figures
from profundo.evaluate.objects.image_resampling import compare_scenes, precision_interval
from profundo.evaluate.objects.judged_scenes import Scenes, scenes
from profundo.evaluate.objects.matching import matched
from profundo.evaluate.objects.panoptic_quality import panoptic_quality
from profundo.evaluate.objects.score_thresholds import (
    OVERLAP,
    believed,
    class_curves,
    detection_confusion,
    harmonic,
    image_counts,
    place_at,
)
from profundo.evaluate.paired_tests import Paired
from profundo.object_masks import detections_in, objects_in, table_of
from profundo.records import ClassScores, Targets

__all__ = ["answered_scenes", "badly_found", "commonest_objects", "compare_objects", "object_class_scores", "object_confusion",
           "object_figure", "object_figures", "object_intervals"]  # fmt: skip

SIZES = ("small", "medium", "large")
MOST_TRIED, MOST_ANSWERED = 1000, 10  # objects of a class that the constant is chosen from, and how many it answers


# ---------------------------------------------------------------------------------------------------- as they are judged
def answered_scenes(answers: Answers, *, masks: bool = False) -> Scenes:
    """What was found and is there. masks: overlaps are those of masks."""
    images = range(len(table_of(answers.targets)))
    found = (found_in(answers, image, masks=masks) for image in images)
    return scenes(found, (there_in(answers, image, masks=masks) for image in images), masks=masks)


def found_in(answers: Answers, image: int, *, masks: bool = False, least: float = 0.0) -> Detections:
    """What a net found in one image with this score at least; what is no number it did not."""
    said = answers.predictions if masks else table_of(answers.predictions)
    found = detections_in(said, image, size_of(answers), least)
    known = found.scores.isfinite()
    return Detections(
        found.boxes[known],
        found.classes[known],
        found.scores[known],
        None if found.masks is None else found.masks[known],
    )


def there_in(answers: Answers, image: int, *, masks: bool = True) -> Objects:
    """What is in one image."""
    return objects_in(answers.targets if masks else table_of(answers.targets), image, size_of(answers)[1])


def size_of(answers: Answers) -> tuple[int, int]:
    """Height and width of the images, up to a whole byte; 0 where no mask tells them."""
    targets: Any = answers.targets
    if not isinstance(targets, Mapping):
        return 0, 0
    height, bytes_of_row = targets["masks"].shape[-2:]
    return height, 8 * bytes_of_row


def have_masks(answers: Answers) -> bool:
    """Whether masks are known of the objects and answered."""
    both: tuple[Any, Any] = answers.targets, answers.predictions
    return all(isinstance(one, Mapping) and "masks" in one for one in both)


# --------------------------------------------------------------------------------------------------------------- figures
def object_figures(answers: Answers, targets: Targets, _per_class: Sequence[ClassScores] = ()) -> dict[str, float]:
    """All that the head of this file tells of; what there is no object for is left out."""
    classes, seen = len(targets.classes), answered_scenes(answers)
    every = coco_figures(seen, classes)
    sizes = dict(zip(SIZES, (every.ap_small, every.ap_medium, every.ap_large), strict=True))
    results = {"AP": every.ap, "AP50": every.ap_50, "AP75": every.ap_75}
    results |= {f"AP {size}": value for size, value in sizes.items()} | {"AR": every.ar_100}
    if have_masks(answers):
        results |= mask_figures(answers, classes)
    results["count error"] = image_counts(seen, thresholds_of(answers, targets)).error_of_all
    return {"AP": 0.0} | {name: value for name, value in results.items() if math.isfinite(value)}


def mask_figures(answers: Answers, classes: int) -> dict[str, float]:
    of_masks = coco_figures(answered_scenes(answers, masks=True), classes)
    images = range(len(table_of(answers.targets)))
    sure = (found_in(answers, image, masks=True, least=answers.threshold) for image in images)
    quality = panoptic_quality(sure, (there_in(answers, image) for image in images), classes)
    return {"mask AP": of_masks.ap, "mask AP50": of_masks.ap_50, "panoptic quality": quality.pq}


def object_figure(name: str, answers: Answers, targets: Targets) -> float:
    """The one that leads, alone; others among all."""
    if name != "AP":
        return object_figures(answers, targets)[name]
    return mean_precision(answered_scenes(answers), len(targets.classes))


def mean_precision(seen: Scenes, classes: int) -> float:
    """AP; 0 where there is nothing to be found."""
    value = coco_figures(seen, classes).ap
    return value if math.isfinite(value) else 0.0


def thresholds_of(answers: Answers, targets: Targets) -> list[float]:
    """Of each class: the same for all."""
    return [answers.threshold] * len(targets.classes)


def object_intervals(answers: Answers, targets: Targets, values: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    return {"AP": precision_interval(answered_scenes(answers), len(targets.classes), values["AP"])}


def compare_objects(_figure: str, first: Answers, second: Answers, targets: Targets) -> Paired:
    """Of AP."""
    classes, one, other = len(targets.classes), answered_scenes(first), answered_scenes(second)
    return compare_scenes(one, other, classes, mean_precision(other, classes) - mean_precision(one, classes))


# ------------------------------------------------------------------------------------------------------ classes, mistakes
def object_class_scores(answers: Answers, targets: Targets) -> list[ClassScores]:
    """samples: objects; precision, recall and F1 at the answers' threshold, at an overlap of .50."""
    curves = class_curves(answered_scenes(answers), len(targets.classes))
    at = [place_at(one, answers.threshold) for one in curves]
    return [
        ClassScores(name, one.objects, precision=precision, recall=recall, f1=harmonic(recall, precision))
        for name, one, (recall, precision) in zip(targets.classes, curves, at, strict=True)
    ]


def object_confusion(answers: Answers, targets: Targets) -> Tensor:
    """Objects (classes + 1, classes + 1), the last of both the background."""
    seen = answered_scenes(answers)
    return detection_confusion(seen, thresholds_of(answers, targets))


def mistakes_by_image(seen: Scenes, thresholds: Sequence[float]) -> Tensor:
    """int64 (images,): wrong detections that reach their threshold, and objects that none of those found."""
    matches = matched(seen, (OVERLAP,))
    sure = believed(seen, thresholds)
    wrong, right = (matches.found[one[:, 0, 0]] for one in (matches.wrong, matches.right))
    false = torch.bincount(seen.image[wrong[sure[wrong]]], minlength=seen.images)
    found = torch.bincount(seen.image[right[sure[right]]], minlength=seen.images)
    return false + seen.there(len(thresholds)).sum(1) - found


def badly_found(answers: Answers, targets: Targets) -> Tensor:
    """int64 (images,): the mistakes of each."""
    seen = answered_scenes(answers)
    return mistakes_by_image(seen, thresholds_of(answers, targets))


# ---------------------------------------------------------------------------------------------------------- the constant
def commonest_objects(answers: Answers, targets: Targets, train: Tensor) -> Answers:
    """The same objects in every image: those whose places most training objects share, by an overlap of .50. Told are those that
    at least every other training image has: their threshold is ½ whatever the net's is."""
    table = table_of(train)
    rows = table[(table[..., 4] != NO_OBJECT) & (table[..., 5] == 0)]
    chosen = torch.cat([_usual(rows[rows[:, 4] == kind], len(table)) for kind in range(len(targets.classes))])
    if not len(chosen):
        chosen = torch.tensor([[0.0, 0.0, 0.0, 0.0, NO_OBJECT, 0.0]])
    return replace(answers, predictions=chosen.expand(len(table_of(answers.targets)), -1, -1), threshold=0.5)


def _usual(rows: Tensor, images: int) -> Tensor:
    """float32 (some, 6), box, class and score, of rows (n, 6) of one class: one after the other the box that most of those left
    overlap, and the share of images that these are."""
    each = max(1, -(-len(rows) // MOST_TRIED))  # of so many rows one is tried, and stands for all
    rows = rows[::each]
    near, results = overlaps(rows[:, :4], rows[:, :4]) >= OVERLAP, rows.new_zeros(0, 6)
    left = torch.ones(len(rows), dtype=torch.bool)
    while len(results) < MOST_ANSWERED and bool(left.any()):
        alike = (near & left).sum(1)
        best = int(alike.argmax())
        score = min(1.0, each * alike[best].item() / max(1, images))
        results = torch.cat([results, torch.cat([rows[best, :5], rows.new_tensor([score])])[None]])
        left &= ~near[best]
    return results
