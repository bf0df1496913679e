"""Colours as classes: codes beside brute force, weights beside the paper's formula, annealed means at their two ends."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.stats import norm

from profundo.images.gamut import squares_in_gamut
from profundo.objectives.colour_classes import (
    annealed_mean,
    colour_classes,
    colour_cost,
    rebalancing,
    smoothed,
)
from profundo.records import ProfundoError


@pytest.fixture(scope="module")
def classes():
    return colour_classes(torch.from_numpy(squares_in_gamut(10)))


def test_a_colour_is_told_by_its_five_nearest_classes_whose_shares_fall_by_a_gaussian(classes):
    # Of each, no two of the six nearest classes are equally far.
    colours = torch.tensor([[12.0, -33.0], [-71.0, 63.0], [4.0, 1.0], [88.0, -97.0]])
    places, shares = classes.codes(colours)
    _, nearest = cKDTree(classes.middles.numpy()).query(colours.numpy(), 5)
    assert np.array_equal(np.sort(places.numpy(), 1), np.sort(nearest, 1))
    assert classes.of(colours).tolist() == nearest[:, 0].tolist()
    away = np.linalg.norm(classes.middles.numpy()[places.numpy()] - colours.numpy()[:, None], axis=-1)
    density = norm.pdf(away, scale=5)
    assert np.allclose(shares.numpy(), density / density.sum(1, keepdims=True), atol=1e-6)


def test_shares_of_any_colour_sum_to_one_also_far_outside_the_gamut(classes):
    colours = 300 * torch.rand(1000, 2, generator=torch.Generator().manual_seed(0)) - 150
    _, shares = classes.codes(colours)
    assert torch.allclose(shares.sum(1), torch.ones(1000))
    assert (shares >= 0).all()


def test_within_the_gamut_the_mean_of_a_code_is_nearly_the_colour(classes):
    inside = classes.middles[(classes.middles.abs() <= 20).all(1)]
    colours = inside + 4 * torch.rand(inside.shape, generator=torch.Generator().manual_seed(0)) - 2
    places, shares = classes.codes(colours)
    means = (shares[..., None] * classes.middles[places]).sum(1)
    assert (means - colours).norm(dim=1).max() < 3


def test_a_class_that_nobody_saw_counts_as_equation_4_says(classes):
    colours = torch.tensor([[0.0, 0.0]] * 6 + [[10.0, 0.0]] * 2)
    shares = classes.shares(colours)
    assert shares.sum() == 1
    assert shares[classes.of(colours[0])] == 0.75
    spread = smoothed(shares, classes.middles)
    assert spread.sum().item() == pytest.approx(1)
    own = classes.middles.numpy().astype(float)
    by_hand = np.zeros(len(own))
    for share, middle in ((0.75, [0, 0]), (0.25, [10, 0])):
        falls = np.exp(-((own - middle) ** 2).sum(1) / (2 * 5**2))
        by_hand += share * falls / falls.sum()
    assert np.allclose(spread.numpy(), by_hand)
    weights = rebalancing(spread, 0.5)
    inverse = [1 / (0.5 * share + 0.5 / len(own)) for share in by_hand]
    expected = [one / sum(p * w for p, w in zip(by_hand, inverse, strict=True)) for one in inverse]
    assert np.allclose(weights.numpy(), expected)
    assert (spread * weights).sum().item() == pytest.approx(1)
    assert torch.allclose(rebalancing(spread, 1.0), torch.ones(len(own), dtype=torch.float64))


def test_the_cost_is_the_weighted_cross_entropy_of_whole_tables(classes):
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(2, len(classes), 3, 4, generator=draws)
    colours = 60 * torch.rand(2, 2, 3, 4, generator=draws) - 30
    weights = torch.rand(len(classes), generator=draws) + 0.5
    places, shares = classes.codes(colours.permute(0, 2, 3, 1))
    truth = torch.zeros(2, 3, 4, len(classes)).scatter_(-1, places, shares).permute(0, 3, 1, 2)
    each = torch.nn.functional.cross_entropy(logits, truth, reduction="none")
    expected = (weights[truth.argmax(1)] * each).mean()
    assert torch.allclose(colour_cost(logits, colours, classes, weights), expected, rtol=1e-5)


def test_annealed_from_the_mean_to_the_mode():
    middles = torch.tensor([[-10.0, 0.0], [0.0, 0.0], [10.0, 0.0], [0.0, 30.0], [0.0, -30.0]])
    shares = torch.tensor([0.1, 0.2, 0.4, 0.25, 0.05])
    logits = (shares.log() + 3)[None, :, None, None]
    assert torch.allclose(annealed_mean(logits, middles, 1.0)[0, :, 0, 0], shares @ middles)
    mode = torch.tensor([10.0, 0.0])
    assert torch.allclose(annealed_mean(logits, middles, 0.01)[0, :, 0, 0], mode, atol=1e-4)
    assert torch.equal(annealed_mean(logits, middles, 0)[0, :, 0, 0], mode)
    between = shares**2 / (shares**2).sum()  # T = 1/2
    assert torch.allclose(annealed_mean(logits, middles, 0.5)[0, :, 0, 0], between @ middles)


def test_fewer_classes_than_tell_a_colour_are_refused():
    with pytest.raises(ProfundoError, match=r"expected 5 or more as \(classes, 2\), a and b, got \(4, 2\)"):
        colour_classes(torch.zeros(4, 2))
