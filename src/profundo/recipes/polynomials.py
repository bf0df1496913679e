"""Least-squares polynomials, in the basis of Chebyshev, in which high degrees lose no digits on [−1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError
from profundo.train.closed_form import least_squares

__all__ = ["chebyshev", "check_degree", "fitted"]


def check_degree(degree: int, samples: int) -> None:
    """Raise ProfundoError where a polynomial would have more coefficients than there are samples."""
    if degree >= samples:
        raise ProfundoError(f"degree {degree}: expected less than the number of samples, {samples}")


def chebyshev(x: Tensor, degree: int) -> Tensor:
    """T₀ … T_degree at x, by Tₖ₊₁ = 2xTₖ − Tₖ₋₁: (…, degree + 1)."""
    columns = [torch.ones_like(x), x]
    for _ in range(degree - 1):
        columns.append(2 * x * columns[-1] - columns[-2])
    return torch.stack(columns[: degree + 1], -1)


def fitted(x: Tensor, y: Tensor, places: Tensor, degree: int) -> Tensor:
    """What the polynomial that fits the samples x, y (…, samples) best is at the places: (…, places)."""
    weights = least_squares(chebyshev(x, degree), y[..., None])
    return (chebyshev(places, degree) @ weights).squeeze(-1)
