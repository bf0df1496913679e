"""The secret that a client must show: 256 random bits, in a file that only its owner may read, never in logs or `ps`."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from profundo.files import erase
from profundo.records import ProfundoError

__all__ = ["new_token", "own_token", "temporary_file"]

TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,512}")  # what a URL, a cookie and a header carry as it is
LARGEST = 4096  # bytes


def new_token() -> str:
    return secrets.token_urlsafe(32)


def own_token(path: Path) -> str:
    """The token in the file; a new one is made and kept there if there is no such file.

    Raises ProfundoError when the file is no regular one, others may read it, or it holds no token.
    """
    try:
        if not path.exists():
            token = new_token()
            write_private(path, token)
            return token
        if not path.is_file():
            raise ProfundoError(f"{path}: expected a file with a token, found something else")
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ProfundoError(f"{path}: others may read this token; `chmod 600 {path}`")
        with path.open("rb") as file:
            token = file.read(LARGEST).decode("ascii", "replace").strip()
    except OSError as error:
        raise ProfundoError(f"{path}: the token cannot be kept there: {error.strerror or error}") from None
    if not TOKEN.fullmatch(token):
        raise ProfundoError(
            f"{path}: expected a token of 16 to 512 letters, digits and . _ ~ -; remove it for a new one"
        )
    return token


@contextmanager
def temporary_file(path: Path, token: str) -> Iterator[Path | None]:
    """The token in a file as long as the block lasts; None where nothing can be written."""
    try:
        erase(path)  # what a killed server left
        write_private(path, token)
    except OSError:
        yield None
        return
    try:
        yield path
    finally:
        erase(path)


def write_private(path: Path, token: str) -> None:
    """A new file, mode 0600 from its first moment. Raises OSError, also where there is something already."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
