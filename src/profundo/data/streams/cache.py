"""Where downloads and decoded images are kept between runs: PROFUNDO_CACHE, else the user's cache folder.

A cached array is one file: a line of JSON (shape, dtype, CRC-32, whatever its maker adds), then the bytes. It is
written whole or not at all, and read only if length and checksum are right; otherwise it is made anew.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from profundo.files import write_bytes
from profundo.records import ProfundoError

__all__ = ["cache_folder", "cached", "data_folder"]

Made = tuple[np.ndarray, dict[str, Any]]  # an array and its JSON notes

_LONGEST_HEADER = 2**26


def cache_folder() -> Path:
    given = os.environ.get("PROFUNDO_CACHE")
    if given:
        return Path(given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("profundo"))


def data_folder(given: str | Path | None) -> Path | None:
    """The folder that holds mnist/ and cifar10/: the argument, else PROFUNDO_DATA, else None (then: download)."""
    chosen = given or os.environ.get("PROFUNDO_DATA") or None
    return None if chosen is None else Path(chosen)


def cached(key: str, make: Callable[[], Made]) -> Made:
    """The array of that key, mapped into memory, or made and kept. A cache that cannot be written is done without."""
    path = cache_folder() / "decoded" / f"{key}.array"
    try:
        return _read(path)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        array, notes = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _packed(array, notes))
    except (OSError, ProfundoError):
        pass
    return array, notes


def _read(path: Path) -> Made:
    """Raises ValueError and its like when the file is not exactly what was once written."""
    with path.open("rb") as file:
        header = json.loads(file.readline(_LONGEST_HEADER))
        start = file.tell()
    shape, dtype = tuple(header["shape"]), np.dtype(header["dtype"])
    if dtype.hasobject or path.stat().st_size != start + math.prod(shape) * dtype.itemsize:
        raise ValueError("not the length that was written")
    # Copy on write, so that no one can change the file through the array.
    array = np.memmap(path, dtype, mode="c", offset=start, shape=shape)
    if _checksum(array, header["notes"]) != header["crc32"]:
        raise ValueError("not the bytes that were written")
    return array, header["notes"]


def _packed(array: np.ndarray, notes: dict[str, Any]) -> bytes:
    header = {"shape": array.shape, "dtype": array.dtype.str, "crc32": _checksum(array, notes), "notes": notes}
    line = json.dumps(header).encode()
    return line + b" " * (-(len(line) + 1) % 64) + b"\n" + array.tobytes()  # the bytes start aligned


def _checksum(array: np.ndarray, notes: dict[str, Any]) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data, zlib.crc32(json.dumps(notes).encode()))
