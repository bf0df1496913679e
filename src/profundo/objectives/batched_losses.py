"""Costs of many nets side by side: their sum, so that each net has the gradient that it would have alone."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["cross_entropies", "squared_errors"]


def cross_entropies(outputs: Tensor, targets: Tensor) -> Tensor:
    """outputs: (nets, samples, classes); targets: (samples,), the same for all nets → each one's mean cost, (nets,)."""
    nets, samples, _ = outputs.shape
    each = F.cross_entropy(outputs.flatten(0, 1), targets.repeat(nets), reduction="none")
    return each.view(nets, samples).mean(1)


def squared_errors(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """outputs, targets: (nets, samples, out). The loss is the sum over nets of each one's mean squared error over samples
    and outputs; beside it, their mean over the nets."""
    each = (outputs - targets).square().mean((1, 2))
    return {"loss": each.sum(), "mean squared error": each.detach().mean()}
