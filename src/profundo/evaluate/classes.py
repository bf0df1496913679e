"""Which classes a set of made samples holds, as a classifier sees them: how sure it is, and how many are in use."""

from __future__ import annotations

from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["classes_in_use", "sure_share"]


def sure_share(probabilities: Tensor, above: float = 0.9) -> float:
    """Share of the samples whose likeliest class has more than that probability; (samples, classes)."""
    return (probabilities.amax(1) > above).double().mean().item()


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
