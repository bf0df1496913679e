"""What a column of a table may serve as: a number, a date, a category, a text; or why it can be no input."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from profundo.data.tables.delimited import HEAD
from profundo.data.text.text_ids import reads_as_text
from profundo.languages import Said
from profundo.records import Column, ColumnReading

if TYPE_CHECKING:
    import polars

__all__ = ["levels_of", "recognised", "recognised_columns", "texts_of"]


def recognised_columns(
    frame: polars.DataFrame, readings: Mapping[str, ColumnReading] | None = None
) -> tuple[tuple[Column, ...], dict[str, str]]:
    """The columns that can be learned from, and of each of the others why not."""
    columns, left_out = [], {}
    for name in frame.columns:
        result = recognised(frame[name], (readings or {}).get(name))
        if isinstance(result, Column):
            columns.append(result)
        else:
            left_out[name] = result
    return tuple(columns), left_out


def recognised(series: polars.Series, reading: ColumnReading | None = None) -> Column | str:
    """How a column can be used as an input, or why not."""
    result = _recognised(
        series, reading.kind if reading is not None else "", reading is not None and reading.why == "as told"
    )
    return replace(result, writing=reading.writing) if reading is not None and isinstance(result, Column) else result


def _recognised(series: polars.Series, kind: str, told: bool) -> Column | str:
    there = len(series) - series.null_count()
    dtype = series.dtype
    if there == 0:
        return Said("readings.empty")
    if there == len(series) and not _vary(series.head(HEAD)) and not _vary(series):
        return Said("readings.one_value")
    if dtype.is_numeric():
        return Said("readings.numbers_rows") if _counts_up(series) else Column(series.name, "number")
    if dtype.is_temporal():
        if str(dtype).startswith(("Date", "Datetime")):
            return Column(series.name, "date", has_time=_has_time(series))
        return f"times of the kind {dtype} are not understood"
    if str(dtype) not in ("String", "Boolean", "Categorical", "Enum") and not str(dtype).startswith(
        ("Categorical", "Enum")
    ):
        return f"values of the kind {dtype} are not understood"
    different = series.drop_nulls().n_unique()
    if kind == "text" or (different > max(20, there // (2 if kind == "code" else 10)) and not told):
        if kind == "text" or (kind != "code" and reads_as_text(series.drop_nulls().unique(maintain_order=True))):
            return Column(series.name, "text", levels=texts_of(series))
        option = f"--column {shlex.quote(f'{series.name}=text')}"
        return Said("readings.many_names", different=different, rows=there, option=option)
    return Column(series.name, "category", levels=levels_of(series))


def _vary(series: polars.Series) -> bool:
    """Whether there is more than one value, none of them missing."""
    return bool(series.min() < series.max()) if series.dtype.is_numeric() else series.n_unique() > 1  # type: ignore[operator]


def _counts_up(series: polars.Series) -> bool:
    """Whether it is 0, 1, 2 … or 1, 2, 3 … down the rows: an identifier says nothing of what it identifies."""
    if not series.dtype.is_integer() or series.null_count() or len(series) < 3 or series[0] not in (0, 1):
        return False
    return bool((series.diff().drop_nulls() == 1).all())


def _has_time(series: polars.Series) -> bool:
    return str(series.dtype).startswith("Datetime") and bool((series.dt.time().drop_nulls() != _midnight()).any())


def _midnight() -> Any:
    from datetime import time

    return time(0, 0)


def texts_of(series: polars.Series) -> Any:
    """The different texts, in order, as a Series: it shares the memory of the column."""
    import polars

    return series.drop_nulls().cast(polars.String).unique().sort()


def levels_of(series: polars.Series) -> tuple[str, ...]:
    return tuple(texts_of(series).to_list())
