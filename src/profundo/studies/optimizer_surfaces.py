"""Surfaces that optimizers go down, each with one difficulty that costs have in earnest; and the way down.

    rosenbrock   (1 − x)² + 100 (y − x²)²      a bent valley: to find it is easy, to follow it is not (Rosenbrock 1960)
    ravine       ½ (x² + 50 y²)                 fifty times as steep across as along
    saddle       ½ x² − ½ y² + ¼ y⁴             flat where one begins; down lies across the way that one came

Plain descent at rate η multiplies an error along a direction of curvature c by 1 − ηc at each step: on the ravine it
converges exactly where η < 2/50, and along the valley it crawls where η is much below that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from profundo.train.optimizers import optimizer, take_step

__all__ = ["RATES", "SURFACES", "Descended", "Surface", "best_of", "descend"]

Place = tuple[float, float]
STEEP = 50.0  # the ravine's curvature across; along it is 1
FAR = 1e6  # from the origin: nobody comes back from there
RATES = tuple(float(f"{digit}e{power}") for power in range(-4, 3) for digit in (1, 3))


@dataclass(frozen=True, slots=True)
class Surface:
    """height: of tensors or numbers. lowest: its least value, at goal. x, y: what is shown, (low, high)."""

    name: str
    about: str
    height: Callable[[Any, Any], Any]
    start: Place
    goal: Place
    lowest: float
    x: tuple[float, float]
    y: tuple[float, float]
    levels: tuple[float, ...]


SURFACES: dict[str, Surface] = {
    surface.name: surface
    for surface in (
        Surface(
            "rosenbrock",
            "(1 − x)² + 100 (y − x²)²: a bent valley. To find it is easy, to follow it is not.",
            lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
            (-1.2, 1.0), (1.0, 1.0), 0.0, (-2.0, 2.0), (-1.0, 3.0),
            (0.5, 2, 8, 30, 100, 300, 1000),
        ),
        Surface(
            "ravine",
            f"½ (x² + {STEEP:g} y²): {STEEP:g} times as steep across as along.",
            lambda x, y: 0.5 * (x * x + STEEP * y * y),
            (-9.0, 1.5), (0.0, 0.0), 0.0, (-10.0, 4.0), (-2.5, 2.5),
            (0.5, 2, 8, 20, 40, 70, 110, 160),
        ),
        Surface(
            "saddle",
            "½ x² − ½ y² + ¼ y⁴: at the pass, (0, 0), the slope vanishes; it begins a hundredth beside the ridge.",
            lambda x, y: 0.5 * x * x - 0.5 * y * y + 0.25 * y**4,
            (-1.5, 0.01), (0.0, 1.0), -0.25, (-2.0, 1.0), (-0.6, 1.5),
            (-0.24, -0.2, -0.1, 0.0, 0.1, 0.3, 0.6, 1.0, 1.5),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Descended:
    """The places passed, the first is the start, and their heights over the lowest. One that diverged ends early."""

    optimizer: str
    rate: float
    places: tuple[Place, ...]
    heights: tuple[float, ...]
    diverged: bool

    @property
    def end(self) -> float:
        return math.inf if self.diverged else self.heights[-1]

    def steps_to(self, share: float) -> int | None:
        """After how many steps the height is that share of the first one's, to stay below; None: never."""
        above = [at for at, height in enumerate(self.heights) if height > share * self.heights[0]]
        after = above[-1] + 1 if above else 0
        return None if self.diverged or after >= len(self.heights) else after


def descend(surface: Surface, name: str, rate: float, steps: int) -> Descended:
    """Go down in so many steps by an optimizer of the registry."""
    net = nn.ParameterList([torch.tensor(surface.start, dtype=torch.float64)])
    place, places = net[0], [surface.start]
    mover = optimizer(name, net, rate)
    for _ in range(steps):
        mover.zero_grad()
        surface.height(place[0], place[1]).backward()
        take_step(mover)
        x, y = place.tolist()
        if not (abs(x) < FAR and abs(y) < FAR):
            break
        places.append((x, y))
    heights = tuple(surface.height(x, y) - surface.lowest for x, y in places)
    return Descended(name, rate, tuple(places), heights, diverged=len(places) <= steps or heights[-1] > heights[0])


def best_of(surface: Surface, name: str, steps: int, rates: Sequence[float] = RATES) -> Descended:
    """The descent, over the rates, that is at a hundredth of its first height soonest, for good; of those that are so equally soon,
    or never, the one that ends lowest."""

    def worth(descended: Descended) -> tuple[float, float]:
        soon = descended.steps_to(0.01)
        return (math.inf if soon is None else soon, descended.end)

    return min((descend(surface, name, rate, steps) for rate in rates), key=worth)
