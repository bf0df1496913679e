"""The evidence lower bound of a variational autoencoder (Kingma & Welling 2014, "Auto-encoding variational Bayes").

    log p(x) ≥ ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)),    q(z|x) = N(μ, diag σ²),  p(z) = N(0, 1)

β multiplies the second term (Higgins et al. 2017); for β ≥ 1 still a bound, tightest at 1. All in nats.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

__all__ = ["bernoulli_log_likelihood", "gaussian_kl", "gaussian_kl_by_number", "normal_log_density"]


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, diag σ²) ‖ N(0, 1)) = ½ Σ (μ² + σ² − 1 − log σ²) of each row (appendix B): (batch, d) → (batch,)."""
    return gaussian_kl_by_number(mean, log_variance).sum(1)


def gaussian_kl_by_number(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Its terms, what each number of a code costs: (batch, d)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def bernoulli_log_likelihood(logits: Tensor, pixels: Tensor) -> Tensor:
    """Σ x log p + (1 − x) log (1 − p) with p = sigmoid(logits), over all but the first dimension: (batch,)."""
    return -F.binary_cross_entropy_with_logits(logits, pixels, reduction="none").flatten(1).sum(1)


def normal_log_density(values: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(values; mean, diag exp(log_variance)), summed over the last dimension."""
    squares = (values - mean).square() * (-log_variance).exp()
    return -0.5 * (math.log(2 * math.pi) + log_variance + squares).sum(-1)
