"""Image or sound files in a folder or in a .zip, as bytes by number. Nothing is ever unpacked to the disk.

Names are only looked at, never used to write, so a hostile name can do no more than be refused. What a file declares is
checked before it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

from profundo.data.streams.machine_memory import memory
from profundo.files import sha256
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "IMAGE_SUFFIXES",
    "MASKED",
    "SMALL",
    "SUFFIXES_OF",
    "TIGHT",
    "Files",
    "Folder",
    "LabelFiles",
    "Zip",
    "check_archive",
    "check_file",
    "is_image",
    "open_files",
    "printable",
    "read_whole",
    "things_at",
    "what_is_at",
]

SMALL, TIGHT = 1 << 30, 100  # bytes that anything may unpack to; beyond, how many times its own size
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".tif", ".tiff", ".webp"}
SUFFIXES_OF = {
    "images": IMAGE_SUFFIXES,
    "sounds": {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"},
    "texts": {".txt"},
}
ANNOTATIONS = {".json", ".xml", ".txt", ".csv", ".tsv", ".yaml", ".yml", ".names", ".labels"}
"""Of files that say what is in images."""
MASKED = {"images": "images", "masks": "masks", "jpegimages": "images", "segmentationclass": "masks"}
"""Folders of images and of their masks, in small letters; the latter two are PASCAL VOC's."""
_LARGEST = 2**26  # bytes of one file
_READ_TAKES = 12  # times its size that a file of labels takes while it is read: JSON of COCO's was seen to take 8
_MOST_ENTRIES = 200_000
_LARGEST_DIRECTORY = 200 * _MOST_ENTRIES  # bytes: an entry has 46 and its name
_LONGEST_END = 22 + 0xFFFF + 20  # bytes of an archive's last record with its remark, and of what may stand before it
_TELLING = 1000  # files by whose names it is known what a folder holds
_FEW_FOLDERS = 8  # that are looked into for images and masks

Parts = tuple[str, ...]  # a path inside the folder or archive, piece by piece


