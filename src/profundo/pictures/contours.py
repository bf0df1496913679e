"""A function of two variables as lines of equal height, with the paths of those who went down it; or as a relief: inline SVG.

Lines of equal height are found cell by cell of a grid (marching squares, Lorensen & Cline 1987 in two dimensions): where
the level lies between two corners of a cell, the line crosses that edge, at the place that straight interpolation gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from profundo.pictures import svg
from profundo.pictures.axes import ACROSS, SQUARE, Axis, nice_ticks
from profundo.pictures.numbers import plain
from profundo.ranks_and_places import evenly

__all__ = ["contours_svg", "levels_between", "measured_contours_svg", "relief_svg"]

CELLS = 100  # of the grid, along each side

Place = tuple[float, float]
Corner = tuple[float, float, float]  # x, y, height


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
    return _contours(_heights(height, x, y), levels, paths, ("x", "y"), {} if goal is None else {"lowest place": goal})


def measured_contours_svg(
    x: Sequence[float],
    y: Sequence[float],
    heights: Sequence[Sequence[float]],
    paths: Mapping[str, Sequence[Place]],
    *,
    names: tuple[str, str],
    marks: Mapping[str, Place],
) -> str:
    """The same of heights that were measured: a row for each y, a column for each x. Lines are written with their height.

    marks: places by name, each a cross.
    """
    grid = [[(a, b, h) for a, h in zip(x, row, strict=True)] for b, row in zip(y, heights, strict=True)]
    return _contours(grid, levels_between(heights), paths, names, marks, written=True)


def levels_between(heights: Sequence[Sequence[float]], most: int = 12) -> list[float]:
    """Heights at which lines are drawn: equally far apart in their logarithms where the largest is over three times the smallest,
    or else themselves, from the lowest to the highest but for a twentieth that lies far above."""
    finite = sorted(value for row in heights for value in row if math.isfinite(value))
    if not finite or finite[0] == finite[-1]:
        return []
    low, high = finite[0], finite[round(0.95 * (len(finite) - 1))]
    low, high = (low, high) if high > low else (finite[0], finite[-1])
    shares = [(at + 0.5) / most for at in range(most)]
    if low > 0 and high / 3 > low:
        return [math.exp(math.log(low) + share * (math.log(high) - math.log(low))) for share in shares]
    return [low * (1 - share) + share * high for share in shares]


def _contours(
    grid: Sequence[Sequence[Corner]],
    levels: Sequence[float],
    paths: Mapping[str, Sequence[Place]],
    names: tuple[str, str],
    marked: Mapping[str, Place],
    written: bool = False,
) -> str:
    x, y = (grid[0][0][0], grid[0][-1][0]), (grid[0][0][1], grid[-1][0][1])
    across, up = _axis(x, ACROSS), _axis(y, SQUARE)
    lines = (svg.element("path", svg.title(plain(level)), d=_level(grid, level, across, up)) for level in levels)
    look = {"fill": "none", "stroke": svg.MUTED, "stroke_width": 0.8, "stroke_opacity": 0.55}
    marks = [svg.element("g", *lines, class_="levels", **look)]
    if written:
        marks.append(_level_names(grid, levels, across, up))
    marks += [_path(name, places, style, across, up) for style, (name, places) in enumerate(paths.items())]
    marks += [_goal(name, across(a), up(b)) for name, (a, b) in marked.items() if _is_within((a, b), x, y)]
    words = "; ".join(_summary(name, places) for name, places in paths.items())
    heights = f"; {len(levels)} lines from {plain(levels[0])} to {plain(levels[-1])}" if written and levels else ""
    what = " and ".join(names)
    label = f"Lines of equal height over {what}{heights}{f', with paths: {words}' if words else ''}"
    keys = [(name, svg.line_key(style)) for style, name in enumerate(paths)]
    return svg.plot(across, up, marks, label, names, keys=keys, empty=written and not levels)


def _level_names(grid: Sequence[Sequence[Corner]], levels: Sequence[float], across: Axis, up: Axis) -> str:
    """Every other line's height, where it crosses the row or the column of the grid that leaves the names furthest apart."""
    taken: list[Place] = []
    names = []
    for level in levels[::2]:
        places = [(across(a), up(b)) for ends in crossed_cells(grid, level) for a, b in ends]
        inside = [
            (a, b) for a, b in places if across.start + 20 < a < across.end - 20 and up.end + 10 < b < up.start - 10
        ]
        free = [one for one in inside if all(math.dist(one, other) > 34 for other in taken)]
        if free:
            place = max(free, key=lambda one: min((math.dist(one, other) for other in taken), default=0.0))
            taken.append(place)
            look: svg.Look = {"text_anchor": "middle", "dy": "0.35em", "font_size": 12, "class_": "height"}
            halo: svg.Look = {"stroke": svg.PAPER, "stroke_width": 3, "paint_order": "stroke"}
            names.append(svg.text(place[0], place[1], f"{level:.2g}", **look, **halo))
    return svg.element("g", *names, class_="heights")


