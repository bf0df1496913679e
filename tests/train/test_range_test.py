"""The range test against what can be computed of a quadratic cost; and that it leaves nothing behind, however it ends."""

import copy
import operator
import random
import signal

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from profundo import objectives
from profundo.records import Batch, ProfundoError
from profundo.train import OPTIMIZERS, Plan, Supervised, fit, optimizer
from profundo.train.range_test import RangeTest, is_diverging, range_test, smooth, steepest, untouched


class Everything(nn.Module):
    """Batch normalisation, dropout, a buffer that no file keeps, one that is replaced, a count in Python, a tied weight."""

    def __init__(self):
        super().__init__()
        self.a, self.norm, self.drop, self.b = nn.Linear(5, 5), nn.BatchNorm1d(5), nn.Dropout(0.3), nn.Linear(5, 3)
        self.tied = nn.Linear(5, 5, bias=False)
        self.tied.weight = self.a.weight
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("seen", torch.zeros(()), persistent=False)
        self.register_buffer("newest", torch.zeros(5))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        self.seen += len(x)
        self.newest = x.mean(0).detach()
        random.random(), np.random.rand()
        return self.b(self.tied(self.drop(torch.relu(self.norm(self.a(x)))))) * self.frozen


def problem(samples=48):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(samples, 5, generator=draw)
    return x, (x.sum(1) > 0).long() + (x[:, 0] > 1).long()


def loader():
    return DataLoader(TensorDataset(*problem()), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(3))


def update_of(name):
    torch.manual_seed(0)
    net = Everything()
    return Supervised(net, objectives.categorical(), optimizer(name, net, 0.03, 0.01))


def trace(update, batches):
    """Every bit that a training depends on or a person could look at, copied."""
    modules = list(update.net.modules())
    optim = update.optimizer
    return copy.deepcopy(
        {
            "parameters": [(n, p.data, p.grad, p.requires_grad) for n, p in update.net.named_parameters()],
            "buffers": [(n, b) for n, b in update.net.named_buffers()],
            "plain": [(m.training, getattr(m, "calls", None)) for m in modules],
            "optimizer": optim.state_dict(),
            "torch": torch.get_rng_state(),
            "python": random.getstate(),
            "numpy": np.random.get_state(),
            "order": batches.generator.get_state(),
        }
    )


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.stride() == other.stride() and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


class Breaking(Supervised):
    """Ends as it is told after some steps of the test."""

    def __call__(self, batch):
        losses = super().__call__(batch)
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == 15:
            raise self.ends
        return losses


@pytest.mark.parametrize(
    "ends", [None, ValueError("bad"), KeyboardInterrupt(), torch.OutOfMemoryError("full")], ids=str
)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_is_left_behind_however_it_ends(name, ends):
    update, batches = update_of(name), loader()
    for _ in fit(update, batches, Plan(1)):  # so that there are gradients and states to spoil
        pass
    random.seed(1)
    np.random.seed(1)
    before = trace(update, batches)
    kept = list(update.net.parameters()), update.optimizer.param_groups[0]
    tested = update
    if ends is not None:
        tested = Breaking(update.net, update.objective, update.optimizer)
        tested.ends = ends
        with pytest.raises(type(ends)):
            range_test(tested, batches, low=1e-4, high=10, steps=30)
    else:
        assert len(range_test(tested, batches, low=1e-4, high=10, steps=30).rates) >= 10
    assert equal(trace(update, batches), before)
    assert all(map(operator.is_, kept[0], update.net.parameters()))
    assert kept[1] is update.optimizer.param_groups[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_to_the_same_bits_as_without_the_test(name):
    def trained(look):
        update, batches = update_of(name), loader()
        torch.manual_seed(5)
        losses = [float(step.losses["loss"]) for step in fit(update, batches, Plan(1))]
        if look:
            range_test(update, batches, low=1e-4, high=30, steps=40)
        losses += [float(step.losses["loss"]) for step in fit(update, batches, Plan(2))]
        return losses, update.net.state_dict()

    assert equal(trained(True), trained(False))


def test_a_test_that_left_traces_would_be_noticed():
    update, batches = update_of("adam"), loader()
    before = trace(update, batches)
    next(fit(update, batches, Plan(1)))
    assert not equal(trace(update, batches), before)


def test_a_second_interruption_waits_until_everything_is_back():
    net = nn.Linear(3, 2)
    before = copy.deepcopy(net.state_dict())

    class Impatient:
        def get_state(self):
            return None

        def set_state(self, _state):
            signal.raise_signal(signal.SIGINT)  # to this thread, so that it comes now

    torch.manual_seed(4)
    state = torch.get_rng_state()

    def spoil():
        with untouched({"net": net}, [], [Impatient()]):
            net.weight.data += 1
            torch.rand(3)
            raise ValueError("the first")

    before_us = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where a shell started us in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            spoil()
    finally:
        signal.signal(signal.SIGINT, before_us)
    assert equal(net.state_dict(), before)
    assert torch.equal(torch.get_rng_state(), state)  # which is put back last


def test_a_net_goes_back_to_its_type_and_layout():
    net = nn.Conv2d(3, 4, 3)
    layout, place = net.weight.stride(), net.weight.data_ptr()
    with untouched({"net": net}):
        net.to(torch.float64, memory_format=torch.channels_last)
        assert net.weight.stride() != layout
    assert net.weight.stride() == layout
    assert net.weight.dtype == torch.float32
    assert net.weight.data_ptr() == place


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
    assert found.steepest < limit


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


def test_the_steepest_fall_and_the_suggestion_of_a_known_curve():
    rates = [10.0 ** (k / 10 - 4) for k in range(41)]
    curve = [1 - np.tanh(4 * (np.log10(rate) + 2)) if rate < 0.1 else 5.0 for rate in rates]  # steepest at 0.01
    assert rates[steepest(rates, curve)] == pytest.approx(0.01)
    found = RangeTest(tuple(rates), tuple(curve), tuple(curve), True)
    mark = curve[0] - 0.9 * (curve[0] - min(curve))
    exact = 10 ** (np.arctanh(1 - mark) / 4 - 2)  # where the curve meets it
    assert exact <= found.fallen <= exact * 10**0.1
    assert found.suggestion == found.fallen / 2
    rising = RangeTest(tuple(rates), tuple(rates), tuple(rates), True)
    assert rising.suggestion == rates[0] / 2
    assert steepest(rates, [1.0 + rate for rate in rates]) == 0  # it never falls


@pytest.mark.parametrize(
    ("low", "high", "steps"), [(0, 1, 20), (1, 1, 20), (2, 1, 20), (1e-3, float("inf"), 20), (1e-3, 1, 9)]
)
def test_bounds_that_make_no_range_are_refused(low, high, steps):
    update = update_of("sgd")
    with pytest.raises(ProfundoError, match="expected 0 < low < high and at least 10 steps"):
        range_test(update, loader(), low=low, high=high, steps=steps)
