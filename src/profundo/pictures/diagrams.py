"""Pictures that a report needs beside its curves: figures on one scale, reliability, histograms, residuals, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from profundo.pictures.axes import (
    BOTTOM,
    LEFT,
    LINE,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    colour,
    dashes,
    frame,
    legend,
    nice_ticks,
    note,
    share,
    svg,
    tick,
)
from profundo.pictures.numbers import SPACE, percent, plain
from profundo.records import CalibrationBin

__all__ = ["Reliable", "Rung", "histogram_svg", "ladder_svg", "reliability_svg", "residuals_svg"]

INSET = 8  # of a ladder's scale from the edges of the picture
STEP = 50  # from rung to rung
SQUARE_TOP, SQUARE_BOTTOM = 36, 376
STRIP = 46  # height of the bars under a reliability diagram
MOST_DOTS = 1000
MUTED, RULE, INK, PAPER = (
    "var(--muted, #6b6860)",
    "var(--rule, #dedbd2)",
    "var(--ink, #1c1b19)",
    "var(--paper, #ffffff)",
)


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


@dataclass(frozen=True, slots=True)
class Reliable:
    """The calibration of one network. intervals: of each bin's frequency, as many as bins or none."""

    name: str
    bins: Sequence[CalibrationBin]
    intervals: Sequence[tuple[float, float]] = ()


def ladder_svg(rungs: Sequence[Rung], *, name: str, percent: bool = False) -> str:
    """Draw figures one under the other on a common scale, from zero where none is negative; whiskers are intervals."""
    edges = [v for rung in rungs for v in (rung.value, rung.low, rung.high) if v is not None and math.isfinite(v)]
    ticks = nice_ticks([*edges, 0.0] if edges else [0.0, 1.0])
    if percent:
        ticks = tuple(t for t in ticks if t <= 1) if sum(t <= 1 for t in ticks) > 1 else ticks
    x = Axis(ticks[0], ticks[-1], INSET + 12, WIDTH - INSET - 12, ticks)
    bottom = STEP * len(rungs) + 6
    tell = share if percent else tick
    scale = "".join(
        f'<line x1="{x(t):.2f}" x2="{x(t):.2f}" y1="6" y2="{bottom}" stroke="{RULE}"/>'
        f'<text x="{x(t):.2f}" y="{bottom + 18}" text-anchor="middle" fill="{MUTED}">{tell(t)}</text>'
        for t in ticks
    )
    drawn = "".join(_rung(rung, STEP * at, x) for at, rung in enumerate(rungs))
    told = "; ".join(f"{rung.name} {rung.text}" for rung in rungs)
    return svg([scale, drawn], f"{name} on one scale: {told}", bottom=bottom, under=28)


def _rung(rung: Rung, top: float, x: Axis) -> str:
    """The name and the figure above a track with the dot and the whiskers."""
    y, strong = top + 36, rung.style is not None
    ink = colour(rung.style) if rung.style is not None else MUTED
    weight = ' font-weight="650"' if strong else ""
    words = (
        f'<text x="{INSET}" y="{top + 20}" stroke="{PAPER}" stroke-width="4" paint-order="stroke"{weight}>'
        f"{escape(_short(rung.name, 44))}</text>"
        f'<text x="{WIDTH - INSET}" y="{top + 20}" text-anchor="end" stroke="{PAPER}" stroke-width="4" '
        f'paint-order="stroke"{weight}>{escape(rung.text)}</text>'
        f'<line x1="{INSET}" x2="{WIDTH - INSET}" y1="{y}" y2="{y}" stroke="{RULE}"/>'
    )
    whiskers = ""
    if rung.low is not None and rung.high is not None and math.isfinite(rung.low) and math.isfinite(rung.high):
        a, b = max(x.start, x(rung.low)), min(x.end, x(rung.high))
        whiskers = (
            f'<line class="interval" x1="{a:.2f}" x2="{b:.2f}" y1="{y}" y2="{y}" stroke="{ink}" stroke-width="8" '
            'stroke-opacity="0.35" stroke-linecap="round"/>'
        )
    dot = (
        f'<circle cx="{x(rung.value):.2f}" cy="{y}" r="{5.5 if strong else 4.5}" fill="{ink if strong else PAPER}" '
        f'stroke="{ink}" stroke-width="2"><title>{escape(rung.name)}: {escape(rung.text)}</title></circle>'
        if math.isfinite(rung.value)
        else ""
    )
    return f'<g class="rung">{words}{whiskers}{dot}</g>'


