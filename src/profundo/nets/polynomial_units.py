"""Layers of quadratic units of two inputs, the first nets of many layers (Ivakhnenko & Lapa 1965; Ivakhnenko 1971).

    z = w₀ + w₁u + w₂v + w₃u² + w₄v² + w₅uv          u, v: any two values that are there before it

A net of L layers is a polynomial of degree 2ᴸ at most, of which only as many coefficients are kept as its units have. Beyond the
samples that it was fitted to, such a polynomial goes anywhere: so what a unit says is cut to a little more than the range of its
target there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from profundo.kinds import TargetKind

__all__ = ["TERMS", "PolynomialNet", "QuadraticUnits", "Unit", "assembled", "in_layers", "quadratic_terms"]

TERMS = 6
LEAST = 1e-3  # a probability is no smaller: its logarithm is an output


def quadratic_terms(u: Tensor, v: Tensor) -> Tensor:
    """1, u, v, u², v², uv of two values of one shape: (…, 6)."""
    return torch.stack([torch.ones_like(u), u, v, u * u, v * v, u * v], -1)


@dataclass(frozen=True, eq=False)
class Unit:
    """One unit as it was grown. left, right: what it computes from, an input's number or another unit; weights: (6,), float64;
    limits: of its values; error: root mean square on samples that no weight was fitted to, its external criterion."""

    left: int | Unit
    right: int | Unit
    weights: Tensor
    limits: tuple[float, float]
    error: float

    @cached_property
    def depth(self) -> int:
        """Of an input's unit 1."""
        return 1 + max((one.depth for one in (self.left, self.right) if isinstance(one, Unit)), default=0)


def in_layers(roots: Sequence[Unit]) -> list[list[Unit]]:
    """All units that the roots are computed from, and themselves, each once, by depth: what was grown and is not among them has
    no say in the result."""
    found: dict[int, Unit] = {}
    waiting = list(roots)
    while waiting:
        unit = waiting.pop()
        if id(unit) not in found:
            found[id(unit)] = unit
            waiting += [one for one in (unit.right, unit.left) if isinstance(one, Unit)]
    layers: list[list[Unit]] = [[] for _ in range(max(unit.depth for unit in roots))]
    for unit in found.values():
        layers[unit.depth - 1].append(unit)
    return layers


class QuadraticUnits(nn.Module):
    """Values (batch, before) → (batch, units), each of the two columns that its row of `pairs` names."""

    pairs: Tensor
    limits: Tensor

    def __init__(self, units: int) -> None:
        super().__init__()
        self.register_buffer("pairs", torch.zeros(units, 2, dtype=torch.int64))
        self.register_buffer("limits", torch.zeros(units, 2, dtype=torch.float64))
        self.weights = nn.Parameter(torch.zeros(units, TERMS, dtype=torch.float64))

    def forward(self, values: Tensor) -> Tensor:
        u, v = values[:, self.pairs[:, 0]], values[:, self.pairs[:, 1]]
        return (quadratic_terms(u, v) * self.weights).sum(-1).clamp(self.limits[:, 0], self.limits[:, 1])


class PolynomialNet(nn.Module):
    """Standardised inputs (batch, in) → (batch, outputs): the values at `ends`, of inputs and all units in one row.

    sizes: units of each layer. kind: of the targets; real ones are the values themselves; of classes a value is a probability,
    for it was fitted to 0 and 1, and the output its logarithm, or its log odds where there is one a sample.
    It computes in float64: late units nearly agree, so that weights of their pairs may be large and cancel.
    """

    ends: Tensor

    def __init__(self, sizes: Sequence[int], outputs: int, kind: TargetKind) -> None:
        super().__init__()
        self.layers = nn.ModuleList(QuadraticUnits(size) for size in sizes)
        self.register_buffer("ends", torch.zeros(outputs, dtype=torch.int64))
        self.kind = kind

    def forward(self, inputs: Tensor) -> Tensor:
        return as_outputs(self.values(inputs)[:, self.ends], self.kind).float()

    def values(self, inputs: Tensor) -> Tensor:
        """Inputs and what every unit makes of them, in one row: (batch, in + units)."""
        values = inputs.to(next(self.parameters()).dtype)
        for layer in self.layers:
            values = torch.cat([values, layer(values)], 1)
        return values


def as_outputs(values: Tensor, kind: TargetKind) -> Tensor:
    """Estimates of targets as a net for that kind of target gives them."""
    if kind == "real":
        return values
    shares = values.clamp(LEAST, 1 - LEAST)
    return shares.log() if kind == "classes" else shares.logit()


@torch.no_grad()
def assembled(roots: Sequence[Unit], inputs: int, kind: TargetKind) -> PolynomialNet:
    """The net of so many inputs whose outputs are the roots, one of each target."""
    layers = in_layers(roots)
    net = PolynomialNet([len(layer) for layer in layers], len(roots), kind)
    places = {id(unit): inputs + at for at, unit in enumerate(unit for layer in layers for unit in layer)}

    def place(one: int | Unit) -> int:
        return one if isinstance(one, int) else places[id(one)]

    for module, layer in zip(net.layers, layers, strict=True):
        assert isinstance(module, QuadraticUnits)
        module.pairs.copy_(torch.tensor([[place(unit.left), place(unit.right)] for unit in layer]))
        module.limits.copy_(torch.tensor([unit.limits for unit in layer]))
        module.weights.copy_(torch.stack([unit.weights for unit in layer]))
    net.ends.copy_(torch.tensor([place(unit) for unit in roots]))
    return net
