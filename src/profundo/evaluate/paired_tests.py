"""Two networks on the same samples: is one better, or was it luck?

Where answers are right or wrong, only the samples on which the two differ tell anything. If neither were better, each
of those would be won by a throw of a coin: McNemar's test (1947), here with exact binomial probabilities. For costs that
are numbers, the samples are drawn anew with replacement, the same ones for both (paired bootstrap). Several comparisons
at once are corrected by Holm's step-down rule (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.evaluate.intervals import LEVEL, Z, resampled
from profundo.records import ProfundoError

__all__ = ["Paired", "bonett_price", "compare_costs", "compare_right", "holm", "mcnemar"]

MOST_RESAMPLES, FEWEST_RESAMPLES = 10_000, 1_000
MOST_DRAWN = 50_000_000  # indices in all


@dataclass(frozen=True, slots=True)
class Paired:
    """Second minus first: `difference` of the figure, its 95 % interval, and p, how often luck alone does as much.

    both, first, second, neither: samples by who was right; None for costs that are numbers.
    """

    difference: float
    low: float
    high: float
    p: float
    test: str
    both: int | None = None
    first: int | None = None
    second: int | None = None
    neither: int | None = None


def compare_right(first: Tensor, second: Tensor) -> Paired:
    """Difference of two accuracies. first, second: bool (samples,), whether each answer was right.

    The interval is Bonett and Price's (2012): Wald's for paired shares, with a sample added to each side of the
    disagreement. Where p ≥ 0.05 it is widened to hold 0, if it does not. Raises ProfundoError unless there are as many
    answers of both, at least one.
    """
    _check(first, second)
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    p, difference = mcnemar(only_first, only_second), (only_second - only_first) / len(first)
    low, high = bonett_price(only_first, only_second, len(first))
    if p >= 1 - LEVEL:
        low, high = min(low, 0.0), max(high, 0.0)
    return Paired(difference, low, high, p, "McNemar’s exact test", both, only_first, only_second, neither)


def mcnemar(first: int, second: int) -> float:
    """Two-sided p of so many samples won by the first and by the second alone: twice the smaller tail of B(n, ½)."""
    count = first + second
    k = torch.arange(min(first, second) + 1, dtype=torch.float64)
    n = torch.tensor(float(count), dtype=torch.float64)
    ways = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    return min(1.0, 2 * (ways - count * math.log(2)).exp().sum().item())


def bonett_price(first: int, second: int, samples: int) -> tuple[float, float]:
    """The 95 % interval of q − p, where p is the share of samples that the first alone wins, and q the second."""
    p, q = (first + 1) / (samples + 2), (second + 1) / (samples + 2)
    half = Z * math.sqrt((p + q - (q - p) ** 2) / (samples + 2))
    return max(-1.0, q - p - half), min(1.0, q - p + half)


def compare_costs(first: Tensor, second: Tensor, *, root: bool = False, seed: int = 0) -> Paired:
    """Difference of two mean costs, or of their square roots, by the paired bootstrap. first, second: (samples,).

    Raises ProfundoError unless there are as many costs of both, at least one, all finite.
    """
    _check(first, second)
    first, second = first.double(), second.double()
    if not bool((first.isfinite() & second.isfinite()).all()):
        raise ProfundoError("comparison: expected finite costs, got NaN or infinite ones")
    resamples = min(MOST_RESAMPLES, max(FEWEST_RESAMPLES, MOST_DRAWN // len(first)))
    drawn = torch.cat(
        [
            _figure(second[at].mean(1), root) - _figure(first[at].mean(1), root)
            for at in resampled(len(first), resamples, seed)
        ]
    )
    low, high = drawn.quantile(torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)).tolist()
    below, above = int((drawn <= 0).sum()), int((drawn >= 0).sum())
    p = min(1.0, 2 * (1 + min(below, above)) / (resamples + 1))
    difference = (_figure(second.mean(), root) - _figure(first.mean(), root)).item()
    return Paired(difference, low, high, p, "paired bootstrap")


def holm(ps: Sequence[float]) -> list[float]:
    """p of several comparisons made together, in the order given: the smallest times their number, the next times one
    less, …, never below the one before."""
    adjusted, floor = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        floor = max(floor, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = floor
    return adjusted


def _figure(mean: Tensor, root: bool) -> Tensor:
    return mean.sqrt() if root else mean


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ProfundoError(
            f"comparison: expected an answer of both to each sample, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
