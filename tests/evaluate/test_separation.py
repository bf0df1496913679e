"""Margins, the mistakes they allow, similarities of vectors, and the parts of an error, against brute force."""

import math

import numpy as np
import pytest
import torch

from profundo.evaluate.cosine import cosine, euclidean
from profundo.evaluate.decomposition import bias_and_variance
from profundo.evaluate.separation import margin, novikoff_bound


def clouds(gap: float) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(40, 1, generator=draw)
    labels = (x[:, 0] > 0).long()
    return x + gap * (2 * labels[:, None] - 1), labels


def test_margin_is_that_of_the_best_direction_of_all():
    x, labels = clouds(0.4)
    signed = (np.column_stack((x, np.ones(len(x)))) * (2 * labels.numpy() - 1)[:, None]).astype(float)
    angles = np.linspace(0, 2 * np.pi, 200_001)
    every = (signed @ np.stack((np.cos(angles), np.sin(angles)))).min(0).max()
    assert margin(x, labels) == pytest.approx(every, rel=1e-4)


def test_margin_of_two_points_is_known():
    x, labels = torch.tensor([[-1.0, 0.0], [3.0, 0.0]]), torch.tensor([0, 1])
    # y (x, 1) are (1, 0, −1) and (3, 0, 1): the nearest point to the origin of the segment between them is (1, 0, −1) …
    a, b = np.array([1.0, 0, -1]), np.array([3.0, 0, 1])
    nearest = min(np.linalg.norm(a + t * (b - a)) for t in np.linspace(0, 1, 100_001))
    assert margin(x, labels) == pytest.approx(nearest, rel=1e-5)
    assert novikoff_bound(x, labels) == pytest.approx(10 / nearest**2, rel=1e-5)


def test_xor_has_no_margin_and_no_bound():
    x, labels = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([0, 1, 1, 0])
    assert margin(x, labels) <= 0
    assert novikoff_bound(x, labels) == math.inf


def test_vectors_of_the_exercise_have_the_cosines_of_the_course():
    x = torch.tensor([0.5, 0.3, 0.7])
    others = torch.tensor([[0.3, 0.3, 0.3], [0.6, 0.2, 0.6], [-0.5, -0.3, -0.7]])
    assert [round(value, 3) for value in cosine(x, others).tolist()] == [0.951, 0.982, -1.0]
    assert euclidean(x, others).tolist() == pytest.approx([math.sqrt(0.2), math.sqrt(0.03), math.sqrt(4 * 0.83)])


def test_cosine_agrees_with_pytorch_and_ignores_length():
    draw = torch.Generator().manual_seed(1)
    a, b = torch.randn(20, 7, generator=draw), torch.randn(20, 7, generator=draw)
    assert torch.allclose(cosine(a, b), torch.nn.functional.cosine_similarity(a, b), atol=1e-6)
    assert torch.allclose(cosine(3 * a, 0.1 * b), cosine(a, b), atol=1e-6)


def test_bias_and_variance_of_the_shrunken_mean_are_those_of_the_textbook():
    """f̂ = c · mean of n samples of N(μ, σ²): bias² = (c − 1)²μ², variance = c²σ²/n."""
    draw = torch.Generator().manual_seed(2)
    mu, sigma, n, c, sets = 2.0, 1.5, 10, 0.6, 200_000
    samples = mu + sigma * torch.randn(sets, n, generator=draw)
    estimates = c * samples.mean(1, keepdim=True)
    fresh = mu + sigma * torch.randn(sets, 1, generator=draw)
    parts = bias_and_variance(estimates, torch.tensor([mu]), fresh, sigma**2)
    assert parts.bias_squared == pytest.approx((c - 1) ** 2 * mu**2, rel=0.01)
    assert parts.variance == pytest.approx(c**2 * sigma**2 / n, rel=0.02)
    assert parts.total == pytest.approx(parts.error, rel=0.02)


def test_without_noise_bias_and_variance_are_the_whole_error_exactly():
    draw = torch.Generator().manual_seed(3)
    predictions, truth = torch.randn(5, 4, generator=draw), torch.randn(4, generator=draw)
    parts = bias_and_variance(predictions, truth, truth.expand(5, 4), 0.0)
    assert parts.bias_squared + parts.variance == pytest.approx(parts.error, rel=1e-12)
