"""What stated probabilities are worth, in a few figures: of calibration bins, their error and the most telling one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from profundo.evaluate.intervals import wilson
from profundo.records import Calibration, CalibrationBin

__all__ = ["chance_error", "reliability"]

ENOUGH = 30  # answers of a bin of which one may speak
SIMULATIONS, DRAWN = (20, 400), 4_000_000  # fewest and most; answers of all of them, if that is enough
AT_ONCE = 50_000  # answers that are drawn together


def chance_error(stated: Tensor, bins: Callable[[Tensor], Tensor], seed: int = 0) -> tuple[float, float] | None:
    """The expected calibration error of a net that is perfectly calibrated and states these probabilities (answers,): each
    comes true with the probability stated, by a draw. The mean of many simulations, and what one in 20 exceeds.

    Even such a net differs from the diagonal, by the luck of so many answers. None where a probability is no number.
    """
    if not len(stated) or not bool(stated.isfinite().all()):
        return None
    place, draw = bins(stated), torch.Generator().manual_seed(seed)
    rounds = max(SIMULATIONS[0], min(SIMULATIONS[1], DRAWN // len(stated)))
    at_once = max(1, AT_ONCE // len(stated))
    parts = [_drawn_errors(stated, place, min(at_once, rounds - done), draw) for done in range(0, rounds, at_once)]
    errors = torch.cat(parts)
    return errors.mean().item(), errors.quantile(0.95).item()


def _drawn_errors(stated: Tensor, place: Tensor, rounds: int, draw: torch.Generator) -> Tensor:
    """Of so many simulations (rounds,)."""
    came_true = torch.rand(rounds, len(stated), generator=draw, dtype=torch.float64) < stated
    count = int(place.max()) + 1
    where = torch.arange(rounds)[:, None] * count + place
    gaps = torch.bincount(where.flatten(), (stated - came_true.double()).flatten(), rounds * count)
    return gaps.view(rounds, count).abs().sum(1) / len(stated)


def reliability(bins: Sequence[CalibrationBin], chance: tuple[float, float] | None = None) -> Calibration | None:
    """Of bins that hold answers; None without any. chance: see Calibration."""
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
        chance=chance,
    )


def _share_of_error(one: CalibrationBin) -> float:
    return one.samples * abs(one.frequency - one.confidence)
