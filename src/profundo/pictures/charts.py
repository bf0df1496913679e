"""Any numbers → inline SVG: lines with bands over any x, points in the plane by class, and a table as heat."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
    log_ticks,
    nice_ticks,
    note,
    share,
    svg,
    tick,
    vertical_axis,
)
from profundo.pictures.numbers import plain
from profundo.records import ProfundoError

__all__ = ["Line", "heat_svg", "lines_svg", "points_svg"]

FEW = 40  # up to so many places each gets a dot that tells its value to the pointer
MOST_CLASSES = 12
POINTS_BOTTOM = 412  # of the plotting area of points
CELL = 38.0  # the largest, in pixels
NARROWEST_WRITTEN = 30.0  # a cell of at least this width has its number written in it

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: y over x, in the order given. What is not finite leaves a gap.

    low, high: the edges of a band about the line, such as the spread over seeds; both or none.
    dots: separate dots, such as measurements, rather than a line.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dots: bool = False

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.y), *(len(edge) for edge in (self.low, self.high) if len(edge))}
        if len(lengths) > 1 or bool(len(self.low)) != bool(len(self.high)):
            raise ProfundoError(
                f"line {self.name!r}: expected as many x, y and, if any, low and high; got {len(self.x)}, {len(self.y)}, "
                f"{len(self.low)} and {len(self.high)}"
            )


def lines_svg(
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool | None = None,
    marks: Mapping[str, float] | None = None,
    percent: bool = False,
) -> str:
    """Draw the lines over a common x; marks: vertical lines at values of x, by name.

    A logarithmic axis leaves out what is not positive. log_y: by default where every value is positive and the largest
    is more than 10 times the smallest. percent: the values of y are shares.
    """
    edges = [value for line in lines for value in (*line.y, *line.low, *line.high) if math.isfinite(value)]
    if log_y is None:
        log_y = bool(edges) and min(edges) > 0 and max(edges) > 10 * min(edges)
    marks = {name: at for name, at in (marks or {}).items() if math.isfinite(at) and (at > 0 or not log_x)}
    x = _horizontal_axis([*(value for line in lines for value in line.x), *marks.values()], log=log_x)
    y = vertical_axis([v for v in edges if v > 0] if log_y else edges, log=log_y, whole=1.0 if percent else None)
    names, rows = legend([(line.name, _key(style, line.dots)) for style, line in enumerate(lines)])
    above = LINE * (rows - 1)
    parts = [
        frame(
            x,
            y,
            f"{x_label} (log scale)" if log_x else x_label,
            f"{y_label} (log scale)" if log_y else y_label,
            share if percent else tick,
            above,
        ),
        *(_band(line, style, x, y) for style, line in enumerate(lines)),
        *(_mark(name, at, row, x) for row, (name, at) in enumerate(marks.items())),
        *(_line(line, style, x, y, share if percent else plain) for style, line in enumerate(lines)),
        names,
        "" if edges else note("no finite value to draw"),
    ]
    told = "; ".join([*(_told(line) for line in lines), *(f"{name} at {plain(at)}" for name, at in marks.items())])
    return svg(parts, f"Line chart of {y_label} by {x_label}: {told}", above)


def points_svg(
    x: Sequence[float],
    y: Sequence[float],
    labels: Sequence[int],
    *,
    x_label: str,
    y_label: str,
    names: Sequence[str] | None = None,
) -> str:
    """Draw points in the plane, each with the colour and the shape of its label, an index below 12.

    names: of the labels, by index. Two axes of one scale are not assumed: each fits its own values.
    Raises ProfundoError for more than 12 labels and for lists of different lengths.
    """
    if not len(x) == len(y) == len(labels):
        raise ProfundoError(f"points: expected as many x, y and labels; got {len(x)}, {len(y)} and {len(labels)}")
    present = sorted({int(label) for label in labels})
    if present and (present[0] < 0 or present[-1] >= MOST_CLASSES):
        raise ProfundoError(
            f"points: expected labels from 0 to {MOST_CLASSES - 1}, got {present[0]} to {present[-1]}; draw fewer classes"
        )
    called = {label: names[label] if names is not None else str(label) for label in present}
    places = [
        (float(a), float(b), int(label))
        for a, b, label in zip(x, y, labels, strict=True)
        if math.isfinite(a) and math.isfinite(b)
    ]
    ticks_x, ticks_y = nice_ticks([place[0] for place in places]), nice_ticks([place[1] for place in places])
    across = Axis(ticks_x[0], ticks_x[-1], LEFT, RIGHT, ticks_x)
    up = Axis(ticks_y[0], ticks_y[-1], POINTS_BOTTOM, TOP, ticks_y)
    size = 3.6 if len(places) <= 300 else 2.8 if len(places) <= 1500 else 2.2
    shapes: dict[int, list[str]] = {label: [] for label in present}
    for a, b, label in places:
        shapes[label].append(marker(label, across(a), up(b), size))
    names_drawn, rows = legend([(called[label], _marker_key(label)) for label in present])
    above = LINE * (rows - 1)
    groups = [
        f'<g class="points" fill="{colour(label, MOST_CLASSES)}" fill-opacity="0.8" stroke="var(--paper, #ffffff)" '
        f'stroke-width="0.4"><title>{escape(called[label])}</title>{"".join(drawn)}</g>'
        for label, drawn in shapes.items()
    ]
    told = ", ".join(f"{len(drawn)} of {called[label]}" for label, drawn in shapes.items())
    parts = [
        frame(across, up, x_label, y_label, tick, above),
        *groups,
        names_drawn,
        "" if places else note("no finite value to draw", POINTS_BOTTOM),
    ]
    return svg(parts, f"Points of {y_label} by {x_label}: {told}", above, POINTS_BOTTOM)


def heat_svg(
    values: Sequence[Sequence[float]],
    *,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    x_label: str = "",
    y_label: str = "",
) -> str:
    """Draw a table (rows × columns) as cells: the larger the value the stronger the blue; negative ones are orange.

    A strength of nothing is zero, or the lowest value where all are positive and far from zero. Where cells are large
    enough, their numbers are written in them. Raises ProfundoError unless each row and column has its label.
    """
    rows, columns = len(values), len(column_labels)
    if rows != len(row_labels) or not rows or not columns or any(len(row) != columns for row in values):
        raise ProfundoError(
            f"heat: expected a value for each of {len(row_labels)} row and {columns} column labels, got rows of "
            f"{sorted({len(row) for row in values})} values, {rows} in all"
        )
    finite = [value for row in values for value in row if math.isfinite(value)]
    strength = _strength(finite)
    shown_rows, shown_columns = (
        [_shortened(name, 18) for name in row_labels],
        [_shortened(n, 18) for n in column_labels],
    )
    left = 14 + (18 if y_label else 0) + 7.2 * max(map(len, shown_rows))
    cell = min(CELL, (WIDTH - 14 - left) / columns)
    upright = max(map(len, shown_columns)) * 7.2 <= cell
    top = (18 if upright else 10 + 7.0 * max(map(len, shown_columns))) + (22 if x_label else 6)
    middle_x, middle_y = left + cell * columns / 2, top + cell * rows / 2
    letters = min(13.0, 0.9 * cell) if cell >= 8 else 7.0
    parts = [
        f'<text x="{middle_x:.1f}" y="14" text-anchor="middle">{escape(x_label)}</text>' if x_label else "",
        f'<text transform="translate(14 {middle_y:.1f}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
        if y_label
        else "",
        *(
            f'<text x="{left - 6:.1f}" y="{top + cell * (at + 0.5):.1f}" dy="0.35em" text-anchor="end" '
            f'font-size="{letters:.1f}" fill="var(--muted, #6b6860)">{escape(name)}</text>'
            for at, name in enumerate(shown_rows)
        ),
        *(
            _column_label(name, left + cell * (at + 0.5), top - 6, letters, upright)
            for at, name in enumerate(shown_columns)
        ),
        *(
            _cell(value, (left + cell * column, top + cell * row), cell, strength, f"{row_labels[row]}, {name}")
            for row, line in enumerate(values)
            for column, (value, name) in enumerate(zip(line, column_labels, strict=True))
        ),
    ]
    bottom = top + cell * rows
    told = f"from {plain(min(finite))} to {plain(max(finite))}" if finite else "without a finite value"
    what = " by ".join(name for name in (y_label, x_label) if name) or "values"
    return svg(parts, f"Heat map of {what}: {rows} rows, {columns} columns, {told}", bottom=bottom, under=10)


def marker(label: int, x: float, y: float, size: float) -> str:
    """A shape at a place: a circle or one of eleven polygons, all of about the same area."""
    corners = POLYGONS[label % MOST_CLASSES]
    if not corners:
        return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{size:g}"/>'
    points = " ".join(f"{x + size * a:.2f},{y + size * b:.2f}" for a, b in corners)
    return f'<polygon points="{points}"/>'


def _regular(corners: int, turn: float, radius: float, inner: float | None = None) -> tuple[Place, ...]:
    """Corners of a regular polygon, or of a star whose dents lie at the inner radius; turn 0 has one at the top."""
    radii = [radius] if inner is None else [radius, inner]
    number = corners * len(radii)
    angles = [2 * math.pi * (at + turn) / number - math.pi / 2 for at in range(number)]
    return tuple(
        (radii[i % len(radii)] * math.cos(a), radii[i % len(radii)] * math.sin(a)) for i, a in enumerate(angles)
    )


def _cross(turned: bool) -> tuple[Place, ...]:
    arm, half = 1.3, 0.42
    corners = [(-half, -arm), (half, -arm), (half, -half), (arm, -half), (arm, half), (half, half)]
    corners += [(-a, -b) for a, b in corners]
    c = math.sqrt(0.5)
    return tuple((c * (a - b), c * (a + b)) for a, b in corners) if turned else tuple(corners)


POLYGONS: tuple[tuple[Place, ...], ...] = (
    (),
    _regular(3, 0, 1.45),
    _regular(4, 0.5, 1.25),
    _regular(4, 0, 1.3),
    _cross(turned=False),
    _regular(3, 0.5, 1.45),
    _cross(turned=True),
    _regular(5, 0, 1.5, 0.62),
    _regular(6, 0, 1.15),
    _regular(3, 0.75, 1.45),
    _regular(4, 0, 1.6, 0.6),
    _regular(3, 0.25, 1.45),
)


def _horizontal_axis(values: Sequence[float], *, log: bool) -> Axis:
    """From the lowest to the highest value, with the round ticks between them."""
    finite = [float(value) for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = (min(finite), max(finite)) if finite else (1.0, 2.0)
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - (abs(low) / 10 or 1.0), high + (abs(high) / 10 or 1.0))
    ticks = log_ticks(low, high) if log else nice_ticks([low, high], 8)
    margin = 1e-9 * (high - low)
    inside = tuple(t for t in ticks if low - margin <= t <= high + margin)
    if len(inside) < 2:  # too few to read a value by: let the ticks enclose the values
        return Axis(ticks[0], ticks[-1], LEFT + 6, RIGHT - 6, ticks, log)
    return Axis(low, high, LEFT + 6, RIGHT - 6, inside, log)


def _line(line: Line, style: int, x: Axis, y: Axis, tell: Callable[[float], str]) -> str:
    runs = _runs(zip(line.x, line.y, strict=True), x, y)
    strokes = [
        f'<polyline points="{" ".join(f"{x(a):.2f},{y(b):.2f}" for a, b in run)}"/>'
        for run in runs
        if len(run) > 1 and not line.dots
    ]
    few = sum(map(len, runs)) <= FEW
    dots = [
        f'<circle cx="{x(a):.2f}" cy="{y(b):.2f}" r="{3 if line.dots else 2.4}"'
        + (f"><title>{escape(line.name)} at {plain(a)}: {tell(b)}</title></circle>" if few else "/>")
        for run in runs
        if few or line.dots or len(run) == 1
        for a, b in run
    ]
    opacity = ' fill-opacity="0.65"' if line.dots else ""
    return (
        f'<g class="curve"><g fill="none" stroke="{colour(style)}" stroke-width="2" stroke-linejoin="round" '
        f'stroke-linecap="round"{dashes(style)}>{"".join(strokes)}</g>'
        f'<g fill="{colour(style)}"{opacity}>{"".join(dots)}</g></g>'
    )


def _band(line: Line, style: int, x: Axis, y: Axis) -> str:
    """The area between low and high, one polygon for each stretch in which both can be drawn."""
    if not len(line.low):
        return ""
    stretches: list[list[tuple[float, float, float]]] = [[]]
    for at, low, high in zip(line.x, line.low, line.high, strict=True):
        if _drawable(at, x) and _drawable(low, y) and _drawable(high, y):
            stretches[-1].append((x(at), y(low), y(high)))
        elif stretches[-1]:
            stretches.append([])
    polygons = [
        " ".join([f"{a:.2f},{h:.2f}" for a, _, h in run] + [f"{a:.2f},{low:.2f}" for a, low, _ in reversed(run)])
        for run in stretches
        if len(run) > 1
    ]
    drawn = "".join(f'<polygon points="{points}"/>' for points in polygons)
    return f'<g class="band" fill="{colour(style)}" fill-opacity="0.18">{drawn}</g>'


def _runs(places: zip[Place], x: Axis, y: Axis) -> list[list[Place]]:
    """The places in stretches without a gap."""
    runs: list[list[Place]] = [[]]
    for a, b in places:
        if _drawable(a, x) and _drawable(b, y):
            runs[-1].append((float(a), float(b)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _drawable(value: float, axis: Axis) -> bool:
    return math.isfinite(value) and (value > 0 or not axis.log)


def _mark(name: str, value: float, row: int, x: Axis) -> str:
    at = x(value)
    anchor, shift = ("end", -5) if at > (LEFT + RIGHT) / 2 else ("start", 5)
    return (
        f'<g class="mark"><line x1="{at:.2f}" x2="{at:.2f}" y1="{TOP}" y2="{BOTTOM}" stroke="var(--ink, #1c1b19)" '
        f'stroke-dasharray="2 3"/><text x="{at + shift:.2f}" y="{TOP + 14 + 18 * row}" text-anchor="{anchor}">'
        f"{escape(name)}</text></g>"
    )


def _key(style: int, dots: bool) -> Callable[[float, float], str]:
    """A line's entry in the legend."""
    if dots:
        return lambda left, y: (
            f'<circle cx="{left + 9:.0f}" cy="{y}" r="3.5" fill="{colour(style)}" fill-opacity="0.65"/>'
        )
    return lambda left, y: (
        f'<line x1="{left:.0f}" x2="{left + 18:.0f}" y1="{y}" y2="{y}" stroke="{colour(style)}" stroke-width="3"'
        f"{dashes(style)}/>"
    )


