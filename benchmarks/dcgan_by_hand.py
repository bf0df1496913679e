"""A DCGAN as one would write it in plain PyTorch, and the recipe's own update in the loop.

Both train the same nets on the same digits in memory, with fused Adam, the same arithmetic, layout of memory and moving
average. By hand there is one gather a batch, no gradient that nobody needs, and nothing is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.data.standard import ranged, standardize
from profundo.nets.generator_critic import dcgan_discriminator, dcgan_generator
from profundo.recipes.adversaries import real_images
from profundo.recipes.context import Context
from profundo.recipes.judging import raw
from profundo.recipes.zoo.dcgan import LOW, Settings, duel
from profundo.train import History, Plan, fit, record, schedule

__all__ = ["by_hand", "ours"]

ASKED = Settings()
SHAPE = (1, 28, 28)


def made() -> nn.Module:
    torch.manual_seed(0)
    return dcgan_generator(SHAPE, ASKED.noise, ASKED.width).to(memory_format=torch.channels_last)


def by_hand(context: Context) -> Callable[[int], object]:
    """A function that does so many updates."""
    data, generator, size, rate = context.load("mnist"), made(), ASKED.batch_size, ASKED.learning_rate
    discriminator = dcgan_discriminator(SHAPE, ASKED.width).to(memory_format=torch.channels_last)
    average, bfloat16 = deepcopy(generator), context.precision(generator) == "bfloat16"
    digits = standardize(raw(data.train), ranged(data.spec, LOW).inputs)
    adams = [
        torch.optim.Adam(net.parameters(), rate, (ASKED.momentum, 0.999), fused=True)
        for net in (generator, discriminator)
    ]
    learned = list(generator.parameters())
    slow, fast = (
        [*net.parameters(), *(buffer for buffer in net.buffers() if buffer.is_floating_point())]
        for net in (average.requires_grad_(False), generator)
    )

    def through(net: nn.Module, inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return net(inputs).float()

    def updates(number: int) -> None:
        order = torch.randperm(len(digits))
        for index in range(number):
            for group in (group for adam in adams for group in adam.param_groups):
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * index / number))
            real = digits[order[index * size : (index + 1) * size]]
            fake = through(generator, torch.randn(size, ASKED.noise))
            adams[1].zero_grad()
            cost = F.softplus(-through(discriminator, real)).mean()
            cost = cost + F.softplus(through(discriminator, fake.detach())).mean()
            cost.backward()
            adams[1].step()
            adams[0].zero_grad()
            F.softplus(-through(discriminator, fake)).mean().backward(inputs=learned)
            adams[0].step()
            with torch.no_grad():
                torch._foreach_lerp_(slow, fast, 1 - ASKED.decay)

    return updates


def ours(context: Context) -> Callable[[int], object]:
    """The same by the recipe's update, with history."""
    data = context.load("mnist")
    update = duel(context, ASKED, {"shape": SHAPE}, made())
    for net in update.networks.values():
        net.to(memory_format=torch.channels_last)
    seen = real_images(context, ASKED, data, LOW)

    def updates(number: int) -> None:
        for _ in islice(record(fit(update, seen, Plan(ASKED.epochs, schedule("cosine"))), History()), number):
            pass

    return updates
