"""Labelled series in a table that has a row for each step: which series it is of, when, its values, and the label, which is the
same in all rows of a series.

    walk  t  ax   ay   what            series (channels, steps)      label
    1     0  0.1  0.2  sit       →     [[0.1, 0.3], [0.2, 0.2]]      sit
    1     1  0.3  0.2  sit             [[0.9, …], …]                 run
    2     0  0.9  …    run

What the columns of a table were, its series' names among them, is kept (records.SeriesRows), so that other tables are read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from profundo.data.dataset_names import Reading
from profundo.data.series.filling import filled_series
from profundo.data.series.forecast_windows import forecast_collection, rows_by, series_rows
from profundo.data.series.ts_files import of_length
from profundo.data.splits.split_by import read_split_by
from profundo.data.splits.splits import Collection
from profundo.data.tables.column_kinds import recognised_columns
from profundo.data.tables.frames import decisions, inputs_among, none_left
from profundo.data.tables.new_rows import keys_of, raw_of_frame
from profundo.data.tables.order_and_groups import time_column
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.tables.split_column import by_column, split_collection, times
from profundo.data.tables.table_files import form_of
from profundo.data.tables.target_columns import lost_rows, target_columns, target_values
from profundo.languages import Said
from profundo.records import Column, Inputs, ProfundoError, Samples, SeriesRows

if TYPE_CHECKING:
    import polars

    from profundo.data.tables.reading import Table

__all__ = ["NewSeries", "labelled_collection", "rows_collection", "series_of_frame"]

FEWEST = 3  # one series for each split


def rows_collection(table: Table, name: str, where: str, how: Reading) -> Collection:
    """The rows of a table; with a horizon, its windows; with a column that says which series a row is of, its series."""
    if how.horizon is not None:
        return forecast_collection(table, name, where, how)
    return (split_collection if how.series is None else labelled_collection)(table, name, where, how)


def labelled_collection(table: Table, name: str, where: str, how: Reading) -> Collection:
    """The series of a table with their labels.

    Raises ProfundoError for a label that changes within a series, columns that are not there, and a table without numbers.
    """
    if how.lookback is not None:
        raise ProfundoError(
            f"{where}: --lookback is for forecasts; say --horizon too, the steps to predict",
            told=Said("refusals.lookback_alone", where=where),
        )
    frame, column = table.frame, how.series or ""
    wanted = target_columns(frame.columns, how.target, where)
    if column in wanted:
        raise ProfundoError(Said("refusals.series_target", where=where, name=repr(column)))
    rows = series_rows(frame, column, where)
    labels = _one_each(frame, rows, wanted, column, where)
    there = [place for place, row in enumerate(labels.select(wanted).iter_rows()) if None not in row]
    if len(there) < FEWEST:
        raise ProfundoError(
            f"{where}: expected {FEWEST} series or more with a value of {how.target!r}, got {len(there)}; --series {column} "
            "names the column that says which series a row is of",
            told=Said(
                "refusals.few_series",
                where=where,
                least=FEWEST,
                target=repr(how.target),
                count=len(there),
                column=column,
            ),
        )
    series, labels = [own for place, own in enumerate(rows.values()) if place in set(there)], labels[there]
    names = [str(key) for place, key in enumerate(rows) if place in set(there)]
    targets, values, outputs = target_values(labels.select(wanted), how.task, where)
    by = (
        by_column(how.split_by, _one_each(frame, rows, [], column, where)[there], wanted, where)
        if how.split_by
        else None
    )
    when = _when(frame, series, (*wanted, column), how)
    channels, uses = _channels(table, {*wanted, column, when}, how, where)
    columns = (Column(column, "category"), *_written(table, when), *channels)
    made = SeriesRows(column, when, columns, form_of(how))
    raw, keys = raw_rows(frame, channels).numpy(), times(frame[when], where)[0].numpy() if when else None
    parts = [raw[_ordered(own, keys)].T for own in series]
    steps = max(part.shape[1] for part in parts)
    short = sum(part.shape[1] < steps for part in parts)
    whole, holes = filled_series(torch.from_numpy(np.stack([of_length(part, steps) for part in parts])), where)
    notes = [Said("readings.series_found", count=len(parts), channels=len(channels), steps=steps)]
    notes += [Said("readings.shorter_series", count=short)] if short else []
    notes += [] if when else [Said("readings.steps_as_rows")]
    uses |= dict.fromkeys(wanted, "target") | {column: "which series"} | ({when: "order of the steps"} if when else {})
    readings = tuple(replace(one, use=uses.get(at, "left out")) for at, one in table.readings.items())
    return Collection(
        name,
        Inputs((len(channels), steps), "series", names=tuple(one.name for one in channels), rows=made),
        targets,
        Samples(whole.float(), values),
        notes=(
            *table.notes,
            *notes,
            *holes,
            *lost_rows(len(rows) - len(there), str(how.target)),
            *outputs,
            *decisions(readings),
        ),
        readings=readings,
        split_by=by,
        ids={column: names},
    )


def _one_each(
    frame: polars.DataFrame, rows: dict[Any, np.ndarray], names: Sequence[str], column: str, where: str
) -> polars.DataFrame:
    """A row for each series: its first, with the one value that it has in each of these columns; null where it has none.

    Raises ProfundoError for a series with two values.
    """
    import polars

    first = frame[[int(own[0]) for own in rows.values()]]
    for name in names:
        values = []
        for key, own in rows.items():
            different = frame[name][own].drop_nulls().unique(maintain_order=True).to_list()
            if len(different) > 1:
                raise ProfundoError(
                    f"{where}: series {key!r} of {column!r} has {different[0]!r} and {different[1]!r} in {name!r}; expected "
                    "one label for a series (what changes along it is forecast, with --horizon)"
                )
            values.append(different[0] if different else None)
        first = first.with_columns(polars.Series(name, values, dtype=frame[name].dtype))
    return first


def _when(frame: polars.DataFrame, series: Sequence[np.ndarray], others: Sequence[str], how: Reading) -> str:
    """The column that orders the steps: the one to split by, one of times, or one that counts the steps of every series; ""
    where the rows are in order."""
    kind, name = read_split_by(how.split_by) if how.split_by else ("", "")
    if kind == "time":
        return name
    if (found := time_column(frame, {*others, name})) is not None:
        return found
    for one in frame.columns:
        if one in (*others, name) or not frame[one].dtype.is_integer() or frame[one].null_count():
            continue
        counts = frame[one].to_numpy()
        begin = {int(counts[own].min()) for own in series}
        if len(begin) == 1 and all((np.diff(np.sort(counts[own])) == 1).all() for own in series):
            return one
    return ""


def _channels(table: Table, others: set[str], how: Reading, where: str) -> tuple[tuple[Column, ...], dict[str, str]]:
    names, uses = inputs_among(table.frame.columns, sorted(others - {""}), how, where)
    kind, by = read_split_by(how.split_by) if how.split_by else ("", "")
    uses |= {by: "divides the series, no input"} if kind == "group" else {}
    found, left_out = recognised_columns(table.frame.select(one for one in names if one not in uses), table.readings)
    numbers = tuple(one for one in found if one.kind == "number")
    left_out |= {one.name: "it is no number" for one in found if one.kind != "number"}
    if not numbers:
        raise ProfundoError(
            f"{where}: no column of numbers is left to be a channel of the series: {none_left(left_out)}"
        )
    return numbers, uses | {name: f"left out: {why}" for name, why in left_out.items()} | {
        one.name: "input" for one in numbers
    }


def _written(table: Table, when: str) -> tuple[Column, ...]:
    if not when:
        return ()
    column = Column(when, "date" if table.frame[when].dtype.is_temporal() else "number")
    return (replace(column, writing=table.readings[when].writing) if when in table.readings else column,)


def _ordered(own: np.ndarray, keys: np.ndarray | None) -> np.ndarray:
    return own if keys is None else own[np.argsort(keys[own], kind="stable")]


# ------------------------------------------------------------------------------------------------------------ to predict
@dataclass(frozen=True, slots=True)
class NewSeries:
    """values: float64 (channels, steps) as the table has them; fault: why they cannot be used, else ""."""

    name: str
    values: np.ndarray
    fault: str = ""


def series_of_frame(frame: polars.DataFrame, made: SeriesRows) -> list[NewSeries]:
    """The series of a table without labels. Raises ProfundoError for columns that are not there."""
    import polars

    names = tuple(column.name for column in made.columns)
    keys_of(frame.columns, Inputs((len(names),), "features", names=names, columns=made.columns, form=made.form))
    raw, faults = raw_of_frame(frame, made.columns[1:], made.form)
    values = raw.numpy()
    keys, channels = (values[:, 0], values[:, 1:]) if made.time else (None, values)
    found = []
    for name, own in rows_by(frame[made.series].cast(polars.String).to_list()).items():
        bad = next((int(row) for row in own if int(row) in faults), None)
        fault = "" if bad is None else f"row {bad + 1}: {faults[bad]}"
        found.append(NewSeries(str(name), channels[_ordered(own, keys)].T, fault))
    return found
