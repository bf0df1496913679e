"""Costs of many nets side by side: their sum, so that each net has the gradient that it would have alone."""

from __future__ import annotations

from torch import Tensor

__all__ = ["squared_errors"]


def squared_errors(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """outputs, targets: (nets, samples, out). The loss is the sum over nets of each one's mean squared error over samples
    and outputs; beside it, their mean over the nets."""
    each = (outputs - targets).square().mean((1, 2))
    return {"loss": each.sum(), "mean squared error": each.detach().mean()}
