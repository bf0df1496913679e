"""What the report takes from a run."""

import math

import torch

from profundo.evaluate import Answers, scores
from profundo.records import Targets
from profundo.runs.report_facts import _histogram


def test_one_wild_target_among_many_leaves_an_interval_of_real_numbers():
    targets = Targets("real", names=("y",))
    truth = torch.zeros(6000, 1)
    truth[0] = 1e6
    said = Answers(torch.zeros(6000, 1), truth, truth[:, 0].square(), "squared error")
    low, high = scores(said, targets, truth).intervals["RMSE"]
    assert low == 0.0
    assert math.isfinite(high)


def test_residuals_far_out_are_counted_in_the_outermost_bars():
    values = torch.cat([torch.linspace(-1, 1, 300), torch.tensor([99_999.0])])
    edges, counts, beyond = _histogram(values)
    assert (sum(counts), beyond) == (301, 1)
    assert edges[-1] < 10
    assert counts[-1] >= 1
