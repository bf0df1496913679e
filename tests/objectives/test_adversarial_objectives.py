"""Costs of the two players against the formulas of the papers, in double precision, and at their known optima."""

import math

import pytest
import torch

from profundo.nets.generator_critic import critic as make_critic
from profundo.objectives.adversarial_losses import (
    critic_cost,
    critic_generator_cost,
    discriminator_cost,
    generator_cost,
    gradient_penalty,
    least_squares_cost,
    least_squares_generator_cost,
)


def logits(seed: int, count: int = 200) -> torch.Tensor:
    return 3 * torch.randn(count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_costs_are_those_of_the_paper():
    real, made = logits(0), logits(1)
    d_real, d_made = real.sigmoid(), made.sigmoid()
    torch.testing.assert_close(discriminator_cost(real, made), -(d_real.log().mean() + (1 - d_made).log().mean()))
    torch.testing.assert_close(generator_cost(made), -d_made.log().mean())


def test_a_discriminator_that_cannot_tell_pays_two_log_two():
    half = torch.zeros(5)
    assert discriminator_cost(half, half).item() == pytest.approx(2 * math.log(2))


def test_by_least_squares_the_best_answer_is_the_share_of_the_real_and_patches_count_alike():
    """Mao et al. 2017, equation 5: D = p / (p + q); here p = q, and the answer is ½."""
    answer = torch.zeros(4, 1, 3, 5, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(least_squares_cost(answer, answer), answer)
    best = answer.detach() - slope / slope.abs().max() * 0.5
    torch.testing.assert_close(best, torch.full_like(best, 0.5))
    half = torch.full((4, 1, 3, 5), 0.5, dtype=torch.float64)
    assert least_squares_cost(half, half).item() == pytest.approx(0.5)
    made = logits(2).view(4, 2, 5, 5)
    torch.testing.assert_close(least_squares_generator_cost(made), (1 - made).pow(2).mean())


def test_the_best_discriminator_pays_two_log_two_less_twice_the_jensen_shannon_divergence():
    """Goodfellow et al. 2014, equation 6, for two distributions over four outcomes."""
    p, q = torch.tensor([0.4, 0.3, 0.2, 0.1]).double(), torch.tensor([0.1, 0.1, 0.3, 0.5]).double()
    optimum = (p / q).log()  # D = p / (p + q)
    counts = 10  # p and q are multiples of a tenth, so that a batch can have just these shares
    real = optimum.repeat_interleave((p * counts).round().long())
    made = optimum.repeat_interleave((q * counts).round().long())
    middle = (p + q) / 2
    divergence = ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2
    assert discriminator_cost(real, made).item() == pytest.approx(2 * math.log(2) - 2 * divergence.item())


@pytest.mark.parametrize("size", [50.0, 1e4])
def test_sure_discriminators_overflow_nothing(size):
    sure = torch.tensor([size])
    assert discriminator_cost(-sure, sure).item() == pytest.approx(2 * size)
    assert discriminator_cost(sure, -sure).item() == pytest.approx(0, abs=1e-12)
    assert generator_cost(-sure).item() == pytest.approx(size)


def test_the_generator_still_learns_when_the_discriminator_is_sure():
    made = torch.tensor([-30.0], requires_grad=True)
    (slope,) = torch.autograd.grad(generator_cost(made), made)
    assert slope.item() == pytest.approx(-1)


def test_a_critic_of_slope_one_measures_the_distance_of_two_shifted_sets():
    points = logits(2)
    assert critic_cost(points, points + 0.75).item() == pytest.approx(0.75)
    assert critic_generator_cost(points).item() == pytest.approx(-points.mean().item())


def test_penalty_of_a_linear_critic_is_known():
    """critic(x) = w·x has the gradient w everywhere: (‖w‖ − 1)²."""
    weight = torch.tensor([3.0, 4.0, 12.0], dtype=torch.float64, requires_grad=True)
    real, made = torch.randn(2, 9, 3, dtype=torch.float64)
    penalty = gradient_penalty(lambda x: x @ weight, real, made, torch.rand(9, dtype=torch.float64))
    assert penalty.item() == pytest.approx((13 - 1) ** 2)
    (slope,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(slope, 2 * (13 - 1) * weight.detach() / 13)  # d(‖w‖ − 1)²/dw = 2(‖w‖ − 1) w/‖w‖


@pytest.mark.parametrize(("share", "at"), [(1.0, "real"), (0.0, "made"), (0.5, "middle")])
def test_penalty_is_taken_between_the_real_and_the_made_image(share, at):
    """critic(x) = ½‖x‖² has the gradient x, so the penalty tells where it was taken."""
    real, made = torch.randn(2, 6, 1, 2, 3, dtype=torch.float64)
    place = {"real": real, "made": made, "middle": (real + made) / 2}[at]
    shares = torch.full((6,), share, dtype=torch.float64)
    penalty = gradient_penalty(lambda x: x.square().flatten(1).sum(1) / 2, real, made, shares)
    assert penalty.item() == pytest.approx((place.flatten(1).norm(dim=1) - 1).square().mean().item())


def test_penalty_of_a_net_agrees_with_finite_differences():
    torch.manual_seed(0)
    net = make_critic((1, 4, 4), width=3).double()
    real, made = torch.rand(2, 3, 1, 4, 4, dtype=torch.float64)
    share = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    between = (real * share.view(3, 1, 1, 1) + made * (1 - share).view(3, 1, 1, 1)).flatten(1)
    step = 1e-6 * torch.eye(16, dtype=torch.float64)
    with torch.no_grad():
        slopes = torch.stack(
            [
                (net((row + step).view(16, 1, 4, 4)) - net((row - step).view(16, 1, 4, 4))).squeeze(1) / 2e-6
                for row in between
            ]
        )
    penalty = gradient_penalty(lambda x: net(x).squeeze(1), real, made, share)
    assert penalty.item() == pytest.approx((slopes.norm(dim=1) - 1).square().mean().item(), rel=1e-6)
    penalty.backward()
    assert all(parameter.grad is not None for parameter in net.parameters() if parameter.ndim > 1)


def test_penalty_leaves_no_gradient_in_the_images():
    made = torch.rand(4, 2, requires_grad=True)
    weight = torch.ones(2, requires_grad=True)
    gradient_penalty(lambda x: x.square() @ weight, torch.rand(4, 2), made, torch.rand(4)).backward()
    assert made.grad is None
    assert weight.grad is not None
