"""Exhibits: what a method has to show beyond its curves, as plain data; and how each is drawn.

An exhibit is drawn once, when its run ends, into files that anyone can open (PNG, animated PNG, SVG, text) and that the
page of the run holds.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profundo.pictures.film import film
from profundo.pictures.image_grid import image_grid, image_png
from profundo.pictures.numbers import percent
from profundo.pictures.sheet import standalone
from profundo.pictures.sounds.wav import wav
from profundo.pictures.tables import Cell, Grid
from profundo.pictures.verdict import score
from profundo.records import ProfundoError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Chart", "Drawn", "Exhibit", "Film", "Images", "Passage", "Sound", "Table", "drawn"]

SMALLER = 0.75  # times its own size: so small may a graph become


@dataclass(frozen=True, slots=True)
class Images:
    """uint8 images (images, channels, height, width), laid out in rows of `columns`. labels: one each, or none; or, where all of a
    row or of a column are of one kind, rows: a name for each row, heads: one for each column. is_written_on: with letters,
    for which a picture is not made smaller."""

    title: str
    caption: str
    images: Tensor
    columns: int | None = None
    labels: Sequence[str] = ()
    rows: Sequence[str] = ()
    heads: Sequence[str] = ()
    is_written_on: bool = False


@dataclass(frozen=True, slots=True)
class Film:
    """uint8 frames (frames, channels, height, width), shown for so many seconds each, round and round. is_written_on: as of
    Images."""

    title: str
    caption: str
    frames: Tensor
    seconds: float = 0.3
    is_written_on: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of numbers; svg: one of this room's."""

    title: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class Table:
    """A cell that is "" is empty, among numbers, too. shares: the columns of numbers that are shares though neither their name nor
    that of a row says so (verdict.py): pages write them in percent, files as they are."""

    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]
    shares: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """Text as it came out, line breaks and all."""

    title: str
    caption: str
    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """Amplitudes in [−1, 1], (samples,), at so many samples a second."""

    title: str
    caption: str
    samples: Tensor
    rate: int


Exhibit = Images | Film | Chart | Table | Passage | Sound


@dataclass(frozen=True, slots=True)
class Drawn:
    """An exhibit as files and pages hold it.

    kind: "images", "film", "chart", "table", "text" or "sound". content: a file of that kind; suffix: of its name.
    width: natural width in pixels of images and films; cell: of one of the images; least: width below which letters on it cannot be
    read, 0 where there are none or they are as large everywhere. tiles: (label, data-URI) of labelled images;
    across: how many of them make a row, 0 for as many as there is room for. strips: (name, data-URI) of rows of images; heads: names
    of their columns.
    columns, rows: of a table, as text; a row's cells that are numbers stand to the right.
    """

    kind: str
    title: str
    caption: str
    content: bytes
    suffix: str
    width: int = 0
    cell: int = 0
    least: int = 0
    tiles: Sequence[tuple[str, str]] = ()
    across: int = 0
    strips: Sequence[tuple[str, str]] = ()
    heads: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    numeric: Sequence[bool] = field(default=())

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")

    @property
    def grid(self) -> Grid:
        """A table as the page shows it."""
        cells = [[Cell(text) if n else text for text, n in zip(row, self.numeric, strict=True)] for row in self.rows]
        return Grid(self.caption, self.columns, cells)

    @property
    def uri(self) -> str:
        media = "audio/wav" if self.kind == "sound" else "image/png"
        return f"data:{media};base64," + base64.b64encode(self.content).decode("ascii")


def drawn(exhibit: Exhibit) -> Drawn:
    """Raises ProfundoError for an exhibit without title or caption, or with as many labels as it has no images."""
    if not exhibit.title or not exhibit.caption:
        raise ProfundoError(f"exhibit: expected a title and a caption, got {exhibit.title!r} and {exhibit.caption!r}")
    match exhibit:
        case Images():
            return _images(exhibit)
        case Film(title, caption, frames, seconds, is_written_on):
            least = frames.shape[-1] if is_written_on else 0
            return Drawn("film", title, caption, film(frames, seconds), ".png", width=frames.shape[-1], least=least)
        case Chart(title, caption, svg):
            return Drawn("chart", title, caption, standalone(svg).encode(), ".svg", least=graph_width(svg))
        case Table():
            return _table(exhibit)
        case Passage(title, caption, text):
            return Drawn("text", title, caption, text.encode("utf-8", "replace"), ".txt")
        case Sound(title, caption, samples, rate):
            return Drawn("sound", title, caption, wav(samples, rate), ".wav")


