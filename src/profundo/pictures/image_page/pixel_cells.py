"""Pixels as cells with their numbers written in them, and a window that slides over such cells, step by step.

The picture of the steps moves by itself, without a script: the style sheet in it shows one step after the other, and the one
of a cell of the result while the pointer is on it. Where motion is not wanted, and on paper, the first step stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profundo.pictures import svg
from profundo.records import ProfundoError

__all__ = ["Cells", "Turn", "cells_svg", "sliding_svg"]

LARGEST, LARGEST_LINES = 36.0, 58.0  # pixels of a cell with one number, with several
EDGE = 26.0  # pixels for the numbers of rows
HEAD = 44.0  # and for a title with the numbers of columns
GAP = 32.0
SECONDS = 1.4  # of a step
LETTER = 0.58  # of the font size, the width of a figure

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Cells:
    """A grid of pixels. texts: of each cell its lines; colours: of each red, green and blue from 0 to 255, None for a cell
    of the page's own colour; title: above it. first: (x, y) of the first cell, where columns and rows are numbered.
    inside: which cells are the image's own, where others are padding."""

    texts: Sequence[Sequence[Sequence[str]]]
    colours: Sequence[Sequence[Colour | None]]
    title: str = ""
    first: tuple[int, int] | None = None
    inside: Sequence[Sequence[bool]] | None = None

    @property
    def rows(self) -> int:
        return len(self.texts)

    @property
    def columns(self) -> int:
        return len(self.texts[0])


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of a window: the cell of the result (row, column), the cells of the image that are under the window, and what
    is computed, in lines; taken: the cell whose value it is, if it is one cell's."""

    row: int
    column: int
    under: Sequence[tuple[int, int]]
    lines: Sequence[str]
    taken: tuple[int, int] | None = None


def cells_svg(cells: Cells, label: str) -> str:
    """One grid as a picture; label: what it shows, for who cannot see it."""
    lines = max(len(one) for row in cells.texts for one in row)
    edge = EDGE if cells.first else 0.0
    size = min(LARGEST if lines == 1 else LARGEST_LINES, (svg.WIDTH - edge) / cells.columns)
    top = 0.0 if cells.title else HEAD - 20
    return svg.picture(_grid(cells, edge, HEAD, size), label, top=top, bottom=HEAD + size * cells.rows + 4)


def sliding_svg(image: Cells, result: Cells, turns: Sequence[Turn], label: str, kernel: Cells | None = None) -> str:
    """A window over an image: the cells under it, the kernel's weights, the sum, and the cell of the result it makes."""
    if not turns:
        raise ProfundoError("sliding: expected one step or more")
    edge = EDGE if image.first else 0.0
    size = min(LARGEST, (svg.WIDTH - edge - GAP) / (image.columns + result.columns))
    right, top = svg.WIDTH - size * result.columns, 2 * HEAD + size * max(image.rows, result.rows)
    parts = [*_grid(image, edge, HEAD, size), *_grid(result, right, HEAD, size)]
    left, high = edge, 19.0 * max(len(turn.lines) for turn in turns)
    if kernel is not None:
        weight = min(size, 30.0, 150 / kernel.columns)
        parts += _grid(kernel, edge, top, weight)
        left, high = edge + weight * kernel.columns + GAP, max(high, weight * kernel.rows)
    for number, turn in enumerate(turns):
        under = [_frame(edge + size * column, HEAD + size * row, size, 1) for row, column in turn.under]
        taken = [_frame(edge + size * turn.taken[1], HEAD + size * turn.taken[0], size, 0)] if turn.taken else []
        x, y = right + size * turn.column, HEAD + size * turn.row
        marks = [*under, *taken, *_words(turn.lines, left, top), _frame(x, y, size, 0)]
        detail = svg.element("g", *marks, class_="detail", style=_turning(number, len(turns)))
        spot = svg.element("rect", x=x, y=y, width=size, height=size, fill="transparent")
        parts.append(svg.element("g", spot, detail, class_="turn"))
    style = svg.element("style", _style(len(turns)))
    return svg.picture([style, *parts], label, bottom=top + high + 10, class_="chart sliding")


