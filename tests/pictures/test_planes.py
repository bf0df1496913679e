"""A drawn plane shows each place where it is, and each class's region in its tint."""

import pytest
import torch

from profundo.pictures.planes import Plane
from profundo.records import ProfundoError

UNIT = Plane((0.0, 1.0), (0.0, 1.0), "a", "b", width=200, height=180)
LEFT, TOP, RIGHT, BOTTOM = 62, 52, 200 - 14, 180 - 48


def colour_at(picture: torch.Tensor, x: float, y: float) -> tuple[int, ...]:
    column, row = LEFT + (RIGHT - LEFT) * x, BOTTOM + (TOP - BOTTOM) * y
    return tuple(picture[:, round(row), round(column)].tolist())


NOBODY = torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)


def test_regions_lie_where_the_classifier_says():
    picture = UNIT.draw(*NOBODY, (UNIT.places()[:, 0] > 0.3).float(), flat=True)
    left, right = colour_at(picture, 0.15, 0.5), colour_at(picture, 0.6, 0.5)
    assert left[2] > left[0], "class 0 is blue"
    assert right[0] > right[2], "class 1 is orange"
    assert colour_at(picture, 0.15, 0.9) == left
    upper = UNIT.draw(*NOBODY, (UNIT.places()[:, 1] > 0.5).float(), flat=True)
    assert colour_at(upper, 0.5, 0.9) == right
    assert colour_at(upper, 0.5, 0.1) == left


def test_a_dark_line_runs_where_two_classes_are_equally_likely():
    x, y = UNIT.places().T
    picture = UNIT.draw(*NOBODY, torch.sigmoid(5 * (x - y))).float().mean(0)
    for at in (0.25, 0.5, 0.75):
        row = picture[round(BOTTOM + (TOP - BOTTOM) * at)]
        darkest = LEFT + 2 + int(row[LEFT + 2 : RIGHT - 2].argmin())
        assert (darkest - LEFT) / (RIGHT - LEFT) == pytest.approx(at, abs=0.02)


def test_the_tint_fades_with_the_probability_unless_it_is_flat():
    shares = UNIT.places()[:, 0]
    soft, flat = UNIT.draw(*NOBODY, shares), UNIT.draw(*NOBODY, shares, flat=True)
    blue = [255 - colour_at(soft, x, 0.5)[0] for x in (0.05, 0.25, 0.45)]
    assert blue[0] > blue[1] > blue[2]
    assert len({colour_at(flat, x, 0.5) for x in (0.05, 0.25, 0.45)}) == 1


def test_three_classes_give_three_tints():
    x = UNIT.places()[:, 0]
    picture = UNIT.draw(*NOBODY, torch.stack((x < 0.3, (x >= 0.3) & (x < 0.6), x >= 0.6), 1).float(), flat=True)
    assert len({colour_at(picture, x, 0.5) for x in (0.15, 0.45, 0.8)}) == 3


def test_points_are_drawn_at_their_places_and_only_inside():
    points = torch.tensor([[0.25, 0.75], [0.75, 0.25], [3.0, 0.5]])
    picture = UNIT.draw(points, torch.tensor([0, 1, 1]))
    assert colour_at(picture, 0.25, 0.75) == (0x1F, 0x5F, 0xBF)
    assert colour_at(picture, 0.75, 0.25) == (0xC2, 0x50, 0x0A)
    assert colour_at(picture, 0.25, 0.25) == (255, 255, 255)
    assert picture.dtype == torch.uint8
    assert picture.shape == (3, 180, 200)


def test_a_plane_around_points_holds_them_with_a_margin():
    plane = Plane.around(torch.tensor([[0.0, -5.0], [10.0, 5.0]]), margin=0.1)
    assert plane.x == pytest.approx((-1, 11))
    assert plane.y == pytest.approx((-6, 6))


def test_the_same_plane_is_drawn_with_the_same_pixels():
    shares = torch.rand(len(UNIT.places()), generator=torch.Generator().manual_seed(0))
    draw = [UNIT.draw(*NOBODY, shares, names=("cat", "dog"), told="epoch 1") for _ in range(2)]
    assert torch.equal(*draw)


def test_a_thirteenth_class_is_refused():
    with pytest.raises(ProfundoError, match="0 to 11, got 0 to 12"):
        UNIT.draw(torch.zeros(2, 2), torch.tensor([0, 12]))
