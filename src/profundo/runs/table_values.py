"""Rows of features → what a person calls them: categories by name, dates as dates, and how unusual each value is.

The inverse of data/tables/columns.py, in words. How unusual: distance from the training mean in standard deviations; for a
category that a share p of the rows has, the distance z beyond which a normal distribution has as much: P(|Z| > z) = p.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

from torch import Tensor

from profundo.data.tables.columns import DAY, YEAR, column_slices
from profundo.data.text.text_ids import text_of
from profundo.languages import local, say
from profundo.pictures.numbers import SPACE, count, percent, plain
from profundo.pictures.run_page.report_content import ColumnRow, Value
from profundo.records import Column, Inputs

__all__ = ["column_rows", "values_of"]

YEAR_2000 = datetime(2000, 1, 1, tzinfo=UTC)
MOST_LEVELS_TOLD = 6
MOST_SHOWN = 300  # characters of a text
WORTH_TELLING = 1.0  # standard deviations below which a number is not called unusual


def values_of(row: Tensor, inputs: Inputs) -> list[Value]:
    """Every value of a row (features,), in raw units, in the order of the table's columns."""
    if not inputs.columns:
        names = inputs.names or tuple(f"x{place + 1}" for place in range(len(row)))
        return [_number(name, float(row[place]), place, inputs) for place, name in enumerate(names)]
    return [_column_value(column, row[at], at, inputs) for column, at in column_slices(inputs)]


def column_rows(inputs: Inputs) -> list[ColumnRow]:
    """How each column became features, in words."""
    return [
        ColumnRow(column.name, column.kind, _becomes(column, at, inputs), _gaps(column, at, inputs))
        for column, at in column_slices(inputs)
    ]


def _number(name: str, value: float, place: int, inputs: Inputs) -> Value:
    deviations = _deviations(value, place, inputs)
    middle = "median" if place < len(inputs.clipped) and inputs.clipped[place] else "mean"
    return Value(name, _plainly(value), deviations, _how_far(deviations, middle))


def _column_value(column: Column, features: Tensor, at: slice, inputs: Inputs) -> Value:
    if column.kind == "text":
        return Value(column.name, shortened(text_of(features[column.lengths[0] :])) or say("report.no_text"), 0.0, "")
    if column.has_gaps and float(features[-1]) > 0.5:
        share = _mean(at.stop - 1, inputs)
        return Value(column.name, say("report.missing"), _rarity(share), _of_the_rows(share))
    if column.kind == "category":
        return _category(column, features, at, inputs)
    if column.kind == "date":
        deviations = _deviations(float(features[0]), at.start, inputs)
        return Value(column.name, _date(features, column.has_time), deviations, _how_far(deviations))
    return _number(column.name, float(features[0]), at.start, inputs)


def _category(column: Column, features: Tensor, at: slice, inputs: Inputs) -> Value:
    shares = _level_shares(column, at, inputs)
    hot = features[: len(column.levels)].tolist()
    if _is_flag(column):
        hot = [1 - hot[0], hot[0]]
    if max(hot) < 0.5:
        return Value(column.name, say("report.another"), math.inf, say("report.not_learned_from"))
    level = hot.index(max(hot))
    return Value(column.name, column.levels[level], _rarity(shares[level]), _of_the_rows(shares[level]))


def _of_the_rows(share: float) -> str:
    return say("report.of_the_rows", share=percent(share))


def shortened(text: str, most: int = MOST_SHOWN) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _is_flag(column: Column) -> bool:
    """Of two categories without gaps one feature says it all."""
    return len(column.levels) == 2 and not column.has_gaps


def _level_shares(column: Column, at: slice, inputs: Inputs) -> list[float]:
    """Share of the training rows that are of each level: the mean of its feature."""
    means = [_mean(place, inputs) for place in range(at.start, at.stop)]
    return [1 - means[0], means[0]] if _is_flag(column) else means[: len(column.levels)]


def _date(features: Tensor, has_time: bool) -> str:
    """From years since 2000, rounded to float32, the day; from the point on the day's circle, the time."""
    seconds = float(features[0]) * YEAR
    if not has_time:
        return f"{YEAR_2000 + timedelta(days=round(seconds / DAY)):%Y-%m-%d}"
    phase = math.atan2(float(features[5]), float(features[6])) / (2 * math.pi) % 1 * DAY
    whole = round((seconds - phase) / DAY) * DAY + phase
    return f"{YEAR_2000 + timedelta(seconds=round(whole)):%Y-%m-%d %H:%M}"


def _plainly(value: float) -> str:
    """Four significant digits at most, without zeros at the end: 0.1, not 0.10000000149."""
    text, point = plain(float(f"{value:.7g}")) if math.isfinite(value) else plain(value), local(".")
    return text.rstrip("0").rstrip(point) if point in text and SPACE not in text else text


def _deviations(value: float, place: int, inputs: Inputs) -> float:
    if place >= len(inputs.std) or inputs.std[place] <= 0:
        return 0.0
    return (value - inputs.mean[place]) / inputs.std[place]


def _mean(place: int, inputs: Inputs) -> float:
    return inputs.mean[place] if place < len(inputs.mean) else math.nan


def _rarity(share: float) -> float:
    return NormalDist().inv_cdf(1 - share / 2) if 0 < share <= 1 else math.inf


def _how_far(deviations: float, middle: str = "mean") -> str:
    if abs(deviations) < WORTH_TELLING:
        return ""
    side = "above" if deviations > 0 else "below"
    return say(f"report.{side}_{middle}", deviations=local(f"{abs(deviations):.1f}"))


def _becomes(column: Column, at: slice, inputs: Inputs) -> str:
    if column.kind == "text":
        words, characters = column.lengths
        often = ", ".join(column.levels[:MOST_LEVELS_TOLD])
        sizes = {"words": count(words), "known": count(len(column.levels)), "characters": count(characters)}
        return say("report.becomes_words", often=often, **sizes)
    if column.kind == "category":
        shares = sorted(zip(_level_shares(column, at, inputs), column.levels, strict=True), key=lambda pair: -pair[0])
        told = ", ".join(f"{level} ({percent(share)})" for share, level in shares[:MOST_LEVELS_TOLD])
        untold = len(shares) - MOST_LEVELS_TOLD
        more = say("report.and_more", number=untold) if untold > 0 else ""
        return say("report.becomes_flag" if _is_flag(column) else "report.becomes_each", levels=told + more)
    if column.kind == "date":
        return say("report.becomes_time" if column.has_time else "report.becomes_date")
    return say("report.becomes_number", mean=plain(_mean(at.start, inputs)))


def _gaps(column: Column, at: slice, inputs: Inputs) -> str:
    if not column.has_gaps:
        return say("report.none")
    share = percent(_mean(at.stop - 1, inputs))
    if column.kind == "category":
        return say("report.gaps_told", share=share)
    fill = _plainly(column.fill)
    if column.kind == "date":
        fill = f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=column.fill):%Y-%m-%d}"
    return say("report.gaps_filled", share=share, fill=fill)
