"""What an image costs that is described by denoising: the variational bound of Ho et al. 2020 (equation 5), in bits per dimension.

Sender and receiver share the net. The last noise costs what it holds of the image; each of T − 1 steps back what the net's guess is
off; the first noise the image itself. The times are those at which signal to noise falls by the same factor from each to the next,
so that no step costs much more than another. Each test image pays for a few, drawn so that all are paid for about equally often:
the mean is that of the whole sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.evaluate import evaluating
from profundo.objectives.noising import LEAST_KEPT, Way, bound_step, discretised_cost, noised, prior_cost
from profundo.recipes.diffusing.painter import AT_ONCE, Painter
from profundo.recipes.net_outputs import device_of

__all__ = ["Description", "described", "independent_bits"]

LEVELS = 256  # values of a pixel
STRETCHES = 50  # of the steps, at most, whose costs are told
FIRST = (
    0.25 * 2 / (LEVELS - 1)
)  # s / a of the first noise: a quarter of the way from one value to the next tells nearly all of it


@dataclass(frozen=True, slots=True)
class Description:
    """Bits per dimension: of the last noise, of the steps, of the image by the first noise; error: the standard error of their sum.
    by_step: the mean of one step in each of equal stretches of the T − 1, from the image to the noise, by the stretch's middle."""

    prior: float
    steps: float
    image: float
    error: float
    by_step: Mapping[float, float]

    @property
    def bits(self) -> float:
        return self.prior + self.steps + self.image


def times_of(way: Way, steps: int) -> Tensor:
    """(steps,), rising, float64."""
    ends = -2 * math.log(FIRST), math.log(LEAST_KEPT / (1 - LEAST_KEPT))
    return way.times(torch.linspace(*ends, steps, dtype=torch.float64).exp())


def described(
    painter: Painter, images: Tensor, classes: Tensor, draws: int, generator: torch.Generator, steps: int = 1000
) -> Description:
    """The bound of images (images, channels, height, width) at −1 to 1. draws: steps that each pays for. steps: T."""
    times, device = times_of(painter.way, steps), device_of(painter.net)
    which = evenly_drawn(len(images) * draws, steps - 1, generator).view(len(images), draws) + 1
    each, steps_paid = [], []
    with evaluating(painter.net):
        for part in torch.split(torch.arange(len(images)), AT_ONCE):
            x0, kinds = images[part].to(device), classes[part].to(device)
            costs = [step_costs(painter, x0, kinds, times, which[part, at], generator) for at in range(draws)]
            steps_paid.append(torch.stack(costs, 1))
            prior = prior_cost(painter.way, x0, times[-1:].to(device)).double().cpu()
            each.append(
                torch.stack(
                    [prior, (steps - 1) * steps_paid[-1].mean(1), image_cost(painter, x0, kinds, times, generator)], 1
                )
            )
    bit = math.log(2) * images[0].numel()
    bits = torch.cat(each) / bit
    error = (bits.sum(1).std() / math.sqrt(len(bits))).item()
    prior_bits, step_bits, image_bits = bits.mean(0).tolist()
    return Description(prior_bits, step_bits, image_bits, error, by_stretch(torch.cat(steps_paid) / bit, which, steps))


def evenly_drawn(number: int, places: int, generator: torch.Generator) -> Tensor:
    """So many of the places 0 to places − 1, at equal distances from a random start, in a random order: (number,). Each is as likely
    as any other, whether or not they divide the number."""
    at = (torch.arange(number, dtype=torch.float64) + torch.rand((), generator=generator)) * (places / number)
    return at.long().clamp(max=places - 1)[torch.randperm(number, generator=generator)]


def by_stretch(values: Tensor, paid: Tensor, steps: int) -> dict[float, float]:
    """The mean of the values whose steps, 1 to T − 1, lie in a stretch, by its middle. Of steps evenly drawn twice as many as there
    are stretches leave none without a value."""
    number = max(1, min(STRETCHES, values.numel() // 2, steps - 1))

    def means(of: Tensor, at: Tensor) -> list[float]:
        places = (at.flatten() - 1) * number // (steps - 1)
        sums = torch.bincount(places, of.flatten().double(), minlength=number)
        return (sums / torch.bincount(places, minlength=number)).tolist()

    every = torch.arange(1, steps)
    return dict(zip(means(every, every), means(values, paid), strict=True))


def step_costs(
    painter: Painter, images: Tensor, classes: Tensor, times: Tensor, steps: Tensor, generator: torch.Generator
) -> Tensor:
    """Nats, (batch,), on the CPU, of a step for each image."""
    now, then = times[steps].to(images.device), times[steps - 1].to(images.device)
    return bound_step(painter.way, images, guessed(painter, images, classes, now, generator), now, then).cpu()


def image_cost(painter: Painter, images: Tensor, classes: Tensor, times: Tensor, generator: torch.Generator) -> Tensor:
    """Nats, (batch,), on the CPU, of the images by the first noise."""
    first = times[:1].expand(len(images)).to(images.device)
    return discretised_cost(images, guessed(painter, images, classes, first, generator), FIRST, LEVELS).cpu()


def guessed(painter: Painter, images: Tensor, classes: Tensor, times: Tensor, generator: torch.Generator) -> Tensor:
    """The net's guesses of images from noise of these times."""
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    return painter.guess(noised(painter.way, images, noise, times), times, classes)


def independent_bits(train: Tensor, test: Tensor) -> float:
    """Bits per dimension of uint8 test images by the histogram of each pixel in training images, one image of each value added over
    all."""
    pixels = train[0].numel()
    places = LEVELS * torch.arange(pixels)
    counts = torch.full((pixels * LEVELS,), 1 / LEVELS, dtype=torch.float64)
    for part in torch.split(train.flatten(1), 1000):
        counts += torch.bincount((places + part.long()).flatten(), minlength=len(counts))
    bits = -(counts / (len(train) + 1)).log2()
    paid = [bits[places + part.long()].sum() for part in torch.split(test.flatten(1), 1000)]
    return torch.stack(paid).sum().item() / test.numel()
