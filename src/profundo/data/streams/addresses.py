"""Files by their address: on this disk, or wherever fsspec reaches: s3://, gs://, https://, memory:// …

Only stretches of bytes are ever asked for, so that nothing needs to be fetched whole. File systems are opened by the
process that reads, for their asynchronous clients do not survive a fork. What is in braces is written out:
train-{0000..0003}.tar, {north,south}.parquet; * and ? stand for what is there.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from profundo.records import ProfundoError

__all__ = ["Stored", "beside", "expanded", "files_at", "is_address", "read", "read_spans"]

NAMELESS = ("http", "https", "ftp")  # a name before @ is a login here, and often a token; elsewhere an account
# Stores only: others compute, or read what a file names.
PROTOCOLS = ("file", "memory", "http", "https", "s3", "gs", "gcs", "az", "abfs", "oss", "hf", "ftp", "sftp", "hdfs")
MOST_FILES, MOST_BRACES = 100_000, 100
NEAR = 2**18  # bytes between two stretches that are sooner read through than asked for anew
LONGEST = 2**23  # bytes of one request
SILENT = 3.0  # seconds for which a server may say nothing
ATTEMPTS = 4  # of a request, half a second, one and two apart
# How stores tell a file's version.
MARKS = ("ETag", "etag", "md5", "md5Hash", "checksum", "LastModified", "last_modified", "mtime", "modified", "created")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file somewhere. size: in bytes; mark: what changes with its content, "" where the store does not tell."""

    address: str
    size: int
    mark: str

    @property
    def key(self) -> str:
        """One name for this content at this address."""
        return hashlib.sha256(repr((self.address, self.size, self.mark)).encode("utf-8", "replace")).hexdigest()

    @property
    def name(self) -> str:
        return self.address.rstrip("/").rsplit("/", 1)[-1]


def is_address(name: str) -> bool:
    return "://" in name


def expanded(pattern: str) -> list[str]:
    """The addresses that braces stand for, in their order. Raises ProfundoError when they are more than 100,000."""
    if pattern.count("{") > MOST_BRACES:
        raise ProfundoError(f"{pattern[:40]}…: expected at most {MOST_BRACES} braces")
    result = re.search(r"\{([^{}]*)\}", pattern)
    if result is None:
        return [pattern]
    inside = _choices(result[1], pattern)
    rest = expanded(pattern[result.end() :])
    if len(inside) * len(rest) > MOST_FILES:
        raise ProfundoError(f"{pattern}: expected at most {MOST_FILES:,} files")
    return [pattern[: result.start()] + choice + end for choice in inside for end in rest]


def _choices(text: str, pattern: str) -> list[str]:
    numbers = re.fullmatch(r"(\d{1,18})\.\.(\d{1,18})", text)
    if numbers is None:
        return text.split(",")
    first, last = int(numbers[1]), int(numbers[2])
    if last < first or last - first >= MOST_FILES:
        raise ProfundoError(f"{pattern}: expected numbers that rise, at most {MOST_FILES:,} of them")
    width = len(numbers[1]) if numbers[1].startswith("0") or len(numbers[1]) == len(numbers[2]) else 0
    return [str(number).zfill(width) for number in range(first, last + 1)]


def files_at(pattern: str, suffixes: Sequence[str]) -> list[Stored]:
    """The files that an address, a pattern or a folder (with one level of folders in it) stands for, ordered by name.

    suffixes: in lower case, of those that are looked for in a folder. Raises ProfundoError when one that is named is not
    there, when nothing is found, or the place cannot be reached.
    """
    if is_address(pattern):
        _check(pattern)
        if pattern.startswith("file://") and os.path.exists(local := pattern.removeprefix("file://")):
            pattern = local
    one_by_one = [pattern] if not is_address(pattern) and os.path.exists(pattern) else expanded(pattern)
    results = list(chain.from_iterable(_files_at(one, suffixes) for one in one_by_one))
    if not results:
        raise ProfundoError(f"{pattern}: expected {' or '.join(suffixes)} files, found none there")
    if len(results) > MOST_FILES:
        raise ProfundoError(f"{pattern}: expected at most {MOST_FILES:,} files, found {len(results):,}")
    return results


