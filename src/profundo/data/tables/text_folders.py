"""A folder or .zip of texts becomes a Collection: one folder per class, train/ validation/ test/ on top if wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from profundo.data.dataset_names import Reading
from profundo.data.images.layouts import arranged
from profundo.data.splits.splits import Collection, chosen
from profundo.data.streams.archives import Files, open_files, printable
from profundo.data.tables.frames import frame_collection
from profundo.data.tables.reading import Table
from profundo.data.tables.split_column import by_text
from profundo.data.text.text_files import TEXT, read_text
from profundo.data.text.text_ids import TOGETHER
from profundo.records import ColumnReading, ProfundoError

__all__ = ["text_folder", "text_table"]

CLASS = "class"


def text_table(path: Path) -> tuple[Table, list[str], tuple[str, ...]]:
    """The texts in a folder or .zip with the class of each, the split of each, and what was noticed."""
    import polars

    files = open_files(path, "texts")
    layout = arranged(files, "texts")
    places = [(index, split) for split, indices in layout.splits.items() for index in indices]
    texts = polars.concat(
        [
            polars.Series(
                TEXT, [text_in(files, index) or None for index, _ in places[begin : begin + TOGETHER]], polars.String
            )
            for begin in range(0, len(places), TOGETHER)
        ]
    )
    classes = [layout.classes[layout.labels[index]] for index, _ in places]
    first = (texts[0] or "")[:40]
    readings = {
        TEXT: ColumnReading(TEXT, "text", "a file each", example=(first, first)),
        CLASS: ColumnReading(CLASS, "category", "the names of the folders", example=(classes[0], classes[0])),
    }
    frame = polars.DataFrame({TEXT: texts, CLASS: classes})
    return Table(frame, readings), [split for _, split in places], (*files.notes, *layout.notes)


def text_in(files: Files, index: int) -> str:
    try:
        return read_text(files.read(index))
    except (OSError, ValueError) as error:
        raise ProfundoError(f"{printable(str(files.where))}: {files.name(index)} cannot be read: {error}") from None


def text_folder(path: Path, how: Reading) -> Collection:
    """Raises ProfundoError for texts that are in no folders of classes, and files that do not read."""
    table, splits, notes = text_table(path)
    whole = frame_collection(table, path.stem, str(path), replace(how, target=CLASS))
    if set(splits) == {"train"}:
        return replace(whole, notes=(*notes, *whole.notes), split_by=by_text(whole))
    parts = {
        split: chosen(whole.train, torch.tensor([place for place, own in enumerate(splits) if own == split]))
        for split in dict.fromkeys(splits)
    }
    return replace(
        whole,
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        notes=(*notes, *whole.notes),
    )
