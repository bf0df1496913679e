"""How probable a latent-variable model holds the data: importance sampling, and bits per dimension."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["bits_per_dimension", "importance_log_likelihood"]


def importance_log_likelihood(log_weights: Tensor) -> Tensor:
    """log (1/K) Σ_k w_k, in nats, of K draws z_k ~ q(z|x): (K, batch) → (batch,).

    log w_k = log p(x|z_k) + log p(z_k) − log q(z_k|x). A lower bound of log p(x) in expectation, tighter with every
    draw (Burda, Grosse & Salakhutdinov 2016, eq. 8 and theorem 1).
    """
    return torch.logsumexp(log_weights, 0) - math.log(len(log_weights))


def bits_per_dimension(nats: float, dimensions: int) -> float:
    """A cost in nats per sample as bits per pixel: nats / (dimensions · ln 2)."""
    return nats / (dimensions * math.log(2))
