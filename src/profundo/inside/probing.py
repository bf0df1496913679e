"""How much of the answer a straight line can read from each layer: the linear probe of Alain & Bengio 2016.

From the codes of a layer the targets are predicted by ridge regression, of classes one column each of 0 and 1, with the penalty
that predicts the validation split best; what counts is a third split. The net is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PENALTIES", "Probe", "probe"]

PENALTIES = tuple(
    10.0**power for power in range(-4, 4)
)  # beside the mean square of the centred codes, times their number

Split = tuple[Tensor, Tensor]
"""Codes (samples, features) and targets, int64 (samples,) classes or (samples, outputs) real numbers."""


@dataclass(frozen=True, slots=True)
class Probe:
    """score: on the test split, the share of right answers, or R² of real targets; penalty: chosen on the validation split, whose
    score is the second."""

    score: float
    validation: float
    penalty: float


def probe(train: Split, validation: Split, test: Split) -> Probe:
    """Fit on the first split, choose on the second, score on the third."""
    codes, targets = train
    mean = codes.double().mean(0)
    wide = _columns(targets, int(max(split[1].max() for split in (train, validation, test))) + 1)
    centre = wide.mean(0)
    centred = [split[0].double() - mean for split in (train, validation, test)]
    size = centred[0].square().mean().clamp_min(1e-12) * len(codes)
    u, s, v = torch.linalg.svd(centred[0], full_matrices=False)
    right = u.T @ (wide - centre)

    def predicted(which: int, penalty: float) -> Tensor:
        values: Tensor = centred[which] @ (v.T @ (right * (s / (s.square() + penalty * size))[:, None])) + centre
        return values

    scores = [(_score(predicted(1, penalty), validation[1]), penalty) for penalty in PENALTIES]
    best, penalty = max(scores)
    return Probe(_score(predicted(2, penalty), test[1]), best, penalty)


def _columns(targets: Tensor, classes: int) -> Tensor:
    if targets.is_floating_point():
        return targets.double().reshape(len(targets), -1)
    return torch.nn.functional.one_hot(targets, classes).double()


def _score(predicted: Tensor, targets: Tensor) -> float:
    if not targets.is_floating_point():
        return (predicted.argmax(1) == targets).double().mean().item()
    truth = targets.double().reshape(len(targets), -1)
    spread = (truth - truth.mean(0)).square().sum(0).clamp_min(1e-12)
    return (1 - (predicted - truth).square().sum(0) / spread).mean().item()
