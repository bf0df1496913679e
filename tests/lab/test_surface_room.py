"""The room of surfaces: planes as the library measures them, optimizers as PyTorch's, and odd questions refused."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import profundo as pf
from lab_desk import Page, new_lab
from profundo.inspect.landscape_view import SurfaceQuestion, plane_views
from profundo.lab.rooms.room_calls import CALLS
from profundo.recipes.recipe_run import run_recipe
from profundo.records import ProfundoError


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    made = new_lab(tmp_path_factory.mktemp("lab"))
    pf.fit("mlp", "iris", epochs=3, out=made.runs / "iris", keep_epochs=True, capture=False, seed=0)
    run_recipe("siamese", {"epochs": 1, "steps": 2, "episodes": 2}, quick=True, out=made.runs / "siamese")
    return made


@pytest.fixture(scope="module")
def page(lab):
    return Page(lab)


def test_a_plane_comes_from_coarse_to_fine(page, lab):
    given = {"run": "iris", "kind": "path", "fineness": "coarse", "samples": 50}
    values = [one["value"] for one in page.pushed("surface.plane", **given)]
    measured = [one["measured"] for one in values if "measured" in one]
    assert measured == sorted(measured)
    last = values[-1]
    assert last["measured"] == last["wanted"] == 169
    *_, view = plane_views(
        lambda: pf.open_run(lab.runs / "iris"), lab.runs / "iris", SurfaceQuestion("path", "coarse", 50)
    )
    np.testing.assert_allclose(last["losses"], view.heights.losses[::4, ::4], rtol=1e-6)
    np.testing.assert_allclose(last["places"], view.heights.places, rtol=1e-6, atol=1e-6)
    assert last["loss"] == view.loss
    assert list((lab.runs / "iris" / "landscape").glob("path-view-*.npz"))


def test_a_visitor_looks_and_leaves_nothing_behind(lab):
    visitor = Page(lab, "visitor")
    last = visitor.last("surface.plane", run="iris", kind="random", fineness="coarse", samples=20)
    assert last["value"]["measured"] == 169
    assert not list((lab.runs / "iris" / "landscape").glob("random-*"))


def test_a_run_without_such_a_surface_says_so(page, lab):
    assert {row["run"] for row in page.call("surface.runs")["runs"]} == {"iris", "siamese"}
    refused = page.last("surface.plane", run="siamese")["refused"]
    assert "lowered another loss" in refused
    assert str(lab.runs) not in refused
    with pytest.raises(ProfundoError, match="choose one of the list"):
        page.call("surface.plane", run="../iris")


def test_heights_are_those_of_the_formula(page):
    told = page.call("surface.heights", surface="rosenbrock", side=21)
    x, y = np.meshgrid(told["across"], told["up"])
    np.testing.assert_allclose(told["heights"], (1 - x) ** 2 + 100 * (y - x**2) ** 2, atol=1e-12)


def test_plain_descent_multiplies_the_error_at_each_step(page):
    told = page.call(
        "surface.descents", surface="ravine", x=-4.0, y=1.0, rates={"sgd": 0.03, "momentum": 0.01}, steps=20
    )
    sgd, momentum = told["ways"]
    steps = np.arange(21)
    np.testing.assert_allclose(sgd["places"], np.stack([-4 * 0.97**steps, (1 - 1.5) ** steps], 1), rtol=1e-5, atol=1e-7)
    place, expected = torch.nn.Parameter(torch.tensor([-4.0, 1.0], dtype=torch.float64)), []
    optimizer = torch.optim.SGD([place], lr=0.01, momentum=0.9)
    for _ in range(21):
        expected.append(place.tolist())
        optimizer.zero_grad()
        (0.5 * (place[0] ** 2 + 50 * place[1] ** 2)).backward()
        optimizer.step()
    np.testing.assert_allclose(momentum["places"], expected, rtol=1e-5, atol=1e-6)
    diverged = page.call("surface.descents", surface="ravine", x=1.0, y=1.0, rates={"sgd": 0.1}, steps=100)["ways"][0]
    assert diverged["diverged"]
    assert len(diverged["places"]) < 101


def test_the_best_rate_of_the_ravine_lies_below_two_over_its_curvature(page):
    last = page.last("surface.rates", surface="ravine", x=-9.0, y=1.5, optimizers=["sgd"], steps=30)
    assert last["value"]["rates"] == {"sgd": 0.03}


def test_an_optimizer_that_no_rate_brings_to_the_goal_is_named(page):
    """Along the flat way of the ravine the height is multiplied by (1 − rate)² a step, and of the rates the best is 0.03: 30 steps
    leave 0.97⁶⁰ = 16 % of it, of the whole 7 %; 100 leave 0.2 %."""
    start = {"surface": "ravine", "x": -9.0, "y": 1.5, "optimizers": ["sgd"]}
    soon, late = (page.last("surface.rates", **start, steps=steps)["value"] for steps in (30, 100))
    assert soon["rates"]["sgd"] == late["rates"]["sgd"] == 0.03
    assert soon["never"] == ["sgd"]
    assert late["never"] == []


def test_ways_on_a_real_net_end_where_its_training_ended(page):
    values = [one["value"] for one in page.pushed("surface.walk", rates={"sgd": 0.1, "adam": 0.003}, epochs=1)]
    assert [len(one["laps"]) for one in values] == [0, 1, 2, 2, 2]
    last = values[-1]
    assert {name: len(way) for name, way in last["ways"].items()} == {"sgd": 2, "adam": 2}
    np.testing.assert_allclose(last["ways"]["sgd"][0], last["ways"]["adam"][0], atol=1e-5)  # the same first weights
    assert (
        min(np.abs(way[-1]).max() for way in last["ways"].values()) <= 1e-5
    )  # one of them ends in the middle of the plane
    assert all(len(lap["losses"]) == 2 for lap in last["laps"])


@pytest.mark.parametrize(
    ("call", "given", "says"),
    [
        ("heights", {"surface": "__class__"}, "one of rosenbrock"),
        ("descents", {"surface": "ravine", "x": 0.0, "y": 0.0, "rates": {"lion": 0.1}}, "unknown"),
        ("rates", {"surface": "ravine", "x": 0.0, "y": 0.0, "optimizers": ["lion"]}, "unknown"),
        ("walk", {"rates": {"lion": 0.1}}, "unknown"),
    ],
)
def test_names_that_are_none_are_refused(page, call, given, says):
    with pytest.raises(ProfundoError, match=says):
        page.call(f"surface.{call}", **given)


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("descents", {"surface": "ravine", "x": 1e30, "y": 0.0, "rates": {"sgd": 0.1}}),
        ("descents", {"surface": "ravine", "x": 0.0, "y": 0.0, "rates": {}}),
        ("descents", {"surface": "ravine", "x": 0.0, "y": 0.0, "rates": {"sgd": -0.1}}),
        ("descents", {"surface": "ravine", "x": 0.0, "y": 0.0, "rates": {"sgd": 0.1}, "steps": 10**9}),
        ("heights", {"surface": "ravine", "side": 10**5}),
        ("plane", {"run": "iris", "kind": "bowl"}),
        ("plane", {"run": "iris", "samples": 10**9}),
        ("plane", {"run": "iris", "span": 0.0}),
        ("walk", {"rates": {"sgd": 0.1}, "epochs": 10**6}),
    ],
)
def test_malformed_questions_do_not_reach_the_library(call, given):
    with pytest.raises(ValidationError):
        CALLS[f"surface.{call}"].form.model_validate(given)
