"""Figures of sequences: bits against entropies, n-grams against counting by hand, gradients against autograd."""

import math
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
import torch
from torch import nn

from profundo.evaluate.sequences import nearest_pairs
from profundo.evaluate.sequences.ngrams import ngram_bits
from profundo.evaluate.sequences.sequence_figures import (
    bits_per_symbol,
    exact_matches,
    nats_in_windows,
    right_symbols,
    state_gradients,
)
from profundo.records import ProfundoError

PAD = 0


class Counting(nn.Module):
    """Thinks that symbol (position mod 3) comes next, with the position since the beginning as its state."""

    def forward(self, symbols, state=None):
        batch, steps = symbols.shape
        start = torch.zeros(batch) if state is None else state
        positions = start[:, None] + torch.arange(steps)
        logits = 10 * nn.functional.one_hot((positions % 3).long(), 3).float()
        return logits, start + steps


def test_bits_of_a_net_that_knows_nothing_are_the_logarithm_of_the_alphabet():
    def uniform(symbols, _state=None):
        return torch.zeros(*symbols.shape, 8), None

    net = nn.Module()
    net.forward = uniform
    assert bits_per_symbol(net, torch.randint(8, (1000,))) == pytest.approx(3)


def test_the_state_is_carried_through_a_text_longer_than_one_window():
    text = torch.cat([torch.tensor([2]), torch.arange(998) % 3])
    right = -math.log2(math.exp(10) / (math.exp(10) + 2))
    assert bits_per_symbol(Counting(), text, streams=1, steps=100) == pytest.approx(right, abs=1e-6)
    # Several streams lose only their state at their beginnings: 249 is a multiple of 3, so here not even that.
    assert bits_per_symbol(Counting(), text[:997], streams=4, steps=50) == pytest.approx(right, abs=1e-6)


def test_evaluation_leaves_the_mode_as_it_was():
    net = Counting().train()
    bits_per_symbol(net, torch.randint(3, (100,)))
    assert net.training


def slow_witten_bell(train, test, symbols, order):
    """Mean bits by recursion over dictionaries, straight from the formula."""
    counts = defaultdict(Counter)
    for n in range(order):
        for at in range(n, len(train)):
            counts[tuple(train[at - n : at])][train[at]] += 1

    def share(context, symbol):
        shorter = share(context[1:], symbol) if context else 1 / symbols
        seen = counts.get(context)
        if not seen:
            return shorter
        return (seen[symbol] + len(seen) * shorter) / (seen.total() + len(seen))

    costs = [-math.log2(share(tuple(test[max(0, at - order + 1) : at]), test[at])) for at in range(len(test))]
    return sum(costs) / len(costs)


def test_n_grams_equal_the_formula_worked_out_symbol_by_symbol():
    own = torch.Generator().manual_seed(0)
    train = torch.randint(4, (300,), generator=own) * torch.randint(2, (300,), generator=own)
    test = torch.randint(4, (80,), generator=own)
    found = ngram_bits(train, test, 4, 4)
    assert found == pytest.approx([slow_witten_bell(train.tolist(), test.tolist(), 4, n) for n in (1, 2, 3, 4)])


def test_probabilities_of_n_grams_add_up_to_one():
    train = torch.tensor([0, 1, 2, 0, 1, 1, 0, 2])
    for context in ([0], [1], [2, 2], [0, 1]):
        lasts = [torch.tensor([*context, symbol]) for symbol in range(3)]
        for order in (1, 2, 3):
            whole = [ngram_bits(train, last, 3, order)[-1] * len(last) for last in lasts]
            before = ngram_bits(train, torch.tensor(context), 3, order)[-1] * len(context)
            assert sum(2 ** (before - bits) for bits in whole) == pytest.approx(1)


def test_too_large_an_order_is_refused():
    with pytest.raises(ProfundoError, match="below 2⁶³"):
        ngram_bits(torch.arange(10), torch.arange(10), 1000, 7)


def test_a_match_is_exact_whatever_the_padding():
    said = torch.tensor([[3, 4, 2], [3, 4, 2], [3, 2, 0]])
    targets = torch.tensor([[3, 4, 2, 0], [3, 4, 5, 2], [3, 2, 0, 0]])
    assert exact_matches(said, targets, PAD).tolist() == [True, False, True]
    assert exact_matches(targets, said, PAD).tolist() == [True, False, True]
    assert right_symbols(said, targets, PAD) == (3 + 2 + 2) / (3 + 4 + 2)


