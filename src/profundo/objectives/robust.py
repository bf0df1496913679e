"""Costs of real targets that a few wild values do not rule.

    targets        output layer    distribution    cost of one output, with error e
    outliers       linear          Laplace         |e|
    outliers       linear          Huber's         ½ e² for |e| ≤ δ, δ (|e| − ½ δ) beyond         Huber 1964

The pull of a sample on the network is the cost's slope: e for the squared error, without bound; its sign for the absolute;
e, but never more than δ, for Huber's. The mean is the best constant for the first, the median for the second. Errors
are in standard deviations of the training targets, so that δ = 1 means one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from profundo.objectives.outputs import full, rows

__all__ = ["Huber", "Laplace"]


@dataclass(frozen=True, slots=True)
class Laplace:
    """Outputs and targets (batch, k), both standardised. predict: (batch, k) medians."""

    name: ClassVar[str] = "laplace"
    quantity: ClassVar[str] = "absolute error"

    @property
    def likelihood(self) -> Laplace:
        return self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.l1_loss(full(outputs), rows(targets, outputs), reduction="none").mean(dim=1)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        return self(outputs, targets).sum() / total

    def predict(self, outputs: Tensor) -> Tensor:
        return full(outputs)


@dataclass(frozen=True, slots=True)
class Huber:
    """Outputs and targets (batch, k), both standardised; delta: where the square ends. predict: (batch, k)."""

    delta: float = 1.0
    name: ClassVar[str] = "huber"
    quantity: ClassVar[str] = "Huber's error"

    @property
    def likelihood(self) -> Huber:
        return self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        wanted = rows(targets, outputs)
        return F.huber_loss(full(outputs), wanted, reduction="none", delta=self.delta).mean(dim=1)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        return self(outputs, targets).sum() / total

    def predict(self, outputs: Tensor) -> Tensor:
        return full(outputs)
