"""What a net says of the plane: the output and every neuron as maps, and the plane as a hidden layer warps it.

Maps have their first row at the top: x₂ falls from row to row, x₁ rises from column to column; values are those at the middle of
each cell of [−6, 6]². One pass of the net over the finest grid gives them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.sets.plane_points import REACH
from profundo.nets.plane_nets import SeededDropout
from profundo.objectives import Objective
from profundo.records import ProfundoError

__all__ = ["Curve", "Maps", "Warped", "cells", "check_sides", "curve_of", "layer_values", "maps_of", "warped_plane"]

FINEST = 400  # cells of a side


@dataclass(frozen=True, slots=True)
class Maps:
    """float32. output: P(class 1), or a value (side, side); of more classes their probabilities (classes, side, side).
    features: what goes in (features, small, small); neurons: of each hidden layer, after its activation (units, small, small)."""

    output: Tensor
    features: Tensor
    neurons: tuple[Tensor, ...]

    def as_bytes(self) -> ByteMaps:
        """As a page draws them."""
        is_value = bool((self.output < 0).any()) or bool((self.output > 1).any())
        shares = (self.output.clamp(-1, 1) + 1) / 2 if is_value else self.output
        neurons, sizes = zip(*map(in_bytes, (self.features, *self.neurons)), strict=True)
        return ByteMaps((255 * finite(shares)).round().to(torch.uint8), neurons[0], neurons[1:], sizes[0], sizes[1:])


@dataclass(frozen=True, slots=True)
class ByteMaps:
    """uint8. output: 0 for 0, or −1 of a value, 255 for 1. Of features and neurons 128 is 0, 255 and 1 are as much as their size
    above and below; sizes: float32 (units,), at least 1."""

    output: Tensor
    features: Tensor
    neurons: tuple[Tensor, ...]
    feature_sizes: Tensor
    sizes: tuple[Tensor, ...]


def in_bytes(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(units, side, side) → the same as bytes, and the size of each unit."""
    values = finite(maps)
    sizes = values.abs().amax((1, 2)).clamp_min(1)
    return (128 + 127 * values / sizes[:, None, None]).round().to(torch.uint8), sizes


def finite(values: Tensor) -> Tensor:
    """With 0 in the place of NaN, and bounds in that of infinities: the net of a training that blew up is drawn, too."""
    return torch.nan_to_num(values, 0.0, 1e30, -1e30)


def check_sides(output: Any, neurons: Any) -> None:
    for name, side in (("output", output), ("neurons", neurons)):
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= FINEST:
            raise ProfundoError(f"playground: maps: expected {name} of 1 to {FINEST} cells a side, got {side!r}")


@lru_cache(maxsize=8)
def cells(side: int) -> Tensor:
    """The middles of side × side cells of the plane: (side², 2), row by row from the top left."""
    middle = REACH * (2 * torch.arange(side) + 1 - side) / side
    x2, x1 = torch.meshgrid(middle.flip(0), middle, indexing="ij")
    return torch.stack((x1.flatten(), x2.flatten()), 1)


def layer_values(net: nn.Sequential, points: Tensor) -> list[Tensor]:
    """Features, each hidden layer's values after its activation, outputs: (points, units) each."""
    found, values = [net[0](points)], points
    for part in net:
        values = part(values)
        if not isinstance(part, nn.Linear | SeededDropout) and part is not net[0]:
            found.append(values)
    return [*found, values]


