"""Negative sampling: learn which of some words is the true one by telling it from noise (Mikolov et al. 2013, eq. 4).

    −log σ(s₀) − Σᵢ log σ(−sᵢ)        s₀: score of the true context, s₁ … s_k: of k words drawn from the noise q

Its minimum, for scores that may be anything, is s(w, c) = log p(c|w) / (k q(c)): for q = p the pointwise mutual information
less log k (Levy & Goldberg 2014). So the scores are also a model of p(c|w), proportional to q(c) eˢ.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["context_log_probabilities", "negative_sampling"]


def negative_sampling(scores: Tensor) -> Tensor:
    """Cost of each pair (batch,) in nats, from scores (batch, 1 + k): the true context's first, then the noise's."""
    return -F.logsigmoid(scores[:, 0]) - F.logsigmoid(-scores[:, 1:]).sum(1)


def context_log_probabilities(scores: Tensor, noise: Tensor) -> Tensor:
    """log p(c|w), normalised over the vocabulary: (…, words) from scores (…, words) and the noise distribution (words,)."""
    return (scores + noise.log().to(scores.dtype)).log_softmax(-1)
