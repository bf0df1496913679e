"""Threshold units and batched nets, against truth tables and single nets."""

from itertools import product

import pytest
import torch
from torch import nn

from profundo.nets.batched_nets import BatchedMLP, nguyen_widrow_
from profundo.nets.threshold_units import GATES, ThresholdLayer


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("AND", lambda a, b: a and b),
        ("OR", lambda a, b: a or b),
        ("XOR", lambda a, b: a != b),
        ("NOT", lambda a: not a),
    ],
)
def test_gates_have_their_truth_tables(name, truth):
    net = GATES[name]()
    for row in product((0, 1), repeat=truth.__code__.co_argcount):
        assert net(torch.tensor([row], dtype=torch.float32)).item() == truth(*map(bool, row))


def test_no_single_threshold_unit_is_xor():
    rows = torch.tensor(list(product((0.0, 1.0), repeat=2)))
    grid = torch.linspace(-2, 2, 17)
    weights = torch.cartesian_prod(grid, grid)
    for threshold in grid:
        answers = ThresholdLayer(weights.tolist(), [float(threshold)] * len(weights))(rows).T
        assert (answers != torch.tensor([0.0, 1, 1, 0])).any(1).all()


def test_a_unit_fires_when_the_sum_just_reaches_the_threshold():
    layer = ThresholdLayer([[1, 1, -1]], [2])
    assert layer(torch.tensor([[1.0, 1, 0], [1, 1, 1], [1, 0, 0]])).squeeze(1).tolist() == [1, 0, 0]
    assert not list(layer.parameters())


def test_batched_nets_are_single_nets_side_by_side():
    torch.manual_seed(0)
    many = BatchedMLP(3, 4, 5, 2, "relu")
    inputs = torch.randn(7, 4)
    outputs = many(inputs)
    for at in range(3):
        one = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
        with torch.no_grad():
            one[0].weight.copy_(many.hidden_weight[at].T)
            one[0].bias.copy_(many.hidden_bias[at, 0])
            one[2].weight.copy_(many.output_weight[at].T)
            one[2].bias.copy_(many.output_bias[at, 0])
        assert torch.allclose(outputs[at], one(inputs), atol=1e-6)
        torch.testing.assert_close(many.alone(at)(inputs), one(inputs))


def test_a_net_taken_out_of_its_batch_has_weights_of_its_own():
    many = BatchedMLP(3, 4, 5, 2)
    before, one = many(torch.ones(1, 4)), many.eval().alone(1)
    assert not one.training
    with torch.no_grad():
        one.hidden.weight.zero_()
    torch.testing.assert_close(many(torch.ones(1, 4)), before)


def test_batched_nets_take_each_its_own_inputs_and_keep_their_gradients_apart():
    torch.manual_seed(1)
    many = BatchedMLP(3, 4, 5, 1)
    inputs = torch.randn(3, 7, 4)
    assert torch.allclose(many(inputs)[1], many(inputs[1])[1], atol=1e-6)
    many(inputs)[1].square().sum().backward()
    for parameter in many.parameters():
        assert parameter.grad is not None
        assert [bool(part.abs().sum() > 0) for part in parameter.grad] == [False, True, False]


def test_nguyen_and_widrow_spread_the_slopes_over_the_inputs():
    torch.manual_seed(2)
    net = nguyen_widrow_(BatchedMLP(4, 1, 50, 1))
    assert torch.allclose(net.hidden_weight.abs(), torch.full_like(net.hidden_weight, 0.7 * 50))
    centres = -net.hidden_bias / net.hidden_weight
    assert centres.abs().max() <= 1
    assert centres.std().item() == pytest.approx(1 / 3**0.5, abs=0.1), "uniform on [-1, 1]"
