"""Lines of equal height where they are known, paths that leave the picture, and pages made of such pictures."""

import math
import random
import re

import pytest

from pages import parse
from profundo.pictures.contours import clipped, contours_svg, crossings
from profundo.pictures.sheet import Figure, Grid, Part, Sheet, sheet_html


def cone(x, y):
    return math.hypot(x, y)


def picture(paths, **options):
    return contours_svg(cone, (-2, 2), (-2, 2), [0.5, 1.0], paths, **options)


def places(svg, number):
    """The ends of the strokes of one line of equal height, in the plane's units."""
    (d,) = re.findall(r'<path d="([^"]*)"><title>' + number, svg)
    pixels = [(float(a), float(b)) for a, b in re.findall(r"[ML]([\d.]+) ([\d.]+)", d)]
    return [(-2 + 4 * (a - 62) / (466 - 62), -2 + 4 * (b - 412) / (52 - 412)) for a, b in pixels]


@pytest.mark.parametrize(("level", "number"), [(0.5, "0.5000"), (1.0, "1<")])
def test_the_lines_of_a_cone_are_circles(level, number):
    found = places(picture({}), number)
    assert len(found) > 60
    assert all(cone(*place) == pytest.approx(level, abs=0.006) for place in found)
    assert {(a > 0, b > 0) for a, b in found} == {(True, True), (True, False), (False, True), (False, False)}


def test_a_line_crosses_a_cell_where_straight_interpolation_says():
    corners = [(0.0, 0.0, 0.0), (1.0, 0.0, 4.0), (1.0, 1.0, 4.0), (0.0, 1.0, 0.0)]
    assert crossings(corners, 1.0) == [(0.25, 0.0), (0.25, 1.0)]
    assert crossings(corners, 5.0) == []
    pass_ = [(0.0, 0.0, 1.0), (1.0, 0.0, -1.0), (1.0, 1.0, 1.0), (0.0, 1.0, -1.0)]
    assert len(crossings(pass_, 0.0)) == 4
    assert len(crossings(corners, 0.0)) % 2 == 0  # corners of exactly that height


def test_a_path_that_leaves_is_cut_at_the_edge_and_goes_on_where_it_comes_back():
    svg = picture({"out": [(0.0, 0.0), (1.0, 0.0), (5.0, 0.0), (5.0, 1.0), (-1.0, 1.0)]})
    runs = [
        [tuple(map(float, point.split(","))) for point in points.split()]
        for points in re.findall(r'<polyline points="([^"]*)"', svg)
    ]
    assert runs == [
        [pytest.approx((264, 232)), pytest.approx((365, 232)), pytest.approx((466, 232))],
        [pytest.approx((466, 142)), pytest.approx((163, 142))],
    ]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_kept_of_a_stretch_is_all_of_it_that_lies_inside(seed):
    draw = random.Random(seed)
    start, end = ((draw.uniform(-3, 3), draw.uniform(-3, 3)) for _ in range(2))
    shares = [n / 4000 for n in range(4001)]
    places = [(start[0] + s * (end[0] - start[0]), start[1] + s * (end[1] - start[1])) for s in shares]
    inside = [place for place in places if -1 <= place[0] <= 1 and -2 <= place[1] <= 2]
    kept = clipped(start, end, (-1, 1), (-2, 2))
    if kept is None:
        assert inside == []
    else:
        assert kept[0] == pytest.approx(inside[0], abs=0.005)
        assert kept[1] == pytest.approx(inside[-1], abs=0.005)


def test_a_sheet_holds_its_parts_and_escapes_what_comes_from_outside():
    grid = Grid("ranks", ["name", "loss"], [["<i>adam</i>", 0.25], ["sgd", 1e-9]])
    sheet = Sheet(
        "A <b> title", "kind", "lead", [Part("One", ["p & q"], [Figure(picture({}), "c")]), Part("Two", grid=grid)]
    )
    page = sheet_html(sheet)
    tree = parse(page)
    assert tree.one("h1").text == "A <b> title"
    assert [h.text for h in tree.all("h2")] == ["One", "Two"]
    assert [cell.text for cell in tree.all("td", class_="number")] == [
        "0.2500",
        "1.00\u00a0·\u00a010⁻⁹".replace("\u00a0", " "),
    ]
    assert len(tree.all("svg")) == 1
    assert sheet_html(sheet) == page
    assert "http" not in page.replace("http-equiv", "")
