"""A cost that is none that is known, beside others that do better."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from profundo.doctor.causes.output_layer import ends_of, negated
from profundo.doctor.patient import Patient
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Cure, with_loss

__all__ = ["another_cost"]

NEARLY, HALF, NOTHING = 0.9, 0.5, 0.1  # of skill, below which another cost is thought of


def another_cost(patient: Patient) -> Iterator[Suspicion]:
    if isinstance(patient.outputs, Tensor) and patient.outputs.is_floating_point() and patient.outputs.numel():
        yield from unknown_cost(patient)


def unknown_cost(patient: Patient) -> Iterator[Suspicion]:
    """A cost that is none that is known, and a net that hardly learns: it may want probabilities, another sign, or be blind to
    what counts. Whether another cost, and nothing else, does far better is tried."""
    course, answers, targets = patient.course, patient.outputs, patient.probe.targets
    if patient.cost.kind not in {"other", "divergence"} or not course.losses or course.error:
        return
    real = patient.task.kind == "real"
    costs = patient.costs((answers, targets), (2 * answers, targets)) if real else []
    if costs is None:
        return  # it takes more than the main output
    blind = real and is_blind_to_size(targets, costs)
    skill = max(course.train[-1], course.held[-1])
    if skill > (NEARLY if blind else HALF):
        return
    evidence = {"training skill": course.train[-1], "loss at first": course.losses[0], "at last": course.losses[-1]}
    if ways := as_probabilities(patient):
        yield Suspicion(
            "missing_output_activation", "output layer", ends_of(answers) | evidence,
            "this cost wants probabilities: {cure}", weight=0.6, gain=0.15, cures=ways,
        )  # fmt: skip
    words = "turn the sign: training makes the answers worse"
    yield Suspicion("loss_sign", "loss", evidence, words, weight=0.55, gain=0.3, cures={"the sign turned": negated})
    if real and (blind or skill < NOTHING):  # R² favours squared errors
        yield Suspicion(
            "wrong_loss_for_task", "loss", {"cost": "none that is known", **evidence},
            "{cure} is better: this cost does not see all that is wrong with an answer", weight=0.45, gain=0.2,
            cures={"mse_loss": with_loss(lambda p, t: nn.functional.mse_loss(p, t.to(p.dtype).reshape(p.shape)))},
        )  # fmt: skip


def is_blind_to_size(targets: Tensor, costs: list[float]) -> bool:
    """Whether answers twice as large cost the same, though targets are of different sizes: the cosine of their angle.

    costs: of some answers, and of those twice as large.
    """
    sizes = targets.double().reshape(len(targets), -1).norm(dim=1)
    return math.isclose(*costs, rel_tol=1e-5) and float(sizes.std()) > 0.1 * float(sizes.mean())


def as_probabilities(patient: Patient) -> dict[str, Cure]:
    """Activations that are tried before the cost, where targets are shares and answers are not."""
    answers, targets, loss = patient.outputs, patient.probe.targets, patient.program.loss
    within = [bool(((part >= 0) & (part <= 1)).all()) for part in (answers, targets) if isinstance(part, Tensor)]
    if within != [False, True] or targets.shape != answers.shape:
        return {}
    over_classes = {"softmax": partial(torch.softmax, dim=1), "log_softmax": partial(torch.log_softmax, dim=1)}
    ways: dict[str, Any] = over_classes if patient.task.kind == "classes" else {"sigmoid": torch.sigmoid}
    return {f"{name} before it": with_loss(lambda p, t, way=way: loss(way(p), t)) for name, way in ways.items()}
