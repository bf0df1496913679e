"""Many small nets of one shape, side by side in one batched program: a sweep over seeds for the price of one net.

Each product multiplies all nets' weights at once, so the time of a step hardly depends on how many small nets there are.
Their parameters do not touch: where the cost is the sum of the nets' costs, each net's gradient is its own.
"""

from __future__ import annotations

from collections import OrderedDict
from copy import deepcopy

import torch
from torch import Tensor, nn

from profundo.nets.activations import activation_layer

__all__ = ["BatchedMLP", "nguyen_widrow_"]


class BatchedMLP(nn.Module):
    """`nets` perceptrons with one hidden layer: (samples, in) or (nets, samples, in) → (nets, samples, out).

    Weights are drawn as `torch.nn.Linear` draws them, uniform within 1/√fan_in.
    """

    def __init__(self, nets: int, inputs: int, width: int, outputs: int, activation: str = "tanh") -> None:
        super().__init__()
        self.hidden_weight = nn.Parameter(_uniform(nets, inputs, width, fan_in=inputs))
        self.hidden_bias = nn.Parameter(_uniform(nets, 1, width, fan_in=inputs))
        self.output_weight = nn.Parameter(_uniform(nets, width, outputs, fan_in=width))
        self.output_bias = nn.Parameter(torch.zeros(nets, 1, outputs))
        self.activation = activation_layer(activation)

    def __len__(self) -> int:
        return len(self.hidden_weight)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.baddbmm(self.output_bias, self.hidden(inputs), self.output_weight)

    def hidden(self, inputs: Tensor) -> Tensor:
        """The hidden layer's values: (nets, samples, width)."""
        each = inputs.expand(len(self), *inputs.shape[-2:])
        values: Tensor = self.activation(torch.baddbmm(self.hidden_bias, each, self.hidden_weight))
        return values

    @torch.no_grad()
    def alone(self, number: int) -> nn.Sequential:
        """One of the nets by itself, from 0, with copies of its weights: (samples, in) → (samples, out), layers `hidden`,
        `activation` and `output`."""
        layers = {}
        for name in ("hidden", "output"):
            weight, bias = (getattr(self, f"{name}_{part}")[number] for part in ("weight", "bias"))
            layers[name] = nn.Linear(len(weight), weight.shape[1], device=weight.device, dtype=weight.dtype)
            layers[name].weight.copy_(weight.T)
            layers[name].bias.copy_(bias[0])
        activation = deepcopy(self.activation)
        return nn.Sequential(
            OrderedDict(hidden=layers["hidden"], activation=activation, output=layers["output"])
        ).train(self.training)


@torch.no_grad()
def nguyen_widrow_(net: BatchedMLP) -> BatchedMLP:
    """Spread the hidden units' slopes over inputs in [−1, 1]ⁿ (Nguyen & Widrow 1990), in place; returns the net.

    Each weight vector gets the length β = 0.7 H^(1/n), each bias is uniform in [−β, β].
    """
    _, inputs, width = net.hidden_weight.shape
    length = 0.7 * width ** (1 / inputs)
    net.hidden_weight.uniform_(-1, 1)
    net.hidden_weight.mul_(length / net.hidden_weight.norm(dim=1, keepdim=True))
    net.hidden_bias.uniform_(-length, length)
    return net


def _uniform(*shape: int, fan_in: int) -> Tensor:
    return torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5)
