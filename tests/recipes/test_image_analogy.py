"""Deep Image Analogy: an image is its own analogue, structure is kept by a closed form, and what is found is shown as it is."""

import colorsys
import math

import numpy as np
import pytest
import torch
from PIL import Image

from profundo.images.patch_match import grid
from profundo.nets.perceptual import drawn
from profundo.pictures.exhibits import Film, Images
from profundo.recipes.context import Context, Request
from profundo.recipes.correspondences import by_place, by_way, padded, place_colours, spread_points, with_points
from profundo.recipes.painting.style_costs import relative
from profundo.recipes.recipe import settle
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.image_analogy import Given, bent, distance, mixture, rebuilt, structured, taken_at
from profundo.records import Interrupted, ProfundoError
from profundo.runs.voice import Quiet

SMALL = {"size": 40, "judge": "drawn", "judge_width": 0.1, "rounds": 3, "steps": 6}


def exhibit(run, title):
    (found,) = (one for one in run.outcome.exhibits if one.title == title)
    return found


def test_an_image_is_its_own_analogue():
    run = run_recipe("image-analogy", SMALL | {"rounds": 4}, first="flower", second="flower", out=False)
    scores, baseline = run.outcome.scores, run.outcome.baseline
    assert scores["share of matches that lead back"] > 0.95
    assert scores["structure error"] < 0.05
    assert baseline == {"look error": 0.0, "structure error": 0.0}
    (a, b), given = (exhibit(run, title).images[0].int() for title in ("A′", "B")), exhibit(run, "The analogy").images
    assert (a - given[0, :3]).abs().float().mean() < 3
    assert (b - given[3, :3]).abs().float().mean() < 3


def test_each_layer_adds_a_frame_and_what_is_laid_out_alike_is_seen_alike(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)).save(tmp_path / "b.png")
    run = run_recipe("image-analogy", SMALL, second=str(tmp_path / "b.png"), out=False)
    film = exhibit(run, "From coarse to fine")
    assert isinstance(film, Film)
    assert len(film.frames) == 5
    assert run.trainings["maps of relu4_1"].history["loss"][0] < 0.02, (
        "maps laid out alike are seen alike, but for seams"
    )
    assert exhibit(run, "A′").images.shape[2:] == film.frames.shape[2:] == (27, 40)
    assert exhibit(run, "B").images.shape[2:] == (30, 40)
    assert isinstance(exhibit(run, "The analogy"), Images)
    assert "pixels from the true match" not in run.outcome.scores


def test_maps_that_begin_wrong_come_nearer_to_what_is_wanted():
    draws = torch.Generator().manual_seed(0)
    settings = settle("image-analogy", SMALL | {"steps": 40, "learning_rate": 0.1})
    context = Context(
        Request("image-analogy", settings), device=torch.device("cpu"), folder=None, voice=Quiet(), takes=None
    )
    judge = drawn(0.1, draws)
    layers = "relu4_1", "relu5_1"
    with torch.no_grad():
        seen = [judge(torch.rand(1, 3, 40, 40, generator=draws), layers) for _ in range(2)]
    wanted = tuple(maps["relu5_1"][0] for maps in seen)
    starts = tuple(torch.rand(maps["relu4_1"].shape[1:], generator=draws) * maps["relu4_1"].mean() for maps in seen)
    before = [
        float(relative(judge.onward(maps[None], *layers), goal[None]))
        for maps, goal in zip(starts, wanted, strict=True)
    ]
    found, left = rebuilt(context, judge, layers, wanted, starts, settings)
    after = [
        float(relative(judge.onward(maps[None], *layers), goal[None])) for maps, goal in zip(found, wanted, strict=True)
    ]
    assert left < 0.5 * sum(before) / 2
    assert all(late < 0.5 * early for early, late in zip(before, after, strict=True))


def test_structure_is_kept_where_there_is_most_of_it():
    own, other = torch.zeros(2, 1, 3), torch.full((2, 1, 3), 5.0)
    own[0, 0] = torch.tensor([10.0, 0.05**0.5 * 10, 0.1])  # the strongest place, one at the threshold, an empty one
    kept = (mixture(own, other, 0.8)[0, 0] - 5) / (own[0, 0] - 5)
    expected = [0.8, 0.8 / 2, 0.8 / (1 + math.exp(300 * (0.05 - 0.01**2)))]
    assert kept.tolist() == pytest.approx(expected, abs=1e-4)
    assert torch.equal(mixture(own, other, -0.5), other)
    assert torch.equal(mixture(own, other, 1.4)[..., 0], own[..., 0])


def test_a_bent_image_keeps_its_border_and_moves_a_tenth_at_most():
    places = bent(40, 60)
    far = torch.hypot(*(places - grid(40, 60)))
    assert far.max() <= 4 * 2**0.5
    assert far.max() > 2
    assert far[[0, -1]].max() < 1e-4
    assert far[:, [0, -1]].max() < 1e-4
    image = torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(taken_at(image, grid(40, 60).float()), image, atol=1e-4)
    halfway = grid(40, 60).float()[:, :, :-1] + torch.tensor([0.0, 0.5]).view(2, 1, 1)
    assert torch.allclose(taken_at(image, halfway), (image[:, :, 1:] + image[:, :, :-1]) / 2, atol=1e-4)


