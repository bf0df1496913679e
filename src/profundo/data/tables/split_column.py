"""The column of a table that decides who is in which split: its times, or its groups; see splits/split_by.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from profundo.data.dataset_names import Reading, nearest
from profundo.data.splits.split_by import SplitBy, group_count, numbered, read_split_by, target_names
from profundo.data.splits.splits import Collection, labels_of
from profundo.data.tables.column_kinds import recognised
from profundo.data.tables.frames import frame_collection
from profundo.data.tables.order_and_groups import notes_of_chance
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.text.text_ids import folded
from profundo.languages import Said
from profundo.records import Column, ColumnReading, ProfundoError

if TYPE_CHECKING:
    import polars

    from profundo.data.tables.reading import Table

__all__ = [
    "by_column",
    "by_copies",
    "by_text",
    "divided_by",
    "learned_from",
    "numbered_texts",
    "split_collection",
    "times",
]

FEWEST = 3  # different texts of a class: one for each split


def split_collection(table: Table, name: str, where: str, how: Reading) -> Collection:
    """The rows of a table that was read, and what decides who is in which split, where that was asked for."""
    if how.lookback is not None:
        raise ProfundoError(
            f"{where}: --lookback is for forecasts; say --horizon too, the steps to predict",
            told=Said("refusals.lookback_alone", where=where),
        )
    targets = target_names(how.target, table.frame.columns)
    by = by_column(how.split_by, table.frame, targets, where) if how.split_by is not None else None
    collection = frame_collection(table, name, where, learned_from(how, table.frame, table.readings))
    if by is not None:
        return divided_by(collection, by)
    notes = (*collection.notes, *notes_of_chance(table.frame.drop_nulls(targets), targets))
    return replace(collection, notes=notes, split_by=by_text(collection))


def divided_by(collection: Collection, by: SplitBy) -> Collection:
    """The same, divided so; and its column of groups, unless it is a text, is said to be for that."""
    is_input = by.kind == "group" and by.what in collection.inputs.names
    readings = tuple(
        replace(one, use="divides the rows, no input")
        if by.kind == "group" and not is_input and one.name == by.what
        else one
        for one in collection.readings
    )
    return replace(collection, split_by=replace(by, is_input=is_input), readings=readings)


def learned_from(how: Reading, frame: polars.DataFrame, readings: Mapping[str, ColumnReading] | None = None) -> Reading:
    """The reading without the column that groups the rows: it would tell one group from another. A text stays: rows with the
    same one are copies of each other."""
    kind, name = read_split_by(how.split_by) if how.split_by is not None else ("", "")
    if kind != "group":
        return how
    column = recognised(frame[name], (readings or {}).get(name))
    return how if isinstance(column, Column) and column.kind == "text" else replace(how, drop=(*how.drop, name))


def by_text(collection: Collection) -> SplitBy | None:
    """By the texts themselves, where some are there more than once: on both sides of a split a copy would be remembered, not
    understood. None where no text is repeated, or a class has fewer than three different ones."""
    inputs, rows = collection.inputs, collection.train.inputs
    if not inputs.texts or not isinstance(rows, Tensor):
        return None
    parts = [_numbered_texts(column, rows[:, inputs.columns.index(column)]) for column in inputs.texts]
    return by_copies(inputs.texts[0].name, torch.stack(parts, 1), labels_of(collection, collection.train.targets))


def by_copies(name: str, texts: Tensor, labels: Tensor) -> SplitBy | None:
    """The same of texts by their numbers, int64 (rows, columns), −1 for none. name: of the first column."""
    groups, keys = torch.arange(len(texts)), torch.unique(texts, dim=0, return_inverse=True)[1]
    has_text = (texts >= 0).any(1)
    groups = torch.unique(torch.where(has_text, keys, int(keys.max()) + 1 + groups), return_inverse=True)[1]
    fewest = min(len(torch.unique(groups[labels == label])) for label in torch.unique(labels).tolist())
    if group_count(groups) == len(texts) or fewest < FEWEST:
        return None
    return SplitBy("group", name, groups, is_input=True)


def _numbered_texts(column: Column, raw: Tensor) -> Tensor:
    """int64 (rows,): the same number for the same text, whatever its capitals and white space; −1 for none."""
    digests = [digest(folded(text)) for text in column.levels]
    empty = torch.tensor([one == digest("") for one in digests], dtype=torch.bool)
    numbers = torch.where(empty, -1, numbered(digests))
    return torch.where(raw.isnan(), -1, numbers[raw.nan_to_num(0).long()])


def numbered_texts(texts: Sequence[str]) -> Tensor:
    """int64 (texts,): the same of texts of which few are known at once, 63 bits of their digests."""
    words = [folded(text) for text in texts]
    return torch.tensor(
        [int.from_bytes(digest(word)[:8], "little") >> 1 if word else -1 for word in words], dtype=torch.int64
    )


def digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def by_column(text: str, frame: polars.DataFrame, targets: Sequence[str], where: str) -> SplitBy:
    """By a column of a table, for its rows that have all targets. Raises ProfundoError for a column that is not there, has
    holes, or has no times."""
    kind, column = read_split_by(text)
    if column in targets:
        raise ProfundoError(Said("refusals.split_by_target", where=where, name=repr(column)))
    if column not in frame.columns:
        raise ProfundoError(
            Said("refusals.no_split_column", where=where, name=repr(column), hint=nearest(column, frame.columns))
        )
    series = frame.drop_nulls([name for name in targets if name in frame.columns])[column]
    if holes := series.null_count():
        raise ProfundoError(Said("refusals.split_holes", where=where, name=repr(column), holes=holes))
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
            Said("refusals.split_time", where=where, name=repr(series.name), row=row + 1, got=repr(series[row]))
        )
    return torch.from_numpy(numbers.to_numpy().copy()), False