class Files(Protocol):
    """Files of one kind by number.

    where: the folder or archive; paths: of the files in it; folders: every folder seen, also those without any; notes: what
    was left out, and why.
    """

    paths: list[Parts]
    folders: set[Parts]
    notes: list[Said]

    def read(self, index: int) -> bytes:
        """The bytes of one file. Raises OSError or ValueError with the reason when it cannot be had."""

    @property
    def where(self) -> Path | str: ...

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Of one file, for people."""

    def identity(self) -> str:
        """SHA-256 of what the content depends on."""


def open_files(where: Path, things: str = "images") -> Folder | Zip:
    """things: "images", "sounds", "texts" or "annotations". Raises ProfundoError when there is neither a folder nor a .zip."""
    if where.is_dir():
        return Folder(where, things)
    if where.is_file() and zipfile.is_zipfile(where):
        return Zip(where, things)
    result = "a file of another kind" if where.exists() else "nothing"
    if where.is_file() and not os.access(where, os.R_OK):
        result = "a file that may not be read"
    raise ProfundoError(
        f"{printable(str(where))}: expected a folder or a .zip of {things}, found {result}",
        told=Said("refusals.folder_or_zip", where=printable(str(where))),
    )


def things_at(where: Path) -> str:
    """What a folder or .zip holds: "masks" beside images, by the names of its folders; by those of its files more "images" or
    "sounds", or "texts" alone; "images" where it has none of them."""
    members = _members(where)
    folders = _folders_at(where) if members is None else {part for one in members for part in one.split("/")[:-1]}
    if {MASKED.get(name.lower()) for name in folders} >= set(MASKED.values()):
        return "masks"
    files = _names_at(where) if members is None else map(os.path.basename, members)
    counts = Counter(what for name in files for what in SUFFIXES_OF if is_one_of(name, what))
    if counts.keys() == {"texts"}:
        return "texts"
    return "sounds" if counts["sounds"] > counts["images"] else "images"


def _members(where: Path) -> list[str] | None:
    """Names of what is in a .zip; None of all else, and [] where it does not read, which is said where it is read."""
    if "\0" in str(where):  # no file has such a name
        return []
    if not (where.is_file() and zipfile.is_zipfile(where)):
        return None
    try:
        with zipfile.ZipFile(where) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, struct.error, NotImplementedError):
        return []


def _folders_at(where: Path) -> Iterator[str]:
    """Names of folders on top and one or two below, as far as there are few of them."""
    for _, folders, _ in islice(os.walk(where), _FEW_FOLDERS):
        yield from folders
        folders[:] = [folder for folder in folders if not _is_hidden(folder)] if len(folders) <= _FEW_FOLDERS else []


def _names_at(where: Path) -> Iterator[str]:
    """Names of files below a folder in no certain order: the first that are images, sounds or texts."""
    yield from islice((name for name in _walked(where) if any(is_one_of(name, what) for what in SUFFIXES_OF)), _TELLING)


def _walked(where: Path) -> Iterator[str]:
    for _, folders, names in os.walk(where):
        folders[:] = sorted(folder for folder in folders if not _is_hidden(folder))
        yield from names


class Folder:
    """The images, sounds or texts below a folder. Symbolic links to folders, or out of the folder, are not followed."""

    def __init__(self, where: Path, things: str = "images") -> None:
        self.where = where
        self.paths: list[Parts] = []
        self.folders: set[Parts] = set()
        self._stats: list[tuple[int, int]] = []
        links = 0
        inside = os.path.realpath(where) + os.sep
        for place, folders, files in os.walk(where, onerror=_unreadable, followlinks=False):
            links += sum(os.path.islink(os.path.join(place, folder)) for folder in folders)
            folders[:] = sorted(folder for folder in folders if not _is_hidden(folder))
            parts = Path(place).relative_to(where).parts
            self.folders.update((*parts, name) for name in folders if not os.path.islink(os.path.join(place, name)))
            for name in sorted(name for name in files if is_one_of(name, things)):
                path = os.path.join(place, name)
                if os.path.islink(path) and not os.path.realpath(path).startswith(inside):
                    links += 1
                    continue
                try:
                    facts = os.stat(path)
                except OSError:
                    continue  # a link to nothing, or gone meanwhile
                if stat.S_ISREG(facts.st_mode):
                    self.paths.append((*parts, name))
                    self._stats.append((facts.st_size, facts.st_mtime_ns))
        self.notes = [Said("readings.links_left", count=links)] if links else []

    def read(self, index: int) -> bytes:
        _check_size(self._stats[index][0])
        return self.begins(index, _LARGEST + 1)

    def read_labels(self, index: int) -> bytes:
        """The same of a file that says what is in all images, which may be as large as memory bears."""
        _check_labels(self._stats[index][0])
        return self.begins(index, self._stats[index][0])

    def begins(self, index: int, length: int) -> bytes:
        """The first bytes of a file, also of one that is too large to be read. Raises OSError."""
        with open(os.path.join(self.where, *self.paths[index]), "rb") as file:
            return file.read(length)

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return printable("/".join(self.paths[index]))

    def mark(self, index: int) -> str:
        """What changes when the file does: its size and time of change."""
        return "{}-{}".format(*self._stats[index])

    def sizes(self) -> list[int]:
        """Of each file, in bytes."""
        return [size for size, _ in self._stats]

    def identity(self) -> str:
        """Of names, sizes and times of change."""
        content = repr(sorted(zip(self.paths, self._stats, strict=True)))
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


class Zip:
    """The images, sounds or texts in a .zip. Opened anew in every process, so that it may be pickled, or forked, to a worker."""

    def __init__(self, where: Path, things: str = "images") -> None:
        self.where = where
        self.paths: list[Parts] = []
        self.folders: set[Parts] = set()
        self.notes: list[Said] = []
        self._members: list[int] = []  # positions in the archive: names may repeat
        self._archive: zipfile.ZipFile | None = None
        self._process = 0
        unsafe = 0
        for number, member in enumerate(self._open().infolist()):
            parts = tuple(part for part in member.filename.split("/") if part not in ("", "."))
            if member.filename.startswith("/") or ".." in parts or stat.S_ISLNK(member.external_attr >> 16):
                unsafe += 1
                continue
            if any(map(_is_hidden, parts[:-1])):
                continue
            self.folders.update(_parents(parts, member.is_dir()))
            if parts and not member.is_dir() and is_one_of(parts[-1], things):
                self.paths.append(parts)
                self._members.append(number)
        if unsafe:
            self.notes.append(Said("readings.unsafe_entries", count=unsafe))

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_archive": None}

    def read(self, index: int) -> bytes:
        size = self._open().infolist()[self._members[index]].file_size
        _check_size(size)
        return self.begins(index, size)  # never more than is declared, and the CRC-32 is checked

    def read_labels(self, index: int) -> bytes:
        """The same of a file that says what is in all images, which may be as large as memory bears."""
        size = self._open().infolist()[self._members[index]].file_size
        _check_labels(size)
        return self.begins(index, size)

    def begins(self, index: int, length: int) -> bytes:
        """The first bytes of a file, also of one that is too large to be read. Raises OSError or ValueError."""
        archive = self._open()
        member = archive.infolist()[self._members[index]]
        if member.flag_bits & 1:
            raise ValueError("encrypted")
        try:
            with archive.open(member) as file:
                return file.read(length)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
            raise ValueError(str(error) or "ends early") from None

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return printable("/".join(self.paths[index]))

    def mark(self, index: int) -> str:
        """What changes when the file does: its size and checksum."""
        member = self._open().infolist()[self._members[index]]
        return f"{member.file_size}-{member.CRC:08x}"

    def sizes(self) -> list[int]:
        """Of each file, in bytes, unpacked."""
        members = self._open().infolist()
        return [members[number].file_size for number in self._members]

    def identity(self) -> str:
        return sha256(self.where)

    def _open(self) -> zipfile.ZipFile:
        if self._archive is None or self._process != os.getpid():  # a forked copy would share the file position
            try:
                self._archive = zipfile.ZipFile(self.where)
            except (OSError, zipfile.BadZipFile, ValueError, struct.error, NotImplementedError) as error:
                raise ProfundoError(
                    Said("refusals.zip_unread", name=printable(str(self.where)), reason=error)
                ) from None
            self._process = os.getpid()
        return self._archive


LabelFiles = Folder | Zip


def _unreadable(error: OSError) -> None:
    """A folder that may not be looked into would be missing in silence."""
    raise ProfundoError(f"{printable(str(error.filename))}: the folder cannot be read: {error.strerror}") from None


def printable(name: str) -> str:
    """The name on one line: control characters and bytes that are no UTF-8 are written as escapes."""
    try:
        text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a pair of UTF-16, which stands for no byte
        text = name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def check_archive(path: Path, name: str) -> None:
    """Raises ProfundoError for a .zip of a stranger that would take too much memory or disk to read, or whose entries point
    elsewhere: told by its directory alone, before anything is unpacked. name: what it is called in the message."""
    directory = _directory_bytes(path)
    if directory is None:
        raise ProfundoError(Said("refusals.zip_end", name=name))
    if directory > _LARGEST_DIRECTORY:
        raise ProfundoError(Said("refusals.zip_entries", name=name, most=_MOST_ENTRIES))
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, struct.error, NotImplementedError) as error:
        raise ProfundoError(Said("refusals.zip_unread", name=name, reason=str(error))) from None
    if len(members) > _MOST_ENTRIES:
        raise ProfundoError(Said("refusals.zip_members", name=name, most=_MOST_ENTRIES, found=len(members)))
    for member in members:
        if fault := _fault_of(member):
            inner = printable(member.filename[:80])
            raise ProfundoError(Said("refusals.zip_member", name=name, member=inner, fault=fault))
    size, most = sum(member.file_size for member in members), max(SMALL, TIGHT * path.stat().st_size)
    if size > most:
        raise ProfundoError(Said("refusals.zip_unpacked", name=name, most=most, size=size))


def _fault_of(member: zipfile.ZipInfo) -> str:
    if (
        member.filename.startswith(("/", "\\"))
        or ".." in re.split(r"[/\\]", member.filename)
        or ":" in member.filename[:3]
    ):
        return Said("refusals.points_out")
    if stat.S_ISLNK(member.external_attr >> 16):
        return Said("refusals.is_link")
    if member.flag_bits & 1:
        return Said("refusals.is_encrypted")
    return Said("refusals.unpacks_to", most=_LARGEST >> 20) if member.file_size > _LARGEST else ""


def _directory_bytes(path: Path) -> int | None:
    """How large an archive says its directory is (APPNOTE.TXT, 4.3.16), which is read into memory as a whole; of one in the form
    for more than 4 GB, a size that is too much. None where it has no end."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_END))
        end = file.read()
    place = end.rfind(b"PK\x05\x06")
    if place < 0 or len(end) < place + 22:
        return None
    if b"PK\x06\x07" in end[max(0, place - 20) : place]:
        return 1 << 32
    size: int = struct.unpack_from("<I", end, place + 12)[0]
    return size


