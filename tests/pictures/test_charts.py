"""A chart is right when one who reads it with a ruler, from its ticks alone, finds the numbers again."""

import math
from itertools import pairwise

import pytest

from pages import parse
from profundo.languages import speaking
from profundo.pictures import Line, curves_svg, heat_svg, lines_svg, points_svg, scatter_svg
from profundo.pictures.axes import horizontal, nice_ticks, usual_range
from profundo.pictures.charts import residuals_svg
from profundo.records import ProfundoError
from rulers import corners, number, ruler

NAN, INF = math.nan, math.inf


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


def test_the_axis_of_one_epoch_has_its_number_alone():
    assert horizontal([1]).ticks == (1,)
    assert horizontal([400, 400]).ticks == (400,)
    assert horizontal([1])(1) == (horizontal([1]).start + horizontal([1]).end) / 2
    assert len(horizontal([0.5]).ticks) > 1


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


def test_values_that_are_not_finite_leave_gaps_and_a_lonely_value_becomes_a_dot():
    values = [3.0, 2.0, NAN, 1.5, INF, 1.0, 0.9, -INF]
    svg = parse(curves_svg({"loss": values}, x_label="epoch", y_label="loss"))
    assert [len(corners(line)) for line in svg.all("polyline")] == [2, 2]
    x = ruler(svg, "x")
    dots = [round(x(float(circle.attributes["cx"]))) for circle in svg.all("circle")]
    assert dots == [1, 2, 4, 6, 7]
    assert "nan" not in curves_svg({"loss": values}, x_label="epoch", y_label="loss").lower()


def test_zero_and_negative_values_leave_gaps_on_a_logarithmic_axis():
    svg = parse(curves_svg({"loss": [1.0, 0.1, 0.0, 0.01, -1.0]}, x_label="epoch", y_label="loss", log=True))
    assert [len(corners(line)) for line in svg.all("polyline")] == [2]
    assert len(svg.all("circle")) == 3


@pytest.mark.parametrize(("mark", "shown"), [(0, True), (3, True), (4, False), (-1, False), (None, False)])
def test_best_epoch_is_marked_at_its_place_and_counts_from_one(mark, shown):
    svg = parse(curves_svg({"loss": [4, 3, 2, 1]}, x_label="epoch", y_label="loss", best=mark))
    marks = [g for g in svg.all("g") if g.attributes.get("class") == "mark"]
    assert len(marks) == shown
    if shown:
        assert ruler(svg, "x")(float(marks[0].one("line").attributes["x1"])) == pytest.approx(mark + 1, abs=0.01)
        assert marks[0].text == f"best epoch: {mark + 1}"


def test_axis_becomes_logarithmic_where_values_span_more_than_a_factor_of_ten():
    def label(values):
        return parse(curves_svg({"loss": values}, x_label="epoch", y_label="loss")).text

    assert "log scale" in label([1.0, 0.09])
    assert "log scale" not in label([1.0, 0.11])
    assert "log scale" not in label([1.0, 0.0])


def test_shares_are_labelled_in_percent_and_never_beyond_the_whole():
    svg = parse(curves_svg({"accuracy": [0.31, 0.97, 0.9917]}, x_label="epoch", y_label="accuracy", percent=True))
    ticks = [number(g.one("text").text) for g in svg.all("g") if g.attributes.get("class") == "y tick"]
    assert max(ticks) == 1.0
    x, y = ruler(svg, "x"), ruler(svg, "y")
    assert [(round(x(px)), round(y(py), 2)) for px, py in corners(svg.one("polyline"))] == [
        (1, 0.31),
        (2, 0.97),
        (3, 0.99),
    ]


def test_long_histories_are_thinned_without_losing_a_spike():
    values = [1.0] * 50_000
    values[12_345] = 7.0
    svg = parse(curves_svg({"loss": values}, x_label="epoch", y_label="loss"))
    line = corners(svg.one("polyline"))
    x, y = ruler(svg, "x"), ruler(svg, "y")
    assert len(line) <= 1000
    assert max((y(py), round(x(px), -3)) for px, py in line) == (pytest.approx(7.0, abs=0.05), 12_000)
    assert (round(x(line[0][0]), -2), round(x(line[-1][0]), -2)) == (0, 50_000)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.013, 0.022), (-7, 3), (99.1, 99.3), (0, 123456), (5, 5), (0, 0)])
def test_ticks_enclose_the_values_at_equal_round_steps(low, high):
    ticks = nice_ticks([low, high])
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8
    steps = {f"{b - a:.4g}" for a, b in pairwise(ticks)}
    assert len(steps) == 1
    assert f"{float(steps.pop()):e}"[0] in "125"


