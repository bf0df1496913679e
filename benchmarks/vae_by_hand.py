"""A variational autoencoder as one would write it in plain PyTorch, and the recipe's own update in the loop.

Both train the same net on the same pictures in memory, with fused Adam and the same arithmetic. By hand there is one
gather a batch and nothing is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.data.standard import intensities
from profundo.nets.variational import VariationalAutoencoder
from profundo.recipes.context import Context
from profundo.recipes.zoo.vae import Settings, training
from profundo.train import History, Plan, fit, record, schedule

__all__ = ["by_hand", "ours"]

ASKED = Settings()


def made() -> VariationalAutoencoder:
    torch.manual_seed(0)
    return VariationalAutoencoder((1, 28, 28), ASKED.code, ASKED.width)


def by_hand(context: Context) -> Callable[[int], object]:
    """A function that does so many updates."""
    data, net, precision, size = context.load("mnist"), made(), context.precision(), ASKED.batch_size
    pictures = intensities(data.train, data.spec)
    adam = torch.optim.Adam(net.parameters(), lr=ASKED.learning_rate, fused=True)

    def cost(shown: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext():
            pixels = torch.bernoulli(shown)
            logits, mean, log_variance = net(pixels)
            reconstruction = F.binary_cross_entropy_with_logits(logits, pixels, reduction="none").flatten(1).sum(1)
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
            return (reconstruction + kl).mean()

    def updates(number: int) -> None:
        order = torch.randperm(len(pictures))
        for index in range(number):
            for group in adam.param_groups:
                group["lr"] = ASKED.learning_rate * 0.5 * (1 + math.cos(math.pi * index / number))
            loss = cost(pictures[order[index * size : (index + 1) * size]])
            adam.zero_grad()
            loss.backward()
            adam.step()

    return updates


def ours(context: Context) -> Callable[[int], object]:
    """The same by the recipe's update, with history."""
    update, batches = training(context, ASKED, context.load("mnist"), made())

    def updates(number: int) -> None:
        for _ in islice(record(fit(update, batches, Plan(1, schedule("cosine"))), History()), number):
            pass

    return updates
