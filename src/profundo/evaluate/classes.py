"""Which classes a set of samples without labels holds, as a classifier sees them: how sure it is, and how many are in use."""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["classes_in_use", "information", "sure_share"]


def sure_share(probabilities: Tensor, above: float = 0.9) -> float:
    """Share of the samples whose likeliest class has more than that probability; (samples, classes)."""
    return (probabilities.amax(1) > above).double().mean().item()


def information(probabilities: Tensor) -> float:
    """H(mean p) − mean H(p), in nats, of (samples, classes): how much an answer tells. log K where every sample is surely of one
    of K classes and all are equally frequent, 0 where the answers are all alike (Bridle, Heading & MacKay 1992; Shi & Sha 2012).
    """
    exact = probabilities.double()
    each = -torch.special.xlogy(exact, exact).sum(1)
    mean = exact.mean(0)
    return float(-torch.special.xlogy(mean, mean).sum() - each.mean())


def classes_in_use(counts: Tensor) -> float:
    """exp of the entropy of the class shares: 1 where all samples are of one class, K where K are equally frequent.

    counts: (classes,) of samples. A generator that makes few kinds of samples ("mode collapse") shows here.
    Raises ProfundoError without a sample.
    """
    shares = counts.double() / counts.sum()
    if not counts.sum() > 0:
        raise ProfundoError("classes in use: expected at least one sample")
    present = shares[shares > 0]
    return (-(present * present.log()).sum()).exp().item()
