"""The cost of padded sequences against sums written out, and bits against nats."""

import math

import pytest
import torch

from profundo.objectives.sequence_likelihood import sequence_cost


def test_the_cost_is_the_mean_over_the_symbols_that_are_meant():
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[1, 4, 2], [3, 0, 0]])
    shares = torch.softmax(logits, 2)
    meant = [(0, 0, 1), (0, 1, 4), (0, 2, 2), (1, 0, 3)]
    expected = sum(-math.log(shares[place]) for place in meant) / 4
    assert sequence_cost(logits, targets, pad=0).item() == pytest.approx(expected, rel=1e-6)
    whole = sum(-math.log(shares[b, t, int(targets[b, t])]) for b in range(2) for t in range(3)) / 6
    assert sequence_cost(logits, targets).item() == pytest.approx(whole, rel=1e-6)


def test_padding_has_no_gradient():
    logits = torch.randn(1, 4, 3, requires_grad=True)
    sequence_cost(logits, torch.tensor([[1, 2, 0, 0]]), pad=0).backward()
    assert logits.grad[0, :2].abs().sum() > 0
    assert (logits.grad[0, 2:] == 0).all()


def test_half_precision_outputs_cost_what_their_float32_values_cost():
    logits = torch.randn(2, 3, 5).bfloat16()
    targets = torch.tensor([[1, 4, 2], [3, 0, 1]])
    assert sequence_cost(logits, targets).dtype == torch.float32
    assert sequence_cost(logits, targets) == sequence_cost(logits.float(), targets)


def test_a_guess_among_equals_costs_the_logarithm_of_their_number():
    cost = sequence_cost(torch.zeros(1, 7, 65), torch.zeros(1, 7, dtype=torch.int64))
    assert cost.item() == pytest.approx(math.log(65))
