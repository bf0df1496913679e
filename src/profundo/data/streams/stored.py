"""Shards and Parquet files, found by what was typed: a file, a folder, a pattern or an address of a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from profundo.data.dataset_names import Reading
from profundo.data.images.layouts import SPLITS
from profundo.data.splits.splits import Collection
from profundo.data.streams.addresses import Stored, files_at, is_address
from profundo.data.streams.archives import is_image
from profundo.records import ProfundoError

__all__ = ["EXPANDS", "stored_collection"]

TARS, TABLES = (".tar",), (".parquet", ".pq")
FIRST = 20  # files of a folder that tell what it holds
EXPANDS = 8  # times that a table may take in memory what it takes as a file


def stored_collection(where: str, how: Reading) -> Collection | None:
    """What these shards or tables hold; None where neither was named, or a single table that is read into memory."""
    suffixes = _wanted(where, how)
    if not suffixes:
        return None
    stored = files_at(where, suffixes)
    tables = [one for one in stored if one.name.lower().endswith(TABLES)]
    if tables and len(tables) < len(stored):
        raise ProfundoError(f"{where}: expected tar shards or Parquet files, found both; give a folder of either")
    if tables:
        if how.image_size is not None:
            raise ProfundoError(f"{where}: image_size is for images, found tables")
        return _tables(where, stored, how)
    if how.target is not None or how.task != "auto":
        raise ProfundoError(
            f"{where}: --target and --task are for tables and arrays; in shards the class is beside the image"
        )
    from profundo.data.streams.shards import shard_collection

    return shard_collection(where, stored, how)


def _wanted(where: str, how: Reading) -> tuple[str, ...]:
    """Endings of the files that may be meant; none where this is not for shards or tables."""
    end = where.lower().rstrip("/")
    if not is_address(where) and os.path.isdir(where):
        there = list(_there(where))
        inside = {os.path.splitext(entry.name)[1].lower() for entry in there if entry.is_file()}
        if inside & {*TARS, *TABLES} and any(entry.is_dir() and _begins_with_images(entry.path) for entry in there):
            return ()  # then these are what the images came in, or tell more about them
        return next((kind for kind in (TARS, TABLES) if inside & set(kind)), ())
    if end.endswith(TARS):
        return TARS
    if end.endswith(TABLES):
        return TABLES if is_address(where) or not os.path.exists(where) or _may_stream(where, how) else ()
    return (*TARS, *TABLES) if is_address(where) else ()


def _there(folder: str) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, and in the folders in it that are called like splits."""
    for entry in _inside(folder):
        if entry.is_dir() and entry.name.lower() in SPLITS:
            yield from _inside(entry.path)
        else:
            yield entry


def _begins_with_images(folder: str) -> bool:
    """As a folder of one class does."""
    return any(is_image(entry.name) for entry in _inside(folder, FIRST))


def _inside(folder: str, most: int | None = None) -> list[os.DirEntry[str]]:
    try:
        return list(islice(os.scandir(folder), most))
    except OSError:  # said where it is read
        return []


def _may_stream(path: str, how: Reading) -> bool:
    """Whether a table on this disk is one to be streamed, or so large that it is read from here: not one that names images."""
    from profundo.data.images.image_folders import fits_in_memory
    from profundo.data.images.image_tables import names_files

    if how.stream is not True and fits_in_memory(EXPANDS * os.path.getsize(path), "auto"):
        return False
    return not names_files(Path(path), how)


def _tables(where: str, stored: list[Stored], how: Reading) -> Collection:
    from profundo.data.images.image_folders import fits_in_memory
    from profundo.data.series.series_rows import rows_collection
    from profundo.data.streams.shards import called
    from profundo.data.tables.parquet import parquet_collection, read_tables
    from profundo.data.tables.reading import typed_table
    from profundo.data.tables.table_files import check_typed

    kept = fits_in_memory(EXPANDS * stored[0].size, how.stream) or (how.needs_all_rows and how.stream is not True)
    whole = kept and all(one is stored[0] for one in stored)
    name = called(where, TABLES)
    check_typed(how, where, streamed=not whole)
    if whole:
        return rows_collection(typed_table(read_tables(stored), how.columns), name, where, how)
    return parquet_collection(name, stored, how)
