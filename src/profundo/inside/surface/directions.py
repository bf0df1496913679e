"""Two directions through the weights, and the loss on the plane that they span.

Which directions are honest. A net of ReLUs computes the same when one layer's weights are doubled and the next one's halved,
so a step of one length means different things in different nets; with each filter of a random direction as long as the filter
that it moves, the surfaces of two nets can be compared (Li, Xu, Taylor, Studer & Goldstein 2018, "Visualizing the loss
landscape of neural nets", section 4). Training itself moves in few directions: those of the largest principal components of
its way show it, where random ones are almost at right angles to it (section 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from profundo.inside.surface.weight_loss import WeightLoss, Weights
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["Plane", "path_plane", "random_plane", "three_point_plane"]

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@dataclass(frozen=True, slots=True)
class Plane:
    """θ(a, b) = origin + a · first + b · second.

    places: (a, b) of what lies on it or is projected onto it, such as the way of training. explained: how much of their squared
    distances from the origin the plane holds, by each direction.
    """

    origin: Weights
    first: Weights
    second: Weights
    places: tuple[tuple[float, float], ...] = ()
    explained: tuple[float, float] | None = None

    def at(self, a: float, b: float) -> dict[str, Tensor]:
        return {name: value + a * self.first[name] + b * self.second[name] for name, value in self.origin.items()}

    def without(self, beginnings: tuple[str, ...]) -> Plane:
        """For all weights but those whose names begin so."""

        def rest(weights: Weights) -> Weights:
            return {name: value for name, value in weights.items() if not name.startswith(beginnings)}

        return Plane(rest(self.origin), rest(self.first), rest(self.second), self.places, self.explained)

    def sides(self, points: int, margin: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """So many places along each side of the part that holds the plane's own, and a margin of their extent all around."""
        extents = ((min(each), max(each)) for each in zip(*self.places, strict=True))
        wider = ((low, high, margin * max(high - low, 1e-12)) for low, high in extents)
        across, up = (tuple(np.linspace(low - more, high + more, points).tolist()) for low, high, more in wider)
        return across, up

    def place(self, weights: Weights) -> tuple[float, float]:
        """The (a, b) nearest to weights that need not lie on the plane: least squares by its two directions."""
        u, v = flat(self.first), flat(self.second)
        away = flat(weights) - flat(self.origin)
        gram = torch.stack((torch.stack((u @ u, u @ v)), torch.stack((u @ v, v @ v))))
        a, b = torch.linalg.solve(gram, torch.stack((u @ away, v @ away))).tolist()
        return a, b


class NoPlaneError(ProfundoError):
    """Of a way that spans none."""


def flat(weights: Weights) -> Tensor:
    """All weights as one vector of doubles."""
    return torch.cat([value.detach().flatten().double() for value in weights.values()])


def shaped(vector: Tensor, like: Weights) -> dict[str, Tensor]:
    """The inverse, in the net's own types."""
    parts = torch.split(vector, [value.numel() for value in like.values()])
    return {
        name: part.to(value.dtype).view(value.shape) for (name, value), part in zip(like.items(), parts, strict=True)
    }


def random_plane(loss: WeightLoss, seed: int = 0) -> Plane:
    """Two random directions around the net's weights, each filter as long as the net's; biases and the scales and shifts of
    normalisation stay (Li et al. 2018). Of a net that has nothing else, each of them moves as one filter."""
    generator = torch.Generator().manual_seed(seed)
    still = normalising(loss.net)
    if not any(value.ndim > 1 and name not in still for name, value in loss.weights.items()):
        rows = {name: value.reshape(1, -1) for name, value in loss.weights.items()}
        first, second = (
            {name: part.view_as(loss.weights[name]) for name, part in filter_direction(rows, generator).items()}
            for _ in range(2)
        )
        return moving(Plane(loss.weights, first, second))
    first, second = (filter_direction(loss.weights, generator, still) for _ in range(2))
    return moving(Plane(loss.weights, first, second))


def moving(plane: Plane) -> Plane:
    """Raises ProfundoError for a plane on which no weight moves."""
    if not any(bool(value.any()) for value in plane.first.values()):
        raise ProfundoError(
            "plane: expected weights of at least one filter or unit that are not zero, got none",
            told=Said("refusals.zero_weights"),
        )
    return plane


def filter_direction(weights: Weights, generator: torch.Generator, still: set[str] = frozenset()) -> dict[str, Tensor]:  # type: ignore[assignment]
    """d ← d ‖θ‖ / ‖d‖, filter by filter: the first axis of a weight counts filters, or units."""
    direction = {}
    for name, value in weights.items():
        if value.ndim < 2 or name in still:
            direction[name] = torch.zeros_like(value)
            continue
        drawn = torch.randn(value.shape, generator=generator).to(value)
        length = value.flatten(1).norm(dim=1) / drawn.flatten(1).norm(dim=1).clamp(min=1e-30)
        direction[name] = drawn * length.view(-1, *[1] * (value.ndim - 1))
    return direction


def normalising(net: nn.Module) -> set[str]:
    """Names of the parameters that scale and shift what a layer has normalised."""
    norms = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, NORMS)]
    return {f"{name}.{own}".strip(".") for name, layer in norms for own, _ in layer.named_parameters(recurse=False)}


def path_plane(path: Sequence[Weights]) -> Plane:
    """The plane through the last of the weights that is nearest to all before: their two largest principal components, of unit
    length, of θ₀ − θₙ, θ₁ − θₙ, … (Li et al. 2018, section 7)."""
    if len(path) < 3:
        raise NoPlaneError(f"plane: expected the weights at three places of the way or more, got {len(path)}")
    origin = path[-1]
    away = {name: torch.stack([one[name].flatten().double() for one in path]) for name in origin}
    away = {name: rows - rows[-1] for name, rows in away.items()}
    gram = torch.stack([rows @ rows.T for rows in away.values()]).sum(0)  # as large as the path is long, not as the net
    powers, vectors = (part.flip(-1)[..., :2] for part in torch.linalg.eigh(gram))
    total = float(gram.trace())
    if not float(powers[1]) > 1e-12 * total:
        raise NoPlaneError(
            "plane: expected weights that move in two directions or more; they move along one line or not at all"
        )
    first, second = (
        {name: (vector @ away[name] / power**0.5).to(value).view_as(value) for name, value in origin.items()}
        for vector, power in zip(vectors.T, powers, strict=True)
    )
    shares = (float(powers[0]) / total, float(powers[1]) / total)
    plane = Plane(origin, first, second)
    return Plane(origin, first, second, tuple(plane.place(one) for one in path), shares)


def three_point_plane(one: Weights, other: Weights, third: Weights) -> Plane:
    """The plane through three weights, by directions of unit length at right angles, with the first one as origin: distances on
    the picture are distances between weights (Garipov et al. 2018, figure 1)."""
    base, along, aside = flat(one), flat(other), flat(third)
    u = along - base
    v = aside - base
    if not float(u.norm()):
        raise ProfundoError("plane: expected two different solutions, got the same weights twice")
    u = u / u.norm()
    v = v - (v @ u) * u
    if float(v.norm()) <= 1e-5 * float((aside - base).norm() + 1e-300):
        raise NoPlaneError("plane: expected three weights that are not on one line")
    plane = Plane(one, shaped(u, one), shaped(v / v.norm(), one))
    return Plane(plane.origin, plane.first, plane.second, tuple(plane.place(each) for each in (one, other, third)))
