"""A chart is right when one who reads it with a ruler, from its ticks alone, finds the numbers again."""

import math
from itertools import pairwise

import pytest

from pages import Element, parse
from profundo.pictures import curves_svg, scatter_svg
from profundo.pictures.axes import nice_ticks

INF, NAN = float("inf"), float("nan")


def number(text: str) -> float:
    share = text.endswith("%")
    value = float(text.replace("−", "-").replace(",", "").rstrip("%\u00a0 "))
    return value / 100 if share else value


def ruler(svg: Element, axis: str, *, log: bool = False):
    """Pixel → value, from the lowest and the highest tick of the axis and what is written beside them."""
    ticks = [g for g in svg.all("g") if g.attributes.get("class") == f"{axis} tick"]
    at = [(float(g.one("line").attributes[f"{axis}1"]), number(g.one("text").text)) for g in ticks]
    (p0, v0), (p1, v1) = at[0], at[-1]
    if log:
        v0, v1 = math.log(v0), math.log(v1)

    def read(pixel: float) -> float:
        value = v0 + (v1 - v0) * (pixel - p0) / (p1 - p0)
        return math.exp(value) if log else value

    return read


def lines(svg: Element) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, point.split(","))) for point in line.attributes["points"].split()]  # type: ignore[misc]
        for line in svg.all("polyline")
    ]


@pytest.mark.parametrize("log", [False, True])
def test_points_of_a_curve_read_back_from_the_ticks_are_the_values(log):
    values = [2.3, 0.71, 0.4, 0.33, 0.052, 0.0517]
    svg = parse(curves_svg({"loss": values}, x_label="epoch", y_label="loss", log=log))
    x, y = ruler(svg, "x"), ruler(svg, "y", log=log)
    (line,) = lines(svg)
    assert [x(px) for px, _ in line] == pytest.approx([1, 2, 3, 4, 5, 6], abs=0.01)
    assert [y(py) for _, py in line] == pytest.approx(values, rel=2e-3 if log else 0, abs=0 if log else 1e-3)


def test_larger_values_are_drawn_higher_and_inside_the_picture():
    svg = parse(curves_svg({"a": [1, 2, 3], "b": [-3, 0, 9]}, x_label="epoch", y_label="value"))
    for line in lines(svg):
        assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)
        assert all(0 <= x <= 480 and 0 <= y <= 300 for x, y in line)


def test_values_that_are_not_finite_leave_gaps_and_a_lonely_value_becomes_a_dot():
    values = [3.0, 2.0, NAN, 1.5, INF, 1.0, 0.9, -INF]
    svg = parse(curves_svg({"loss": values}, x_label="epoch", y_label="loss"))
    assert [len(line) for line in lines(svg)] == [2, 2]
    x = ruler(svg, "x")
    dots = [round(x(float(circle.attributes["cx"]))) for circle in svg.all("circle")]
    assert dots == [1, 2, 4, 6, 7]
    assert "nan" not in curves_svg({"loss": values}, x_label="epoch", y_label="loss").lower()


def test_zero_and_negative_values_leave_gaps_on_a_logarithmic_axis():
    svg = parse(curves_svg({"loss": [1.0, 0.1, 0.0, 0.01, -1.0]}, x_label="epoch", y_label="loss", log=True))
    assert [len(line) for line in lines(svg)] == [2]
    assert len(svg.all("circle")) == 3


@pytest.mark.parametrize(
    "values", [[], [NAN], [INF, -INF], [0.0], [0.5], [1.0, 1.0], [-2.0, -2.0], [1e-300, 1e300], [1e-12], [-1e9, 1e9]]
)
@pytest.mark.parametrize("log", [None, False, True])
def test_every_degenerate_series_still_gives_a_picture(values, log):
    drawn = curves_svg({"loss": values, "validation loss": values}, x_label="epoch", y_label="loss", best=0, log=log)
    svg = parse(drawn)
    assert svg.one("svg").attributes["role"] == "img"
    assert " nan" not in drawn.lower()
    assert "inf" not in drawn.lower().replace("infinite", "")


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
    assert [(round(x(px)), round(y(py), 2)) for px, py in lines(svg)[0]] == [(1, 0.31), (2, 0.97), (3, 0.99)]


def test_long_histories_are_thinned_without_losing_a_spike():
    values = [1.0] * 50_000
    values[12_345] = 7.0
    svg = parse(curves_svg({"loss": values}, x_label="epoch", y_label="loss"))
    ((*line,),) = lines(svg)
    x, y = ruler(svg, "x"), ruler(svg, "y")
    assert len(line) <= 1000
    assert max((y(py), round(x(px), -3)) for px, py in line) == (pytest.approx(7.0, abs=0.05), 12_000)
    assert (round(x(line[0][0]), -2), round(x(line[-1][0]), -2)) == (0, 50_000)


def test_many_curves_get_a_legend_of_several_lines_inside_the_picture():
    names = [f"component number {i}" for i in range(6)]
    svg = parse(curves_svg({name: [1, 2] for name in names}, x_label="epoch", y_label="loss")).one("svg")
    left, top, width, height = map(float, svg.attributes["viewbox"].split())
    legend = next(g for g in svg.all("g") if g.attributes.get("class") == "legend")
    assert [entry.text for entry in legend.all("text")] != []
    assert {entry.text for entry in legend.all("text")} == set(names)
    for entry in legend.all("text"):
        assert top < float(entry.attributes["y"]) < 52
        assert left <= float(entry.attributes["x"]) < width
    assert height == 300 - top


def test_names_in_a_chart_are_escaped():
    hostile = '"><script>alert(1)</script>'
    svg = parse(curves_svg({hostile: [1, 2], "b": [2, 1]}, x_label=hostile, y_label=hostile, best=0))
    assert svg.all("script") == []
    assert hostile in svg.one("svg").attributes["aria-label"]


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
