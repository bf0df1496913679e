"""Numbers → inline SVG: line charts and a scatter, drawn by small functions without a plotting library.

Colours are CSS variables with fallbacks, so that a page may give each chart a light and a dark dress:
--ink, --muted, --rule, --paper and --curve-1 … --curve-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count

from profundo.pictures.numbers import SPACE, plain

__all__ = ["curves_svg", "nice_ticks", "scatter_svg"]

WIDTH = 480
LEFT, RIGHT, TOP, BOTTOM = 62, 466, 52, 252  # edges of the plotting area
SQUARE_TOP, SQUARE_BOTTOM = 28, 432  # of a scatter's
UNDER = 48  # from the plotting area to the lower edge: ticks and the name of the axis
COLOURS = ("#1f5fbf", "#c2500a", "#2f7d4f", "#8a3ea8", "#9a6b00", "#5b6472")
DASHES = ("", "", "6 3", "2 3", "8 3 2 3", "1 3")
ROLES = {"training": 0, "validation": 1, "test": 2}  # a split has the same colour in every picture
LINE = 20  # of the legend
MOST_POINTS = 1000  # of one curve; above, each stretch keeps its lowest and highest
MOST_DOTS = 40  # up to so many values each gets a dot that tells its value to the pointer

Place = tuple[float, float]


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


def curves_svg(
    series: Mapping[str, Sequence[float]],
    *,
    x_label: str,
    y_label: str,
    mark: int | None = None,
    log: bool | None = None,
    percent: bool = False,
) -> str:
    """Draw each series over 1, 2, 3, …; what is not finite (or not positive, on a logarithmic axis) leaves a gap.

    mark: index from 0 at which a vertical line says "best". log: whether the vertical axis is logarithmic; by default
    where every value is positive and the largest is more than 10 times the smallest. percent: the values are shares.
    """
    finite = [value for values in series.values() for value in values if math.isfinite(value)]
    if log is None:
        log = bool(finite) and min(finite) > 0 and max(finite) > 10 * min(finite)
    finite = [value for value in finite if value > 0] if log else finite
    tell = _share if percent else _tick
    length = max((len(values) for values in series.values()), default=0)
    x = _x_axis(length)
    y = _y_axis(finite, log=log, whole=1.0 if percent else None)
    marked = mark is not None and 0 <= mark < length
    styles = _styles(list(series))
    legend, lines = _legend(list(series), styles)
    above = LINE * (lines - 1)
    parts = [
        _frame(x, y, x_label, f"{y_label} (log scale)" if log else y_label, tell, above),
        _mark(x, mark, x_label) if marked and mark is not None else "",
        *(_curve(*curve, style, x, y, tell) for curve, style in zip(series.items(), styles, strict=True)),
        legend,
        "" if finite else _note("no finite value to draw"),
    ]
    told = "; ".join(_told(name, values) for name, values in series.items())
    best = f"; best {x_label} {mark + 1}" if marked and mark is not None else ""
    return _svg(parts, f"Line chart of {y_label} by {x_label}: {told}{best}", above)


def scatter_svg(truth: Sequence[float], predicted: Sequence[float], *, name: str = "target", most: int = 500) -> str:
    """Draw predicted over true values with the diagonal of perfect prediction; evenly thinned to at most `most`."""
    pairs = [pair for pair in zip(truth, predicted, strict=True) if math.isfinite(pair[0]) and math.isfinite(pair[1])]
    step = max(1, math.ceil(len(pairs) / most))
    kept = pairs[::step]
    ticks = nice_ticks([value for pair in kept for value in pair])
    x, y = Axis(ticks[0], ticks[-1], LEFT, RIGHT, ticks), Axis(ticks[0], ticks[-1], SQUARE_BOTTOM, SQUARE_TOP, ticks)
    dots = "".join(f'<circle cx="{x(t):.2f}" cy="{y(p):.2f}" r="2.4"/>' for t, p in kept)
    parts = [
        _frame(x, y, f"true {name}", f"predicted {name}", _tick),
        f'<line class="diagonal" x1="{LEFT}" y1="{SQUARE_BOTTOM}" x2="{RIGHT}" y2="{SQUARE_TOP}" '
        'stroke="var(--muted, #6b6860)" stroke-dasharray="5 4"/>',
        f'<g class="dots" fill="{_colour(0)}" fill-opacity="0.55">{dots}</g>',
        "" if kept else _note("no finite value to draw", SQUARE_BOTTOM),
    ]
    return _svg(
        parts, f"Scatter of {len(kept)} samples: predicted over true {name}, with the diagonal", bottom=SQUARE_BOTTOM
    )


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


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
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


def _x_axis(length: int) -> Axis:
    if length <= 1:
        return Axis(0, 2, LEFT, RIGHT, (1.0,))
    ticks = tuple(t for t in nice_ticks([1.0, float(length)], 8) if t == int(t) and 1 <= t <= length)
    return Axis(1, length, LEFT + 6, RIGHT - 6, ticks if 1.0 in ticks or len(ticks) > 5 else (1.0, *ticks))


def _y_axis(finite: Sequence[float], *, log: bool, whole: float | None) -> Axis:
    if log and finite:
        ticks = _log_ticks(min(finite), max(finite))
        return Axis(ticks[0], ticks[-1], BOTTOM, TOP, ticks, log=True)
    values = [*finite, 0.0] if finite and 0 <= min(finite) < 0.3 * max(finite) else list(finite)
    ticks = nice_ticks(values)
    if whole is not None and finite and max(finite) <= whole:  # no share is above the whole
        ticks = tuple(t for t in ticks if t <= whole) if sum(t <= whole for t in ticks) > 1 else ticks
    return Axis(ticks[0], ticks[-1], BOTTOM, TOP, ticks)


def _curve(name: str, values: Sequence[float], style: int, x: Axis, y: Axis, tell: Callable[[float], str]) -> str:
    """Polylines between gaps; a dot where a value stands alone, and everywhere while there are few."""
    exact = tell if tell is _share else plain
    lines, dots = [], []
    for run in _runs(values, y):
        kept = _thinned(run)
        if len(kept) > 1:
            points = " ".join(f"{x(at + 1):.2f},{y(value):.2f}" for at, value in kept)
            lines.append(f'<polyline points="{points}"/>')
        if len(kept) == 1 or len(values) <= MOST_DOTS:
            dots += [
                f'<circle cx="{x(at + 1):.2f}" cy="{y(value):.2f}" r="{2.4 if len(values) > 1 else 4}">'
                f"<title>{escape(name)} {int(at) + 1}: {exact(value)}</title></circle>"
                for at, value in kept
            ]
    return (
        f'<g class="curve"><g fill="none" stroke="{_colour(style)}" stroke-width="2" stroke-linejoin="round" '
        f'stroke-linecap="round"{_dashes(style)}>{"".join(lines)}</g><g fill="{_colour(style)}">{"".join(dots)}</g></g>'
    )


def _runs(values: Sequence[float], y: Axis) -> list[list[Place]]:
    """(index, value) in stretches without a gap."""
    runs: list[list[Place]] = [[]]
    for at, value in enumerate(values):
        if math.isfinite(value) and (value > 0 or not y.log):
            runs[-1].append((at, float(value)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _thinned(run: list[Place]) -> list[Place]:
    """The lowest and highest of each short stretch, so that no spike is lost; first and last stay."""
    if len(run) <= MOST_POINTS:
        return run
    size = math.ceil(2 * len(run) / (MOST_POINTS - 2))
    kept = {run[0], run[-1]}
    for start in range(0, len(run), size):
        stretch = run[start : start + size]
        kept |= {min(stretch, key=lambda place: place[1]), max(stretch, key=lambda place: place[1])}
    return sorted(kept)


def _frame(x: Axis, y: Axis, x_label: str, y_label: str, tell: Callable[[float], str], above: int = 0) -> str:
    bottom = y.start
    across = "".join(
        f'<g class="y tick"><line x1="{LEFT}" x2="{RIGHT}" y1="{y(t):.2f}" y2="{y(t):.2f}"/>'
        f'<text x="{LEFT - 8}" y="{y(t):.2f}" dy="0.35em" text-anchor="end">{tell(t)}</text></g>'
        for t in y.ticks
    )
    down = "".join(
        f'<g class="x tick"><line x1="{x(t):.2f}" x2="{x(t):.2f}" y1="{bottom:g}" y2="{bottom + 5:g}"/>'
        f'<text x="{x(t):.2f}" y="{bottom + 20:g}" text-anchor="middle">{_tick(t)}</text></g>'
        for t in x.ticks
    )
    return (
        f'<g stroke="var(--rule, #dedbd2)" fill="none">{across}{down}'.replace("<text", _QUIET)
        + f'<line x1="{LEFT}" x2="{RIGHT}" y1="{bottom:g}" y2="{bottom:g}" stroke="var(--muted, #6b6860)"/></g>'
        f'<text x="{(LEFT + RIGHT) / 2}" y="{bottom + UNDER - 8:g}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text x="8" y="{16 - above}">{escape(y_label)}</text>'
    )


_QUIET = '<text stroke="none" fill="var(--muted, #6b6860)"'


def _mark(x: Axis, mark: int, x_label: str) -> str:
    at = x(mark + 1)
    anchor, shift = ("end", -5) if at > (LEFT + RIGHT) / 2 else ("start", 5)
    return (
        f'<g class="mark"><line x1="{at:.2f}" x2="{at:.2f}" y1="{TOP}" y2="{BOTTOM}" stroke="var(--ink, #1c1b19)" '
        f'stroke-dasharray="2 3"/><text x="{at + shift:.2f}" y="{TOP + 14}" text-anchor="{anchor}">'
        f"best {escape(x_label)}: {mark + 1}</text></g>"
    )


def _styles(names: Sequence[str]) -> list[int]:
    """The number of each curve's colour and dashes: a split's own, or the first that is free."""
    taken = {ROLES[name] for name in names if name in ROLES}
    free = (style for style in count() if style not in taken)
    return [ROLES[name] if name in ROLES else next(free) for name in names]


def _legend(names: Sequence[str], styles: Sequence[int]) -> tuple[str, int]:
    """Names in lines of text that end above the picture, and how many lines; a chart of one curve needs none."""
    if len(names) < 2:
        return "", 1
    lines: list[list[tuple[float, str, int]]] = [[]]
    left = float(LEFT)
    for name, style in zip(names, styles, strict=True):
        shown = name if len(name) <= 30 else name[:29] + "…"
        width = 40 + 8.2 * len(shown)  # at the larger letters of a small screen
        if lines[-1] and left + width > WIDTH:
            lines.append([])
            left = LEFT
        lines[-1].append((left, shown, style))
        left += width
    entries = [
        f'<line x1="{left:.0f}" x2="{left + 18:.0f}" y1="{y}" y2="{y}" stroke="{_colour(style)}" stroke-width="3"'
        f'{_dashes(style)}/><text x="{left + 24:.0f}" y="{y}" dy="0.35em">{escape(shown)}</text>'
        for y, line in zip(count(36, -LINE), reversed(lines), strict=False)
        for left, shown, style in line
    ]
    return f'<g class="legend">{"".join(entries)}</g>', len(lines)


def _note(text: str, bottom: int = BOTTOM) -> str:
    middle = f'x="{(LEFT + RIGHT) / 2}" y="{(TOP + bottom) / 2}"'
    return f'<text {middle} text-anchor="middle" fill="var(--muted, #6b6860)">{text}</text>'


def _svg(parts: Sequence[str], label: str, above: int = 0, bottom: int = BOTTOM) -> str:
    height = bottom + UNDER + above
    return (
        f'<svg class="chart" role="img" aria-label="{escape(label)}" viewBox="0 {-above} {WIDTH} {height}" '
        f'font-size="13" font-family="system-ui, sans-serif" fill="var(--ink, #1c1b19)">{"".join(parts)}</svg>'
    )


def _told(name: str, values: Sequence[float]) -> str:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return f"{name} has no finite value"
    return f"{name} from {plain(finite[0])} to {plain(finite[-1])}"


def _dashes(style: int) -> str:
    return f' stroke-dasharray="{DASHES[style % 6]}"' if DASHES[style % 6] else ""


def _colour(style: int) -> str:
    return f"var(--curve-{style % 6 + 1}, {COLOURS[style % 6]})"


def _tick(value: float) -> str:
    """The shortest writing that tells the tick exactly."""
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.4e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", "−")
    return f"{value:,.12f}".rstrip("0").rstrip(".").replace("-", "−")


def _share(value: float) -> str:
    return f"{100 * value:.4f}".rstrip("0").rstrip(".").replace("-", "−") + f"{SPACE}%"
