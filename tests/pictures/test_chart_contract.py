"""What every chart keeps, whatever it is given: a whole drawing, finite numbers, words for who cannot see it, no foreign act."""

import math
import re

import pytest

from pages import parse
from profundo.pictures import Line, curves_svg, heat_svg, lines_svg, points_svg, scatter_svg
from profundo.pictures.attribution_pictures import words_svg
from profundo.pictures.bars import Rung, histogram_svg, ladder_svg, relations_svg, small_histogram_svg
from profundo.pictures.charts import residuals_svg
from profundo.pictures.contours import contours_svg, measured_contours_svg, relief_svg
from profundo.pictures.reliability_chart import reliability_svg
from profundo.pictures.safety import is_drawing
from profundo.pictures.sheet import standalone
from profundo.pictures.svg import colour, dashes
from profundo.records import CalibrationBin

NAN, INF = math.nan, math.inf
HOSTILE = '"><script>alert(1)</script>&'
NUMBERS = {
    "some": [3.0, 1.0, 2.0],
    "none": [],
    "one": [0.5],
    "no number": [NAN],
    "mostly no numbers": [NAN, 1.0, INF, -INF, 2.0],
    "constant": [3.0, 3.0, 3.0],
    "zero": [0.0, 0.0],
    "below zero": [-1.0, -2.0],
    "the largest there are": [-1.7e308, 0.0, 1.7e308],
    "the smallest there are": [5e-324, 0.0, 1e-323],
    "far apart": [1e-300, 1e300],
    "very many": [math.sin(n) for n in range(3000)],
}


def edges_of(values):
    finite = sorted(value for value in values if math.isfinite(value))[:50] or [1.0]
    return [*finite, finite[-1]]


def bins(values):
    return [CalibrationBin(0, 1, len(values), 0.5, min(1, abs(value))) for value in values[:5] if math.isfinite(value)]


def square(values):
    """Four by four of the values, over and over."""
    return [[(values or [NAN])[(4 * row + at) % len(values or [NAN])] for at in range(4)] for row in range(4)]


CHARTS = {
    "lines": lambda v, n: lines_svg([Line(n, v, v, v, v), Line("b", v, v)], x_label=n, y_label=n, log_y=False, marks={n: 1.0}),
    "logarithmic lines": lambda v, n: lines_svg([Line(n, v, v), Line("b", v, v)], x_label=n, y_label=n, log_x=True, log_y=True),
    "lines on a ground": lambda v, n: lines_svg([Line(n, v, v)], x_label=n, y_label=n, log_y=False, ground=v),
    "words": lambda v, n: words_svg([n] * (len(v[:99]) or 1), v[:99] or [NAN], n),
    "dots": lambda v, n: lines_svg([Line(n, v, v, dots=True), Line("b", [], [])], x_label=n, y_label=n),
    "curves": lambda v, n: curves_svg({n: v, "validation": v}, x_label=n, y_label=n, best=0),
    "shares": lambda v, n: curves_svg({n: v, "test": v}, x_label=n, y_label=n, percent=True),
    "scatter": lambda v, n: scatter_svg(v, v, name=n),
    "residuals": lambda v, n: residuals_svg(v, v, name=n),
    "points": lambda v, n: points_svg(v, v, [i % 12 for i in range(len(v))], x_label=n, y_label=n, names=[n] * 12),
    "heat": lambda v, n: heat_svg([v[:60] or [NAN]], row_labels=[n], column_labels=[n] * (len(v[:60]) or 1), x_label=n, y_label=n),
    "histogram": lambda v, n: histogram_svg(edges_of(v), [1] * (len(edges_of(v)) - 1), x_label=n),
    "empty histogram": lambda _, n: histogram_svg([], [], x_label=n),
    "small histogram": lambda v, n: small_histogram_svg(edges_of(v), [len(v)] * (len(edges_of(v)) - 1), label=n),
    "relations": lambda v, n: relations_svg([n] * (len(v[:9]) or 1), v[:9] or [NAN], label=n),
    "measured contours": lambda v, n: measured_contours_svg(
        *(range(4), range(4), square(v)), {n: [(0, 0), (2, 1)]}, names=(n, n), marks={n: (1, 1)}
    ),
    "relief": lambda v, n: relief_svg(range(4), range(4), square(v), names=(n, n), height=n),
    "ladder": lambda v, n: ladder_svg([Rung(n, one, n, -abs(one), abs(one), at) for at, one in enumerate(v[:9])], name=n),
    "reliability": lambda v, n: reliability_svg(bins(v), [(0.1, 0.9)] * len(bins(v)), kind=n),
    "contours": lambda v, n: contours_svg(
        lambda a, b: a * b, (-2, 2), (-2, 2), [1.0], {n: [(a, a) for a in v], "b": [(0, 0)]}, goal=(0, 0)
    ),
}  # fmt: skip


@pytest.fixture(params=CHARTS)
def chart(request):
    return CHARTS[request.param]


@pytest.mark.parametrize("values", NUMBERS.values(), ids=NUMBERS)
def test_every_chart_is_a_drawing_of_finite_numbers_with_words(chart, values):
    drawn = chart(values, "price (€)")
    assert is_drawing(standalone(drawn))
    svg = parse(drawn).one("svg")
    assert svg.attributes["role"] == "img"
    label = " ".join(svg.attributes["aria-label"].split())
    assert label == svg.one("desc").text
    assert svg.children[0].text == label.split(":")[0]
    for element in svg.walk():
        written = " ".join(value for name, value in element.attributes.items() if name != "aria-label")
        assert not re.search(r"\b(nan|inf|None)\b", written), element
    left, _, width, height = map(float, svg.attributes["viewbox"].split())
    assert (left, width > 0, 0 < height < 2000) == (0, True, True)
    assert chart(values, "price (€)") == drawn


def test_foreign_words_stay_words(chart):
    drawn = chart(NUMBERS["some"], HOSTILE)
    assert is_drawing(standalone(drawn))
    svg = parse(drawn).one("svg")
    assert HOSTILE in svg.attributes["aria-label"] + "".join(text.text for text in svg.all("text")) + svg.text


@pytest.mark.parametrize("name", ["lines", "dots", "curves", "contours"])
def test_a_legend_names_all_lines_inside_the_picture_above_the_plotting_area(name):
    svg = parse(CHARTS[name](NUMBERS["some"], "a long name of some thirty letters")).one("svg")
    _, top, width, _ = map(float, svg.attributes["viewbox"].split())
    entries = svg.one("g", class_="legend").all("text")
    highest = min(float(g.one("line").attributes["y1"]) for g in svg.all("g", class_="y tick"))
    assert len(entries) == 2
    assert all(top < float(one.attributes["y"]) < highest and float(one.attributes["x"]) < width for one in entries)


def test_nothing_to_draw_is_said():
    for name in ("lines", "logarithmic lines", "curves", "scatter", "residuals", "points", "empty histogram"):
        assert "no finite value to draw" in CHARTS[name]([NAN], "x"), name
        assert "no finite value to draw" not in CHARTS[name]([1.0, 2.0], "x") or name == "empty histogram", name


def test_eighteen_lines_can_be_told_apart_by_colour_and_dashes():
    assert len({(colour(style), dashes(style)) for style in range(18)}) == 18
