"""Writing files so that a crash, a full disk or a kill at any moment leaves the old file or the new one, never neither.

A new file is written under a temporary name in the same folder, flushed to the disk (fsync) and renamed over the old
one; the folder is then flushed too, since the rename lives there (POSIX rename(2); Pillai et al., "All File Systems
Are Not Created Equal", OSDI 2014).

A folder may come from a stranger, who may have put links into it. The path that a person gives may go through links; below
it nothing is written, replaced or removed through one (openat(2), O_NOFOLLOW).
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from profundo.records import ProfundoError

__all__ = [
    "Place",
    "check_out",
    "clear_abandoned",
    "clear_leftovers",
    "erase",
    "exit_point",
    "expectation",
    "in_words",
    "kind_of",
    "open_place",
    "read_json",
    "read_object",
    "reason",
    "replacing",
    "replacing_bytes",
    "sha256",
    "what_is_at",
    "write_bytes",
    "write_in_passing",
    "write_json",
    "write_text",
]

LARGEST_JSON = 1 << 26  # bytes
HOUR, DAY = 3600.0, 86400.0  # seconds
LEFTOVER = re.compile(r"\.(.+)\.(\d+|old)\.part", re.DOTALL)  # .NAME.PROCESS.part
HELD = {os.open, os.mkdir, os.rename, os.stat, os.unlink} <= os.supports_dir_fd and os.listdir in os.supports_fd
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
NO_LINK = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)  # nor wait for a FIFO
ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space or choose another place (--out)"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "make it writable (`chmod u+w`) or choose another place (--out)"),
    errno.EEXIST: "a file has this name; choose another",
    errno.EROFS: "this disk takes no writing; choose another place (--out)",
    errno.ENOENT: "its folder was moved, removed or never made; make it or choose another place (--out)",
    errno.ENOTDIR: "a file stands where a folder was expected; choose another place (--out)",
    errno.EISDIR: "a folder has this name; choose another name (--out)",
    errno.ENAMETOOLONG: "choose a shorter name (--out)",
    errno.ELOOP: "a link stands there; remove it or choose another place (--out)",
    errno.EFBIG: "allow larger files (`ulimit -f`) or choose another place (--out)",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "close other programs or allow more open files (`ulimit -n`)"),
    errno.EIO: "the disk failed; choose another one (--out)",
}
PYDANTIC = {
    "Input should be": "expected",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid dictionary": "an object",
    "a valid list": "a list",
    "a valid tuple": "a list",
    "Field required": "it is missing",
}
PUT_BACK = "put it back as it was written, or make it anew"
_EXIT_AT = int(os.environ.get("PROFUNDO_EXIT_AT", "0"))
_passed = 0


def exit_point() -> None:
    """A place where the process may die: PROFUNDO_EXIT_AT=n kills it at the n-th. So do the tests crash every write."""
    global _passed
    _passed += 1
    if _passed == _EXIT_AT:
        os._exit(75)


class Place:
    """A folder held open: its names mean what is in this very folder, and no link among them is followed."""

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path, self.handle = path, handle

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        if self.handle is not None:
            os.close(self.handle)

    def at(self, name: str) -> str:
        """The name beside `dir_fd`; all of its path where the system holds no folder open."""
        return name if self.handle is not None else str(self.path / name)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.path if self.handle is None else self.handle))

    def status(self, name: str) -> os.stat_result | None:
        """Of what has this name, be it a link; None for nothing."""
        try:
            return os.stat(self.at(name), dir_fd=self.handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def enter(self, name: str, make: bool = False) -> Place:
        """A folder in this one. Raises ProfundoError where something else has its name."""
        if make:
            try:
                os.mkdir(self.at(name), dir_fd=self.handle)
            except FileExistsError:
                pass
        there = self.status(name)
        if there is not None and not stat.S_ISDIR(there.st_mode):
            raise elsewhere(self.path / name, there, "a folder")
        inner = os.open(name, FOLDER | NO_LINK, dir_fd=self.handle) if self.handle is not None else None
        return Place(self.path / name, inner)

    def check_file(self, name: str) -> None:
        """Raise ProfundoError where what has this name is no file of this folder alone."""
        there = self.status(name)
        if there is not None and not is_own(there):
            raise elsewhere(self.path / name, there, "a file")

    def check_no_links(self) -> None:
        """Raise ProfundoError for a link among what is in this folder."""
        for name in self.names():
            there = self.status(name)
            if there is not None and stat.S_ISLNK(there.st_mode):
                raise elsewhere(self.path / name, there, "a file or folder")

    def create(self, name: str) -> IO[bytes]:
        """A new file to write; what had its name is removed."""
        self.erase(name)
        return self._opened(name, os.O_WRONLY | os.O_EXCL, "wb")

    def append(self, name: str) -> IO[bytes]:
        """To read, and to write at its end. Raises ProfundoError where it is no file of this folder alone."""
        self.check_file(name)
        file = self._opened(name, os.O_RDWR | os.O_APPEND, "ab+")
        if not is_own(there := os.fstat(file.fileno())):
            file.close()
            raise elsewhere(self.path / name, there, "a file")
        return file

    def read(self, name: str, most: int) -> bytes | None:
        """A file's bytes; None where there is nothing. For what may come from a stranger: raises ProfundoError for a link or
        whatever else is no file, and for more than `most` bytes."""
        try:
            with os.fdopen(os.open(self.at(name), os.O_RDONLY | NO_LINK, dir_fd=self.handle), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ProfundoError(f"{name}: expected a file, found something else")
                content = file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            what = "a link" if error.errno == errno.ELOOP else (error.strerror or str(error))
            raise ProfundoError(f"{name}: expected a file, found {what}") from None
        if len(content) > most:
            raise ProfundoError(f"{name}: expected at most {most:,} bytes")
        return content

    def _opened(self, name: str, flags: int, mode: str) -> IO[bytes]:
        return os.fdopen(os.open(self.at(name), flags | os.O_CREAT | NO_LINK, 0o666, dir_fd=self.handle), mode)

    def replace(self, old: str, new: str) -> None:
        """A rename never follows what has the new name."""
        os.replace(self.at(old), self.at(new), src_dir_fd=self.handle, dst_dir_fd=self.handle)

    def flush(self) -> None:
        """Make renames and removals in the folder durable. Does nothing where folders cannot be opened (Windows)."""
        if self.handle is not None:
            os.fsync(self.handle)

    def erase(self, name: str) -> None:
        """Remove whatever has this name: a folder with all in it, a file, a link, a FIFO. What cannot be removed stays."""
        try:
            there = self.status(name)
            if there is not None and stat.S_ISDIR(there.st_mode):
                shutil.rmtree(self.at(name), ignore_errors=True, dir_fd=self.handle)
            elif there is not None:
                os.unlink(self.at(name), dir_fd=self.handle)
        except OSError:
            pass

    def clear(self, written: str | None = None) -> None:
        """Remove what killed writers left under temporary names.

        written: the file that is written here, where others may be at work, too; None where nobody else writes.
        """
        for name in self.names():
            left = LEFTOVER.fullmatch(name)
            if left and (written is None or self._is_abandoned(name, left[2], same=left[1] == written)):
                self.erase(name)

    def _is_abandoned(self, name: str, process: str, same: bool) -> bool:
        """Its process is gone; of another file it must also have rested, as a process of another machine may write it."""
        there = self.status(name)
        rest = time.time() - there.st_mtime if there is not None else 0.0
        return rest > DAY or ((same or rest > HOUR) and process != "old" and not is_alive(int(process)))


@contextmanager
def open_place(path: Path, within: Path | None = None, make: bool = False) -> Iterator[Place]:
    """The folder held open. within: the one that a person named, `path` itself by default: only its own path may go
    through links. make: the folders below `within` that are missing. Raises OSError, ProfundoError for a link."""
    within = path if within is None else within
    with ExitStack() as held:
        here = held.enter_context(Place(within, os.open(within, FOLDER) if HELD else None))
        for part in path.relative_to(within).parts:
            here = held.enter_context(here.enter(part, make))
        yield here


def elsewhere(path: Path, there: os.stat_result, expected: str) -> ProfundoError:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder"}
    if expected == "a file":  # that is one: so it has two names
        kinds[stat.S_IFREG] = "a file that has another name elsewhere"
    result = kinds.get(stat.S_IFMT(there.st_mode), "something else")
    return ProfundoError(f"{path}: expected {expected} of its own, found {result}; nothing is written to it: remove it")


def is_own(there: os.stat_result) -> bool:
    """Whether it is a regular file with one name: by another one (a hard link) it may be a file of somewhere else."""
    return stat.S_ISREG(there.st_mode) and there.st_nlink == 1


def is_alive(process: int) -> bool:
    if os.name == "nt":  # where signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def reason(error: OSError) -> str:
    """Why nothing could be written, and what to do: "No space left on device; free some space or …"."""
    return f"{error.strerror or error}; {ADVICE.get(error.errno or 0, 'choose another place (--out)')}"


def in_words(error: Exception) -> str:
    """On one line, what is wrong with what was read from a file; of Python's and libraries' errors, what they mean there."""
    import yaml
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {expectation(first['msg'])}"
    if isinstance(error, json.JSONDecodeError):
        return (
            f"it is not JSON from line {error.lineno}, column {error.colno} on" if error.doc.strip() else "it is empty"
        )
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not text in UTF-8"
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.position + 1} is not text that YAML allows"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        problem = (error.problem or "").replace("could not determine a constructor for the tag", "it has the tag")
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {problem}"
    if type(error).__name__ == "SafetensorError":
        return "it was cut off, or is of another kind"
    if type(error).__name__.startswith("DecompressionBomb"):
        return " pixels, more than the limit of ".join(re.findall("[0-9]+", str(error))[:2])
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return "it holds a number of more than 4,300 digits"
    if isinstance(error, KeyError):
        return f"{str(error.args[0])[:100]!r} is missing" if error.args else "an entry is missing"
    if isinstance(error, IndexError):
        return "a list is shorter than expected"
    if isinstance(error, TypeError | AttributeError):
        return "a value is of another kind than expected"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    outputs = error.strerror if isinstance(error, OSError) else None
    return " ".join((outputs or str(error)).split()) or type(error).__name__


def expectation(message: str) -> str:
    """Of pydantic's message, what was expected: "expected a whole number"."""
    message = re.split(", unable to (parse|interpret)|, got a number| or instance of", message)[0]
    for theirs, ours in PYDANTIC.items():
        message = message.replace(theirs, ours)
    return re.sub(r"^\w+ should have (at \w+ \d+ items?) after validation.*", r"expected \1", message)