def test_gradients_of_a_linear_recurrence_are_powers_of_its_matrix():
    """With tanh near zero, ∂L/∂hₜ = (Uᵀ)^(T−t) g: here U is half a rotation, so the norm halves at each step back."""
    net = nn.RNN(1, 2, bias=False)
    angle = 0.7
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    with torch.no_grad():
        net.weight_hh_l0.copy_(0.5 * turn)
        net.weight_ih_l0.fill_(1.0)
    norms = state_gradients(net, torch.full((6, 3, 1), 1e-4), lambda output: output[:, 0].sum())
    assert torch.allclose(norms, 0.5 ** torch.arange(5.0, -1, -1), rtol=1e-4)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_gradients_equal_finite_differences_of_the_state(kind):
    torch.manual_seed(0)
    net = kind(2, 3).double()
    inputs = torch.randn(5, 1, 2, dtype=torch.float64)
    norms = state_gradients(net, inputs, lambda output: output.square().sum())
    _, state = net(inputs[:2])
    parts = state if isinstance(state, tuple) else (state,)

    def cost(flat):
        pieces = flat.view(len(parts), 1, 1, 3)
        _, last = net(inputs[2:], tuple(pieces) if len(parts) > 1 else pieces[0])
        return (last[0] if len(parts) > 1 else last).square().sum().item()

    flat, step = torch.cat([part.flatten() for part in parts]).detach(), 1e-6
    slopes = [
        (cost(flat + step * unit) - cost(flat - step * unit)) / (2 * step) for unit in torch.eye(len(flat)).double()
    ]
    assert norms[1].item() == pytest.approx(math.sqrt(sum(slope**2 for slope in slopes)), rel=1e-6)


@pytest.mark.parametrize(("symbols", "context"), [(2, 8), (8, 8), (9, 8), (10, 8), (31, 8), (32, 7), (33, 2)])
def test_a_text_in_windows_costs_what_its_symbols_cost_one_by_one(symbols, context):
    """A net whose logits hang on all it sees: each symbol once, after half a context of symbols at least."""
    text = torch.randint(5, (symbols,), generator=torch.Generator().manual_seed(symbols))

    def logits(seen):
        return torch.nn.functional.one_hot(seen, 5).double().cumsum(1) * torch.tensor([1.0, -0.5, 0.3, 0.9, 0.1])

    half, expected = context // 2, 0.0
    for place in range(1, symbols):
        start = 0 if place <= 2 * half else (place - 1 - half) // half * half
        seen = text[start:place]
        assert place <= 2 * half or half < len(seen) <= 2 * half
        expected -= torch.log_softmax(logits(seen[None])[0, -1], 0)[text[place]].item()
    assert nats_in_windows(logits, text, context, at_once=2) == pytest.approx(expected)


def test_the_most_similar_known_sequence_is_found_part_by_part(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    known, asked = (torch.randint(1, 8, (count, 6), generator=generator) for count in (40, 11))
    known[5:9, 3:] = asked[4:6, 4:] = 0  # padding
    asked[0], asked[1] = known[33], known[33]
    known[12] = known[33]  # the first of equals

    def counted(row):
        told = [symbol for symbol in row.tolist() if symbol]
        return Counter([*told, *pairwise(told)])

    def cosine(one, other):
        return sum(one[key] * other[key] for key in one) / math.hypot(*one.values()) / math.hypot(*other.values())

    monkeypatch.setattr(nearest_pairs, "KNOWN_AT_ONCE", 7)
    monkeypatch.setattr(nearest_pairs, "AT_ONCE", 3)
    found = nearest_pairs.nearest(known, asked, 0).tolist()
    assert found[:2] == [12, 12]
    for row, place in zip(asked, found, strict=True):
        shares = [cosine(counted(row), counted(one)) for one in known]
        assert shares[place] == pytest.approx(max(shares))


def test_what_is_certain_costs_no_bits_and_not_minus_none():
    same = torch.zeros(30, dtype=torch.int64)
    assert [str(bits) for bits in ngram_bits(same, same, 1, 2)] == ["0.0", "0.0"]
