"""Writing files so that a crash, a full disk or a kill at any moment leaves the old file or the new one, never neither.

A new file is written under a temporary name in the same folder, flushed to the disk (fsync) and renamed over the old
one; the folder is then flushed too, since the rename lives there (POSIX rename(2); Pillai et al., "All File Systems
Are Not Created Equal", OSDI 2014).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from profundo.records import ProfundoError

__all__ = [
    "clear_leftovers",
    "erase",
    "exit_point",
    "flush_folder",
    "read_json",
    "read_object",
    "replacing",
    "sha256",
    "write_bytes",
    "write_json",
    "write_text",
]

LARGEST_JSON = 1 << 26  # bytes
_EXIT_AT = int(os.environ.get("PROFUNDO_EXIT_AT", "0"))
_passed = 0


def exit_point() -> None:
    """A place where the process may die: PROFUNDO_EXIT_AT=n kills it at the n-th. So do the tests crash every write."""
    global _passed
    _passed += 1
    if _passed == _EXIT_AT:
        os._exit(75)


def flush_folder(folder: Path) -> None:
    """Make renames and removals in the folder durable. Does nothing where folders cannot be opened (Windows)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the file by one that holds `data`. Raises ProfundoError when the disk is full or the folder read-only."""
    _replace(path, lambda file: file.write(data))


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=True) + "\n")


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A text file to write into that becomes `path` in the end; after an error the old file is as it was.

    Raises ProfundoError when it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        flush_folder(path.parent)
    except OSError as error:
        raise ProfundoError(f"{path}: could not be written: {error.strerror or error}; choose another --out") from None
    finally:
        erase(temporary)


def read_json(path: Path) -> Any:
    """Raises ProfundoError when the file is missing, not a regular file, larger than 64 MB, or not JSON."""
    try:
        if not path.is_file():  # a FIFO would block, a folder would raise
            raise ProfundoError(
                f"{path}: expected a JSON file, found {'something else' if path.exists() else 'nothing'}"
            )
        if path.stat().st_size > LARGEST_JSON:
            raise ProfundoError(f"{path}: expected a JSON file of at most {LARGEST_JSON >> 20} MB")
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProfundoError(f"{path}: expected JSON, but it does not read: {error}") from None


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ProfundoError as `read_json` does, and for any other value."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise ProfundoError(f"{path}: expected a JSON object, found {type(value).__name__}; it was not written so")
    return value


def erase(path: Path) -> None:
    """Remove whatever is there: a folder with all in it, a file, a link, a FIFO. What cannot be removed stays."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        pass


def clear_leftovers(folder: Path) -> None:
    """Remove what a killed writer left under temporary names. For who alone writes there, so that none is in use."""
    for path in folder.glob(".*.part"):
        if re.fullmatch(r"\.[\w.]+\.(\d+|old)\.part", path.name):  # as _replace and checkpoints name them
            erase(path)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        exit_point()
        with temporary.open("wb") as file:
            write(file)
            exit_point()
            file.flush()
            os.fsync(file.fileno())
        exit_point()
        os.replace(temporary, path)
        exit_point()
        flush_folder(path.parent)
    except OSError as error:
        erase(temporary)
        raise ProfundoError(
            f"{path}: could not be written: {error.strerror or error}; what was saved before is untouched. "
            "Free some space or choose another --out"
        ) from None
