"""The range test against what can be computed of a quadratic cost."""

import numpy as np
import pytest
import torch
from torch import nn

from profundo import objectives
from profundo.records import Batch, ProfundoError
from profundo.train import Supervised, optimizer
from profundo.train.range_test import RangeTest, is_diverging, range_test, smooth


def problem(samples=48):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(samples, 5, generator=draw)
    return x, (x.sum(1) > 0).long() + (x[:, 0] > 1).long()


class Squares:
    def mean_cost(self, outputs, targets, _total):
        return 0.5 * (outputs - targets).square().mean()


def test_descent_on_a_quadratic_cost_diverges_above_two_over_the_curvature():
    """½ mean (xᵀw − y)² has the curvature of XᵀX/n, whose largest eigenvalue L bounds the rate by 2/L."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=draw)
    x, y = x * torch.tensor([3.0, 1, 1, 1, 1, 1]), x.sum(1, keepdim=True)
    limit = 2 / float(torch.linalg.eigvalsh(x.T @ x / len(x))[-1])
    torch.manual_seed(0)
    net = nn.Linear(6, 1, bias=False)
    update = Supervised(net, Squares(), optimizer("sgd", net, 1.0))
    found = range_test(update, [Batch(x, y, 200)], low=1e-4 * limit, high=1e4 * limit, steps=401)
    assert found.diverged
    assert limit < found.rates[-1] < 10 * limit
    assert 0.1 * limit < found.suggestion < limit


def test_the_rates_grow_by_one_factor_and_reach_every_group_in_proportion():
    net = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
    update = Supervised(net, objectives.categorical(), optimizer("sgd", net, 0.5, rates={"0.": 0.1}))
    seen = []
    apply = update.apply
    update.apply = lambda: (seen.append([g["lr"] for g in update.optimizer.param_groups]), apply())
    x, y = problem()
    found = range_test(update, [Batch(x, y, 48)], low=1e-3, high=1e-1, steps=21)
    assert found.rates == pytest.approx(np.geomspace(1e-3, 1e-1, 21))
    assert [rates[0] for rates in seen] == pytest.approx(found.rates)
    assert [rates[1] / rates[0] for rates in seen] == pytest.approx([10.0] * 21)  # 0.5 beside 0.05
    assert not found.diverged


def test_smoothing_is_the_weighted_mean_of_all_losses_so_far():
    losses = [3.0, 1.0, 4.0, 1.0, 5.0]
    for count, value in enumerate(smooth(losses, 0.8), 1):
        weights = 0.8 ** np.arange(count)[::-1]
        assert value == pytest.approx(np.average(losses[:count], weights=weights))


@pytest.mark.parametrize(
    ("smoothed", "over"),
    [
        ([1.0] * 9 + [2.5], True),  # it doubled
        ([1.0] * 9 + [1.9], False),
        ([1.0, 0.5, *[0.4] * 7, 1.9], False),
        ([-1.0, *[-5.0] * 8, 3.5], True),  # costs may be negative: as far above the start as the best is below
        ([-1.0, *[-5.0] * 8, 2.5], False),
        ([1.0, 9.0], False),  # too early to tell
        ([1.0, float("nan")], True),
        ([1.0, float("inf")], True),
    ],
)
def test_what_counts_as_diverging(smoothed, over):
    assert is_diverging(smoothed) is over


def test_the_suggestion_of_a_known_curve():
    rates = [10.0 ** (k / 10 - 4) for k in range(41)]
    curve = [1 - np.tanh(4 * (np.log10(rate) + 2)) if rate < 0.1 else 5.0 for rate in rates]  # steepest at 0.01
    found = RangeTest(tuple(rates), tuple(curve), tuple(curve), True)
    mark = curve[0] - 0.9 * (curve[0] - min(curve))
    exact = 10 ** (np.arctanh(1 - mark) / 4 - 2)  # where the curve meets it
    assert exact <= found.fallen <= exact * 10**0.1
    assert found.suggestion == found.fallen / 2
    rising = RangeTest(tuple(rates), tuple(rates), tuple(rates), True)
    assert rising.suggestion == rates[0] / 2


@pytest.mark.parametrize(
    ("low", "high", "steps"), [(0, 1, 20), (1, 1, 20), (2, 1, 20), (1e-3, float("inf"), 20), (1e-3, 1, 9)]
)
def test_bounds_that_make_no_range_are_refused(low, high, steps):
    net = nn.Linear(5, 3)
    update = Supervised(net, objectives.categorical(), optimizer("sgd", net, 0.03))
    with pytest.raises(ProfundoError, match="expected 0 < low < high and at least 10 steps"):
        range_test(update, [Batch(*problem(), 48)], low=low, high=high, steps=steps)
