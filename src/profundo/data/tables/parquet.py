"""Tables larger than memory: rows of Parquet files, read by stretches while a network trains.

Polars reads a stretch of rows in milliseconds, decoding no other pages and no other columns, from this disk and by itself
from https, s3, gs and az; its threads do the work, so this source is read by threads and not by processes, which a library
with threads of its own does not survive. Blocks are row groups, for those are what a store gives up without sending the
rest along; larger ones than 16 MiB of features are cut into equal stretches (of groups of 50,000 to 4 million rows a stretch
of 16,384 took 2 to 20 ms). A window is 64 MiB of features, see blocks.py.

What is looked at before training: the target column, whole; up to 200,000 rows, evenly spread, from which is learned what
the columns are, which categories there are and what fills a gap (a table with fewer rows is treated like one in memory);
and once all rows to train on, for their means and deviations.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading
from profundo.data.images.layouts import splits_of
from profundo.data.splits.split_by import read_split_by
from profundo.data.splits.splits import Collection, Selection
from profundo.data.standard import Extent, deviations
from profundo.data.streams.addresses import Stored, read
from profundo.data.tables.column_kinds import recognised_columns, texts_of
from profundo.data.tables.columns import encoded, feature_names, learned
from profundo.data.tables.frames import WHICH_ROW, inputs_among, none_left
from profundo.data.tables.order_and_groups import notes_of_chance
from profundo.data.tables.parquet_footers import row_groups
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.tables.split_column import by_column, learned_from
from profundo.data.tables.target_columns import lost_rows, target_columns, target_values
from profundo.languages import Said
from profundo.records import Column, Inputs, ProfundoError, Samples, TableForm

if TYPE_CHECKING:
    import polars

__all__ = ["Rows", "parquet_collection", "read_tables"]

LEARNING = 200_000  # rows from which the treatment of the columns is learned
WINDOW_BYTES, MOST_TOGETHER, LEAST_TOGETHER = 2**26, 32, 4
READ_BY_POLARS = ("http", "https", "s3", "gs", "gcs", "az", "hf")
LARGEST_IN_MEMORY = 2**30  # bytes of a file that has to be fetched whole


class Table:
    """Several Parquet files with the same columns, as one table. rows: of each file; groups: of each row group."""

    def __init__(self, stored: Sequence[Stored]) -> None:
        self.stored = stored
        with _readable(stored[0]):
            self.schema = dict(self._scan(0).collect_schema())
        self.rows = [self._rows(place) for place in range(len(stored))]
        self.begins = np.concatenate([[0], np.cumsum(self.rows)])
        self.groups = [group for file, rows in zip(stored, self.rows, strict=True) for group in row_groups(file, rows)]

    def __len__(self) -> int:
        return int(self.begins[-1])

    def whole(self, names: Sequence[str]) -> polars.DataFrame:
        """All rows of some columns."""
        import polars

        return polars.concat([self._collect(place, names, 0, rows) for place, rows in enumerate(self.rows)])

    def taken(self, indices: np.ndarray, names: Sequence[str]) -> polars.DataFrame:
        """The rows at these ascending indices: one stretch of each file, from the first of them to the last."""
        import polars

        parts = []
        files = np.searchsorted(self.begins, indices, side="right") - 1
        for place in np.unique(files).tolist():
            mine = indices[files == place] - self.begins[place]
            stretch = self._collect(place, names, int(mine[0]), int(mine[-1] - mine[0]) + 1)
            parts.append(stretch if len(mine) == len(stretch) else stretch[mine - mine[0]])
        return polars.concat(parts)

    def _rows(self, place: int) -> int:
        import polars

        with _readable(self.stored[place]):
            schema = dict(self._scan(place).collect_schema())
            rows = int(self._scan(place).select(polars.len()).collect().item())
        if schema != self.schema:
            odd = sorted(f"{name} ({kind})" for name, kind in schema.items() ^ self.schema.items())
            raise ProfundoError(
                f"{self.stored[place].address}: expected the columns of {self.stored[0].name}; different: "
                f"{', '.join(odd[:4])}; write the files with one schema"
            )
        return rows

    def _collect(self, place: int, names: Sequence[str], begin: int, rows: int) -> polars.DataFrame:
        with _readable(self.stored[place]):
            frame = self._scan(place).select(names).slice(begin, rows).collect().fill_nan(None)
        if len(frame) != rows:
            raise ProfundoError(f"{self.stored[place].address}: has changed: it had more rows")
        return frame

    def _scan(self, place: int) -> polars.LazyFrame:
        import polars

        file = self.stored[place]
        protocol = file.address.split("://")[0] if "://" in file.address else ""
        if not protocol or protocol in READ_BY_POLARS:
            return polars.scan_parquet(file.address, glob=False)
        if file.size > LARGEST_IN_MEMORY:
            raise ProfundoError(
                f"{file.address}: {protocol}:// is fetched whole, which is for tables of at most "
                f"{LARGEST_IN_MEMORY >> 30} GB; cut it, or put it on this disk, on s3://, gs:// or https://"
            )
        return polars.scan_parquet(io.BytesIO(read(file.address, 0, file.size)))


@contextmanager
def _readable(file: Stored) -> Iterator[None]:
    """Whatever Polars raises for a file that it cannot read, as one line."""
    import polars

    try:
        yield
    except (OSError, ValueError, polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        reason = " ".join(str(error).split("\n\n")[0].split())[:300]
        raise ProfundoError(f"{file.address}: expected a Parquet file, but it does not read: {reason}") from None


def with_own_texts(frame: polars.DataFrame, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns with the texts of these rows: those of all rows are never together in memory."""
    return tuple(
        replace(column, levels=texts_of(frame[column.name])) if column.kind == "text" else column for column in columns
    )