def _words(lines: Sequence[str], left: float, top: float) -> list[str]:
    """Lines of text as large as there is room for."""
    fonts = (_fitting(line, svg.WIDTH - left, 13) for line in lines)
    places = enumerate(zip(lines, fonts, strict=True))
    return [svg.text(left, top + 14 + 19 * at, line, font_size=font, fill=svg.INK) for at, (line, font) in places]


def _turning(number: int, turns: int) -> str:
    """When a step is seen. In the element, for a page may hold several pictures of more or fewer steps."""
    return f"animation:turns-{turns} {SECONDS * turns:.1f}s step-end {SECONDS * number:.1f}s infinite"


def _style(turns: int) -> str:
    """One step after the other; the one that is pointed at; the first alone where nothing may move."""
    shown, hidden = (f"{{animation:none!important;opacity:{opacity}}}" for opacity in (1, 0))
    still = f".sliding .detail{hidden}.sliding .turn:first-of-type .detail{shown}"
    return (
        f"@keyframes turns-{turns}{{0%{{opacity:1}}{100 / turns:.4f}%,100%{{opacity:{int(turns == 1)}}}}}"
        ".sliding .detail{opacity:0;pointer-events:none}"
        f".sliding:has(.turn:hover) .detail{hidden}.sliding .turn:hover .detail.detail.detail{shown}"
        f"@media(prefers-reduced-motion:reduce){{{still}}}@media print{{{still}}}"
    )


# --------------------------------------------------------------------------------------------------------------- cells
def _grid(cells: Cells, left: float, top: float, size: float) -> list[str]:
    """Title, numbers of columns and rows, and every cell."""
    parts = [svg.text(left, top - (26 if cells.first else 8), cells.title, fill=svg.MUTED)]
    if cells.first:
        x, y = cells.first
        look: svg.Look = {"font_size": min(11.0, 0.36 * size), "fill": svg.MUTED}
        parts += [
            svg.text(left + size * (at + 0.5), top - 6, f"{x + at}", text_anchor="middle", **look)
            for at in range(cells.columns)
        ]
        parts += [
            svg.text(left - 4, top + size * (at + 0.5), f"{y + at}", text_anchor="end", dy="0.35em", **look)
            for at in range(cells.rows)
        ]
    for row, (texts, colours) in enumerate(zip(cells.texts, cells.colours, strict=True)):
        for column, (lines, colour) in enumerate(zip(texts, colours, strict=True)):
            own = cells.inside is None or cells.inside[row][column]
            parts.append(_cell(lines, colour if own else None, left + size * column, top + size * row, size, own))
    return parts


def _cell(lines: Sequence[str], colour: Colour | None, x: float, y: float, size: float, own: bool) -> str:
    fill = "none" if colour is None else f"#{colour[0]:02x}{colour[1]:02x}{colour[2]:02x}"
    dashed: svg.Look = {} if own else {"stroke_dasharray": "2 2"}
    box = svg.element("rect", x=x, y=y, width=size, height=size, fill=fill, stroke=svg.RULE, **dashed)
    font = min([12.0, size / (len(lines) + 0.4), *(_fitting(one, size - 3, 12) for one in lines)])
    look: svg.Look = {"font_size": font, "text_anchor": "middle", "dy": "0.35em", "fill": _ink(colour)}
    middles = (y + size / 2 + 1.05 * font * (at - (len(lines) - 1) / 2) for at in range(len(lines)))
    return box + "".join(
        svg.text(x + size / 2, middle, one, **look) for middle, one in zip(middles, lines, strict=True)
    )


def _ink(colour: Colour | None) -> str:
    """Black or white, whichever stands out from the colour."""
    if colour is None:
        return svg.MUTED
    return "#000000" if 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140 else "#ffffff"


def _frame(x: float, y: float, size: float, style: int) -> str:
    look: svg.Look = {"stroke": svg.colour(style), "stroke_width": 2.5, "fill": svg.colour(style), "fill_opacity": 0.18}
    return svg.element("rect", x=x + 1, y=y + 1, width=size - 2, height=size - 2, rx=2, **look)


def _fitting(words: str, width: float, most: float) -> float:
    """The font size at which they fit."""
    return min(most, width / (LETTER * max(1, len(words))))
