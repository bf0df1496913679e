"""The mutual information gap where it is known: codes that copy factors, mix them, blur them, or know nothing."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from profundo.inside.disentanglement import entropies, information, information_gaps
from profundo.records import ProfundoError

LATTICE = torch.cartesian_prod(torch.arange(4), torch.arange(3), torch.arange(2))
SHARP = math.log(1e-4)  # log variance: levels are a distance of 1 apart


def gaps(mean, log_variance, factors=LATTICE, draws=24):
    found = information(mean, log_variance, factors, torch.Generator().manual_seed(0), draws)
    return found, information_gaps(found, entropies(factors))


def test_a_number_for_each_factor_has_a_gap_of_one():
    mean = torch.cat([LATTICE.double(), torch.zeros(24, 1)], 1)
    found, each = gaps(mean, torch.full_like(mean, SHARP))
    entropy = torch.tensor([math.log(4), math.log(3), math.log(2)], dtype=torch.float64)
    torch.testing.assert_close(entropies(LATTICE), entropy)
    torch.testing.assert_close(found[:3], torch.diag(entropy), atol=1e-6, rtol=0)
    torch.testing.assert_close(found[3], torch.zeros(3).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(each, torch.ones(3).double(), atol=1e-6, rtol=0)


def test_two_numbers_that_say_the_same_leave_no_gap_and_a_number_that_says_all_is_no_fault_of_its_own():
    twice = torch.cat([LATTICE, LATTICE], 1).double()
    _, each = gaps(twice, torch.full_like(twice, SHARP))
    torch.testing.assert_close(each, torch.zeros(3).double(), atol=1e-6, rtol=0)
    together = torch.stack([LATTICE @ torch.tensor([6, 2, 1]), torch.zeros(24).long()], 1).double()
    found, each = gaps(together, torch.full_like(together, SHARP))
    torch.testing.assert_close(found[0], entropies(LATTICE), atol=1e-6, rtol=0)
    torch.testing.assert_close(each, torch.ones(3).double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("apart", [0.5, 1.5, 4.0])
def test_a_blurred_number_says_what_an_integral_says(apart):
    """Two equally likely values at ±apart/2 with noise of deviation 1: I = h(mixture) − h(noise)."""

    def mixed(x):
        density = (norm.pdf(x, apart / 2) + norm.pdf(x, -apart / 2)) / 2
        return -density * np.log(density)

    expected = quad(mixed, -15, 15)[0] - 0.5 * math.log(2 * math.pi * math.e)
    factors = (torch.arange(8000) % 2)[:, None]
    mean = torch.cat([apart * (factors - 0.5), torch.zeros(8000, 1)], 1)
    found = information(mean, torch.zeros_like(mean), factors, torch.Generator().manual_seed(0), draws=1500)
    assert found[0, 0].item() == pytest.approx(expected, abs=0.03)
    assert found[1, 0].item() == pytest.approx(0, abs=1e-12)


def test_turned_codes_have_a_smaller_gap():
    factors = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    plain = factors.double()
    turned = torch.stack([plain.sum(1), plain[:, 0] - plain[:, 1]], 1) / math.sqrt(2)
    _, straight = gaps(plain, torch.full_like(plain, math.log(0.01)), factors, 16)
    _, mixed = gaps(turned, torch.full_like(turned, math.log(0.01)), factors, 16)
    assert straight.min() > 0.9
    assert mixed.max() < 0.05


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ProfundoError, match="expected means and log variances"):
        information(torch.zeros(4, 2), torch.zeros(4, 2), torch.zeros(3, 1).long(), torch.Generator())
