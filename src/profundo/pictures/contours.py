"""A function of two variables as lines of equal height, with the paths of those who went down it: inline SVG.

Lines of equal height are found cell by cell of a grid (marching squares, Lorensen & Cline 1987 in two dimensions): where
the level lies between two corners of a cell, the line crosses that edge, at the place that straight interpolation gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise

from profundo.pictures.axes import LEFT, LINE, RIGHT, TOP, Axis, colour, dashes, frame, legend, nice_ticks, svg, tick
from profundo.pictures.numbers import plain

__all__ = ["contours_svg"]

BOTTOM = 412  # of the plotting area
CELLS = 100  # of the grid, along each side

Place = tuple[float, float]


def contours_svg(
    height: Callable[[float, float], float],
    x: tuple[float, float],
    y: tuple[float, float],
    levels: Sequence[float],
    paths: Mapping[str, Sequence[Place]],
    *,
    x_label: str = "x",
    y_label: str = "y",
    goal: Place | None = None,
) -> str:
    """Draw the lines where `height` has the levels, and each path on it; x and y are (low, high).

    What of a path lies outside is left out; a dot is where it ends. goal: the place to be reached, a cross.
    """
    across, up = _axis(x, LEFT, RIGHT), _axis(y, BOTTOM, TOP)
    names, rows = legend([(name, _key(style)) for style, name in enumerate(paths)])
    above = LINE * (rows - 1)
    grid = _heights(height, x, y)
    lines = "".join(
        f'<path d="{_level(grid, level, across, up)}"><title>{plain(level)}</title></path>' for level in levels
    )
    parts = [
        f'<g class="levels" fill="none" stroke="var(--muted, #6b6860)" stroke-width="0.8" stroke-opacity="0.55">{lines}</g>',
        frame(across, up, x_label, y_label, tick, above),
        *(_path(name, places, style, across, up) for style, (name, places) in enumerate(paths.items())),
        _goal(goal, across, up),
        names,
    ]
    told = "; ".join(_told(name, places) for name, places in paths.items())
    return svg(parts, f"Lines of equal height over {x_label} and {y_label}, with paths: {told}", above, BOTTOM)


def _axis(bounds: tuple[float, float], start: float, end: float) -> Axis:
    ticks = tuple(at for at in nice_ticks(bounds) if bounds[0] <= at <= bounds[1])
    return Axis(*bounds, start, end, ticks)


Corner = tuple[float, float, float]  # x, y, height


def _heights(
    height: Callable[[float, float], float], x: tuple[float, float], y: tuple[float, float]
) -> list[list[Corner]]:
    columns = [x[0] + (x[1] - x[0]) * at / CELLS for at in range(CELLS + 1)]
    rows = [y[0] + (y[1] - y[0]) * at / CELLS for at in range(CELLS + 1)]
    return [[(a, b, height(a, b)) for a in columns] for b in rows]


def _level(grid: Sequence[Sequence[Corner]], level: float, across: Axis, up: Axis) -> str:
    strokes = []
    for lower, upper in pairwise(grid):
        for at in range(len(lower) - 1):
            ends = crossings((lower[at], lower[at + 1], upper[at + 1], upper[at]), level)
            for (a, b), (c, d) in zip(ends[::2], ends[1::2], strict=True):
                strokes.append(f"M{across(a):.1f} {up(b):.1f}L{across(c):.1f} {up(d):.1f}")
    return "".join(strokes)


def crossings(corners: Sequence[Corner], level: float) -> list[Place]:
    """Where a line of that height crosses the edges of a cell, whose corners go round: none, two or four places.

    A corner of exactly that height counts as above, so that there is always an even number of them.
    """
    found = []
    for (a, b, h), (c, d, k) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (h < level) != (k < level):
            share = (level - h) / (k - h)
            found.append((a + share * (c - a), b + share * (d - b)))
    return found


def _path(name: str, places: Sequence[Place], style: int, across: Axis, up: Axis) -> str:
    lines = "".join(
        f'<polyline points="{" ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in run)}"/>'
        for run in _inside(places, across, up)
    )
    end = places[-1] if places else (math.nan, math.nan)
    seen = across.low <= end[0] <= across.high and up.low <= end[1] <= up.high
    last = f'<circle cx="{across(end[0]):.1f}" cy="{up(end[1]):.1f}" r="4"/>' if seen else ""
    return (
        f'<g class="path" fill="{colour(style)}"><title>{escape(name)}</title><g fill="none" stroke="{colour(style)}" '
        f'stroke-width="1.8" stroke-linejoin="round"{dashes(style)}>{lines}</g>{last}</g>'
    )


def _inside(places: Sequence[Place], across: Axis, up: Axis) -> list[list[Place]]:
    """The stretches of a path that lie in the picture, cut where it leaves and comes back."""
    runs: list[list[Place]] = []
    for start, end in pairwise(places):
        cut = clipped(start, end, (across.low, across.high), (up.low, up.high))
        if cut is None:
            continue
        if runs and runs[-1][-1] == cut[0]:
            runs[-1].append(cut[1])
        else:
            runs.append(list(cut))
    return runs


def clipped(start: Place, end: Place, x: tuple[float, float], y: tuple[float, float]) -> tuple[Place, Place] | None:
    """The part of a stretch inside a rectangle, by its shares at which it enters and leaves (Liang & Barsky 1984)."""
    enters, leaves = 0.0, 1.0
    for a, b, (low, high) in ((start[0], end[0], x), (start[1], end[1], y)):
        if not (math.isfinite(a) and math.isfinite(b)) or (a == b and not low <= a <= high):
            return None
        if a != b:
            edges = sorted(((low - a) / (b - a), (high - a) / (b - a)))
            enters, leaves = max(enters, edges[0]), min(leaves, edges[1])
    if enters > leaves:
        return None

    def at(share: float) -> Place:
        if share in (0.0, 1.0):  # exactly where the next stretch goes on
            return start if share == 0.0 else end
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    return at(enters), at(leaves)


def _goal(goal: Place | None, across: Axis, up: Axis) -> str:
    if goal is None:
        return ""
    x, y = across(goal[0]), up(goal[1])
    return (
        f'<path class="goal" d="M{x - 6:.1f} {y:.1f}h12M{x:.1f} {y - 6:.1f}v12" stroke="var(--ink, #1c1b19)" '
        'stroke-width="2"><title>lowest place</title></path>'
    )


def _key(style: int) -> Callable[[float, float], str]:
    return lambda left, y: (
        f'<line x1="{left:.0f}" x2="{left + 18:.0f}" y1="{y}" y2="{y}" stroke="{colour(style)}" stroke-width="3"'
        f"{dashes(style)}/>"
    )


def _told(name: str, places: Sequence[Place]) -> str:
    if not places:
        return f"{name} goes nowhere"
    (a, b), (c, d) = places[0], places[-1]
    return f"{name} from ({plain(a)}, {plain(b)}) to ({plain(c)}, {plain(d)})"