def read(address: str, offset: int, size: int) -> bytes:
    """Bytes of a file, all of them. Raises OSError when they cannot be had, ValueError when the file has not so many."""
    return next(read_spans(address, [(offset, size)]))


def read_spans(address: str, spans: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The bytes of ascending stretches (offset, size), from a store in as few requests as it takes."""
    if not is_address(address):
        with open(address, "rb", buffering=0) as file:
            for offset, size in spans:
                file.seek(offset)
                yield _whole(file.read(size), size)
        return
    for run in _near(spans):
        start, end = run[0][0], max(offset + size for offset, size in run)
        data = memoryview(_whole(_asked_of_store(address, start, end), end - start))
        for offset, size in run:
            yield bytes(data[offset - start : offset - start + size])


def beside(address: str, names: Sequence[str], largest: int) -> tuple[str, bytes] | None:
    """Name and content of the first of these files that lies in the same folder; None where there is none, or none that
    may be read. Raises ProfundoError where the place fails: that says nothing about what is there."""
    folder = address.rpartition("/")[0]
    for name in names:
        place = f"{folder}/{name}" if folder else name
        try:
            if is_address(address):
                system, path = _system(place, os.getpid())
                size = system.info(path)["size"] or 0
            elif os.path.isfile(place):
                size = os.stat(place).st_size
            else:
                continue
            if size <= largest:
                return name, read(place, 0, size)
        except Exception as error:  # noqa: BLE001 - every store has errors of its own
            failed = _failure(error)
            if failed is None or isinstance(failed, PermissionError) or getattr(failed, "status", None) in (401, 403):
                continue
            raise ProfundoError(f"{place}: cannot be read, if it is there: {_said(failed)}") from None
    return None


def _near(spans: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Stretches in groups that one request fetches."""
    run: list[tuple[int, int]] = []
    for offset, size in spans:
        if run and (offset - sum(run[-1]) > NEAR or offset + size - run[0][0] > LONGEST):
            yield run
            run = []
        run.append((offset, size))
    if run:
        yield run


def _whole(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(f"ends early, or the store does not serve parts: {len(data):,} bytes came, not {size:,}")
    return data


def _asked_of_store(address: str, start: int, end: int) -> bytes:
    for attempt in range(ATTEMPTS):
        system, path = _system(address, os.getpid())
        try:
            data: bytes = system.cat_file(path, start=start, end=end)
        except FileNotFoundError:
            raise
        except Exception as error:  # noqa: BLE001 - every store has errors of its own
            if attempt + 1 == ATTEMPTS:
                raise OSError(_said(error)) from None
            time.sleep(0.5 * 2**attempt)
        else:
            return data
    raise AssertionError


# -------------------------------------------------------------------------------------------------------------- finding
def _files_at(pattern: str, suffixes: Sequence[str]) -> list[Stored]:
    if not is_address(pattern):
        return _here(pattern, suffixes)
    system, path = _opened(pattern)
    try:
        if set("*?[") & set(path):
            results = system.glob(path, detail=True)
        elif path.lower().endswith(tuple(suffixes)):
            results = {path: system.info(path)}
        else:
            results = system.find(path, maxdepth=2, detail=True)
        results = {
            name: info if info.get("size") is not None else system.info(name)  # a list of links tells no sizes
            for name, info in sorted(results.items())
            if name.lower().endswith(tuple(suffixes)) and info.get("type") == "file"
        }
    except Exception as error:  # noqa: BLE001 - every store has errors of its own
        failed = _failure(error)
        if failed is None:
            raise ProfundoError(f"{pattern}: expected a file or folder, found nothing there") from None
        raise ProfundoError(f"{pattern}: the place cannot be read: {_said(failed)}") from None
    return [_stored(system.unstrip_protocol(name), info) for name, info in results.items()]


def _failure(error: BaseException) -> BaseException | None:
    """What went wrong; None where a file is simply not there. Over HTTP fsspec calls either "not found"."""
    cause = error.__cause__ if isinstance(error, FileNotFoundError) else error
    missing = cause is None or isinstance(cause, FileNotFoundError) or getattr(cause, "status", None) == 404
    return None if missing else cause


def _here(pattern: str, suffixes: Sequence[str]) -> list[Stored]:
    """On this disk. Links out of a folder are followed as far as files go: they are read, never written."""
    import glob

    paths = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern))
    if not paths:
        raise ProfundoError(f"{pattern}: expected a file or folder, found nothing there")
    if len(paths) == 1 and os.path.isdir(paths[0]):
        paths = sorted(chain(_inside(paths[0]), *(_inside(one) for one in _inside(paths[0]) if os.path.isdir(one))))
        paths = [path for path in paths if path.lower().endswith(tuple(suffixes)) and os.path.isfile(path)]
    for path in paths:
        if not os.path.isfile(path):
            raise ProfundoError(f"{path}: expected a file, found something else")
    return [
        Stored(path, facts.st_size, f"{facts.st_mtime_ns} {facts.st_ctime_ns}")
        for path in paths
        for facts in (os.stat(path),)
    ]


