"""A denoising diffusion step as one would write it in plain PyTorch, and the recipe's own update in the loop.

Both train the same net on the same digits in memory, with fused Adam, the same arithmetic, layout of memory, clipped gradients and
moving average. By hand there is one gather a batch and nothing is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from itertools import islice

import torch
import torch.nn.functional as F
from torch import nn

from profundo.data.standard import ranged, standardize
from profundo.nets.denoising import DenoisingUNet
from profundo.recipes.context import Context
from profundo.recipes.judging import raw
from profundo.recipes.zoo.diffusion import Settings, learning
from profundo.train import History, Plan, fit, record, schedule

__all__ = ["by_hand", "ours"]

ASKED = Settings()


def made() -> DenoisingUNet:
    torch.manual_seed(0)
    net = DenoisingUNet((1, 28, 28), ASKED.width, 10, ASKED.blocks)
    return net.to(memory_format=torch.channels_last)


def by_hand(context: Context) -> Callable[[int], object]:
    """A function that does so many updates."""
    data, net, size = context.load("mnist"), made(), ASKED.batch_size
    average, bfloat16 = deepcopy(net).requires_grad_(False), context.precision(net) == "bfloat16"
    digits, labels = standardize(raw(data.train), ranged(data.spec, -1.0).inputs), data.train.targets
    adam = torch.optim.Adam(net.parameters(), lr=ASKED.learning_rate, fused=True)
    slow, fast = list(average.parameters()), list(net.parameters())
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2

    def updates(number: int) -> None:
        order = torch.randperm(len(digits))
        for index in range(number):
            for group in adam.param_groups:
                group["lr"] = ASKED.learning_rate * 0.5 * (1 + math.cos(math.pi * index / number))
            shown = order[index * size : (index + 1) * size]
            images, classes = digits[shown], labels[shown]
            classes = torch.where(torch.rand(size) < ASKED.dropped, 10, classes)
            times, noise = (torch.arange(size) + torch.rand(())) / size, torch.randn_like(images)
            kept = (((times + 0.008) / 1.008 * math.pi / 2).cos() ** 2 / start).clamp(1e-5, 1).view(-1, 1, 1, 1)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                answer = net(kept.sqrt() * images + (1 - kept).sqrt() * noise, times, classes)
            loss = F.mse_loss(answer.float(), kept.sqrt() * noise - (1 - kept).sqrt() * images)
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(fast, 1.0)
            adam.step()
            with torch.no_grad():
                torch._foreach_lerp_(slow, fast, 1 - ASKED.decay)

    return updates


def ours(context: Context) -> Callable[[int], object]:
    """The same by the recipe's update, with history."""
    update, seen = learning(context, ASKED, context.load("mnist"), made())
    for net in update.networks.values():
        net.to(memory_format=torch.channels_last)

    def updates(number: int) -> None:
        for _ in islice(record(fit(update, seen, Plan(ASKED.epochs, schedule("cosine"))), History()), number):
            pass

    return updates
