"""Rows to come, for a net that forecasts: the last of each series, at even steps, and the moments that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from profundo.data.series.forecast_windows import Ending, endings, rows_by
from profundo.data.tables.new_rows import BadInputError, keys_of, raw_of_frame, raw_of_rows
from profundo.languages import told_by, within
from profundo.records import Column, Forecast, Inputs, ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["endings_of_frame", "endings_of_rows", "row_inputs", "written"]


def row_inputs(inputs: Inputs) -> Inputs:
    """What one row of the table looks like that such series are made of."""
    made = inputs.rows or _forecast(inputs)
    names = tuple(column.name for column in made.columns)
    return Inputs((len(names),), "features", names=names, columns=made.columns, form=made.form)


def endings_of_frame(frame: polars.DataFrame, inputs: Inputs, where: str) -> list[Ending | str]:
    """Of each series in a table its end, or why it cannot be predicted further. Raises ProfundoError for columns that are not
    there and cells that do not read."""
    import polars

    forecast = _forecast(inputs)
    try:
        keys_of(frame.columns, row_inputs(inputs))
        raw, faults = raw_of_frame(frame, _numbers(forecast), forecast.form)
    except ProfundoError as error:
        raise ProfundoError(f"{where}: {error}", told=within(where, told_by(error))) from None
    if faults:
        row = min(faults)
        raise ProfundoError(f"{where}: row {row + 1}: {faults[row]}")
    names = frame[forecast.series].cast(polars.String).to_list() if forecast.series else [None] * frame.height
    return _endings(raw, names, inputs, where)


def endings_of_rows(rows: Sequence[Mapping[str, Any]], inputs: Inputs) -> list[Ending | str]:
    """The same of plain values by column name. Raises BadInputError with the row's index."""
    forecast = _forecast(inputs)
    for index, row in enumerate(rows):
        try:
            keys_of(list(row), row_inputs(inputs))
        except ProfundoError as error:
            raise BadInputError(index, f"row {index + 1}: {error}") from None
    raw, faults = raw_of_rows(rows, _numbers(forecast), forecast.form)
    if faults:
        index = min(faults)
        raise BadInputError(index, f"row {index + 1}: {faults[index]}", faults[index])
    return _endings(raw, [str(row[forecast.series]) if forecast.series else None for row in rows], inputs, "rows")


def written(moment: float, forecast: Forecast) -> str:
    """A moment as a table has it."""
    if forecast.columns[0].kind != "date":
        return f"{moment:.15g}"
    text = datetime.fromtimestamp(moment, UTC).isoformat(sep=" ").removesuffix("+00:00")
    return text.removesuffix(" 00:00:00") if forecast.unit != "second" or forecast.step % 86_400 == 0 else text


def _endings(raw: Tensor, names: Sequence[Any], inputs: Inputs, where: str) -> list[Ending | str]:
    values = raw.numpy()
    empty = np.isnan(values[:, 0])
    if empty.any():
        row, name = int(empty.argmax()) + 1, _forecast(inputs).time
        raise ProfundoError(f"{where}: row {row}: column {name!r} is empty; expected the moment of each row")
    return endings(values[:, 0], values[:, 1:], rows_by(names), inputs, where)


def _numbers(forecast: Forecast) -> list[Column]:
    """The moment first, then the channels."""
    return [column for column in forecast.columns if column.name != forecast.series]


def _forecast(inputs: Inputs) -> Forecast:
    assert inputs.forecast is not None
    return inputs.forecast
