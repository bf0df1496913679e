"""Importance, dependence and drivers: against scikit-learn's, and where the answer is known in closed form."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.inspection import partial_dependence as sklearn_dependence
from sklearn.inspection import permutation_importance as sklearn_importance

from profundo.evaluate.importance import drivers, partial_dependence, permutation_importance


@pytest.fixture(scope="module")
def friedman():
    """A model that scikit-learn fitted, as a function of tensors; rows and targets it has not seen."""
    x, y = make_friedman1(800, n_features=7, noise=0.5, random_state=0)
    model = HistGradientBoostingRegressor(max_iter=60, random_state=0).fit(x[:400], y[:400])
    return model, (lambda rows: torch.from_numpy(model.predict(rows.double().numpy()))), x[400:], y[400:]


COLUMNS = [slice(place, place + 1) for place in range(7)]


def test_permutation_importance_is_scikit_learns(friedman):
    model, predict, x, y = friedman
    truth = torch.from_numpy(y)
    found = permutation_importance(
        predict, lambda p, at: -(p - truth[at]).square().mean().item(), torch.from_numpy(x), COLUMNS, repeats=20
    )
    theirs = sklearn_importance(model, x, y, scoring="neg_mean_squared_error", n_repeats=20, random_state=0)
    for (mean, low, high), other, spread in zip(found, theirs.importances_mean, theirs.importances_std, strict=True):
        assert mean == pytest.approx(other, abs=4 * spread / np.sqrt(20) + 1e-6)
        assert low <= mean <= high
    assert all(low > 0 for _, low, _ in found[:5])  # Friedman's function knows the first five columns
    assert all(low <= 0 <= high for _, low, high in found[5:])


def test_the_interval_of_an_importance_holds_the_luck_of_the_samples():
    """y = x + noise and the answer x: shuffling costs 2 var(x) in squared error, whatever samples there are."""
    draw, held = torch.Generator().manual_seed(0), 0
    for seed in range(60):
        x = torch.randn(100, 1, generator=draw)
        y = x[:, 0] + 0.5 * torch.randn(100, generator=draw)
        ((_, low, high),) = permutation_importance(
            lambda rows: rows[:, 0],
            lambda p, at, y=y: -(p - y[at]).square().mean().item(),
            x,
            [slice(0, 1)],
            seed=seed,
        )
        held += low <= 2.0 <= high
    assert held >= 50  # binomial(60, 0.95) gives less than 50 once in 10,000


def test_a_figure_that_is_a_mean_is_asked_once_and_falls_as_much(friedman):
    _, predict, x, y = friedman
    truth, asked = torch.from_numpy(y), []

    def worth(answers, at):
        asked.append(len(at))
        return (answers - truth[at]).abs() < 2

    given = predict, lambda p, at: worth(p, at).double().mean().item(), torch.from_numpy(x), COLUMNS[:3]
    one_by_one = permutation_importance(*given, repeats=4)
    assert len(asked) == 1 + 3 * 3 * 4
    asked.clear()
    assert np.allclose(permutation_importance(*given, repeats=4, worth=worth), one_by_one, rtol=0, atol=1e-12)
    assert asked == [400, 3 * 4 * 400]


def test_features_of_one_column_are_shuffled_together():
    """Two features that always agree: a net that asks whether they do never sees them apart."""
    x = torch.randn(200, 1, generator=torch.Generator().manual_seed(1)).repeat(1, 2)
    torn, whole = (
        permutation_importance(lambda rows: rows[:, 0] - rows[:, 1], lambda p, _: -p.abs().sum().item(), x, parts)
        for parts in ([slice(0, 1)], [slice(0, 2)])
    )
    assert torn[0][0] > 1
    assert whole[0] == (0, 0, 0)


def test_partial_dependence_is_scikit_learns(friedman):
    model, predict, x, _ = friedman
    theirs = sklearn_dependence(model, x, [3], method="brute", kind="average", grid_resolution=15)
    grid = torch.from_numpy(theirs["grid_values"][0])[:, None]
    found = partial_dependence(predict, torch.from_numpy(x), slice(3, 4), grid)
    assert np.allclose(found, theirs["average"][0])


def test_what_drove_an_answer_of_a_linear_model_is_its_weight_times_the_distance_from_the_others():
    draw = torch.Generator().manual_seed(2)
    weights, row, others = (
        torch.tensor([2.0, -1.0, 0.0]),
        torch.tensor([1.0, 2.0, 3.0]),
        torch.randn(50, 3, generator=draw),
    )
    found = drivers(lambda rows: rows @ weights, row, others, [slice(0, 1), slice(1, 3)])
    parts = weights * (row - others.mean(0))
    assert found.tolist() == pytest.approx([parts[0].item(), (parts[1] + parts[2]).item()], abs=1e-5)
