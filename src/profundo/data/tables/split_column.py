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
from profundo.records import ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["by_column", "inputs_of", "split_collection"]


def split_collection(frame: polars.DataFrame, name: str, where: str, how: Reading) -> Collection:
    """The rows of a table that was read, and what decides who is in which split, where that was asked for."""
    by = None
    if how.split_by is not None:
        by = by_column(how.split_by, frame, target_names(how.target, frame.columns), where)
    return replace(frame_collection(inputs_of(how.split_by, frame), name, where, how.target, how.task), split_by=by)


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


def inputs_of(text: str | None, frame: polars.DataFrame) -> polars.DataFrame:
    """The columns to learn from and to predict: what groups rows would tell one group from another."""
    if text is None:
        return frame
    kind, column = read_split_by(text)
    return frame.drop(column, strict=False) if kind == "group" else frame


def times(series: polars.Series, where: str) -> tuple[Tensor, bool]:
    """float64 (rows,), numbers or seconds since 1970; and whether they are dates."""
    import polars

    column = recognised(series)
    if not isinstance(column, str) and column.kind in ("number", "date"):
        return raw_rows(series.to_frame(), [column])[:, 0], column.kind == "date"
    numbers = series.cast(polars.String).cast(
        polars.Float64, strict=False
    )  # also a count of the rows, no input by itself
    if numbers.null_count():
        row = int(numbers.is_null().arg_true()[0])
        raise ProfundoError(
            f"{where}: column {series.name!r}, row {row + 1}: expected a number, or a date such as 2024-05-31, to split by "
            f"time; got {series[row]!r}"
        )
    return torch.from_numpy(numbers.to_numpy().copy()), False
