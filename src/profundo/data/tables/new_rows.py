"""Rows to come as the features that a saved net takes, by what its columns learned from the training rows.

Whatever a row lacks is treated as in training, and told: a hole is filled by the median of the training rows, a category
that training never saw counts as none of those it saw. A column that is not there at all, or a value of the wrong kind, is
a mistake; columns that the net does not know are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from math import inf, nan
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from profundo.data.tables.columns import encoded
from profundo.data.tables.frames import LARGEST, MISSING, raw_rows
from profundo.records import Column, Inputs, ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["BadInputError", "Features", "columns_of", "features_of_frame", "features_of_row", "keys_of", "plain_value"]

Levels = list[tuple[str, ...]]  # of each column, what the indices of its categories stand for


class BadInputError(ProfundoError):
    """One of several inputs cannot be used. index: which, from 0."""

    def __init__(self, index: int, said: str) -> None:
        super().__init__(said)
        self.index = index


@dataclass(frozen=True, slots=True)
class Features:
    """values: float32 (rows, features); notices: for each row, sentences about what it lacked."""

    values: Tensor
    notices: list[tuple[str, ...]]


def columns_of(inputs: Inputs) -> tuple[Column, ...]:
    """The columns that a row must have: those learned from a table, or one number for each feature."""
    names = inputs.names or tuple(f"x{place + 1}" for place in range(inputs.shape[0]))
    return inputs.columns or tuple(Column(name, "number") for name in names)


def keys_of(there: Sequence[str], inputs: Inputs) -> list[str]:
    """Of the names that are there, those of the net's columns, in its order; by their place where it knows no names.

    Raises ProfundoError that names the columns that are missing.
    """
    wanted, known = [column.name for column in columns_of(inputs)], set(there)
    missing = [name for name in wanted if name not in known]
    if not missing:
        return wanted
    if not inputs.names and not inputs.columns:
        if len(there) == len(wanted):
            return list(there)
        raise ProfundoError(
            f"expected {len(wanted)} columns, x1 to x{len(wanted)} or any in that order, got {len(there)}"
        )
    raise ProfundoError(f"expected the columns {_some(wanted)}; missing: {_some(missing)}")


def features_of_frame(frame: polars.DataFrame, inputs: Inputs) -> Features:
    """The rows of a table. Raises ProfundoError for missing columns and for values of the wrong kind."""
    columns = columns_of(inputs)
    frame = frame.select(keys_of(frame.columns, inputs))
    frame = frame.rename(dict(zip(frame.columns, (column.name for column in columns), strict=True)))
    levels = [_levels(column, _words(frame[column.name])) if column.kind == "category" else () for column in columns]
    raw = raw_rows(frame, [replace(column, levels=own) for column, own in zip(columns, levels, strict=True)])
    return _features(raw, levels, inputs)


def features_of_row(row: Mapping[str, Any], inputs: Inputs) -> Features:
    """One row of plain values by column name: numbers, words, truth values, dates as text, None for nothing."""
    columns = columns_of(inputs)
    values = [row[key] for key in keys_of(list(row), inputs)]
    levels: Levels = [
        _levels(column, [_word(value)] if column.kind == "category" and _is_there(value, column) else [])
        for column, value in zip(columns, values, strict=True)
    ]
    raw = [_raw(value, column, own) for value, column, own in zip(values, columns, levels, strict=True)]
    return _features(torch.tensor([raw], dtype=torch.float64), levels, inputs)


def _features(raw: Tensor, levels: Levels, inputs: Inputs) -> Features:
    if inputs.columns:
        return Features(encoded(inputs.columns, raw, levels), _notices(raw, levels, inputs.columns))
    holes = (~raw.float().isfinite()).nonzero().tolist()
    if holes:
        index, place = holes[0]
        name = columns_of(inputs)[place].name
        raise BadInputError(index, f"column {name!r}: expected a number, got {_shown(float(raw[index, place]))}")
    return Features(raw.float(), [()] * len(raw))


def _notices(raw: Tensor, levels: Levels, columns: Sequence[Column]) -> list[tuple[str, ...]]:
    told: list[list[str]] = [[] for _ in range(len(raw))]
    for place, (column, own) in enumerate(zip(columns, levels, strict=True)):
        values = raw[:, place]
        for index in values.isnan().nonzero().flatten().tolist():
            told[index].append(f"column {column.name!r} is missing: {_taken_for(column)}")
        if column.kind == "category":
            for index in (values >= len(column.levels)).nonzero().flatten().tolist():
                level = own[int(values[index])]
                told[index].append(f"column {column.name!r}: {level!r} was not seen in training, {_counts_as(column)}")
    return [tuple(sentences) for sentences in told]


def _taken_for(column: Column) -> str:
    if column.kind == "category":
        return "as in some rows of training" if column.has_gaps else f"no row of training was so, {_counts_as(column)}"
    fill = f"{column.fill:g}" if column.kind == "number" else str(datetime.fromtimestamp(column.fill, UTC).date())
    return f"taken for {fill}, the median of training"


def _counts_as(column: Column) -> str:
    """What a category without a feature of its own looks like to the net."""
    if len(column.levels) == 2 and not column.has_gaps:  # one feature tells the second from all else
        return f"it counts as {column.levels[0]!r}"
    return "it counts as none of the categories"


# ---------------------------------------------------------------------------------------------------------- plain values
def _raw(value: Any, column: Column, levels: Sequence[str]) -> float:
    """A value as columns.py takes it. Raises ProfundoError for one of another kind."""
    if not _is_there(value, column):
        return nan
    if column.kind == "category":
        return float(levels.index(_word(value)))
    try:
        number = float(value) if column.kind == "number" else _seconds(value)
    except (TypeError, ValueError, OverflowError):
        expected = "a number" if column.kind == "number" else "a date such as 2024-05-31"
        raise ProfundoError(f"column {column.name!r}: expected {expected}, got {_shown(value)}") from None
    if LARGEST < abs(number) < inf:
        raise ProfundoError(f"column {column.name!r}: expected a number up to {LARGEST:.3g}, got {_shown(value)}")
    return number if abs(number) < inf else nan


def plain_value(value: Any, column: Column) -> float | str:
    """A value for a program that knows numbers and texts only: a category as text, "" for none; a number, or the seconds
    since 1970 (UTC) of a date, NaN for none."""
    if column.kind == "category":
        return _word(value) if _is_there(value, column) else ""
    return _raw(value, column, ())


def _is_there(value: Any, column: Column) -> bool:
    """A word for nothing is one, unless training knew it as a category."""
    if isinstance(value, str):
        return value.strip() not in MISSING or value in column.levels
    return value is not None and value == value


def _seconds(value: Any) -> float:
    """Since 1970, UTC. Raises TypeError or ValueError for what is no date."""
    moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if not isinstance(moment, datetime):
        raise TypeError
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _word(value: Any) -> str:
    """A category as tables write it. Raises ProfundoError for lists and other things that are no word."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise ProfundoError(f"expected a word or a number as a category, got {_shown(value)}")
    return str(value)


def _words(series: polars.Series) -> list[str]:
    import polars

    return [str(word) for word in series.drop_nulls().cast(polars.String).unique().sort().to_list()]


def _levels(column: Column, words: Iterable[str]) -> tuple[str, ...]:
    """Those of the column, then those that it does not know."""
    return (*column.levels, *(word for word in words if word not in column.levels))


def _shown(value: Any) -> str:
    if isinstance(value, float) and value != value:
        return "nothing"
    return repr(value)[:100]


def _some(names: Sequence[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