def maps_of(net: nn.Sequential, objective: Objective, output: int, neurons: int) -> Maps:
    """Of a net over the plane, without gradients and in use. Where the finer grid holds the coarser's places, in one pass."""
    every = output // neurons
    holds = output % neurons == 0 and every % 2 == 1
    features, *hidden, outputs = layer_values(net, cells(output))
    if not holds:
        features, *hidden, _ = layer_values(net, cells(neurons))
    side, step = (output, every) if holds else (neurons, 1)
    coarse = [
        values.T.reshape(-1, side, side)[:, step // 2 :: step, step // 2 :: step] for values in (features, *hidden)
    ]
    said = objective.predict(outputs)
    shares = (
        said.T.reshape(-1, output, output) if said.ndim == 2 and said.shape[1] > 1 else said.reshape(output, output)
    )
    return Maps(shares.contiguous(), coarse[0].contiguous(), tuple(one.contiguous() for one in coarse[1:]))


# -------------------------------------------------------------------------------------------------------------- curve
@dataclass(frozen=True, slots=True)
class Curve:
    """The net along x₁, where x₂ is 0, as what its last layer adds up: y = bias + Σ parts. Float32. x, y: (places,);
    parts: of each unit of the last hidden layer, or of each feature where there is none, weight times value (units, places)."""

    x: Tensor
    y: Tensor
    parts: Tensor
    bias: float


def curve_of(net: nn.Sequential, places: Any) -> Curve:
    """From −6 to 6. Of a net with one output. Raises ProfundoError for a number of places that is none."""
    if isinstance(places, bool) or not isinstance(places, int) or not 2 <= places <= FINEST**2:
        raise ProfundoError(f"playground: curve: expected places from 2 to {FINEST**2:,}, got {places!r}")
    x = torch.linspace(-REACH, REACH, places)
    *_, last, y = layer_values(net, torch.stack((x, torch.zeros_like(x)), 1))
    output = net[-1]
    assert isinstance(output, nn.Linear)
    return Curve(x, finite(y[:, 0]), finite(last.T * output.weight.T), float(finite(output.bias)))


# ------------------------------------------------------------------------------------------------------------- warped
@dataclass(frozen=True, slots=True)
class Warped:
    """The plane as a hidden layer carries it, seen in two dimensions. lines: (2 · lines, places, 2), the level ones from the top,
    then the upright ones from the left; samples: the training points (samples, 2). exact: whether the layer has no more than two
    units; else it is seen along the two directions in which the grid varies most, which hold the share `explained` of its
    variance (principal components)."""

    lines: Tensor
    samples: Tensor
    exact: bool
    explained: float


def grid_lines(lines: int, places: int) -> Tensor:
    """(2 · lines, places, 2): level and upright lines of the plane."""
    at, along = torch.linspace(-REACH, REACH, lines), torch.linspace(-REACH, REACH, places)
    level = torch.stack((along.expand(lines, -1), at.flip(0)[:, None].expand(-1, places)), 2)
    upright = torch.stack((at[:, None].expand(-1, places), along.expand(lines, -1)), 2)
    return torch.cat((level, upright))


def warped_plane(net: nn.Sequential, layer: Any, lines: Any, places: Any, samples: Any) -> Warped:
    """Through the hidden layer of that number, from 0, or −1 for the last."""
    hidden = sum(isinstance(part, nn.Linear) for part in net) - 1
    if isinstance(layer, bool) or not isinstance(layer, int) or not -hidden <= layer < hidden:
        raise ProfundoError(
            f"playground: warped: expected a hidden layer from 0 to {hidden - 1}, got {layer!r}" if hidden else
            "playground: warped: expected a net with a hidden layer, this one has none"
        )  # fmt: skip
    for name, count in (("lines", lines), ("places", places)):
        if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= FINEST:
            raise ProfundoError(f"playground: warped: expected {name} from 2 to {FINEST}, got {count!r}")
    grid = grid_lines(lines, places).flatten(0, 1)
    place = 1 + layer % hidden
    carried, held = (finite(layer_values(net, points)[place]) for points in (grid, samples))
    if carried.shape[1] <= 2:
        flat, seen, share = (in_two(one) for one in (carried, held)), True, 1.0
    else:
        axes, share = main_directions(carried)
        flat, seen = ((one - carried.mean(0)) @ axes for one in (carried, held)), False
    warped, points = flat
    return Warped(warped.reshape(2 * lines, places, 2), points, seen, share)


def in_two(values: Tensor) -> Tensor:
    return values if values.shape[1] == 2 else torch.cat((values, torch.zeros_like(values)), 1)


def main_directions(values: Tensor) -> tuple[Tensor, float]:
    """(units, 2) the first two principal components, of each the largest entry positive; the share of variance they hold."""
    centred = (values - values.mean(0)).double()
    variances, directions = torch.linalg.eigh(centred.T @ centred)
    axes = directions[:, [-1, -2]]
    signs = axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    total = float(variances.sum())
    return (axes * signs).to(values.dtype), float(variances[-2:].sum()) / total if total else 1.0
