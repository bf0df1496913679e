"""Two networks on the same samples: is one better, or was it luck?

Where answers are right or wrong, only the samples on which the two differ tell anything. If neither were better, each
of those would be won by a throw of a coin: McNemar's test (1947), here with exact binomial probabilities. Every other
figure has its difference beside its standard error, from what each sample adds to it, and samples drawn anew with
replacement, the same ones for both, say how large that ratio becomes by chance (paired, symmetric bootstrap-t; Hall 1988):
unlike the mere quantiles of the differences it finds one where there is none in no more than 5 % of the cases, with heavy
tails too (benchmarks/interval_coverage.py). Several comparisons at once are corrected by Holm's step-down rule (1979).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from profundo.evaluate.intervals import LEVEL, MANY, Z, mean_of_ratios, studentised
from profundo.records import ProfundoError

__all__ = [
    "Paired",
    "bonett_price",
    "compare_balanced",
    "compare_costs",
    "compare_figures",
    "compare_precision",
    "compare_ratios",
    "compare_right",
    "holm",
    "mcnemar",
    "ranked_by_luck",
]

TEST = "paired bootstrap"
Figure = Callable[[Tensor], tuple[Tensor, Tensor]]
AT_ONCE = 1_000_000  # shuffled answers, 8 bytes each


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

    def differences(drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Of √m the samples add their costs / (2 √m), by the delta method."""
        a, b = first[drawn], second[drawn]
        if not root:
            return (b - a).mean(1), b - a
        roots = a.mean(1, keepdim=True).sqrt(), b.mean(1, keepdim=True).sqrt()
        tiny = torch.finfo(torch.float64).tiny
        adds = b / (2 * roots[1]).clamp_min(tiny) - a / (2 * roots[0]).clamp_min(tiny)
        return (roots[1] - roots[0]).squeeze(1), adds

    return _bootstrapped(differences, len(first), seed)


def compare_balanced(first: Tensor, second: Tensor, classes: Tensor, seed: int = 0) -> Paired:
    """Difference of two balanced accuracies, the mean of the classes' recalls. first, second: bool (samples,), whether each
    answer was right; classes: of each sample. Who is right on how many is told as in compare_right."""
    _check(first, second)
    counted, gains = compare_right(first, second), second.double() - first.double()
    number = int(classes.max()) + 1

    def differences(drawn: Tensor) -> tuple[Tensor, Tensor]:
        """A sample adds its gain less its class's, over the class's share of the samples, over the classes there are."""
        kinds, values = classes[drawn], gains[drawn]
        there = torch.zeros(len(drawn), number, dtype=torch.float64).scatter_add_(1, kinds, torch.ones_like(values))
        gained = torch.zeros_like(there).scatter_add_(1, kinds, values) / there.clamp_min(1)
        present = (there > 0).sum(1, keepdim=True)
        adds = (values - gained.gather(1, kinds)) / there.gather(1, kinds) * drawn.shape[1] / present
        return gained.sum(1) / present.squeeze(1), adds

    own = _bootstrapped(differences, len(first), seed)
    return replace(counted, difference=own.difference, low=own.low, high=own.high, p=own.p, test=own.test)


def compare_ratios(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor], seed: int = 0) -> Paired:
    """Difference of two means of ratios, each of parts and wholes (samples, k); see intervals.mean_of_ratios."""
    return compare_figures(mean_of_ratios(*first), mean_of_ratios(*second), len(first[0]), seed)


def compare_figures(first: Figure, second: Figure, samples: int, seed: int = 0, *, drawn: bool = True) -> Paired:
    """Difference of any two figures of the same samples; see intervals.studentised. drawn: by the bootstrap, else from what each
    sample adds alone."""

    def differences(drawn: Tensor) -> tuple[Tensor, Tensor]:
        (a, adds_a), (b, adds_b) = first(drawn), second(drawn)
        return b - a, adds_b - adds_a

    return _bootstrapped(differences, samples, seed, MANY if drawn else 0)


