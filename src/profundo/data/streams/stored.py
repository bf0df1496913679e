"""Shards and Parquet files, found by what was typed: a file, a folder, a pattern or an address of a store."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from profundo.data.dataset_names import Stream, Task
from profundo.data.images.layouts import SPLITS
from profundo.data.splits.splits import Collection
from profundo.data.streams.addresses import Stored, files_at, is_address
from profundo.data.streams.archives import is_image
from profundo.records import ProfundoError

__all__ = ["EXPANDS", "stored_collection"]

TARS, TABLES = (".tar",), (".parquet", ".pq")
FIRST = 20  # files of a folder that tell what it holds
EXPANDS = 8  # times that a table may take in memory what it takes as a file


def stored_collection(
    name: str | Path,
    *,
    stream: Stream = "auto",
    skip_bad: bool = False,
    target: str | None = None,
    task: Task = "auto",
    image_size: int | None = None,
) -> Collection | None:
    """What these shards or tables hold; None where neither was named, or a single table that is read into memory."""
    where = str(name)
    suffixes = _wanted(where, stream)
    if not suffixes:
        return None
    stored = files_at(where, suffixes)
    tables = [one for one in stored if one.name.lower().endswith(TABLES)]
    if tables and len(tables) < len(stored):
        raise ProfundoError(f"{where}: expected tar shards or Parquet files, found both; give a folder of either")
    if tables:
        if image_size is not None:
            raise ProfundoError(f"{where}: image_size is for images, found tables")
        return _tables(where, stored, stream, target, task)
    if target is not None or task != "auto":
        raise ProfundoError(
            f"{where}: --target and --task are for tables and arrays; in shards the class is beside the image"
        )
    from profundo.data.streams.shards import shard_collection

    return shard_collection(where, stored, stream=stream, skip_bad=skip_bad, size=image_size)


def _wanted(where: str, stream: Stream) -> tuple[str, ...]:
    """Endings of the files that may be meant; none where this is not for shards or tables."""
    end = where.lower().rstrip("/")
    if not is_address(where) and os.path.isdir(where):
        inside = _endings(where)
        if inside & {*TARS, *TABLES} and _has_folders_of_images(where):
            return ()  # then these are what the images came in, or tell more about them
        return next((kind for kind in (TARS, TABLES) if inside & set(kind)), ())
    if end.endswith(TARS):
        return TARS
    if end.endswith(TABLES):
        return TABLES if stream is True or is_address(where) or not os.path.exists(where) or _is_large(where) else ()
    return (*TARS, *TABLES) if is_address(where) else ()


def _endings(folder: str) -> set[str]:
    """Of the files in a folder, and in the folders in it that are called like splits."""
    found = set()
    try:
        for entry in os.scandir(folder):
            if entry.is_file():
                found.add(os.path.splitext(entry.name)[1].lower())
            elif entry.name.lower() in SPLITS:
                found |= {os.path.splitext(name)[1].lower() for name in os.listdir(entry.path)}
    except OSError:
        pass
    return found


def _has_folders_of_images(folder: str) -> bool:
    """Whether a folder in it, or in one of its splits, begins with images, as one of a class does."""
    try:
        for entry in os.scandir(folder):
            if entry.is_dir() and entry.name.lower() in SPLITS:
                if any(inner.is_dir() and _begins_with_images(inner.path) for inner in os.scandir(entry.path)):
                    return True
            elif entry.is_dir() and _begins_with_images(entry.path):
                return True
    except OSError:
        pass
    return False


def _begins_with_images(folder: str) -> bool:
    return any(is_image(entry.name) for entry in islice(os.scandir(folder), FIRST))


def _is_large(path: str) -> bool:
    from profundo.data.images.image_folders import fits_in_memory

    return not fits_in_memory(EXPANDS * os.path.getsize(path), "auto")


def _tables(where: str, stored: list[Stored], stream: Stream, target: str | None, task: Task) -> Collection:
    from profundo.data.images.image_folders import fits_in_memory
    from profundo.data.streams.shards import called
    from profundo.data.tables.frames import frame_collection
    from profundo.data.tables.parquet import parquet_collection, read_tables

    whole = all(one is stored[0] for one in stored) and fits_in_memory(EXPANDS * stored[0].size, stream)
    name = called(where, TABLES)
    if whole:
        return frame_collection(read_tables(stored), name, where, target, task)
    return parquet_collection(name, stored, target, task)