def check_out(path: Path, *endings: str) -> None:
    """Raises ProfundoError unless a file may be written there: in a folder that exists, with one of these endings where any are
    given."""
    if (endings and path.suffix not in endings) or path.is_dir() or not path.absolute().parent.is_dir():
        *first, last = endings or ("",)
        ending = f" that ends in {', '.join(first)}{' or ' if first else ''}{last}," if endings else ""
        raise ProfundoError(f"{path}: expected a file{ending} in a folder that exists")


def write_bytes(path: Path, data: bytes, within: Path | None = None) -> None:
    """Replace the file by one that holds `data`. Raises ProfundoError when the disk is full or the folder read-only.

    within: the folder that a person named, below which no link is followed and folders are made; the file's by default.
    """
    with replacing_bytes(path, within) as file:
        file.write(data)


def write_text(path: Path, text: str, within: Path | None = None) -> None:
    write_bytes(path, text.encode("utf-8"), within)


def write_json(path: Path, value: Any, within: Path | None = None) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=True) + "\n", within)


def write_in_passing(path: Path, text: str) -> None:
    """Replace a small file whose content is old in a second: who reads sees the old one or the new one, and nobody waits for
    the disk, so that after a crash of the machine it may be gone. Raises OSError, and ProfundoError for a link."""
    temporary = f".{path.name}.{os.getpid()}.part"
    with open_place(path.parent) as here:
        with here.create(temporary) as file:
            file.write(text.encode())
        here.replace(temporary, path.name)


