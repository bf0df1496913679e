"""Tables that people have, as samples: inputs and targets by name, and every decision that somebody might want to know of."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import torch

from profundo.data.dataset_names import Reading
from profundo.data.splits.splits import Collection
from profundo.data.tables.column_kinds import recognised_columns
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.tables.reading import Table
from profundo.data.tables.table_files import form_of
from profundo.data.tables.target_columns import lost_rows, named_columns, target_columns, target_values
from profundo.languages import Said, listed, told_by, within
from profundo.records import ColumnReading, Inputs, ProfundoError, Samples

__all__ = ["decisions", "frame_collection", "inputs_among", "none_left", "option_of"]

MOST_TOLD = 5  # columns that an error tells of
AS_TOLD, WHICH_ROW = Said("readings.left_out_told"), Said("readings.which_row")


def frame_collection(table: Table, name: str, where: str, how: Reading) -> Collection:
    """The same of a table that was read already, from `where`."""
    import polars

    frame, target = table.frame, how.target
    wanted = target_columns(frame.columns, target, where)
    inputs_of, set_aside = inputs_among(frame.columns, wanted, how, where)
    there = ~frame.select(polars.any_horizontal(polars.col(wanted).is_null())).to_series()
    labelled = frame if there.all() else frame.filter(there)
    if len(labelled) == 0:
        raise ProfundoError(
            f"{where}: column {target!r} is empty; choose another target",
            told=Said("refusals.empty_column", name=repr(target)),
        )
    texts = {column: cells.filter(there) for column, cells in table.texts.items()}
    targets, values, outputs = target_values(labelled.select(wanted), how.task, where, texts)
    columns, left_out = recognised_columns(frame.select(inputs_of), table.readings)  # of all rows: a count has no gaps
    if not columns:
        raise ProfundoError(Said("refusals.no_column_left", where=where, target=repr(target), why=none_left(left_out)))
    try:
        rows = raw_rows(frame, columns)  # of all, for errors tell their numbers
    except ProfundoError as error:
        raise ProfundoError(f"{where}: {error}", told=within(where, told_by(error))) from None
    if len(labelled) < len(frame):
        rows = rows[torch.from_numpy(there.to_numpy().copy())]
    inputs = Inputs(
        (len(columns),),
        "features",
        names=tuple(column.name for column in columns),
        columns=columns,
        form=replace(form_of(how), ids=tuple(column for column, use in set_aside.items() if use == WHICH_ROW)),
    )
    lost = lost_rows(len(frame) - len(labelled), str(target))
    if lost and targets.kind == "labels" and len(wanted) == 1:
        lost = (Said("readings.no_target_labels", lost=lost[0]),)
    unused = {column: Said("readings.left_out", why=why) for column, why in left_out.items()}
    uses = set_aside | unused | dict.fromkeys(wanted, Said("readings.target"))
    texts_read = {column.name for column in columns if column.kind == "text"}
    readings = tuple(
        replace(
            reading, use=uses.get(name, Said("readings.input")), kind="text" if name in texts_read else reading.kind
        )
        for name, reading in table.readings.items()
    )
    notes = (*table.notes, *lost, *outputs, *decisions(readings))
    samples = Samples(rows, values, numbers=torch.from_numpy(there.to_numpy().nonzero()[0]))
    ids = {column: frame[column].cast(polars.String).fill_null("").to_list() for column in inputs.form.ids}
    return Collection(name, inputs, targets, samples, notes=notes, readings=readings, ids=ids)


def inputs_among(
    columns: Sequence[str], wanted: Sequence[str], how: Reading, where: str
) -> tuple[list[str], dict[str, str]]:
    """The columns that may be learned from, and what becomes of those that a person set aside.

    Raises ProfundoError for a name that is not there.
    """
    drop, only, ids = (
        [column for name in names for column in named_columns(name, columns, where, option)]
        for option, names in (("drop", how.drop), ("only", how.only), ("id", how.id_columns))
    )
    uses: dict[str, str] = {name: AS_TOLD for name in columns if only and name not in (*only, *wanted)}
    uses |= dict.fromkeys(drop, AS_TOLD) | dict.fromkeys(ids, WHICH_ROW)
    return [name for name in columns if name not in uses and name not in wanted], uses


def decisions(readings: Sequence[ColumnReading]) -> tuple[Said, ...]:
    """Sentences on what a person might not expect of how columns were read."""
    notes: list[Said] = []
    for reading in readings:
        name = repr(reading.name)
        if reading.use.startswith("left out: "):
            notes.append(Said("readings.column_is", name=name, use=reading.use))
            continue
        if reading.use not in ("input", "target"):
            continue
        notes += doubts(reading)
        if reading.kind == "date" and reading.writing.dates != "ymd":
            cell, date = reading.example
            notes.append(Said("readings.dates_as", name=name, why=reading.why, cell=repr(cell), date=date))
    return tuple(notes)


def doubts(reading: ColumnReading) -> Iterator[Said]:
    """Sentences on what another reader may take a column for, and on its cells that could not be read."""
    name = repr(reading.name)
    if reading.doubt:
        yield Said("looks.doubted", name=name, doubt=reading.doubt, option=option_of(reading))
    if reading.unread:
        row, cell = reading.first_unread
        kind = "numbers" if reading.kind == "number" else "dates"
        yield Said(f"looks.unread_{kind}", name=name, count=reading.unread, cell=repr(cell), row=row)


def option_of(reading: ColumnReading) -> str:
    """What reads it as the doubt says."""
    return f"--column {shlex.quote(f'{reading.name}={_other(reading)}')}"


def _other(reading: ColumnReading) -> str:
    """What a person may say of a column that leaves a doubt."""
    if reading.kind == "date":
        return f"date:{'dmy' if reading.writing.dates == 'mdy' else 'mdy'}"
    return f"number:{',' if reading.writing.decimal == '.' else '.'}"


def none_left(left_out: Mapping[str, str]) -> str:
    """Why, in a few words."""
    if not left_out:
        return Said("refusals.no_other_column")
    told = [Said("refusals.left_out", name=repr(name), why=why) for name, why in islice(left_out.items(), MOST_TOLD)]
    more = len(left_out) - MOST_TOLD
    return Said("refusals.left_out_more", told=listed(told), more=more) if more > 0 else listed(told)