def relief_svg(
    x: Sequence[float],
    y: Sequence[float],
    heights: Sequence[Sequence[float]],
    *,
    names: tuple[str, str],
    height: str,
    most: int = 40,
) -> str:
    """The surface seen from above at a corner, each cell a piece in the colour of its height, the far ones first.

    At most so many cells along each side are drawn. Heights far above the others are cut off; where they span more than a factor
    of thirty, what stands up is their logarithm, and the picture says so.
    """
    levels = levels_between(heights)
    if not levels:
        return svg.picture(
            [svg.text(240, 60, "no finite height to draw", text_anchor="middle")], "Relief: empty", bottom=120
        )
    finite = sorted(value for row in heights for value in row if math.isfinite(value))
    low, high = finite[0], finite[round(0.98 * (len(finite) - 1))]
    high = high if high > low else finite[-1]
    is_log = low > 0 and high / 30 > low

    def share(value: float) -> float:
        value = min(max(value, low), high) if math.isfinite(value) else high
        if is_log:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value / 2 - low / 2) / (high / 2 - low / 2)

    def seen(column: float, row: float, lift: float) -> Place:
        """From shares of the plane and of the height to pixels: turned by an eighth, looked at from 35 degrees above."""
        return 240 + 195 * (column - row), 370 - 95 * (column + row) - 145 * lift

    columns, rows = (evenly(len(values), most + 1) for values in (x, y))
    lifts = [[share(heights[row][column]) for column in columns] for row in rows]
    wide, deep = len(columns) - 1, len(rows) - 1
    pieces = []
    for row in range(deep - 1, -1, -1):
        for column in range(wide - 1, -1, -1):
            around = ((row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column))
            corners = [seen(c / wide, r / deep, lifts[r][c]) for r, c in around]
            pieces.append(svg.polygon(corners, fill=_shade(sum(lifts[r][c] for r, c in around) / 4)))
    surface = svg.element("g", *pieces, class_="relief", stroke=svg.PAPER, stroke_width=0.3, stroke_linejoin="round")
    base = [seen(*corner, 0) for corner in ((0, 0), (1, 0), (1, 1), (0, 1))]
    frame = svg.polygon(base, fill="none", stroke=svg.RULE)
    said = f"{height} from {plain(low)} to {plain(high)}{', drawn by its logarithm' if is_log else ''}"
    ends = [f"{name}, {plain(values[0])} to {plain(values[-1])}" for name, values in zip(names, (x, y), strict=True)]
    words = [svg.text(8, 16, said), svg.text(472, 366, ends[0], text_anchor="end"), svg.text(8, 366, ends[1])]
    return svg.picture(
        [frame, surface, *words], f"Relief of {height} over {names[0]} and {names[1]}: {said}", bottom=380
    )


SHADES = (
    (32, 58, 120),
    (41, 113, 142),
    (50, 160, 125),
    (150, 200, 80),
    (246, 214, 75),
)  # low to high, on light and dark


def _shade(lift: float) -> str:
    at = min(max(lift, 0.0), 1.0) * (len(SHADES) - 1)
    below = min(int(at), len(SHADES) - 2)
    mixed = (round(a + (at - below) * (b - a)) for a, b in zip(SHADES[below], SHADES[below + 1], strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _axis(bounds: tuple[float, float], pixels: tuple[float, float]) -> Axis:
    return Axis(*bounds, *pixels, tuple(at for at in nice_ticks(bounds) if bounds[0] <= at <= bounds[1]))


def _heights(
    height: Callable[[float, float], float], x: tuple[float, float], y: tuple[float, float]
) -> list[list[Corner]]:
    columns = [x[0] + (x[1] - x[0]) * at / CELLS for at in range(CELLS + 1)]
    rows = [y[0] + (y[1] - y[0]) * at / CELLS for at in range(CELLS + 1)]
    return [[(a, b, height(a, b)) for a in columns] for b in rows]


def _level(grid: Sequence[Sequence[Corner]], level: float, across: Axis, up: Axis) -> str:
    return "".join(
        f"M{across(a):.1f} {up(b):.1f}L{across(c):.1f} {up(d):.1f}"
        for ends in crossed_cells(grid, level)
        for (a, b), (c, d) in zip(ends[::2], ends[1::2], strict=True)
    )


def crossed_cells(grid: Sequence[Sequence[Corner]], level: float) -> Iterator[list[Place]]:
    """The crossings of each cell with corners on both sides of the level, which are few of a grid's."""
    above = [[h >= level for *_, h in row] for row in grid]
    for (lower, upper), (under, over) in zip(pairwise(grid), pairwise(above), strict=True):
        for at in range(len(lower) - 1):
            if not under[at] == under[at + 1] == over[at] == over[at + 1]:
                yield crossings((lower[at], lower[at + 1], upper[at + 1], upper[at]), level)


def crossings(corners: Sequence[Corner], level: float) -> list[Place]:
    """Where a line of that height crosses the edges of a cell, whose corners go round: none, two or four places.

    A corner of exactly that height counts as above, so that there is always an even number of them; where a corner's height is
    no number there are none.
    """
    results: list[Place] = []
    if not all(math.isfinite(h) for *_, h in corners):
        return results
    for (a, b, h), (c, d, k) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (h < level) != (k < level):
            rise = k / 2 - h / 2  # halves: no ∞
            share = (level / 2 - h / 2) / rise if rise else 0.5
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


def _is_within(place: Place, x: tuple[float, float], y: tuple[float, float]) -> bool:
    return x[0] <= place[0] <= x[1] and y[0] <= place[1] <= y[1]


def _goal(name: str, x: float, y: float) -> str:
    cross = f"M{x - 6:.1f} {y:.1f}h12M{x:.1f} {y - 6:.1f}v12"
    return svg.element("path", svg.title(name), class_="goal", d=cross, stroke=svg.INK, stroke_width=2)


def _summary(name: str, places: Sequence[Place]) -> str:
    if not places:
        return f"{name} goes nowhere"
    (a, b), (c, d) = places[0], places[-1]
    return f"{name} from ({plain(a)}, {plain(b)}) to ({plain(c)}, {plain(d)})"
