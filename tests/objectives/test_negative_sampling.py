"""Negative sampling against its formula, and against what is known of its minimum."""

import torch

from profundo.objectives.negative_sampling import context_log_probabilities, negative_sampling


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_the_cost_is_the_textbook_formula():
    scores = 3 * normal(5, 4)
    sigmoid = 1 / (1 + torch.exp(-scores))
    expected = [-(torch.log(row[0]) + sum(torch.log(1 - s) for s in row[1:])) for row in sigmoid]
    torch.testing.assert_close(negative_sampling(scores), torch.stack(expected))
    assert torch.isfinite(negative_sampling(1e4 * scores)).all()


def expected_cost(scores, joint, noise, k):
    """Over centres and contexts of the joint distribution, and k words of the noise."""
    total = scores.new_zeros(())
    for w in range(len(joint)):
        for c in range(len(noise)):
            total = total + joint[w, c] * negative_sampling(scores[w, c].reshape(1, 1))[0]
            both = negative_sampling(torch.stack((scores.new_zeros(()), scores[w, c])).reshape(1, 2))[0]
            total = total + k * joint[w].sum() * noise[c] * (both - torch.log(scores.new_tensor(2.0)))
    return total


def test_the_minimum_is_the_shifted_mutual_information_of_levy_and_goldberg():
    joint = normal(4, 5).exp()
    joint /= joint.sum()
    noise = joint.sum(0) ** 0.75
    noise /= noise.sum()
    k = 3
    best = (joint / joint.sum(1, keepdim=True) / (k * noise)).log().requires_grad_()
    (gradient,) = torch.autograd.grad(expected_cost(best, joint, noise, k), best)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-12, rtol=0)
    (elsewhere,) = torch.autograd.grad(expected_cost(best + 0.1, joint, noise, k), best)
    assert elsewhere.abs().min() > 1e-6


def test_scores_at_the_minimum_give_the_true_distribution_of_the_context():
    conditional = normal(4, 5).softmax(1)
    noise = normal(5).softmax(0)
    scores = (conditional / (7 * noise)).log()
    torch.testing.assert_close(context_log_probabilities(scores, noise).exp(), conditional)
