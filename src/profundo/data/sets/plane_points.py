"""Points of the plane to play with, drawn anew for each seed: the problems of TensorFlow Playground and ConvNetJS, and more.

Every coordinate lies in about [−6, 6]. A draw takes `count` and a generator and gives points (count, 2) and, of each, its class
or its value; `moved` adds the noise. Each function needs nothing but `torch` and `math` and what NEEDS names, so that a
program that is written for somebody else can hold it as it stands (playground/source_code.py).

Of the classes the points come in turn: 0, 1, 0, 1 …, so that any number of them is shared out evenly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

__all__ = ["NEEDS", "PLANE_SETS", "REACH", "PlaneSet", "draw_points", "moved"]

REACH = 6.0
"""The plane that is shown is [−REACH, REACH]²."""

Draw = Callable[[int, Generator], tuple[Tensor, Tensor]]


def circle(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """A disc of radius 2.5 (class 1) within a ring from 3.5 to 5 (class 0)."""
    label = torch.arange(count) % 2
    share = torch.rand(count, generator=generator)
    radius = torch.where(label == 1, 2.5 * share, 3.5 + 1.5 * share)
    return polar(radius, 2 * math.pi * torch.rand(count, generator=generator)), label


def xor(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Four squares of side 4.7, 0.3 away from the axes; class 1 where the coordinates have the same sign."""
    label, half = torch.arange(count) % 2, torch.arange(count) // 2 % 2
    size = 0.3 + 4.7 * torch.rand(count, 2, generator=generator)
    sign = torch.stack((1.0 - 2 * half, (1.0 - 2 * half) * (2.0 * label - 1)), 1)
    return size * sign, label


