"""A table whose one column names files of images or sounds: photos.csv with `file,label`. Targets are read as those of any
table: a class, several labels, numbers.

A path is relative to the folder of the table, and leads nowhere else: one that leaves it, as an absolute path, by `..` or
through a link, is refused, for a table may come from a stranger, and what a file shows ends up in reports. A file that is
missing or does not decode is told of with its row, and left out with `skip_bad`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import decoded
from profundo.data.splits.splits import Collection, Selection
from profundo.data.streams.archives import SUFFIXES_OF, Parts, printable, what_is_at
from profundo.data.tables.split_column import by_column
from profundo.data.tables.table_files import is_parquet, read_frame
from profundo.data.tables.target_columns import lost_rows, target_columns, target_values
from profundo.data.text.text_files import read_json_rows
from profundo.languages import Said, told_by, within
from profundo.records import Inputs, ProfundoError, Samples

if TYPE_CHECKING:
    import polars

    from profundo.data.tables.reading import Table

__all__ = ["Listed", "file_column", "files_of_table", "listed_files", "names_files"]

LOOKED_AT = 1000  # cells of a column, evenly spread
LARGEST = 64 << 20  # bytes of one file
THINGS = ("images", "sounds")  # that a table may name


class Listed:
    """Files that a table names, by number; see archives.Files. rows: of the table, from 1."""

    def __init__(self, table: Path, cells: Sequence[str], rows: Sequence[int]) -> None:
        self.where: Path | str = table
        self.within = os.path.realpath(table.parent)
        self.rows = rows
        self.cells = cells
        self.places = [self._place(cell, row) for cell, row in zip(cells, rows, strict=True)]
        self.paths: list[Parts] = [Path(os.path.relpath(place, self.within)).parts for place in self.places]
        self.folders: set[Parts] = set()
        self.notes: list[Said] = []

    def _place(self, cell: str, row: int) -> str:
        """Raises ProfundoError for a path that leads out of the folder."""
        place = os.path.realpath(os.path.join(self.within, cell)) if "\0" not in cell else ""
        if not place.startswith(os.path.join(self.within, "")):
            raise ProfundoError(
                f"{printable(str(self.where))}, row {row}: {printable(cell)!r} leads out of the folder of the table; expected a "
                "path below it: put the files there"
            )
        return place

    def read(self, index: int) -> bytes:
        path = Path(self.places[index])
        if not path.is_file():  # a FIFO would block, a device need not end
            raise ValueError(f"expected a file, found {what_is_at(path)}")
        if path.stat().st_size > LARGEST:
            raise ValueError(f"expected a file of at most {LARGEST >> 20} MB; scale or cut it")
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


def file_column(
    frame: polars.DataFrame, folder: Path, but: set[str] | frozenset[str] = frozenset()
) -> tuple[str, str] | None:
    """The first column, but for these, of which most cells name files of one kind below the folder, and that kind: "images" or
    "sounds"; None where there is none.

    Raises ProfundoError where cells are called like such files, and none of them is there, in a table of nothing else.
    """
    import polars

    among = [name for name in frame.columns if name not in but and frame[name].dtype == polars.String]
    called = {name: (things, cells) for name in among if (things := _things(cells := _some(frame[name])))}
    for name, (things, cells) in called.items():
        if _most(cells, lambda cell, things=things: _is_called(cell, things) and _is_file(folder, cell)):  # type: ignore[misc]
            return name, things
    if called and len(called) == len(set(frame.columns) - but):
        name, (things, cells) = next(iter(called.items()))
        raise ProfundoError(
            f"column {name!r} names {things}, such as {printable(cells[0])!r}, most of which are not in {printable(str(folder))}; "
            "put the table into the folder that its paths begin in",
            told=Said("refusals.named_files_away", name=repr(name), cell=repr(printable(cells[0]))),
        )
    return None


def _things(cells: Sequence[str]) -> str:
    """What most cells are called like; "" for nothing."""
    return next((things for things in THINGS if _most(cells, lambda cell: _is_called(cell, things))), "")  # noqa: B023


def _some(series: polars.Series) -> list[str]:
    there = series.drop_nulls()
    return there.gather_every(max(1, len(there) // LOOKED_AT)).to_list()


def _most(cells: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return sum(map(holds, cells)) > len(cells) / 2


def _is_called(cell: str, things: str) -> bool:
    return os.path.splitext(cell)[1].lower() in SUFFIXES_OF[things]


def _is_file(folder: Path, cell: str) -> bool:
    try:
        return os.path.isfile(os.path.join(folder, cell))
    except ValueError:  # a null byte
        return False


def names_files(path: Path, how: Reading) -> bool:
    """Whether the first rows of a table of any size name images or sounds: such a table is read whole, however its files are read.
    False of one that does not read, which is said where it is read."""
    try:
        frame = _first_rows(path)
    except ProfundoError:
        return False
    try:
        return file_column(frame, path.parent, _aside(frame.columns, how)) is not None
    except ProfundoError:  # files that are not there: said of the whole table
        return True


def _first_rows(path: Path) -> polars.DataFrame:
    import polars

    if not is_parquet(path):
        return read_json_rows(path, pieces=1)
    try:
        return polars.scan_parquet(path, glob=False).head(LOOKED_AT).collect()
    except (OSError, ValueError, polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        raise ProfundoError(f"{printable(str(path))}: {error}") from None


def _aside(columns: Sequence[str], how: Reading) -> set[str]:
    """The columns that are not looked at: told to be something else, or left out."""
    target = how.target or ""
    told = {target, *(name.strip() for name in target.split(","))}
    return {*told, *how.drop, *how.columns} | ({*columns} - {*how.only} if how.only else set())


def files_of_table(table: Table, path: Path, how: Reading) -> Collection | None:
    """The images or sounds that a column names, with their targets; None where no column does.

    Raises ProfundoError for a path out of the folder, a file that is missing or does not decode unless those are skipped, and
    targets that are not there.
    """
    frame, where = table.frame, str(path)
    if how.target is not None:
        target_columns(frame.columns, how.target, where)
    try:
        result = file_column(frame, path.parent, _aside(frame.columns, how))
    except ProfundoError as error:
        raise ProfundoError(f"{where}: {error}", told=within(where, told_by(error))) from None
    if result is None:
        return None
    column, things = result
    wanted = target_columns(frame.columns, how.target, where)
    complete = frame.with_row_index("\0row", 1).drop_nulls([column, *wanted])
    files = Listed(path, complete[column].to_list(), complete["\0row"].to_list())
    source, inputs, faults, read_notes = _read(files, things, how)
    bad = {index for index, _ in faults}
    kept = [index for index in range(len(files)) if index not in bad]
    complete = complete[kept]
    texts = {name: cells[complete["\0row"].to_numpy() - 1] for name, cells in table.texts.items()}
    targets, values, notes = target_values(complete.select(wanted), how.task, where, texts)
    by = by_column(how.split_by, complete, wanted, where) if how.split_by is not None else None
    numbers = torch.from_numpy(complete["\0row"].to_numpy().astype(np.int64)) - 1
    samples = Samples(Selection(source, torch.tensor(kept, dtype=torch.int64)), values, numbers=numbers)
    others = [name for name in frame.columns if name not in (column, *wanted)]
    named = {"things": Said(f"readings.things_{things}"), "name": repr(column), "others": ", ".join(others[:8])}
    unused = (Said("readings.only_column", **named),)
    return Collection(
        path.stem,
        inputs,
        targets,
        samples,
        shares=(0.2, 0.1),
        notes=(
            *table.notes,
            *(unused if others else ()),
            *lost_rows(len(frame) - len(files), str(how.target)),
            *read_notes,
            *notes,
        ),
        split_by=by,
    )


def _read(files: Listed, things: str, how: Reading) -> tuple[Any, Inputs, list[tuple[int, str]], tuple[str, ...]]:
    """The files in one form: by their numbers, what an input is, which do not decode and why, what was done."""
    used = list(range(len(files)))
    if things == "images":
        images = decoded(files, used, how)
        return images.source, Inputs(images.form.shape, "image"), images.faults, images.notes
    from profundo.data.sound.sound_folders import sounds_of

    if how.image_size is not None:
        raise ProfundoError(f"{files.where}: image_size is for images, and the table names sounds")
    return sounds_of(files, used, how)


def listed_files(path: Path, things: str) -> Listed | None:
    """The images, or sounds, that a table names, for predictions; None where no column does."""
    frame = read_frame(path)
    result = file_column(frame, path.parent)
    if result is None or result[1] != things:
        return None
    there = frame.with_row_index("\0row", 1).drop_nulls([result[0]])
    return Listed(path, there[result[0]].to_list(), there["\0row"].to_list())
