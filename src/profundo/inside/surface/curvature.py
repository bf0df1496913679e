"""How the surface bends: the largest eigenvalues of the Hessian, and its trace, without ever writing it down.

A step of rate η multiplies an error along a direction of curvature λ by 1 − ηλ, so plain descent is stable only where the
largest eigenvalue, the sharpness, is below 2/η; full-batch training raises it to that edge and stays there (Cohen et al. 2021,
"Gradient descent on neural networks typically occurs at the edge of stability").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.inside.surface.weight_loss import WeightLoss, Weights
from profundo.records import ProfundoError

__all__ = ["Eigenvalues", "Trace", "edge", "eigenvalues", "lanczos", "trace"]

MOST_FLOATS = 1 << 28  # kept by Lanczos: 1 GB
Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Eigenvalues:
    """The largest, in falling order. errors: how far each may be from an eigenvalue, at most (Paige's bound, ‖Hv − λv‖).
    steps: products with the Hessian; converged: whether every error is below the tolerance."""

    values: tuple[float, ...]
    errors: tuple[float, ...]
    steps: int
    converged: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """The sum of all eigenvalues, estimated; error: its standard error over so many probes; size: number of weights."""

    value: float
    error: float
    probes: int
    size: int


def eigenvalues(
    loss: WeightLoss, weights: Weights, count: int = 1, *, seed: int = 0, tolerance: float = 1e-3, most: int = 200
) -> Eigenvalues:
    """The `count` largest eigenvalues of the Hessian of the loss at these weights, to a tolerance relative to the largest."""
    size = sum(value.numel() for value in weights.values())
    if not 1 <= count <= size:
        raise ProfundoError(f"eigenvalues: expected a count from 1 to the number of weights, {size:,}; got {count}")
    first = next(iter(weights.values()))
    start = torch.randn(size, generator=torch.Generator().manual_seed(seed)).to(first)
    return lanczos(loss.product(weights), start, count, tolerance=tolerance, most=most)


def lanczos(
    product: Product, start: Tensor, count: int = 1, *, tolerance: float = 1e-3, most: int = 200
) -> Eigenvalues:
    """Lanczos 1950, each new vector made orthogonal to all before, twice: without that, eigenvalues come several times.

    product: v ↦ H v of a symmetric H. start: any vector. A vector is kept for every step, so there are at most as many steps
    as fit into 1 GB.
    """
    size = len(start)
    most = min(most, size, max(count + 1, MOST_FLOATS // size))
    basis = torch.empty(most, size, dtype=start.dtype, device=start.device)
    diagonal: list[float] = []
    beside: list[float] = []
    vector = start / start.norm()
    for step in range(most):
        basis[step] = vector
        new = product(vector).detach()
        diagonal.append(float(new @ vector))
        for _ in range(2):
            new = new - basis[: step + 1].T @ (basis[: step + 1] @ new)
        length = float(new.norm())
        if not math.isfinite(length):
            raise ProfundoError(
                "eigenvalues: the Hessian has entries that are no numbers; the loss is not finite there"
            )
        scale = max(map(abs, diagonal + beside), default=0.0)
        ended = length <= 1e-6 * scale or step + 1 == size  # nothing is left outside
        if step + 1 >= count and (ended or step % 5 == 4 or step + 1 == most):
            values, errors = ritz(
                diagonal, beside, 0.0 if ended else length, count, 4 * torch.finfo(start.dtype).eps * scale
            )
            if ended or max(errors) <= tolerance * max(abs(values[0]), 1e-30):
                return Eigenvalues(values, errors, step + 1, converged=True)
        if ended:  # an invariant subspace of fewer than `count` dimensions: go on outside it
            new = torch.randn(size, generator=torch.Generator().manual_seed(step)).to(start)
            new = new - basis[: step + 1].T @ (basis[: step + 1] @ new)
            length, vector = 0.0, new / new.norm()
        else:
            vector = new / length
        beside.append(length)
    return Eigenvalues(values, errors, most, converged=False)


def ritz(
    diagonal: list[float], beside: list[float], left: float, count: int, least: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The largest eigenvalues of the tridiagonal matrix, and the residual of each, |left · last entry of its vector|, which
    rounding keeps from being less than `least`."""
    middle, side = torch.tensor(diagonal, dtype=torch.float64), torch.tensor(beside, dtype=torch.float64)
    small = torch.diag(middle) + torch.diag(side, 1) + torch.diag(side, -1)
    values, vectors = torch.linalg.eigh(small)
    values, last = values.flip(0)[:count], vectors[-1].flip(0)[:count]
    return tuple(values.tolist()), tuple((left * last.abs()).clamp(min=least).tolist())


def trace(loss: WeightLoss, weights: Weights, probes: int = 30, seed: int = 0) -> Trace:
    """Hutchinson 1990: the mean of vᵀHv over vectors of random signs is the trace, for every entry beside the diagonal meets
    a product of two independent signs, whose mean is zero."""
    if probes < 2:
        raise ProfundoError(f"trace: expected two probes or more, for its error; got {probes}")
    size = sum(value.numel() for value in weights.values())
    first, product = next(iter(weights.values())), loss.product(weights)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(probes):
        signs = (torch.randint(0, 2, (size,), generator=generator) * 2 - 1).to(first)
        found.append(float(signs @ product(signs).detach()))
    values = torch.tensor(found, dtype=torch.float64)
    return Trace(float(values.mean()), float(values.std() / probes**0.5), probes, size)


def edge(optimizer: str, rate: float) -> float | None:
    """The sharpness from which a step of this rate diverges on a quadratic: 2/η of plain descent, (2 + 2β)/η with momentum β,
    (2 + 2β)/((1 + 2β) η) of Nesterov's, β = 0.9 (Cohen et al. 2021, section 2). None where steps are scaled by coordinate."""
    factors = {"sgd": 2.0, "momentum": 3.8, "nesterov": 3.8 / 2.8}
    return factors[optimizer] / rate if optimizer in factors and rate > 0 else None
