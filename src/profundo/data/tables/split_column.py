"""The column of a table that decides who is in which split: its times, or its groups; see splits/split_by.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from profundo.data.dataset_names import Reading, nearest
from profundo.data.splits.split_by import SplitBy, numbered, read_split_by, target_names
from profundo.data.splits.splits import Collection
from profundo.data.tables.frames import frame_collection, raw_rows, recognised
from profundo.data.tables.order_and_groups import unlike_chance
from profundo.records import ProfundoError

if TYPE_CHECKING:
    import polars

    from profundo.data.tables.reading import Table

__all__ = ["by_column", "learned_from", "split_collection", "times"]


def split_collection(table: Table, name: str, where: str, how: Reading) -> Collection:
    """The rows of a table that was read, and what decides who is in which split, where that was asked for."""
    if how.lookback is not None or how.series is not None:
        raise ProfundoError(f"{where}: --lookback and --series are for forecasts; say --horizon, the steps to predict")
    targets = target_names(how.target, table.frame.columns)
    by = by_column(how.split_by, table.frame, targets, where) if how.split_by is not None else None
    collection = frame_collection(table, name, where, learned_from(how))
    if by is not None:
        return replace(collection, split_by=by)
    return replace(collection, notes=(*collection.notes, *unlike_chance(table.frame.drop_nulls(targets), targets)))


def learned_from(how: Reading) -> Reading:
    """The reading without the column that groups the rows: it would tell one group from another."""
    kind, column = read_split_by(how.split_by) if how.split_by is not None else ("", "")
    return replace(how, drop=(*how.drop, column)) if kind == "group" else how


def by_column(text: str, frame: polars.DataFrame, targets: Sequence[str], where: str) -> SplitBy:
    """By a column of a table, for its rows that have all targets. Raises ProfundoError for a column that is not there, has
    holes, or has no times."""
    kind, column = read_split_by(text)
    if column in targets:
        raise ProfundoError(f"{where}: column {column!r} is to be predicted; split by another one")
    if column not in frame.columns:
        raise ProfundoError(f"{where} has no column {column!r} to split by; {nearest(column, frame.columns)}")
    series = frame.drop_nulls([name for name in targets if name in frame.columns])[column]
    if holes := series.null_count():
        raise ProfundoError(f"{where}: column {column!r} is empty in {holes:,} rows; to split by it, fill or drop them")
    if kind == "group":
        return SplitBy("group", column, numbered(series.to_list()))
    keys, are_dates = times(series, where)
    return SplitBy("time", column, keys, are_dates)


def times(series: polars.Series, where: str) -> tuple[Tensor, bool]:
    """float64 (rows,), numbers or seconds since 1970; and whether they are dates."""
    import polars

    column = recognised(series)
    if not isinstance(column, str) and column.kind in ("number", "date"):
        return raw_rows(series.to_frame(), [column])[:, 0], column.kind == "date"
    words = series.cast(polars.String)
    try:
        moments = words.str.to_datetime(strict=False, time_unit="us")
    except polars.exceptions.PolarsError:  # no form of dates is recognised
        moments = words.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    if not moments.null_count():
        return torch.from_numpy(moments.dt.epoch("us").to_numpy() / 1e6), True
    numbers = words.cast(polars.Float64, strict=False)  # such as a count of the rows, which is no input
    if numbers.null_count():
        row = int(numbers.is_null().arg_true()[0])
        raise ProfundoError(
            f"{where}: column {series.name!r}, row {row + 1}: expected a number, or a date such as 2024-05-31, to split by "
            f"time; got {series[row]!r}"
        )
    return torch.from_numpy(numbers.to_numpy().copy()), False
