"""What charts share: axes with round ticks, their frame, colours, legend, and the SVG element around all.

Colours are CSS variables with fallbacks, so that a page may give each chart a light and a dark dress:
--ink, --muted, --rule, --paper and --curve-1 … --curve-12.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count

from profundo.pictures.numbers import SPACE

__all__ = [
    "BOTTOM",
    "LEFT",
    "LINE",
    "RIGHT",
    "TOP",
    "UNDER",
    "WIDTH",
    "Axis",
    "colour",
    "dashes",
    "frame",
    "in_lines",
    "legend",
    "log_ticks",
    "nice_ticks",
    "note",
    "share",
    "svg",
    "tick",
    "vertical_axis",
]

WIDTH = 480
LEFT, RIGHT, TOP, BOTTOM = 62, 466, 52, 252  # edges of the plotting area
UNDER = 48  # from the plotting area to the lower edge: ticks and the name of the axis
LINE = 20  # of the legend
COLOURS = (
    *("#1f5fbf", "#c2500a", "#2f7d4f", "#8a3ea8", "#8a6100", "#5b6472"),
    *("#c01f48", "#00838f", "#d0509c", "#6b8f00", "#6d4530", "#3b9ae0"),
)
DASHES = ("", "", "6 3", "2 3", "8 3 2 3", "1 3")


@dataclass(frozen=True, slots=True)
class Axis:
    """Values between low and high go linearly (or their logarithms do) to pixels between start and end."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (at - low) / (high - low)


