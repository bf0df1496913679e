"""The loop against a training written by hand, and the promises that its consumers rest on."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from profundo import objectives
from profundo.records import Batch, ProfundoError
from profundo.train import OPTIMIZERS, Plan, Position, Supervised, fit, optimizer, schedule
from profundo.train.optimizers import take_step


def problem(samples=48, seed=0):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 5, generator=draw)
    return x, (x.sum(1) > 0).long() + (x[:, 0] > 1).long()


def small_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def supervised(net, name="sgd", rate=0.1, decay=0.0, **options):
    return Supervised(net, objectives.categorical(), optimizer(name, net, rate, decay), **options)


class Fixed:
    """The same batches, in the same order, every epoch."""

    def __init__(self, x, y, size):
        self.batches = [Batch(a, b, len(a)) for a, b in zip(x.split(size), y.split(size), strict=True)]

    def __len__(self):
        return len(self.batches)

    def epoch(self, _epoch, skip=0):
        return iter(self.batches[skip:])


def test_training_equals_gradient_descent_written_by_hand():
    x, y = problem()
    net, twin = small_net(), small_net()
    losses = [float(s.losses["loss"]) for s in fit(supervised(net), Fixed(x, y, 16), Plan(3))]
    by_hand = []
    for _ in range(3):
        for a, b in zip(x.split(16), y.split(16), strict=True):
            loss = nn.functional.cross_entropy(twin(a), b)
            gradients = torch.autograd.grad(loss, list(twin.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(twin.parameters(), gradients, strict=True):
                    parameter -= 0.1 * gradient
            by_hand.append(loss.item())
    assert losses == pytest.approx(by_hand, rel=1e-6)
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_gradients_are_there_to_look_at_when_a_step_is_yielded():
    x, y = problem()
    net = small_net()
    for step in fit(supervised(net), Fixed(x, y, 16), Plan(1)):
        assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())
        assert step.samples == 16


def test_steps_say_where_they_are():
    x, y = problem()
    steps = list(fit(supervised(small_net()), Fixed(x, y, 16), Plan(2)))
    assert [(s.epoch, s.index, s.last) for s in steps] == [
        (0, 0, False), (0, 1, False), (0, 2, True), (1, 0, False), (1, 1, False), (1, 2, True),
    ]  # fmt: skip


def test_the_rate_follows_the_schedule_and_reaches_the_optimizer():
    x, y = problem()
    update = supervised(small_net(), rate=0.2)
    for number, step in enumerate(fit(update, Fixed(x, y, 16), Plan(2, schedule("cosine")))):
        factor = 0.5 * (1 + math.cos(math.pi * number / 6))
        assert step.rate == pytest.approx(factor)
        assert update.optimizer.param_groups[0]["lr"] == pytest.approx(0.2 * factor)


def test_starting_in_the_middle_continues_exactly():
    x, y = problem()
    whole = supervised(small_net(), "adam")
    parts = []
    for step in fit(whole, Fixed(x, y, 16), Plan(3, schedule("one-cycle"))):
        if (step.epoch, step.index) == (1, 0):
            parts = [copy.deepcopy(whole.state_dict())]
    again = supervised(small_net(seed=9), "adam")
    again.load_state_dict(parts[0])
    list(fit(again, Fixed(x, y, 16), Plan(3, schedule("one-cycle")), Position(1, 1)))
    for ours, theirs in zip(again.net.parameters(), whole.net.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_data_loader_serves_as_batches():
    x, y = problem()
    net, twin = small_net(), small_net()
    list(fit(supervised(net), DataLoader(TensorDataset(x, y), batch_size=16), Plan(2)))
    list(fit(supervised(twin), Fixed(x, y, 16), Plan(2)))
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_an_iterator_that_ends_after_one_epoch_is_refused():
    x, y = problem()
    with pytest.raises(ProfundoError, match="read again every epoch"):
        next(fit(supervised(small_net()), iter([(x, y)]), Plan(2)))


def test_no_batches_is_an_error_and_not_a_success_without_a_step():
    with pytest.raises(ProfundoError, match="at least one batch"):
        next(fit(supervised(small_net()), [], Plan(1)))


def test_an_epoch_shorter_than_it_says_is_an_error():
    class Short(Fixed):
        def epoch(self, _epoch, skip=0):
            return iter(self.batches[skip:-1])

    with pytest.raises(ProfundoError, match="expected 3 batches in epoch 1"):
        list(fit(supervised(small_net()), Short(*problem(), 16), Plan(1)))


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulated_parts_give_the_gradient_of_the_whole_batch(parts):
    x, y = problem()
    whole, divided = supervised(small_net()), supervised(small_net(), accumulate=parts)
    for ours, theirs in zip(fit(whole, Fixed(x, y, 20), Plan(2)), fit(divided, Fixed(x, y, 20), Plan(2)), strict=True):
        torch.testing.assert_close(ours.losses["loss"], theirs.losses["loss"])
    for a, b in zip(whole.net.parameters(), divided.net.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_clipping_bounds_the_norm_of_the_gradient_and_keeps_its_direction():
    x, y = problem()
    free, bound = supervised(small_net()), supervised(small_net(), clip=0.01)
    next(fit(free, Fixed(x, y, 48), Plan(1)))
    next(fit(bound, Fixed(x, y, 48), Plan(1)))
    long, short = (torch.cat([p.grad.flatten() for p in u.net.parameters()]) for u in (free, bound))
    assert long.norm() > 0.01
    assert short.norm() == pytest.approx(0.01, rel=1e-3)
    assert torch.cosine_similarity(long, short, dim=0) == pytest.approx(1.0, abs=1e-5)


def test_weight_decay_shrinks_weights_and_spares_biases():
    net = small_net()
    groups = optimizer("momentum", net, 0.1, 0.5).param_groups
    assert {p.ndim for p in groups[0]["params"]} == {2}
    assert groups[0]["weight_decay"] == 0.5
    assert {p.ndim for p in groups[1]["params"]} == {1}
    assert groups[1]["weight_decay"] == 0.0


def test_a_frozen_net_is_refused():
    net = small_net().requires_grad_(False)
    with pytest.raises(ProfundoError, match="trainable"):
        optimizer("sgd", net, 0.1)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(name):
    x, y = problem()
    rate = 1.0 if name == "adadelta" else 0.05
    losses = [float(s.losses["loss"]) for s in fit(supervised(small_net(), name, rate), Fixed(x, y, 48), Plan(40))]
    assert losses[-1] < 0.8 * losses[0]


def test_two_players_fit_in_an_update_of_a_dozen_lines():
    """What the interface must carry: two networks, two optimizers, two losses."""

    class Duel:
        def __init__(self):
            torch.manual_seed(0)
            self.networks = {"generator": nn.Linear(2, 1), "critic": nn.Linear(1, 1)}
            self.optimizers = [torch.optim.SGD(net.parameters(), lr=0.05) for net in self.networks.values()]

        def __call__(self, batch):
            generator, critic = self.networks.values()
            fake = generator(batch.inputs)
            losses = {
                "generator": -critic(fake).mean(),
                "critic": critic(fake.detach()).mean() - critic(batch.targets).mean(),
            }
            for optim, loss, net in zip(self.optimizers, losses.values(), self.networks.values(), strict=True):
                optim.zero_grad()
                loss.backward(inputs=list(net.parameters()))
            for optim in self.optimizers:
                optim.step()
            return {name: loss.detach() for name, loss in losses.items()}

    batches = [(torch.randn(8, 2), torch.randn(8, 1) + 3)] * 4
    steps = list(fit(Duel(), batches, Plan(2)))
    assert len(steps) == 8
    assert set(steps[0].losses) == {"generator", "critic"}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_our_step_is_the_optimizers_step(name, decay):
    ours, theirs = small_net(), small_net()
    pair = [(net, optimizer(name, net, 0.05, decay)) for net in (ours, theirs)]
    for _ in range(3):
        for net, optim in pair:
            optim.zero_grad()
            net(problem()[0]).square().sum().backward()
            take_step(optim) if net is ours else optim.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_optimizers_hooks_and_schedulers_are_heard():
    net = small_net()
    optim = optimizer("adam", net, 0.05)
    heard = []
    optim.register_step_post_hook(lambda *_: heard.append("hook"))
    net(problem()[0]).sum().backward()
    take_step(optim)
    assert heard == ["hook"]
    other = optimizer("sgd", net, 0.05)
    scheduler = torch.optim.lr_scheduler.StepLR(other, 1)
    take_step(other)
    scheduler.step()  # warns when it thinks that no step was taken
