"""Every optimizer against PyTorch's own, against its published rule in NumPy, and resumed; the L1 penalty against scikit-learn."""

import copy

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso
from torch import nn

from profundo import objectives
from profundo.nets.batched_nets import BatchedMLP
from profundo.records import Batch, ProfundoError
from profundo.train import OPTIMIZERS, SCHEDULES, Plan, Position, Supervised, fit, optimizer, schedule
from profundo.train.capture import Captured
from profundo.train.checkpoints import load_checkpoint, save_checkpoint
from profundo.train.optimizers import take_step

PYTORCHS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.05),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True),
    "adagrad": lambda groups: torch.optim.Adagrad(groups, lr=0.05),
    "adadelta": lambda groups: torch.optim.Adadelta(groups, lr=0.05, rho=0.95),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, lr=0.05, alpha=0.9),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.05),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.05, weight_decay=0.0),
}


def problem(samples=24):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(samples, 5, generator=draw)
    return x, (x.sum(1) > 0).long() + (x[:, 0] > 1).long()


def small_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def batches(size=8):
    x, y = problem()
    return [Batch(a, b, len(a)) for a, b in zip(x.split(size), y.split(size), strict=True)]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_every_optimizer_has_a_twin_here():
    assert set(PYTORCHS) == set(OPTIMIZERS) == set(RULES)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_those_of_pytorchs_own(name, decay):
    ours, theirs = small_net(), small_net()
    mine = optimizer(name, ours, 0.05, decay)
    weights = [p for p in theirs.parameters() if p.ndim > 1]
    rest = [p for p in theirs.parameters() if p.ndim == 1]
    their = PYTORCHS[name]([{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}])
    x, y = problem()
    for _ in range(20):
        for net, optim in ((ours, mine), (theirs, their)):
            optim.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            take_step(optim) if net is ours else optim.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-5, atol=2e-6)


# The rules as their papers print them: (w, gradient, memory, t from 1, η) → w.
def descent(w, g, _memory, _t, rate):
    return w - rate * g


def adagrad(w, g, memory, _t, rate):
    memory["s"] = memory.get("s", 0) + g**2
    return w - rate * g / (np.sqrt(memory["s"]) + 1e-10)


def adadelta(w, g, memory, _t, rate):
    memory["s"] = 0.95 * memory.get("s", 0) + 0.05 * g**2
    move = g * np.sqrt(memory.get("u", 0) + 1e-6) / np.sqrt(memory["s"] + 1e-6)
    memory["u"] = 0.95 * memory.get("u", 0) + 0.05 * move**2
    return w - rate * move


def rmsprop(w, g, memory, _t, rate):
    memory["s"] = 0.9 * memory.get("s", 0) + 0.1 * g**2
    return w - rate * g / (np.sqrt(memory["s"]) + 1e-8)


def adam(w, g, memory, t, rate):
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["s"] = 0.999 * memory.get("s", 0) + 0.001 * g**2
    return w - rate * (memory["m"] / (1 - 0.9**t)) / (np.sqrt(memory["s"] / (1 - 0.999**t)) + 1e-8)


def heavy_ball(w, g, memory, _t, rate):
    before = memory.get("w", w)  # Polyak's form: w + β (w − the one before) − η g
    memory["w"] = w
    return w - rate * g + 0.9 * (w - before)


def nesterov(w, g, memory, _t, rate):
    v = memory["v"] = 0.9 * memory.get("v", 0) + g
    return w - rate * (g + 0.9 * v)


