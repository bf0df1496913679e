"""Noisy samples of a known function of one number: where the truth is known, every part of an error can be measured.

Generated: y = f(x) + ε with f(x) = sin 2πx, on [−1, 1], and ε normal.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["arcsine", "spread_out", "truth", "uniform", "with_noise"]


def truth(x: Tensor) -> Tensor:
    """f(x) = sin 2πx: two waves on [−1, 1]."""
    return torch.sin(2 * math.pi * x)


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Places in [−1, 1], each as likely, float64."""
    return 2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1


def arcsine(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Places in [−1, 1] with density 1/(π√(1 − x²)), float64: the more the nearer to the ends, where polynomials swing."""
    return torch.cos(math.pi * torch.rand(shape, generator=generator, dtype=torch.float64))


def spread_out(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Of the same density, but one in each of as many equally likely intervals as the last dimension is long: no draw
    leaves a wide gap, in which a polynomial could do as it likes."""
    cells = torch.arange(shape[-1], dtype=torch.float64)
    return torch.cos(math.pi * (cells + torch.rand(shape, generator=generator, dtype=torch.float64)) / shape[-1])


def with_noise(x: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """f(x) + ε, ε normal with that standard deviation."""
    return truth(x) + deviation * torch.randn(x.shape, generator=generator, dtype=torch.float64)