class Rows:
    """A Source: rows of a table. Raw ones, float64 as columns.py has them, until the columns have been learned.

    columns: as recognised, with all levels seen; taught: as learned from the rows to train on, None for raw rows.
    """

    threaded = True

    def __init__(self, table: Table, columns: Sequence[Column], taught: Sequence[Column] | None = None) -> None:
        self.table, self.columns, self.taught = table, columns, taught
        features = len(columns if taught is None else feature_names(taught))
        window = max(LEAST_TOGETHER, WINDOW_BYTES // (4 * max(1, features)))
        stretches = [part for rows in table.groups for part in _parts(rows, window // LEAST_TOGETHER)]
        self.blocks = torch.repeat_interleave(torch.tensor(stretches))
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
        ascending, places = torch.sort(indices)
        counts = torch.unique_consecutive(self.blocks[ascending], return_counts=True)[1].tolist()
        names = [column.name for column in self.columns]
        for part, at in zip(torch.split(ascending, counts), torch.split(places, counts), strict=True):
            yield at, self.table.taken(part.numpy(), names)

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
        some = rows[_spread(len(rows), self.blocks[rows])]
        frame = polars.concat([part for _, part in self.fetched(some)])
        own = with_own_texts(frame, self.columns)
        taught, kept = learned(own, raw_rows(frame, own))
        pairs = [(c, t) for c, t, keep in zip(self.columns, taught, kept.tolist(), strict=True) if keep]
        if not pairs:
            raise ProfundoError(
                "every column has the same value in all rows to train on; there is nothing to learn from"
            )
        columns, told = (tuple(side) for side in zip(*pairs, strict=True))
        names = feature_names(told)
        source = Rows(self.table, columns, told)
        made = tuple(Samples(Selection(source, _indices(split)), split.targets) for split in (train, *others))
        gone = [column.name for column, keep in zip(self.columns, kept.tolist(), strict=True) if not keep]
        notes = tuple(Said("readings.column_constant", name=repr(name)) for name in gone)
        return replace(inputs, shape=(len(names),), names=names, columns=told), made, notes

    def measured(self, indices: Tensor) -> tuple[Tensor, Extent]:
        """Up to 200,000 of these rows, evenly spread, and of all of them the mean, deviation and ends of every feature, block
        by block (Chan, Golub and LeVeque 1983)."""
        count, mean, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        low = high = torch.empty(0)
        counts = torch.unique_consecutive(self.blocks[indices], return_counts=True)[1].tolist()
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
        return self.gather(indices[_spread(len(indices), self.blocks[indices])]), whole

    def fingerprint(self, indices: Tensor) -> bytes:
        """Of which rows of which files; their values show in the targets and in the means and deviations."""
        sizes = [file.size for file in self.table.stored]
        return hashlib.sha256(repr((sizes, self.table.rows)).encode() + indices.numpy().tobytes()).digest()


def parquet_collection(name: str, stored: Sequence[Stored], how: Reading) -> Collection:
    """The rows of these files, to be read while training; their target is kept in memory, and what they are split by.

    Files in folders train/, validation/, test/, or with names that begin so, are those splits. Raises ProfundoError for
    files that do not read or differ in their columns, and for targets that are not there.
    """
    table, target = Table(stored), how.target
    where = stored[0].address
    if how.horizon is not None:
        raise ProfundoError(f"{where}: forecasts are made of a table in memory; leave --stream out, or write one file")
    wanted = target_columns(list(table.schema), target, where)
    split = [read_split_by(how.split_by)[1]] if how.split_by is not None else []
    answers = table.whole([*wanted, *(column for column in split if column in table.schema and column not in wanted)])
    there = torch.from_numpy(np.flatnonzero(~answers.select(_any_missing(wanted)).to_series().to_numpy()))
    if not len(there):
        raise ProfundoError(f"{where}: column {target!r} is empty; choose another target")
    by = by_column(how.split_by, answers, wanted, where) if how.split_by is not None else None
    names, set_aside = inputs_among(list(table.schema), wanted, learned_from(how, answers), where)
    targets, values, outputs = target_values(answers.drop_nulls(wanted).select(wanted), how.task, where)
    groups = torch.repeat_interleave(torch.tensor(table.groups))
    learning = _spread(len(there), groups[there])
    sample = table.taken(there[learning].numpy(), names)
    columns, left_out = recognised_columns(sample)
    if not columns:
        raise ProfundoError(f"{where}: no column is left to predict {target!r} from: {none_left(left_out)}")
    source = Rows(table, columns)
    split_of = splits_of([one.address for one in stored])
    files = torch.from_numpy(np.searchsorted(table.begins, there.numpy(), side="right") - 1)

    def of_split(split: str) -> Tensor:
        return torch.isin(files, torch.tensor([place for place, one in enumerate(split_of) if one == split]))

    def samples(split: str) -> Samples | None:
        mine = of_split(split)
        return Samples(Selection(source, there[mine]), values[mine]) if mine.any() else None

    train = samples("train")
    assert train is not None
    inputs = Inputs(
        (len(columns),),
        "features",
        names=tuple(column.name for column in columns),
        columns=columns,
        form=TableForm(ids=tuple(name for name, use in set_aside.items() if use == WHICH_ROW)),
    )
    part = [Said("readings.learned_from_some", count=len(learning), whole=len(there))]
    notes = (
        *lost_rows(len(table) - len(there), str(target)),
        *outputs,
        *(
            Said("readings.column_is", name=repr(column), use=Said("readings.left_out", why=why))
            for column, why in left_out.items()
        ),
        *(part if len(learning) < len(there) else []),
    )
    test = samples("test")
    if by is None and test is None:
        notes += notes_of_chance(sample, wanted)
    if by is not None:
        by = replace(by, keys=by.keys[of_split("train")])
    return Collection(name, inputs, targets, train, samples("validation"), test, notes=notes, split_by=by)


def read_tables(stored: Sequence[Stored]) -> polars.DataFrame:
    """All rows of these files, in memory."""
    table = Table(stored)
    return table.taken(np.arange(len(table)), list(table.schema))


def _indices(samples: Samples) -> Tensor:
    assert isinstance(samples.inputs, Selection)
    return samples.inputs.indices


def _parts(rows: int, most: int) -> list[int]:
    """A row group in equal stretches of at most so many rows."""
    count = -(-rows // most)
    return [rows * (part + 1) // count - rows * part // count for part in range(count)]


def _any_missing(names: Sequence[str]) -> polars.Expr:
    import polars

    return polars.any_horizontal(polars.col(names).is_null())


def _spread(rows: int, blocks: Tensor) -> Tensor:
    """Places of at most 200,000 rows, in blocks evenly spread; of all rows where they are no more."""
    if rows <= LEARNING:
        return torch.arange(rows)
    counts = torch.unique_consecutive(blocks, return_counts=True)[1]
    wanted = max(4, int(len(counts) * LEARNING / rows))
    chosen = torch.linspace(0, len(counts) - 1, min(wanted, len(counts))).round().long()
    begins = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    each = LEARNING // len(chosen)
    return torch.cat(
        [torch.arange(int(begins[one]), min(int(begins[one]) + each, int(begins[one + 1]))) for one in chosen]
    )
