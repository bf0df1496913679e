"""Costs of metric learning against loops over pairs and triplets, and at the points where a naive root breaks."""

import math

import pytest
import torch

from profundo.objectives.metric_losses import (
    contrastive,
    distances,
    hardest,
    pair_distances,
    semi_hard,
    squared_distances,
    triplet,
)
from profundo.records import ProfundoError


def sample(seed=0, batch=12, classes=4, width=5):
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(batch, width, generator=generator, dtype=torch.float64)
    labels = torch.arange(batch) % classes
    return embeddings, labels[torch.randperm(batch, generator=generator)]


def euclidean(x, y):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(x.tolist(), y.tolist(), strict=True)))


def test_distances_are_those_of_a_loop_over_all_pairs():
    embeddings, _ = sample()
    left, right = embeddings[:5], embeddings[5:]
    looped = torch.tensor([[euclidean(x, y) for y in right] for x in left], dtype=torch.float64)
    torch.testing.assert_close(distances(left, right), looped, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(squared_distances(left, right), looped**2, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(pair_distances(left, right[:5]), looped.diagonal(), rtol=1e-12, atol=1e-12)


def test_gradients_of_the_distances_agree_with_finite_differences():
    embeddings = sample(batch=6, classes=3, width=3)[0].requires_grad_()
    assert torch.autograd.gradcheck(squared_distances, (embeddings[:2], embeddings[2:]))
    assert torch.autograd.gradcheck(distances, (embeddings[:2], embeddings[2:]))
    assert torch.autograd.gradcheck(pair_distances, (embeddings[:3], embeddings[3:]))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_coinciding_embeddings_have_distance_zero_and_no_gradient(scale):
    rows = scale * torch.ones(4, 3)
    rows.requires_grad_()
    for cost in (distances(rows, rows), pair_distances(rows, rows.detach())):
        assert (cost == 0).all()
        (gradient,) = torch.autograd.grad(cost.sum(), rows)
        assert (gradient == 0).all()


def test_distances_far_from_the_origin_keep_their_digits():
    embeddings = sample()[0].float()
    near, far = distances(embeddings, embeddings), distances(embeddings + 1000, embeddings + 1000)
    torch.testing.assert_close(near, far, rtol=2e-3, atol=2e-3)  # float32 itself has 6e-5 at 1000


@pytest.mark.parametrize("margin", [0.5, 1.0, 3.0])
def test_the_contrastive_cost_is_equation_4_of_hadsell_chopra_and_lecun(margin):
    embeddings, labels = sample()
    left, right = embeddings[:6], embeddings[6:]
    same = (labels[:6] == labels[6:]).long()
    same[0] = 1
    expected = []
    for x, y, is_same in zip(left, right, same.tolist(), strict=True):
        w, dissimilar = euclidean(x, y), 1 - is_same
        expected.append((1 - dissimilar) * 0.5 * w**2 + dissimilar * 0.5 * max(0, margin - w) ** 2)
    found = contrastive(pair_distances(left, right), same, margin)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12)


def test_contrastive_pulls_a_same_pair_and_pushes_a_different_one_only_within_the_margin():
    origin = torch.zeros(3, 2, dtype=torch.float64)
    point = torch.tensor([[0.6, 0.0], [0.6, 0.0], [1.5, 0.0]], dtype=torch.float64, requires_grad=True)
    cost = contrastive(pair_distances(origin, point), torch.tensor([1, 0, 0]), margin=1.0)
    (gradient,) = torch.autograd.grad(cost.sum(), point)
    torch.testing.assert_close(gradient[:, 0], torch.tensor([0.6, -0.4, 0.0], dtype=torch.float64))


def triplets(labels):
    """Every (anchor, positive, negative) of the batch."""
    size = range(len(labels))
    return [
        (a, p, n)
        for a in size
        for p in size
        for n in size
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]
    ]


@pytest.mark.parametrize("seed", range(5))
def test_batch_hard_mining_is_the_loop_of_hermans_equation_5(seed):
    embeddings, labels = sample(seed)
    positive, negative = hardest(distances(embeddings, embeddings), labels)
    for anchor in range(len(labels)):
        mine = [(p, n) for a, p, n in triplets(labels) if a == anchor]
        assert positive[anchor] == pytest.approx(max(euclidean(embeddings[anchor], embeddings[p]) for p, _ in mine))
        assert negative[anchor] == pytest.approx(min(euclidean(embeddings[anchor], embeddings[n]) for _, n in mine))
    costs = triplet(positive, negative, margin=0.3)
    assert costs.mean().item() == pytest.approx(
        sum(max(0.0, p - n + 0.3) for p, n in zip(positive.tolist(), negative.tolist(), strict=True)) / len(labels)
    )


@pytest.mark.parametrize("seed", range(5))
def test_semi_hard_mining_is_the_loop_over_negatives_beyond_each_positive(seed):
    embeddings, labels = sample(seed)
    embeddings[0] *= 20  # beyond it there is no negative
    found = semi_hard(squared_distances(embeddings, embeddings), labels)
    expected = []
    for anchor, positive in sorted({(a, p) for a, p, _ in triplets(labels)}):
        reach = euclidean(embeddings[anchor], embeddings[positive]) ** 2
        negatives = [
            euclidean(embeddings[anchor], embeddings[n]) ** 2
            for a, p, n in triplets(labels)
            if (a, p) == (anchor, positive)
        ]
        beyond = [d for d in negatives if d > reach]
        expected.append((reach, min(beyond) if beyond else max(negatives)))
    torch.testing.assert_close(torch.stack(found, 1), torch.tensor(expected, dtype=torch.float64))
    assert len({n > p for p, n in expected}) == 2, "both cases should occur"


def test_an_embedding_collapsed_to_a_point_costs_the_margin():
    labels = torch.tensor([0, 0, 1, 1])
    rows = torch.zeros(4, 3, requires_grad=True)
    for mine in (hardest, semi_hard):
        costs = triplet(*mine(distances(rows, rows), labels), margin=0.2)
        torch.testing.assert_close(costs, torch.full_like(costs, 0.2))
        assert torch.isfinite(torch.autograd.grad(costs.sum(), rows)[0]).all()


def test_the_triplet_cost_has_the_gradient_of_finite_differences_through_the_mining():
    embeddings, labels = sample(3, batch=8, width=3)
    for mine in (hardest, semi_hard):
        assert torch.autograd.gradcheck(
            lambda x, mine=mine: triplet(*mine(distances(x, x), labels), margin=1.0), embeddings.requires_grad_()
        )


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 0, 1, 2]])
def test_a_batch_without_triplets_for_every_anchor_is_refused(labels):
    rows = torch.randn(4, 2)
    for mine in (hardest, semi_hard):
        with pytest.raises(ProfundoError, match="two classes or more"):
            mine(distances(rows, rows), torch.tensor(labels))