def _marker_key(label: int) -> Callable[[float, float], str]:
    return lambda left, y: f'<g fill="{colour(label, MOST_CLASSES)}">{marker(label, left + 10, y, 5)}</g>'


def _strength(finite: Sequence[float]) -> Callable[[float], float]:
    """From a value to how strong its colour is, 0 to 1."""
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    nothing = low if low > 0.5 * high > 0 else 0.0
    most = max(abs(high - nothing), abs(low - nothing)) or 1.0
    return lambda value: abs(value - nothing) / most


def _cell(value: float, place: Place, size: float, strength: Callable[[float], float], told: str) -> str:
    title = f"<title>{escape(told)}: {plain(value)}</title>"
    x, y = place
    box = f'x="{x:.2f}" y="{y:.2f}" width="{size - 0.6:.2f}" height="{size - 0.6:.2f}"'
    if not math.isfinite(value):
        return f'<rect class="cell" {box} fill="none" stroke="var(--rule, #dedbd2)">{title}</rect>'
    strong = strength(value)
    fill = f'fill="{colour(1 if value < 0 else 0)}" fill-opacity="{0.03 + 0.97 * strong:.3f}"'
    written = f"{value:,.0f}" if value == int(value) else f"{value:.2f}".replace("0.", ".", 1)
    letters = min(12.0, 1.55 * size / max(3, len(written)))
    ink = "var(--paper, #ffffff)" if strong > 0.55 else "var(--ink, #1c1b19)"
    number = (
        f'<text x="{x + size / 2:.1f}" y="{y + size / 2:.1f}" dy="0.35em" text-anchor="middle" '
        f'font-size="{letters:.1f}" fill="{ink}" pointer-events="none">{written.replace("-", "−")}</text>'
    )
    return f'<rect class="cell" {box} {fill}>{title}</rect>{number if size >= NARROWEST_WRITTEN else ""}'


def _column_label(name: str, x: float, y: float, letters: float, upright: bool) -> str:
    placed = f'x="{x:.1f}" y="{y:.1f}" text-anchor="middle"'
    turned = f'transform="translate({x:.1f} {y:.1f}) rotate(-90)" dy="0.35em"'
    return (
        f'<text {placed if upright else turned} font-size="{letters:.1f}" fill="var(--muted, #6b6860)">'
        f"{escape(name)}</text>"
    )


def _shortened(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _told(line: Line) -> str:
    finite = [value for value in line.y if math.isfinite(value)]
    if not finite:
        return f"{line.name} has no finite value"
    return f"{line.name} from {plain(finite[0])} to {plain(finite[-1])}"
