"""From one solution to another: straight, where there is mostly a wall, and bent, where there mostly is none.

    straight   φ(t) = (1 − t) θ₁ + t θ₂
    bezier     φ(t) = (1 − t)² θ₁ + 2 t (1 − t) θ + t² θ₂

θ is learned such that the loss is low all along: at each step for a t drawn evenly (Garipov, Izmailov, Podoprikhin, Vetrov &
Wilson 2018, "Loss surfaces, mode connectivity, and fast ensembling of DNNs").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.inside.surface.weight_loss import WeightLoss, Weights
from profundo.records import ProfundoError

__all__ = ["Bend", "barrier", "bend", "losses_along", "straight"]

Curve = Callable[[float], dict[str, Tensor]]


def straight(start: Weights, end: Weights) -> Curve:
    return lambda t: {name: torch.lerp(value, end[name], t) for name, value in start.items()}


def bezier(start: Weights, middle: Weights, end: Weights) -> Curve:
    return lambda t: {
        name: (1 - t) ** 2 * value + 2 * t * (1 - t) * middle[name] + t**2 * end[name] for name, value in start.items()
    }


@dataclass(frozen=True, slots=True)
class Bend:
    """A learned path between two solutions. middle: what bends it."""

    start: Weights
    middle: Weights
    end: Weights

    @property
    def curve(self) -> Curve:
        return bezier(self.start, self.middle, self.end)


Loss = Callable[[Weights], Tensor]


def bend(loss: Loss, start: Weights, end: Weights, *, steps: int = 300, rate: float = 0.01, seed: int = 0) -> Bend:
    """Learn the middle by Adam, from half-way on the straight line; the rate falls to nothing as a cosine."""
    check_alike(start, end)
    middle = {name: value.clone().requires_grad_() for name, value in straight(start, end)(0.5).items()}
    curve = bezier(start, middle, end)
    mover = torch.optim.Adam(middle.values(), lr=rate)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(mover, steps)
    generator = torch.Generator().manual_seed(seed)
    gradient = loss.gradient if isinstance(loss, WeightLoss) else torch.func.grad(loss)  # the first goes batch by batch
    for _ in range(steps):
        with torch.enable_grad():
            place = curve(float(torch.rand((), generator=generator)))
        slope = gradient({name: value.detach() for name, value in place.items()})
        slopes = torch.autograd.grad([place[name] for name in slope], [*middle.values()], [*slope.values()])
        for value, part in zip(middle.values(), slopes, strict=True):
            value.grad = part
        mover.step()
        plan.step()
    return Bend(start, {name: value.detach() for name, value in middle.items()}, end)


def losses_along(loss: Loss, curve: Curve, points: int = 25) -> tuple[list[float], Tensor]:
    """t from 0 to 1, and the loss there: (points,), or (points, …) where the loss gives several numbers."""
    shares = torch.linspace(0, 1, points, dtype=torch.float64).tolist()
    with torch.no_grad():
        return shares, torch.stack([loss(curve(t)) for t in shares])


def barrier(losses: Tensor | Sequence[float]) -> Tensor:
    """How far the highest place of the way lies above the line between its ends, ≥ 0 (Frankle et al. 2020): (points, …) → (…)."""
    values = torch.as_tensor(losses, dtype=torch.float64)
    shares = torch.linspace(0, 1, len(values), dtype=torch.float64).view(-1, *[1] * (values.ndim - 1))
    return (values - torch.lerp(values[0], values[-1], shares)).amax(0)


def check_alike(one: Weights, other: Mapping[str, Tensor]) -> None:
    """Raise ProfundoError where the weights of one net have not the names and shapes of the other's."""
    mine, theirs = ({name: tuple(value.shape) for name, value in weights.items()} for weights in (one, other))
    if mine != theirs:
        name = next(name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name))
        both = f"{mine.get(name, 'missing')} and {theirs.get(name, 'missing')}"
        raise ProfundoError(f"between two nets: expected the same layers in both, got {name} {both}")
