"""The Fréchet distance against SciPy's matrix root and closed forms."""

import numpy as np
import pytest
import scipy.linalg
import torch

from profundo.evaluate.frechet import frechet_distance, gaussian_distance
from profundo.records import ProfundoError


def features(samples: int, size: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(size, size, dtype=torch.float64, generator=generator)
    return torch.randn(samples, size, dtype=torch.float64, generator=generator) @ mix + seed


def published(one: np.ndarray, two: np.ndarray) -> float:
    """Equation 6 of Heusel et al. 2017 with SciPy's root of the product."""
    s1, s2 = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    root = scipy.linalg.sqrtm(s1 @ s2).real
    return float(((one.mean(0) - two.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * root))


@pytest.mark.parametrize("size", [1, 2, 16])
def test_distance_agrees_with_the_matrix_root_of_scipy(size):
    one, two = features(50, size, 1), features(60, size, 2)
    if size == 1:
        s1, s2 = one.std().item(), two.std().item()
        expected = (one.mean() - two.mean()).item() ** 2 + (s1 - s2) ** 2
    else:
        expected = published(one.numpy(), two.numpy())
    assert frechet_distance(one, two) == pytest.approx(expected, rel=1e-9)


def test_of_diagonal_covariances_the_distance_is_that_of_means_and_deviations():
    mean1, mean2 = torch.tensor([0.0, 1.0, 2.0]).double(), torch.tensor([1.0, -1.0, 2.5]).double()
    s1, s2 = torch.tensor([1.0, 2.0, 0.0]).double(), torch.tensor([3.0, 0.5, 4.0]).double()
    distance = gaussian_distance(mean1, s1.diag(), mean2, s2.diag())
    assert distance.item() == pytest.approx(((mean1 - mean2) ** 2 + (s1 - s2) ** 2).sum().item())


def test_distance_of_a_set_to_itself_is_zero_and_to_its_shifted_self_the_shift_squared():
    one = features(200, 8, 3)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(one, one + 0.5) == pytest.approx(8 * 0.25, rel=1e-6)


def test_distance_is_symmetric_and_turns_with_the_features():
    one, two = features(80, 6, 4), features(90, 6, 5)
    turn = torch.linalg.qr(features(6, 6, 6)).Q
    assert frechet_distance(one, two) == pytest.approx(frechet_distance(two, one), rel=1e-9)
    assert frechet_distance(one @ turn, two @ turn) == pytest.approx(frechet_distance(one, two), rel=1e-9)


def test_fewer_samples_than_features_still_give_a_distance():
    """Covariances are singular, where the root of the product is ill defined; known: samples in two planes, x₁ = x₂ = 0."""
    generator = torch.Generator().manual_seed(0)
    one, two = torch.randn(2, 3, 10, dtype=torch.float64, generator=generator)
    one[:, 5:] = 0
    two[:, :5] = 0
    s1, s2 = np.cov(one.numpy(), rowvar=False), np.cov(two.numpy(), rowvar=False)
    expected = (one.mean(0) - two.mean(0)).square().sum().item() + np.trace(s1) + np.trace(s2)  # the product is zero
    assert frechet_distance(one, two) == pytest.approx(expected, rel=1e-6)


def test_single_precision_features_are_measured_in_double():
    one, two = features(50, 4, 7).float() + 1000, features(50, 4, 8).float() + 1000
    expected = published(one.double().numpy(), two.double().numpy())
    assert frechet_distance(one, two) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shapes", [((1, 3), (5, 3)), ((5, 3), (5, 4)), ((5, 3, 1), (5, 3, 1))])
def test_what_are_no_two_sets_of_features_is_refused(shapes):
    with pytest.raises(ProfundoError, match="two sets"):
        frechet_distance(torch.zeros(shapes[0]), torch.zeros(shapes[1]))