def graph_width(svg: str) -> int:
    """Pixels that a drawing of a graph needs, whose letters shrink with it; 0 of a chart, which has larger ones where it is small."""
    graph = re.match(r'<svg [^>]*class="graph"[^>]* width="([\d.]+)"', svg)
    return math.ceil(SMALLER * float(graph[1])) if graph else 0


def _images(exhibit: Images) -> Drawn:
    images, labels = exhibit.images, exhibit.labels
    if labels and len(labels) != len(images):
        raise ProfundoError(f"{exhibit.title}: expected one label for each of {len(images)} images, got {len(labels)}")
    columns = exhibit.columns or len(exhibit.heads) or None
    content, width = image_png(images, columns)
    tiles = [(label, image_grid(images[at : at + 1], 1)) for at, label in enumerate(labels)]
    strips = _strips(exhibit, columns or len(images)) if exhibit.rows or exhibit.heads else []
    shown = {"width": width, "cell": images.shape[-1], "tiles": tiles, "across": columns or 0, "strips": strips}
    shown["least"] = width if exhibit.is_written_on else 0
    return Drawn("images", exhibit.title, exhibit.caption, content, ".png", heads=exhibit.heads, **shown)  # type: ignore[arg-type]


def _strips(exhibit: Images, across: int) -> list[tuple[str, str]]:
    """The rows of images whose rows or columns have names, so many a row."""
    images = exhibit.images
    rows = exhibit.rows or [""] * math.ceil(len(images) / across)
    if len(rows) != math.ceil(len(images) / across) or (exhibit.heads and len(exhibit.heads) != across):
        raise ProfundoError(
            f"{exhibit.title}: expected a name for each of the rows of {len(images)} images in {across} columns, and for each "
            f"column or none, got {len(rows)} and {len(exhibit.heads)}"
        )
    return [(name, image_grid(images[at * across : (at + 1) * across], across)) for at, name in enumerate(rows)]


def _table(exhibit: Table) -> Drawn:
    rows = [
        [_read(exhibit, name, row[0], cell) for name, cell in zip(exhibit.columns, row, strict=True)]
        for row in exhibit.rows
    ]
    numeric = [_is_numeric([row[at] for row in exhibit.rows]) for at in range(len(exhibit.columns))]
    lines = ["\t".join(exhibit.columns), *("\t".join(map(_exact, row)) for row in exhibit.rows)]
    content = ("\n".join(lines) + "\n").encode()
    named = {"columns": list(exhibit.columns), "rows": rows, "numeric": numeric}
    return Drawn("table", exhibit.title, exhibit.caption, content, ".tsv", **named)  # type: ignore[arg-type]


def _read(exhibit: Table, column: str, row: str | float, cell: str | float) -> str:
    """As people read it: a table has a figure to a column, or one to a row."""
    if isinstance(cell, str):
        return cell
    if exhibit.columns[0] == "figure":
        return score(str(row), cell)
    return percent(cell) if column in exhibit.shares else score(column, cell)


def _is_numeric(cells: Sequence[str | float]) -> bool:
    return any(cell != "" for cell in cells) and all(map(_is_figure, cells))


def _is_figure(cell: str | float) -> bool:
    """A number, also one written out with its unit, or none where there is none."""
    return not isinstance(cell, str) or re.fullmatch(r"([<>]\s)?([−-]?\d[\d,.]*(\s?%|\ss)?)?", cell) is not None


def _exact(cell: Any) -> str:
    return cell.replace("\t", " ").replace("\n", " ") if isinstance(cell, str) else repr(cell)
