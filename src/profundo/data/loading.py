"""`load`: a name or a path becomes a Dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from profundo.data.dataset_names import (
    PUBLISHED,
    SUFFIXES,
    Header,
    Reading,
    Stream,
    TargetTransform,
    Task,
    names,
    nearest,
)
from profundo.data.splits.splits import Collection, divide, heeded
from profundo.data.streams.archives import things_at
from profundo.data.tables.spreadsheets import check_no_spreadsheet
from profundo.languages import Said
from profundo.records import Dataset, ProfundoError, at_the_door

__all__ = ["collect", "load"]

LONGEST_SIDE = 4096  # pixels that images may be scaled to
BY_DEFAULT = Reading()


@at_the_door
def load(
    name: Any,
    targets: Any = None,
    *,
    data_dir: str | Path | None = None,
    validation: Any = None,
    test: Any = None,
    seed: int = 0,
    stream: Stream = "auto",
    skip_bad: bool = False,
    target: str | None = None,
    task: Task = "auto",
    image_size: int | None = None,
    drop: Sequence[str] = (),
    only: Sequence[str] = (),
    id_columns: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    missing: Sequence[str] | None = None,
    encoding: str | None = None,
    header: Header = "first",
    split_by: str | None = None,
    target_transform: TargetTransform = "none",
    sound_rate: int | None = None,
    sound_seconds: float | None = None,
    horizon: int | None = None,
    lookback: int | None = None,
    series: str | None = None,
) -> Dataset:
    """The data set of that name (see `names()`), or what is at that path: a folder or .zip of images, one folder per
    class, or of sounds, or texts (.txt) likewise; of images and masks (data/grids), or of images and
    what says where objects are in them (data/objects_in_images); a table (.csv, .tsv, .jsonl,
    .parquet) with a column to predict; arrays (.npz); tar shards or Parquet files, in a folder, by a pattern such as
    train-{000..009}.tar, or by an address such as s3://bucket/path/ (see shards.py, parquet.py). Or what is in memory:
    (X, y) of arrays, also as load(X, y), a table, a Dataset or DataLoader (see objects.py).

    data_dir: folder that holds mnist/, cifar10/ and the like; else the environment variable PROFUNDO_DATA; else they
        are fetched once into the user's cache and checked against their SHA-256.
    validation: share of the samples not set apart for the test; of data in memory also more of the same, as is test. By default
        1/12 of MNIST and sets of its form, 1/8 of the small sets (a tenth of the whole, since a fifth is the test), 1/10 of all
        others.
    seed: decides who is in which split; the data set's own test split is kept where it has one.
    stream: read images, or rows of Parquet, when they are asked for; "auto" does so where they would take more than half of
        the memory.
    skip_bad: leave out images or sounds that cannot be decoded, and count them in `notes`, instead of stopping.
    target: of a table, the column to be predicted. task: "classes" or "real" where that is not plain from its values.
    image_size: side in pixels that the images of a folder or archive are scaled and cut to.
    drop, only: columns of a table to leave out, or the only ones to learn from; id_columns: those that say which row it is.
    columns: what some columns are and how they are written, such as {"when": "date:dmy", "zip": "category"}; missing: the
        words for nothing, in place of the usual ones; encoding: of text that is no UTF-8; header: "none" where the first row
        names no columns: they are "column 1", "column 2" and so on.
    split_by: "time:COLUMN" or "group:COLUMN" of a table, "group:PATTERN" of the names of images or sounds: see split_by.py.
    target_transform: of a real target, "log", "rank" or "auto": see target_transforms.py.
    sound_rate, sound_seconds: in Hz and seconds, what all sounds are made like: see sound_folders.py.
    horizon: of a table in the order of time, how many steps of the target are predicted after each moment, from the `lookback`
        steps before it; series: the column that tells several series apart. See series/forecast_windows.py.
    """
    how = Reading(
        *(data_dir, stream, skip_bad, target, task, image_size),
        *(drop, only, id_columns, columns or {}, missing),
        *(encoding, header, split_by, target_transform),
        sound_rate=sound_rate,
        sound_seconds=sound_seconds,
        horizon=horizon,
        lookback=lookback,
        series=series,
    )
    share = validation if isinstance(validation, int | float) and not isinstance(validation, bool) else None
    if targets is not None and isinstance(name, str | Path):
        raise ProfundoError(f"{name}: has its targets within, such as target='column' of a table; leave out the others")
    if targets is not None:
        name = (name, targets)
    if not isinstance(name, str | Path):
        from profundo.data.objects import object_collection

        collection = object_collection(name, how, validation=validation if share is None else None, test=test)
        return divide(collection, validation=share, seed=seed, stream=stream is True)
    if test is not None or validation is not share:
        raise ProfundoError(
            f"{name}: expected a share of the samples to validate, such as 0.1, and no test samples; folders and tables "
            "have them within (docs/data.md)"
        )
    data = divide(collect(name, how), validation=share, seed=seed, stream=stream is True)
    given = {key: value for key, value in asdict(how).items() if value != getattr(BY_DEFAULT, key)}
    origin = {"data": str(name), "seed": seed, **({} if share is None else {"validation": share}), **given}
    return replace(data, origin=origin | ({"data_dir": str(data_dir)} if data_dir else {}))


def collect(name: str | Path, how: Reading = BY_DEFAULT) -> Collection:
    """What `load` divides into splits: the samples as they were read, before anything is learned from them."""
    return heeded(_collected(name, how), how, name)


def _collected(name: str | Path, how: Reading) -> Collection:
    path, size = Path(name), how.image_size
    if size is not None and not (isinstance(size, int) and 1 <= size <= LONGEST_SIDE):
        raise ProfundoError(Said("refusals.one_side", where=name, most=LONGEST_SIDE, size=size))
    is_named = name in names()
    if not is_named:
        from profundo.data.objects_in_images.object_folders import object_images
        from profundo.data.objects_in_images.object_sources import found_objects
        from profundo.data.streams.stored import stored_collection

        if (result := stored_collection(str(name), how)) is not None:
            return result
        if (found := found_objects(path)) is not None:
            _check_no_table(name, how)
            return object_images(path, found, how)
        check_no_spreadsheet(path)
        if path.suffix.lower() in (*SUFFIXES, ".npz", ".ts") and not path.is_dir():
            return _rows(path, how)
    things = things_at(path) if not is_named and os.path.exists(name) else ""
    _check_no_table(name, how, things)
    if is_named:
        if size is not None:
            raise ProfundoError(Said("refusals.size_of_images", where=name))
        return _named(str(name), how)
    if not os.path.exists(name):  # also for names that no file can have
        raise ProfundoError(
            f"{str(name)!r} names no data set, and there is no such file; {nearest(str(name), names())}; "
            "or give a folder or a .zip with one folder of images or sounds per class, a table (.csv, .tsv, .parquet), an .npz, "
            "or series (.ts)"
        )
    if things == "masks":
        from profundo.data.grids.grid_folders import grid_collection

        return grid_collection(path, how)
    if things == "sounds":
        from profundo.data.sound.sound_folders import sound_collection

        if size is not None:
            raise ProfundoError(Said("refusals.size_of_sounds", where=name))
        return sound_collection(path, how)
    from profundo.data.images.image_folders import image_collection
    from profundo.data.images.layouts import NoClassesError
    from profundo.data.objects_in_images.unread_labels import unread_labels
    from profundo.data.tables.text_folders import text_folder

    if things == "texts":
        return text_folder(path, how)
    try:
        return image_collection(path, how)
    except NoClassesError as error:
        raise unread_labels(path) or error from None


def _check_no_table(name: str | Path, how: Reading, things: str = "") -> None:
    """Raises ProfundoError for options that are for tables. things: what is there instead."""
    task = how.task != "auto" and not (things == "masks" and how.task in ("classes", "real"))
    if how.target is not None or task or how.of_tables():
        given = ["target"] * (how.target is not None) + ["task"] * task + how.of_tables()
        option = f"--{given[0].replace('_', '-')}"
        raise ProfundoError(Said("refusals.of_tables_only", where=name, option=option))


def _rows(path: Path, how: Reading) -> Collection:
    """What is in a file of rows, read whole."""
    from profundo.data.arrays import array_collection
    from profundo.data.images.image_tables import files_of_table
    from profundo.data.series.series_rows import rows_collection
    from profundo.data.series.ts_files import ts_collection
    from profundo.data.tables.json_lines import json_lines
    from profundo.data.tables.table_files import read_table

    if path.suffix.lower() == ".npz":
        return array_collection(path, how.task)
    if path.suffix.lower() == ".ts":
        return ts_collection(path, how.task)
    if (lines := json_lines(path, how)) is not None:
        return lines
    table = read_table(path, how)
    if (media := files_of_table(table, path, how)) is not None:
        return media
    if how.stream is True and path.suffix.lower() not in (".parquet", ".pq") and path.is_file():
        raise ProfundoError(
            f"{path}: this kind of table is read whole; leave --stream out, or write it as .parquet, or .jsonl with an object a line"
        )
    if how.image_size is not None:
        raise ProfundoError(Said("refusals.size_no_images", where=path))
    return rows_collection(table, path.stem, str(path), how)


def _named(name: str, how: Reading) -> Collection:
    from profundo.data.sets import digit_scenes
    from profundo.data.sets.measurements import MEASURED, measured
    from profundo.data.sets.published import published
    from profundo.data.sets.sklearn_sets import digits, table
    from profundo.data.sets.toys import GATES, TOYS, gate, toy

    if name in PUBLISHED:
        return published(name, how)
    if name == "digit-scenes":
        return digit_scenes.collection(name, published("mnist", how))
    if name == "digits":
        return digits()
    for known, make in ((GATES, gate), (TOYS, toy), (MEASURED, measured)):
        if name in known:
            return make(name)
    return table(name)