def gauss(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Two round clouds of deviation 1 about (−2, −2) (class 0) and (2, 2) (class 1)."""
    label = torch.arange(count) % 2
    return torch.randn(count, 2, generator=generator) + (4.0 * label - 2)[:, None], label


def spiral(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Two arms of radius up to 5 that turn one and three quarter times, half a turn apart."""
    label = torch.arange(count) % 2
    share = torch.rand(count, generator=generator)
    return polar(5 * share, 3.5 * math.pi * share + math.pi * label), label


def moons(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Two half circles of radius 3, each with an end in the other."""
    label = torch.arange(count) % 2
    arc = polar(torch.full((count,), 3.0), math.pi * torch.rand(count, generator=generator))
    side = (1.0 - 2 * label)[:, None]
    return side * (arc + torch.tensor([-1.5, -0.75])), label


def blobs(count: int, generator: Generator, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Round clouds of deviation 0.8, one for each class, evenly spread on a circle of radius 3.5."""
    label = torch.arange(count) % classes
    middle = polar(torch.full((count,), 3.5), 2 * math.pi * label / classes + math.pi / 2)
    return middle + 0.8 * torch.randn(count, 2, generator=generator), label


def checkerboard(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """The fields of a board of 4 × 4, each of side 2.5, from −5 to 5; the colours are the classes."""
    label = torch.arange(count) % 2
    row = torch.randint(4, (count,), generator=generator)
    column = 2 * torch.randint(2, (count,), generator=generator) + (row + label) % 2
    corner = torch.stack((column, row), 1)
    return 2.5 * (corner + torch.rand(count, 2, generator=generator)) - 5, label


def plane(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """y = (x₁ + x₂) / 12, from −1 in one corner of the plane to 1 in the other."""
    points = 12 * torch.rand(count, 2, generator=generator) - 6
    return points, points.sum(1) / 12


def multi_gauss(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Three hills of height 1 and three hollows of depth 1 in turn, in two rows: y = Σ ± exp(−d²/2)."""
    points = 12 * torch.rand(count, 2, generator=generator) - 6
    value = torch.zeros(count)
    for place, (x, y) in enumerate([(-4, 2.5), (0, 2.5), (4, 2.5), (4, -2.5), (0, -2.5), (-4, -2.5)]):
        square = (points - torch.tensor([x, y])).square().sum(1)
        value += (-1) ** place * torch.exp(-square / 2)
    return points, value


def wave(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """y = x₁ sin x₁ / 5: a curve over one input, the regression of ConvNetJS; x₂ says nothing."""
    points = 12 * torch.rand(count, 2, generator=generator) - 6
    return points, points[:, 0] * torch.sin(points[:, 0]) / 5


def sine(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """y = sin x₁: nearly two periods."""
    points = 12 * torch.rand(count, 2, generator=generator) - 6
    return points, torch.sin(points[:, 0])


def step(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """y = −1 where x₁ < 0, else 1: a curve with a jump."""
    points = 12 * torch.rand(count, 2, generator=generator) - 6
    return points, torch.where(points[:, 0] < 0, -1.0, 1.0)


def absolute(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """y = |x₁| / 3 − 1: two straight lines that meet in a corner."""
    points = 12 * torch.rand(count, 2, generator=generator) - 6
    return points, points[:, 0].abs() / 3 - 1


def polar(radius: Tensor, angle: Tensor) -> Tensor:
    return torch.stack((radius * torch.cos(angle), radius * torch.sin(angle)), 1)


def moved(points: Tensor, targets: Tensor, noise: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Classes keep their label while the point moves by a normal step of deviation 2.5 · noise / 100 along each axis; values
    change where they are, by noise / 100 of their largest, 1. noise: in per cent."""
    if targets.is_floating_point():
        return points, targets + noise / 100 * torch.randn(targets.shape, generator=generator)
    return points + 2.5 * noise / 100 * torch.randn(points.shape, generator=generator), targets


@dataclass(frozen=True, slots=True)
class PlaneSet:
    """What can be drawn. task: of its targets; title, about: for people; classes: how many, 0 of values; curve: whether the value
    is a function of x₁ alone, so that a net that sees nothing else is a curve through the points."""

    draw: Draw
    task: Literal["classification", "regression"]
    title: str
    about: str
    classes: int = 2
    curve: bool = False


PLANE_SETS: dict[str, PlaneSet] = {
    "circle": PlaneSet(circle, "classification", "Circle", "a disc within a ring"),
    "xor": PlaneSet(xor, "classification", "Exclusive or", "quadrants: one class where the signs agree"),
    "gauss": PlaneSet(gauss, "classification", "Gaussian", "two round clouds that a line separates"),
    "spiral": PlaneSet(spiral, "classification", "Spiral", "two arms that wind around each other"),
    "moons": PlaneSet(moons, "classification", "Moons", "two half circles, each reaching into the other"),
    "blobs": PlaneSet(blobs, "classification", "Blobs", "round clouds, one for each of several classes", classes=3),
    "checkerboard": PlaneSet(checkerboard, "classification", "Checkerboard", "the fields of a board of 4 × 4"),
    "plane": PlaneSet(plane, "regression", "Plane", "a value that rises evenly from corner to corner", classes=0),
    "multi_gauss": PlaneSet(multi_gauss, "regression", "Hills", "three hills and three hollows in two rows", classes=0),
    "wave": PlaneSet(wave, "regression", "Wave", "x₁ sin x₁ / 5, a curve over one input", classes=0, curve=True),
    "sine": PlaneSet(sine, "regression", "Sine", "sin x₁, a curve over one input", classes=0, curve=True),
    "step": PlaneSet(step, "regression", "Step", "a curve that jumps from −1 to 1", classes=0, curve=True),
    "absolute": PlaneSet(
        absolute, "regression", "Absolute value", "|x₁| / 3 − 1, a curve with a corner", classes=0, curve=True
    ),
}

NEEDS: dict[str, tuple[Callable[..., Tensor], ...]] = dict.fromkeys(("circle", "spiral", "moons", "blobs"), (polar,))
"""The functions beside `torch` and `math` that a draw calls."""


def draw_points(name: str, count: int, noise: float, seed: int, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Points float32 (count, 2) and classes int64 or values float32 (count,), in random order; the same for the same seed.

    noise: in per cent; classes: of "blobs"."""
    generator = torch.Generator().manual_seed(seed)
    points, targets = blobs(count, generator, classes) if name == "blobs" else PLANE_SETS[name].draw(count, generator)
    points, targets = moved(points, targets, noise, generator)
    order = torch.randperm(count, generator=generator)
    return points[order], targets[order]
