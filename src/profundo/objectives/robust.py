"""Costs of real targets, and how far a few wild values rule them.

    targets        output layer    distribution    cost of one output, with error e
    real           linear          Gaussian        e²
    outliers       linear          Laplace         |e|
    outliers       linear          Huber's         ½ e² for |e| ≤ 1, |e| − ½ beyond         Huber 1964

The pull of a sample on the network is the cost's slope: in proportion to e for the squared error, without bound; its sign
for the absolute; e, but never more than 1, for Huber's. The mean is the best constant for the first, the median for the
second. Errors are in standard deviations of the training targets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from profundo.objectives.outputs import full, rows

__all__ = ["GAUSSIAN", "HUBER", "LAPLACE", "Real"]


@dataclass(frozen=True, slots=True)
class Real:
    """Outputs and targets (batch, k), both standardised. predict: (batch, k). error: as torch.nn.functional has it."""

    name: str
    quantity: str
    error: Callable[..., Tensor]

    @property
    def likelihood(self) -> Real:
        return self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.error(full(outputs), rows(targets, outputs), reduction="none").mean(dim=1)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        mean = self.error(full(outputs), rows(targets, outputs))
        return mean if total == len(targets) else mean * (len(targets) / total)

    def predict(self, outputs: Tensor) -> Tensor:
        return full(outputs)


GAUSSIAN = Real("gaussian", "squared error", F.mse_loss)
LAPLACE = Real("laplace", "absolute error", F.l1_loss)
HUBER = Real("huber", "Huber's error", F.huber_loss)
