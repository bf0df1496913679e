"""How far figures that were taken several times lie apart, and how well their mean is known.

The trainings of a cross-validation share most of their samples, so their figures are not independent, and the usual
standard error s/√J is too small: with more and more repetitions it would vanish, as if they were new data. Corrected, the
variance of the mean is (1/J + n_held/n_trained) s² (Nadeau & Bengio 2003, "Inference for the Generalization Error"). It is
a correction that works well, not an exact one: without bias there is none (Bengio & Grandvalet 2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, stdev

from torch import Tensor

from profundo.evaluate.scores import Answers
from profundo.records import Targets

__all__ = ["Spread", "is_beyond_chance", "sampling_errors", "spread", "student"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Of `number` figures. deviation: with number − 1 in the denominator; 0 of a single one.

    standard_error: s/√J, as if the figures were independent; corrected_error: for shared training samples.
    """

    number: int
    mean: float
    deviation: float
    standard_error: float
    corrected_error: float
    smallest: float
    largest: float


def central_probability(t: float, freedom: int) -> float:
    """P(−t ≤ T ≤ t) of Student's distribution: finite sums of powers of a cosine (Abramowitz & Stegun 26.7.3, 26.7.4)."""
    angle, odd = math.atan(t / math.sqrt(freedom)), freedom % 2
    total, term = 0.0, math.cos(angle) ** odd
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


@cache
def student(freedom: int, level: float = 0.95) -> float:
    """The t with P(−t ≤ T ≤ t) = level, its inverse by bisection: 12.7 standard errors with two figures, 2.8 with five."""
    low, high = 0.0, 1.0
    while central_probability(high, freedom) < level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if central_probability(middle, freedom) < level else (low, middle)
    return high


def is_beyond_chance(figures: Spread, error: float) -> bool:
    """Whether 0 lies outside mean ± t · error, the 95 % interval. Of one figure nothing is known."""
    return figures.number > 1 and abs(figures.mean) > student(figures.number - 1) * error


def spread(values: Sequence[float], held: float = 0.0) -> Spread:
    """Of the finite ones among the values; all NaN if there is none. held: n_held/n_trained, 1/(k − 1) for k folds."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Spread(0, *(math.nan,) * 6)
    number, deviation = len(finite), stdev(finite) if len(finite) > 1 else 0.0
    return Spread(
        number,
        fmean(finite),
        deviation,
        deviation / math.sqrt(number),
        deviation * math.sqrt(1 / number + held),
        min(finite),
        max(finite),
    )


def sampling_errors(answers: Answers, targets: Targets) -> dict[str, float]:
    """Standard errors, over the samples that were asked, of the figures that are means or roots of means.

    Of a mean s/√n; of RMSE by the delta method, that of the mean squared error over 2 RMSE. NaN of a single sample.
    """
    if targets.kind == "real":
        gaps = (answers.predictions - answers.targets).double()
        squares = gaps.square().mean(1)
        root = math.sqrt(squares.mean().item())
        return {"RMSE": error_of_mean(squares) / (2 * root) if root else 0.0, "MAE": error_of_mean(gaps.abs().mean(1))}
    results = {answers.quantity: error_of_mean(answers.costs.double())}
    if targets.kind == "any":
        return results
    if targets.kind == "labels":
        right = ((answers.predictions >= 0.5) == (answers.targets >= 0.5)).double()
        return results | {"exact match": error_of_mean(right.amin(1)), "label accuracy": error_of_mean(right.mean(1))}
    return results | {"accuracy": error_of_mean((answers.chosen == answers.targets).double())}


def error_of_mean(values: Tensor) -> float:
    return values.std().item() / math.sqrt(len(values)) if len(values) > 1 else math.nan