def nice_ticks(values: Sequence[float], most: int = 6) -> tuple[float, ...]:
    """Round numbers 1, 2 or 5 · 10ᵏ apart that enclose the values: at least two, about `most`."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = abs(low) / 10 or 1.0
        low, high = low - margin, high + margin
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(float(f"{index * step:.12g}") for index in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten that enclose the values; over fewer than three of them, also twice and five times each."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    if last - first > 3:
        step = math.ceil((last - first) / 6)
        return tuple(10.0**power for power in range(first, last + step, step))
    ticks = [float(f"{factor}e{power}") for power in range(first, last + 1) for factor in (1, 2, 5)]
    above = next(index for index, tick in enumerate(ticks) if tick >= high * 0.999)
    below = max(index for index, tick in enumerate(ticks) if tick <= low * 1.001)
    return tuple(ticks[below : max(above, below + 1) + 1])


def vertical_axis(finite: Sequence[float], *, log: bool, whole: float | None) -> Axis:
    """From the lowest to the highest tick around the values; from zero where they come near it. whole: no share is
    above it."""
    if log and finite:
        ticks = log_ticks(min(finite), max(finite))
        return Axis(ticks[0], ticks[-1], BOTTOM, TOP, ticks, log=True)
    values = [*finite, 0.0] if finite and 0 <= min(finite) < 0.3 * max(finite) else list(finite)
    if whole is not None and values and max(values) - min(values) < 1e-9 * whole:
        values = [0.0, whole]  # a share that does not change
    ticks = nice_ticks(values)
    if whole is not None and finite and max(finite) <= whole:
        ticks = tuple(t for t in ticks if t <= whole) if sum(t <= whole for t in ticks) > 1 else ticks
    return Axis(ticks[0], ticks[-1], BOTTOM, TOP, ticks)


def frame(x: Axis, y: Axis, x_label: str, y_label: str, tell: Callable[[float], str], above: int = 0) -> str:
    """Ticks, what is written beside them (`tell`, on the vertical axis), and the names of both axes.

    above: pixels that the legend takes above the picture.
    """
    bottom = y.start
    across = "".join(
        f'<g class="y tick"><line x1="{LEFT}" x2="{RIGHT}" y1="{y(t):.2f}" y2="{y(t):.2f}"/>'
        f'<text x="{LEFT - 8}" y="{y(t):.2f}" dy="0.35em" text-anchor="end">{tell(t)}</text></g>'
        for t in y.ticks
    )
    down = "".join(
        f'<g class="x tick"><line x1="{x(t):.2f}" x2="{x(t):.2f}" y1="{bottom:g}" y2="{bottom + 5:g}"/>'
        f'<text x="{x(t):.2f}" y="{bottom + 20:g}" text-anchor="middle">{tick(t)}</text></g>'
        for t in x.ticks
    )
    return (
        f'<g stroke="var(--rule, #dedbd2)" fill="none">{across}{down}'.replace("<text", QUIET)
        + f'<line x1="{LEFT}" x2="{RIGHT}" y1="{bottom:g}" y2="{bottom:g}" stroke="var(--muted, #6b6860)"/></g>'
        f'<text x="{(LEFT + RIGHT) / 2}" y="{bottom + UNDER - 8:g}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text x="8" y="{16 - above}">{escape(y_label)}</text>'
    )


QUIET = '<text stroke="none" fill="var(--muted, #6b6860)"'


def legend(entries: Sequence[tuple[str, Callable[[float, float], str]]]) -> tuple[str, int]:
    """Names with their keys, in lines of text that end above the picture, and how many lines.

    entries: (name, key); key draws 18 pixels from a left edge at a height. A chart of one entry needs no legend.
    """
    if len(entries) < 2:
        return "", 1
    lines = in_lines([name if len(name) <= 30 else name[:29] + "…" for name, _ in entries])
    keys = iter(key for _, key in entries)
    drawn = [
        f'{next(keys)(left, y)}<text x="{left + 24:.0f}" y="{y}" dy="0.35em">{escape(name)}</text>'
        for y, line in reversed(list(zip(count(36, -LINE), reversed(lines), strict=False)))
        for left, name in line
    ]
    return f'<g class="legend">{"".join(drawn)}</g>', len(lines)


def in_lines(names: Sequence[str]) -> list[list[tuple[float, str]]]:
    """(left edge, name) of each, in as many lines as they need."""
    lines: list[list[tuple[float, str]]] = [[]]
    left = float(LEFT)
    for name in names:
        width = 40 + 8.2 * len(name)  # at the larger letters of a small screen
        if lines[-1] and left + width > WIDTH:
            lines.append([])
            left = LEFT
        lines[-1].append((left, name))
        left += width
    return lines


def note(text: str, bottom: int = BOTTOM) -> str:
    """A sentence in the middle of a picture that has nothing else to show."""
    middle = f'x="{(LEFT + RIGHT) / 2}" y="{(TOP + bottom) / 2}"'
    return f'<text {middle} text-anchor="middle" fill="var(--muted, #6b6860)">{text}</text>'


def svg(parts: Sequence[str], label: str, above: int = 0, bottom: float = BOTTOM, under: float = UNDER) -> str:
    """The picture around its parts; label: what it shows, for who cannot see it."""
    height = bottom + under + above
    return (
        f'<svg class="chart" role="img" aria-label="{escape(label)}" viewBox="0 {-above} {WIDTH} {height:g}" '
        f'font-size="13" font-family="system-ui, sans-serif" fill="var(--ink, #1c1b19)">'
        f"<title>{escape(label.split(':')[0])}</title><desc>{escape(label)}</desc>{''.join(parts)}</svg>"
    )


def dashes(style: int) -> str:
    return f' stroke-dasharray="{DASHES[style % 6]}"' if DASHES[style % 6] else ""


def colour(style: int, of: int = 6) -> str:
    """One of the first `of` colours, at most twelve; curves have six, which dashes tell apart besides."""
    return f"var(--curve-{style % of + 1}, {COLOURS[style % of]})"


def tick(value: float) -> str:
    """The shortest writing that tells the tick exactly."""
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.4e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", "−")
    return f"{value:,.12f}".rstrip("0").rstrip(".").replace("-", "−")


def share(value: float) -> str:
    return f"{100 * value:.4f}".rstrip("0").rstrip(".").replace("-", "−") + f"{SPACE}%"
