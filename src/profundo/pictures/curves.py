"""A run's numbers → inline SVG: its curves over epochs and a scatter of its predictions, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import count

from profundo.pictures.axes import (
    BOTTOM,
    LEFT,
    LINE,
    RIGHT,
    TOP,
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
    vertical_axis,
)
from profundo.pictures.numbers import plain

__all__ = ["curves_svg", "nice_ticks", "scatter_svg"]

SQUARE_TOP, SQUARE_BOTTOM = 28, 432  # of a scatter's plotting area
ROLES = {"training": 0, "validation": 1, "test": 2}  # a split has the same colour in every picture
MOST_POINTS = 1000  # of one curve; above, each stretch keeps its lowest and highest
MOST_DOTS = 40  # up to so many values each gets a dot that tells its value to the pointer

Place = tuple[float, float]


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
    tell = share if percent else tick
    length = max((len(values) for values in series.values()), default=0)
    x = _x_axis(length)
    y = vertical_axis(finite, log=log, whole=1.0 if percent else None)
    marked = mark is not None and 0 <= mark < length
    styles = _styles(list(series))
    names, lines = legend([(name, _key(style)) for name, style in zip(series, styles, strict=True)])
    above = LINE * (lines - 1)
    parts = [
        frame(x, y, x_label, f"{y_label} (log scale)" if log else y_label, tell, above),
        _mark(x, mark, x_label) if marked and mark is not None else "",
        *(_curve(*curve, style, x, y, tell) for curve, style in zip(series.items(), styles, strict=True)),
        names,
        "" if finite else note("no finite value to draw"),
    ]
    told = "; ".join(_told(name, values) for name, values in series.items())
    best = f"; best {x_label} {mark + 1}" if marked and mark is not None else ""
    return svg(parts, f"Line chart of {y_label} by {x_label}: {told}{best}", above)


def scatter_svg(truth: Sequence[float], predicted: Sequence[float], *, name: str = "target", most: int = 500) -> str:
    """Draw predicted over true values with the diagonal of perfect prediction; evenly thinned to at most `most`."""
    pairs = [pair for pair in zip(truth, predicted, strict=True) if math.isfinite(pair[0]) and math.isfinite(pair[1])]
    step = max(1, math.ceil(len(pairs) / most))
    kept = pairs[::step]
    ticks = nice_ticks([value for pair in kept for value in pair])
    x, y = Axis(ticks[0], ticks[-1], LEFT, RIGHT, ticks), Axis(ticks[0], ticks[-1], SQUARE_BOTTOM, SQUARE_TOP, ticks)
    dots = "".join(f'<circle cx="{x(t):.2f}" cy="{y(p):.2f}" r="2.4"/>' for t, p in kept)
    parts = [
        frame(x, y, f"true {name}", f"predicted {name}", tick),
        f'<line class="diagonal" x1="{LEFT}" y1="{SQUARE_BOTTOM}" x2="{RIGHT}" y2="{SQUARE_TOP}" '
        'stroke="var(--muted, #6b6860)" stroke-dasharray="5 4"/>',
        f'<g class="dots" fill="{colour(0)}" fill-opacity="0.55">{dots}</g>',
        "" if kept else note("no finite value to draw", SQUARE_BOTTOM),
    ]
    return svg(
        parts, f"Scatter of {len(kept)} samples: predicted over true {name}, with the diagonal", bottom=SQUARE_BOTTOM
    )


def _x_axis(length: int) -> Axis:
    if length <= 1:
        return Axis(0, 2, LEFT, RIGHT, (1.0,))
    ticks = tuple(t for t in nice_ticks([1.0, float(length)], 8) if t == int(t) and 1 <= t <= length)
    return Axis(1, length, LEFT + 6, RIGHT - 6, ticks if 1.0 in ticks or len(ticks) > 5 else (1.0, *ticks))


def _curve(name: str, values: Sequence[float], style: int, x: Axis, y: Axis, tell: Callable[[float], str]) -> str:
    """Polylines between gaps; a dot where a value stands alone, and everywhere while there are few."""
    exact = tell if tell is share else plain
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
        f'<g class="curve"><g fill="none" stroke="{colour(style)}" stroke-width="2" stroke-linejoin="round" '
        f'stroke-linecap="round"{dashes(style)}>{"".join(lines)}</g><g fill="{colour(style)}">{"".join(dots)}</g></g>'
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


def _key(style: int) -> Callable[[float, float], str]:
    """The curve's entry in the legend."""
    return lambda left, y: (
        f'<line x1="{left:.0f}" x2="{left + 18:.0f}" y1="{y}" y2="{y}" stroke="{colour(style)}" stroke-width="3"'
        f"{dashes(style)}/>"
    )


def _told(name: str, values: Sequence[float]) -> str:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return f"{name} has no finite value"
    return f"{name} from {plain(finite[0])} to {plain(finite[-1])}"
