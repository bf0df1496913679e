"""Forecasts of several steps: what the season alone would say, how far each step is off, and intervals that hold.

seasonal naive   ŷ(t+h) = y(t+h − season·⌈h / season⌉)        Hyndman, Athanasopoulos 2021, §5.2
intervals        ŷ(t+h) + the quantiles of truth − ŷ(t+h) on validation windows (split conformal; Vovk et al. 2005)
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.evaluate.scores import Answers
from profundo.records import Spec, StepScores, Targets

__all__ = ["LEVEL", "coverage", "margins", "seasonal_naive", "step_scores"]

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
    """Of each step what to add to a forecast for the ends of its interval. With n values the k-th smallest and largest, so that
    a further one, exchangeable with them, lies between with probability LEVEL or more: k = ⌊(n + 1)(1 − LEVEL) / 2⌋."""
    errors = (outputs.targets.double() - outputs.predictions.double()).sort(0).values
    place = max(0, int((len(errors) + 1) * (1 - LEVEL) / 2 + 1e-9) - 1)  # 5 of 99, not 4.99…
    return tuple(zip(errors[place].tolist(), errors[len(errors) - 1 - place].tolist(), strict=True))


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
