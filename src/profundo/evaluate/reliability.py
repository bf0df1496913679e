"""What stated probabilities are worth, in a few figures: of calibration bins, their error and the most telling one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from profundo.evaluate.intervals import wilson
from profundo.records import Calibration, CalibrationBin

__all__ = ["reliability"]

ENOUGH = 30  # answers of a bin of which one may speak


def reliability(bins: Sequence[CalibrationBin]) -> Calibration | None:
    """Of bins that hold answers; None without any."""
    held = [one for one in bins if one.samples]
    total = sum(one.samples for one in held)
    if not total:
        return None
    stated = math.fsum(one.samples * one.confidence for one in held) / total
    right = math.fsum(one.samples * one.frequency for one in held) / total
    low, high = wilson(round(right * total), total)
    enough = [one for one in held if one.samples >= ENOUGH] or [max(held, key=lambda one: one.samples)]
    return Calibration(
        bins,
        tuple(wilson(round(one.samples * one.frequency), one.samples) for one in bins),
        error=math.fsum(map(_share_of_error, held)) / total,
        stated=stated,
        right=right,
        leaning=not low <= stated <= high,
        telling=max(enough, key=_share_of_error),
    )


def _share_of_error(one: CalibrationBin) -> float:
    return one.samples * abs(one.frequency - one.confidence)
