"""The hinge: a cost that asks for a margin and nothing beyond it (Vapnik's support vector machine; Rosasco et al. 2004).

    targets     output layer    distribution    cost of one sample
    y = ±1      linear          –               max(0, 1 − y z)

A sample on the right side by 1 or more costs nothing and moves nothing. The output says on which side a sample lies and
how far from the border, not how probable it is: the answer is 0 or 1, and evaluation has no log loss to report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from profundo.objectives.outputs import column

__all__ = ["Hinge"]


@dataclass(frozen=True, slots=True)
class Hinge:
    """Outputs (batch, 1), targets (batch,) of 0 and 1, or floats between. predict: (batch,), 0 or 1."""

    name: ClassVar[str] = "hinge"
    quantity: ClassVar[str] = "hinge loss"

    @property
    def likelihood(self) -> Hinge:
        return self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        z = column(outputs)
        if targets.is_floating_point():  # shares of both classes: the mean of their costs
            return targets * (1 - z).clamp_min(0) + (1 - targets) * (1 + z).clamp_min(0)
        return (1 - (2 * targets - 1) * z).clamp_min(0)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        return self(outputs, targets).sum() / total

    def predict(self, outputs: Tensor) -> Tensor:
        return (column(outputs) >= 0).float()
