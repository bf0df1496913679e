"""Recorded steps against ordinary ones, bit for bit; and everything that must not be replayed."""

import copy
import random

import pytest
import torch
from torch import nn

from profundo import nets, objectives
from profundo.records import Batch, Inputs, Spec, Targets
from profundo.train import OPTIMIZERS, Plan, Supervised, fit, optimizer, schedule
from profundo.train.capture import Captured

IMAGES = Spec(Inputs((1, 12, 12), "image"), Targets("classes", ("a", "b", "c")))


def data(samples=96, shape=(1, 12, 12)):
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(samples, *shape, generator=draw)
    return x, x.flatten(1)[:, :3].argmax(1)


def batches(x, y, size=16):
    return [Batch(a, b, len(a)) for a, b in zip(x.split(size), y.split(size), strict=True)]


def trained(net, found, wrap, name="adam", epochs=3, **options):
    torch.manual_seed(1)
    random.seed(1)
    net = copy.deepcopy(net)
    update = Supervised(net, objectives.categorical(), optimizer(name, net, 0.01, 0.01), **options)
    update = Captured(update) if wrap else update
    losses = [float(step.losses["loss"]) for step in fit(update, found, Plan(epochs, schedule("one-cycle")))]
    return losses, net, update


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


class Dropping(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(144, 20), nn.Dropout(0.3), nn.ELU(), nn.Linear(20, 3))

    def forward(self, x):
        return self.net(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRU(12, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.cell(x.squeeze(1))[0][:, -1])


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Linear(144, 144), nn.Linear(144, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.a(torch.tanh(self.a(x.flatten(1))))))


class Powers(nn.Module):
    """Operations whose names stand for several, of which some are no method of a tensor."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(144, 3)

    def forward(self, x):
        x = x.flatten(1)
        return self.out(2 ** torch.tanh(x) - 1 / (1 + x.square().mean(1, keepdim=True)) + x.pow(2).clamp(0, 1))


def family(name):
    torch.manual_seed(0)
    made = {"dropping": Dropping, "recurrent": Recurrent, "tied": Tied, "powers": Powers}
    return made[name]() if name in made else nets.build(name, IMAGES)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "name", ["linear", "mlp", "table_net", "lenet5", "fast_cnn", "resnet", "dropping", "recurrent", "tied", "powers"]
)
def test_a_replayed_training_equals_the_ordinary_one_bit_for_bit(name, precision):
    found = batches(*data(48))
    net = family(name)
    ours, replayed, update = trained(net, found, True, precision=precision)
    theirs, ordinary, _ = trained(net, found, False, precision=precision)
    assert update.refused == ""
    assert any(update.replays.values())
    assert ours == theirs
    assert same(replayed, ordinary)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_sees_the_same_gradients(name):
    found = batches(*data())
    ours, theirs = (trained(family("mlp"), found, wrap, name, clip=0.5) for wrap in (True, False))
    assert ours[0] == theirs[0]
    assert same(ours[1], theirs[1])


def test_gradients_are_there_after_a_replayed_step():
    x, y = data()
    net = family("mlp")
    update = Captured(Supervised(net, objectives.categorical(), optimizer("sgd", net, 0.1)))
    for _ in fit(update, batches(x, y), Plan(1)):
        assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())


class Deciding(nn.Module):
    """What it does depends on values."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(144, 3)

    def forward(self, x):
        z = self.a(x.flatten(1))
        return z * 2 if z.sum() > 0 else z


class Counting(nn.Module):
    """What it does depends on how often it was called."""

    def __init__(self):
        super().__init__()
        self.a, self.calls = nn.Linear(144, 3), 0

    def forward(self, x):
        self.calls += 1
        return self.a(x.flatten(1)) * self.calls


class Drawing(nn.Module):
    """Draws from Python's own generator."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(144, 3)

    def forward(self, x):
        return self.a(x.flatten(1)) * random.random()


class Hoarding(nn.Module):
    """Uses a tensor that is neither parameter nor buffer."""

    def __init__(self):
        super().__init__()
        self.a, self.scale = nn.Linear(144, 3), torch.tensor(2.0)

    def forward(self, x):
        return self.a(x.flatten(1)) * self.scale


class Idle(nn.Module):
    """Has a parameter that takes no part."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(144, 3), nn.Linear(2, 2)

    def forward(self, x):
        return self.a(x.flatten(1))


