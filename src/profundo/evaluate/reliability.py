"""What stated probabilities are worth, in a few figures: of calibration bins, their error and the most telling one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from profundo.evaluate.intervals import wilson
from profundo.records import CalibrationBin

__all__ = ["Reliability", "reliability"]


ENOUGH = 30  # answers of a bin of which one may speak


@dataclass(frozen=True, slots=True)
class Reliability:
    """error: the mean of |frequency − confidence| over all answers (expected calibration error, Naeini et al. 2015);
    stated, right: mean probability and share of right answers; leaning: whether they differ by more than chance makes of
    so many answers; telling: the bin that adds most to the error, of those that hold enough answers to judge by;
    intervals: of each bin's frequency, 95 % (Wilson)."""

    error: float
    stated: float
    right: float
    leaning: bool
    telling: CalibrationBin
    intervals: tuple[tuple[float, float], ...]


def reliability(bins: Sequence[CalibrationBin]) -> Reliability | None:
    """Of bins that hold answers; None without any."""
    held = [one for one in bins if one.samples]
    total = sum(one.samples for one in held)
    if not total:
        return None
    stated = math.fsum(one.samples * one.confidence for one in held) / total
    right = math.fsum(one.samples * one.frequency for one in held) / total
    low, high = wilson(round(right * total), total)
    enough = [one for one in held if one.samples >= ENOUGH] or [max(held, key=lambda one: one.samples)]
    return Reliability(
        error=math.fsum(map(_share_of_error, held)) / total,
        stated=stated,
        right=right,
        leaning=not low <= stated <= high,
        telling=max(enough, key=_share_of_error),
        intervals=tuple(wilson(round(one.samples * one.frequency), one.samples) for one in bins),
    )


def _share_of_error(one: CalibrationBin) -> float:
    return one.samples * abs(one.frequency - one.confidence)
