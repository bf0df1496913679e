"""Rows of a frame as float64, a column for a column of the table: what columns.py makes features of."""

from __future__ import annotations

from collections.abc import Sequence
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
    parts = [_numbers(frame[column.name], column) for column in columns]
    return torch.stack(parts, 1) if parts else torch.empty(frame.height, 0, dtype=torch.float64)


def _numbers(series: polars.Series, column: Column) -> Tensor:
    """The column as numbers. Raises ProfundoError that names a value which is none."""
    import polars

    try:
        if column.kind == "number" and series.dtype.is_float() and bool(series.is_infinite().any()):
            row = int(series.is_infinite().arg_true()[0])
            raise ProfundoError(f"column {column.name!r}, row {row + 1}: expected a finite number, got {series[row]}")
        values = _raw(series, column)
        if bool((large := values.abs() > LARGEST).any()):
            row = int(large.nonzero()[0])
            raise ProfundoError(
                f"column {column.name!r}, row {row + 1}: expected a number up to {LARGEST:.3g}, got {series[row]}"
            )
        return values
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


def _raw(series: polars.Series, column: Column) -> Tensor:
    import polars

    if column.kind in ("category", "text"):  # in Polars alone: texts may be millions, all different
        levels = polars.Series("level", column.levels, dtype=polars.String)
        places = polars.DataFrame({"level": levels, "place": np.arange(float(len(levels)))})
        words = polars.DataFrame({"level": series.cast(polars.String)})
        result = words.join(places, on="level", how="left", maintain_order="left")["place"]
        return torch.from_numpy(result.fill_null(float("nan")).to_numpy().copy())
    if column.kind == "date":
        series = series.cast(polars.Datetime("us")).dt.epoch("us").cast(polars.Float64) / 1e6
    values = torch.from_numpy(series.cast(polars.Float64).to_numpy().copy())
    return torch.where(values.isfinite(), values, float("nan"))
