"""Verification: are two samples of one class? Judged by their distance alone, for every threshold on it.

Accepting every pair nearer than a threshold gives a share of true pairs accepted and of false ones. The area under that
curve is the probability that a true pair is nearer than a false one; where the shares of errors are equal, each is the
equal error rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["Verification", "verification"]


@dataclass(frozen=True, slots=True)
class Verification:
    """accepted, mistaken: (thresholds,) shares of the pairs of one class, and of two, that are accepted, from none to all.

    area: under that curve, 0.5 by chance. equal_error_rate: of the threshold, a distance, at which the two errors are
    nearest to each other, their mean.
    """

    accepted: Tensor
    mistaken: Tensor
    area: float
    equal_error_rate: float
    threshold: float


def verification(distances: Tensor, same: Tensor) -> Verification:
    """From distances (pairs,) and whether both samples are of one class (pairs,). Pairs at one distance go together.

    Raises ProfundoError unless there are pairs of both kinds.
    """
    same = same.bool()
    if not bool(same.any()) or bool(same.all()):
        raise ProfundoError(f"verification: expected pairs of one class and of two, got {len(same)} of one kind")
    order = distances.argsort(stable=True)
    ranked, truth = distances[order], same[order].double()
    ends = torch.cat((ranked[1:] != ranked[:-1], torch.tensor([True])))  # the last of each group of equals
    zero = torch.zeros(1, dtype=torch.float64)
    accepted = torch.cat((zero, truth.cumsum(0)[ends] / truth.sum()))
    mistaken = torch.cat((zero, (1 - truth).cumsum(0)[ends] / (1 - truth).sum()))
    best = int((mistaken - (1 - accepted)).abs().argmin())
    return Verification(
        accepted,
        mistaken,
        float(torch.trapezoid(accepted, mistaken)),
        float(mistaken[best] + 1 - accepted[best]) / 2,
        float(ranked[ends][best - 1]) if best else 0.0,
    )
