"""What a small net learns from a large one: not the answer alone, but how likely every other one is (Hinton, Vinyals & Dean 2015).

    (1 − a) · −log p_y  +  a T² · KL(q(T) ‖ p(T)),        p(T) = softmax(z / T), q(T) likewise of the teacher

A temperature T above 1 brings out how probable wrong answers are, which is all that is left of what the teacher knows once the right
one is said. The gradients of soft targets shrink as 1 / T², so that they are multiplied by T² (section 2).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.objectives.outputs import full

__all__ = ["distilled", "softened"]


def softened(logits: Tensor, temperature: float) -> Tensor:
    """Probabilities (batch, K) of logits, or of logarithms of probabilities: each to the power of 1 / T, made to sum to 1."""
    return (full(logits) / temperature).softmax(1)


def distilled(outputs: Tensor, teacher: Tensor, labels: Tensor, temperature: float, share: float) -> Tensor:
    """The mean over the batch, a scalar. outputs, teacher: logits (batch, K); share: a, of what the teacher says."""
    own = full(outputs)
    soft = F.kl_div((own / temperature).log_softmax(1), softened(teacher, temperature), reduction="batchmean")
    hard = F.cross_entropy(own, labels) if share < 1 else torch.zeros((), device=own.device)
    return (1 - share) * hard + share * temperature**2 * soft
