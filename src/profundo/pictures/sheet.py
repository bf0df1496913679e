"""A page of parts, each with sentences, pictures and tables: what a measurement that is no run has to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profundo.pictures.rendering import rendered
from profundo.pictures.tables import Figure, Grid

__all__ = ["Figure", "Grid", "Part", "Sheet", "sheet_html", "standalone"]


@dataclass(frozen=True, slots=True)
class Part:
    """figures: side by side, two in a row where the page is wide enough; small: three or four."""

    title: str
    paragraphs: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    grid: Grid | None = None
    small: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """kicker: what kind of page it is, in small letters; lead: what came out, in a sentence."""

    title: str
    kicker: str
    lead: str
    parts: Sequence[Part]


def sheet_html(sheet: Sheet) -> str:
    """The whole page as text. The same sheet gives the same page, byte for byte."""
    return rendered("sheet.html.j2", sheet=sheet)


def standalone(svg: str) -> str:
    """The picture with the name space that a file of its own needs."""
    return svg if "xmlns=" in svg else svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
