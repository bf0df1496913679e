"""Nets of quadratic units: fitted as by others, grown to what is there, written out as what they compute."""

from itertools import chain

import numpy as np
import pytest
import torch

from profundo.nets.polynomial_units import assembled, in_layers, quadratic_terms
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.gmdh import Settings, expanded, fitted_weights, grown, refitted
from profundo.records import ProfundoError


def drawn(samples, inputs, seed=0):
    return torch.randn(samples, inputs, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def grown_on(function, samples=120, **settings):
    """A growth for the function of four inputs, and what it learned from: half of the samples to fit, half to check by."""
    rows, half = drawn(samples, 4), samples // 2
    values = function(rows.T)[:, None]
    growth = grown((rows[:half], values[:half]), (rows[half:], values[half:]), Settings(**settings))
    return growth, rows, values


def test_weights_are_those_of_scikit_learns_quadratic_regression():
    from sklearn.linear_model import LinearRegression
    from sklearn.preprocessing import PolynomialFeatures

    rows, target = drawn(80, 2), drawn(80, 1, seed=1)
    terms = PolynomialFeatures(2).fit_transform(rows.numpy())  # 1, u, v, u², uv, v²
    theirs = LinearRegression(fit_intercept=False).fit(terms, target.numpy()).coef_[0]
    ours = fitted_weights(quadratic_terms(rows[:, 0], rows[:, 1]), target)[:, 0]
    assert ours[[0, 1, 2, 3, 5, 4]].numpy() == pytest.approx(theirs, abs=1e-5)


def test_what_two_layers_are_needed_for_is_found_without_the_other_inputs():
    growth, rows, values = grown_on(lambda x: x[0] * x[1] * (1 + 0.5 * x[2]), samples=1200, layers=2)
    root = refitted(growth.best(), rows, values)
    ends = {one for unit in chain.from_iterable(in_layers([root])) for one in (unit.left, unit.right)}
    assert root.depth == 2
    assert {one for one in ends if isinstance(one, int)} == {0, 1, 2}
    fresh = drawn(200, 4, seed=5)
    truth = fresh[:, 0] * fresh[:, 1] * (1 + 0.5 * fresh[:, 2])
    gap = assembled([root], 4, "real")(fresh)[:, 0] - truth
    assert gap.square().mean() < 0.01 * truth.square().mean()
    assert growth.bests[0].error ** 2 > 0.1 * float(values.square().mean()), "one layer is not enough"


def test_the_criterion_is_the_error_on_samples_kept_apart_and_no_pair_has_a_lower_one():
    growth, rows, values = grown_on(lambda x: x[0] * x[1] + x[2].sin() + 0.3 * x[3].abs(), layers=1)
    errors = []
    for u, v in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]:
        terms = quadratic_terms(rows[:, u], rows[:, v]).numpy()
        weights = np.linalg.lstsq(terms[:60], values[:60].numpy(), rcond=None)[0]
        errors.append(float(np.sqrt(np.mean((terms[60:] @ weights - values[60:].numpy()) ** 2))))
    assert growth.best().error == pytest.approx(min(errors), rel=1e-4)
    assert growth.tried == 6


def test_growth_ends_where_a_layer_gains_too_little():
    noise = drawn(120, 1, seed=9)[:, 0]
    growth, _, _ = grown_on(lambda _: noise, gain=0.3)
    assert len(growth.bests) == 2
    assert len(grown_on(lambda _: noise, gain=0.0, layers=3)[0].bests) <= 3


def test_multiplied_out_it_is_the_same_polynomial():
    growth, _, _ = grown_on(lambda x: x[0] * x[1] + x[2].square() * x[0], layers=2)
    root, places = growth.best(2), 0.3 * drawn(20, 4, seed=3)
    said = assembled([root], 4, "real").values(places)[:, -1].detach()
    assert ((said > root.limits[0]) & (said < root.limits[1])).all()
    terms = expanded(root)
    assert max(map(len, terms)) <= 4
    total = sum(weight * places[:, list(key)].prod(1) for key, weight in terms.items())
    assert total.numpy() == pytest.approx(said.numpy(), rel=1e-9, abs=1e-9)


