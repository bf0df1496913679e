"""Forecasts of several steps: what the season alone would say, how far each step is off, and intervals that hold.

seasonal naive   ŷ(t+h) = y(t+h − season·⌈h / season⌉)        Hyndman, Athanasopoulos 2021, §5.2
intervals        ŷ(t+h) + the quantiles of truth − ŷ(t+h) on validation windows (split conformal; Vovk et al. 2005), or of
                 few windows the prediction interval of a normal sample (Hahn, Meeker 1991, §4)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from profundo.evaluate.scores import Answers
from profundo.evaluate.spread import student
from profundo.records import Spec, StepScores, Targets

__all__ = ["LEVEL", "coverage", "margins", "seasonal_naive", "step_scores"]

FEWEST = 3  # windows that do not overlap: of fewer no deviation is believed
LEVEL = 0.9  # share of the values that an interval is to hold


def seasonal_naive(windows: Tensor, spec: Spec) -> Tensor:
    """float64 (samples, horizon) of raw windows (samples, channels, steps): the values one season before, again and again; the
    last value where there is no season, or the windows are shorter."""
    forecast = spec.inputs.forecast
    assert forecast is not None
    season = forecast.season if forecast.season <= windows.shape[2] else 1
    ahead = torch.arange(forecast.horizon)
    repeated: Tensor = windows[:, 0, windows.shape[2] - season + ahead % season].double()
    return repeated


def margins(outputs: Answers) -> tuple[tuple[float, float], ...]:
    """Of each step what to add to a forecast for the ends of its interval. Windows overlap: n of them, h steps long, tell as much
    as m = n / h that do not. With enough of them, the quantiles of the errors, so that a further one, exchangeable with
    them, lies between with probability LEVEL or more: of the m-th part ⌊(m + 1)(1 − LEVEL) / 2⌋ on each side. With few no
    quantile says so much: mean ± t s √(1 + 1/m), t of Student's distribution with m − 1 degrees of freedom."""
    errors = outputs.targets.double() - outputs.predictions.double()
    count = len(errors)
    whole = max(FEWEST, round(count / errors.shape[1]))
    outside = int((whole + 1) * (1 - LEVEL) / 2 + 1e-9)  # 5 of 99, not 4.99…
    if outside:
        place, ordered = max(0, outside * count // whole - 1), errors.sort(0).values
        low, high = ordered[place], ordered[count - 1 - place]
    else:
        spread = errors.std(0) if count > 1 else errors[0].abs()
        middle, reach = errors.mean(0), student(whole - 1, LEVEL) * math.sqrt(1 + 1 / whole) * spread
        low, high = middle - reach, middle + reach
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def inside(outputs: Answers, targets: Targets) -> Tensor:
    """bool (samples, horizon): whether the interval holds the truth."""
    low, high = torch.tensor(targets.margins, dtype=torch.float64).T
    errors = outputs.targets.double() - outputs.predictions.double()
    held: Tensor = (errors >= low) & (errors <= high)
    return held


def coverage(outputs: Answers, targets: Targets) -> float:
    """The share of all values that their intervals hold."""
    return float(inside(outputs, targets).double().mean())


def step_scores(outputs: Answers, simple: Answers, targets: Targets) -> tuple[StepScores, ...]:
    """Of each step of the horizon the error of the network and of the simple method, and what its intervals hold."""
    own, other = (
        (one.targets.double() - one.predictions.double()).square().mean(0).sqrt() for one in (outputs, simple)
    )
    held = inside(outputs, targets).double().mean(0)
    return tuple(
        StepScores(*one) for one in zip(targets.names, own.tolist(), other.tolist(), held.tolist(), strict=True)
    )
