"""Lines, points and heat say what they were given to one who reads them by their ticks, colours and titles."""

import math

import pytest

from pages import Element, parse
from profundo.pictures import Line, heat_svg, lines_svg, points_svg
from profundo.records import ProfundoError

NAN, INF = math.nan, math.inf


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", "").rstrip("%\u00a0 "))


def ruler(svg: Element, axis: str, *, log: bool = False):
    """Pixel → value, from the first and the last tick of the axis."""
    ticks = [g for g in svg.all("g") if g.attributes.get("class") == f"{axis} tick"]
    at = [(float(g.one("line").attributes[f"{axis}1"]), number(g.one("text").text)) for g in ticks]
    (p0, v0), (p1, v1) = at[0], at[-1]
    v0, v1 = (math.log(v0), math.log(v1)) if log else (v0, v1)

    def read(pixel: float) -> float:
        value = v0 + (v1 - v0) * (pixel - p0) / (p1 - p0)
        return math.exp(value) if log else value

    return read


def corners(shape: Element) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in shape.attributes["points"].split()]  # type: ignore[misc]


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("log_y", [False, True])
def test_places_of_a_line_read_back_from_the_ticks_are_its_numbers(log_x, log_y):
    widths, errors = [3.0, 1.0, 64.0, 700.0], [0.5, 0.031, 0.2, 0.09]
    svg = parse(lines_svg([Line("e", widths, errors)], x_label="width", y_label="error", log_x=log_x, log_y=log_y))
    x, y = ruler(svg, "x", log=log_x), ruler(svg, "y", log=log_y)
    (line,) = svg.all("polyline")
    assert [x(a) for a, _ in corners(line)] == pytest.approx(widths, rel=2e-3, abs=0.02)
    assert [y(b) for _, b in corners(line)] == pytest.approx(errors, rel=2e-3, abs=1e-3)


def test_band_runs_along_its_upper_edge_and_back_along_its_lower():
    low, high = [1.0, 1.5, 1.2], [2.0, 2.5, 3.0]
    svg = parse(lines_svg([Line("e", [1, 2, 3], [1.5, 2.0, 2.1], low, high)], x_label="x", y_label="y", log_y=False))
    (polygon,) = svg.all("polygon")
    y = ruler(svg, "y")
    assert [y(b) for _, b in corners(polygon)] == pytest.approx([*high, *reversed(low)], abs=0.01)


def test_axis_is_wide_enough_for_the_band():
    svg = parse(lines_svg([Line("e", [1, 2], [5, 5], [0, 5], [5, 90])], x_label="x", y_label="y", log_y=False))
    heights = [float(g.one("line").attributes["y1"]) for g in svg.all("g", class_="y tick")]
    assert all(min(heights) <= b <= max(heights) for polygon in svg.all("polygon") for _, b in corners(polygon))


def test_what_is_not_finite_splits_lines_and_bands():
    y = [1.0, 2.0, NAN, 3.0, 4.0, INF, 5.0]
    svg = parse(lines_svg([Line("e", range(7), y, y, [v + 1 for v in y])], x_label="x", y_label="y", log_y=False))
    assert [len(corners(line)) for line in svg.all("polyline")] == [2, 2]
    assert [len(corners(band)) for band in svg.all("polygon")] == [4, 4]
    assert len(svg.all("circle")) == 5


def test_dots_are_not_joined():
    svg = parse(lines_svg([Line("samples", [1, 2, 3], [3, 1, 2], dots=True)], x_label="x", y_label="y"))
    assert svg.all("polyline") == []
    assert len(svg.all("circle")) == 3


def test_marks_stand_at_their_values_under_their_names():
    marks = {"threshold": 40.0, "chosen": 250.0}
    svg = parse(lines_svg([Line("e", [1, 500], [1, 2])], x_label="x", y_label="y", log_x=True, marks=marks))
    x = ruler(svg, "x", log=True)
    found = {g.text: x(float(g.one("line").attributes["x1"])) for g in svg.all("g", class_="mark")}
    assert found == {name: pytest.approx(value, rel=0.01) for name, value in marks.items()}
    heights = [text.attributes["y"] for g in svg.all("g", class_="mark") for text in g.all("text")]
    assert len(set(heights)) == 2, "the names must not lie over each other"


@pytest.mark.parametrize("values", [[], [NAN], [0.0], [-1.0, -1.0], [1e-300, 1e300], [3.0, 3.0]])
@pytest.mark.parametrize("log", [False, True])
def test_degenerate_lines_still_give_a_picture(values, log):
    drawn = lines_svg(
        [Line("a", values, values), Line("b", values, values)], x_label="x", y_label="y", log_x=log, log_y=log
    )
    assert parse(drawn).one("svg").attributes["role"] == "img"
    assert "nan" not in drawn.lower()


def test_lines_of_different_lengths_and_half_a_band_are_refused():
    with pytest.raises(ProfundoError, match="got 2, 3"):
        Line("e", [1, 2], [1, 2, 3])
    with pytest.raises(ProfundoError, match="low and high"):
        Line("e", [1, 2], [1, 2], low=[0, 1])


