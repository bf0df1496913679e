"""A function of two variables as lines of equal height, with the paths of those who went down it: inline SVG.

Lines of equal height are found cell by cell of a grid (marching squares, Lorensen & Cline 1987 in two dimensions): where
the level lies between two corners of a cell, the line crosses that edge, at the place that straight interpolation gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from profundo.pictures import svg
from profundo.pictures.axes import ACROSS, SQUARE, Axis, nice_ticks
from profundo.pictures.numbers import plain

__all__ = ["contours_svg"]

CELLS = 100  # of the grid, along each side

Place = tuple[float, float]


def contours_svg(
    height: Callable[[float, float], float],
    x: tuple[float, float],
    y: tuple[float, float],
    levels: Sequence[float],
    paths: Mapping[str, Sequence[Place]],
    *,
    goal: Place | None = None,
) -> str:
    """Draw the lines where `height` has the levels, and each path on it; x and y are (low, high).

    What of a path lies outside is left out; a dot is where it ends. goal: the place to be reached, a cross.
    """
    across, up = _axis(x, ACROSS), _axis(y, SQUARE)
    grid = _heights(height, x, y)
    lines = (svg.element("path", svg.title(plain(level)), d=_level(grid, level, across, up)) for level in levels)
    look = {"fill": "none", "stroke": svg.MUTED, "stroke_width": 0.8, "stroke_opacity": 0.55}
    marks = [svg.element("g", *lines, class_="levels", **look)]
    marks += [_path(name, places, style, across, up) for style, (name, places) in enumerate(paths.items())]
    if goal is not None:
        marks.append(_goal(across(goal[0]), up(goal[1])))
    words = "; ".join(_summary(name, places) for name, places in paths.items())
    label = f"Lines of equal height over x and y, with paths: {words}"
    keys = [(name, svg.line_key(style)) for style, name in enumerate(paths)]
    return svg.plot(across, up, marks, label, ("x", "y"), keys=keys)


def _axis(bounds: tuple[float, float], pixels: tuple[float, float]) -> Axis:
    return Axis(*bounds, *pixels, tuple(at for at in nice_ticks(bounds) if bounds[0] <= at <= bounds[1]))


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
    results = []
    for (a, b, h), (c, d, k) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (h < level) != (k < level):
            share = (level - h) / (k - h)
            results.append((a + share * (c - a), b + share * (d - b)))
    return results


def _path(name: str, places: Sequence[Place], style: int, across: Axis, up: Axis) -> str:
    """The path where it lies in the picture, with a dot at its end."""
    bounds = (across.low, across.high), (up.low, up.high)
    runs = [svg.polyline((across(a), up(b)) for a, b in run) for run in _inside(places, *bounds)]
    a, b = places[-1] if places else (math.nan, math.nan)
    seen = across.low <= a <= across.high and up.low <= b <= up.high
    look = {"stroke_width": 1.8, "stroke_linejoin": "round", "stroke_dasharray": svg.dashes(style)}
    line = svg.element("g", *runs, fill="none", stroke=svg.colour(style), **look)
    end = svg.dot(across(a), up(b), 4) if seen else ""
    return svg.element("g", svg.title(name), line, end, class_="path", fill=svg.colour(style))


def _inside(places: Sequence[Place], x: tuple[float, float], y: tuple[float, float]) -> list[list[Place]]:
    """The stretches of a path that lie in the picture, cut where it leaves and comes back."""
    runs: list[list[Place]] = []
    for start, end in pairwise(places):
        cut = clipped(start, end, x, y)
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


def _goal(x: float, y: float) -> str:
    cross = f"M{x - 6:.1f} {y:.1f}h12M{x:.1f} {y - 6:.1f}v12"
    return svg.element("path", svg.title("lowest place"), class_="goal", d=cross, stroke=svg.INK, stroke_width=2)


def _summary(name: str, places: Sequence[Place]) -> str:
    if not places:
        return f"{name} goes nowhere"
    (a, b), (c, d) = places[0], places[-1]
    return f"{name} from ({plain(a)}, {plain(b)}) to ({plain(c)}, {plain(d)})"
