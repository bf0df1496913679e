"""How fast and how long: learning rates, penalties, and trainings that were stopped while they were learning."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from profundo.doctor.patient import Patient
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant

__all__ = ["pace"]

FINE = 0.95  # of skill on training samples: nothing that pace could mend


def pace(patient: Patient) -> Iterator[Suspicion]:
    course = patient.course
    if course.error and not course.losses:
        return
    yield from learning_rate(patient)
    yield from over_regularised(patient)


def learning_rate(patient: Patient) -> Iterator[Suspicion]:
    rates = [group["lr"] for group in patient.program.optimizer.param_groups]
    rate = float(max(rates, default=0.0))
    if rate <= 0:
        return
    course = patient.course
    if course.first_not_finite is None and course.train[-1] > FINE:
        return
    evidence = {"learning rate": rate, "loss at first": course.losses[0], "at last": course.losses[-1]}
    if course.first_not_finite is not None or rises(course.losses):
        yield Suspicion(
            "learning_rate_too_high", "optimizer", evidence, f"lower the learning rate, to {rate / 10:.2g} or less", weight=0.45,
            cures={f"learning rate {rate * factor:.2g}": with_rate(factor) for factor in (0.1, 0.01)},
        )  # fmt: skip
    if course.first_not_finite is None and course.losses[-1] < course.losses[0] + 0.05 * abs(course.losses[0]):
        yield Suspicion(
            "learning_rate_too_low", "optimizer", evidence, f"raise the learning rate, to {rate * 10:.2g}", weight=0.3, gain=0.15,
            cures={f"learning rate {rate * factor:.2g}": with_rate(factor) for factor in (10, 100)},
        )  # fmt: skip


def rises(losses: list[float]) -> bool:
    """Whether the loss is at the end, or often on the way, above where it began."""
    first, part = abs(losses[0]), max(1, len(losses) // 5)
    end = sorted(losses[-part:])[part // 2]
    return (
        end > losses[0] - 0.02 * first
        or sum(loss > losses[0] + 0.5 * first for loss in losses) > 0.02 * len(losses) + 1
    )


def with_rate(factor: float) -> Callable[[Variant], Variant]:
    def cure(variant: Variant) -> Variant:
        for group in variant.program.optimizer.param_groups:
            group["lr"] = group["lr"] * factor
            if "initial_lr" in group:
                group["initial_lr"] = group["initial_lr"] * factor
        return variant

    return cure


def over_regularised(patient: Patient) -> Iterator[Suspicion]:
    decay = float(
        max((group.get("weight_decay", 0.0) for group in patient.program.optimizer.param_groups), default=0.0)
    )
    if decay >= 1e-3 and patient.course.train[-1] < FINE:
        yield Suspicion(
            "over_regularised", "optimizer", {"weight decay": decay, "training skill": patient.course.train[-1]},
            f"lower weight_decay, to {decay / 100:.1g} or 0", weight=0.7,
            cures={"no weight decay": without_decay},
        )  # fmt: skip


def without_decay(variant: Variant) -> Variant:
    for group in variant.program.optimizer.param_groups:
        group["weight_decay"] = 0.0
    return variant