def test_every_class_of_points_has_a_colour_and_a_shape_of_its_own():
    label = list(range(12))
    svg = parse(points_svg(label, label, label, x_label="x", y_label="y"))
    groups = svg.all("g", class_="points")
    assert len({g.attributes["fill"] for g in groups}) == 12
    middles = [(float(g.attributes["x1"]), float(g.attributes["y1"])) for g in svg.all("line")]
    assert middles
    shapes = set()
    x, y = ruler(svg, "x"), ruler(svg, "y")
    for at, group in enumerate(groups):
        (shape,) = group.all("circle") + group.all("polygon")
        outline = (
            [(float(shape.attributes["cx"]), float(shape.attributes["cy"]))]
            if shape.tag == "circle"
            else corners(shape)
        )
        middle = [sum(c) / len(outline) for c in zip(*outline, strict=True)]
        assert (x(middle[0]), y(middle[1])) == pytest.approx((at, at), abs=0.1)
        shapes.add(tuple((round(a - middle[0], 1), round(b - middle[1], 1)) for a, b in outline))
    assert len(shapes) == 12


def test_legend_names_the_classes_that_are_there_and_the_label_counts_them():
    svg = parse(points_svg([0, 1, 2], [0, 1, 2], [2, 0, 2], x_label="x", y_label="y", names=["cat", "dog", "eel"]))
    (legend,) = svg.all("g", class_="legend")
    assert [text.text for text in legend.all("text")] == ["cat", "eel"]
    assert "1 of cat, 2 of eel" in svg.one("svg").attributes["aria-label"]


def test_thirteen_classes_and_lists_of_different_lengths_are_refused():
    with pytest.raises(ProfundoError, match="0 to 11, got 0 to 12"):
        points_svg([0, 1], [0, 1], [0, 12], x_label="x", y_label="y")
    with pytest.raises(ProfundoError, match="got 2, 1 and 2"):
        points_svg([0, 1], [0], [0, 1], x_label="x", y_label="y")


def test_points_that_are_not_finite_are_left_out():
    svg = parse(points_svg([0, NAN, 1], [0, 1, 1], [0, 0, 0], x_label="x", y_label="y"))
    assert len(svg.all("circle")) == 2


def test_strength_of_a_cell_is_in_proportion_to_its_value_and_its_sign_is_its_colour():
    svg = parse(heat_svg([[0.0, 1.0], [2.0, -4.0]], row_labels="ab", column_labels="cd"))
    cells = svg.all("rect", class_="cell")
    strength = [float(cell.attributes["fill-opacity"]) for cell in cells]
    nothing, most = strength[0], strength[3]
    assert [(s - nothing) / (most - nothing) for s in strength] == pytest.approx([0, 0.25, 0.5, 1], abs=0.01)
    assert len({cell.attributes["fill"] for cell in cells[:3]}) == 1
    assert cells[3].attributes["fill"] != cells[0].attributes["fill"]
    assert [cell.text for cell in cells] == ["a, c: 0", "a, d: 1", "b, c: 2", "b, d: −4"]


def test_cells_stand_in_rows_and_columns_inside_the_picture_however_many_there_are():
    svg = parse(
        heat_svg(
            [[1.0] * 60 for _ in range(40)],
            row_labels=[f"row {at}" for at in range(40)],
            column_labels=[f"column {at}" for at in range(60)],
            x_label="source",
            y_label="target",
        )
    )
    _, _, width, height = map(float, svg.one("svg").attributes["viewbox"].split())
    places = [(float(c.attributes["x"]), float(c.attributes["y"])) for c in svg.all("rect", class_="cell")]
    size = float(svg.all("rect", class_="cell")[0].attributes["width"])
    assert len(places) == len(set(places)) == 2400
    assert len({x for x, _ in places}) == 60
    assert all(0 < x < width - size and 0 < y < height - size for x, y in places)


def test_a_ragged_table_and_an_unlabelled_row_are_refused():
    with pytest.raises(ProfundoError, match="rows of"):
        heat_svg([[1, 2], [1]], row_labels="ab", column_labels="cd")
    with pytest.raises(ProfundoError, match="rows of"):
        heat_svg([[1, 2]], row_labels="ab", column_labels="cd")


def test_names_are_escaped_everywhere():
    evil = '"><script>alert(1)</script>'
    for drawn in (
        lines_svg([Line(evil, [1], [1]), Line("b", [1], [1])], x_label=evil, y_label=evil, marks={evil: 1.0}),
        points_svg([0, 1], [0, 1], [0, 1], x_label=evil, y_label=evil, names=[evil, "b"]),
        heat_svg([[1.0]], row_labels=[evil], column_labels=[evil], x_label=evil, y_label=evil),
    ):
        svg = parse(drawn)
        assert svg.all("script") == []
        assert "script" in svg.one("svg").attributes["aria-label"] or "script" in svg.text
