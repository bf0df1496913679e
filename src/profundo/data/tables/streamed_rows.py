"""Tables larger than memory: stretches of rows, read from files of some kind while a network trains.

A library with threads of its own does not survive a fork, so this source is read by threads and not by processes. Blocks are the
groups of rows that a kind of files has; larger ones than 16 MiB of features are cut into equal stretches. A window is 64 MiB of
features, see blocks.py.

What is looked at before training: the target column, whole; up to 200,000 rows, evenly spread, from which is learned what
the columns are, which categories and words there are and what fills a gap (a table with fewer rows is treated like one in
memory, where its texts are not more than 32 MiB); and once all rows to train on, for their means and deviations, where any of
their columns is measured.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading, nearest
from profundo.data.splits.split_by import read_split_by
from profundo.data.splits.splits import Collection, Selection, labels_of
from profundo.data.standard import Extent, deviations
from profundo.data.tables.column_kinds import recognised_columns, texts_of
from profundo.data.tables.columns import encoded, feature_names, learned
from profundo.data.tables.frames import WHICH_ROW, inputs_among, none_left
from profundo.data.tables.order_and_groups import notes_of_chance
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.tables.split_column import by_column, by_copies, learned_from, numbered_texts
from profundo.data.tables.target_columns import lost_rows, target_columns, target_values
from profundo.languages import Said
from profundo.records import Column, ColumnReading, Inputs, ProfundoError, Samples, TableForm

if TYPE_CHECKING:
    import polars

__all__ = ["Plan", "Rows", "RowsInPlace", "streamed_collection"]

LEARNING = 200_000  # rows from which the treatment of the columns is learned
LEARNING_BYTES = 2**25  # of texts among them
MEASURED_NUMBERS = 2**26  # of features that are looked at together
FEWEST = 1000  # rows, however long their texts are
WINDOW_BYTES, MOST_TOGETHER, LEAST_TOGETHER = 2**26, 32, 4


class RowsInPlace(Protocol):
    """A table that stays where it is.

    schema: the columns by name; groups: how many rows lie together, group after group; splits: the split of each group, None of
    one that belongs to none; scattered: whether rows are as near to one another wherever they lie, so that a block need not be of
    neighbours, which may be of one class.
    """

    @property
    def schema(self) -> Mapping[str, Any]: ...

    @property
    def groups(self) -> Sequence[int]: ...

    @property
    def splits(self) -> Sequence[str | None]: ...

    @property
    def scattered(self) -> bool: ...

    def __len__(self) -> int: ...

    def whole(self, names: Sequence[str]) -> polars.DataFrame:
        """All rows of some columns."""

    def taken(self, indices: np.ndarray, names: Sequence[str]) -> polars.DataFrame:
        """The rows at these ascending indices. Raises ProfundoError where they cannot be read, or have changed."""

    def identity(self) -> bytes:
        """What changes when the files do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How rows in place become samples. name: of the data; where: the files, for people; readings: what is known of columns;
    apart: whether rows with the same texts are kept in one split, for which all texts are read once."""

    name: str
    where: str
    how: Reading
    readings: Mapping[str, ColumnReading] = field(default_factory=dict)
    apart: bool = False


def with_own_texts(frame: polars.DataFrame, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns with the texts of these rows: those of all rows are never together in memory."""
    return tuple(
        replace(column, levels=texts_of(frame[column.name])) if column.kind == "text" else column for column in columns
    )


