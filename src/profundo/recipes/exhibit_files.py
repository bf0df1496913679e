"""The exhibits of a run as files that anyone can open, beside a list of them by which a page is made anew."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from profundo.files import in_words, read_json, reason, write_bytes, write_json
from profundo.pictures.exhibits import Drawn
from profundo.pictures.safety import is_drawing
from profundo.records import ProfundoError

__all__ = ["LIST", "read_exhibits", "write_exhibits"]

LIST = "exhibits.json"
LARGEST_FILE = 64 << 20
Picture = Annotated[str, Field(pattern=r"^data:image/png;base64,[A-Za-z0-9+/=]*$")]


class Entry(BaseModel):
    """One line of the list: an exhibit without its content, which is in `file`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    kind: Literal["images", "film", "chart", "table", "text", "sound"]
    title: str
    caption: str
    suffix: str
    width: Annotated[int, Field(ge=0, le=1 << 16)]
    cell: Annotated[int, Field(ge=0, le=1 << 16)] = (
        0  # runs from before it was kept have none, nor the next, nor named rows
    )
    least: Annotated[int, Field(ge=0, le=1 << 16)] = 0
    tiles: list[tuple[str, Picture]]
    across: Annotated[int, Field(ge=0, le=1000)]
    strips: list[tuple[str, Picture]] = []
    heads: list[str] = []
    columns: list[str]
    rows: list[list[str]]
    numeric: list[bool]

    @model_validator(mode="after")
    def _table_is_whole(self) -> Entry:
        if {len(self.columns)} != {len(self.numeric), *map(len, self.rows)}:
            raise ValueError("a table whose rows differ in length")
        return self


def write_exhibits(
    place: Path, exhibits: Sequence[Drawn], listed: bool = True, within: Path | None = None
) -> list[Path]:
    """Each as a file, and a list of them with titles and captions. Returns the files' paths.

    within: the run's folder, below which no link is followed; `place` by default.
    """
    if not exhibits:
        return []
    within = within or place
    try:
        within.mkdir(exist_ok=True, parents=True)
    except OSError as error:
        raise ProfundoError(f"{place}: cannot be made: {reason(error)}") from None
    entries: list[Entry] = []
    for number, exhibit in enumerate(exhibits, 1):
        words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in exhibit.title.lower())
        name = f"{number:02d}-{'-'.join(words.split())[:48]}{exhibit.suffix}"
        write_bytes(place / name, exhibit.content, within)
        kept: dict[str, Any] = {field.name: getattr(exhibit, field.name) for field in dataclasses.fields(exhibit)}
        kept.pop("content")
        entries.append(Entry(file=name, sha256=hashlib.sha256(exhibit.content).hexdigest(), **kept))
    if listed:
        write_json(place / LIST, [entry.model_dump() for entry in entries], within)
    return [place / entry.file for entry in entries]


def read_exhibits(place: Path) -> list[Drawn]:
    """What `write_exhibits` wrote. Raises ProfundoError for a file that is missing, changed, or not of its kind."""
    if not place.is_dir():
        return []
    try:
        return [exhibit(place, Entry(**entry)) for entry in read_json(place / LIST)]
    except (OSError, TypeError, ValueError) as error:
        raise ProfundoError(f"{place / LIST}: the exhibits do not read: {in_words(error)}; run it anew") from None


def exhibit(place: Path, entry: Entry) -> Drawn:
    path = place / Path(entry.file).name
    if path.is_symlink() or not path.is_file():  # a FIFO would wait, a link lead elsewhere
        raise ValueError(f"{path.name} is not a regular file here")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path.name} is larger than {LARGEST_FILE >> 20} MB")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ValueError(f"{path.name} differs from what was saved")
    if entry.kind == "chart" and not is_drawing(content.decode("utf-8")):
        raise ValueError(f"{path.name} holds more than a drawing")
    if entry.kind == "text":
        content.decode("utf-8")
    return Drawn(content=content, **entry.model_dump(exclude={"file", "sha256"}))
