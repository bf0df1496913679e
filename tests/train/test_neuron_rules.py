"""The historical rules do what their authors proved, and what other code says."""

import numpy as np
import pytest
import torch
from torch import nn

from profundo.data.full_batch import Whole
from profundo.records import Batch
from profundo.train import Plan, fit, optimizer
from profundo.train.closed_form import least_squares
from profundo.train.neurons import DeltaRule, PerceptronRule


def one_by_one(inputs: torch.Tensor, targets: torch.Tensor) -> list[Batch]:
    return [Batch(x[None], y[None], 1) for x, y in zip(inputs, targets, strict=True)]


def separable(samples: int, inputs: int, gap: float) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Unit vectors at least `gap` from a plane through the origin of (x, 1), their classes, and the longest (x, 1)."""
    draw = torch.Generator().manual_seed(samples + inputs)
    normal = torch.randn(inputs + 1, generator=draw, dtype=torch.float64)
    normal /= normal.norm()
    x = torch.randn(50 * samples, inputs, generator=draw, dtype=torch.float64)
    distance = torch.column_stack((x, torch.ones(len(x)))) @ normal
    kept = distance.abs() > gap
    x, y = x[kept][:samples], (distance[kept][:samples] > 0).long()
    return x.float(), y, float(torch.column_stack((x, torch.ones(len(x)))).norm(dim=1).max())


@pytest.mark.parametrize(("samples", "inputs", "gap"), [(50, 2, 0.1), (100, 5, 0.3), (30, 20, 0.5)])
def test_perceptron_makes_no_more_mistakes_than_novikoff_allows_and_then_none(samples, inputs, gap):
    x, y, radius = separable(samples, inputs, gap)
    rule = PerceptronRule(nn.Linear(inputs, 1))
    counts = [float(step.losses["loss"]) for step in fit(rule, one_by_one(x, y), Plan(200))]
    assert 0 < sum(counts) <= (radius / gap) ** 2
    assert sum(counts[-samples:]) == 0
    assert ((rule.net(x).squeeze(1) > 0).long() == y).all()


def test_perceptron_never_stops_making_mistakes_on_xor():
    x, y = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([0, 1, 1, 0])
    rule = PerceptronRule(nn.Linear(2, 1))
    counts = torch.tensor([float(step.losses["loss"]) for step in fit(rule, one_by_one(x, y), Plan(300))])
    assert (counts.reshape(300, 4).sum(1) > 0).all()
    assert rule.net.weight.abs().max() < 5, "the weights cycle (Minsky & Papert's cycling theorem)"


def test_perceptron_follows_the_rule_by_hand():
    rule = PerceptronRule(nn.Linear(2, 1))
    rule(Batch(torch.tensor([[2.0, 1.0]]), torch.tensor([1]), 1))  # on the boundary: a mistake
    assert rule.net.weight.tolist() == [[2, 1]]
    assert rule.net.bias.tolist() == [1]
    rule(Batch(torch.tensor([[1.0, 1.0]]), torch.tensor([1]), 1))  # right: nothing moves
    assert rule.net.weight.tolist() == [[2, 1]]
    rule(Batch(torch.tensor([[1.0, 3.0], [3.0, 0.0]]), torch.tensor([0, 0]), 2))  # both wrong: both are taken away
    assert rule.net.weight.tolist() == [[-2, -2]]
    assert rule.net.bias.tolist() == [-1]


def test_perceptron_makes_the_mistakes_of_scikit_learns():
    from sklearn.linear_model import Perceptron

    x, y, _ = separable(80, 3, 0.1)
    theirs = Perceptron(shuffle=False, max_iter=7, tol=None, eta0=1.0).fit(x.numpy(), y.numpy())
    rule = PerceptronRule(nn.Linear(3, 1))
    for _ in fit(rule, one_by_one(x, y), Plan(7)):
        pass
    assert rule.net.weight[0].tolist() == pytest.approx(theirs.coef_[0].tolist(), rel=1e-4)
    assert rule.net.bias.tolist() == pytest.approx(theirs.intercept_.tolist(), rel=1e-4)


def test_delta_rule_is_descent_on_half_the_squared_error():
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 4, generator=draw), torch.randn(6, 2, generator=draw)
    net = nn.Linear(4, 2)
    rule = DeltaRule(net, optimizer("sgd", net, 0.1))
    reference = nn.Linear(4, 2)
    nn.init.normal_(net.weight, generator=draw)
    reference.load_state_dict(net.state_dict())
    (0.5 * (reference(x) - y).square().sum(1).mean()).backward()
    rule(Batch(x, y, 6))
    for mine, theirs in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(mine, theirs - 0.1 * theirs.grad, atol=1e-6)


def test_delta_rule_reaches_least_squares():
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(40, 3, generator=draw)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3 * torch.randn(40, 1, generator=draw)
    net = nn.Linear(3, 1)
    for _ in fit(DeltaRule(net, optimizer("sgd", net, 0.2)), Whole(x, y), Plan(500)):
        pass
    best = np.linalg.lstsq(np.column_stack((x, np.ones(40))), y.numpy(), rcond=None)[0][:, 0]
    assert [*net.weight[0].tolist(), net.bias.item()] == pytest.approx(best.tolist(), abs=1e-4)


@pytest.mark.parametrize("rule", ["perceptron", "delta"])
def test_rules_go_on_from_a_saved_state(rule):
    x, y, _ = separable(20, 2, 0.05)
    y = y if rule == "perceptron" else y[:, None].float()

    def fresh():
        net = nn.Linear(2, 1)
        return PerceptronRule(net) if rule == "perceptron" else DeltaRule(net, optimizer("sgd", net, 0.05))

    straight, first, second = fresh(), fresh(), fresh()
    for batch in one_by_one(x, y):
        straight(batch)
    for batch in one_by_one(x, y)[:9]:
        first(batch)
    second.load_state_dict(first.state_dict())
    for batch in one_by_one(x, y)[9:]:
        second(batch)
    assert torch.equal(second.net.weight, straight.net.weight)
    assert torch.equal(second.net.bias, straight.net.bias)


@pytest.mark.parametrize(("samples", "inputs"), [(30, 5), (5, 30)])
def test_least_squares_is_the_pseudo_inverse(samples, inputs):
    draw = torch.Generator().manual_seed(2)
    x, y = torch.randn(3, samples, inputs, generator=draw), torch.randn(3, samples, 2, generator=draw)
    expected = np.linalg.pinv(x.double().numpy()) @ y.double().numpy()
    assert np.allclose(least_squares(x, y).numpy(), expected, atol=1e-8)


def test_descent_from_zero_leads_to_the_least_squares_solution_of_smallest_norm():
    draw = torch.Generator().manual_seed(3)
    x, y = torch.randn(5, 12, generator=draw), torch.randn(5, 1, generator=draw)
    weights = torch.zeros(12, 1)
    for _ in range(3000):
        weights -= 0.02 * x.T @ (x @ weights - y)
    assert torch.allclose(weights, least_squares(x, y).float(), atol=1e-4)
