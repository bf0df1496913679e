"""How fast and how long: learning rates, and trainings that were stopped while they were learning, or went on too long."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from profundo.doctor.course import Course
from profundo.doctor.events import optimized
from profundo.doctor.patient import SEEDS, Patient
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant

__all__ = ["pace"]

STEEP = 0.15  # of the loss, that it falls from the third to the last quarter of a training
BY_HEART = 0.6  # of skill, in training more than in validation
FALLEN = 0.01  # of the largest learning rate
LITTLE = 0.1  # of skill
FINE, GOOD = 0.95, 0.8  # of skill on training samples: nothing that pace could mend, or much


def pace(patient: Patient) -> Iterator[Suspicion]:
    course = patient.course
    if course.error and not course.losses:
        return
    yield from learning_rate(patient)
    yield from unstable_training(patient)
    yield from overfit(patient)
    yield from undertrained(patient)


def learning_rate(patient: Patient) -> Iterator[Suspicion]:
    course = patient.course
    rate = course.rate
    if rate <= 0:
        return
    fine = course.first_not_finite is None and course.train[-1] > FINE
    if fine and not rises(course.losses):
        return
    usual = usual_rate(patient.program.optimizer)
    low, high = rate < usual / 5, rate > 5 * usual and course.train[-1] < GOOD
    weight = 0.45 if low else 0.3
    evidence = {"learning rate": rate, "loss at first": course.losses[0], "at last": course.losses[-1]}
    lower = (0.1, 0.01, usual / rate) if usual < rate / 300 else (0.1, 0.01)
    if course.first_not_finite is not None or rises(course.losses) or high:
        yield Suspicion(
            "learning_rate_too_high", "optimizer", evidence, "lower it: {cure}, or less", weight=0.45,
            cures={f"learning rate {rate * factor:.2g}": with_rate(factor) for factor in lower},
            view=partial(by_cost, patient.first_cost) if fine else None,
        )  # fmt: skip
    if course.first_not_finite is None and course.rate_at_last < FALLEN * rate:
        yield Suspicion(
            "learning_rate_too_low", "schedule", {"largest learning rate": rate, "at the last step": course.rate_at_last},
            "let the rate fall later: a schedule by epochs is stepped once an epoch, not for each batch", weight=0.5, gain=0.12,
            cures={"the rate as high as it has been": held_up},
        )  # fmt: skip
    if course.first_not_finite is None and not explodes(course.losses) and course.train[-1] < GOOD:
        if not low and still_learns(course):
            return
        factors = sorted({10.0, 100.0, usual / rate, usual / rate / 10, usual / rate * 10}) if low else [10.0]
        factors = [factor for factor in factors if factor > 3 and rate * factor <= 10 * usual] or [10.0]
        yield Suspicion(
            "learning_rate_too_low", "optimizer", evidence, "raise it: {cure}", weight=weight, gain=0.12,
            cures={f"learning rate {rate * factor:.2g}": with_rate(factor) for factor in factors},
        )  # fmt: skip


def by_cost(first: float, variant: Variant) -> Variant:
    """Judged by the program's own cost of held-out samples: answers may rank well and be far too sure of themselves."""
    return replace(variant, own=(variant.program.loss, first), truth=variant.held.targets)


def held_up(variant: Variant) -> Variant:
    """Each group of parameters at the largest rate that it has had."""
    largest: list[float] = []

    def before(optimizer: Any, *_: Any) -> None:
        asked = [group["lr"] for group in optimizer.param_groups]
        largest[:] = [max(pair) for pair in zip(asked, largest, strict=True)] if largest else asked
        for group, rate in zip(optimizer.param_groups, largest, strict=True):
            group["lr"] = rate

    variant.program.optimizer.register_step_pre_hook(before)
    return variant


def usual_rate(optimizer: Optimizer) -> float:
    """What people begin with: 0.001 where steps are scaled by the gradient's size, 0.01 with momentum, 0.1 without."""
    group = optimizer.param_groups[0]
    if "lr_decay" in group:  # Adagrad, whose steps become smaller and smaller
        return 1e-2
    if "betas" in group or "alpha" in group:
        return 1e-3
    return 1e-2 if group.get("momentum", 0.0) else 1e-1


