"""Connectionist temporal classification: the lattice against all paths one by one, PyTorch's loss and its gradient."""

from itertools import groupby, product

import pytest
import torch

from profundo.objectives.ctc import ctc_cost, lattice


def meaning(path):
    return tuple(symbol for symbol, _ in groupby(path) if symbol != 0)


@pytest.fixture
def log_shares():
    return torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).log_softmax(1)


@pytest.mark.parametrize("labels", [(), (1,), (1, 2), (1, 1), (2, 1, 2), (1, 1, 1)])
def test_likelihood_posteriors_and_places_are_those_of_all_paths_one_by_one(labels, log_shares):
    """Which state a path is in: what it has meant so far tells how many labels are behind it, its symbol whether it is a blank."""
    found = lattice(log_shares, labels)
    total, states = 0.0, torch.zeros(5, 2 * len(labels) + 1, dtype=torch.float64)
    for path in product(range(3), repeat=5):
        if meaning(path) != labels:
            continue
        chance = float(torch.stack([log_shares[at, symbol] for at, symbol in enumerate(path)]).sum().exp())
        total += chance
        for at in range(5):
            passed = len(meaning(path[: at + 1]))
            states[at, 2 * passed - 1 if path[at] else 2 * passed] += chance
    assert found.log_likelihood.exp().item() == pytest.approx(total, rel=1e-12)
    torch.testing.assert_close(found.posteriors, states / total)
    moments = torch.arange(5, dtype=torch.float64)
    shares = states[:, 1::2]
    torch.testing.assert_close(found.places, (moments @ shares) / shares.sum(0))


def test_the_cost_is_minus_the_logarithm_per_label_and_its_gradient_is_what_the_posteriors_say():
    """∂(−log p)/∂ logits = y − Σ of the posteriors of the states with that symbol (Graves et al. 2006, eq. 16)."""
    logits = torch.randn(9, 1, 4, dtype=torch.float64).requires_grad_()
    labels = [3, 1, 1]
    cost = ctc_cost(logits, torch.tensor([9]), torch.tensor([labels]), torch.tensor([3]))
    cost.backward()
    log_shares = logits.detach()[:, 0].float().double().log_softmax(1)
    found = lattice(log_shares, labels)
    assert cost.item() == pytest.approx(-found.log_likelihood.item() / 3, rel=1e-5)
    due = torch.zeros(9, 4, dtype=torch.float64).index_add(1, found.states, found.posteriors)
    torch.testing.assert_close(logits.grad[:, 0], (log_shares.exp() - due) / 3, rtol=1e-4, atol=1e-6)


def test_too_few_steps_for_the_labels_are_impossible_and_cost_nothing():
    log_shares = torch.full((2, 3), 1 / 3).log()
    assert lattice(log_shares, [1, 2]).log_likelihood.item() == pytest.approx(2 * torch.tensor(1 / 3).log().item())
    assert lattice(log_shares, [1, 1]).log_likelihood == -torch.inf
    cost = ctc_cost(log_shares[:, None], torch.tensor([2]), torch.tensor([[1, 1]]), torch.tensor([2]))
    assert cost == 0
