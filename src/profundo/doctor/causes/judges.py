"""A metric that does not say what it should, and a cost that adds up what it should average."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.doctor.causes.output_layer import negated, shared_out_over_samples
from profundo.doctor.costs import numbers_by
from profundo.doctor.patient import Patient
from profundo.doctor.skill import Task, auc, class_axis, class_scores, distinct, r_squared
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant, outputs_of, unchanged

__all__ = ["judges"]

CLOSE = 0.02
TOLD = 0.1  # of the area under the ROC curve, from which inputs tell
GRADED = ("graded", "graded otherwise")


def judges(patient: Patient) -> Iterator[Suspicion]:
    if isinstance(patient.outputs, Tensor) and patient.outputs.is_floating_point() and not patient.cost.broadcast:
        yield from wrong_reduction(patient)
        yield from climbing(patient)
        yield from wrong_metric(patient)


# ------------------------------------------------------------------------------------------------------------ reduction
def wrong_reduction(patient: Patient) -> Iterator[Suspicion]:
    """A softmax over the samples of a batch, or over steps; or a cost that doubles when a batch is given twice, and harms by it."""
    if (axis := shared_out_over(patient)) is not None:
        right = class_axis_of(patient)
        yield Suspicion(
            "wrong_reduction", "output layer", {f"sum of the answers over dim {axis}": 1.0, "the classes are along": right},
            f"take the softmax over the classes (dim={right}), not over dim={axis}", "fatal",
        )  # fmt: skip
        return
    if shared_out_over_samples(patient):
        words = "take the softmax over the classes (dim=1), not over the samples of the batch (dim=0)"
        yield Suspicion("wrong_reduction", "output layer", {"sum over the batch of each output": 1.0}, words, "fatal")
        return
    if patient.adds_up:
        evidence = {"cost of a batch given twice, over once": patient.doubled, "batch size": patient.program.batch_size}
        yield Suspicion(
            "wrong_reduction", "loss", evidence,
            "take the mean over the batch instead of the sum, or divide the learning rate by the batch size", weight=0.65,
            cures={"the mean of the cost": averaged},
        )  # fmt: skip


def class_axis_of(patient: Patient) -> int:
    axis: int = class_axis(patient.outputs, patient.probe.targets) % patient.outputs.ndim
    return axis


def shared_out_over(patient: Patient) -> int | None:
    """An axis of steps or places over which every answer sums to 1, as itself or as the exponential of a logarithm."""
    answers: Tensor = patient.outputs
    if patient.task.kind != "classes" or patient.task.one_hot or answers.ndim < 3:
        return None
    one = answers if bool((answers >= 0).all()) else answers.exp()
    others = [axis for axis in range(1, answers.ndim) if axis != class_axis_of(patient) and answers.shape[axis] > 1]
    return next((axis for axis in others if bool(((one.sum(axis) - 1).abs() < 1e-3).all())), None)


def averaged(variant: Variant) -> Variant:
    loss = variant.program.loss
    return variant.changed(loss=lambda prediction, target: loss(prediction, target) / len(target))


# ----------------------------------------------------------------------------------------------------------------- sign
def climbing(patient: Patient) -> Iterator[Suspicion]:
    """A cost that nobody knows by its values, and that is smaller the worse the answers are."""
    if patient.cost.kind != "other" or not isinstance(patient.probe.targets, Tensor):
        return
    targets = patient.probe.targets
    made = (
        made_answers(patient, patient.task, targets) or made_of_two(patient.outputs, targets) or made_of_pairs(patient)
    )
    if made is None:
        return
    costs = patient.costs(*((made[name], targets) for name in ("perfect", "half", "wrong")))
    if costs is None:
        return
    maximised = any(group.get("maximize", False) for group in patient.program.optimizer.param_groups)
    falls = costs[0] > costs[1] > costs[2]
    if (falls and not maximised) or (maximised and costs[0] < costs[1] < costs[2]):
        yield Suspicion(
            "loss_sign", "loss", {"cost of perfect answers": costs[0], "of half right ones": costs[1], "of wrong ones": costs[2]},
            "turn the sign: training makes the answers worse", "fatal", weight=0.9,
            cures={"the sign turned": negated} if patient.task.kind != "own" else {},  # by its own cost it does well
        )  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- metric
def wrong_metric(patient: Patient) -> Iterator[Suspicion]:
    """The metric of answers that are made for the purpose: all right, half right, and graded ones of known accuracy."""
    metric, task, targets = patient.program.metric, patient.task, patient.probe.targets
    if metric is None or not isinstance(targets, Tensor) or len(targets) < 16:
        return
    made = made_answers(patient, task, targets)
    if made is None:
        return
    numbers = numbers_by(metric, *((answers, targets) for answers in made.values()), seed=patient.seed)
    if numbers is None or not all(map(math.isfinite, numbers)):
        return
    values = dict(zip(made, numbers, strict=True))
    right, half, wrong = values["perfect"], values["half"], values["wrong"]
    true = {name: known(made[name], targets, task) for name in made}
    steady = (right > half > wrong or right < half < wrong) and abs(right - wrong) > 0.25 * max(abs(right), abs(wrong))
    like_accuracy = any(abs(right - top) < 1e-6 for top in (1.0, 100.0)) and steady
    scale = 100.0 if abs(right - 100.0) < 1e-6 else 1.0
    graded = [values[name] / scale for name in GRADED]
    known_ones = zip(*map(true.get, GRADED), strict=True)
    unlike = [max(abs(a - b) for a, b in zip(graded, each, strict=True)) for each in known_ones]
    summed = right > wrong and abs(right - len(targets)) > 1e-6 and task.kind != "real"
    summed = summed and adds_up(metric, made["perfect"], targets)
    if steady and not summed and not (like_accuracy and min(unlike) > CLOSE):
        return
    if steady and task.kind == "real" and counts_hits(metric, made["half"], targets):
        return
    evidence = {"of perfect answers": right, "of half right ones": half, "of graded ones": values["graded"]}
    evidence["should be"] = (1.0 if summed else true["graded"][0]) * scale
    words = "compare it with a known metric (scikit-learn's) on the same answers: its axis, threshold, shapes, divisor"
    yield Suspicion("wrong_metric", "metric", evidence, words, mend=unchanged)


def adds_up(metric: Any, answers: Tensor, targets: Tensor) -> bool:
    """Whether the metric of half the samples is half as much: a sum over the batch, divided by a constant if by anything."""
    half = len(targets) // 2
    numbers = numbers_by(metric, (answers, targets), (answers[:half], targets[:half]))
    if numbers is None:
        return False
    whole, part = numbers
    return part > 0 and abs(whole / part - len(targets) / half) < 0.01


def counts_hits(metric: Any, answers: Tensor, targets: Tensor) -> bool:
    """Whether each sample alone is right or wrong by this metric, some of each: the share within a tolerance, of the right sign."""
    numbers = numbers_by(metric, *((answers[k : k + 1], targets[k : k + 1]) for k in range(len(targets))))
    return numbers is not None and len(set(numbers)) == 2 and min(numbers) == 0.0


def made_answers(patient: Patient, task: Task, targets: Tensor) -> dict[str, Tensor] | None:
    """Answers of the shape and range that the net gives: perfect, half of them wrong, all wrong, and graded by chance."""
    answers: Tensor = patient.outputs[: len(targets)]
    draws = torch.Generator().manual_seed(0)
    if task.kind == "real" and answers.numel() == targets.numel() and bool(targets.double().std() > 0):
        shaped = targets.to(answers.dtype).reshape(answers.shape)
        noise = torch.randn(answers.shape, generator=draws).to(answers) * shaped.std()
        return {
            "perfect": shaped,
            "half": shaped + noise,
            "wrong": shaped + 4 * noise,
            "graded": 0.6 * shaped + 0.4 * noise,  # drawn to the middle, as answers are
            "graded otherwise": 0.8 * shaped + 0.3 * noise.flip(0),
        }
    if task.kind not in ("classes", "binary") or answers.ndim > 2:
        return None
    _, classes = class_scores(answers, targets, task)
    width = answers.shape[1] if answers.ndim == 2 and answers.shape[1] > 1 else 2
    if len(classes) != len(answers) or width < 2 or int(classes.max()) >= width:
        return None
    other = (classes + 1 + torch.randint(width - 1, classes.shape, generator=draws)) % width
    halves = torch.where(torch.arange(len(classes)) % 2 == 0, classes, other)
    sure = {"perfect": classes, "half": halves, "wrong": other}
    logits = {name: 6.0 * F.one_hot(which, width) - 3 for name, which in sure.items()}
    noise = 0.8 * torch.randn(len(classes), width, generator=draws)
    logits["graded"] = F.one_hot(classes, width) + noise
    logits["graded otherwise"] = F.one_hot(classes, width) + 0.6 * noise.flip(0)
    if width == 2:  # hardly more sure than not: a threshold in the wrong place shows
        size = torch.rand(len(classes), generator=draws).mul(0.8).add(0.05) * (2 * classes - 1)
        size = torch.where(torch.arange(len(classes)) % 10 == 0, -size, size)
        logits["graded"] = torch.stack([-size / 2, size / 2], 1)
        size = torch.where(torch.arange(len(classes)) % 4 == 0, -size.abs(), size.abs()) * (2 * classes - 1)
        logits["graded otherwise"] = torch.stack([-size / 2, size / 2], 1)
    return {name: as_the_net_answers(patient, scores, answers) for name, scores in logits.items()}


def made_of_two(answers: Tensor, targets: Tensor) -> dict[str, Tensor] | None:
    """The same of masks and of several labels, where each number is a yes or a no; None for others."""
    if targets.shape != answers.shape or set(distinct(targets).tolist()) != {0.0, 1.0}:
        return None
    sure = 3.0 * (2 * targets.to(answers) - 1)
    rows = torch.arange(len(targets)).view(-1, *[1] * (targets.ndim - 1))
    made = {"perfect": sure, "half": torch.where(rows % 2 == 0, sure, -sure), "wrong": -sure}
    chances = bool(((answers >= 0) & (answers <= 1)).all())
    return {name: one.sigmoid() if chances else one for name, one in made.items()}


def made_of_pairs(patient: Patient) -> dict[str, Any] | None:
    """The same of two codes a sample, which are to be near each other where the two inputs show the same; which of the two
    labels says so is seen by the inputs. None where there are no such pairs, or inputs do not tell."""
    targets = patient.probe.targets.flatten()
    inputs, codes = (pair_of(one) for one in (patient.probe.inputs, outputs_of(patient.net, patient.probe.inputs)))
    if inputs is None or codes is None or len(distinct(targets)) != 2 or len(targets) != len(codes[0]):
        return None
    apart = (inputs[0].double() - inputs[1].double()).flatten(1).norm(dim=1)
    chance = float(auc(apart, targets == targets.max()))  # that those with the larger label are farther apart
    if abs(chance - 0.5) < TOLD:
        return None
    alike = targets == (targets.min() if chance > 0.5 else targets.max())
    half = alike ^ (torch.arange(len(targets)) % 2 == 0)

    def codes_that(meet: Tensor) -> Any:
        other = torch.where(meet[:, None], codes[0], -codes[0])
        return torch.stack([codes[0], other], 1) if codes[2] else (codes[0], other)

    return {"perfect": codes_that(alike), "half": codes_that(half), "wrong": codes_that(~alike)}


def pair_of(values: Any) -> tuple[Tensor, Tensor, bool] | None:
    """Two numbers-by-sample tables of equal shape, and whether they are one tensor (samples, 2, …)."""
    if isinstance(values, Tensor) and values.ndim >= 3 and values.shape[1] == 2 and values.is_floating_point():
        return values[:, 0], values[:, 1], True
    two = isinstance(values, tuple | list) and len(values) == 2 and all(isinstance(one, Tensor) for one in values)
    if two and values[0].shape == values[1].shape and values[0].ndim >= 2 and values[0].is_floating_point():
        return values[0], values[1], False
    return None


def as_the_net_answers(patient: Patient, scores: Tensor, answers: Tensor) -> Tensor:
    chances = bool(((answers >= 0) & (answers <= 1)).all())
    if answers.ndim == 2 and answers.shape[1] > 1:
        if chances:
            sums = bool(((answers.sum(1) - 1).abs() < 1e-3).all())
            return (scores.softmax(1) if sums else scores.sigmoid()).to(answers)
        return (scores.log_softmax(1) if patient.cost.kind == "negative log likelihood" else scores).to(answers)
    one = scores[:, 1] - scores[:, 0]
    near = patient.cost.is_distance and float(patient.probe.targets.min()) < 0  # such answers come to be −1 and 1
    return (one.sigmoid() if chances else one.tanh() if near else one).reshape(answers.shape).to(answers)


def known(answers: Tensor, targets: Tensor, task: Task) -> list[float]:
    """What well-known metrics say: accuracy first, or R² and 1 less the errors."""
    if task.kind == "real":
        shaped = targets.to(answers.dtype).reshape(answers.shape)
        correlation = float(torch.corrcoef(torch.stack([answers.flatten(), shaped.flatten()]))[0, 1])
        return [r_squared(answers, targets), correlation, correlation**2]
    scores, classes = class_scores(answers, targets, task)
    cut = 0.5 if bool(((answers >= 0) & (answers <= 1)).all()) else 0.0
    decided = (scores[:, 1] > cut).long() if answers.ndim == 1 or answers.shape[-1] == 1 else scores.argmax(1)
    accuracy = float((decided == classes).double().mean())
    labels = torch.arange(int(classes.max()) + 1)
    said, true = ((one[:, None] == labels).double() for one in (decided, classes))  # (answers, labels)
    hits, told, there = (said * true).sum(0), said.sum(0), true.sum(0)
    recalls, f1 = hits / there.clamp_min(1), 2 * hits / (told + there).clamp_min(1)
    overlap, area = hits / (told + there - hits).clamp_min(1), auc(scores[:, labels], true.bool())
    several = [float(each.mean()) for each in (recalls, f1, area, overlap)]
    agreed = float(said.mean(0) @ true.mean(0))  # by chance; of Cohen's kappa and Matthews' correlation
    spread = math.prod(max(1 - float(one.mean(0).square().sum()), 1e-12) ** 0.5 for one in (said, true))
    tops = [scores.topk(k, 1).indices == classes[:, None] for k in (3, 5) if k < scores.shape[1]]
    top = [float(one.any(1).double().mean()) for one in tops]
    precision = float(hits[1] / told[1].clamp_min(1)) if len(labels) > 1 else 0.0
    return [accuracy, *several, *top, *recalls.tolist(), *f1.tolist(), *area.tolist(), precision, 2 * several[2] - 1,
            (accuracy - agreed) / max(1 - agreed, 1e-12), (accuracy - agreed) / spread, float(overlap[-1])]  # fmt: skip
