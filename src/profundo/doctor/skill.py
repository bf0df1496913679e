"""How good answers are, whatever the cost: 0 is what a constant answer reaches, 1 is perfect, below 0 is worse than constant.

    classes   the mean of 2·AUC − 1 (each class against the rest) and (balanced accuracy − 1/K) / (1 − 1/K)
    numbers   R², at least −1
    own       of anything else: how far the program's own cost of held-out samples fell, (first − now) / (|first| + |first − now|)

Ranks do not change when logits become probabilities, so that a program and its cure are judged alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from profundo.doctor.costs import Cost

__all__ = ["Task", "class_axis", "class_scores", "distinct", "is_judged", "own_skill", "skill", "task_of"]

MOST_CLASSES = 1000
FEW_VALUES = 20

Kind = Literal["classes", "binary", "labels", "real", "own"]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learned: one of several classes, of two, several labels, numbers, or what only the program's cost knows.

    classes: how many there are in the targets. one_hot: whether targets say the class by a column of ones.
    plain: whether the targets are whole numbers by which classes may be meant, whatever the cost takes them for.
    """

    kind: Kind
    classes: int = 0
    one_hot: bool = False
    plain: bool = False

    @property
    def is_of_classes(self) -> bool:
        return self.kind in {"classes", "binary"}

    @property
    def is_named(self) -> bool:
        """Whether a class is said by its number or name, in one value."""
        return self.is_of_classes and not self.one_hot


def distinct(values: Tensor) -> Tensor:
    """The different values, in order."""
    found: Tensor = values.unique()  # type: ignore[no-untyped-call]
    return found


def task_of(targets: Any, outputs: Any, cost: Cost) -> Task:
    if not isinstance(targets, Tensor) or not isinstance(outputs, Tensor) or not targets.numel():
        return Task("own")
    values = targets.double()
    if not bool(values.isfinite().all()):
        values = values[values.isfinite()]
    whole = bool((values == values.round()).all())
    if not whole and shares(targets) and targets.shape[1:] == outputs.shape[1:]:
        return Task("classes", targets.shape[1], one_hot=True)  # labels that are smoothed, or mixed
    which = distinct(values) if whole else values[:0]
    same_shape = targets.shape[1:] == outputs.shape[1:]  # of as many samples or not
    if whole and len(which) and bool(((which == 0) | (which == 1)).all()):
        if same_shape and targets.ndim >= 2 and targets.shape[1] > 1:
            one_hot = bool((targets.double().sum(1) == 1).all())
            return Task("classes" if one_hot else "labels", targets.shape[1], one_hot=one_hot)
        wide = outputs.ndim == targets.ndim + 1 and outputs.shape[1 if outputs.ndim == 2 else -1] > 1
        if wide or cost.is_of_classes:
            return Task("classes", max(2, len(which)))
        return Task("binary", 2)
    scored = outputs.ndim == targets.ndim + 1 and not same_shape and 1 < outputs.shape[-1] <= MOST_CLASSES
    if whole and (cost.is_of_classes or (scored and not cost.is_distance)):
        return Task("classes", len(which))
    signs = len(which) == 2 and bool((which.abs() == 1).all()) and targets[0].numel() == 1  # −1 and 1
    if whole and len(which) == 2 and (cost.is_binary or cost.kind == "hinge" or (signs and cost.is_distance)):
        return Task("binary", 2)
    plain = whole and 2 <= len(which) <= FEW_VALUES and not targets.is_floating_point()
    if targets.numel() * len(outputs) != outputs.numel() * len(targets):
        return Task("own")  # several numbers that describe one: quantiles, mean and variance, a code
    return Task("real", len(which) if plain else 0, plain=plain)


def is_judged(task: Task, outputs: Any, targets: Any, every: Any) -> bool:
    """Whether outputs say something of each target that is a class: codes, whose distances count, do not."""
    if not task.is_of_classes:
        return True
    try:
        scores, classes = class_scores(outputs, targets, task)
    except (RuntimeError, IndexError):
        return False
    return len(scores) == len(classes) and len(distinct(every.argmax(1) if task.one_hot else every)) > 1


def shares(targets: Tensor) -> bool:
    """Whether each row is a distribution over several classes."""
    rows = targets.ndim == 2 and targets.shape[1] > 1 and bool((targets >= 0).all())
    return rows and bool(((targets.double().sum(1) - 1).abs() < 1e-3).all())


