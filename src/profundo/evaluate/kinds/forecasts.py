"""Forecasts of several steps: what the season alone would say, how far each step is off, and intervals that hold.

seasonal naive   ŷ(t+h) = y(t+h − season·⌈h / season⌉)        Hyndman, Athanasopoulos 2021, §5.2
intervals        of each step, from validation windows (`conformal.py`)
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.evaluate.conformal import inside
from profundo.evaluate.scores import Answers
from profundo.records import Spec, StepScores, Targets

__all__ = ["seasonal_naive", "step_scores"]


def seasonal_naive(windows: Tensor, spec: Spec) -> Tensor:
    """float64 (samples, horizon) of raw windows (samples, channels, steps): the values one season before, again and again; the
    last value where there is no season, or the windows are shorter."""
    forecast = spec.inputs.forecast
    assert forecast is not None
    season = forecast.season if forecast.season <= windows.shape[2] else 1
    ahead = torch.arange(forecast.horizon)
    repeated: Tensor = windows[:, 0, windows.shape[2] - season + ahead % season].double()
    return repeated


def step_scores(outputs: Answers, simple: Answers, targets: Targets) -> tuple[StepScores, ...]:
    """Of each step of the horizon the error of the network and of the simple method, and what its intervals hold."""
    own, other = (
        (one.targets.double() - one.predictions.double()).square().mean(0).sqrt() for one in (outputs, simple)
    )
    held = inside(outputs, targets).double().mean(0)
    return tuple(
        StepScores(*one) for one in zip(targets.names, own.tolist(), other.tolist(), held.tolist(), strict=True)
    )
