"""What every chart is made of: marks as SVG text, their colours, the axes and the legend around them, and the picture.

Colours are CSS variables with fallbacks, so that a page may give each chart a light and a dark dress:
--ink, --muted, --rule, --paper and --curve-1 … --curve-12. Dashes and shapes tell apart what colours may not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from html import escape
from typing import Any

from profundo.languages import say
from profundo.pictures.axes import ACROSS, UP, Axis, tick

__all__ = [
    "COLOURS", "INK", "MOST_CLASSES", "MUTED", "PAPER", "POLYGONS", "RULE", "WIDTH", "Key", "Look", "Place", "bar", "colour",
    "dashes", "dot", "dot_key", "element", "line", "line_key", "marker", "marker_key", "picture", "plot", "polygon",
    "polyline", "samples", "shortened", "text", "title",
]  # fmt: skip

WIDTH = 480
(LEFT, RIGHT), TOP = ACROSS, UP[1]  # edges of the plotting area
UNDER = 48  # from the plotting area to the lower edge: ticks and the name of the axis
LEGEND_LINE = 20
COLOURS = ("#1f5fbf", "#c2500a", "#2f7d4f", "#8a3ea8", "#8a6100", "#5b6472",
           "#c01f48", "#00838f", "#d0509c", "#6b8f00", "#6d4530", "#3b9ae0")  # fmt: skip
MOST_CLASSES = len(COLOURS)
DASHES = (None, None, "6 3", "2 3", "8 3 2 3", "1 3")
INK, MUTED = "var(--ink, #1c1b19)", "var(--muted, #6b6860)"
RULE, PAPER = "var(--rule, #dedbd2)", "var(--paper, #ffffff)"

Place = tuple[float, ...]
Look = dict[str, Any]  # attributes
Key = Callable[[float, float], str]  # draws 18 pixels from a left edge at a height


# ---------------------------------------------------------------------------------------------------------- marks
def element(tag: str, *inside: str, **attributes: Any) -> str:
    """One SVG element around others: numbers to two decimals, words escaped, None left out; stroke_width is written
    stroke-width, and class_ class."""
    written = "".join(
        f'{_attribute(name)}"{_escaped(value) if isinstance(value, str) else _pixel(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    content = "".join(inside)
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


@cache
def _attribute(name: str) -> str:
    return f" {name.rstrip('_').replace('_', '-')}="


_escaped = lru_cache(escape)  # of a picture most words are the same few colours


def _pixel(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def title(words: str) -> str:
    """What the pointer and a screen reader are told of the element around it."""
    return element("title", escape(words)) if words else ""


def text(x: float, y: float, words: str, *, most: int | None = None, **look: Any) -> str:
    """Words at a place, of at most so many letters; what is cut off is there for the pointer."""
    short = words if most is None else shortened(words, most)
    return element("text", escape(short), title(words) if short != words else "", x=x, y=y, **look) if words else ""


def line(x1: float, y1: float, x2: float, y2: float, **look: Any) -> str:
    """A straight line; muted unless it is said otherwise."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **{"stroke": MUTED, **look})


def dot(x: float, y: float, r: float, words: str = "", **look: Any) -> str:
    return element("circle", title(words), cx=x, cy=y, r=r, **look)


def bar(left: float, right: float, high: float, low: float, words: str = "", **look: Any) -> str:
    """A box between two edges and two heights."""
    return element("rect", title(words), x=left, y=high, width=right - left, height=low - high, **look)


def polyline(places: Iterable[Place], **look: Any) -> str:
    return element("polyline", points=_points(places), **look)


def polygon(places: Iterable[Place], words: str = "", **look: Any) -> str:
    return element("polygon", title(words), points=_points(places), **look)


def _points(places: Iterable[Place]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in places)


def samples(places: Iterable[Place]) -> str:
    """Samples as equal dots that show how many lie over each other."""
    return element("g", *(dot(x, y, 2.4) for x, y in places), class_="dots", fill=colour(0), fill_opacity=0.55)


