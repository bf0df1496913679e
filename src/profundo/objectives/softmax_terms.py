"""The softmax in numbers, as one computes it by hand: p_k = exp(z_k − max z) / Σ_j exp(z_j − max z).

The greatest output is taken from all, which changes no p and keeps exp from overflowing.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["SoftmaxTerms", "softmax_terms"]


@dataclass(frozen=True, eq=False)
class SoftmaxTerms:
    """outputs: z; exponentials: exp(z − greatest); total: their sum; shares: exponentials / total. All (classes,)."""

    outputs: Tensor
    greatest: float
    exponentials: Tensor
    total: float
    shares: Tensor


def softmax_terms(outputs: Tensor) -> SoftmaxTerms:
    """Raises ProfundoError for anything but outputs (classes,)."""
    if outputs.ndim != 1 or not len(outputs):
        raise ProfundoError(f"softmax: expected the outputs of one sample, (classes,), got {tuple(outputs.shape)}")
    z = outputs.double()
    exponentials = (z - z.max()).exp()
    return SoftmaxTerms(z, float(z.max()), exponentials, float(exponentials.sum()), exponentials / exponentials.sum())