@pytest.mark.parametrize("kind", [Deciding, Drawing, Hoarding, Idle])
def test_what_cannot_be_replayed_runs_as_it_is(kind):
    found = batches(*data())
    torch.manual_seed(0)
    net = kind()
    ours, replayed, update = trained(net, found, True)
    theirs, ordinary, _ = trained(net, found, False)
    assert update.refused
    assert ours == theirs
    assert same(replayed, ordinary)


def test_a_count_kept_in_python_is_noticed():
    _, _, update = trained(Counting(), batches(*data()), True)
    assert "other numbers" in update.refused


def test_hooks_added_later_run():
    found = batches(*data())
    net = family("mlp")
    update = Captured(Supervised(net, objectives.categorical(), optimizer("sgd", net, 0.1)))
    seen = []
    for step in fit(update, found, Plan(2)):
        if (step.epoch, step.index) == (0, 3):
            net[1].register_forward_hook(lambda *_: seen.append(1))
    assert len(seen) == 2 * len(found) - 4


def test_another_shape_another_mode_and_frozen_layers_are_noticed():
    x, y = data(40)
    net = family("fast_cnn")

    def run(wrap):
        torch.manual_seed(0)
        twin = copy.deepcopy(net)
        update = Supervised(twin, objectives.categorical(), optimizer("sgd", twin, 0.1))
        update = Captured(update) if wrap else update
        for step in fit(update, batches(x, y), Plan(4)):  # batches of 16, 16 and 8
            if step.last and step.epoch == 0:
                twin.norm1.eval()
            if step.last and step.epoch == 1:
                twin.conv1.requires_grad_(False)
            if step.last and step.epoch == 2:
                twin.norm1.train()
        return twin

    assert same(run(True), run(False))


def test_recording_leaves_randomness_and_statistics_untouched():
    x, y = data()
    net = family("fast_cnn")
    update = Captured(Supervised(net, objectives.categorical(), optimizer("sgd", net, 0.1)))
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    assert update.accepted(batches(x, y)[0]) is not None
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


class Transposing(nn.Module):
    """Its gradient comes back in another layout than the weight has."""

    def __init__(self):
        super().__init__()
        self.w, self.a = nn.Parameter(torch.randn(144, 20) / 12), nn.Linear(20, 3)

    def forward(self, x):
        return self.a(torch.relu(nn.functional.linear(x.flatten(1), self.w.t().contiguous())))


class Expanding(nn.Module):
    """Its gradient is one number seen many times."""

    def __init__(self):
        super().__init__()
        self.a, self.g = nn.Linear(144, 3), nn.Parameter(torch.randn(5))

    def forward(self, x):
        return self.a(x.flatten(1)) * self.g.sum(0)


class Sharing(nn.Module):
    """Two parameters have the same gradient."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(144, 3), nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.a(x.flatten(1)) + (self.b + self.c)


@pytest.mark.parametrize("name", ["momentum", "adam"])
@pytest.mark.parametrize("clip", [None, 0.01])
@pytest.mark.parametrize("kind", [Transposing, Expanding, Sharing])
def test_gradients_reach_the_optimizer_in_their_parameters_layout_and_alone(kind, clip, name):
    found = batches(*data())
    torch.manual_seed(0)
    net = kind()
    ours, theirs = (trained(net, found, wrap, name, clip=clip) for wrap in (True, False))
    assert ours[0] == theirs[0]
    assert same(ours[1], theirs[1])


def test_hooks_on_parameters_run():
    net = family("mlp")
    update = Captured(Supervised(net, objectives.categorical(), optimizer("sgd", net, 0.1)))
    seen = []
    for step in fit(update, batches(*data()), Plan(1)):
        if step.index == 2:
            next(net.parameters()).register_post_accumulate_grad_hook(lambda _: seen.append(1))
    assert len(seen) == 3
