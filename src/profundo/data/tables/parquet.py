"""Parquet files as one table of which stretches of rows are read while a network trains.

Polars reads a stretch of rows in milliseconds, decoding no other pages and no other columns, from this disk and by itself
from https, s3, gs and az. Blocks are row groups, for those are what a store gives up without sending the rest along (of groups of
50,000 to 4 million rows a stretch of 16,384 took 2 to 20 ms).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from profundo.data.dataset_names import Reading
from profundo.data.images.layouts import splits_of
from profundo.data.splits.splits import Collection
from profundo.data.streams.addresses import Stored, read
from profundo.data.tables.parquet_footers import row_groups
from profundo.data.tables.streamed_rows import Plan, streamed_collection
from profundo.records import ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["parquet_collection", "read_tables"]

READ_BY_POLARS = ("http", "https", "s3", "gs", "gcs", "az", "hf")
LARGEST_IN_MEMORY = 2**30  # bytes of a file that has to be fetched whole


class ParquetTable:
    """Several Parquet files with the same columns, as one table. rows: of each file; groups: of each row group."""

    scattered = False

    def __init__(self, stored: Sequence[Stored]) -> None:
        self.stored = stored
        with _readable(stored[0]):
            self.schema = dict(self._scan(0).collect_schema())
        self.rows = [self._rows(place) for place in range(len(stored))]
        self.begins = np.concatenate([[0], np.cumsum(self.rows)])
        parts = [row_groups(file, rows) for file, rows in zip(stored, self.rows, strict=True)]
        self.groups = [group for part in parts for group in part]
        own = splits_of([one.address for one in stored])
        self.splits = [split for split, part in zip(own, parts, strict=True) for _ in part]

    def __len__(self) -> int:
        return int(self.begins[-1])

    def identity(self) -> bytes:
        """Of sizes and rows: other values show in the targets, and in means and deviations."""
        return repr(([file.size for file in self.stored], self.rows)).encode()

    def whole(self, names: Sequence[str]) -> polars.DataFrame:
        import polars

        return polars.concat([self._collect(place, names, 0, rows) for place, rows in enumerate(self.rows)])

    def taken(self, indices: np.ndarray, names: Sequence[str]) -> polars.DataFrame:
        """One stretch of each file, from the first of these rows to the last."""
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


def parquet_collection(name: str, stored: Sequence[Stored], how: Reading) -> Collection:
    """The rows of these files, to be read while training.

    Files in folders train/, validation/, test/, or with names that begin so, are those splits. Raises ProfundoError for
    files that do not read or differ in their columns, and for targets that are not there.
    """
    return streamed_collection(ParquetTable(stored), Plan(name, stored[0].address, how))


def read_tables(stored: Sequence[Stored]) -> polars.DataFrame:
    """All rows of these files, in memory."""
    table = ParquetTable(stored)
    return table.taken(np.arange(len(table)), list(table.schema))
