"""Faults behind faults, programs that only their own cost judges, and what a step or a cost adds in secret."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from doctored import PEOPLE, SCALED, X, digits, first_cause, people, perceptron
from profundo.doctor import Program, examine
from profundo.doctor.causes.judges import adds_up
from profundo.doctor.passage import alter
from profundo.doctor.programs import copied
from profundo.doctor.skill import own_skill


def adam(net, rate):
    return torch.optim.Adam(net.parameters(), rate)


def density(outputs, targets):
    """The negative logarithm of a normal density of mean and deviation, less what it is for deviation 1."""
    mean, spread = outputs[:, :1], F.softplus(outputs[:, 1:]) + 0.1
    return (((targets - mean) / spread).square() / 2 + spread.log()).mean()


def never_cleared(net, batch, loss, optimizer):
    loss(net(batch[0]), batch[1]).backward()
    optimizer.step()


def at_a_rate_of_its_own(net, batch, loss, optimizer):
    for group in optimizer.param_groups:
        group["lr"] = 1e-6
    optimizer.zero_grad()
    loss(net(batch[0]), batch[1]).backward()
    optimizer.step()


def with_penalty(net, batch, loss, optimizer):
    optimizer.zero_grad()
    (loss(net(batch[0]), batch[1]) + 0.1 * sum(one.abs().sum() for one in net.parameters())).backward()
    optimizer.step()


def clipped_while_scaled(net, batch, loss, optimizer):
    optimizer.zero_grad()
    (loss(net(batch[0]), batch[1]) * 65536).backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    for one in net.parameters():
        one.grad.div_(65536)
    optimizer.step()


def of_a_copy(net, batch, loss, optimizer):
    optimizer.zero_grad()
    loss(copy.deepcopy(net)(batch[0]), batch[1]).backward()
    optimizer.step()


def penalised():
    net = perceptron(64, 32, 10)
    return digits(net, lambda p, t: F.cross_entropy(p, t) + sum(one.square().sum() for one in net.parameters()))


def beside_an_adversary():
    """Gradients of another optimizer's pass lie in nobody's way: they are cleared before the net's own."""
    net, judge = perceptron(64, 16, 64), perceptron(64, 16, 1)
    second = adam(judge, 1e-3)

    def step(net, batch, loss, optimizer):
        real, made = judge(batch[0]), judge(net(batch[0]).detach())
        second.zero_grad()
        (F.softplus(-real) + F.softplus(made)).mean().backward()
        second.step()
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = perceptron(64, 64, 64)
    return Program(net=net, loss=F.mse_loss, optimizer=adam(net, 3e-3), train=(X[:600], X[:600]), epochs=30, step=step)


FAULTY = {
    ("learning_rate_too_low", "own cost"): lambda: people(
        net := perceptron(10, 32, 2), density, optimizer=adam(net, 1e-6)
    ),
    ("learning_rate_too_low", "set by the step"): lambda: digits(step=at_a_rate_of_its_own),
    ("loss_sign", "unknown cost"): lambda: people(loss=lambda p, t: -(p - t).abs().pow(1.5).mean()),
    ("over_regularised", "step"): lambda: digits(step=with_penalty),
    ("over_regularised", "cost"): penalised,
    ("misplaced_clipping", "scaled"): lambda: digits(step=clipped_while_scaled),
    ("no_update", "copy"): lambda: digits(step=of_a_copy),
    ("wrong_loss_for_task", "several labels"): lambda: digits(
        perceptron(64, 32, 3), targets=(X[:, [20, 30, 42]] > 0.4).float()
    ),
    ("unreachable_targets", "unknown cost"): lambda: people(
        perceptron(10, 32, 1, last=nn.Sigmoid()), lambda p, t: (p - t).abs().pow(1.5).mean()
    ),
}


@pytest.mark.parametrize(("cause", "how"), FAULTY)
def test_the_fault_is_named_first(cause, how):
    assert first_cause(FAULTY[cause, how]()) == cause


def spoiled(rows, value):
    return torch.where(torch.arange(len(rows))[:, None] == 3, value, rows)


BEHIND = {
    ("double_softmax", "learning_rate_too_low"): lambda: digits(perceptron(64, 32, 10, last=nn.Softmax(1)), rate=1e-6),
    ("missing_zero_grad", "double_softmax"): lambda: digits(
        perceptron(64, 32, 10, last=nn.Softmax(1)), step=never_cleared, rate=0.01
    ),
    ("nan_in_data", "learning_rate_too_high"): lambda: digits(inputs=spoiled(X, math.nan), rate=300.0),
}


@pytest.mark.parametrize("causes", BEHIND)
def test_what_the_first_fault_hides_is_found_once_it_is_cured(causes):
    findings = examine(BEHIND[causes](), budget=60).findings
    assert tuple(finding.cause for finding in findings)[:2] == causes
    assert findings[0].after == ()
    assert causes[0] in findings[1].after


def test_two_faults_of_which_neither_cure_helps_alone_are_told_together():
    net = perceptron(64, 32, 10)
    nn.init.constant_(net[0].bias, -100.0)
    findings = examine(digits(net, rate=1e-6), budget=60).findings
    assert {finding.cause for finding in findings} == {"learning_rate_too_low", "dead_units"}
    assert len({finding.experiment for finding in findings}) == 1


def test_an_adversary_s_gradients_are_no_fault():
    assert first_cause(beside_an_adversary()) is None


def test_the_own_cost_is_a_skill_that_grows_as_it_falls():
    values = [own_skill(cost, 2.0) for cost in (4.0, 2.0, 1.0, 0.0, -2.0)]
    assert values == sorted(values)
    assert values[1] == 0
    assert values[-1] < 1
    assert own_skill(math.nan, 2.0) == -1


def test_a_metric_that_adds_up_is_told_from_a_mean():
    answers, targets = F.one_hot(torch.arange(40) % 4).float(), torch.arange(40) % 4
    hits = lambda p, t: (p.argmax(1) == t).sum()  # noqa: E731
    assert adds_up(lambda p, t: hits(p, t) / 32, answers, targets)
    assert not adds_up(lambda p, t: hits(p, t) / len(t), answers, targets)


def test_a_copy_of_a_changed_net_is_changed_and_computes_with_its_own_weights():
    net = alter(perceptron(10, 8, 1), lambda call, run: run() * 0 if call.function == "relu" else run())
    program = Program(
        net=net, loss=F.mse_loss, optimizer=torch.optim.SGD(net.parameters(), 0.1), train=(PEOPLE, SCALED)
    )
    twin = copied(program).net
    with torch.no_grad():
        for one in net.parameters():
            one.zero_()
    assert torch.equal(twin(PEOPLE), twin[2].bias.expand(len(PEOPLE), 1))
    assert bool(twin[2].bias != 0)


def test_a_copied_optimizer_keeps_its_hooks_and_they_know_the_copied_net():
    net, seen = perceptron(10, 1), []
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    optimizer.register_step_pre_hook(lambda *_: seen.append(id(net)))
    twin = copied(Program(net=net, loss=F.mse_loss, optimizer=optimizer, train=(PEOPLE, SCALED)))
    hook = next(iter(twin.optimizer._optimizer_step_pre_hooks.values()))
    hook()
    assert hook.__closure__[0].cell_contents is twin.net or hook.__closure__[1].cell_contents is twin.net
