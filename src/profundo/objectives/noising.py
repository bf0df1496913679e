"""Images on their way into noise and back: what a denoising net is told to tell, and what an image costs in its description.

    x_t = a x₀ + s ε,  ε ~ N(0, 1),  at times t from 0, the image, to 1, noise           (Ho et al. 2020, arXiv:2006.11239, eq. 4)

Two ways lead there. Diffusion keeps the variance, a² + s² = 1, a = cos of an angle that grows with t (Nichol & Dhariwal 2021,
arXiv:2102.09672, eq. 17), and its net tells a ε − s x₀, the velocity on that circle (Salimans & Ho 2022, arXiv:2202.00512, appendix
D): of noise and image always more of the one that is harder to see, where Ho et al. ask for the noise (eq. 14). A flow goes
straight, a = 1 − t and s = t, and its net tells the velocity ε − x₀ (Lipman et al. 2023, arXiv:2210.02747, eq. 23). In both the net
tells some p x₀ + q ε, so that image and noise are the solution of two linear equations, and one step leads from any time to any
earlier one (Song et al. 2021, arXiv:2010.02502, eq. 12): on the straight way it is Euler's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.objectives.elbo import gaussian_kl

__all__ = [
    "LEAST_KEPT",
    "WAYS",
    "Way",
    "bound_step",
    "discretised_cost",
    "noised",
    "prior_cost",
    "stepped",
    "stratified_times",
    "to_tell",
    "told_image",
]

OFFSET = 0.008  # of the angle, so that the first noise is about as large as a step between grey levels
QUARTER = math.pi / 2 / (1 + OFFSET)
LEAST_KEPT = 1e-5  # of a² at the end: the image could else not be told from the noise by any net
Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Way:
    """levels: of times, in [0, 1], (a, s) of the same shape in float64. shares: of (a, s), the (p, q) of what the net tells.
    times: of signal to noise, a² / s², in float64, the times when it is so."""

    levels: Callable[[Tensor], Pair]
    shares: Callable[[Tensor, Tensor], Pair]
    times: Callable[[Tensor], Tensor]

    def at(self, times: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """a, s, p, q in float32, (batch, 1, 1, 1), of times (batch,)."""
        a, s = self.levels(times)
        values = (a, s, *self.shares(a, s))
        a, s, p, q = (value.float().view(-1, 1, 1, 1) for value in values)
        return a, s, p, q


def cosine(times: Tensor) -> Pair:
    angles = (times.double() + OFFSET) * QUARTER
    kept = (angles.cos() / math.cos(OFFSET * QUARTER)).square().clamp(LEAST_KEPT, 1)
    return kept.sqrt(), (1 - kept).sqrt()


def cosine_times(signal_to_noise: Tensor) -> Tensor:
    kept = signal_to_noise.double() / (1 + signal_to_noise.double())
    return (kept.sqrt() * math.cos(OFFSET * QUARTER)).acos() / QUARTER - OFFSET


def straight(times: Tensor) -> Pair:
    late = times.double()
    return 1 - late, late


def straight_times(signal_to_noise: Tensor) -> Tensor:
    return 1 / (1 + signal_to_noise.double().sqrt())


def turning(a: Tensor, s: Tensor) -> Pair:
    return -s, a


def velocity(a: Tensor, s: Tensor) -> Pair:
    return -torch.ones_like(a), torch.ones_like(s)


WAYS = {
    "diffusion": Way(cosine, turning, cosine_times),
    "flow": Way(straight, velocity, straight_times),
}


# ------------------------------------------------------------------------------------------------------------- learning
def stratified_times(number: int, device: torch.device) -> Tensor:
    """(number,), uniform in [0, 1), one in each of as many equal parts: their mean cost varies less than that of times drawn
    apart (Kingma et al. 2021, arXiv:2107.00630, appendix I.1)."""
    return (torch.arange(number, device=device) + torch.rand((), device=device)) / number


def noised(way: Way, images: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """x_t of images (batch, channels, height, width) at times (batch,)."""
    a, s, _, _ = way.at(times)
    return a * images + s * noise


def to_tell(way: Way, images: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """What the net shall tell of x_t."""
    _, _, p, q = way.at(times)
    return p * images + q * noise


# ------------------------------------------------------------------------------------------------------------- drawing
def told_image(way: Way, noisy: Tensor, answer: Tensor, times: Tensor) -> Tensor:
    """The image, cut to [−1, 1], by what a net told of x_t: of a x₀ + s ε = noisy and p x₀ + q ε = answer."""
    a, s, p, q = way.at(times)
    return ((q * noisy - s * answer) / (a * q - s * p)).clamp(-1, 1)


def stepped(way: Way, noisy: Tensor, image: Tensor, now: Tensor, then: Tensor, churn: float, fresh: Tensor) -> Tensor:
    """x at the earlier time `then`, of x at `now` and its image x₀ (Song et al., eq. 12 and 16).

    churn: how much of the noise is `fresh`, from 0, none (DDIM), to 1, as much as in q(x_then | x_now, x₀) (DDPM).
    """
    a, s, _, _ = way.at(now)
    a_then, s_then, _, _ = way.at(then)
    anew = churn * posterior_deviation(a, s, a_then, s_then)
    noise = (noisy - a * image) / s
    return a_then * image + (s_then.square() - anew.square()).clamp(min=0).sqrt() * noise + anew * fresh


def posterior_deviation(a: Tensor, s: Tensor, a_then: Tensor, s_then: Tensor) -> Tensor:
    """Of q(x_then | x_now, x₀) (Ho et al., eq. 7). `added`: the variance that came between, β_t of neighbours."""
    added = s.square() - (a / a_then * s_then).square()
    return (added.clamp(min=0)).sqrt() * s_then / s


# ------------------------------------------------------------------------------------------------------ the variational bound
def prior_cost(way: Way, images: Tensor, time: Tensor) -> Tensor:
    """KL(q(x_t|x₀) ‖ N(0, 1)) in nats, (batch,), at a late time (1,)."""
    a, s, _, _ = way.at(time)
    mean = (a * images).flatten(1)
    return gaussian_kl(mean, (2 * s.log()).view(1, 1).expand_as(mean))


def bound_step(way: Way, images: Tensor, guesses: Tensor, now: Tensor, then: Tensor) -> Tensor:
    """KL(q(x_then | x_now, x₀) ‖ p(x_then | x_now)) in nats, (batch,), of the variances of q: with SNR = a²/s² it is
    ½ (SNR_then − SNR_now) ‖x₀ − x̂₀‖² (Kingma et al. 2021, eq. 13), which is equation 8 of Ho et al."""
    (a, s), (a_then, s_then) = way.levels(now), way.levels(then)
    gained = (a_then / s_then).square() - (a / s).square()
    return 0.5 * gained * (images - guesses).double().square().flatten(1).sum(1)


def discretised_cost(images: Tensor, guesses: Tensor, deviation: float, levels: int = 256) -> Tensor:
    """−log p(x₀|x_first) in nats, (batch,): of images at `levels` values from −1 to 1, the normal distribution about the guess over
    the interval of each value; the outermost ones have all beyond them (Ho et al., eq. 13)."""
    half = 1 / (levels - 1)
    off = (images - guesses).double()
    above = torch.where(images > 1 - half, math.inf, (off + half) / deviation)
    below = torch.where(images < half - 1, -math.inf, (off - half) / deviation)
    # Of an interval right of the middle its mirror image's: differences of numbers near 1 would lose all digits.
    right = below > 0
    above, below = torch.where(right, -below, above), torch.where(right, -above, below)
    tail, less = torch.special.log_ndtr(above), torch.special.log_ndtr(below)
    cost: Tensor = -(tail + torch.log1p(-(less - tail).exp())).flatten(1).sum(1)
    return cost