def test_far_away_it_says_no_more_than_its_target_ever_was():
    growth, _, values = grown_on(lambda x: x[0] * x[1] * x[2])
    said = assembled([growth.best()], 4, "real")(1e6 * drawn(50, 4, seed=2))
    assert said.abs().max() <= 1.2 * values.abs().max() + 0.2 * (values.max() - values.min())


def test_outputs_of_classes_are_logarithms_of_probabilities_and_of_two_classes_log_odds():
    growth, rows, values = grown_on(lambda x: (x[0] + x[1] > 0).double())
    said = assembled([growth.best()], 4, "real")(rows)[:, 0].double()
    shares = assembled([growth.best()] * 2, 4, "classes")(rows).exp()[:, 0].double()
    odds = assembled([growth.best()], 4, "binary")(rows)[:, 0].double()
    inside = (said > 0.01) & (said < 0.99)
    assert shares[inside].detach().numpy() == pytest.approx(said[inside].detach().numpy(), rel=1e-5)
    assert odds.sigmoid()[inside].detach().numpy() == pytest.approx(said[inside].detach().numpy(), rel=1e-5)
    assert odds.isfinite().all()
    assert ((odds > 0) == values[:, 0].bool()).double().mean() > 0.9


def test_a_table_of_ones_own_is_predicted_by_name_with_its_classes(tmp_path):
    rows = [f"{at % 11},{at % 7},{'high' if (at % 11) * (at % 7) > 15 else 'low'}" for at in range(150)]
    (tmp_path / "own.csv").write_text("\n".join(["a,b,size", *rows]))
    given = {"data": str(tmp_path / "own.csv"), "target": "size", "splits": 1}
    run = run_recipe("gmdh", given, quick=True, out=False)
    (score,) = run.outcome.scores.values()
    assert score < 0.1
    assert run.outcome.rivals.keys() == {"random forest", "boosted trees"}
    (tmp_path / "new.csv").write_text("b,a\n6,10\n0,1\n")
    assert [row["prediction"] for row in run.predict([tmp_path / "new.csv"])] == ["high", "low"]
    assert run.outcome.conclusion.startswith("Share mistaken on own: the net that grew ")
    assert run.outcome.conclusion.count("%") == 4
    with pytest.raises(ProfundoError, match="has no column 'siez'"):
        run_recipe("gmdh", {**given, "target": "siez"}, quick=True, out=False)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"data": "no.csv", "target": "y"}, "there is no such file"),
        ({"data": "iri", "target": "y"}, "there is no such file; nearest: iris"),
        ({"data": "empty", "target": "y"}, "found a folder without files"),
        ({"data": "wine", "target": "y"}, "target: is for a table of your own, wine has its own"),
        ({"target": "y"}, "target: is for a table of your own, diabetes has its own"),
    ],
)
def test_a_table_that_is_not_there_and_a_target_of_none_are_refused(given, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProfundoError, match=reason):
        run_recipe("gmdh", given, quick=True, out=False)


def test_one_input_is_enough_and_a_column_of_text_is_none(tmp_path):
    numbers = "\n".join(f"{at / 10},{(at / 10) ** 2}" for at in range(60))
    (tmp_path / "one.csv").write_text("x,y\n" + numbers)
    run = run_recipe("gmdh", {"data": str(tmp_path / "one.csv"), "target": "y", "splits": 1}, quick=True, out=False)
    (score,) = run.outcome.scores.values()
    assert score < 0.1
    words = "\n".join(f"the {at}th of many words about thing {at * at} and others,{at}" for at in range(60))
    (tmp_path / "words.csv").write_text("said,y\n" + words)
    with pytest.raises(ProfundoError, match="texts in the column 'said'") as refused:
        run_recipe("gmdh", {"data": str(tmp_path / "words.csv"), "target": "y"}, quick=True, out=False)
    assert "\n" not in str(refused.value)
