"""The race: descents against what can be computed, too small and too large a rate, the page, and the same race twice."""

import json
import math

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.runs.settings.manners import MANNERS, default_rate
from profundo.studies.optimizer_race import Budget, race, race_html, run_lap, run_place
from profundo.studies.optimizer_surfaces import RATES, STEEP, SURFACES, best_of, descend
from profundo.train import OPTIMIZERS

SMALL = Budget(steps=40, epochs=1, seeds=2, factors=(0.01, 1.0, 100.0), points=21)
LEAST = Budget(steps=5, epochs=1, seeds=2, factors=(1.0,), points=3)


@pytest.fixture(scope="module")
def found():
    torch.set_num_threads(1)
    return race(SMALL)


@pytest.fixture(scope="module")
def page(found):
    return race_html(found)


@pytest.mark.parametrize("rate", [0.0004, 0.02, 0.0399, 0.0401])
def test_descent_in_the_ravine_is_the_closed_form(rate):
    ravine = SURFACES["ravine"]
    found = descend(ravine, "sgd", rate, 60)
    x, y = ravine.start
    for step, place in enumerate(found.places):
        assert place == pytest.approx((x * (1 - rate) ** step, y * (1 - STEEP * rate) ** step), rel=1e-9)


def test_too_large_a_rate_diverges_and_too_small_a_one_crawls():
    """The border is two over the largest curvature, and not a hundredth elsewhere."""
    ravine, limit = SURFACES["ravine"], 2 / STEEP
    below, above = (descend(ravine, "sgd", factor * limit, 2000) for factor in (0.99, 1.01))
    assert below.end < 1e-9
    assert above.diverged
    assert above.end == math.inf
    tiny = descend(ravine, "sgd", 0.005 * limit, 200)
    assert not tiny.diverged
    assert tiny.end > 0.3 * tiny.heights[0]


def test_descent_on_rosenbrocks_valley_follows_its_gradient():
    x, y = -1.2, 1.0
    found = descend(SURFACES["rosenbrock"], "sgd", 0.001, 20)
    for place in found.places:
        assert place == pytest.approx((x, y), rel=1e-9)
        slope = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
        x, y = np.array([x, y]) - 0.001 * slope


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_a_surfaces_goal_is_its_lowest_place(surface):
    assert surface.height(*surface.goal) == pytest.approx(surface.lowest)
    x, y = np.meshgrid(np.linspace(*surface.x, 201), np.linspace(*surface.y, 201))
    assert surface.height(x, y).min() >= surface.lowest - 1e-12
    assert surface.x[0] < surface.start[0] < surface.x[1]
    assert surface.y[0] < surface.start[1] < surface.y[1]


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_the_rate_chosen_is_down_soonest_of_all_candidates(name):
    surface = SURFACES["ravine"]
    soon = {rate: descend(surface, name, rate, 60).steps_to(0.01) for rate in RATES}
    best = best_of(surface, name, 60)
    assert best.steps_to(0.01) == soon[best.rate] == min(one for one in soon.values() if one is not None)


def test_where_no_rate_gets_down_the_lowest_end_is_chosen():
    surface = SURFACES["rosenbrock"]
    ends = {rate: descend(surface, "sgd", rate, 30).end for rate in RATES}
    best = best_of(surface, "sgd", 30)
    assert best.steps_to(0.01) is None
    assert best.rate == min(ends, key=ends.__getitem__)


def test_steps_to_a_share_count_from_where_it_stays_below():
    found = descend(SURFACES["ravine"], "sgd", 0.02, 300)
    after = found.steps_to(0.01)
    assert found.heights[after] <= 0.01 * found.heights[0] < found.heights[after - 1]
    assert descend(SURFACES["ravine"], "sgd", 0.0001, 30).steps_to(0.01) is None


def test_every_optimizer_runs_on_digits_and_the_ranks_go_by_the_mean_loss(found):
    assert {place.optimizer for place in found.ranks} == set(OPTIMIZERS)
    assert [place.mean for place in found.ranks] == sorted(place.mean for place in found.ranks)
    for place in found.ranks:
        assert len(place.laps) == 2
        assert {lap.seed for lap in place.laps} == {1, 2}
        assert {lap.rate for lap in place.laps} == {place.rate}
        assert place.rate == min(place.tried, key=lambda lap: lap.end).rate


