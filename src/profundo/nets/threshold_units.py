"""Threshold units, set by hand (McCulloch & Pitts 1943, "A logical calculus of the ideas immanent in nervous activity").

A unit fires, 1, where the weighted sum of its inputs reaches its threshold, else it stays 0. Nothing here learns: every
weight is chosen by whoever draws the net. One unit is any half-plane, so AND, OR and NOT are one unit each; XOR is none,
and takes two layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["GATES", "ThresholdLayer", "fires", "xor_net"]


def fires(inputs: Tensor, weights: Tensor, thresholds: Tensor) -> Tensor:
    """1 where Σᵢ wᵢxᵢ ≥ θ, else 0: inputs (batch, in), weights (out, in), thresholds (out,) → (batch, out)."""
    return (inputs @ weights.T >= thresholds).to(inputs.dtype)


class ThresholdLayer(nn.Module):
    """Units side by side that see the same inputs. The weights are buffers: saved, but never trained.

    weights: a row for each unit; thresholds: one for each unit.
    """

    weights: Tensor
    thresholds: Tensor

    def __init__(self, weights: Sequence[Sequence[float]], thresholds: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32))
        self.register_buffer("thresholds", torch.tensor(thresholds, dtype=torch.float32))

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, inputs) → (batch, units), of 0 and 1."""
        return fires(inputs, self.weights, self.thresholds)


def xor_net() -> nn.Sequential:
    """a XOR b = (a OR b) AND NOT (a AND b): a layer of OR and AND, and a unit that the second one inhibits."""
    return nn.Sequential(ThresholdLayer([[1, 1], [1, 1]], [0.5, 1.5]), ThresholdLayer([[1, -1]], [0.5]))


GATES: dict[str, Callable[[], nn.Module]] = {
    "AND": lambda: ThresholdLayer([[1, 1]], [1.5]),
    "OR": lambda: ThresholdLayer([[1, 1]], [0.5]),
    "NOT": lambda: ThresholdLayer([[-1]], [-0.5]),
    "XOR": xor_net,
}