def class_axis(outputs: Tensor, targets: Tensor) -> int:
    """The axis of outputs along which the classes are: the one that the targets have not, else the last or the second."""
    if outputs.ndim == targets.ndim + 1:
        return -1 if outputs.shape[1:-1] == targets.shape[1:] else 1
    return -1 if outputs.ndim != 2 else 1


def class_scores(outputs: Tensor, targets: Tensor, task: Task) -> tuple[Tensor, Tensor]:
    """Outputs as (answers, K) scores and targets as (answers,) classes from 0, whichever axis the classes are on."""
    if task.one_hot:
        targets = targets.argmax(1)
    one_more = outputs.ndim == targets.ndim + 1
    if one_more and outputs.shape[-1] > 1 and outputs.shape[:-1] == targets.shape:
        return outputs.reshape(-1, outputs.shape[-1]), targets.flatten().long()
    if (one_more or outputs.ndim == 2) and outputs.shape[1] > 1:
        return outputs.movedim(1, -1).reshape(-1, outputs.shape[1]), targets.flatten().long()
    scores = outputs.flatten()
    return torch.stack([-scores, scores], 1), (targets.flatten() > targets.double().mean()).long()


def skill(outputs: Any, targets: Any, task: Task) -> float:
    """Of all answers together; 0 for what is neither classes nor numbers (`own_skill` judges those)."""
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor) or task.kind == "own":
        return 0.0
    outputs, targets = outputs.detach().double().cpu(), targets.detach().double().cpu()
    if not bool(outputs.isfinite().all()):
        return -1.0
    if task.kind == "real":
        return r_squared(outputs, targets)
    if task.kind == "labels":
        pairs = [(outputs[:, k], targets[:, k]) for k in range(targets.shape[1])]
        return sum(of_classes(*class_scores(*pair, Task("binary", 2))) for pair in pairs) / len(pairs)
    try:
        return of_classes(*class_scores(outputs, targets, task))
    except (RuntimeError, IndexError):
        return 0.0


def own_skill(cost: float, first: float) -> float:
    """By the program's own cost of held-out samples, now and before training: below 1, and -1 where it is not finite."""
    fallen = first - cost
    return fallen / (abs(first) + abs(fallen)) if math.isfinite(fallen) and fallen else 0.0 if fallen == 0 else -1.0


def of_classes(scores: Tensor, classes: Tensor) -> float:
    present = distinct(classes)
    present = present[(present >= 0) & (present < scores.shape[1])]
    if len(present) < 2:
        return 0.0
    decided = scores.argmax(1)
    if scores.shape[1] == 2 and bool((scores[:, 0] == -scores[:, 1]).all()):
        decided = best_cut(scores[:, 1], classes)
    recalls = torch.stack([(decided[classes == k] == k).double().mean() for k in present])
    chance = 1 / len(present)
    balanced = (float(recalls.mean()) - chance) / (1 - chance)
    areas = auc(scores[:, present], classes[:, None] == present)
    return (balanced + float((2 * areas - 1).mean())) / 2


def best_cut(scores: Tensor, classes: Tensor) -> Tensor:
    """Decisions by the one number that parts two classes best: what "yes" means is the program's own affair."""
    cuts = scores.quantile(torch.linspace(0, 1, 33, dtype=scores.dtype)) if len(scores) < 2**20 else scores[:33]
    decided = (scores > cuts[:, None]).long()
    rates = torch.stack([(decided[:, classes == k] == k).double().mean(1) for k in (0, 1)])
    return decided[int(rates.mean(0).argmax())]


def auc(scores: Tensor, positive: Tensor) -> Tensor:
    """Area under the ROC curve, of each column where there are columns, by mean ranks (Mann and Whitney 1947); a half where
    one side is empty."""
    columns, yes = scores.movedim(0, -1).contiguous(), positive.sum(0).double()
    ordered = columns.sort(-1).values
    ranks = (torch.searchsorted(ordered, columns) + torch.searchsorted(ordered, columns, right=True) + 1).double() / 2
    pairs = yes * (len(scores) - yes)
    above = (ranks.movedim(-1, 0) * positive).sum(0) - yes * (yes + 1) / 2
    return torch.where(pairs > 0, above / pairs, 0.5)


def r_squared(outputs: Tensor, targets: Tensor) -> float:
    if outputs.numel() != targets.numel():
        return 0.0
    outputs = outputs.reshape(targets.shape).reshape(len(targets), -1)
    targets = targets.reshape(len(targets), -1)
    total = (targets - targets.mean(0)).square().sum()
    return max(-1.0, 1 - float((outputs - targets).square().sum() / total)) if total > 0 else 0.0
