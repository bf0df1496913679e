"""How far figures lie apart: against NumPy, and the corrected error against what resampling data really does."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from profundo.evaluate import Answers, figures
from profundo.evaluate.spread import is_beyond_chance, sampling_errors, spread, student
from profundo.records import Targets


def test_figures_are_those_of_numpy():
    values = np.random.default_rng(0).normal(3, 2, 15)
    found = spread(values.tolist(), held=1 / 4)
    assert found.number == 15
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(ddof=1))
    assert found.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(15))
    assert found.corrected_error == pytest.approx(np.sqrt((1 / 15 + 1 / 4) * values.var(ddof=1)))
    assert (found.smallest, found.largest) == (values.min(), values.max())


def test_one_figure_has_no_spread_and_what_is_not_finite_is_left_out():
    assert spread([2.0]).deviation == 0
    assert spread([1.0, math.nan, 3.0]).mean == 2.0
    assert math.isnan(spread([math.inf]).mean)
    assert spread([]).number == 0


def test_students_distribution_is_that_of_scipy():
    for freedom in (*range(1, 12), 29, 30, 199):
        for probability in (0.5, 0.95, 0.999):
            assert student(freedom, probability) == pytest.approx(stats.t.ppf((1 + probability) / 2, freedom), rel=1e-9)


def test_a_mean_of_pure_noise_is_called_more_than_chance_one_time_in_twenty():
    random = np.random.default_rng(0)
    for number in (2, 3, 5):
        found = [spread(random.normal(size=number).tolist()) for _ in range(4000)]
        share = np.mean([is_beyond_chance(one, one.standard_error) for one in found])
        assert share == pytest.approx(0.05, abs=0.012)
    assert not is_beyond_chance(spread([3.0]), 0.0)
    assert is_beyond_chance(spread([3.0, 3.0]), 0.0)


def test_the_corrected_error_is_nearer_to_the_truth_of_repeated_cross_validation():
    """The mean squared error of a mean, by 10 × 5 folds: its true deviation over data sets beside both estimates."""
    random = np.random.default_rng(0)
    means, plain, corrected = [], [], []
    for _ in range(300):
        y = random.normal(size=40)
        errors = []
        for _ in range(10):
            for held in np.split(random.permutation(40), 5):
                rest = np.setdiff1d(np.arange(40), held)
                errors.append(float(((y[held] - y[rest].mean()) ** 2).mean()))
        found = spread(errors, held=1 / 4)
        means.append(found.mean)
        plain.append(found.standard_error)
        corrected.append(found.corrected_error)
    truth = np.std(means)
    assert np.mean(plain) < 0.45 * truth  # as if 50 folds were 50 samples of the world
    assert 0.8 * truth < np.mean(corrected) < 1.35 * truth


@pytest.mark.parametrize("kind", ["real", "binary", "labels"])
def test_sampling_errors_are_how_far_figures_lie_apart_over_draws_of_the_samples(kind):
    """Against the bootstrap, which draws the samples anew and asks for the figures each time."""
    random = torch.Generator().manual_seed(0)
    width = () if kind == "binary" else (2,)
    targets = Targets(kind, ("a", "b"))
    truth = (torch.rand(400, *width, generator=random) < 0.5).float()
    predictions = (0.25 + 0.5 * truth + 0.2 * torch.randn(400, *width, generator=random)).clamp(0.01, 0.99)
    costs = -torch.where(truth > 0.5, predictions, 1 - predictions).log()
    said = Answers(
        predictions, truth.long() if kind == "binary" else truth, costs if kind == "binary" else costs.sum(1)
    )
    draws = [torch.randint(400, (400,), generator=random) for _ in range(1500)]
    drawn = [figures(Answers(said.predictions[at], said.targets[at], said.costs[at]), targets) for at in draws]
    found = sampling_errors(said, targets)
    assert len(found) >= 2
    for name, error in found.items():
        assert error == pytest.approx(np.std([one[name] for one in drawn]), rel=0.1), name
