"""Moments as steps of equal length, and back: of seconds, of calendar months, of working days, or of a number.

places      moments → 0, 1, 2 …        moments_at     the way back, also beyond the last one
"""

from __future__ import annotations

import math

import numpy as np

from profundo.languages import Said
from profundo.records import Forecast

__all__ = ["calendar", "cycles_of", "learned_step", "moments_at", "places", "ranks", "season_of", "step_in_words"]

DAY, YEAR = 86_400.0, 31_556_952.0  # seconds
ONE_WAY = 0.9  # of the steps
LEAST_CORRELATION = 0.3  # from which a series is said to repeat itself
NEAR = 0.85  # of the largest correlation: then the shorter season is taken
PHASES = {
    "day": (DAY, 0.0),
    "week": (7 * DAY, -3 * DAY),
    "year": (YEAR, 0.0),
}  # period, and a moment at which one begins


# ---------------------------------------------------------------------------------------------------------------- steps
def learned_step(times: list[np.ndarray], are_dates: bool) -> tuple[str, float, float]:
    """(unit, step, share of uneven steps) of moments in ascending order, of each series. Raises ValueError for no step."""
    apart = np.concatenate([np.diff(one) for one in times])
    apart = apart[apart > 0]
    if not len(apart):
        raise ValueError("all moments are the same")
    step = float(np.median(apart))
    if not are_dates:
        return "number", step, _uneven(apart / step)
    if step >= 29 * DAY:
        months = np.concatenate([np.diff(_months(one)) for one in times])
        months = months[months > 0]
        usual = float(np.median(months)) if len(months) else 0.0
        if usual >= 1 and np.mean(months % usual == 0) >= ONE_WAY:
            return "month", usual, float(np.mean(months % usual != 0))
    whole = np.concatenate(times)
    if abs(step - DAY) < 1 and not (whole % DAY).any() and np.is_busday(_days(whole)).all() and len(whole) >= 10:
        return "weekday", 1.0, 0.0
    return "second", step, _uneven(apart / step)


def places(times: np.ndarray, forecast: Forecast) -> np.ndarray:
    """int64 (moments,): how many steps each lies after the first; moments ascend."""
    if forecast.unit == "weekday":
        days = _days(times)
        return np.asarray(np.busday_count(days[0], days), np.int64)
    passed = _months(times) if forecast.unit == "month" else times
    return np.asarray(np.rint((passed - passed[0]) / forecast.step), np.int64)


def moments_at(first: float, steps: np.ndarray, forecast: Forecast) -> np.ndarray:
    """float64: the moments so many steps after the first. A month that is too short for the day has its last day."""
    if forecast.unit in ("number", "second"):
        return np.asarray(first + steps * forecast.step)
    begin = _days(np.array([first]))[0]
    if forecast.unit == "weekday":
        days = np.busday_offset(begin, steps, roll="forward").astype(np.int64)
    else:
        month = begin.astype("datetime64[M]")
        wanted = month + np.rint(steps * forecast.step).astype(np.int64)
        lengths = (wanted + 1).astype("datetime64[D]") - wanted.astype("datetime64[D]")
        day = np.minimum(begin - month.astype("datetime64[D]"), lengths - np.timedelta64(1, "D"))
        days = (wanted.astype("datetime64[D]") + day).astype(np.int64)
    return np.asarray(days * DAY + first % DAY, np.float64)


def step_in_words(forecast: Forecast) -> Said:
    """The length of a step: "7 days", "1 month"."""
    size, name = 1.0, str(forecast.unit) if forecast.unit in ("month", "weekday", "number") else ""
    if name == "month" and forecast.step % 12 == 0:
        size, name = 12.0, "year"
    if not name:
        units = ((DAY, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))
        size, name = next((unit for unit in units if forecast.step >= unit[0]), units[-1])
    return Said(f"readings.time_{name}", count=float(forecast.step / size))


def _uneven(steps: np.ndarray) -> float:
    """Share of those that are no whole number of steps, by a quarter or more."""
    return float(np.mean(np.abs(steps - np.rint(steps)) > 0.25))


def _days(times: np.ndarray) -> np.ndarray:
    return np.floor(times / DAY).astype(np.int64).astype("datetime64[D]")


def _months(times: np.ndarray) -> np.ndarray:
    months: np.ndarray = _days(times).astype("datetime64[M]").astype(np.int64)
    return months


# ------------------------------------------------------------------------------------------------------------- calendar
def cycles_of(unit: str, step: float, span: float) -> tuple[str, ...]:
    """What of the calendar may matter to steps of that length, over so many seconds: cycles of several steps, seen twice."""
    seconds = {"second": step, "month": step * YEAR / 12, "weekday": DAY, "number": math.inf}[unit]
    return tuple(name for name, (period, _) in PHASES.items() if 2 * seconds <= period and 2 * period <= span)


def calendar(times: np.ndarray, cycles: tuple[str, ...]) -> np.ndarray:
    """float64 (4 · cycles, moments): sine and cosine of the place in each cycle, once and twice around."""
    rows = [np.empty((0, len(times)))]
    for name in cycles:
        period, begin = PHASES[name]
        angle = 2 * np.pi * (times - begin) / period
        rows.append(np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]))
    return np.concatenate(rows)


def season_of(values: np.ndarray) -> int:
    """The steps after which a series resembles itself most, without its trend: the first peak of the autocorrelation of its ranks,
    which a few wild values do not rule, that is nearly the highest, up to a third of the length; 1 where none is worth the name."""
    correlation = autocorrelation(ranks(values))
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:]) & (inner > LEAST_CORRELATION)) + 1
    if not len(peaks):
        return 1
    high = correlation[peaks].max()
    return int(peaks[correlation[peaks] >= NEAR * high][0])


def ranks(values: np.ndarray) -> np.ndarray:
    """float64: the place of each in ascending order; equal values have one rank."""
    return np.asarray(np.unique(values, return_inverse=True)[1], np.float64)


def autocorrelation(values: np.ndarray) -> np.ndarray:
    """Of lags 0 to a third of the length, of what is left without a straight trend; each by the pairs that there are."""
    steps = np.arange(len(values))
    rest = values - np.polyval(np.polyfit(steps, values, 1), steps) if len(values) > 2 else values - values.mean()
    most, power = len(values) // 3, float(np.mean(rest**2))
    if not power > 1e-12 * float(np.mean(values**2)):
        return np.zeros(most + 1)
    whole = np.fft.irfft(np.abs(np.fft.rfft(rest, 2 * len(rest))) ** 2)[: most + 1]
    return np.asarray(whole / (len(rest) - np.arange(most + 1)) / power)