def test_the_rate_on_digits_is_the_best_candidate_even_if_far_from_the_default():
    budget = Budget(epochs=1, seeds=2, factors=(0.001, 0.1))
    place = run_place(pf.load("digits"), "adam", budget, 0)
    assert place.rate == place.tried[1].rate == pytest.approx(0.1 * default_rate("adam", 64, MANNERS["images"]))
    assert place.tried[1].end < place.tried[0].end


def test_on_digits_a_hundredth_of_the_rate_crawls_and_a_hundred_times_it_fails(found):
    guessing = math.log(10)
    for place in found.ranks:
        slow, good, fast = place.tried
        assert slow.rate < good.rate < fast.rate
        assert slow.end > 0.7 * guessing, place.optimizer
        assert good.end < 0.5 * guessing, place.optimizer
        assert fast.end > 2 * good.end, place.optimizer
    assert sum(place.tried[2].end > guessing for place in found.ranks) >= 6


def test_a_lap_is_an_ordinary_training_at_a_constant_rate():
    data = pf.load("digits")
    lap = run_lap(data, "nesterov", 0.05, SMALL, 4)
    torch.manual_seed(4)
    run = pf.fit(
        pf.nets.mlp(data.spec), data, optimizer="nesterov", learning_rate=0.05, schedule="constant", epochs=1,
        batch_size=64, seed=4, out=False, device="cpu", precision="float32",
    )  # fmt: skip
    assert lap.losses[-1] == pytest.approx(run.history["validation loss"][-1], rel=1e-5)
    assert lap.accuracy == pytest.approx(run.history["validation accuracy"][-1], abs=0.01)


def test_a_lap_whose_weights_are_lost_ends_without_a_loss():
    lap = run_lap(pf.load("digits"), "sgd", 1e30, SMALL, 0)
    assert lap.losses == (pytest.approx(math.log(10), abs=0.2), math.inf)
    assert 0 <= lap.accuracy <= 1


def test_the_page_shows_crawling_and_diverging_and_says_how_rates_were_chosen(found, page):
    assert "rate 0.0002, crawls" in page
    assert "rate 0.042, diverges" in page
    assert "the least validation loss at seed 0" in page
    assert page.count("<svg") == 14
    for name in OPTIMIZERS:
        assert f'<th scope="row"><bdi>{name}</bdi></th>' in page
    slow, good, fast = found.ravine
    assert slow.end > 0.3 * slow.heights[0]
    assert good.end < 0.1 * good.heights[0]
    assert fast.heights[-1] > 10 * fast.heights[0]
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_the_same_race_gives_the_same_page(found, page):
    state = torch.get_rng_state()
    one, other = race(LEAST), race(LEAST)
    assert torch.equal(torch.get_rng_state(), state)
    assert (one.as_plain_data(), one.walk, one.ravine) == (other.as_plain_data(), other.walk, other.ravine)
    assert race_html(found) == page
    assert json.loads(json.dumps(found.as_plain_data(), allow_nan=False))["digits"][0]["rank"] == 1


def test_the_command_writes_the_page_and_prints_the_ranks(found, tmp_path, monkeypatch, called):
    monkeypatch.setattr("profundo.studies.optimizer_race.race", lambda *_, **__: found)
    done = called("optimizers", "--quick", cwd=tmp_path)
    assert done.returncode == 0
    assert all(name in done.stdout for name in OPTIMIZERS)
    assert "written: optimizers.html" in done.stderr
    assert (tmp_path / "optimizers.html").read_text().startswith("<!doctype html>")


def test_the_ways_lie_on_the_surface_of_the_net_they_began_with(found):
    """All begin at one place; the loss at the origin is that of the net whose way ends there."""
    walk, first = found.walk, found.ranks[0]
    assert walk.origin == first.optimizer
    starts = {tuple(round(x, 4) for x in way[0]) for way in walk.ways.values()}
    assert len(starts) == 1
    assert all(len(way) == SMALL.epochs + 1 for way in walk.ways.values())
    assert walk.ways[walk.origin][-1] == pytest.approx((0, 0), abs=1e-5)
    data = pf.load("digits")
    net = pf.nets.mlp(data.spec)
    net.load_state_dict(first.way[-1])
    run = pf.fit(
        net, data, out=False, epochs=1, learning_rate=1e-12, schedule="constant", optimizer="sgd", capture=False
    )
    loss = run.evaluate("train")["log loss"]
    a, b = (min(range(len(side)), key=lambda at: abs(side[at])) for side in (walk.across, walk.up))
    assert walk.losses[b][a] == pytest.approx(loss, rel=0.3)
    assert min(map(min, walk.losses)) <= walk.losses[b][a]
