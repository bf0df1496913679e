"""Real targets that few large values rule, bent before a network learns them: by logarithm, or by rank.

The squared error of prices, incomes or counts is that of the largest ones, and their spread grows with their size. On the
scale of the logarithm errors are relative; by rank, the targets become a normal distribution, whatever they were. What a
network then predicts, brought back, is nearer to the median of what may come than to its mean.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import TargetTransform
from profundo.data.standard import FAR, array_moments, robust
from profundo.languages import Said
from profundo.records import ProfundoError, Targets, Transform
from profundo.units import bend, bent

__all__ = ["learned_transform", "measured_targets", "skewness"]

KNOTS = 101
SKEWED = 1.0  # skewness, from which "auto" tries the logarithm: that of an exponential distribution is 2
STRAIGHT = Transform("none")


def measured_targets(targets: Targets, values: Tensor, kind: TargetTransform = "none") -> Targets:
    """Real targets with their transforms and then their mean and deviation, learned from these, (samples, outputs).

    Raises ProfundoError for targets that have no logarithm.
    """
    wide = values.double()
    names = targets.names or tuple(f"y{place + 1}" for place in range(wide.shape[1]))
    how = tuple(learned_transform(name, one, kind) for name, one in zip(names, wide.unbind(1), strict=True))
    how = () if all(one.kind == "none" for one in how) else how
    mean, std = array_moments(bent(wide, how))
    return replace(targets, mean=mean, std=std, transforms=how)


def learned_transform(name: str, values: Tensor, kind: TargetTransform) -> Transform:
    """How to bend one target, from its training values, float64 (samples,).

    "auto": by logarithm where that takes away at least half of the skewness; else by rank where values lie far out.
    """
    if kind == "none":
        return STRAIGHT
    if kind == "log":
        return log_transform(name, values)
    if kind == "rank":
        return rank_transform(values)
    if float(values.min()) >= 0 and abs(before := skewness(values)) > SKEWED:
        how = log_transform(name, values)
        if abs(skewness(bend(values, how))) < abs(before) / 2:
            return how
    median, deviation = (float(part[0]) for part in robust(values.unsqueeze(1)))
    is_far = deviation > 0 and float((values - median).abs().max()) > FAR * deviation
    return rank_transform(values) if is_far else STRAIGHT


def log_transform(name: str, values: Tensor) -> Transform:
    """log y; where some are 0, log(y + the least that is not)."""
    least = float(values.min())
    if least < 0:
        raise ProfundoError(Said("refusals.log_negative", name=repr(name), least=least))
    positive = values[values > 0]
    if not len(positive):
        raise ProfundoError(Said("refusals.log_zeros", name=repr(name)))
    return Transform("log", 0.0, least / 2) if least > 0 else Transform("log", float(positive.min()), 0.0)


def rank_transform(values: Tensor) -> Transform:
    """Through the quantiles of the values and those of a normal distribution; equal values have the mean of their scores."""
    end = 0.5 / len(values)
    shares = np.linspace(end, 1 - end, KNOTS)
    heights, places = np.unique(np.quantile(values.numpy(), np.linspace(0, 1, KNOTS)), return_inverse=True)
    if len(heights) < 2:
        return STRAIGHT
    scores = torch.special.ndtri(torch.from_numpy(shares)).numpy()
    means = np.bincount(places, scores) / np.bincount(places)
    return Transform("rank", values=tuple(heights.tolist()), scores=tuple(means.tolist()))


def skewness(values: Tensor) -> float:
    """Mean of the third powers of the standardised values; 0 of equal ones."""
    centred = values.double() - values.double().mean()
    spread = float(centred.square().mean().sqrt())
    return float((centred / spread).pow(3).mean()) if spread > 0 else 0.0
