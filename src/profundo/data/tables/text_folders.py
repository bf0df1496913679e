"""A folder or .zip of texts becomes a Collection: one folder per class, train/ validation/ test/ on top if wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import fits_in_memory
from profundo.data.images.layouts import arranged
from profundo.data.splits.splits import Collection, chosen
from profundo.data.streams.archives import Folder, Zip, open_files, printable
from profundo.data.tables.frames import frame_collection
from profundo.data.tables.reading import Table
from profundo.data.tables.split_column import by_text
from profundo.data.tables.streamed_rows import Plan, parts_of, streamed_collection
from profundo.data.text.text_files import TEXT, text_of
from profundo.data.text.text_ids import TOGETHER
from profundo.records import ColumnReading, ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["text_folder"]

CLASS = "class"
EXPANDS = 4  # times that texts may take in memory what they take as files


class TextFiles:
    """A file a row, split after split and class after class: its text and the folder that it is in."""

    scattered = True

    def __init__(self, files: Folder | Zip) -> None:
        import polars

        layout = arranged(files, "texts")
        self.files, self.notes = files, (*files.notes, *layout.notes)
        self.places = np.array([index for indices in layout.splits.values() for index in indices], np.int64)
        self.classes = [layout.classes[layout.labels[index]] for index in self.places.tolist()]
        self.schema = {TEXT: polars.String, CLASS: polars.String}
        parts = {split: parts_of(len(indices), TOGETHER) for split, indices in layout.splits.items()}
        self.groups = [rows for part in parts.values() for rows in part]
        self.splits = [split for split, part in parts.items() for _ in part]
        self._digests: list[bytes] = [b""] * len(self)  # of each text, from when it was first read

    def __len__(self) -> int:
        return len(self.places)

    def identity(self) -> bytes:
        """Of names and contents: who copies a folder has other times. An archive knows the checksums of its own; of files those
        are read that were not read before."""
        places = self.places.tolist()
        if isinstance(self.files, Zip):
            marks = [self.files.mark(index).encode() for index in places]
        else:
            for row in range(len(self)):
                if not self._digests[row]:
                    self._content(row)
            marks = self._digests
        return repr([(self.files.paths[index], mark) for index, mark in zip(places, marks, strict=True)]).encode()

    def whole(self, names: Sequence[str]) -> polars.DataFrame:
        import polars

        indices = np.arange(len(self))
        return polars.concat([self.taken(indices[at : at + TOGETHER], names) for at in range(0, len(self), TOGETHER)])

    def taken(self, indices: np.ndarray, names: Sequence[str]) -> polars.DataFrame:
        import polars

        columns = {TEXT: self._texts, CLASS: self._classes}
        return polars.DataFrame([polars.Series(name, list(columns[name](indices)), polars.String) for name in names])

    def _texts(self, indices: np.ndarray) -> Iterator[str | None]:
        return (self._text(row) or None for row in indices.tolist())

    def _text(self, row: int) -> str:
        """Raises ProfundoError."""
        return text_of(
            self._content(row), f"{printable(str(self.files.where))}: {self.files.name(int(self.places[row]))}"
        )

    def _content(self, row: int) -> bytes:
        """Raises ProfundoError."""
        index = int(self.places[row])
        try:
            content = self.files.read(index)
        except (OSError, ValueError) as error:
            where = printable(str(self.files.where))
            raise ProfundoError(f"{where}: {self.files.name(index)} cannot be read: {error}") from None
        self._digests[row] = self._digests[row] or hashlib.sha256(content).digest()[:16]
        return content

    def _classes(self, indices: np.ndarray) -> Iterator[str]:
        return (self.classes[index] for index in indices.tolist())

    def readings(self) -> dict[str, ColumnReading]:
        """What the columns are, with the first of each for an example."""
        first = self._text(0)[:40]
        return {
            TEXT: ColumnReading(TEXT, "text", "a file each", example=(first, first)),
            CLASS: ColumnReading(
                CLASS, "category", "the names of the folders", example=(self.classes[0], self.classes[0])
            ),
        }


def text_folder(path: Path, how: Reading) -> Collection:
    """Raises ProfundoError for texts that are in no folders of classes, and files that do not read."""
    files = open_files(path, "texts")
    texts, how = TextFiles(files), replace(how, target=CLASS)
    if fits_in_memory(EXPANDS * sum(files.sizes()), how.stream):
        return in_memory(texts, path, how)
    made = streamed_collection(texts, Plan(path.stem, str(path), how, texts.readings(), apart=True))
    return replace(made, notes=(*texts.notes, *made.notes))


def in_memory(texts: TextFiles, path: Path, how: Reading) -> Collection:
    """All of them read."""
    table = Table(texts.whole([TEXT, CLASS]), texts.readings())
    whole = frame_collection(table, path.stem, str(path), how)
    splits = np.repeat(texts.splits, texts.groups)
    if set(texts.splits) == {"train"}:
        return replace(whole, notes=(*texts.notes, *whole.notes), split_by=by_text(whole))
    parts = {
        split: chosen(whole.train, torch.from_numpy(np.flatnonzero(splits == split)))
        for split in dict.fromkeys(texts.splits)
    }
    return replace(
        whole,
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        notes=(*texts.notes, *whole.notes),
    )