class Rows:
    """A Source: rows of a table. Raw ones, float64 as columns.py has them, until the columns have been learned.

    columns: as recognised, with all levels seen; sample: how many rows are learned from, and the bytes of texts in one; taught:
    the columns as learned from the rows to train on, None for raw rows.
    """

    threaded = True

    def __init__(
        self,
        table: RowsInPlace,
        columns: Sequence[Column],
        sample: tuple[int, int],
        taught: Sequence[Column] | None = None,
    ) -> None:
        self.table, self.columns, self.sample, self.taught = table, columns, sample, taught
        features = len(columns if taught is None else feature_names(taught))
        window = max(LEAST_TOGETHER, WINDOW_BYTES // max(1, 4 * features, sample[1]))
        stretches = [part for rows in table.groups for part in parts_of(rows, window // LEAST_TOGETHER)]
        self.stretches = torch.repeat_interleave(torch.tensor(stretches))
        mixed = (
            torch.randperm(len(table), generator=torch.Generator().manual_seed(0)) if table.scattered else slice(None)
        )
        self.blocks = self.stretches[mixed]
        self.together = min(MOST_TOGETHER, max(LEAST_TOGETHER, window * len(stretches) // max(1, len(table))))

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Tensor:
        return self.gather(torch.tensor([index]))[0]

    def gather(self, indices: Tensor) -> Tensor:
        """(chosen, features): float32 features, or float64 raw values."""
        return self.made(indices, self.fetched(indices))

    def fetched(self, indices: Tensor) -> Iterator[tuple[Tensor, polars.DataFrame]]:
        """(places among the indices, their rows), block by block."""
        places = torch.argsort(indices)
        places = places[self.blocks[indices[places]].argsort(stable=True)]
        counts = torch.unique_consecutive(self.blocks[indices[places]], return_counts=True)[1].tolist()
        names = [column.name for column in self.columns]
        for at in torch.split(places, counts):
            yield at, self.table.taken(indices[at].numpy(), names)

    def made(self, indices: Tensor, fetched: Iterable[tuple[Tensor, polars.DataFrame]]) -> Tensor:
        """What `gather` gives, from what `fetched` gave."""
        result = torch.empty(0)
        for at, frame in fetched:
            values = self._values(frame)
            if not len(result):
                result = values.new_empty(len(indices), values.shape[1])
            result[at] = values
        return result

    def _values(self, frame: polars.DataFrame) -> Tensor:
        if self.taught is None:
            return raw_rows(frame, self.columns)
        own = with_own_texts(frame, self.columns)
        return encoded(self.taught, raw_rows(frame, own), [column.levels for column in own])

    def as_features(
        self, inputs: Inputs, train: Samples, *others: Samples
    ) -> tuple[Inputs, tuple[Samples, ...], tuple[str, ...]]:
        """See columns.as_features; learned from rows of the training split that are evenly spread over it."""
        import polars

        rows = _indices(train)
        some = rows[spread(len(rows), self.stretches[rows], self.sample[0])]
        frame = polars.concat([part for _, part in self.fetched(some)])
        own = with_own_texts(frame, self.columns)
        taught, kept = learned(own, raw_rows(frame, own))
        pairs = [(c, t) for c, t, keep in zip(self.columns, taught, kept.tolist(), strict=True) if keep]
        if not pairs:
            raise ProfundoError(Said("refusals.nothing_varies"))
        columns, told = (tuple(side) for side in zip(*pairs, strict=True))
        names = feature_names(told)
        bare = [replace(column, levels=()) if column.kind == "text" else column for column in columns]
        source = Rows(self.table, bare, self.sample, told)
        made = tuple(Samples(Selection(source, _indices(split)), split.targets) for split in (train, *others))
        gone = [column.name for column, keep in zip(self.columns, kept.tolist(), strict=True) if not keep]
        notes = tuple(Said("readings.column_constant", name=repr(name)) for name in gone)
        return replace(inputs, shape=(len(names),), names=names, columns=told), made, notes

    def measured(self, indices: Tensor) -> tuple[Tensor, Extent]:
        """Up to 200,000 of these rows, evenly spread, and of all of them the mean, deviation and ends of every feature, block
        by block (Chan, Golub and LeVeque 1983); none of either where all are ids of texts, which stay as they are."""
        columns = self.columns if self.taught is None else self.taught
        if all(column.kind == "text" for column in columns):
            nothing = (0.0,) * len(feature_names(columns))
            return torch.empty(0, len(nothing)), Extent(nothing, nothing, nothing, nothing, len(indices))
        count, mean, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        low = high = torch.empty(0)
        counts = torch.unique_consecutive(self.stretches[indices], return_counts=True)[1].tolist()
        for part in torch.split(indices, counts):
            values = self.gather(part).double()
            own = values.mean(0)
            total, apart = count + len(part), own - mean
            squares = squares + (values - own).square_().sum(0) + apart.square() * (count * len(part) / total)
            low, high = (
                (torch.minimum(low, values.amin(0)), torch.maximum(high, values.amax(0)))
                if count
                else (values.amin(0), values.amax(0))
            )
            mean, count = mean + apart * (len(part) / total), total
        std = deviations(math.sqrt(value / count) for value in squares.tolist())
        whole = Extent(tuple(mean.tolist()), std, tuple(low.tolist()), tuple(high.tolist()), count)
        most = max(FEWEST, min(LEARNING, MEASURED_NUMBERS // len(mean)))
        return self.gather(indices[spread(len(indices), self.stretches[indices], most)]), whole

    def fingerprint(self, indices: Tensor) -> bytes:
        """Of which rows of which files."""
        return hashlib.sha256(self.table.identity() + indices.numpy().tobytes()).digest()


# ---------------------------------------------------------------------------------------------------------- collections
def streamed_collection(table: RowsInPlace, plan: Plan) -> Collection:
    """The rows of a table, to be read while training; their target is kept in memory, and what they are split by.

    Raises ProfundoError for rows that do not read and for targets that are not there.
    """
    how, where = plan.how, plan.where
    if how.needs_all_rows:
        raise ProfundoError(
            f"{where}: forecasts and series are made of a table in memory; leave --stream out, or write one file"
        )
    wanted = target_columns(list(table.schema), how.target, where)
    answers, there = answers_in(table, wanted, plan)
    by = by_column(how.split_by, answers, wanted, where) if how.split_by is not None else None
    names, set_aside = inputs_among(list(table.schema), wanted, learned_from(how, answers), where)
    targets, values, outputs = target_values(answers.drop_nulls(wanted).select(wanted), how.task, where)
    groups = torch.repeat_interleave(torch.tensor(table.groups))[there]
    source, frame, left_out = recognised_rows(table, plan, names, there, groups)
    inputs = Inputs(
        (len(source.columns),),
        "features",
        names=tuple(column.name for column in source.columns),
        columns=tuple(source.columns),
        form=TableForm(ids=tuple(name for name, use in set_aside.items() if use == WHICH_ROW)),
    )

    def samples(split: str) -> Samples | None:
        mine = torch.tensor([one == split for one in table.splits])[groups]
        return Samples(Selection(source, there[mine]), values[mine]) if mine.any() else None

    train, test = samples("train"), samples("test")
    assert train is not None
    notes = (*lost_rows(len(table) - len(there), str(how.target)), *outputs, *left_and_learned(left_out, frame, there))
    if by is not None:
        by = replace(by, keys=by.keys[torch.tensor([one == "train" for one in table.splits])[groups]])
    elif test is None:
        notes += notes_of_chance(frame, wanted)
    made = Collection(plan.name, inputs, targets, train, samples("validation"), test, notes=notes, split_by=by)
    return replace(made, split_by=apart(made)) if plan.apart and set(table.splits) == {"train"} and by is None else made


def answers_in(table: RowsInPlace, wanted: Sequence[str], plan: Plan) -> tuple[polars.DataFrame, Tensor]:
    """The targets of all rows, and what they are split by; and which rows have all targets."""
    import polars

    split = [read_split_by(plan.how.split_by)[1]] if plan.how.split_by is not None else []
    answers = table.whole([*wanted, *(column for column in split if column in table.schema and column not in wanted)])
    missing = answers.select(polars.any_horizontal(polars.col(wanted).is_null())).to_series()
    there = torch.from_numpy(np.flatnonzero(~missing.to_numpy()))
    if not len(there):
        raise ProfundoError(Said("refusals.empty_in", where=plan.where, name=repr(plan.how.target)))
    return answers, there


def recognised_rows(
    table: RowsInPlace, plan: Plan, names: Sequence[str], there: Tensor, groups: Tensor
) -> tuple[Rows, polars.DataFrame, dict[str, str]]:
    """The rows with the columns that can be learned from; the rows that this was learned of; why other columns cannot."""
    sample = sample_of(table, names, there, groups)
    some = spread(len(there), groups, sample[0])
    frame = taken_by_groups(table, there[some], groups[some], names)
    columns, left_out = recognised_columns(frame, {**plan.readings, **told_texts(table, plan)})
    if not columns:
        raise ProfundoError(
            Said("refusals.no_column_left", where=plan.where, target=repr(plan.how.target), why=none_left(left_out))
        )
    return Rows(table, columns, sample), frame, left_out


def told_texts(table: RowsInPlace, plan: Plan) -> dict[str, ColumnReading]:
    """Columns that a person calls texts. Raises ProfundoError for one that is not there, or holds no words."""
    import polars

    for name in plan.how.columns:
        if name not in table.schema:
            hint = nearest(name, list(table.schema))
            raise ProfundoError(f"{plan.where}: {Said('refusals.no_told_column', name=repr(name), hint=hint)}")
        if table.schema[name] != polars.String:
            raise ProfundoError(
                f"{plan.where}: column {name!r}: expected words for a text, it holds {table.schema[name]}"
            )
    return {name: ColumnReading(name, "text", "as told") for name in plan.how.columns}


def left_and_learned(left_out: Mapping[str, str], frame: polars.DataFrame, there: Tensor) -> Iterator[Said]:
    """Sentences on columns that are no inputs, and on how many rows say what the others are."""
    for column, why in left_out.items():
        yield Said("readings.column_is", name=repr(column), use=Said("readings.left_out", why=why))
    if len(frame) < len(there):
        yield Said("readings.learned_from_some", count=len(frame), whole=len(there))


def apart(collection: Collection) -> Any:
    """What keeps copies of a text in one split, see `by_copies`; all texts are read for it, a block at a time."""
    rows = collection.train.inputs
    assert isinstance(rows, Selection)
    names, source = [column.name for column in collection.inputs.texts], rows.source
    assert isinstance(source, Rows)
    if not names:
        return None
    numbers = torch.empty(len(rows), len(names), dtype=torch.int64)
    for at, frame in source.fetched(rows.indices):
        numbers[at] = torch.stack([numbered_texts(frame[name].fill_null("").to_list()) for name in names], 1)
    return by_copies(names[0], numbers, labels_of(collection, collection.train.targets))


def sample_of(table: RowsInPlace, names: Sequence[str], there: Tensor, groups: Tensor) -> tuple[int, int]:
    """From how many rows is learned what the columns are, and how many bytes of texts one has, a mean of a thousand."""
    import polars

    some = spread(len(there), groups, FEWEST)
    texts = taken_by_groups(table, there[some], groups[some], names).select(polars.col(polars.String))
    each = int(texts.estimated_size() / len(some)) if texts.width else 0
    return min(LEARNING, max(FEWEST, LEARNING_BYTES // max(1, each))), each


def taken_by_groups(table: RowsInPlace, rows: Tensor, groups: Tensor, names: Sequence[str]) -> polars.DataFrame:
    """These rows, group after group, without what lies between them."""
    import polars

    counts = torch.unique_consecutive(groups, return_counts=True)[1].tolist()
    return polars.concat([table.taken(part.numpy(), names) for part in torch.split(rows, counts)])


def _indices(samples: Samples) -> Tensor:
    assert isinstance(samples.inputs, Selection)
    return samples.inputs.indices


def parts_of(rows: int, most: int) -> list[int]:
    """A group of rows in equal stretches of at most so many."""
    count = -(-rows // most)
    return [rows * (part + 1) // count - rows * part // count for part in range(count)]


def spread(rows: int, blocks: Tensor, most: int) -> Tensor:
    """Places of at most so many rows, in blocks evenly spread; of all rows where they are no more."""
    if rows <= most:
        return torch.arange(rows)
    counts = torch.unique_consecutive(blocks, return_counts=True)[1]
    wanted = max(4, int(len(counts) * most / rows))
    chosen = torch.linspace(0, len(counts) - 1, min(wanted, len(counts))).round().long()
    begins = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    each = most // len(chosen)
    return torch.cat(
        [torch.arange(int(begins[one]), min(int(begins[one]) + each, int(begins[one + 1]))) for one in chosen]
    )
