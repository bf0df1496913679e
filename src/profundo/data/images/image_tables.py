"""A table whose one column names image files: photos.csv with `file,label`. Targets are read as those of any table: a class,
several labels, numbers.

A path is relative to the folder of the table, and leads nowhere else: one that leaves it, as an absolute path, by `..` or
through a link, is refused, for a table may come from a stranger, and what an image shows ends up in reports. A file that is
missing or does not decode is told of with its row, and left out with `skip_bad`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import decoded
from profundo.data.splits.splits import Collection, Selection
from profundo.data.streams.archives import IMAGE_SUFFIXES, Parts, printable, what_is_at
from profundo.data.tables.split_column import by_column
from profundo.data.tables.table_files import read_frame
from profundo.data.tables.target_columns import lost_rows, target_columns, target_values
from profundo.records import Inputs, ProfundoError, Samples

if TYPE_CHECKING:
    import polars

    from profundo.data.tables.reading import Table

__all__ = ["Listed", "image_column", "images_of_table", "listed_images"]

LOOKED_AT = 1000  # cells of a column, evenly spread
LARGEST = 64 << 20  # bytes of one image file


class Listed:
    """Image files that a table names, by number; see archives.Files. rows: of the table, from 1."""

    def __init__(self, table: Path, cells: Sequence[str], rows: Sequence[int]) -> None:
        self.where: Path | str = table
        self.within = os.path.realpath(table.parent)
        self.rows = rows
        self.cells = cells
        self.places = [self._place(cell, row) for cell, row in zip(cells, rows, strict=True)]
        self.paths: list[Parts] = [Path(os.path.relpath(place, self.within)).parts for place in self.places]
        self.folders: set[Parts] = set()
        self.notes: list[str] = []

    def _place(self, cell: str, row: int) -> str:
        """Raises ProfundoError for a path that leads out of the folder."""
        place = os.path.realpath(os.path.join(self.within, cell)) if "\0" not in cell else ""
        if not place.startswith(os.path.join(self.within, "")):
            raise ProfundoError(
                f"{printable(str(self.where))}, row {row}: {printable(cell)!r} leads out of the folder of the table; expected a "
                "path below it: put the images there"
            )
        return place

    def read(self, index: int) -> bytes:
        path = Path(self.places[index])
        if not path.is_file():  # a FIFO would block, a device need not end
            raise ValueError(f"expected a file, found {what_is_at(path)}")
        if path.stat().st_size > LARGEST:
            raise ValueError(f"expected an image of at most {LARGEST >> 20} MB; scale it down")
        return path.read_bytes()

    def __len__(self) -> int:
        return len(self.places)

    def name(self, index: int) -> str:
        return f"row {self.rows[index]}, {printable(self.cells[index])}"

    def identity(self) -> str:
        facts = []
        for place in self.places:
            try:
                status = os.stat(place)
                facts.append((place, status.st_size, status.st_mtime_ns, stat.S_ISREG(status.st_mode)))
            except OSError:
                facts.append((place, 0, 0, False))
        return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()


def image_column(frame: polars.DataFrame, folder: Path, but: set[str] | frozenset[str] = frozenset()) -> str | None:
    """The first column, but for these, of which most cells name images below the folder; None where there is none.

    Raises ProfundoError where cells are called like images, and none of them is there, in a table of nothing else.
    """
    import polars

    among = [name for name in frame.columns if name not in but and frame[name].dtype == polars.String]
    called = {name: cells for name in among if _most(cells := _some(frame[name]), _is_called_image)}
    for name, cells in called.items():
        if _most(cells, lambda cell: _is_called_image(cell) and _is_file(folder, cell)):
            return name
    if called and len(called) == len(set(frame.columns) - but):
        name, cells = next(iter(called.items()))
        raise ProfundoError(
            f"column {name!r} names images, such as {printable(cells[0])!r}, most of which are not in {printable(str(folder))}; "
            "put the table into the folder that its paths begin in"
        )
    return None


def _some(series: polars.Series) -> list[str]:
    there = series.drop_nulls()
    return there.gather_every(max(1, len(there) // LOOKED_AT)).to_list()


def _most(cells: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return sum(map(holds, cells)) > len(cells) / 2


def _is_called_image(cell: str) -> bool:
    return os.path.splitext(cell)[1].lower() in IMAGE_SUFFIXES


def _is_file(folder: Path, cell: str) -> bool:
    try:
        return os.path.isfile(os.path.join(folder, cell))
    except ValueError:  # a null byte
        return False


def images_of_table(table: Table, path: Path, how: Reading) -> Collection | None:
    """The images that a column names, with their targets; None where no column does.

    Raises ProfundoError for a path out of the folder, an image that is missing or does not decode unless those are skipped,
    and targets that are not there.
    """
    frame, where = table.frame, str(path)
    wanted = target_columns(frame.columns, how.target, where) if how.target is not None else []
    aside = {*wanted, *how.drop, *how.columns} | ({*frame.columns} - {*how.only} if how.only else set())
    try:
        column = image_column(frame, path.parent, aside)
    except ProfundoError as error:
        raise ProfundoError(f"{where}: {error}") from None
    if column is None:
        return None
    wanted = target_columns(frame.columns, how.target, where)
    complete = frame.with_row_index("\0row", 1).drop_nulls([column, *wanted])
    files = Listed(path, complete[column].to_list(), complete["\0row"].to_list())
    images = decoded(files, list(range(len(files))), how)
    bad = {index for index, _ in images.faults}
    kept = [index for index in range(len(files)) if index not in bad]
    complete = complete[kept]
    texts = {name: cells[complete["\0row"].to_numpy() - 1] for name, cells in table.texts.items()}
    targets, values, notes = target_values(complete.select(wanted), how.task, where, texts)
    by = by_column(how.split_by, complete, wanted, where) if how.split_by is not None else None
    numbers = torch.from_numpy(complete["\0row"].to_numpy().astype(np.int64)) - 1
    samples = Samples(Selection(images.source, torch.tensor(kept, dtype=torch.int64)), values, numbers=numbers)
    others = [name for name in frame.columns if name not in (column, *wanted)]
    unused = (f"The images in column {column!r} are learned from, other columns are not: {', '.join(others[:8])}.",)
    return Collection(
        path.stem,
        Inputs(images.form.shape, "image"),
        targets,
        samples,
        shares=(0.2, 0.1),
        notes=(
            *table.notes,
            *(unused if others else ()),
            *lost_rows(len(frame) - len(files), str(how.target)),
            *images.notes,
            *notes,
        ),
        split_by=by,
    )


def listed_images(path: Path) -> Listed | None:
    """The images that a table names, for predictions; None where no column does."""
    frame = read_frame(path)
    column = image_column(frame, path.parent)
    if column is None:
        return None
    there = frame.with_row_index("\0row", 1).drop_nulls([column])
    return Listed(path, there[column].to_list(), there["\0row"].to_list())