@contextmanager
def replacing_bytes(path: Path, within: Path | None = None) -> Iterator[IO[bytes]]:
    """A file to write into that becomes `path` in the end; after an error the old file is as it was.

    Raises ProfundoError when it cannot be written.
    """
    temporary = f".{path.name}.{os.getpid()}.part"
    try:
        exit_point()
        with open_place(path.parent, within, make=True) as here:
            here.clear(path.name)
            try:
                with here.create(temporary) as file:
                    yield file
                    exit_point()
                    file.flush()
                    os.fsync(file.fileno())
                exit_point()
                here.replace(temporary, path.name)
                exit_point()
                here.flush()
            except BaseException:
                here.erase(temporary)
                raise
    except OSError as error:
        raise ProfundoError(f"{path}: could not be written, and what was there is untouched: {reason(error)}") from None


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """The same of a text in UTF-8, with line ends as they are written."""
    with replacing_bytes(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        yield text
        text.detach()  # flushes; the file is closed by who opened it


def read_json(path: Path) -> Any:
    """Raises ProfundoError when the file is missing, not a regular file, larger than 64 MB, or not JSON."""
    try:
        if not path.is_file():  # a FIFO would block, a folder would raise
            raise ProfundoError(f"{path}: expected a JSON file, found {what_is_at(path)}; {PUT_BACK}")
        if path.stat().st_size > LARGEST_JSON:
            raise ProfundoError(f"{path}: expected a JSON file of at most {LARGEST_JSON >> 20} MB; {PUT_BACK}")
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProfundoError(f"{path}: expected JSON, but it does not read: {in_words(error)}; {PUT_BACK}") from None


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ProfundoError as `read_json` does, and for any other value."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise ProfundoError(f"{path}: expected a JSON object, found {kind_of(value)}; {PUT_BACK}")
    return value


def kind_of(value: Any) -> str:
    """What JSON and YAML call it."""
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")


def what_is_at(path: Path) -> str:
    """In words, where a file was expected and is not."""
    if path.is_dir():
        return "a folder"
    return "something else" if path.exists() else "nothing"


def erase(path: Path) -> None:
    """Remove whatever is there: a folder with all in it, a file, a link, a FIFO. What cannot be removed stays."""
    try:
        with open_place(path.parent) as here:
            here.erase(path.name)
    except OSError:
        pass


def clear_leftovers(folder: Path, within: Path | None = None) -> None:
    """Remove what a killed writer left under temporary names. For who alone writes there, so that none is in use."""
    try:
        with open_place(folder, within) as here:
            here.clear()
    except FileNotFoundError:
        pass


def clear_abandoned(folder: Path, written: str = "") -> None:
    """The same where others may be at work: only what a process that is gone left, of the file `written` or long ago."""
    with open_place(folder) as here:
        here.clear(written)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
