"""How far stated probabilities can be trusted: a reliability diagram, as inline SVG (DeGroot & Fienberg 1983)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from profundo.languages import say
from profundo.pictures import svg
from profundo.pictures.axes import ACROSS, SQUARE, Axis
from profundo.pictures.numbers import count, percent
from profundo.records import CalibrationBin

__all__ = ["reliability_svg"]

STRIP = 46  # height of the bars under the diagram
TICKS = (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)


def reliability_svg(
    bins: Sequence[CalibrationBin], intervals: Sequence[tuple[float, float]], *, kind: str = "right"
) -> str:
    """Draw the share of answers that were right over the probability that was stated, beside the diagonal on which both
    agree; below, how many answers each bin has.

    intervals: of each bin's share. kind: what a frequency is the share of, such as "right".
    """
    x, y = Axis(0, 100, *ACROSS, TICKS), Axis(0, 100, *SQUARE, TICKS)
    diagonal = svg.line(x(0), y(0), x(100), y(100), stroke_dasharray="5 4")
    words = ", ".join(
        say("report.chart_bin", stated=percent(b.confidence), share=percent(b.frequency), kind=kind) for b in bins
    )
    return svg.plot(
        x,
        y,
        [diagonal, _dots(bins, intervals, x, y, kind), _strip(bins, x)],
        say("report.chart_reliability", words=words),
        (say("report.stated_probability"), f"{kind} (%)"),
        empty=not bins,
        under=STRIP + 34,
    )


def _dots(bins: Sequence[CalibrationBin], intervals: Sequence[tuple[float, float]], x: Axis, y: Axis, kind: str) -> str:
    """Dots as large as they hold answers, on their intervals."""
    look = {"stroke": svg.colour(0), "stroke_width": 6, "stroke_opacity": 0.22, "stroke_linecap": "round"}
    places = [(x(100 * b.confidence), y(100 * b.frequency)) for b in bins]
    ends = [
        svg.line(a, y(100 * low), a, y(100 * high), class_="interval", **look)
        for (a, _), (low, high) in zip(places, intervals, strict=True)
    ]
    most = max((of.samples for of in bins), default=1)
    dots = [
        svg.dot(a, b, 3 + 3 * math.sqrt(of.samples / most), _summary(of, kind))
        for (a, b), of in zip(places, bins, strict=True)
    ]
    return svg.element("g", *ends, svg.element("g", *dots, fill=svg.colour(0)), class_="curve")


def _summary(of: CalibrationBin, kind: str) -> str:
    stated, share = percent(of.confidence), percent(of.frequency)
    return say("report.chart_bin_more", answers=count(of.samples), stated=stated, share=share, kind=kind)


def _strip(bins: Sequence[CalibrationBin], x: Axis) -> str:
    """Under the diagram, the number of answers of each bin as a bar."""
    base, most = SQUARE[0] + STRIP + 66, max((b.samples for b in bins), default=1)
    y = Axis(0, most, base, base - STRIP, ())
    bars = [
        svg.bar(x(100 * b.low) + 1, x(100 * b.high) - 1, y(b.samples), base,
                say("report.chart_bin_between", answers=count(b.samples), low=percent(b.low), high=percent(b.high)))
        for b in bins
    ]  # fmt: skip
    name = svg.text(8, base - STRIP - 8, say("report.chart_bins", most=count(most)))
    drawn = svg.element("g", *bars, fill=svg.colour(0), fill_opacity=0.45)
    return svg.element("g", name, drawn, svg.line(ACROSS[0], base, ACROSS[1], base), class_="strip")
