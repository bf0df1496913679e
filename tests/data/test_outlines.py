"""Polygons and runs against what pycocotools 2.0 makes of them, and against the area that geometry says."""

import numpy as np
import pytest

from profundo.data.objects_in_images.outlines import (
    Polygons,
    box_of,
    coded_runs,
    counted_runs,
    drawn,
    filled,
    runs_by_value,
)

# (height, width, corners, runs as a string, area, x, y, width and height of the box), written by pycocotools 2.0
CASES = [
    (
        20,
        30,
        [0.1, 5.5, 25.8, 18.0, 0.4, 12.6],
        "67=01O001O010O001O010O001O00010O001O0010O01O00e00n1",
        91,
        [0.0, 6.0, 25.0, 12.0],
    ),
    (33, 17, [15.8, 3.3, 25.9, 1.5, 12.4, 17.3, 13.9, 20.1, 26.0, 34.6], "m=3m03M2DJJ82", 29, [13.0, 3.0, 4.0, 20.0]),
    (
        40,
        40,
        [10.4, 27.5, 29.7, 10.8, -2.9, 42.8, 11.0, 11.8, 38.9, 24.5, 19.2, 33.3, -1.6, 30.2, 14.6, 1.3],
        "k0351e02XOOg09OJZONd01_ONa01AN>2DM;3HK74>0_OL130NN3J1IM;4E50H91J7MI7L2:GLc02]OOc00]O1d0M\\O4d0K\\O6e0IZO8f0GZO:g0DYO<i01N10BZO<e0D\\O<i0N101N101N101N10001N101N10`0",
        425,
        [0.0, 1.0, 39.0, 38.0],
    ),
    (
        25,
        31,
        [21.5, 31.6, 4.7, 20.4, 8.1, 24.5, 23.8, 5.1, 27.8, 21.4, 22.3, 27.4],
        "[51i01OOh01UO3N1O1O1N2O1O1O1N2O1O1O1N23M4K5K5Kh1",
        202,
        [6.0, 5.0, 22.0, 20.0],
    ),
    (
        48,
        36,
        [
            20.9,
            39.3,
            46.0,
            2.7,
            44.4,
            19.0,
            23.8,
            5.2,
            36.0,
            13.3,
            45.6,
            12.4,
            28.3,
            19.3,
            31.2,
            8.0,
            7.1,
            38.7,
            39.0,
            28.6,
            48.4,
            8.5,
        ],
        "f;1^1001N2O001O1N101O1N101O1O1N101ROBi0?21SO@k0b00N20O0VO@g04ZO3OJf00_O4LLo04PONP10QO1n0ORO1o0NQO3n0LSO5=",
        299,
        [7.0, 9.0, 29.0, 30.0],
    ),
]
ROUNDING = 0.25  # pixels: pycocotools first rounds corners to fifths of one


def distance(points, corners):
    """Of each point to the nearest edge."""
    start, end = corners, np.roll(corners, -1, 0)
    along = end - start
    share = ((points[:, None] - start) * along).sum(2) / (along * along).sum(1)
    nearest = start + share.clip(0, 1)[..., None] * along
    return np.linalg.norm(points[:, None] - nearest, axis=2).min(1)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_runs_and_polygons_are_what_coco_draws(case):
    height, width, corners, text, area, (x, y, wide, high) = case
    runs = coded_runs(text, height, width)
    mask = drawn(runs, height, width)
    assert mask.sum() == area == runs.lengths.sum()
    assert box_of(runs) == (x, y, x + wide, y + high)
    corners = np.array(corners).reshape(-1, 2)
    rows, columns = np.nonzero(drawn(Polygons((corners,)), height, width) != mask)
    if len(rows):
        assert distance(np.stack([columns + 0.5, rows + 0.5], 1), corners).max() < ROUNDING


def test_a_polygon_covers_its_area():
    angles = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    radius = np.random.default_rng(0).uniform(100, 240, 50)
    corners = 256 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    (x, y), (x1, y1) = corners.T, np.roll(corners, -1, 0).T
    assert filled(corners, 512, 512).sum() == pytest.approx(abs((x * y1 - x1 * y).sum()) / 2, rel=2e-3)


def test_what_is_crossed_twice_is_a_hole_and_parts_are_joined():
    star = np.array([[10, 0], [16, 19], [0, 7], [20, 7], [4, 19]], float)  # its middle is crossed twice
    mask = filled(star, 20, 20)
    assert not mask[10, 10]
    assert mask[3, 10]
    assert mask[8, 4]
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float)
    both = drawn(Polygons((square, square + 2)), 8, 8)
    assert both.sum() == 16 + 16 - 4
    assert both[3, 3]


def test_halves_of_a_polygon_never_share_a_pixel_nor_leave_one_out():
    random = np.random.default_rng(1)
    for _ in range(50):
        a, b, c, d = random.uniform(-5, 45, (4, 2))
        whole = np.array([a, b, c]), np.array([a, c, d])
        first, second, both = (filled(np.array(one), 40, 40) for one in (*whole, [a, b, c, d]))
        assert np.array_equal(first ^ second, both)


def test_values_become_the_runs_that_draw_them():
    values = np.random.default_rng(2).integers(0, 5, (23, 17)) * 1000
    runs = runs_by_value(values)
    assert sorted(runs) == [1000, 2000, 3000, 4000]
    for value, own in runs.items():
        assert np.array_equal(drawn(own, 23, 17), values == value)
        rows, columns = np.nonzero(values == value)
        assert box_of(own) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_runs_that_touch_are_one_and_empty_ones_none():
    runs = counted_runs([2, 3, 0, 1, 4, 0, 2], 4, 3)
    assert (runs.starts.tolist(), runs.lengths.tolist()) == ([2], [4])
    assert box_of(counted_runs([12], 4, 3)) == (0, 0, 0, 0)


@pytest.mark.parametrize("counts", [[-1, 13], [5, 6], [2**62] * 4, [[12]], [0.5, 12]])
def test_counts_of_no_image_are_refused(counts):
    with pytest.raises(ValueError, match=r"do not add up|inhomogeneous"):
        counted_runs(counts, 4, 3)


def test_a_polygon_of_ten_thousand_corners_takes_bounded_memory():
    corners = np.random.default_rng(0).uniform(0, 64, (10_000, 2))
    corners[:, 1] = np.tile([0.0, 64.0], 5_000)
    assert filled(corners, 64, 64).shape == (64, 64)
