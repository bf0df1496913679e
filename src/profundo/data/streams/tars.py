"""What is in a tar file, by place: names, offsets and sizes. Nothing is extracted, so a hostile name has no disk to reach.

The headers are read by the standard library, through a file that hands out no more than a header needs. Refused are
names that point out of the archive, links, devices, sparse and compressed files, sizes that the file does not have, and
an archive without its end mark (two empty blocks), which was cut off: otherwise samples would be missing in silence.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from profundo.data.streams.addresses import Stored, is_address, read
from profundo.data.streams.archives import printable
from profundo.records import ProfundoError

__all__ = ["Front", "Member", "members"]

BLOCK = 2**23  # bytes that are fetched from a store at once
LARGEST_HEADER = 2**20  # bytes: long names and their like
MARK = 512  # bytes of a tar's units
GZIP, ZSTD, BZIP, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ"


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in the archive. offset, size: of its content, in bytes."""

    name: str
    offset: int
    size: int


class Front:
    """A stored file from front to back, as `tarfile` reads it: from a store in large blocks, the last one being kept."""

    def __init__(self, file: Stored) -> None:
        self.file, self.place = file, 0
        self.start, self.block = 0, b""

    def span(self, offset: int, size: int) -> bytes:
        """Bytes, fewer where the file ends."""
        size = min(size, self.file.size - offset)
        if size <= 0:
            return b""
        if not is_address(self.file.address) or size > BLOCK:
            return read(self.file.address, offset, size)
        if not self.start <= offset <= offset + size <= self.start + len(self.block):
            kept = self.block[max(0, offset - self.start) :] if self.start <= offset else b""
            begin = offset + len(kept)
            fetched = read(self.file.address, begin, min(BLOCK, self.file.size - begin))
            self.start, self.block = offset, kept + fetched
        return self.block[offset - self.start : offset - self.start + size]

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_HEADER:
            raise ValueError(f"a header of {size:,} bytes")
        data = self.span(self.place, size)
        self.place += len(data)
        return data

    def seek(self, place: int, _whence: int = 0) -> int:
        if place < 0:
            raise ValueError("a negative place")
        self.place = place
        return place

    def tell(self) -> int:
        return self.place


def members(front: Front) -> Iterator[Member]:
    """The regular files of an archive, in their order. Raises ProfundoError as the head of this module says."""
    where = printable(front.file.address)
    _check_kind(front, where)
    end = 0
    try:
        with tarfile.open(fileobj=front, mode="r:", errorlevel=2) as tar:  # type: ignore[call-overload]
            while (entry := tar.next()) is not None:
                tar.members = []  # it would keep all of them
                if entry.offset_data <= end or entry.size < 0:
                    raise ValueError(f"{entry.name!r} begins before the one in front of it ends")
                end = entry.offset_data + entry.size
                if end > front.file.size:
                    raise ValueError(f"it ends within {entry.name!r}")
                if _usable(entry, where):
                    yield Member(entry.name, entry.offset_data, entry.size)
            if front.span(tar.offset, MARK) != bytes(MARK):
                raise ValueError("it ends without the mark of its end")
    except (tarfile.TarError, ValueError, RecursionError, OverflowError, LookupError, EOFError) as error:
        reason = printable(" ".join(str(error).split()))
        raise ProfundoError(
            f"{where}: expected a whole tar file, it is damaged or cut off: {reason}; write it anew"
        ) from None
    except OSError as error:
        raise ProfundoError(f"{where}: cannot be read: {error.strerror or error}") from None


def _check_kind(front: Front, where: str) -> None:
    try:
        begin = front.span(0, MARK)
    except (OSError, ValueError) as error:
        raise ProfundoError(f"{where}: cannot be read: {error}") from None
    if begin.startswith((GZIP, ZSTD, BZIP, XZ)):
        raise ProfundoError(
            f"{where}: is compressed, and so has no places to go to; unpack it to a plain .tar (gunzip)"
        )
    if len(begin) < MARK:
        raise ProfundoError(f"{where}: expected a tar file, found {front.file.size} bytes")


def _usable(entry: tarfile.TarInfo, where: str) -> bool:
    """Whether it is a file; folders are passed over."""
    name = printable(entry.name)
    if entry.name.startswith("/") or ".." in entry.name.split("/") or "\\" in entry.name:
        raise ProfundoError(f"{where}: {name!r} points out of the archive; write it anew with plain names")
    if entry.isdir():
        return False
    if not entry.isreg() or entry.sparse is not None:
        kind = "a link" if entry.issym() or entry.islnk() else "a device or another thing that is no plain file"
        raise ProfundoError(f"{where}: {name!r} is {kind}, which is not read; write the archive anew with plain files")
    return True