def test_scatter_puts_equal_values_on_the_diagonal_and_shows_at_most_five_hundred():
    truth = [i / 100 for i in range(4000)]
    svg = parse(scatter_svg(truth, truth, name="price"))
    diagonal = svg.one("line", class_="diagonal").attributes
    (x1, y1, x2, y2) = (float(diagonal[name]) for name in ("x1", "y1", "x2", "y2"))
    dots = [(float(c.attributes["cx"]), float(c.attributes["cy"])) for c in svg.all("circle")]
    assert 400 <= len(dots) <= 500
    for x, y in dots:
        assert (y - y1) * (x2 - x1) == pytest.approx((x - x1) * (y2 - y1), abs=8)


def test_scatter_points_read_back_from_the_ticks_are_the_pairs():
    truth, predicted = [0.0, 1.0, 2.5, NAN], [0.2, 0.8, 3.1, 1.0]
    svg = parse(scatter_svg(truth, predicted))
    x, y = ruler(svg, "x"), ruler(svg, "y")
    dots = [(x(float(c.attributes["cx"])), y(float(c.attributes["cy"]))) for c in svg.all("circle")]
    assert dots == [pytest.approx(pair, abs=0.01) for pair in zip(truth[:3], predicted[:3], strict=True)]


@pytest.mark.parametrize("far", [99_999.0, -1e9, 1000.0])
@pytest.mark.parametrize("chart", ["scatter", "residuals"])
def test_a_value_far_out_stands_at_the_edge_and_does_not_press_the_others_together(chart, far):
    truth = [float(i) for i in range(100)]
    predicted = [*(value + math.sin(value) for value in truth[:-1]), far]
    if chart == "scatter":
        svg = parse(scatter_svg(truth, predicted, name="price"))
    else:
        svg = parse(residuals_svg(truth, [p - t for t, p in zip(truth, predicted, strict=True)], name="price"))
    x = ruler(svg, "x")
    dots = [x(float(circle.attributes["cx"])) for circle in svg.all("circle")]
    (edge,) = svg.one("g", class_="beyond").all("polygon")
    assert len(dots) == 99
    pixels = [float(circle.attributes["cx"]) for circle in svg.all("circle")]
    assert max(pixels) - min(pixels) > 100
    assert "1 beyond the axes" in svg.text
    assert number(edge.one("title").text.split(", ")[1]) == pytest.approx(
        far if chart == "scatter" else far - 99, rel=1e-2
    )


@pytest.mark.parametrize("values", [[0.0, 1.0, 5.0], [3.0] * 50, [math.sin(i) ** 3 for i in range(500)]])
def test_values_without_far_ones_are_all_usual(values):
    assert usual_range(values) == (min(values), max(values))


def test_one_value_among_many_that_is_far_out_is_not_usual():
    values = [float(i % 10) for i in range(300)]
    assert usual_range([*values, 1e6]) == (0.0, 9 + 2 * 9)


@pytest.mark.parametrize(
    ("value", "written"),
    [(10.05, "10.05"), (0.34, ".34"), (-0.5, "−.50"), (20.5, "20.50"), (12.0, "12"), (-3e7, "−3e07")],
)
def test_the_number_in_a_cell_is_its_value(value, written):
    svg = parse(heat_svg([[value]], row_labels="a", column_labels="b", x_label="x"))
    assert written in [text.text for text in svg.all("text")]
    with speaking("es"):
        svg = parse(heat_svg([[value]], row_labels="a", column_labels="b", x_label="x"))
    with_zero = {".34": "0,34", "−.50": "−0,50"}.get(written, written.replace(".", ","))
    assert with_zero in [text.text for text in svg.all("text")]


def test_whole_numbers_have_whole_ticks():
    svg = parse(lines_svg([Line("fold", [1, 2, 3, 4], [0.5, 0.7, 0.6, 0.4])], x_label="fold", y_label="error"))
    assert [tick.text for tick in svg.all("g", class_="x tick")] == ["1", "2", "3", "4"]


def test_dots_of_each_line_have_a_shape_of_their_own():
    svg = parse(lines_svg([Line(name, [1], [1], dots=True) for name in "ab"], x_label="x", y_label="y"))
    assert [
        [shape.tag for shape in curve.all("circle") + curve.all("polygon")] for curve in svg.all("g", class_="curve")
    ] == [
        ["circle"],
        ["polygon"],
    ]