def read_whole(path: Path, what: str, largest: int, advice: str) -> bytes:
    """A file's bytes. Raises ProfundoError that says that `what` was expected, of at most `largest` bytes: then `advice`."""
    check_file(path, what, largest, advice)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProfundoError(Said("refusals.file_unread", where=printable(str(path)), reason=error)) from None


def check_file(path: Path, what: str, largest: int, advice: str) -> None:
    """Raises ProfundoError as `read_whole` does."""
    where = printable(str(path))
    try:
        if not path.is_file():
            raise ProfundoError(f"{where}: expected {what}, found {what_is_at(path)}")
        if path.stat().st_size > largest:
            raise ProfundoError(f"{where}: expected {what} of at most {largest >> 20} MB; {advice}")
    except (OSError, ValueError) as error:
        raise ProfundoError(Said("refusals.file_unread", where=where, reason=error)) from None


def what_is_at(path: Path) -> str:
    """In words, where a file was expected."""
    if path.is_dir():
        return "a folder"
    return "something else" if path.exists() else "nothing"


def _parents(parts: Parts, folder: bool) -> Iterable[Parts]:
    """The folders on the way to an entry, itself included if it is one."""
    return (parts[:depth] for depth in range(1, len(parts) + folder))


def _is_hidden(folder: str) -> bool:
    return folder.startswith(".") or folder == "__MACOSX"


def is_image(name: str) -> bool:
    return is_one_of(name, "images")


def is_one_of(name: str, things: str) -> bool:
    suffixes = ANNOTATIONS if things == "annotations" else SUFFIXES_OF[things]
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes


def _check_labels(size: int) -> None:
    if (most := max(_LARGEST, memory() // _READ_TAKES)) < size:
        raise ValueError(
            f"{size >> 20:,} MB, and reading it would take about {_READ_TAKES} times as much memory, more than there is; divide "
            f"it into files of at most {most >> 20:,} MB"
        )


def _check_size(size: int) -> None:
    if size > _LARGEST:
        raise ValueError(f"{size:,} bytes, more than the limit of {_LARGEST:,}")
