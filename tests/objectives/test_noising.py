"""Diffusion and flows against Bayes' rule, linear regression, published schedules and SciPy's normal distribution."""

import math

import pytest
import torch
from scipy.stats import norm

from profundo.objectives.noising import (
    WAYS,
    bound_step,
    discretised_cost,
    noised,
    prior_cost,
    stepped,
    stratified_times,
    to_tell,
    told_image,
)

BOTH = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def images(number: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.rand(number, 2, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def at(time: float) -> torch.Tensor:
    return torch.tensor([time])


def levels(way, time: float) -> tuple[float, float]:
    a, s = way.levels(at(time))
    return a.item(), s.item()


def test_noise_added_step_by_step_comes_to_the_same_moments():
    """x ← √(1−β) x + √β ε with Nichol and Dhariwal's β_t = 1 − f(t)/f(t−1) has the mean a and the variance s² of one step at once."""
    way, whole = WAYS["diffusion"], 1000
    f = [math.cos((step / whole + 0.008) / 1.008 * math.pi / 2) ** 2 for step in range(whole + 1)]
    mean, variance = 1.0, 0.0
    for step in range(1, 901):
        beta = 1 - f[step] / f[step - 1]
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        if step in (1, 100, 900):
            a, s = levels(way, step / whole)
            assert (a, s * s) == pytest.approx((mean, variance), rel=1e-4)


@BOTH
def test_a_way_leads_from_the_image_to_noise(way):
    x, noise = images(), torch.randn(3, 2, 4, 4)
    torch.testing.assert_close(noised(way, x, noise, torch.zeros(3)), x)
    torch.testing.assert_close(noised(way, x, noise, torch.ones(3)), noise, atol=1e-2, rtol=0)
    signal_to_noise = [a / s for a, s in (levels(way, time) for time in (0.1, 0.3, 0.5, 0.9))]
    assert signal_to_noise == sorted(signal_to_noise, reverse=True)


@BOTH
def test_what_a_net_tells_gives_the_image_back(way):
    x, noise, times = images(), torch.randn(3, 2, 4, 4), torch.tensor([0.05, 0.5, 0.95])
    found = told_image(way, noised(way, x, noise, times), to_tell(way, x, noise, times), times)
    torch.testing.assert_close(found, x, atol=1e-5, rtol=1e-4)
    assert told_image(way, 9 * x.sign(), torch.zeros_like(x), times).abs().max() == 1


@BOTH
@pytest.mark.parametrize(("now", "then"), [(0.9, 0.8), (0.5, 0.1)])
def test_a_step_with_new_noise_is_a_draw_from_the_posterior_of_bayes(way, now, then):
    (a, s), (a_then, s_then) = levels(way, now), levels(way, then)
    ratio = a / a_then
    added = s * s - (ratio * s_then) ** 2  # x_now = ratio · x_then + noise of this variance
    variance = 1 / (1 / s_then**2 + ratio**2 / added)
    x, noisy = images(), torch.randn(3, 2, 4, 4)
    mean = variance * (a_then * x / s_then**2 + ratio * noisy / added)
    fresh = torch.randn(3, 2, 4, 4)
    found = stepped(way, noisy, x, at(now), at(then), 1.0, fresh)
    torch.testing.assert_close(found, mean + math.sqrt(variance) * fresh, atol=1e-5, rtol=1e-4)


@BOTH
@pytest.mark.parametrize("churn", [0.0, 0.4, 1.0])
def test_a_step_keeps_the_moments_whatever_is_drawn_anew(way, churn):
    """x_then given x₀ alone: the coefficients of old and of new noise have s² together (Song et al. 2021, appendix B)."""
    x, zero = images(), torch.zeros(3, 2, 4, 4)
    a_then, s_then = levels(way, 0.3)
    start = noised(way, x, zero, torch.full((3,), 0.6))
    centre = stepped(way, start, x, at(0.6), at(0.3), churn, zero)
    torch.testing.assert_close(centre, a_then * x, atol=1e-6, rtol=1e-5)
    old = stepped(way, noised(way, x, zero + 1, torch.full((3,), 0.6)), x, at(0.6), at(0.3), churn, zero) - centre
    new = stepped(way, start, x, at(0.6), at(0.3), churn, zero + 1) - centre
    assert (old.square() + new.square()).mean().item() == pytest.approx(s_then**2, rel=1e-4)
    assert (new.abs().max() > 0.01) == (churn > 0)


@BOTH
def test_without_new_noise_an_exact_guess_turns_noise_into_its_gaussian(way):
    """Of images ~ N(m, v) the exact guess is m + a v (x − a m) / (a² v + s²), and the way back a linear map, here in closed form."""
    m, v = 0.1, 0.04
    start = torch.tensor([-1.5, 0.0, 0.7]).view(3, 1, 1, 1)

    def end(steps: int) -> torch.Tensor:
        x = start
        for now, then in torch.linspace(1, 0, steps + 1).unfold(0, 2, 1).unbind():
            a, s = levels(way, now.item())
            guess = m + a * v * (x - a * m) / (a * a * v + s * s)
            x = stepped(way, x, guess, now[None], then[None], 0.0, x)
        return x

    a, s = levels(way, 1.0)
    exact = m + math.sqrt(v / (a * a * v + s * s)) * (start - a * m)
    coarse, fine = (float((end(steps) - exact).abs().max()) for steps in (50, 100))
    assert fine < 0.02
    assert coarse / fine == pytest.approx(2, abs=0.3)  # of first order


def test_the_flow_of_a_gaussian_is_learned_exactly():
    """Least squares over x at one time, of two images and two noises that have mean 0 and deviation 1 and no correlation: the best
    linear answer is the velocity field of a Gaussian, m (…) in closed form."""
    way, m, deviation, t = WAYS["flow"], 0.2, 0.3, 0.4
    x0 = (m + deviation * torch.tensor([-1.0, -1.0, 1.0, 1.0])).view(4, 1, 1, 1)
    noise, times = torch.tensor([-1.0, 1.0, -1.0, 1.0]).view(4, 1, 1, 1), torch.full((4,), t)
    x, told = noised(way, x0, noise, times).flatten(), to_tell(way, x0, noise, times).flatten()
    slope, offset = torch.linalg.lstsq(torch.stack([x, torch.ones(4)], 1), told[:, None]).solution.flatten().tolist()
    # Of X_t = (1 − t) X₀ + t ε: d/dt of the mean, and of the log of the deviation, (σ²)′ / (2σ²).
    variance = ((1 - t) * deviation) ** 2 + t**2
    rate = (t - (1 - t) * deviation**2) / variance
    assert slope == pytest.approx(rate, rel=1e-5)
    assert offset == pytest.approx(-m - rate * (1 - t) * m, rel=1e-4)


@BOTH
def test_what_a_step_costs_is_the_divergence_of_two_gaussians(way):
    now, then, x, guess, noisy = 0.5, 0.4, images(seed=1), images(seed=2), torch.randn(3, 2, 4, 4)
    zero = torch.zeros_like(x)
    means = [stepped(way, noisy, image, at(now), at(then), 1.0, zero) for image in (x, guess)]
    deviation = stepped(way, noisy, x, at(now), at(then), 1.0, zero + 1) - means[0]
    expected = ((means[0] - means[1]).double() / deviation).square().flatten(1).sum(1) / 2
    torch.testing.assert_close(bound_step(way, x, guess, at(now), at(then)), expected, rtol=1e-3, atol=1e-6)


@BOTH
def test_the_last_noise_costs_what_it_holds_of_the_image(way):
    x, time = images(), at(0.97)
    a, s = levels(way, 0.97)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(a * x, s), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(prior_cost(way, x, time), expected.flatten(1).sum(1), rtol=1e-3, atol=1e-4)


@BOTH
def test_signal_to_noise_tells_the_time(way):
    times = torch.tensor([1e-4, 0.01, 0.3, 0.9, 0.99], dtype=torch.float64)
    a, s = way.levels(times)
    torch.testing.assert_close(way.times((a / s).square()), times, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("guess", "deviation"), [(0.0, 0.01), (0.93, 0.004), (-1.0, 0.002), (0.3, 0.5)])
def test_a_pixel_costs_its_interval_and_all_256_hold_everything(guess, deviation):
    every = (torch.arange(256.0) / 255 * 2 - 1).view(256, 1, 1, 1)
    found = discretised_cost(every, torch.full_like(every, guess), deviation)
    assert (-found).exp().sum().item() == pytest.approx(1, abs=1e-5)
    edges = (torch.arange(1, 256).double() - 0.5) / 255 * 2 - 1
    below = norm.cdf((edges.numpy() - guess) / deviation)
    place = int(found.argmin())
    share = (below[place] if place < 255 else 1) - (below[place - 1] if place else 0)
    assert found[place].item() == pytest.approx(-math.log(share), rel=1e-3, abs=1e-9)


def test_a_pixel_far_from_its_guess_costs_what_it_must():
    x, guess = torch.tensor([0.5, -0.5]).view(2, 1, 1, 1), torch.zeros(2, 1, 1, 1)
    found = discretised_cost(x, guess, 0.01)
    expected = -norm.logcdf((-0.5 + 1 / 255) / 0.01)  # nearly all of the interval lies at its inner edge
    assert found.tolist() == pytest.approx([expected, expected], rel=1e-3)


def test_times_are_spread_one_in_each_part():
    times = stratified_times(8, torch.device("cpu"))
    assert (times * 8).floor().tolist() == list(range(8))
    assert not torch.equal(times, stratified_times(8, torch.device("cpu")))
