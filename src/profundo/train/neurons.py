"""The learning rules of single neurons, as they were before gradients: Rosenblatt's and Widrow and Hoff's.

Each is an update that the loop can drive, one sample or a batch at a time; neither needs autograd.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.records import Batch
from profundo.train.optimizers import take_step

__all__ = ["DeltaRule", "PerceptronRule", "delta", "perceptron_correction"]


def perceptron_correction(inputs: Tensor, signs: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What to add to the weights and to the bias, and who was mistaken.

    inputs: (batch, in); signs: (batch,) of −1 and 1, the classes; outputs: (batch,) w·x + b. A sample on the wrong
    side, or on the boundary, moves the weights by y x; one on its own side moves nothing.
    """
    mistaken = signs * outputs <= 0
    correction = signs * mistaken
    return correction @ inputs, correction.sum(), mistaken


def delta(inputs: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """−∂/∂W and −∂/∂b of half the mean squared error: mean of e xᵀ and of e over the batch.

    inputs: (batch, in); errors: (batch, out), target − output.
    """
    return errors.T @ inputs / len(inputs), errors.mean(0)


class PerceptronRule:
    """Rosenblatt's rule (1958, "The perceptron"; Principles of Neurodynamics 1962, §5.4): correct mistakes only.

    net: one output unit that starts from zero, so that a rate would only scale the weights, and none is needed.
    Targets are classes 0 and 1. If a plane through the augmented origin separates the samples, all ‖(x, 1)‖ ≤ R, at a
    distance of at least γ from each, a batch of one makes at most (R/γ)² mistakes ever (Novikoff 1962).
    """

    optimizers: Iterable[Optimizer] = ()

    def __init__(self, net: nn.Linear) -> None:
        self.net = net
        nn.init.zeros_(net.weight)
        nn.init.zeros_(net.bias)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"net": self.net}

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """The loss is the share of mistakes, counted before the correction."""
        outputs = self.net(batch.inputs).squeeze(1)
        weight, bias, mistaken = perceptron_correction(batch.inputs, 2.0 * batch.targets - 1, outputs)
        self.net.weight.add_(weight)
        self.net.bias.add_(bias)
        return {"loss": mistaken.float().mean()}

    def state_dict(self) -> dict[str, Any]:
        return {"net": self.net.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])


class DeltaRule:
    """Widrow and Hoff's rule (1960, "Adaptive switching circuits"): move against the error of the linear output.

    The output is compared with the target before any threshold, so the rule goes on where the perceptron's stops, and
    leads to least squares. The optimizer, plain descent, makes the step, so that a schedule can make it smaller.
    """

    def __init__(self, net: nn.Linear, optimizer: Optimizer) -> None:
        self.net = net
        self.optimizer = optimizer
        nn.init.zeros_(net.weight)
        nn.init.zeros_(net.bias)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"net": self.net}

    @property
    def optimizers(self) -> Iterable[Optimizer]:
        return (self.optimizer,)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """The loss is the mean squared error, before the step."""
        errors = batch.targets - self.net(batch.inputs)
        weight, bias = delta(batch.inputs, errors)
        self.net.weight.grad, self.net.bias.grad = -weight, -bias
        take_step(self.optimizer)
        return {"loss": errors.square().mean()}

    def state_dict(self) -> dict[str, Any]:
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
