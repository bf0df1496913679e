"""Scales: which values go to which pixels, linearly or by their logarithms, and the round ticks that tell them."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from profundo.languages import local
from profundo.pictures.numbers import SPACE

__all__ = [
    "ACROSS",
    "SQUARE",
    "UP",
    "Axis",
    "enclosing",
    "horizontal",
    "log_ticks",
    "nice_ticks",
    "share",
    "tick",
    "usual_range",
    "vertical",
]

ACROSS, UP, SQUARE = (62.0, 466.0), (252.0, 52.0), (412.0, 52.0)  # where the plotting area starts and ends, in pixels
FAR = 2.0  # times the middle 95 %: beyond a normal distribution's fifth deviation
NO_SPREAD = 1e-290  # values nearer than this cannot be told apart, nor divided by their distance
POWERS = -300, 308  # of ten that ticks may have
SMALLEST, LARGEST = 5e-324, sys.float_info.max


@dataclass(frozen=True, slots=True)
class Axis:
    """Values between low and high go linearly (or their logarithms do) to pixels between start and end."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    def __call__(self, value: float) -> float:
        if self.log:
            low, high, at = math.log10(self.low), math.log10(self.high), math.log10(value)
        else:
            low, high, at = self.low / 2, self.high / 2, value / 2  # halves: no ∞
        return self.start + (self.end - self.start) * ((at - low) / (high - low))

    def holds(self, value: float) -> bool:
        """Whether the value has a place on an axis of this kind, if a long enough one."""
        return math.isfinite(value) and (value > 0 or not self.log)


def nice_ticks(values: Sequence[float], most: int = 6) -> tuple[float, ...]:
    """Round numbers 1, 2 or 5 · 10ᵏ apart that enclose the values: at least two, about `most`."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low <= max(1e-12 * max(abs(low), abs(high)), NO_SPREAD):
        margin = abs(low) / 10 or 1.0
        low, high = low - margin, high + margin
    rough = high / (most - 1) - low / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(float(f"{index * step:.12g}") for index in range(first, last + 1))
    return ticks if all(map(math.isfinite, ticks)) else (low, high)


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten that enclose the values; over fewer than three of them, also twice and five times each."""
    first = min(max(math.floor(math.log10(low) + 1e-9), POWERS[0]), POWERS[1] - 1)
    last = max(math.ceil(math.log10(high) - 1e-9), first + 1)
    if last - first > 3:
        step = math.ceil((last - first) / 6)
        return tuple(10.0 ** min(power, POWERS[1]) for power in range(first, last + step, step))
    ticks = [float(f"{factor}e{power}") for power in range(first, last + 1) for factor in (1, 2, 5)]
    ticks = [tick for tick in ticks if tick <= LARGEST]
    above = next((index for index, tick in enumerate(ticks) if tick >= high * 0.999), len(ticks) - 1)
    below = max((index for index, tick in enumerate(ticks) if tick <= low * 1.001), default=0)
    below = min(below, len(ticks) - 2)
    return tuple(ticks[below : max(above, below + 1) + 1])


def usual_range(values: Sequence[float]) -> tuple[float, float]:
    """Between which values an axis shows them, so that a few far out do not press all others together: from the 2.5th to
    the 97.5th percentile, and twice as far to either side. Of values without such tails, the lowest and the highest."""
    ordered = sorted(values)
    low, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.025, 0.975))
    room = FAR * (high - low)
    if not room:
        return ordered[0], ordered[-1]
    return max(ordered[0], low - room), min(ordered[-1], high + room)


def enclosing(values: Sequence[float], pixels: tuple[float, float]) -> Axis:
    """From the last tick below the values to the first above them."""
    ticks = nice_ticks(values)
    return Axis(ticks[0], ticks[-1], *pixels, ticks)


def vertical(values: Sequence[float], *, log: bool = False, percent: bool = False) -> Axis:
    """The vertical axis of lines: from zero where the values come near it. percent: they are shares, and none is above 1.

    The values are finite, and positive on a logarithmic axis.
    """
    if log and values:
        ticks = log_ticks(min(values), max(values))
        return Axis(ticks[0], ticks[-1], *UP, ticks, log=True)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if percent and high - low < 1e-9:  # a share that does not change
        low, high = min(low, 0.0), max(high, 1.0)
    ticks = nice_ticks([low, high, 0.0] if 0 <= low < 0.3 * high else [low, high])
    below = tuple(t for t in ticks if t <= 1)
    if percent and high <= 1 and len(below) > 1:
        ticks = below
    return Axis(ticks[0], ticks[-1], *UP, ticks)


def horizontal(values: Sequence[float], *, log: bool = False) -> Axis:
    """The horizontal axis of lines: from the lowest to the highest value, with the round ticks between them, whole ones
    where the values are: there is no epoch 1.5."""
    finite = [float(value) for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = (min(finite), max(finite)) if finite else (1.0, 2.0)
    if log and low == high:
        low, high = max(low / 2, SMALLEST), min(high * 2, LARGEST)
    elif low == high and low % 1 == 0:  # one epoch: its number alone, in the middle
        beside = max(1.0, abs(low) / 10)
        return Axis(low - beside, high + beside, ACROSS[0] + 6, ACROSS[1] - 6, (low,))
    elif not log and high - low <= NO_SPREAD:
        low, high = low - (abs(low) / 10 or 1.0), high + (abs(high) / 10 or 1.0)
    ticks = log_ticks(low, high) if log else nice_ticks([low, high], 8)
    margin = 1e-9 * (high - low)
    whole = not log and all(value % 1 == 0 for value in finite)
    inside = tuple(t for t in ticks if low - margin <= t <= high + margin and (t % 1 == 0 or not whole))
    if len(inside) < 2:  # too few to read a value by: let the ticks enclose the values
        return Axis(ticks[0], ticks[-1], ACROSS[0] + 6, ACROSS[1] - 6, ticks, log)
    return Axis(low, high, ACROSS[0] + 6, ACROSS[1] - 6, inside, log)


def tick(value: float) -> str:
    """The shortest writing that tells the tick exactly."""
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.4e}".split("e")
        return local(f"{float(mantissa):g}e{int(exponent)}".replace("-", "−"))
    return local(f"{value:,.12f}".rstrip("0").rstrip(".").replace("-", "−"))


def share(value: float) -> str:
    return local(f"{100 * value:.4f}".rstrip("0").rstrip(".").replace("-", "−")) + f"{SPACE}%"