def _inside(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if not name.startswith(".")]


def _stored(address: str, info: dict[str, Any]) -> Stored:
    size = info.get("size")
    if not isinstance(size, int) or not 0 <= size < 2**60:
        raise ProfundoError(f"{address}: the store does not tell the file's size; copy it to this disk")
    return Stored(address, size, " ".join(str(info[name]) for name in MARKS if info.get(name)))


def _opened(address: str) -> tuple[Any, str]:
    try:
        return _system(address, os.getpid())
    except ImportError as error:
        raise ProfundoError(
            f'{address}: needs another package ({_said(error)}); pip install "profundo[remote]" brings the usual ones'
        ) from None
    except Exception as error:  # noqa: BLE001 - every store has errors of its own
        raise ProfundoError(f"{address}: the store cannot be opened: {_said(error)}") from None


def _check(address: str) -> None:
    """Raise ProfundoError for another kind of store, and for what may be secret: runs and reports write addresses down."""
    protocol, rest = address.split("://", 1)
    if "::" in rest:
        raise ProfundoError(f"{protocol}://…: expected one address without ::; give a host by its name")
    if protocol not in PROTOCOLS:
        raise ProfundoError(f"an address that begins {protocol}:// is not read; known: {', '.join(PROTOCOLS)}")
    host = rest.partition("/")[0]
    if re.match(r"[^/@]*:(?!\d+(/|$))[^@]*@", rest) or (protocol in NAMELESS and "@" in host):
        raise ProfundoError(
            f"{protocol}://…@{rest.rpartition('@')[2].partition('?')[0]}: expected an address without a password or token; "
            "give credentials as the store's package reads them, from the environment or its configuration"
        )
    if re.search(r"\?[^/]*=", rest):
        raise ProfundoError(
            f"{address.partition('?')[0]}?…: expected an address without parameters, which would be written into runs and "
            "reports; give credentials as the store's package reads them, or fetch signed addresses to this disk"
        )


@lru_cache(maxsize=1024)
def _system(address: str, _process: int) -> tuple[Any, str]:
    """The file system of an address, for this process alone, and the path in it."""
    import fsspec

    options: dict[str, Any] = {}
    if address.startswith(("http://", "https://")):
        import aiohttp  # without it fsspec says what is missing, and so does this

        options["client_kwargs"] = {"timeout": aiohttp.ClientTimeout(sock_connect=SILENT, sock_read=SILENT)}
    system, path = fsspec.core.url_to_fs(address, **options)
    return system, path


def _said(error: BaseException) -> str:
    """On one line, without the parameters of addresses: stores redirect to signed ones."""
    line = re.sub(r"\?[^\s'\"]*=[^\s'\"]*", "?…", " ".join(str(error).split()))
    return line[:300] or type(error).__name__
