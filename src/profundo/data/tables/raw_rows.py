"""Rows of a frame as float64, a column for a column of the table: what columns.py makes features of."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from profundo.records import Column, ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["LARGEST", "raw_rows"]

LARGEST = torch.finfo(torch.float32).max


def raw_rows(frame: polars.DataFrame, columns: Sequence[Column]) -> Tensor:
    """float64 (rows, columns) as columns.py takes them; categories that a column does not know are missing."""
    columns_first = torch.empty(len(columns), frame.height, dtype=torch.float64)
    for row, column in zip(columns_first.numpy(), columns, strict=True):
        row[:] = _numbers(frame[column.name], column)
    return columns_first.T


def _numbers(series: polars.Series, column: Column) -> np.ndarray:
    """The column as numbers. Raises ProfundoError that names a value which is none."""
    import polars

    try:
        values = _raw(series, column)
        if max(-(values.min() or 0), values.max() or 0) > LARGEST:  # type: ignore[operator]
            row = int((values.fill_nan(None).abs() > LARGEST).arg_true()[0])
            expected = "finite number" if abs(values[row]) == inf else f"number up to {LARGEST:.3g}"
            raise ProfundoError(f"column {column.name!r}, row {row + 1}: expected a {expected}, got {series[row]}")
        return values.to_numpy()  # NaN where there is nothing
    except polars.exceptions.PolarsError:
        strange = next((value for value in series.to_list() if not _fits(value, series, column)), series[0])
        expected = "numbers" if column.kind == "number" else "dates such as 2024-05-31"
        raise ProfundoError(f"column {column.name!r}: expected {expected}, got {strange!r}") from None


def _fits(value: Any, series: polars.Series, column: Column) -> bool:
    import polars

    try:
        _raw(polars.Series(series.name, [value], dtype=series.dtype), column)
    except polars.exceptions.PolarsError:
        return False
    return True


def _raw(series: polars.Series, column: Column) -> polars.Series:
    """Float64, null or NaN for nothing."""
    import polars

    if column.kind in ("category", "text"):  # in Polars alone: texts may be millions, all different
        levels = polars.Series("level", column.levels, dtype=polars.String)
        places = polars.DataFrame({"level": levels, "place": np.arange(float(len(levels)))})
        words = polars.DataFrame({"level": series.cast(polars.String)})
        return words.join(places, on="level", how="left", maintain_order="left")["place"]
    if column.kind == "date":
        series = series.cast(polars.Datetime("us")).dt.epoch("us").cast(polars.Float64) / 1e6
    return series.cast(polars.Float64)