def quarters(losses: list[float]) -> tuple[float, float]:
    """The mean loss of the third and of the last quarter of a training."""
    part = max(1, len(losses) // 4)
    third = losses[-2 * part : -part] or losses
    return sum(third) / len(third), sum(losses[-part:]) / part


def still_learns(course: Course) -> bool:
    """Whether the loss still falls at the end, or the net still becomes better."""
    third, last = quarters(course.losses)
    part = max(1, len(course.train) // 3)
    return third - last > 0.02 * abs(third) or course.train[-1] - course.train[-1 - part] > 0.03


def explodes(losses: list[float]) -> bool:
    part = max(1, len(losses) // 5)
    begin, end = sorted(losses[:part])[part // 2], sorted(losses[-part:])[part // 2]
    return end > begin + 0.3 * abs(begin)


def rises(losses: list[float]) -> bool:
    """Whether the loss is at the end, or often on the way, above where it began."""
    first, part = abs(losses[0]), max(1, len(losses) // 5)
    end = sorted(losses[-part:])[part // 2]
    far_above = sum(loss > losses[0] + 0.5 * first for loss in losses)
    return end > losses[0] - 0.02 * first or far_above > 0.02 * len(losses) + 1


def with_rate(factor: float | Callable[[], float]) -> Callable[[Variant], Variant]:
    """Every step at so many times the rate that the program asks for, whatever schedule sets it."""

    def cure(variant: Variant) -> Variant:
        asked: list[float] = []

        def before(optimizer: Any, *_: Any) -> None:
            asked[:] = [group["lr"] for group in optimizer.param_groups]
            times = factor() if callable(factor) else factor
            for group in optimizer.param_groups:
                group["lr"] = group["lr"] * times

        def after(optimizer: Any, *_: Any) -> None:
            for group, rate in zip(optimizer.param_groups, asked, strict=True):
                group["lr"] = rate

        variant.program.optimizer.register_step_pre_hook(before)
        variant.program.optimizer.register_step_post_hook(after)
        return variant

    return cure


# ------------------------------------------------------------------------------------------------------------ the course
def unstable_training(patient: Patient) -> Iterator[Suspicion]:
    """Spikes: losses far above those around them, again and again, after the first steps."""
    losses = patient.course.losses
    if len(losses) < 20 or patient.course.train[-1] > FINE:
        return
    around = {place: sorted(losses[max(0, place - 10) : place]) for place in range(5, len(losses))}
    spikes = [place for place, near in around.items() if losses[place] > 4 * abs(near[len(near) // 2])]
    momenta = {"momentum 0.9": with_momentum} if momentum_of(patient.program.optimizer) > 0.95 else {}
    if (spikes and spikes[0] > 5) or (momenta and patient.course.train[-1] < GOOD):  # at once it is the rate
        yield Suspicion(
            "unstable_training", "optimizer", {"jumps of the loss": len(spikes), "the first at step": spikes[0] + 1 if spikes else 0},
            "train with {cure}", weight=0.5,
            cures={**momenta, "gradients clipped to norm 1": clipped, "a warm-up of 50 steps": warmed_up},
        )  # fmt: skip


def momentum_of(optimizer: Optimizer) -> float:
    group = optimizer.param_groups[0]
    return float(group["betas"][0] if "betas" in group else group.get("momentum", 0.0))


def with_momentum(variant: Variant) -> Variant:
    for group in variant.program.optimizer.param_groups:
        if "betas" in group:
            group["betas"] = (0.9, *group["betas"][1:])
        else:
            group["momentum"] = 0.9
    return variant


def clipped(variant: Variant) -> Variant:
    def clip(optimizer: Any, *_: Any) -> None:
        nn.utils.clip_grad_norm_(optimized(optimizer), 1.0)

    variant.program.optimizer.register_step_pre_hook(clip)
    return variant


def warmed_up(variant: Variant) -> Variant:
    step = itertools.count(1)
    return with_rate(lambda: min(1.0, next(step) / 50))(variant)


def overfit(patient: Patient) -> Iterator[Suspicion]:
    """Held-out samples are answered worse and worse while training samples are answered better."""
    course = patient.course
    if patient.validation is None or len(course.held_losses) < 6 or not all(map(math.isfinite, course.held_losses)):
        return
    best = min(range(len(course.held_losses)), key=course.held_losses.__getitem__)
    worse = course.held_losses[-1] / max(course.held_losses[best], 1e-12)
    learned = course.train_losses[best] - course.train_losses[-1] > 0.3 * abs(course.train_losses[best])
    gap, lost = course.train[-1] - course.held[-1], max(course.held) - course.held[-1]
    early = best < len(course.held_losses) - 3
    skills = {"skill in training": course.train[-1], "in validation": course.held[-1]}
    if gap > 0.3 and course.train[-1] > FINE and not (early and worse > 1.3):
        yield Suspicion(
            "overfit", "training", skills,
            "regularise ({cure} helps; or dropout, augmentation, a smaller net), or get more data", weight=0.4, gain=0.05,
            cures={"weights that shrink by a hundredth in each step": shrinking},
        )  # fmt: skip
    by_heart = gap > BY_HEART and course.train[-1] > FINE
    if by_heart or (early and learned and worse > 1.3 and gap > 0.15 and (lost > 0.03 or worse > 2)):
        at = course.judged[best]
        yield Suspicion(
            "overfit", "training", {"best at step": at, "validation loss since, times": worse, **skills},
            f"stop at about step {at}, or regularise: weight decay, dropout, augmentation, a smaller net, more data", presumed=True,
        )  # fmt: skip


def shrinking(variant: Variant) -> Variant:
    """Decoupled weight decay (Loshchilov and Hutter 2019): weights of matrices lose a hundredth part in each step."""

    def shrink(optimizer: Any, *_: Any) -> None:
        with torch.no_grad():
            for one in optimized(optimizer):
                if one.ndim > 1:
                    one.mul_(0.99)

    variant.program.optimizer.register_step_post_hook(shrink)
    return variant


def undertrained(patient: Patient) -> Iterator[Suspicion]:
    """The program ends while its loss is still falling; more steps, and nothing else, do much better."""
    course = patient.course
    part = len(course.losses) // 4
    if not course.whole or part < 2 or course.train[-1] > 0.9 or course.first_not_finite is not None:
        return
    affordable = patient.left / (SEEDS * course.planned * max(course.per_step, 1e-5))
    times = max(min(10, int(0.3 * affordable)), min(3, int(0.7 * affordable)))
    if times < 2:
        return
    third, last = quarters(course.losses)
    sharper = patient.gives_back and third - last < STEEP * abs(third)  # as what is given back becomes for ever
    if still_learns(course) and not (sharper and course.train[-1] > LITTLE):
        yield Suspicion(
            "undertrained", "training", {"steps": course.planned, "loss in the third quarter": third, "in the last": last},
            "train longer: the loss is still falling", weight=0.35, gain=0.12, steps=course.planned,
            cures={f"{times} times as many steps": partial(longer, times)},
        )  # fmt: skip


def longer(times: int, variant: Variant) -> Variant:
    return replace(variant, times=times)
