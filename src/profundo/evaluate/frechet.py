"""How far made images are from real ones, as sets: the Fréchet distance (Heusel et al. 2017, equation 6).

Each set becomes the features that a classifier computes of its images, each set of features a Gaussian N(μ, Σ), and

    d² = ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)

is the squared Fréchet (or Wasserstein-2) distance of the two (Dowson & Landau 1982). Heusel et al. take the features of
Inception v3 and call it FID. With the features of another classifier the numbers are on another scale: they compare sets
judged by the same classifier, at the same number of images, and nothing else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["frechet_distance", "gaussian_distance"]


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """d² of two sets of features (samples, features), each with at least two samples.

    Covariances are unbiased (divided by samples − 1). The estimate is too large for few samples: compare it with that
    of two sets of real images of the same sizes.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or min(len(first), len(second)) < 2:
        raise ProfundoError(
            "Fréchet distance: expected two sets (samples, features) of at least two samples and equally many "
            f"features, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    one, two = first.double(), second.double()
    return gaussian_distance(one.mean(0), covariance_factor(one), two.mean(0), covariance_factor(two)).item()


def gaussian_distance(mean1: Tensor, factor1: Tensor, mean2: Tensor, factor2: Tensor) -> Tensor:
    """d² of N(μ₁, Σ₁) and N(μ₂, Σ₂): means (features,), factors (any, features) with FᵀF = Σ; a scalar, never below 0.

    Σ₁Σ₂ = F₁ᵀF₁F₂ᵀF₂ is not symmetric, but has the eigenvalues of (F₁F₂ᵀ)(F₁F₂ᵀ)ᵀ, which is: the trace of its root is the sum of
    the singular values of F₁F₂ᵀ, exact where the matrix root of a singular product is not.
    """
    shared = torch.linalg.svdvals(factor1 @ factor2.T).sum()
    spread = factor1.square().sum() + factor2.square().sum() - 2 * shared
    squared: Tensor = (mean1 - mean2).square().sum() + spread
    return squared.clamp(min=0)


def covariance_factor(features: Tensor) -> Tensor:
    """(samples, features) → F (the smaller of both, features), with FᵀF their covariance, divided by samples − 1."""
    centred: Tensor = (features - features.mean(0)) / (len(features) - 1) ** 0.5
    if len(centred) <= centred.shape[1]:
        return centred
    factor: Tensor = torch.linalg.qr(centred, mode="r").R
    return factor
