"""Learning rates by layer (Howard & Ruder 2018): what moves, and how far."""

import pytest
import torch
from torch import nn

from profundo.records import Batch, ProfundoError
from profundo.train import Descent, Plan, fit, optimizer


def net_of_two():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))


def moved(net, rates, name="sgd", decay=0.0):
    """How far each parameter goes in one step at rate 0.1, over its gradient."""
    before = {key: p.detach().clone() for key, p in net.named_parameters()}
    update = Descent(net, lambda b: {"loss": net(b.inputs).square().sum()}, optimizer(name, net, 0.1, decay, rates))
    for _ in fit(update, [Batch(torch.ones(4, 3), torch.zeros(4), 4)], Plan(1)):
        pass
    return {key: ((before[key] - p.detach()) / p.grad).mean().item() for key, p in net.named_parameters()}


def test_each_layer_moves_at_its_own_rate():
    assert moved(net_of_two(), {"0.": 0.25}) == pytest.approx(
        {"0.weight": 0.025, "0.bias": 0.025, "1.weight": 0.1, "1.bias": 0.1}, rel=1e-3
    )


def test_the_longest_beginning_of_a_name_decides():
    steps = moved(net_of_two(), {"": 0.5, "0.": 0.25, "0.bias": 0.0})
    assert steps == pytest.approx({"0.weight": 0.025, "0.bias": 0.0, "1.weight": 0.05, "1.bias": 0.05}, rel=1e-3)


def test_the_schedule_multiplies_every_rate():
    net = net_of_two()
    made = optimizer("momentum", net, 0.1, rates={"0.": 0.1})
    update = Descent(net, lambda b: {"loss": net(b.inputs).sum()}, made)
    batch = [Batch(torch.ones(2, 3), torch.zeros(2), 2)]
    for _ in fit(update, batch, Plan(2, lambda share: 1.0 - share)):
        pass
    assert sorted(group["lr"] for group in made.param_groups) == pytest.approx([0.005, 0.05])


def test_only_weights_decay_in_every_group():
    made = optimizer("adamw", net_of_two(), 0.1, 0.3, {"0.": 0.5})
    found = sorted((g["lr"], g["weight_decay"], [p.ndim for p in g["params"]]) for g in made.param_groups)
    assert found == [(0.05, 0.0, [1]), (0.05, 0.3, [2]), (0.1, 0.0, [1]), (0.1, 0.3, [2])]


def test_without_rates_there_are_no_more_groups_than_before():
    assert len(optimizer("sgd", net_of_two(), 0.1).param_groups) == 1
    assert [g["weight_decay"] for g in optimizer("sgd", net_of_two(), 0.1, 0.5).param_groups] == [0.5, 0.0]


def test_a_beginning_that_no_trainable_parameter_has_is_explained():
    net = net_of_two()
    with pytest.raises(ProfundoError, match="name begins with 'conv1'"):
        optimizer("sgd", net, 0.1, rates={"conv1": 0.1})
    net[0].requires_grad_(False)
    with pytest.raises(ProfundoError, match=r"name begins with '0\.'"):
        optimizer("sgd", net, 0.1, rates={"0.": 0.1})