def reliability_svg(networks: Sequence[Reliable], *, kind: str = "right") -> str:
    """Draw the share of answers that were right over the probability that was stated, beside the diagonal on which both
    agree. Of one network also how many answers each bin has, and the interval of each share.

    kind: what a frequency is the share of, such as "right".
    """
    ticks = (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    x, y = Axis(0, 100, LEFT, RIGHT, ticks), Axis(0, 100, SQUARE_BOTTOM, SQUARE_TOP, ticks)
    alone = len(networks) == 1
    names, rows = legend([(one.name, _line_key(style)) for style, one in enumerate(networks)])
    above = LINE * (rows if not alone else 0)
    shift = f'<g transform="translate(0 {-12})">{names}</g>' if names else ""
    under = 48 + (STRIP + 34 if alone else 0)
    parts = [
        frame(x, y, "stated probability (%)", f"{kind} (%)", tick, above),
        f'<line x1="{x(0):.2f}" y1="{y(0):.2f}" x2="{x(100):.2f}" y2="{y(100):.2f}" stroke="{MUTED}" '
        'stroke-dasharray="5 4"/>',
        *(_reliable(one, style, (x, y), kind, joined=not alone) for style, one in enumerate(networks)),
        _strip(networks[0], x) if alone else "",
        shift,
        "" if any(one.bins for one in networks) else note("no answers to draw", SQUARE_BOTTOM),
    ]
    told = "; ".join(
        f"{one.name}: " + ", ".join(f"{percent(b.confidence)} stated, {percent(b.frequency)} {kind}" for b in one.bins)
        for one in networks
    )
    return svg(parts, f"Reliability diagram: {told}", above, SQUARE_BOTTOM, under)


def _reliable(one: Reliable, style: int, axes: tuple[Axis, Axis], kind: str, *, joined: bool) -> str:
    """Dots as large as they hold answers, on their intervals; joined by a line where there are several networks."""
    x, y = axes
    places = [(x(100 * b.confidence), y(100 * b.frequency)) for b in one.bins]
    ends = "".join(
        f'<line class="interval" x1="{a:.2f}" x2="{a:.2f}" y1="{y(100 * low):.2f}" y2="{y(100 * high):.2f}" '
        'stroke-width="6" stroke-opacity="0.22" stroke-linecap="round"/>'
        for (a, _), (low, high) in zip(places, one.intervals, strict=False)
    )
    line = " ".join(f"{a:.2f},{b:.2f}" for a, b in places)
    most = max((of.samples for of in one.bins), default=1)
    dots = "".join(
        f'<circle cx="{a:.2f}" cy="{b:.2f}" r="{3 + 3 * math.sqrt(of.samples / most):.2f}">'
        f"<title>{escape(one.name)}: {of.samples:,} answers at {percent(of.confidence)} on average, "
        f"{percent(of.frequency)} of them {kind}</title></circle>"
        for (a, b), of in zip(places, one.bins, strict=True)
    )
    stroke = f'stroke-width="1.5" stroke-opacity="0.7" stroke-linejoin="round"{dashes(style)}'
    drawn = f'<polyline points="{line}" {stroke}/>' if joined else ""
    return (
        f'<g class="curve"><g stroke="{colour(style)}" fill="none">{ends}{drawn}</g>'
        f'<g fill="{colour(style)}">{dots}</g></g>'
    )


def _strip(one: Reliable, x: Axis) -> str:
    """Under the diagram, the number of answers of each bin as a bar."""
    base, most = SQUARE_BOTTOM + 48 + STRIP + 18, max((b.samples for b in one.bins), default=1)
    bars = "".join(
        f'<rect x="{x(100 * b.low) + 1:.2f}" width="{max(1.0, x(100 * b.high) - x(100 * b.low) - 2):.2f}" '
        f'y="{base - STRIP * b.samples / most:.2f}" height="{STRIP * b.samples / most:.2f}">'
        f"<title>{b.samples:,} answers between {percent(b.low)} and {percent(b.high)}</title></rect>"
        for b in one.bins
    )
    return (
        f'<g class="strip"><text x="8" y="{base - STRIP - 8}">answers per bin, at most {most:,}</text>'
        f'<g fill="{colour(0)}" fill-opacity="0.45">{bars}</g>'
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{base}" y2="{base}" stroke="{MUTED}"/></g>'
    )


def histogram_svg(edges: Sequence[float], counts: Sequence[int], *, x_label: str, y_label: str = "samples") -> str:
    """Draw counts between edges (one more than counts) as bars, with a line at zero where it lies among them."""
    if not counts:
        x, y = Axis(0, 1, LEFT, RIGHT, (0.0, 1.0)), Axis(0, 1, BOTTOM, TOP, (0.0, 1.0))
        return svg([frame(x, y, x_label, y_label, tick), note("no finite value to draw")], f"Histogram of {x_label}")
    ticks_x = tuple(t for t in nice_ticks([edges[0], edges[-1]], 7) if edges[0] <= t <= edges[-1])
    ticks_y = nice_ticks([0.0, float(max(counts))])
    x = Axis(edges[0], edges[-1], LEFT, RIGHT, ticks_x)
    y = Axis(ticks_y[0], ticks_y[-1], BOTTOM, TOP - 16, ticks_y)
    bars = "".join(
        f'<rect x="{x(low) + 0.5:.2f}" width="{max(0.5, x(high) - x(low) - 1):.2f}" y="{y(n):.2f}" '
        f'height="{y(0) - y(n):.2f}"><title>{n:,} between {plain(low)} and {plain(high)}</title></rect>'
        for low, high, n in zip(edges, edges[1:], counts, strict=False)
        if n
    )
    zero = (
        f'<line x1="{x(0):.2f}" x2="{x(0):.2f}" y1="{y.end}" y2="{BOTTOM}" stroke="{INK}" stroke-dasharray="2 3"/>'
        if edges[0] < 0 < edges[-1]
        else ""
    )
    parts = [frame(x, y, x_label, y_label, tick), f'<g fill="{colour(0)}" fill-opacity="0.6">{bars}</g>', zero]
    told = f"{sum(counts):,} {y_label} between {plain(edges[0])} and {plain(edges[-1])}"
    return svg(parts, f"Histogram of {x_label}: {told}")


def residuals_svg(predicted: Sequence[float], residuals: Sequence[float], *, name: str) -> str:
    """Draw residuals over predictions, evenly thinned to at most 1,000 dots, with the line of no error."""
    pairs = [(p, r) for p, r in zip(predicted, residuals, strict=True) if math.isfinite(p) and math.isfinite(r)]
    kept = pairs[:: max(1, math.ceil(len(pairs) / MOST_DOTS))]
    ticks_x = nice_ticks([p for p, _ in kept]) if kept else (0.0, 1.0)
    ticks_y = nice_ticks([*(r for _, r in kept), 0.0])
    x = Axis(ticks_x[0], ticks_x[-1], LEFT, RIGHT, ticks_x)
    y = Axis(ticks_y[0], ticks_y[-1], BOTTOM, TOP - 16, ticks_y)
    dots = "".join(f'<circle cx="{x(p):.2f}" cy="{y(r):.2f}" r="2.4"/>' for p, r in kept)
    parts = [
        frame(x, y, f"predicted {name}", "residual (predicted − true)", tick),
        f'<line class="zero" x1="{LEFT}" x2="{RIGHT}" y1="{y(0):.2f}" y2="{y(0):.2f}" stroke="{INK}" '
        'stroke-dasharray="5 4"/>',
        f'<g class="dots" fill="{colour(0)}" fill-opacity="0.55">{dots}</g>',
        "" if kept else note("no finite value to draw"),
    ]
    return svg(parts, f"Scatter of {len(kept)} samples: residual over predicted {name}, with the line of no error")


def _line_key(style: int) -> Callable[[float, float], str]:
    return lambda left, y: (
        f'<line x1="{left:.0f}" x2="{left + 18:.0f}" y1="{y}" y2="{y}" stroke="{colour(style)}" stroke-width="3"'
        f"{dashes(style)}/>"
    )


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…{SPACE}".rstrip()
