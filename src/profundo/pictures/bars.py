"""Counts as bars: histograms small enough for many on a page, and named values between −1 and 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from profundo.pictures.axes import colour, svg
from profundo.pictures.numbers import plain
from profundo.records import ProfundoError

__all__ = ["histogram_svg", "relations_svg"]

WIDE, HIGH = 320, 92  # of a histogram's bars, in pixels
ROW = 22  # of a named value
NAMES, END = 170, 466  # from where to where a bar may go


def histogram_svg(
    edges: Sequence[float], counts: Sequence[int], *, label: str, ends: tuple[str, str] | None = None
) -> str:
    """Draw counts between edges, one more of these, as bars whose areas are in proportion to the counts.

    ends: what is written below the first and the last edge; by default the numbers. Raises ProfundoError unless there is
    an edge more than counts.
    """
    if len(edges) != len(counts) + 1 or not counts:
        raise ProfundoError(f"histogram: expected an edge more than counts, got {len(edges)} and {len(counts)}")
    low, high, most = edges[0], edges[-1], max(counts)
    width = high - low
    drawn = []
    for start, end, number in zip(edges, edges[1:], counts, strict=False):
        left, right = (0.0, 1.0) if not 0 < width < math.inf else ((start - low) / width, (end - low) / width)
        tall = HIGH * number / most if most else 0.0
        drawn.append(
            f'<rect x="{WIDE * left:.2f}" y="{HIGH - tall:.2f}" width="{max(1.0, WIDE * (right - left) - 1):.2f}" '
            f'height="{tall:.2f}"><title>{plain(start)} to {plain(end)}: {number:,}</title></rect>'
        )
    first, last = ends or (plain(low), plain(high))
    return (
        f'<svg class="chart histogram" role="img" aria-label="{escape(f"Histogram of {label}, from {first} to {last}")}" '
        f'viewBox="0 0 {WIDE} {HIGH + 22}" font-size="13" font-family="system-ui, sans-serif" '
        f'fill="var(--muted, #6b6860)"><g fill="{colour(0)}">{"".join(drawn)}</g>'
        f'<line x1="0" x2="{WIDE}" y1="{HIGH}" y2="{HIGH}" stroke="var(--muted, #6b6860)"/>'
        f'<text x="0" y="{HIGH + 17}">{escape(first)}</text>'
        f'<text x="{WIDE}" y="{HIGH + 17}" text-anchor="end">{escape(last)}</text></svg>'
    )


def relations_svg(names: Sequence[str], values: Sequence[float], *, label: str) -> str:
    """Draw values between −1 and 1 as bars to either side of zero, each with its name and its number."""
    if len(names) != len(values) or not names:
        raise ProfundoError(f"relations: expected a name for each value, got {len(names)} and {len(values)}")
    negative = any(value < 0 for value in values)
    zero = (NAMES + END) / 2 if negative else NAMES
    reach = END - 40 - zero if not negative else (END - NAMES) / 2 - 44
    rows = []
    for at, (name, value) in enumerate(zip(names, values, strict=True)):
        middle, long = ROW * (at + 0.5) + 8, reach * min(1.0, abs(value))
        left = zero - long if value < 0 else zero
        outside = f'x="{left - 5:.1f}" text-anchor="end"' if value < 0 else f'x="{zero + long + 5:.1f}"'
        rows.append(
            f'<text x="{NAMES - 8}" y="{middle:.1f}" dy="0.35em" text-anchor="end">{escape(_shortened(name))}'
            f"<title>{escape(name)}</title></text>"
            f'<rect x="{left:.1f}" y="{middle - 6:.1f}" width="{long:.1f}" height="12" '
            f'fill="{colour(1 if value < 0 else 0)}"/>'
            f'<text {outside} y="{middle:.1f}" dy="0.35em" fill="var(--muted, #6b6860)">{_two(value)}</text>'
        )
    bottom = ROW * len(names) + 16
    axis = f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="4" y2="{bottom - 4}" stroke="var(--muted, #6b6860)"/>'
    told = ", ".join(f"{name} {_two(value)}" for name, value in zip(names, values, strict=True))
    return svg([*rows, axis], f"{label}: {told}", bottom=bottom, under=0)


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _shortened(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
