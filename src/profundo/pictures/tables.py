"""Tables of pages as plain data: text stands to the left, numbers to the right; a cell may have a bar or a remark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Cell", "Figure", "Grid", "Row", "bars"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as it is to be written. length: of a bar, in percent of the longest; remark: in small letters; look: words
    for the style sheet; words: it is none, and stands to the left."""

    text: str
    length: float | None = None
    remark: str = ""
    look: str = ""
    words: bool = False


Row = Sequence[str | float | Cell]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: cells are text, which stands to the left, or numbers; a row's first is its name. foot: a last row of sums;
    look: words for the style sheet."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    foot: Row = ()
    look: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """svg: one of this room's."""

    svg: str
    caption: str


def bars(values: Sequence[float], texts: Sequence[str]) -> list[Cell]:
    """Texts with bars as long as their values, in percent of the longest."""
    longest = max(values, default=0) or 1
    return [Cell(text, 100 * value / longest) for value, text in zip(values, texts, strict=True)]
