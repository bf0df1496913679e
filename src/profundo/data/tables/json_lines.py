"""JSON, an object a line, as a table that stays in its file: of each line is known where it lies, and no more.

What its columns are is decided by all rows, as in memory, for which each line is read once before training.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import fits_in_memory
from profundo.data.images.image_tables import names_files
from profundo.data.splits.splits import Collection
from profundo.data.streams.addresses import read_spans
from profundo.data.streams.archives import check_file, printable
from profundo.data.tables.streamed_rows import Plan, parts_of, streamed_collection
from profundo.data.tables.table_files import check_typed
from profundo.data.text.text_files import is_json, is_json_list, json_object, kind_of, kinds_among, series_of
from profundo.languages import Said
from profundo.records import ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["json_lines"]

EXPANDS = 4  # times that rows may take in memory what they take as a file
LARGEST = 2**44  # bytes
TOGETHER = 1000  # rows of a group


def json_lines(path: Path, how: Reading) -> Collection | None:
    """The rows of a file that is to be read while training; None of all else. Raises ProfundoError for one whose rows cannot be."""
    if not is_json(path) or not path.is_file() or fits_in_memory(EXPANDS * path.stat().st_size, how.stream):
        return None
    if (how.needs_all_rows and how.stream is not True) or _is_list(path) or names_files(path, how):
        return None
    if how.image_size is not None:
        raise ProfundoError(f"{path}: image_size is for images, found rows")
    check_typed(how, str(path), streamed=True)
    return streamed_collection(JsonLines(path), Plan(path.stem, str(path), how, apart=True))


def _is_list(path: Path) -> bool:
    with open(path, encoding="utf-8", errors="replace") as file:
        return is_json_list(file.read(1024))


class JsonLines:
    """begins, sizes: of each row in the file, in bytes; digest: of all that is in the file."""

    scattered = False

    def __init__(self, path: Path) -> None:
        self.path, self.encoding = path, "utf-8"
        check_file(path, "JSON", LARGEST, "cut it")
        try:
            self._scan()
        except UnicodeDecodeError:
            self.encoding = "cp1252"
            self._scan()
        if not len(self):
            raise ProfundoError(Said("refusals.no_json_line", where=printable(str(path))))
        self.groups = parts_of(len(self), TOGETHER)
        self.splits = ["train"] * len(self.groups)

    def __len__(self) -> int:
        return len(self.begins)

    def identity(self) -> bytes:
        return self.digest

    def whole(self, names: Sequence[str]) -> polars.DataFrame:
        import polars

        places = np.arange(len(self))
        return polars.concat([self.taken(places[at : at + TOGETHER], names) for at in range(0, len(self), TOGETHER)])

    def taken(self, indices: np.ndarray, names: Sequence[str]) -> polars.DataFrame:
        import polars

        where = printable(str(self.path))
        spans = list(zip(self.begins[indices].tolist(), self.sizes[indices].tolist(), strict=True))
        try:
            lines = zip(spans, read_spans(str(self.path), spans), strict=True)
            rows = [json_object(self._text(line), f"{where}, at byte {at}") for (at, _), line in lines]
            return polars.DataFrame(
                [series_of(name, [row.get(name) for row in rows], self.kinds[name]) for name in names]
            )
        except (OSError, ValueError, TypeError, polars.exceptions.PolarsError) as error:
            raise ProfundoError(f"{where}: has changed, or cannot be read: {error}") from None

    def _text(self, line: bytes) -> str:
        return line.decode(self.encoding, "replace" if self.encoding == "cp1252" else "strict").removeprefix("\ufeff")

    def _scan(self) -> None:
        """Where the rows are, and what is in their columns."""
        begins, sizes, at = array("q"), array("q"), 0
        digest = hashlib.sha256()
        kinds: dict[str, set[Any]] = {}
        where = printable(str(self.path))
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, 1):
                digest.update(line)
                if text := self._text(line).strip():
                    begins.append(at)
                    sizes.append(len(line))
                    for name, value in json_object(text, f"{where}, line {number}").items():
                        kinds.setdefault(name, set()).update(kinds_among([value]))
                at += len(line)
        self.digest = digest.digest()
        self.begins, self.sizes = np.array(begins, np.int64), np.array(sizes, np.int64)
        self.kinds = {name: kind_of(own) for name, own in kinds.items()}
        self.schema = {name: series_of(name, [], kind).dtype for name, kind in self.kinds.items()}