def compare_precision(first: Tensor, second: Tensor, there: Tensor, seed: int = 0) -> Paired:
    """Difference of two average precisions. first, second: scores (samples,); there: bool (samples,), at least one."""
    _check(first, second)
    orders = [scores.double().sort(descending=True, stable=True) for scores in (first, second)]

    def differences(drawn: Tensor) -> tuple[Tensor, Tensor]:
        counts = torch.zeros(len(drawn), len(there), dtype=torch.float64).scatter_add_(
            1, drawn, torch.ones(drawn.shape, dtype=torch.float64)
        )
        (a, adds_a), (b, adds_b) = (_precisions(counts, values, order, there) for values, order in orders)
        return b - a, (adds_b - adds_a).gather(1, drawn)

    result = _bootstrapped(differences, len(first), seed)
    return replace(result, low=max(-1.0, result.low), high=min(1.0, result.high))


def ranked_by_luck(scores: Tensor, there: Tensor, seed: int = 0) -> float:
    """p of an average precision if the scores knew nothing: how often as large a one comes of shuffled answers. Exact, also
    where few samples are there."""
    draw = torch.Generator().manual_seed(seed)
    values, order = scores.double().sort(descending=True, stable=True)
    rounds = max(39, min(999, 4_000_000 // len(scores)))
    value = _ranked(there[None, order], values) * (1 - 1e-12)  # sums in another order are rounded otherwise
    at_once, as_large = max(1, AT_ONCE // len(scores)), 0
    for start in range(0, rounds, at_once):
        orders = [torch.randperm(len(there), generator=draw) for _ in range(min(at_once, rounds - start))]
        as_large += int((_ranked(there[torch.stack(orders)[:, order]], values) >= value).sum())
    return (1 + as_large) / (rounds + 1)


def _ranked(there: Tensor, values: Tensor) -> Tensor:
    """Average precision (rounds,) of several answers (rounds, samples) about the same samples, in the order of falling scores."""
    last = torch.searchsorted(-values, -values, right=True) - 1  # of those with the same score
    found = there.double()
    return (found * found.cumsum(1)[:, last] / (last + 1)).sum(1) / found.sum(1).clamp_min(1)


def _precisions(counts: Tensor, values: Tensor, order: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Average precision (resamples,) of samples that count so often (resamples, samples), and what each adds to it: its own
    precision if it is there, and what it makes of those of lower scores, whose precision is hits / taken."""
    last = torch.searchsorted(-values, -values, right=True) - 1  # of those with the same score
    wanted, weights = there[order].double(), counts[:, order]
    found = weights * wanted
    taken = weights.cumsum(1)[:, last].clamp_min(1)
    precision = found.cumsum(1)[:, last] / taken
    total = found.sum(1, keepdim=True).clamp_min(1)
    mean = (found * precision).sum(1, keepdim=True) / total
    below = (found / taken).flip(1).cumsum(1).flip(1), (found * precision / taken).flip(1).cumsum(1).flip(1)
    adds = torch.empty_like(taken)
    adds[:, order] = (wanted * (precision - mean + below[0]) - below[1]) * weights.sum(1, keepdim=True) / total
    return mean.squeeze(1), adds


def _bootstrapped(differences: Figure, samples: int, seed: int, many: int = MANY) -> Paired:
    """The difference with its interval and p. differences: see intervals.studentised; many: samples above which it is as good as
    normally distributed."""
    value, adds = differences(torch.arange(samples).unsqueeze(0))
    difference, error = value.item(), adds.std().item() / math.sqrt(samples) if samples > 1 else math.nan
    if not error > 1e-12 * abs(difference):  # all samples add the same, or there is one alone
        p = 1.0 if samples < 2 or difference == 0 else 0.0
        edges = (difference, difference) if samples > 1 else (-math.inf, math.inf)
        return Paired(difference, *edges, p, TEST)
    if samples > many:
        half, p = Z * error, math.erfc(abs(difference) / error / math.sqrt(2))
        return Paired(difference, difference - half, difference + half, p, "normal approximation")
    t = studentised(differences, (difference, error), samples, seed).abs()
    half = t.quantile(LEVEL).item() * error
    p = (1 + int((t >= abs(difference) / error).sum())) / (len(t) + 1)
    return Paired(difference, difference - half, difference + half, p, TEST)


def holm(ps: Sequence[float]) -> list[float]:
    """p of several comparisons made together, in the order given: the smallest times their number, the next times one
    less, …, never below the one before."""
    adjusted, floor = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        floor = max(floor, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = floor
    return adjusted


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ProfundoError(
            f"comparison: expected an answer of both to each sample, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
