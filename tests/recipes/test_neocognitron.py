"""S- and C-cells as their equations say, chosen as Fukushima chose them, blind to where a form is."""

import numpy as np
import pytest
import torch

from profundo.nets.s_and_c_cells import CCells, SCells, falling, neocognitron, representatives
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.neocognitron import moved
from profundo.records import ProfundoError


def taught(cells, seen, rate):
    """Plane 0 reinforced once at the middle of what is seen, (planes below, size, size)."""
    middle = seen.shape[-1] // 2
    cells.reinforce(seen, [(0, middle, middle)], rate)
    return cells


def at_middle(cells, seen):
    middle = seen.shape[-1] // 2
    return float(cells(seen[None])[0, 0, middle, middle])


def test_a_cell_that_learned_one_form_answers_by_the_cosine_and_is_silent_below_its_threshold():
    torch.manual_seed(0)
    near = (falling(5, 0.9) / 2).numpy()
    for r in (1.5, 4.0):
        one = torch.rand(2, 5, 5)
        cells = taught(SCells(2, 1, 5, (r, r)), one, rate=1e7).eval()
        for mixed in (0.1, 0.4, 0.7, 1.0):
            other = (1 - mixed) * one + mixed * torch.rand(2, 5, 5) * (torch.rand(2, 5, 5) > 0.7)
            x, y = one.numpy(), other.numpy()
            cosine = (near * x * y).sum() / np.sqrt((near * x * x).sum() * (near * y * y).sum())
            assert at_middle(cells, other) == pytest.approx(max(0.0, (1 + r) * cosine - r), abs=2e-3)
            assert (at_middle(cells, other) > 1e-3) == (cosine > r / (1 + r) + 1e-4)


def test_an_s_cell_is_fukushimas_equation():
    torch.manual_seed(1)
    cells, one, other = SCells(2, 1, 3, (2.0, 2.0)), torch.rand(2, 3, 3), torch.rand(2, 3, 3)
    taught(cells, one, rate=16.0)
    a, b, c = cells.excitation[0].double(), float(cells.inhibition[0]), cells.near.double()
    v = float((c * other.double().square()).sum().sqrt())
    expected = 2 * max(0.0, float((1 + (a * other).sum()) / (1 + 4 / 3 * b * v)) - 1)
    assert at_middle(cells.eval(), other) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert b == pytest.approx(8 * float((c * one.double().square()).sum().sqrt()), rel=1e-5)


def test_c_cells_answer_near_by_and_not_where_all_planes_fire_alike():
    cells, s = CCells(3), torch.zeros(1, 2, 7, 7)
    s[0, 0, 2, 3] = 1.0
    said = cells(s)
    assert said.shape == (1, 2, 4, 4)
    weight = float(falling(3, 0.9)[1, 2])  # one place beside the middle of the cell at row 2, column 2
    excess = (1 + weight) / (1 + weight / 2) - 1
    assert float(said[0, 0, 1, 1]) == pytest.approx(excess / (0.5 + excess), rel=1e-5)
    assert not said[0, 1].any()
    assert not cells(torch.ones(1, 2, 7, 7)).any()


def test_one_cell_of_a_plane_represents_it_and_one_plane_wins_a_column():
    s = torch.zeros(3, 8, 8)
    s[0, 1, 1], s[1, 1, 0], s[0, 6, 6], s[2, 6, 1] = 0.9, 0.5, 1.0, 0.3
    assert sorted(representatives(s, 4)) == [(0, 6, 6), (2, 6, 1)]
    assert sorted(representatives(s[:, :4, :4], 99)) == [(0, 1, 1)]
    assert representatives(torch.zeros(3, 8, 8), 4) == []
    for size, side in ((9, 4), (11, 7), (8, 5)):  # the last rows and columns are in an S-column, too
        edge = torch.zeros(1, size, size)
        edge[0, -1, -1] = 1.0
        assert representatives(edge, side) == [(0, size - 1, size - 1)]


def test_planes_that_learned_nothing_compete_while_others_learn_and_are_silent_afterwards():
    cells, seen = SCells(1, 2, 3, (8.0, 1.0)), torch.rand(1, 3, 3)
    taught(cells, seen, 1e6)
    assert at_middle(cells.train(), seen) > 0.9
    assert (cells(seen[None])[0, 1] > 0).any()
    assert not cells.eval()(seen[None])[0, 1].any()


def test_a_form_that_is_moved_by_as_much_as_cells_lie_apart_excites_the_same_last_cells_to_the_same_bits():
    torch.manual_seed(2)
    net, image = neocognitron(1, (4, 5, 6), (5, 5, 5), [(2.0, 1.0)] * 3), torch.zeros(1, 1, 64, 64)
    image[0, 0, 24:34, 26:34] = torch.rand(10, 8)
    u = image
    for stage in range(0, 6, 2):
        net[stage].train()
        net[stage].reinforce(u[0], representatives(net[stage](u)[0], 3), 1e4)
        u = net[stage + 1](net[stage].eval()(u))
    said = net(image).flatten()
    assert said.any()
    assert torch.equal(said, net(image.roll((4, 8), (2, 3))).flatten())


def test_images_are_moved_four_ways():
    images = torch.zeros(4, 1, 5, 5, dtype=torch.uint8)
    images[:, 0, 2, 2] = 1
    places = [tuple(one[0].nonzero()[0].tolist()) for one in moved(images, 2)]
    assert places == [(2, 4), (2, 0), (4, 2), (0, 2)]


@pytest.mark.parametrize(
    ("given", "reason"),
    [({"windows": (3, 4, 3)}, "windows: expected odd sizes"), ({"shifts": (0, 3)}, "shifts: expected some of 0 to 2")],
)
def test_windows_without_a_middle_and_shifts_off_the_canvas_are_refused(given, reason):
    with pytest.raises(ProfundoError, match=reason) as refused:
        run_recipe("neocognitron", given, quick=True, out=False)
    assert "\n" not in str(refused.value)
