"""The evidence lower bound against PyTorch's distributions and against an integral that can be computed."""

import math

import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from profundo.evaluate.likelihood import bits_per_dimension, importance_log_likelihood
from profundo.objectives.elbo import bernoulli_log_likelihood, gaussian_kl, normal_log_density


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_divergence_from_the_prior_is_that_of_two_normal_distributions():
    mean, log_variance = draws(5, 3), draws(5, 3, seed=1)
    normal = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(normal, Normal(torch.zeros_like(mean), torch.ones_like(mean))).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)
    assert gaussian_kl(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_the_likelihood_of_pixels_is_a_product_of_bernoulli_distributions():
    logits, pixels = draws(4, 1, 3, 3), (draws(4, 1, 3, 3, seed=1) > 0).double()
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(pixels)
    torch.testing.assert_close(bernoulli_log_likelihood(logits, pixels), expected)


def test_the_normal_density_is_that_of_torch():
    values, mean, log_variance = draws(6, 2), draws(6, 2, seed=1), draws(6, 2, seed=2)
    expected = Normal(mean, (0.5 * log_variance).exp()).log_prob(values).sum(-1)
    torch.testing.assert_close(normal_log_density(values, mean, log_variance), expected)


def test_importance_sampling_finds_the_integral_and_the_mean_of_its_logarithms_lies_below():
    # x|z ~ N(z, 1), z ~ N(0, 1): so x ~ N(0, 2), and the posterior is N(x/2, 1/2). The proposal is a poorer one.
    x = torch.tensor([[0.3], [-1.2], [2.0]], dtype=torch.float64)
    mean, log_variance = x / 2 + 0.2, torch.full_like(x, math.log(0.8))
    codes = mean + (0.5 * log_variance).exp() * draws(40_000, 3, 1)
    zero = torch.zeros_like(codes)
    log_weights = (
        normal_log_density(x.expand_as(codes), codes, zero)
        + normal_log_density(codes, zero, zero)
        - normal_log_density(codes, mean.expand_as(codes), log_variance.expand_as(codes))
    )
    exact = Normal(0, math.sqrt(2)).log_prob(x[:, 0])
    torch.testing.assert_close(importance_log_likelihood(log_weights), exact, atol=0.01, rtol=0)
    assert (log_weights.mean(0) < exact - 0.02).all()


def test_one_fair_coin_a_pixel_costs_one_bit_a_pixel():
    nats = -bernoulli_log_likelihood(torch.zeros(1, 784), torch.ones(1, 784)).item()
    assert math.isclose(bits_per_dimension(nats, 784), 1, rel_tol=1e-6)