# --------------------------------------------------------------------------------------------------------- what is shown
def test_the_page_shows_what_is_found_before_the_end(tmp_path):
    pages = []

    class Reading(Quiet):
        def start(self, *_, name):
            page = tmp_path / "run" / "report.html"
            pages.append((name, page.read_text("utf-8") if page.exists() else ""))
            if name == "matches of relu3_1":
                raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run_recipe("image-analogy", SMALL, out=tmp_path / "run", voice=Reading())
    shown = dict(pages)
    assert shown["matches of relu5_1"] == ""
    assert "Found so far: the matches of relu5_1." in shown["maps of relu4_1"]
    assert "Found so far: the matches of relu4_1." in shown["matches of relu3_1"]
    assert ">Where each place was found<" in shown["matches of relu3_1"]


def test_a_way_has_the_hue_of_its_direction_and_the_paleness_of_its_length():
    ways = torch.tensor([[0, 0], [0, 6], [6, 0], [0, -3], [-4, 4], [0, 60]])  # down, across
    places = grid(1, 6) + ways.T.reshape(2, 1, 6)
    colours = by_way(places, 6.0)[:, 0].T.tolist()
    for (down, across), found in zip(ways.tolist(), colours, strict=True):
        hue = math.atan2(down, across) / (2 * math.pi) % 1
        expected = colorsys.hsv_to_rgb(hue, min(1, math.hypot(down, across) / 6), 1)
        assert found == pytest.approx([255 * part for part in expected], abs=1)


def test_a_match_has_the_colour_of_its_place():
    colours = place_colours(8, 10)
    assert torch.allclose(colours[:, 0, 0] * 255, torch.tensor([27.0, 47, 140]))
    assert torch.allclose(colours[:, 7, 9] * 255, torch.tensor([255.0, 221, 158]))
    assert torch.allclose(colours.diff(n=2, dim=1), torch.tensor(0.0), atol=1e-6), "even from top to bottom"
    assert len(colours.flatten(1).unique(dim=1).T) == 80
    image = torch.full((3, 8, 10), 0.5)
    mirrored = grid(8, 10).flip(2)
    assert torch.equal(by_place(image, (8, 10), mirrored), by_place(image, (8, 10)).flip(2))


def test_points_are_spread_over_the_places_that_are_allowed():
    allowed = torch.zeros(30, 40, dtype=torch.bool)
    allowed[5:25, 8:36] = True
    points = spread_points(allowed, 6)
    assert len(set(points)) == 6
    assert all(allowed[y, x] for y, x in points)
    nearest = min(math.dist(one, other) for one in points for other in points if one != other)
    assert nearest >= 8
    assert len(spread_points(allowed & (grid(30, 40)[0] == 9) & (grid(30, 40)[1] < 10), 6)) == 2
    assert spread_points(allowed & False, 6) == []


def test_a_point_is_drawn_where_it_is_and_small_images_stand_in_the_middle():
    image = torch.zeros(3, 40, 60)
    drawn = with_points(image, [(10, 20), (30, 50)])
    assert drawn.shape == (3, 80, 120)
    rows, columns = drawn.sum(0).nonzero().unbind(1)
    left = columns < 70
    assert (rows[left].float().mean().item(), columns[left].float().mean().item()) == pytest.approx((21, 41), abs=1)
    assert (rows[~left].float().mean().item(), columns[~left].float().mean().item()) == pytest.approx((61, 101), abs=1)
    both = padded([drawn, torch.full((3, 40, 130), 9, dtype=torch.uint8)])
    assert both.shape == (2, 4, 80, 130)
    assert (both[1, 3] > 0).nonzero().aminmax(dim=0).min.tolist() == [20, 0]
    assert torch.equal(both[0, :3, :, 5:125], drawn)


def test_what_cannot_be_matched_is_said_before_anything_is(tmp_path):
    Image.new("RGB", (90, 30)).save(tmp_path / "narrow.png")
    for wrong, expected in (
        ({"first": "absent.jpg"}, "expected an image file"),
        ({"second": str(tmp_path / "narrow.png")}, "would have 40×13"),
        ({"size": 8}, "size"),
        ({"structure": 2}, "structure"),
        ({"rounds": 0}, "rounds"),
    ):
        with pytest.raises(ProfundoError, match=expected) as refused:
            run_recipe("image-analogy", SMALL | wrong | ({"size": 40} if "second" in wrong else {}), out=False)
        assert "\n" not in str(refused.value)


def test_matches_are_measured_where_there_is_something_to_see():
    image = torch.full((3, 30, 40), 0.5)
    image[:, :, 20:] = torch.rand(3, 30, 20, generator=torch.Generator().manual_seed(0))
    seen = structured(image)
    assert seen[:, 24:].all()
    assert not seen[:, :16].any()
    truth = grid(30, 40).float()
    off = grid(30, 40)
    off[:, :, :16] += 9
    off[1, :, 16:] += 3
    off[0, :, 16:] += 4
    assert distance(Given(image, image, truth), off) == 5
