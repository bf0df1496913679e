"""Targets bent and brought back: against closed forms and scikit-learn, and in every answer of a run."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import QuantileTransformer

import profundo as pf
from profundo.data.target_transforms import learned_transform, measured_targets, skewness
from profundo.records import ProfundoError, Targets
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import open_run, train
from profundo.units import bend, in_own_units, interpolate, standard_units, unbend

DRAW = np.random.default_rng(0)


def column(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["none", "log", "rank"])
@pytest.mark.parametrize("values", [DRAW.lognormal(3, 2, 500), DRAW.integers(1, 9, 500), 1e8 + DRAW.normal(0, 10, 500)])
def test_what_is_bent_comes_back(kind, values):
    wide = column(values).unsqueeze(1)
    targets = measured_targets(Targets("real", names=("y",)), wide, kind)
    beyond = wide.max() + wide.std() * torch.tensor([[-50.0], [0.5], [3.0]], dtype=torch.float64)
    every = torch.cat([wide, beyond])  # also what training has not seen
    back = in_own_units(standard_units(every, targets), targets)
    assert back.dtype == torch.float64
    torch.testing.assert_close(back, every, rtol=1e-5, atol=1e-4)
    if kind != "rank":
        bent = standard_units(wide, targets).double()
        assert float(bent.mean()) == pytest.approx(0, abs=1e-4)
        assert float(bent.std(correction=0)) == pytest.approx(1, abs=1e-4)


def test_the_logarithm_is_the_logarithm_and_zeros_have_one():
    how = learned_transform("y", column([1.0, math.e, math.e**2]), "log")
    assert bend(column([1.0, math.e]), how).tolist() == pytest.approx([0, 1])
    with_zeros = learned_transform("y", column([0.0, 2.0, 5.0]), "log")
    assert bend(column([0.0, 3.0]), with_zeros).tolist() == pytest.approx([math.log(2), math.log(5)])
    assert unbend(column([math.log(2), math.log(5)]), with_zeros).tolist() == pytest.approx([0, 3])
    assert bend(column([0.5, -0.5]), how).tolist() == pytest.approx(
        [math.log(0.5), math.log(0.5) - 2]
    )  # and its tangent


def test_by_rank_a_target_is_normal_as_scikit_learn_makes_it():
    values = np.sort(DRAW.gamma(1, 5, 3001))
    ours = bend(column(values), learned_transform("y", column(values), "rank")).numpy()
    theirs = QuantileTransformer(n_quantiles=3001, output_distribution="normal").fit_transform(values[:, None])[:, 0]
    middle = np.abs(theirs) < 2
    np.testing.assert_allclose(ours[middle], theirs[middle], atol=0.03)
    assert abs(skewness(torch.from_numpy(ours))) < 0.1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30, unique=True), st.lists(st.floats(-99, 99), min_size=1))
def test_lines_between_points_are_those_of_numpy(points, at):
    places = tuple(sorted(points))
    heights = tuple(float(place) for place in range(len(places)))
    ours = interpolate(column(at), places, heights)
    within = (np.array(at) >= places[0]) & (np.array(at) <= places[-1])
    np.testing.assert_allclose(ours.numpy()[within], np.interp(at, places, heights)[within], atol=1e-6)
    assert bool((ours.diff() * column(at).diff() >= 0).all())  # and on as at the ends


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (DRAW.lognormal(0, 1, 800), "log"),
        (DRAW.poisson(0.5, 800) * DRAW.lognormal(0, 1.5, 800), "log"),
        (DRAW.normal(10, 1, 800), "none"),
        (DRAW.uniform(0, 1, 800), "none"),
        (DRAW.standard_cauchy(800), "rank"),
        (np.full(800, 3.0), "none"),
    ],
)
def test_auto_takes_what_the_training_targets_ask_for(values, kind):
    assert learned_transform("y", column(values), "auto").kind == kind


@pytest.mark.parametrize(("values", "says"), [([-1.0, 2.0], "at least 0, got -1"), ([0.0, 0.0], "all training values")])
def test_what_has_no_logarithm_is_refused_in_one_line(values, says):
    with pytest.raises(ProfundoError, match=says):
        learned_transform("y", column(values), "log")


def test_classes_have_no_transform():
    with pytest.raises(ProfundoError, match="is for numbers, the target is classes"):
        pf.load("iris", target_transform="log")
    assert pf.load("iris", target_transform="auto").spec.targets.transforms == ()


# -------------------------------------------------------------------------------------------------------------- a run
@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    place = tmp_path_factory.mktemp("prices")
    draw = np.random.default_rng(1)
    x = draw.normal(size=(400, 3))
    y = np.exp(x @ [1.2, -0.7, 0.2] + 10 + draw.normal(0, 0.1, 400))
    lines = [f"{a:.5f},{b:.5f},{c:.5f},{price:.2f}" for (a, b, c), price in zip(x, y, strict=True)]
    (place / "prices.csv").write_text("a,b,c,price\n" + "\n".join(lines) + "\n")
    return place


@pytest.mark.parametrize("kind", ["log", "rank"])
def test_every_answer_of_a_run_is_in_the_targets_own_units(prices, kind):
    out = prices / kind
    run = train(
        new_experiment(data=str(prices / "prices.csv"), target="price", target_transform=kind, epochs=20), out=out
    )
    predictions = run.predict(run.data.test.inputs)
    truth = run.data.test.targets.double()
    assert run.scores.values["RMSE"] == pytest.approx(float((predictions - truth).square().mean().sqrt()), rel=1e-4)
    assert float((predictions / truth).log().abs().median()) < 0.3
    again = open_run(out)
    assert again.scores.values == pytest.approx(run.scores.values, rel=1e-6)
    assert json.loads((out / "model.json").read_text())["spec"]["targets"]["transforms"][0]["kind"] == kind
    exported = pf.export(out) if hasattr(pf, "export") else None
    assert exported is None or exported.difference <= 1e-4


def test_the_logarithm_predicts_prices_better_than_as_they_are(prices):
    errors = {}
    for kind in ("none", "log"):
        data = pf.load(prices / "prices.csv", target="price", target_transform=kind)
        run = pf.fit(pf.nets.build("mlp", data.spec), data, epochs=20, out=False)
        predictions = run.predict(data.test.inputs).clamp(min=1)
        errors[kind] = float((predictions / data.test.targets).log().square().mean().sqrt())
    assert errors["log"] < 0.6 * errors["none"]
