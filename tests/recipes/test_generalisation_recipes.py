"""Overfitting, bias and variance, and double descent are there to be seen, at quick sizes too."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.data.full_batch import whole
from profundo.data.sets.known_functions import arcsine, truth, with_noise
from profundo.recipes.polynomials import chebyshev, fitted
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.double_descent import random_features
from profundo.records import ProfundoError


def column(run, title: str, name: str) -> list[float]:
    """Of a table among the exhibits."""
    (table,) = [exhibit for exhibit in run.exhibits if exhibit.title == title]
    lines = [line.split("\t") for line in table.text.splitlines()]
    return [float(row[lines[0].index(name)].replace(",", "")) for row in lines[1:]]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_training_error_only_falls_with_the_degree_while_validation_chooses_one_between(seed):
    run = run_recipe("polynomial-degree", seed=seed, out=False)
    training, test = column(run, "Errors", "training"), column(run, "Errors", "test")
    assert all(b <= a + 1e-9 for a, b in pairwise(training))
    chosen = int(run.outcome.scores["chosen degree"])
    assert 0 < chosen < 20
    assert test[chosen] < 0.8 * test[0]
    assert test[chosen] < 0.8 * test[-1]
    assert chosen == int(np.argmin(column(run, "Errors", "validation")))


def test_polynomials_are_those_that_numpy_fits():
    draw = torch.Generator().manual_seed(4)
    x = arcsine((25,), draw)
    y, places = with_noise(x, 0.3, draw), torch.linspace(float(x.min()), float(x.max()), 50, dtype=torch.float64)
    for degree in (0, 1, 5, 20):
        exact = np.polynomial.Legendre.fit(x.numpy(), y.numpy(), degree)(places.numpy())
        assert np.allclose(fitted(x, y, places, degree).numpy(), exact, atol=1e-6)


def test_a_degree_that_the_samples_cannot_determine_is_refused():
    with pytest.raises(ProfundoError, match="degree 10: expected less than"):
        run_recipe("polynomial-degree", {"degree": 10, "samples": 10}, out=False)
    with pytest.raises(ProfundoError, match="degree 10: expected less than"):
        run_recipe("bias-variance", {"degree": 10, "samples": 10}, out=False)


def test_bias_variance_and_noise_add_up_to_the_error_measured_on_fresh_samples():
    run = run_recipe("bias-variance", quick=True, out=False)
    for title in ("Polynomials: the parts of the error", "Nets: the parts of the error"):
        total, error = column(run, title, "sum"), column(run, title, "measured")
        assert total == pytest.approx(error, rel=0.06)
    assert run.outcome.scores["largest gap of the identity"] < 0.06


def test_bias_falls_and_variance_grows_with_the_degree():
    run = run_recipe("bias-variance", {"widths": [1], "epochs": 1}, out=False)
    title = "Polynomials: the parts of the error"
    bias, variance, error = (column(run, title, name) for name in ("bias²", "variance", "measured"))
    assert bias[9] < 0.05 * bias[0]
    assert variance[25] > 5 * variance[0]
    best = int(np.argmin(error))
    assert 0 < best < 25


def test_variance_of_a_linear_fit_is_that_of_the_formula():
    """For one design X, Var f̂(x) = σ² x(XᵀX)⁻¹xᵀ."""
    draw = torch.Generator().manual_seed(0)
    design = arcsine((20,), draw)
    x = design.expand(4000, -1)
    y = with_noise(x, 0.3, draw)
    places = torch.linspace(-1, 1, 9, dtype=torch.float64)
    measured = fitted(x, y, places, 3).var(0)
    features, at = chebyshev(design, 3), chebyshev(places, 3)
    expected = 0.09 * (at @ torch.linalg.inv(features.T @ features) * at).sum(1)
    assert torch.allclose(measured, expected, rtol=0.1)


def test_chebyshev_polynomials_are_cosines():
    angle = torch.linspace(0, 3, 20, dtype=torch.float64)
    for degree in (0, 1, 2, 7):
        values = chebyshev(torch.cos(angle), degree)
        assert values.shape == (20, degree + 1)
        assert torch.allclose(values[:, degree], torch.cos(degree * angle))


def test_the_curve_behind_the_samples_is_two_sine_waves():
    x = torch.tensor([-1.0, -0.75, 0.0, 0.25, 0.75])
    assert torch.allclose(truth(x), torch.tensor([0.0, 1.0, 0.0, 1.0, -1.0]), atol=1e-6)


@pytest.fixture(scope="module")
def descent():
    return run_recipe("double-descent", quick=True, out=False)


@pytest.mark.parametrize("family", ["nets", "random features"])
def test_test_error_has_its_peak_at_the_threshold_and_descends_again(descent, family):
    scores = descent.outcome.scores
    peak = scores[f"test error (%), at the peak, {family}"]
    assert peak > 1.2 * scores[f"test error (%), best before the peak, {family}"]
    assert peak > 1.2 * scores[f"test error (%), largest, {family}"]


@pytest.mark.parametrize("family", ["Nets", "Random features"])
def test_risk_peaks_where_the_training_samples_begin_to_be_fitted(descent, family):
    training, test = (column(descent, f"{family}: the figures", name) for name in ("training risk", "test risk"))
    assert int(np.argmax(test)) == 1, "the middle size has about as many weights as there are values to fit"
    assert training[0] > 10 * training[1]
    assert training[2] < 1e-4
    assert test[1] > 1.5 * max(test[0], test[2])


def test_beyond_the_threshold_random_features_beat_the_best_that_is_below_it(descent):
    scores = descent.outcome.scores
    largest = scores["test error (%), largest, random features"]
    assert largest < scores["test error (%), best before the peak, random features"]


def test_random_features_are_on_about_half_the_time():
    hidden = random_features(64, 500, torch.Generator().manual_seed(0))
    values = hidden(torch.randn(200, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    assert float((values > 0).float().mean()) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("features", [20_000, 80_000])
def test_random_features_multiply_to_the_arc_cosine_kernel_however_many_there_are(features):
    """Of normal weights, the mean of relu(w·x) relu(w·y) is ‖x‖‖y‖ (sin θ + (π − θ) cos θ) / 2π (Cho & Saul 2009, eq. 6)."""
    inputs = np.random.default_rng(0).normal(size=(4, 9))
    hidden = random_features(9, features, torch.Generator().manual_seed(0))(torch.from_numpy(inputs)).numpy()
    drawn = np.hstack([inputs / 9**0.5, np.full((4, 1), 0.5)])  # weights of variance 1/9, biases of variance 1/4
    norms = np.linalg.norm(drawn, axis=1)
    angles = np.arccos(np.clip(drawn @ drawn.T / np.outer(norms, norms), -1, 1))
    kernel = np.outer(norms, norms) * (np.sin(angles) + (np.pi - angles) * np.cos(angles)) / (2 * np.pi)
    assert np.allclose(hidden @ hidden.T, kernel, atol=0.02)


@pytest.fixture(scope="module")
def minima():
    return run_recipe("local-minima", quick=True, out=False)


def test_wide_nets_end_alike_and_a_bend_goes_round_most_of_the_wall(minima):
    scores, narrow = minima.outcome.scores, minima.outcome.baseline
    for split in ("training", "test"):
        name = f"spread of {split} loss, width 50"
        assert scores[name] < 0.2 * narrow[name]
    assert scores["bent wall, width 50"] < 0.5 * scores["straight wall, width 50"]


def test_the_losses_of_the_nets_are_those_of_each_alone(minima):
    data = pf.load("digits")
    batch = whole(data.test, data.spec)
    net = minima.outcome.networks["width 10"]
    hidden_weight, hidden_bias, weight, bias = (value.detach() for value in net.parameters())
    alone = []
    for at in range(6):
        hidden = torch.relu(batch.inputs.flatten(1) @ hidden_weight[at] + hidden_bias[at])
        outputs = hidden @ weight[at] + bias[at]
        alone.append(float(torch.nn.functional.cross_entropy(outputs, batch.targets)))
    assert column(minima, "The figures", "test loss")[1] == pytest.approx(np.mean(alone), rel=1e-4)
