"""What an expected error is made of (Geman, Bienenstock & Doursat 1992, eq. 3.4; James et al., eq. 2.7).

E (y − f̂(x))² = (E f̂(x) − f(x))² + Var f̂(x) + Var ε: bias², variance and noise, over training sets and fresh samples.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Parts", "bias_and_variance"]


@dataclass(frozen=True, slots=True)
class Parts:
    """Means over the places. error: of the predictions on fresh, noisy targets, measured by itself."""

    bias_squared: float
    variance: float
    noise: float
    error: float

    @property
    def total(self) -> float:
        return self.bias_squared + self.variance + self.noise


def bias_and_variance(predictions: Tensor, truth: Tensor, targets: Tensor, noise: float) -> Parts:
    """predictions: (training sets, places), what was learnt from each set; truth: (places,), f without noise.

    targets: (training sets, places), fresh f(x) + ε; noise: the variance of ε. The mean over finitely many sets stands
    for the expectation, so that bias² and variance add up to the error against the truth exactly, and to `error` within
    the chance of the fresh noise.
    """
    predictions, truth = predictions.double(), truth.double()
    middle = predictions.mean(0)
    return Parts(
        bias_squared=float((middle - truth).square().mean()),
        variance=float((predictions - middle).square().mean()),
        noise=noise,
        error=float((predictions - targets.double()).square().mean()),
    )
