"""Lines of equal height where they are known, paths that leave the picture, and pages made of such pictures."""

import math
import random
import re
from itertools import pairwise

import pytest

from pages import parse
from profundo.pictures.contours import (
    clipped,
    contours_svg,
    crossings,
    levels_between,
    measured_contours_svg,
    relief_svg,
)
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


SIDE = [-2 + 4 * at / 100 for at in range(101)]


def test_measured_heights_have_the_lines_of_the_function_they_were_measured_of():
    heights = [[cone(a, b) for a in SIDE] for b in SIDE]
    svg = measured_contours_svg(
        SIDE, SIDE, heights, {}, names=("a", "b"), marks={"the middle": (0, 0), "outside": (9, 9)}
    )
    levels = levels_between(heights)
    (group,) = re.findall(r'<g class="levels".*?</g>', svg)
    same = contours_svg(cone, (-2, 2), (-2, 2), levels, {})
    assert group == re.findall(r'<g class="levels".*?</g>', same)[0]
    assert "the middle" in svg
    assert "outside" not in svg
    written = [float(text) for text in re.findall(r'class="height"[^>]*>([\d.]+)<', svg)]
    assert len(written) >= 4
    assert all(any(f"{level:.2g}" == f"{number:g}" for level in levels) for number in written)


def test_the_names_of_lines_stand_on_them_and_apart():
    heights = [[cone(a, b) for a in SIDE] for b in SIDE]
    svg = measured_contours_svg(SIDE, SIDE, heights, {}, names=("a", "b"), marks={})
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*class="height"[^>]*>([\d.]+)<', svg)
    pixels = [(float(a), float(b)) for a, b, _ in found]
    for (x, y), (*_, number) in zip(pixels, found, strict=True):
        a, b = -2 + 4 * (x - 62) / 404, -2 + 4 * (y - 412) / -360
        assert cone(a, b) == pytest.approx(float(number), rel=0.06)
    assert all(math.dist(one, two) > 30 for at, one in enumerate(pixels) for two in pixels[:at])


@pytest.mark.parametrize(("low", "high", "ratio"), [(1.0, 2.0, False), (0.01, 100.0, True), (-1.0, 5.0, False)])
def test_levels_are_even_or_evenly_many_times_each_other(low, high, ratio):
    levels = levels_between([[low + (high - low) * at / 99 for at in range(100)]])
    assert low < levels[0] < levels[-1] < high
    steps = [b / a if ratio else b - a for a, b in pairwise(levels)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_a_hole_in_the_measurement_leaves_the_rest():
    heights = [[cone(a, b) for a in SIDE[::10]] for b in SIDE[::10]]
    heights[0][0], heights[3][3] = math.nan, math.inf
    svg = measured_contours_svg(SIDE[::10], SIDE[::10], heights, {}, names=("a", "b"), marks={})
    assert "nan" not in svg
    assert "inf" not in svg
    assert svg.count("<path d=") > 5


def test_a_relief_has_a_piece_for_each_cell_the_far_ones_first_and_colours_by_height():
    side = list(range(6))
    heights = [[float(a) for a in side] for _ in side]
    svg = relief_svg(side, side, heights, names=("a", "b"), height="loss")
    pieces = re.findall(r'<polygon points="([^"]+)" fill="(#[0-9a-f]{6})"', svg)
    assert len(pieces) == 25
    middle = [sum(float(p.split(",")[1]) for p in points.split()) / 4 for points, _ in pieces]
    assert middle[0] == min(middle)  # far away is up
    assert len({colour for _, colour in pieces}) == 5  # as many as columns: the height does not change along b
    assert len(re.findall("<polygon", relief_svg(range(90), range(90), [[a * b * 1.0 for a in range(90)] for b in range(90)],
                                                 names=("a", "b"), height="loss"))) == 40 * 40 + 1  # fmt: skip