RULES = {
    "sgd": descent,
    "momentum": heavy_ball,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": lambda w, g, memory, t, rate: adam((1 - rate * 0.1) * w, g, memory, t, rate),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_those_of_the_published_rule(name):
    """On ½ wᵀ A w, of which the gradient is A w."""
    curvature = np.array([[3.0, 1.0], [1.0, 0.5]])
    start = np.array([[2.0, -1.5]])
    net = nn.ParameterList([torch.tensor(start)])
    mover = optimizer(name, net, 0.05, 0.1 if name == "adamw" else 0.0)
    w, memory = start, {}
    for t in range(1, 21):
        mover.zero_grad()
        (0.5 * (net[0] @ torch.tensor(curvature) * net[0]).sum()).backward()
        take_step(mover)
        w = RULES[name](w, w @ curvature, memory, t, 0.05)
    np.testing.assert_allclose(net[0].detach().numpy(), w, rtol=1e-9)


@pytest.mark.parametrize("schedule_name", SCHEDULES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_read_back_from_its_files_ends_with_the_same_bits(name, schedule_name, tmp_path):
    plan = Plan(3, schedule(schedule_name, 0.2))

    def training(seed):
        net = small_net(seed)
        return Supervised(
            net, objectives.categorical(), optimizer(name, net, 0.05, 0.01), clip=0.5, accumulate=2, l1=0.001
        )

    whole = training(0)
    for step in fit(whole, batches(), plan):
        if (step.epoch, step.index) == (1, 0):
            save_checkpoint(tmp_path, 4, whole.state_dict())
    again = training(9)
    again.load_state_dict(load_checkpoint(tmp_path / "00000004"))
    for _ in fit(again, batches(), plan, Position(1, 1)):
        pass
    assert same(again.net, whole.net)
    assert not same(training(0).net, whole.net)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_recorded_step_with_both_penalties_gives_the_bits_of_the_ordinary_one(name):
    def trained(wrap):
        net = small_net()
        update = Supervised(net, objectives.categorical(), optimizer(name, net, 0.05, 0.01), l1=0.01, clip=0.3)
        used = wrap(update)
        for _ in fit(used, batches(), Plan(4)):
            pass
        assert getattr(used, "refused", "") == ""
        return net

    assert same(trained(Captured), trained(lambda update: update))


def lasso(strength, name="sgd", rate=0.05, steps=3000):
    """Weights and bias that the penalty leads to, on five columns of which two matter; and scikit-learn's."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 5)).astype(np.float32)
    y = (x @ np.array([2.0, 0, -1.0, 0, 0]) + 0.7 + 0.1 * draw.normal(size=60)).astype(np.float32)
    torch.manual_seed(0)
    net = nn.Linear(5, 1)
    scale = 2 * float(objectives.gaussian()(torch.tensor([[1.0]]), torch.tensor([[0.0]])))  # 1 where it is ½ error²
    update = Supervised(net, objectives.gaussian(), optimizer(name, net, rate), l1=strength)
    batch = Batch(torch.from_numpy(x), torch.from_numpy(y)[:, None], 60)
    for _ in fit(update, [batch], Plan(steps, schedule("cosine"))):
        pass
    theirs = Lasso(alpha=strength / scale, tol=1e-8).fit(x.astype(float), y.astype(float))
    return net, theirs


@pytest.mark.parametrize(("name", "rate"), [("sgd", 0.05), ("nesterov", 0.01), ("adam", 0.01)])
def test_the_l1_penalty_leads_to_the_lasso(name, rate):
    net, theirs = lasso(0.4, name, rate)
    np.testing.assert_allclose(net.weight.detach().numpy()[0], theirs.coef_, atol=2e-3)
    assert net.bias.item() == pytest.approx(float(theirs.intercept_), abs=2e-3)
    assert (np.abs(theirs.coef_) < 1e-9).sum() == 3, "the penalty was to make three weights vanish"


def test_the_l1_penalty_is_added_once_after_clipping_and_spares_biases():
    net, x, y = small_net(), *problem()
    plain, penalised = (
        Supervised(own, objectives.categorical(), optimizer("sgd", own, 0.1), clip=0.01, **more)
        for own, more in ((copy.deepcopy(net), {}), (copy.deepcopy(net), {"l1": 0.25, "accumulate": 3}))
    )
    for update in (plain, penalised):
        update(Batch(x, y, len(x)))
    for (label, start), a, b in zip(
        net.named_parameters(), plain.net.parameters(), penalised.net.parameters(), strict=True
    ):
        extra = 0.25 * start.sign() if label.endswith("weight") else torch.zeros_like(start)
        torch.testing.assert_close(b.grad - a.grad, extra, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("l1", [0.0, 0.5])
def test_a_frozen_weight_is_not_penalised(l1):
    net = small_net()
    net[0].weight.requires_grad_(False)
    before = net[0].weight.clone()
    Supervised(net, objectives.categorical(), optimizer("sgd", net, 0.1), l1=l1)(batches()[0])
    assert torch.equal(net[0].weight, before)


def test_biases_and_scales_of_any_shape_are_spared_by_both_penalties():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(3, 4, 4)), nn.Parameter(torch.ones(3, 1, 4))

    nets = {
        "many at once": (BatchedMLP(3, 2, 4, 1), {"hidden_weight", "output_weight"}),
        "a bias for each channel": (Shifted(), {"weight"}),
        "scales of an image": (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.LayerNorm([2, 6, 6]), nn.GroupNorm(1, 2)),
            {"0.weight"},
        ),
        "recurrent": (nn.LSTM(2, 3), {"weight_ih_l0", "weight_hh_l0"}),
        "attention": (nn.MultiheadAttention(4, 2, add_bias_kv=True), {"in_proj_weight", "out_proj.weight"}),
    }
    for net, expected in nets.values():
        (decaying,) = [g["params"] for g in optimizer("sgd", net, 0.1, 0.5).param_groups if g["weight_decay"]]
        names = {id(parameter): name for name, parameter in net.named_parameters()}
        assert {names[id(one)] for one in decaying} == expected
    net = nets["a bias for each channel"][0]
    update = Supervised(net, objectives.categorical(), optimizer("sgd", net, 0.1, 0.5), l1=0.2)
    net.weight.grad, net.bias.grad = torch.zeros_like(net.weight), torch.zeros_like(net.bias)
    update.apply()
    assert net.weight.unique().tolist() == pytest.approx([1 - 0.1 * (0.5 + 0.2)])
    assert net.bias.unique().tolist() == [1.0]


def test_an_unknown_optimizer_is_named_with_those_that_exist():
    with pytest.raises(ProfundoError, match=r"'adagard' is unknown; known: sgd, momentum, nesterov, adagrad"):
        optimizer("adagard", small_net(), 0.1)
