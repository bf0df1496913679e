"""Intervals that hold nine of ten true values, whatever the errors are distributed like: split conformal prediction.

f(ŷ) + the quantiles of f(truth) − f(ŷ) on the validation split (Vovk et al. 2005; Lei et al. 2018), f being the transform that
the targets are learned in; of few samples the prediction interval of a normal sample (Hahn, Meeker 1991, §4). They hold what
they promise on average over all inputs, for samples as those of the validation split. One that training looked at to stop
early has errors a little too small, and so have its intervals.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from profundo.evaluate.scores import Answers
from profundo.evaluate.spread import student
from profundo.records import Targets
from profundo.units import bent, unbent

__all__ = ["FEWEST", "LEVEL", "ends", "inside", "margins"]

FEWEST = 3  # samples that do not overlap: of fewer no deviation is believed
LEVEL = 0.9  # share of the values that an interval is to hold


def margins(outputs: Answers, targets: Targets, overlap: int = 1) -> tuple[tuple[float, float], ...]:
    """Of each target what to add to a bent prediction for the ends of its interval; nothing where an error is not finite.

    Windows overlap: n of them, h = `overlap` steps long, tell as much as m = n / h that do not. With enough of them, the
    quantiles of the errors, so that a further one, exchangeable with them, lies between with probability LEVEL or more: of
    the m-th part ⌊(m + 1)(1 − LEVEL) / 2⌋ on each side. With few no quantile says so much: mean ± t s √(1 + 1/m), t of
    Student's distribution with m − 1 degrees of freedom.
    """
    errors = bent(outputs.targets.double(), targets.transforms) - bent(outputs.predictions.double(), targets.transforms)
    if not errors.isfinite().all():
        return ()
    count = len(errors)
    whole = max(FEWEST, round(count / overlap))
    outside = int((whole + 1) * (1 - LEVEL) / 2 + 1e-9)  # 5 of 99, not 4.99…
    if outside:
        place, ordered = max(0, outside * count // whole - 1), errors.sort(0).values
        low, high = ordered[place], ordered[count - 1 - place]
    else:
        spread = errors.std(0) if count > 1 else errors[0].abs()
        middle, reach = errors.mean(0), student(whole - 1, LEVEL) * math.sqrt(1 + 1 / whole) * spread
        low, high = middle - reach, middle + reach
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def ends(predictions: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """float64 (samples, targets) each: where the intervals about predictions (samples, targets) begin and end."""
    middle, edges = bent(predictions.double(), targets.transforms), torch.tensor(targets.margins, dtype=torch.float64)
    low, high = (unbent(middle + own, targets.transforms) for own in edges.T)
    return low, high


def inside(outputs: Answers, targets: Targets) -> Tensor:
    """bool (samples, targets): whether the interval holds the truth."""
    low, high = ends(outputs.predictions, targets)
    truth = outputs.targets.double()
    held: Tensor = (truth >= low) & (truth <= high)
    return held
