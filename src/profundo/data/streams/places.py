"""Where data were knowingly read from, as ssh keeps the hosts it knows.

A run's folder names its data, and may come from a stranger. What a person types (`train`, `data`) is asked of the server
that the address names, and its place, such as "s3://bucket" or "https://host", is kept; what only a file says is asked of
places that are kept, and of no other: else a folder that is opened could make this machine ask any server, also one that
only it can reach, with its owner's credentials.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from profundo.data.streams.addresses import is_address
from profundo.data.streams.cache import cache_folder
from profundo.files import write_text
from profundo.records import ProfundoError

__all__ = ["check_place", "place_of", "remember_place"]

OWN = ("file", "memory")  # protocols that ask nobody else
MOST = 10_000  # places


def place_of(data: str) -> str | None:
    """Protocol and host or bucket of an address elsewhere; None for what is here."""
    if not is_address(data):
        return None
    parts = urlsplit(data)
    return None if parts.scheme in OWN else f"{parts.scheme}://{parts.netloc.lower()}"


def remember_place(data: str) -> None:
    """Keep the place of an address that somebody typed. A cache that cannot be written is done without."""
    place = place_of(data)
    if place is None or place in known_places():
        return
    try:
        path = kept_in()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(f"{known}\n" for known in [*known_places(), place][-MOST:]))
    except (OSError, ProfundoError):
        return


def check_place(data: str, file: Path) -> None:
    """Raise ProfundoError for an address elsewhere that only `file` names."""
    place = place_of(data)
    if place is not None and place not in known_places():
        raise ProfundoError(
            f"{file}: its data lie at {place}, from where nothing was read knowingly yet; if you trust it, "
            f"`profundo data {data}` reads there first"
        )


def known_places() -> list[str]:
    try:
        return kept_in().read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def kept_in() -> Path:
    return cache_folder() / "places.txt"
