"""e(n) = a + b n^−c: found where it holds, with honest intervals, and refused where it does not."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from profundo.evaluate.power_law import EXPONENTS, fit_power_law, power_law
from profundo.records import ProfundoError

SIZES = [50, 100, 200, 400, 800, 1600]


def errors(a, b, c, relative, repeats, seed, sizes=SIZES):
    random = np.random.default_rng(seed)
    truth = [a + b * n**-c for n in sizes]
    return [[value * (1 + relative * random.normal()) for _ in range(repeats)] for value in truth]


@pytest.mark.parametrize(("a", "b", "c"), [(0.0, 2.0, 0.5), (0.05, 3.0, 0.8), (0.2, 1.0, 0.3)])
def test_a_law_without_noise_is_found_exactly(a, b, c):
    law = fit_power_law(SIZES, errors(a, b, c, 1e-9, 3, 0))
    assert (law.a, law.b, law.c) == pytest.approx((a, b, c), abs=1e-4)
    assert law.unsound == ""
    assert law.at(3200) == pytest.approx(a + b * 3200**-c, rel=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_the_fit_is_the_weighted_least_squares_solution_without_negative_parts(seed):
    """For the exponent that was chosen SciPy's nnls finds the same a and b; with no other exponent it comes closer."""
    random = np.random.default_rng(seed)
    errors = np.sort(random.random(6))[::-1].copy() if seed else np.array([0.1, 0.1, 0.2, 0.2, 0.3, 0.3])
    weights, sizes = random.random(6) + 0.1, np.array(SIZES, dtype=float)
    a, b, c = power_law(torch.tensor(sizes), torch.tensor(errors)[None], torch.tensor(weights))[:, 0].tolist()

    def fitted(exponent):
        basis = np.stack([np.ones(6), sizes**-exponent], 1) * np.sqrt(weights)[:, None]
        return nnls(basis, errors * np.sqrt(weights))

    (theirs, distance) = fitted(c)
    assert (a, b) == pytest.approx(theirs.tolist(), abs=1e-9)
    assert all(fitted(other)[1] >= distance - 1e-9 for other in EXPONENTS.tolist())


def test_the_interval_holds_what_it_says_for_about_95_of_100_curves():
    """Curves of a known law with noise of a known deviation: the truth at twice the largest size lies within."""
    truth = 0.1 + 2.0 * 3200**-0.5
    inside = 0
    for seed in range(60):
        low, high = fit_power_law(SIZES, errors(0.1, 2.0, 0.5, 0.05, 5, seed), seed).between(3200)
        inside += low <= truth <= high
    assert inside >= 52


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[0.3, 0.31]] * 6, "does not fall"),
        ([[e, e * 1.01] for e in (0.9, 0.3, 0.89, 0.2, 0.88, 0.1)], "standard errors from it"),
        ([[0.1, 0.2], [0.1, 0.1], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], "zero"),
    ],
)
def test_what_is_no_power_law_is_not_extrapolated(rows, says):
    assert says in fit_power_law(SIZES, rows).unsound


@pytest.mark.parametrize("rows", [[[0.3, 0.2]] * 3, [[0.3]] * 6, [[0.3, float("nan")]] * 6])
def test_too_few_or_no_numbers_are_refused(rows):
    with pytest.raises(ProfundoError, match="power law"):
        fit_power_law(SIZES[: len(rows)], rows)
