"""Counts and figures as bars: histograms large and small, relations to either side of zero, and figures on one scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from profundo.languages import local, say, term
from profundo.pictures import svg
from profundo.pictures.axes import ACROSS, UP, Axis, enclosing, nice_ticks, share, tick
from profundo.pictures.numbers import count, plain
from profundo.records import ProfundoError

__all__ = ["Rung", "histogram_svg", "ladder_svg", "relations_svg", "small_histogram_svg"]

WIDE, HIGH = 320, 92  # of a small histogram's bars, in pixels
ROW = 22  # of a named value
LONGEST = 20  # letters of a name
LETTER = 9.0  # pixels, at the larger letters of a small screen
END = 466 - 44  # where bars end, and room for a number begins
INSET = 8  # of a ladder's scale from the edges of the picture
STEP = 50  # from rung to rung


# ----------------------------------------------------------------------------------------------------- histograms
def histogram_svg(edges: Sequence[float], counts: Sequence[int], *, x_label: str) -> str:
    """Draw counts between edges (one more than counts) as bars, with a line at zero where it lies among them."""
    edges = _apart(edges) if counts else (0.0, 1.0)
    low, high = edges[0], edges[-1]
    x = Axis(low, high, *ACROSS, tuple(t for t in nice_ticks([low, high], 7) if low <= t <= high))
    y = enclosing([0.0, float(max(counts, default=1))], UP)
    zero = svg.line(x(0), UP[1], x(0), UP[0], stroke=svg.INK, stroke_dasharray="2 3") if low < 0 < high else ""
    total = count(sum(counts))
    label = say("report.chart_histogram", name=x_label, samples=total, low=plain(low), high=plain(high))
    return svg.plot(x, y, [_bars(edges, counts, x, y), zero], label, (x_label, term("samples")), empty=not counts)


def small_histogram_svg(
    edges: Sequence[float], counts: Sequence[int], *, label: str, ends: tuple[str, str] | None = None
) -> str:
    """A histogram without axes, small enough for many on a page.

    ends: what is written below the first and the last edge; by default the numbers. Raises ProfundoError unless there is
    an edge more than counts.
    """
    if len(edges) != len(counts) + 1 or not counts:
        raise ProfundoError(f"histogram: expected an edge more than counts, got {len(edges)} and {len(counts)}")
    first, last = ends or (plain(edges[0]), plain(edges[-1]))
    edges = _apart(edges)
    x, y = Axis(edges[0], edges[-1], 0, WIDE, ()), Axis(0, max(*counts, 1), HIGH, 0, ())
    written = [svg.text(0, HIGH + 17, first), svg.text(WIDE, HIGH + 17, last, text_anchor="end")]
    parts = svg.element("g", _bars(edges, counts, x, y), svg.line(0, HIGH, WIDE, HIGH), *written, fill=svg.MUTED)
    label = f"Histogram of {label}, from {first} to {last}"
    return svg.picture([parts], label, bottom=HIGH + 22, width=WIDE, class_="chart histogram")


def _apart(edges: Sequence[float]) -> Sequence[float]:
    """The edges, where all are one value with room to either side of it."""
    margin = abs(edges[0]) / 10 or 1.0
    return edges if edges[0] < edges[-1] else [edges[0] - margin, *edges[1:-1], edges[-1] + margin]


def _bars(edges: Sequence[float], counts: Sequence[int], x: Axis, y: Axis) -> str:
    """Counts between edges as bars whose areas are in proportion to them, where edges are equally far apart."""
    each = (
        svg.bar(x(low), max(x(low) + 1, x(high) - 1), y(number), y(0), _told(low, high, number))
        for low, high, number in zip(edges, edges[1:], counts, strict=False)
    )
    return svg.element("g", *each, fill=svg.colour(0), fill_opacity=0.7)


def _told(low: float, high: float, number: int) -> str:
    return say("report.chart_bar", low=plain(low), high=plain(high), number=count(number))


# ------------------------------------------------------------------------------------------------------ relations
def relations_svg(
    names: Sequence[str],
    values: Sequence[float],
    *,
    label: str,
    most: float = 1.0,
    written: Callable[[float], str] | None = None,
) -> str:
    """Draw values between −most and most as bars to either side of zero, each with its name and its number as it is written."""
    if len(names) != len(values) or not names:
        raise ProfundoError(f"relations: expected a name for each value, got {len(names)} and {len(values)}")
    negative, bottom = any(value < 0 for value in values), ROW * len(names) + 16
    names_end = 8 + LETTER * min(LONGEST, max(map(len, names)))
    x = Axis(-most if negative else 0, most, names_end + 8 + 44 * negative, END, ())
    written = written or (_two if most == 1 else plain)
    pairs = list(zip(names, values, strict=True))
    rows = [
        _relation(name, value, written(value), names_end, ROW * (at + 0.5) + 8, x)
        for at, (name, value) in enumerate(pairs)
    ]
    label = f"{label}: {', '.join(f'{name} {written(value)}' for name, value in pairs)}"
    return svg.picture([*rows, svg.line(x(0), 4, x(0), bottom - 4)], label, bottom=bottom)


def _relation(name: str, value: float, written: str, names_end: float, y: float, x: Axis) -> str:
    drawn = svg.text(names_end, y, name, most=LONGEST, dy="0.35em", text_anchor="end")
    if math.isfinite(value):
        left, right = sorted((x(0), x(max(x.low, min(x.high, value)))))
        at, anchor, style = (left - 5, "end", 1) if value < 0 else (right + 5, None, 0)
        drawn += svg.bar(left, right, y - 6, y + 6, fill=svg.colour(style))
        drawn += svg.text(at, y, written, dy="0.35em", text_anchor=anchor, fill=svg.MUTED)
    return drawn


def _two(value: float) -> str:
    return local(f"{value:.2f}".replace("-", "−"))


# --------------------------------------------------------------------------------------------------------- ladder
@dataclass(frozen=True, slots=True)
class Rung:
    """One figure of a ladder. text: how it is written; low, high: its interval, where it has one; style: of its colour,
    None for what is only there to compare with."""

    name: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    style: int | None = None


def ladder_svg(rungs: Sequence[Rung], *, name: str, percent: bool = False) -> str:
    """Draw figures one under the other on a common scale, from zero where none is negative; whiskers are intervals."""
    edges = [v for rung in rungs for v in (rung.value, rung.low, rung.high) if v is not None and math.isfinite(v)]
    ticks = nice_ticks([*edges, 0.0] if edges else [0.0, 1.0])
    if percent and sum(t <= 1 for t in ticks) > 1:
        ticks = tuple(t for t in ticks if t <= 1)
    x, bottom = Axis(ticks[0], ticks[-1], INSET + 12, svg.WIDTH - INSET - 12, ticks), STEP * len(rungs) + 6
    written = share if percent else tick
    scale = [
        svg.line(x(t), 6, x(t), bottom, stroke=svg.RULE)
        + svg.text(x(t), bottom + 18, written(t), text_anchor="middle", fill=svg.MUTED)
        for t in ticks
    ]
    drawn = [_rung(rung, STEP * at, x) for at, rung in enumerate(rungs)]
    words = "; ".join(f"{rung.name} {rung.text}" for rung in rungs)
    label = say("report.chart_ladder", figure=name, words=words)
    return svg.picture([*scale, *drawn], label, bottom=bottom + 28)


def _rung(rung: Rung, top: float, x: Axis) -> str:
    """The name and the figure above a track with the dot and the whiskers."""
    y, right, plainly = top + 36, svg.WIDTH - INSET, rung.style is None
    hue, weight = (svg.MUTED, None) if rung.style is None else (svg.colour(rung.style), "650")
    halo: svg.Look = {"stroke": svg.PAPER, "stroke_width": 4, "paint_order": "stroke", "font_weight": weight}
    parts = [
        svg.text(INSET, top + 20, rung.name, most=44, **halo),
        svg.text(right, top + 20, rung.text, text_anchor="end", **halo),
        svg.line(INSET, y, right, y, stroke=svg.RULE),
    ]
    if rung.low is not None and rung.high is not None and math.isfinite(rung.low) and math.isfinite(rung.high):
        low, high = max(x.start, x(rung.low)), min(x.end, x(rung.high))
        look = {"stroke": hue, "stroke_width": 8, "stroke_opacity": 0.35, "stroke_linecap": "round"}
        parts.append(svg.line(low, y, high, y, class_="interval", **look))
    if math.isfinite(rung.value):
        size, ground = (4.5, svg.PAPER) if plainly else (5.5, hue)
        words = f"{rung.name}: {rung.text}"
        parts.append(svg.dot(x(rung.value), y, size, words, fill=ground, stroke=hue, stroke_width=2))
    return svg.element("g", *parts, class_="rung")
