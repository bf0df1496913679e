"""Any numbers → inline SVG: lines with bands over any x, a run's curves, samples in the plane, and a table as heat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from profundo.languages import language, local, say, term
from profundo.pictures import svg
from profundo.pictures.axes import ACROSS, SQUARE, UP, Axis, enclosing, horizontal, share, tick, usual_range, vertical
from profundo.pictures.numbers import plain
from profundo.pictures.tables import Figure
from profundo.records import ProfundoError

__all__ = ["Line", "curves_svg", "heat_svg", "lines_svg", "plotted", "points_svg", "residuals_svg", "scatter_svg"]

FEW = 40  # up to so many places each gets a dot that tells its value to the pointer
MOST_PLACES = 1000  # of one line; above, each stretch keeps its lowest and highest
SPLITS = {"training": 0, "validation": 1, "test": 2}  # a split has the same colour in every picture
CELL = 38.0  # the largest, in pixels
NARROWEST_WRITTEN = 30.0  # a cell of at least this width has its number written in it
LETTER = 7.2  # pixels, about the width of one
NO_ERROR = {"stroke_dasharray": "5 4"}  # a line that samples should be near


# ---------------------------------------------------------------------------------------------------------- lines
@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: y over x, in the order given. What is not finite leaves a gap.

    low, high: the edges of a band about the line, such as the spread over seeds; both or none.
    dots: separate dots, such as measurements, rather than a line. style: of its colour and dashes, by default its place.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dots: bool = False
    style: int | None = None

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
    ground: Sequence[float] = (),
) -> str:
    """Draw the lines over a common x; marks: vertical lines at values of x, by name. ground: a value for each place of the first
    line, drawn behind it, blue above zero and orange below, the larger the stronger.

    A logarithmic axis leaves out what is not positive. log_y: by default where every value is positive and the largest
    is more than 10 times the smallest. percent: the values of y are shares.
    """
    marks = {name: at for name, at in (marks or {}).items() if math.isfinite(at) and (at > 0 or not log_x)}
    x = horizontal([*(value for line in lines for value in line.x), *marks.values()], log=log_x)
    return _line_chart(lines, x, marks, (x_label, y_label), log_y, percent, ground)


def plotted(lines: Sequence[Line], caption: str, **axes: Any) -> Figure:
    """Lines with what they show. axes: as `lines_svg` takes them."""
    return Figure(lines_svg(lines, **axes), caption)


def curves_svg(
    series: Mapping[str, Sequence[float]],
    *,
    x_label: str,
    y_label: str,
    best: int | None = None,
    log: bool | None = None,
    percent: bool = False,
) -> str:
    """Draw each series over 1, 2, 3, …, as `lines_svg` does; best: index from 0 of the best, which a line marks."""
    taken = {SPLITS[name] for name in series if name in SPLITS}
    free = (style for style in count() if style not in taken)
    lines = [
        Line(term(name), range(1, len(values) + 1), values, style=SPLITS[name] if name in SPLITS else next(free))
        for name, values in series.items()
    ]
    length = max(map(len, series.values()), default=0)
    marks: dict[str, float] = {}
    if best is not None and 0 <= best < length:
        marks[say("report.best_mark", axis=x_label, number=best + 1)] = best + 1
    x = horizontal(range(1, length + 1))
    return _line_chart(lines, x, marks, (x_label, y_label), log, percent)


def _line_chart(
    lines: Sequence[Line],
    x: Axis,
    marks: Mapping[str, float],
    names: tuple[str, str],
    log: bool | None,
    percent: bool,
    ground: Sequence[float] = (),
) -> str:
    edges = [value for line in lines for value in (*line.y, *line.low, *line.high) if math.isfinite(value)]
    if log is None:
        log = bool(edges) and min(edges) > 0 and max(edges) > 10 * min(edges)
    edges = [value for value in edges if value > 0 or not log]
    y = vertical(edges, log=log, percent=percent)
    styled = [(line, at if line.style is None else line.style) for at, line in enumerate(lines)]
    parts = [_ground(lines[0].x, ground, x)] if ground else []
    parts += [_band(line, style, x, y) for line, style in styled]
    parts += [_mark(name, x(at), row) for row, (name, at) in enumerate(marks.items())]
    parts += [_line(line, style, x, y, share if percent else plain) for line, style in styled]
    words = [_summary(line) for line in lines]
    words += [
        name if plain(at) in name else say("report.chart_at", name=name, place=plain(at)) for name, at in marks.items()
    ]
    x_name, y_name = (
        say("report.log_scale", axis=name) if axis.log else name for name, axis in zip(names, (x, y), strict=True)
    )
    return svg.plot(
        x,
        y,
        parts,
        say("report.chart_lines", y=names[1], x=names[0], words="; ".join(words)),
        (x_name, y_name),
        written=share if percent else tick,
        keys=[(line.name, svg.dot_key(style) if line.dots else svg.line_key(style)) for line, style in styled],
        empty=not edges,
    )


def _line(line: Line, style: int, x: Axis, y: Axis, written: Callable[[float], str]) -> str:
    """Polylines between gaps; a dot where a value stands alone, and everywhere while there are few."""
    runs = [run for run in _stretches(zip(line.x, line.y, strict=True), x, y) if run]
    few, hue = sum(map(len, runs)) <= FEW, svg.colour(style)
    strokes = [svg.polyline((x(a), y(b)) for a, b in _thinned(run)) for run in runs if len(run) > 1 and not line.dots]
    shape, size = (style, 3) if line.dots else (0, 2.4)
    dots = [
        svg.marker(shape, x(a), y(b), size, _told(line.name, a, written(b)) if few else "")
        for run in runs
        if few or line.dots or len(run) == 1
        for a, b in run
    ]
    look = {
        "stroke_width": 2,
        "stroke_linejoin": "round",
        "stroke_linecap": "round",
        "stroke_dasharray": svg.dashes(style),
    }
    joined = svg.element("g", *strokes, fill="none", stroke=hue, **look)
    return svg.element(
        "g", joined, svg.element("g", *dots, fill=hue, fill_opacity=0.65 if line.dots else None), class_="curve"
    )


def _ground(places: Sequence[float], values: Sequence[float], x: Axis) -> str:
    """A strip at each place, as wide as the way to the next."""
    strength, half = _strength([0.0, *filter(math.isfinite, values)]), (x.end - x.start) / max(1, len(places) - 1) / 2
    strips = [
        svg.bar(
            max(x.start, x(at) - half), min(x.end, x(at) + half), UP[1], UP[0], plain(value),
            fill=svg.colour(0 if value > 0 else 1), fill_opacity=0.6 * strength(value),
        )
        for at, value in zip(places, values, strict=True)
        if math.isfinite(value) and x.holds(at)
    ]  # fmt: skip
    return svg.element("g", *strips, class_="ground")


def _band(line: Line, style: int, x: Axis, y: Axis) -> str:
    """The area between low and high, one polygon for each stretch in which both can be drawn."""
    drawn = [
        svg.polygon([(x(a), y(high)) for a, _, high in run] + [(x(a), y(low)) for a, low, _ in reversed(run)])
        for run in _stretches(zip(line.x, line.low, line.high, strict=False), x, y)
        if len(run) > 1
    ]
    return svg.element("g", *drawn, class_="band", fill=svg.colour(style), fill_opacity=0.18) if drawn else ""


def _stretches(places: Iterable[tuple[float, ...]], x: Axis, y: Axis) -> list[list[tuple[float, ...]]]:
    """Places, each x and one y or more, in stretches without a gap."""
    runs: list[list[tuple[float, ...]]] = [[]]
    for place in places:
        if x.holds(place[0]) and all(map(y.holds, place[1:])):
            runs[-1].append(place)
        elif runs[-1]:
            runs.append([])
    return runs


def _thinned(run: Sequence[tuple[float, ...]]) -> Sequence[tuple[float, ...]]:
    """The lowest and highest of each short stretch, so that no spike is lost; first and last stay."""
    if len(run) <= MOST_PLACES:
        return run
    size = math.ceil(2 * len(run) / (MOST_PLACES - 2))
    kept = {0, len(run) - 1}
    for start in range(0, len(run), size):
        stretch = range(start, min(start + size, len(run)))
        kept |= {min(stretch, key=lambda at: run[at][1]), max(stretch, key=lambda at: run[at][1])}
    return [run[at] for at in sorted(kept)]


def _mark(name: str, at: float, row: int) -> str:
    """A vertical line with its name, which stands towards the middle of the chart."""
    anchor, shift = ("end", -5) if at > sum(ACROSS) / 2 else ("start", 5)
    line = svg.line(at, UP[1], at, UP[0], stroke=svg.INK, stroke_dasharray="2 3")
    return svg.element("g", line, svg.text(at + shift, UP[1] + 14 + 18 * row, name, text_anchor=anchor), class_="mark")


def _summary(line: Line) -> str:
    finite = [value for value in line.y if math.isfinite(value)]
    if not finite:
        return say("report.chart_nothing_finite", name=line.name)
    return say("report.chart_from_to", name=line.name, first=plain(finite[0]), last=plain(finite[-1]))


def _told(name: str, place: float, value: str) -> str:
    return say("report.chart_value", name=name, place=plain(place), value=value)


# -------------------------------------------------------------------------------------------------------- samples
def scatter_svg(truth: Sequence[float], predicted: Sequence[float], *, name: str = "target") -> str:
    """Draw predicted over true values with the diagonal of perfect prediction; evenly thinned to at most 500."""
    pairs = _thinned_pairs(truth, predicted, 500)
    both = [value for pair in pairs for value in pair]
    x, y = (enclosing(usual_range(both) if both else [], pixels) for pixels in (ACROSS, SQUARE))
    inside, beyond, words = _beyond(pairs, x, y)
    marks = [
        svg.line(x.start, y.start, x.end, y.end, class_="diagonal", **NO_ERROR),
        svg.samples((x(t), y(p)) for t, p in inside),
        beyond,
    ]
    label = say("report.chart_scatter", pairs=len(pairs), name=name, beyond=words)
    axes = say("report.true_name", name=name), say("report.predicted_name", name=name)
    return svg.plot(x, y, marks, label, axes, empty=not pairs)


def residuals_svg(predicted: Sequence[float], residuals: Sequence[float], *, name: str) -> str:
    """Draw residuals over predictions with the line of no error; evenly thinned to at most 1,000."""
    pairs = _thinned_pairs(predicted, residuals, 1000)
    across, up = map(usual_range, zip(*pairs, strict=True)) if pairs else ((), ())
    x, y = enclosing(across, ACROSS), enclosing([0.0, *up], UP)
    inside, beyond, words = _beyond(pairs, x, y)
    marks = [
        svg.line(x.start, y(0), x.end, y(0), class_="zero", **NO_ERROR),
        svg.samples((x(p), y(r)) for p, r in inside),
        beyond,
    ]
    label = say("report.chart_residuals", pairs=len(pairs), name=name, beyond=words)
    axes = say("report.predicted_name", name=name), say("report.residual")
    return svg.plot(x, y, marks, label, axes, empty=not pairs)


def _beyond(pairs: Sequence[svg.Place], x: Axis, y: Axis) -> tuple[Sequence[svg.Place], str, str]:
    """The pairs within the axes; marks at the edge for those beyond, which are told to the pointer; and how many, in words."""
    inside: list[svg.Place] = [(a, b) for a, b in pairs if x.low <= a <= x.high and y.low <= b <= y.high]
    if len(inside) == len(pairs):
        return inside, "", ""
    marks = [
        svg.marker(3, x(min(max(a, x.low), x.high)), y(min(max(b, y.low), y.high)), 4, f"{plain(a)}, {plain(b)}")
        for a, b in pairs
        if not (x.low <= a <= x.high and y.low <= b <= y.high)
    ]
    words = say("report.chart_beyond", number=len(marks))
    note = svg.text(x.end, UP[1] - 8, words, text_anchor="end", fill=svg.MUTED)
    return inside, svg.element("g", *marks, note, fill=svg.colour(1), class_="beyond"), f"; {words}"


def _thinned_pairs(a: Sequence[float], b: Sequence[float], most: int) -> list[svg.Place]:
    pairs: list[svg.Place] = [(x, y) for x, y in zip(a, b, strict=True) if math.isfinite(x) and math.isfinite(y)]
    return pairs[:: max(1, math.ceil(len(pairs) / most))]


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
    if present and (present[0] < 0 or present[-1] >= svg.MOST_CLASSES):
        raise ProfundoError(
            f"points: expected labels from 0 to {svg.MOST_CLASSES - 1}, got {present[0]} to {present[-1]}; draw fewer classes"
        )
    classes = {label: names[label] if names is not None else str(label) for label in present}
    places = [(a, b, int(c)) for a, b, c in zip(x, y, labels, strict=True) if math.isfinite(a) and math.isfinite(b)]
    right, up = enclosing([float(a) for a, _, _ in places], ACROSS), enclosing([float(b) for _, b, _ in places], SQUARE)
    size = next(size for most, size in ((300, 3.6), (1500, 2.8), (math.inf, 2.2)) if len(places) <= most)
    drawn = {label: [svg.marker(label, right(a), up(b), size) for a, b, c in places if c == label] for label in present}
    look = {"fill_opacity": 0.8, "stroke": svg.PAPER, "stroke_width": 0.4, "class_": "points"}
    groups = [
        svg.element("g", svg.title(name), *drawn[label], fill=svg.colour(label, svg.MOST_CLASSES), **look)
        for label, name in classes.items()
    ]
    numbers = ", ".join(f"{len(drawn[label])} of {name}" for label, name in classes.items())
    keys = [(name, svg.marker_key(label)) for label, name in classes.items()]
    label = f"Points of {y_label} by {x_label}: {numbers}"
    return svg.plot(right, up, groups, label, (x_label, y_label), keys=keys, empty=not places)


# ----------------------------------------------------------------------------------------------------------- heat
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
    down, along = ([svg.shortened(name, 18) for name in names] for names in (row_labels, column_labels))
    left = 14 + (18 if y_label else 0) + LETTER * max(map(len, down))
    cell = min(CELL, (svg.WIDTH - 14 - left) / columns)
    upright = max(map(len, along)) * LETTER <= cell
    top = (18 if upright else 10 + 7.0 * max(map(len, along))) + (22 if x_label else 6)
    middle = left + cell * columns / 2, top + cell * rows / 2
    parts = [
        svg.text(middle[0], 14, x_label, text_anchor="middle"),
        _turned(14, middle[1], y_label, text_anchor="middle"),
    ]
    parts += _heat_names(down, along, (left, top), cell, upright)
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            name = f"{row_labels[row]}, {column_labels[column]}: {plain(value)}"
            parts.append(_cell(value, left + cell * column, top + cell * row, cell, strength, name))
    extent = say("report.chart_heat_nothing")
    if finite:
        extent = say("report.chart_heat_from", low=plain(min(finite)), high=plain(max(finite)))
    what = say("report.chart_by", y=y_label, x=x_label) if y_label and x_label else y_label or x_label or term("values")
    label = say("report.chart_heat", what=what, rows=rows, columns=columns, extent=extent)
    return svg.picture(parts, label, bottom=top + cell * rows + 10)


def _heat_names(
    down: Sequence[str], along: Sequence[str], corner: tuple[float, float], cell: float, upright: bool
) -> list[str]:
    """The names of rows, and of columns, which are turned where they are wider than a cell."""
    (left, top), look = corner, svg.Look(font_size=min(13.0, 0.9 * cell) if cell >= 8 else 7.0, fill=svg.MUTED)
    middles = [cell * (at + 0.5) for at in range(max(len(down), len(along)))]
    rows = [
        svg.text(left - 6, top + middle, name, dy="0.35em", text_anchor="end", **look)
        for middle, name in zip(middles, down, strict=False)
    ]
    place: svg.Look = {"text_anchor": "middle"} if upright else {"dy": "0.35em"}
    write = svg.text if upright else _turned
    return rows + [write(left + x, top - 6, name, **place, **look) for x, name in zip(middles, along, strict=False)]


def _turned(x: float, y: float, words: str, **look: Any) -> str:
    """Words that are read from below to above."""
    return svg.text(0, 0, words, transform=f"translate({x:.1f} {y:.1f}) rotate(-90)", **look)


def _strength(finite: Sequence[float]) -> Callable[[float], float]:
    """From a value to how strong its colour is, 0 to 1."""
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    nothing = low if low > 0.5 * high > 0 else 0.0
    most = max(abs(high - nothing), abs(low - nothing)) or 1.0
    return lambda value: abs(value - nothing) / most


def _cell(value: float, x: float, y: float, size: float, strength: Callable[[float], float], name: str) -> str:
    box = (x, x + size - 0.6, y, y + size - 0.6, name)
    if not math.isfinite(value):
        return svg.bar(*box, class_="cell", fill="none", stroke=svg.RULE)
    strong = strength(value)
    cell = svg.bar(*box, class_="cell", fill=svg.colour(1 if value < 0 else 0), fill_opacity=0.03 + 0.97 * strong)
    if size < NARROWEST_WRITTEN:
        return cell
    written = _written(value)
    look: svg.Look = {
        "font_size": min(12.0, 1.55 * size / max(3, len(written))),
        "text_anchor": "middle",
        "dy": "0.35em",
    }
    ink = svg.PAPER if strong > 0.55 else svg.INK
    return cell + svg.text(x + size / 2, y + size / 2, written, fill=ink, pointer_events="none", **look)


def _written(value: float) -> str:
    """A number as short as a cell wants it: 12, .34, −5.60, 1e7; the zero before a comma stays."""
    if abs(value) >= 1e5:
        return f"{value:.0e}".replace("e+", "e").replace("-", "−")
    size = f"{abs(value):,.0f}" if value == int(value) else f"{abs(value):.2f}"
    size = size.removeprefix("0") if language() == "en" and value != int(value) else local(size)
    return f"−{size}" if value < 0 else size
