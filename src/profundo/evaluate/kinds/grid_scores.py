"""Figures of masks, a class for each pixel, and of maps, a number for each. Pixels of no class, or no number, count nowhere.

    IoU of a class       pixels of it that were found / pixels that are of it or were taken for it      (Jaccard 1912)
    Dice of a class      2 · found / (are of it + taken for it), the F1 of its pixels                   (Dice 1945)

Both are of the pixels of all images together, as PASCAL VOC has it, so that an image without the class takes nothing away; their
means are over the classes that occur or were answered. Pixels of an image belong together: intervals and comparisons draw images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from profundo.evaluate.intervals import ratio_interval
from profundo.evaluate.kinds.net_answers import Answers, mean_cost
from profundo.evaluate.paired_tests import Paired, compare_costs, compare_ratios
from profundo.kinds import NO_CLASS
from profundo.records import ClassScores, Targets

__all__ = [
    "commonest_everywhere",
    "compare_maps",
    "compare_masks",
    "counted",
    "imperfect_masks",
    "map_figures",
    "map_intervals",
    "mask_class_scores",
    "mask_confusion",
    "mask_figures",
    "mask_intervals",
    "mean_everywhere",
]


def counted(answers: Answers, targets: Targets) -> tuple[Tensor, Tensor, Tensor]:
    """int64 (samples, K): pixels that were found, that are there, and that were taken, of each class in each image."""
    truth, chosen, classes = answers.targets.flatten(1), answers.predictions.flatten(1), len(targets.classes)
    base = torch.arange(len(truth))[:, None] * classes
    known = truth != NO_CLASS
    answered = known & (chosen != NO_CLASS)

    def of(values: Tensor, which: Tensor) -> Tensor:
        places = (base + values.long())[which]
        return torch.bincount(places, minlength=len(truth) * classes).view(len(truth), classes)

    return of(truth, known & (truth == chosen)), of(truth, known), of(chosen, answered)


def mask_figures(answers: Answers, targets: Targets, _per_class: Sequence[ClassScores] = ()) -> dict[str, float]:
    found, there, taken = (part.sum(0).double() for part in counted(answers, targets))
    some = there + taken > 0
    return {
        "mean IoU": mean_ratio(found, there + taken - found, some),
        "mean Dice": mean_ratio(2 * found, there + taken, some),
        "pixel accuracy": (found.sum() / there.sum().clamp_min(1)).item(),
        answers.quantity: mean_cost(answers),
    }


def mean_ratio(parts: Tensor, wholes: Tensor, which: Tensor) -> float:
    return (parts[which] / wholes[which]).mean().item() if bool(which.any()) else 0.0


def mask_class_scores(answers: Answers, targets: Targets) -> list[ClassScores]:
    """samples: pixels; f1: Dice."""
    counts = (part.sum(0).tolist() for part in counted(answers, targets))
    return [
        ClassScores(
            name,
            there,
            precision=found / taken if taken else 0.0,
            recall=found / there if there else 0.0,
            f1=2 * found / (there + taken) if there + taken else 0.0,
            iou=found / (there + taken - found) if there + taken else 0.0,
        )
        for name, found, there, taken in zip(targets.classes, *counts, strict=True)
    ]


def mask_confusion(answers: Answers, targets: Targets) -> Tensor:
    """Pixels (classes, classes): row = true class, column = answered one."""
    classes = len(targets.classes)
    known = (answers.targets != NO_CLASS) & (answers.predictions != NO_CLASS)
    pairs = answers.targets[known].long() * classes + answers.predictions[known].long()
    return torch.bincount(pairs, minlength=classes * classes).view(classes, classes)


def imperfect_masks(answers: Answers, _targets: Targets) -> Tensor:
    """Which images (samples,) have a pixel that is wrong."""
    wrong = (answers.targets != NO_CLASS) & (answers.targets != answers.predictions)
    return wrong.flatten(1).any(1)


def commonest_everywhere(answers: Answers, targets: Targets, train: Tensor) -> Answers:
    """The commonest class of the training pixels in every one, with the shares of classes as probabilities."""
    classes = len(targets.classes)
    counts = torch.bincount(train.flatten().long(), minlength=classes)[:classes].double()
    surprise = -((counts + 1) / (counts + 1).sum()).log()
    _, there, _ = counted(answers, targets)
    costs = (there.double() @ surprise) / there.sum(1).clamp_min(1)
    best = torch.full_like(answers.predictions, int(counts.argmax()))
    return Answers(best, answers.targets, costs, answers.quantity)


def mask_intervals(answers: Answers, targets: Targets, _values: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    found, there, taken = counted(answers, targets)
    edges = {
        "mean IoU": ratio_interval(found, there + taken - found),
        "mean Dice": ratio_interval(2 * found, there + taken),
        "pixel accuracy": ratio_interval(found.sum(1, keepdim=True), there.sum(1, keepdim=True)),
    }
    return {name: (low, min(1.0, high)) for name, (low, high) in edges.items()}


def compare_masks(_figure: str, first: Answers, second: Answers, targets: Targets) -> Paired:
    """Of mean IoU."""

    def ratios(answers: Answers) -> tuple[Tensor, Tensor]:
        found, there, taken = counted(answers, targets)
        return found, there + taken - found

    return compare_ratios(ratios(first), ratios(second))


# ---------------------------------------------------------------------------------------------------------------- maps
def map_figures(answers: Answers, _targets: Targets, _per_class: Sequence[ClassScores] = ()) -> dict[str, float]:
    truth = answers.targets.double()
    known = truth.isfinite()
    error, values = (answers.predictions.double() - truth)[known], truth[known]
    if not len(values):
        return dict.fromkeys(("RMSE", "MAE", "R²"), 0.0)
    spread = (values - values.mean()).square().sum().item()
    return {
        "RMSE": error.square().mean().sqrt().item(),
        "MAE": error.abs().mean().item(),
        "R²": 1 - error.square().sum().item() / spread if spread > 0 else 0.0,
    }


def squared_errors_by_map(answers: Answers) -> tuple[Tensor, Tensor]:
    """float64 (samples, 1): the sum of squared errors of each, and of how many pixels."""
    known = answers.targets.isfinite()
    error = torch.where(known, answers.predictions.double() - answers.targets.double(), 0.0)
    return error.square().flatten(1).sum(1, keepdim=True), known.flatten(1).sum(1, keepdim=True).double()


def mean_everywhere(answers: Answers, _targets: Targets, train: Tensor) -> Answers:
    mean = train[train.isfinite()].double().mean()
    return Answers(mean.expand_as(answers.targets), answers.targets, answers.costs, answers.quantity)


def map_intervals(answers: Answers, _targets: Targets, _values: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    low, high = ratio_interval(*squared_errors_by_map(answers))
    return {"RMSE": (low**0.5, high**0.5)}


def compare_maps(_figure: str, first: Answers, second: Answers, _targets: Targets) -> Paired:
    """Of the root of the mean over images of each one's mean squared error."""
    a, b = ((sums / pixels.clamp_min(1)).squeeze(1) for sums, pixels in map(squared_errors_by_map, (first, second)))
    return compare_costs(a, b, root=True)
