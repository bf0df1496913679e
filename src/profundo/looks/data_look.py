"""A look at data before training: counts, figures, pictures and what is suspicious, of all that `train` takes.

    look = pf.look("photographs.zip")
    look.findings, look.classes, look.columns
    look.save("data.html")

Where the set has a test split of its own, the figures of columns are of the other rows, so that nobody chooses by the
test. What training would do is asked of the very functions that do it.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from profundo.data.dataset_names import OF_TABLES, SUFFIXES, Reading, Task, names, nearest
from profundo.data.images.image_folders import fits_in_memory
from profundo.data.images.layouts import NoClassesError, arranged
from profundo.data.loading import collect
from profundo.data.objects import object_collection
from profundo.data.objects_in_images.object_sources import found_objects
from profundo.data.objects_in_images.unread_labels import unread_labels
from profundo.data.recognising import is_frame
from profundo.data.splits.splits import Collection
from profundo.data.streams.addresses import is_address
from profundo.data.streams.archives import Files, open_files, things_at
from profundo.data.streams.places import remember_place
from profundo.files import write_text
from profundo.kinds import InputKind
from profundo.looks.data_facts import DataFacts
from profundo.looks.findings import in_order
from profundo.looks.grids.grid_look import look_at_grids, look_at_pixel_arrays
from profundo.looks.image_look import look_at_files, look_at_images
from profundo.looks.look_page import fragment_of, page_of
from profundo.looks.look_text import text_of
from profundo.looks.objects.object_look import look_at_object_samples, look_at_objects
from profundo.looks.series_look import look_at_series
from profundo.looks.sound_look import look_at_sounds
from profundo.looks.survey import Tell
from profundo.looks.table_look import look_at_rows, look_at_table
from profundo.records import ProfundoError, at_the_door, in_words_of_the_door

__all__ = ["Look", "is_table", "look"]

EXPANDS = 8  # times that a Parquet file may take in memory what it takes on the disk


@dataclass(frozen=True, slots=True)
class Look(DataFacts):
    """What there is to know of data before training, and its ways to be shown: text, a page, plain data."""

    def page(self) -> str:
        """One self-contained HTML page."""
        return page_of(self)

    def save(self, path: str | Path) -> Path:
        write_text(Path(path), self.page())
        return Path(path)

    def __repr__(self) -> str:
        return in_words_of_the_door(text_of(self))

    def _repr_html_(self) -> str:
        return fragment_of(self)


@at_the_door
def look(
    name: Any,
    targets: Any = None,
    *,
    target: str | None = None,
    task: Task = "auto",
    data_dir: str | Path | None = None,
    image_size: int | None = None,
    sound_rate: int | None = None,
    sound_seconds: float | None = None,
    split_by: str | None = None,
    tell: Tell = lambda *_: None,
    **of_tables: Any,
) -> Look:
    """A look at the data set of that name, or at what is at that path: a folder or .zip of images or sounds, a table, an .npz,
    series; or at what is in memory, as `load` takes it: `look(X, y)`, `look(frame, target="price")`.

    target: of a table, the column to be predicted; without one its columns are looked at all the same. split_by: how
    training would be told to divide them, as of `load`. tell: is told how
    many images of how many were looked at. of_tables: drop, only, id_columns, columns, missing, encoding, header, as of `load`.
    Raises ProfundoError where there is nothing that can be looked at.
    """
    if task not in get_args(Task):
        raise ProfundoError(f"task {task!r} is unknown; known: {', '.join(get_args(Task))}")
    for option in of_tables.keys() - set(OF_TABLES):
        raise ProfundoError(f"look: {option!r} is unknown; {nearest(option, OF_TABLES)}")
    what = {"image_size": image_size, "split_by": split_by, "sound_rate": sound_rate, "sound_seconds": sound_seconds}
    how = Reading(data_dir, skip_bad=True, target=target, task=task, **what, **of_tables)  # type: ignore[arg-type]
    begin = time.perf_counter()
    if isinstance(name, str | Path) and targets is None:
        seen = _at_place(name, how, tell)
    elif targets is None and is_frame(name) and how.target is None:
        raise ProfundoError(
            f"look: expected target=…, the column to be predicted, one of {', '.join(map(str, name.columns))}"
        )
    else:
        seen = _at_samples(object_collection(name if targets is None else (name, targets), how), tell)
    facts = {field.name: getattr(seen, field.name) for field in fields(seen)}
    return Look(**facts | {"findings": in_order(seen.findings), "seconds": time.perf_counter() - begin})


def _at_place(name: str | Path, how: Reading, tell: Tell) -> DataFacts:
    """At what has a name or a path."""
    remember_place(str(name))
    path = Path(name)
    if name not in names() and not is_address(str(name)) and (found := found_objects(path)) is not None:
        return look_at_objects(path, found, how, tell)
    if is_table(name):
        return look_at_table(path, how, tell)
    if (
        (files := _files_of(name, things := things_of(name))) is not None
        and how.target is None
        and how.task == "auto"
        and not how.of_tables()
    ):
        if things == "images":
            check_labels(files, path)
        return OF_FILES[things](files, path, how, tell)
    return _at_samples(collect(name, how), tell)


def check_labels(files: Files, where: Path) -> None:
    """Raises ProfundoError for images without classes beside files that were to say where objects are in them, and do not."""
    try:
        arranged(files)
    except NoClassesError:
        if (fault := unread_labels(where)) is not None:
            raise fault from None
    except ProfundoError:  # said where it is looked at
        return


def _at_samples(collection: Collection, tell: Tell) -> DataFacts:
    """At samples that were read."""
    if collection.inputs.parts or collection.targets.kind == "any":
        raise ProfundoError(
            f"look: expected one input and a target that is a class or a number, {collection.name} has others; look at its parts"
        )
    if collection.targets.traits.per == "object":
        return look_at_object_samples(collection, tell)
    return OF_KIND.get(collection.inputs.kind, _rows)(collection, tell)


def _rows(collection: Collection, _tell: Tell) -> DataFacts:
    return look_at_pixel_arrays(collection) if collection.targets.traits.per == "pixel" else look_at_rows(collection)


def _series(collection: Collection, _tell: Tell) -> DataFacts:
    return look_at_series(collection)


OF_FILES: Mapping[str, Callable[[Files, Path, Reading, Tell], DataFacts]] = {
    "images": look_at_files,
    "sounds": look_at_sounds,
    "masks": look_at_grids,
}
OF_KIND: Mapping[InputKind, Callable[[Collection, Tell], DataFacts]] = {"image": look_at_images, "series": _series}


def is_table(name: str | Path) -> bool:
    """Whether it is one file of rows that memory holds; more of them are read as training reads them."""
    path = Path(name)
    if name in names() or is_address(str(name)) or path.suffix.lower() not in SUFFIXES or path.is_dir():
        return False
    if path.suffix.lower() not in (".parquet", ".pq") or not path.is_file():
        return not any(sign in str(name) for sign in "{*?")
    return fits_in_memory(EXPANDS * path.stat().st_size, "auto")


def things_of(name: str | Path) -> str:
    return "images" if name in names() else things_at(Path(name))


def _files_of(name: str | Path, things: str) -> Files | None:
    """Of a folder or .zip of image or sound files; None for all else."""
    path = Path(name)
    if name in names() or path.suffix.lower() == ".npz" or not str(name):
        return None
    if things == "texts" or not (path.is_dir() or (path.is_file() and zipfile.is_zipfile(path))):
        return None
    files = open_files(path, "images" if things == "masks" else things)
    return files if files.paths else None