def shortened(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


def colour(style: int, of: int = 6) -> str:
    """One of the first `of` colours, at most twelve; curves have six, which dashes tell apart besides."""
    return f"var(--curve-{style % of + 1}, {COLOURS[style % of]})"


def dashes(style: int) -> str | None:
    """Others each time that the six colours begin anew."""
    return DASHES[(style + 2 * (style // 6)) % 6]


def marker(label: int, x: float, y: float, size: float, words: str = "") -> str:
    """A shape at a place: a circle or one of eleven polygons, all of about the same area."""
    corners = POLYGONS[label % MOST_CLASSES]
    return polygon(((x + size * a, y + size * b) for a, b in corners), words) if corners else dot(x, y, size, words)


def _regular(corners: int, turn: float, radius: float, inner: float | None = None) -> tuple[Place, ...]:
    """Corners of a regular polygon, or of a star whose dents lie at the inner radius; turn 0 has one at the top."""
    radii = [radius] * corners if inner is None else [radius, inner] * corners
    angles = (2 * math.pi * (at + turn) / len(radii) - math.pi / 2 for at in range(len(radii)))
    return tuple((r * math.cos(angle), r * math.sin(angle)) for r, angle in zip(radii, angles, strict=True))


def _cross(turn: float) -> tuple[Place, ...]:
    arm, half = 1.3, 0.42
    corners = [(-half, -arm), (half, -arm), (half, -half), (arm, -half), (arm, half), (half, half)]
    corners += [(-a, -b) for a, b in corners]
    c, s = math.cos(turn), math.sin(turn)
    return tuple((c * a - s * b, s * a + c * b) for a, b in corners)


POLYGONS: tuple[tuple[Place, ...], ...] = (
    (), _regular(3, 0, 1.45), _regular(4, 0.5, 1.25), _regular(4, 0, 1.3), _cross(0), _regular(3, 0.5, 1.45),
    _cross(math.pi / 4), _regular(5, 0, 1.5, 0.62), _regular(6, 0, 1.15), _regular(3, 0.75, 1.45), _regular(4, 0, 1.6, 0.6),
    _regular(3, 0.25, 1.45),
)  # fmt: skip


# --------------------------------------------------------------------------------------------------------- legend
def line_key(style: int) -> Key:
    return lambda x, y: line(x, y, x + 18, y, stroke=colour(style), stroke_width=3, stroke_dasharray=dashes(style))


def dot_key(style: int) -> Key:
    return lambda x, y: element("g", marker(style, x + 9, y, 3.5), fill=colour(style), fill_opacity=0.65)


def marker_key(label: int) -> Key:
    return lambda x, y: element("g", marker(label, x + 10, y, 5), fill=colour(label, MOST_CLASSES))


def _legend(keys: Sequence[tuple[str, Key]]) -> tuple[str, int]:
    """Names beside their keys, in lines of text that end above the plotting area, and how many lines."""
    places, x, row = [], LEFT, 0
    for name, key in keys:
        wide = 40 + 9 * min(30, len(name))  # at the larger letters of a small screen
        if x > LEFT and x + wide > WIDTH:
            x, row = LEFT, row + 1
        places.append((x, row, name, key))
        x += wide
    heights = [TOP - 16 - LEGEND_LINE * (row - at) for at in range(row + 1)]
    drawn = (key(x, heights[at]) + text(x + 24, heights[at], name, most=30, dy="0.35em") for x, at, name, key in places)
    return element("g", *drawn, class_="legend"), row + 1


# -------------------------------------------------------------------------------------------------------- picture
def plot(
    x: Axis,
    y: Axis,
    marks: Sequence[str],
    label: str,
    names: tuple[str, str],
    *,
    written: Callable[[float], str] = tick,
    keys: Sequence[tuple[str, Key]] | None = None,
    empty: bool = False,
    under: float = 0,
) -> str:
    """Marks between two axes of these names, as a picture.

    written: how a tick of the vertical axis is. keys: (name, key) of the legend; one entry needs none, but its room is
    kept, so that charts side by side are of one height. empty: nothing could be drawn, and the picture says so.
    under: pixels for more marks below the axis.
    """
    legend, lines = _legend(keys) if keys and len(keys) > 1 else ("", 0 if keys is None else 1)
    top, bottom, middle = LEGEND_LINE * (1 - lines), y.start, (LEFT + RIGHT) / 2
    ticks = [_tick("y", (LEFT, y(t), RIGHT, y(t)), (LEFT - 8, y(t)), written(t), "end", dy="0.35em") for t in y.ticks]
    ticks += [_tick("x", (x(t), bottom, x(t), bottom + 5), (x(t), bottom + 20), tick(t), "middle") for t in x.ticks]
    parts = [
        element("g", *ticks, stroke=RULE, fill="none"),
        line(LEFT, bottom, RIGHT, bottom),
        text(middle, bottom + UNDER - 8, names[0], text_anchor="middle"),
        text(8, TOP - 36 + top, names[1]),
        *marks,
        legend,
        text(middle, (TOP + bottom) / 2, say("report.chart_empty") if empty else "", text_anchor="middle", fill=MUTED),
    ]
    return picture(parts, label, top=top, bottom=bottom + UNDER + under)


def _tick(axis: str, ends: tuple[float, ...], place: tuple[float, float], words: str, anchor: str, **look: Any) -> str:
    drawn = text(*place, words, text_anchor=anchor, stroke="none", fill=MUTED, **look)
    return element("g", line(*ends, stroke=None), drawn, class_=f"{axis} tick")


def picture(
    parts: Sequence[str], label: str, *, bottom: float, top: float = 0, width: float = WIDTH, class_: str = "chart"
) -> str:
    """The SVG around its parts; label: what it shows, for who cannot see it, its kind before a colon."""
    box = f"0 {_pixel(top)} {_pixel(width)} {_pixel(bottom - top)}"
    look = {"font_size": 13, "font_family": "system-ui, sans-serif", "fill": INK}
    words = [title(label.split(":")[0]), element("desc", escape(label))]
    return element("svg", *words, *parts, class_=class_, role="img", aria_label=label, viewBox=box, **look)
