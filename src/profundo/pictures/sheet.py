"""A page of parts, each with sentences, pictures and tables: what a measurement that is no run has to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from profundo.pictures.numbers import plain
from profundo.pictures.rendering import rendered

__all__ = ["Figure", "Grid", "Part", "Sheet", "sheet_html", "standalone"]


@dataclass(frozen=True, slots=True)
class Figure:
    """svg: one of this room's."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: cells are text, which stands to the left, or numbers."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]


@dataclass(frozen=True, slots=True)
class Part:
    """figures: side by side, two in a row where the page is wide enough."""

    title: str
    paragraphs: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    grid: Grid | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """kicker: what kind of page it is, in small letters; lead: what came out, in a sentence."""

    title: str
    kicker: str
    lead: str
    parts: Sequence[Part]


def sheet_html(sheet: Sheet) -> str:
    """The whole page as text. The same sheet gives the same page, byte for byte."""
    return rendered("sheet.html.j2", sheet=sheet, parts=[_shown(at, part) for at, part in enumerate(sheet.parts, 1)])


def standalone(svg: str) -> str:
    """The picture with the name space that a file of its own needs."""
    return svg if "xmlns=" in svg else svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _shown(number: int, part: Part) -> dict[str, Any]:
    from markupsafe import Markup  # only what this room drew is taken as it is

    return {
        "id": f"part-{number}",
        "of": part,
        "figures": [{"svg": Markup(figure.svg), "caption": figure.caption} for figure in part.figures],
        "rows": [
            [(cell if isinstance(cell, str) else plain(cell), not isinstance(cell, str)) for cell in row]
            for row in (part.grid.rows if part.grid else ())
        ],
    }
