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
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["Eigenvalues", "Trace", "edge", "eigenvalues", "lanczos", "trace"]

MOST_FLOATS = 1 << 28  # kept by Lanczos: 1 GB
EXACT, SMALL = 256, 10_000  # weights
PROBES, PROBES_OF_SMALL = 30, 100
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
    """The sum of all eigenvalues. error: one standard error of the mean over `probes` vectors; 0 where it is exact, which took
    a product for each weight. size: number of weights."""

    value: float
    error: float
    size: int
    probes: int = 30


def eigenvalues(
    loss: WeightLoss, weights: Weights, count: int = 1, *, seed: int = 0, tolerance: float = 1e-3, most: int = 200
) -> Eigenvalues:
    """The `count` largest eigenvalues of the Hessian of the loss at these weights, to a tolerance relative to the largest."""
    size = sum(value.numel() for value in weights.values())
    if not 1 <= count <= size:
        raise ProfundoError(f"eigenvalues: expected a count from 1 to the number of weights, {size:,}; got {count}")
    first = next(iter(weights.values()))
    start = torch.randn(count, size, generator=torch.Generator().manual_seed(seed)).to(first)
    return lanczos(loss.product(weights), start, tolerance=tolerance, most=most)


def lanczos(product: Product, start: Tensor, *, tolerance: float = 1e-3, most: int = 200) -> Eigenvalues:
    """As many of the largest eigenvalues as there are vectors to start from, (count, size): one vector alone would meet an
    eigenvalue that comes several times only once (Ruhe 1979, band Lanczos; Lanczos 1950 where count is 1).

    product: v ↦ H v of a symmetric H. Each new vector is made orthogonal to all before, twice: without that, eigenvalues come
    more often than they are. All are kept, so there are at most as many steps as fit into 1 GB.
    """
    count, size = start.shape
    most = min(max(most, count), size, max(count + 1, MOST_FLOATS // size))
    basis = torch.empty(min(most + count, size), size, dtype=start.dtype, device=start.device)
    basis[:count] = torch.linalg.qr(start.T).Q.T
    images = torch.zeros(len(basis), most, dtype=torch.float64)  # H times each vector, by the vectors
    known, scale, dropped = count, 0.0, 0.0
    for step in range(most):
        new = product(basis[step]).detach()
        for _ in range(2):
            shares = basis[:known] @ new
            new = new - basis[:known].T @ shares
            images[:known, step] += shares.double().cpu()
        length = float(new.norm())
        if not math.isfinite(length):
            raise ProfundoError(Said("refusals.hessian_nan"))
        scale = max(scale, length, float(images[:, step].abs().max()))
        if length > 1e-6 * scale and known < len(basis):
            basis[known], images[known, step] = new / length, length
            known += 1
        else:
            dropped = max(dropped, length)
        done = step + 1
        ended = done == known  # nothing is left outside
        if done >= count and (ended or done % 5 == 0 or done == most):
            least = max(dropped, 4 * torch.finfo(start.dtype).eps * scale)
            values, errors = ritz(images[:known, :done], count, least)
            if ended or max(errors) <= tolerance * max(abs(values[0]), 1e-30):
                return Eigenvalues(values, errors, done, converged=True)
    return Eigenvalues(values, errors, most, converged=False)


def ritz(images: Tensor, count: int, least: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The largest eigenvalues within the span of the first vectors, and the residual of each: how long the part of Hv is that
    lies outside, which rounding keeps from being less than `least`. images: (vectors, those that were multiplied)."""
    done = images.shape[1]
    inside = (images[:done] + images[:done].T) / 2
    values, vectors = (part.flip(-1)[..., :count] for part in torch.linalg.eigh(inside))
    return tuple(values.tolist()), tuple((images[done:] @ vectors).norm(dim=0).clamp(min=least).tolist())


def trace(loss: WeightLoss, weights: Weights, probes: int | None = None, seed: int = 0) -> Trace:
    """Hutchinson 1990: the mean of vᵀHv over vectors of random signs is the trace, for every entry beside the diagonal meets
    a product of two independent signs, whose mean is zero. probes: by default 100 of nets of up to 10,000 weights, 30 of
    larger ones; of up to 256 weights the diagonal itself is summed."""
    size = sum(value.numel() for value in weights.values())
    if probes is not None and (not isinstance(probes, int) or probes < 2):
        raise ProfundoError(f"trace: expected two probes or more, for its error; got {probes!r}")
    first, product = next(iter(weights.values())), loss.product(weights)
    if probes is None and size <= EXACT:
        units = torch.eye(size, dtype=first.dtype, device=first.device)
        return Trace(sum(float(unit @ product(unit).detach()) for unit in units), 0.0, size, size)
    probes = probes or (PROBES if size > SMALL else PROBES_OF_SMALL)
    generator = torch.Generator().manual_seed(seed)
    draws = []
    for _ in range(probes):
        signs = (torch.randint(0, 2, (size,), generator=generator) * 2 - 1).to(first)
        draws.append(float(signs @ product(signs).detach()))
    values = torch.tensor(draws, dtype=torch.float64)
    return Trace(float(values.mean()), float(values.std() / probes**0.5), size, probes)


def edge(optimizer: str, rate: float) -> float | None:
    """The sharpness from which a step of this rate diverges on a quadratic: 2/η of plain descent, (2 + 2β)/η with momentum β,
    (2 + 2β)/((1 + 2β) η) of Nesterov's, β = 0.9 (Cohen et al. 2021, section 2). None where steps are scaled by coordinate."""
    factors = {"sgd": 2.0, "momentum": 3.8, "nesterov": 3.8 / 2.8}
    return factors[optimizer] / rate if optimizer in factors and rate > 0 else None
