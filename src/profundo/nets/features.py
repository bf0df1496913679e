"""Nets that are linear in what they learn: fixed features of the input, and one output layer on top of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["OrthogonalPolynomials", "RandomFeatures"]


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


class OrthogonalPolynomials(nn.Module):
    """A polynomial of each degree from 0 to `degree`, side by side, written in a basis orthonormal on given points.

    The basis p₀, p₁, … obeys 1/n Σᵢ pⱼ(xᵢ) pₖ(xᵢ) = δⱼₖ and comes from a recurrence of three terms, xpₖ = bₖ₊₁pₖ₊₁ +
    aₖpₖ + bₖpₖ₋₁ (Forsythe 1957). In it the mean squared error is as curved in every direction as in any other, so that
    plain descent needs a few steps, where powers of x would need millions. Double precision.

    points: (samples,), more different ones than `degree`.
    """

    middle: Tensor
    scale: Tensor
    mask: Tensor

    def __init__(self, points: Tensor, degree: int) -> None:
        super().__init__()
        middle, scale = recurrence(points, degree)
        self.register_buffer("middle", middle)
        self.register_buffer("scale", scale)
        self.register_buffer("mask", torch.ones(degree + 1, degree + 1, dtype=torch.float64).tril())
        self.coefficients = nn.Parameter(torch.zeros(degree + 1, degree + 1, dtype=torch.float64))

    def forward(self, points: Tensor) -> Tensor:
        """(samples,) → (samples, degrees): the value of each polynomial."""
        basis = orthonormal_basis(points.double(), self.middle, self.scale)
        return basis @ (self.coefficients * self.mask).T


def recurrence(points: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """a₀ … and b₀ …, each (degree + 1,), of the polynomials that are orthonormal on the points; b₀ = 1."""
    points = points.double()
    middle, scale = torch.zeros(degree + 1, dtype=torch.float64), torch.ones(degree + 1, dtype=torch.float64)
    before, now = torch.zeros_like(points), torch.ones_like(points)
    for k in range(degree + 1):
        middle[k] = (points * now * now).mean()
        after = (points - middle[k]) * now - (scale[k] * before if k else 0)
        if k < degree:
            scale[k + 1] = after.square().mean().sqrt()
            before, now = now, after / scale[k + 1]
    return middle, scale


def orthonormal_basis(points: Tensor, middle: Tensor, scale: Tensor) -> Tensor:
    """p₀ … at the points: (samples, degree + 1)."""
    columns = [torch.ones_like(points)]
    for k in range(len(middle) - 1):
        after = (points - middle[k]) * columns[k] - (scale[k] * columns[k - 1] if k else 0)
        columns.append(after / scale[k + 1])
    return torch.stack(columns, 1)
