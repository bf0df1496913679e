"""How far stated probabilities can be trusted: a reliability diagram, as inline SVG (DeGroot & Fienberg 1983)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from profundo.pictures import svg
from profundo.pictures.axes import ACROSS, SQUARE, Axis
from profundo.pictures.numbers import percent
from profundo.records import CalibrationBin

__all__ = ["Reliability", "reliability_svg"]

STRIP = 46  # height of the bars under the diagram
TICKS = (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)


@dataclass(frozen=True, slots=True)
class Reliability:
    """The calibration of one network. intervals: of each bin's frequency, as many as bins or none."""

    name: str
    bins: Sequence[CalibrationBin]
    intervals: Sequence[tuple[float, float]] = ()


def reliability_svg(networks: Sequence[Reliability], *, kind: str = "right") -> str:
    """Draw the share of answers that were right over the probability that was stated, beside the diagonal on which both
    agree. Of one network also how many answers each bin has, and the interval of each share.

    kind: what a frequency is the share of, such as "right".
    """
    x, y, alone = Axis(0, 100, *ACROSS, TICKS), Axis(0, 100, *SQUARE, TICKS), len(networks) == 1
    marks = [svg.line(x(0), y(0), x(100), y(100), stroke_dasharray="5 4")]
    marks += [_network(one, style, x, y, kind, joined=not alone) for style, one in enumerate(networks)]
    words = "; ".join(
        f"{one.name}: " + ", ".join(f"{percent(b.confidence)} stated, {percent(b.frequency)} {kind}" for b in one.bins)
        for one in networks
    )
    return svg.plot(
        x,
        y,
        [*marks, _strip(networks[0], x)] if alone else marks,
        f"Reliability diagram: {words}",
        ("stated probability (%)", f"{kind} (%)"),
        keys=None if alone else [(one.name, svg.line_key(style)) for style, one in enumerate(networks)],
        empty=not any(one.bins for one in networks),
        under=STRIP + 34 if alone else 0,
    )


def _network(one: Reliability, style: int, x: Axis, y: Axis, kind: str, *, joined: bool) -> str:
    """Dots as large as they hold answers, on their intervals; joined by a line where there are several networks."""
    places = [(x(100 * b.confidence), y(100 * b.frequency)) for b in one.bins]
    thick = {"stroke": svg.colour(style), "stroke_width": 6, "stroke_opacity": 0.22, "stroke_linecap": "round"}
    thin = {
        "stroke": svg.colour(style),
        "stroke_width": 1.5,
        "stroke_opacity": 0.7,
        "stroke_dasharray": svg.dashes(style),
    }
    ends = [
        svg.line(a, y(100 * low), a, y(100 * high), class_="interval", **thick)
        for (a, _), (low, high) in zip(places, one.intervals, strict=False)
    ]
    most = max((of.samples for of in one.bins), default=1)
    dots = [
        svg.dot(a, b, 3 + 3 * math.sqrt(of.samples / most), f"{one.name}: {_summary(of, kind)}")
        for (a, b), of in zip(places, one.bins, strict=True)
    ]
    line = svg.polyline(places, fill="none", **thin) if joined else ""
    return svg.element("g", *ends, line, svg.element("g", *dots, fill=svg.colour(style)), class_="curve")


def _summary(of: CalibrationBin, kind: str) -> str:
    return f"{of.samples:,} answers at {percent(of.confidence)} on average, {percent(of.frequency)} of them {kind}"


def _strip(one: Reliability, x: Axis) -> str:
    """Under the diagram, the number of answers of each bin as a bar."""
    base, most = SQUARE[0] + STRIP + 66, max((b.samples for b in one.bins), default=1)
    y = Axis(0, most, base, base - STRIP, ())
    bars = [
        svg.bar(x(100 * b.low) + 1, x(100 * b.high) - 1, y(b.samples), base,
                f"{b.samples:,} answers between {percent(b.low)} and {percent(b.high)}")
        for b in one.bins
    ]  # fmt: skip
    name = svg.text(8, base - STRIP - 8, f"answers per bin, at most {most:,}")
    drawn = svg.element("g", *bars, fill=svg.colour(0), fill_opacity=0.45)
    return svg.element("g", name, drawn, svg.line(ACROSS[0], base, ACROSS[1], base), class_="strip")
