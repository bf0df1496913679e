"""A net that is linear in what it learns: fixed features of the input, and one output layer on top of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["RandomFeatures"]


class RandomFeatures(nn.Module):
    """A hidden layer of ReLU units that stays as it was drawn, and a linear output (Rahimi & Recht 2007).

    Weights and biases are normal such that, for standardised inputs, every unit is as often on as off; the hidden values
    are divided by √features, so that their scale does not depend on how many there are.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, inputs: int, features: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(inputs, features, generator=generator) / inputs**0.5)
        self.register_buffer("bias", torch.randn(features, generator=generator) / 2)
        self.output = nn.Parameter(torch.zeros(features, outputs))

    def hidden(self, inputs: Tensor) -> Tensor:
        """(samples, in) → (samples, features)."""
        values: Tensor = torch.relu(inputs.flatten(1) @ self.weight + self.bias) / self.weight.shape[1] ** 0.5
        return values

    def forward(self, inputs: Tensor) -> Tensor:
        return self.hidden(inputs) @ self.output
