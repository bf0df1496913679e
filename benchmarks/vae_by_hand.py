"""The recipe `vae`'s first training as one would write it in plain PyTorch: the same nets, arithmetic and amount of data.

Tight, but fair: pixels in memory as floats, one gather a batch, fused Adam, the validation pictures looked at after each
epoch. No progress bar, no history, no checkpoint, no film.
"""

from __future__ import annotations

import math
import time
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.nets.variational import VariationalAutoencoder

__all__ = ["train"]


def train(pictures: Tensor, validation: Tensor, *, epochs: int, precision: str) -> float:
    """Seconds of training on pictures (samples, 1, 28, 28) from 0 to 1, in batches of 128."""
    net = VariationalAutoencoder((1, 28, 28), 20, 400)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002, fused=True)
    steps = epochs * (len(pictures) // 128)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))

    def cost(shown: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext():
            pixels = torch.bernoulli(shown)
            logits, mean, log_variance = net(pixels)
            reconstruction = F.binary_cross_entropy_with_logits(logits, pixels, reduction="none").flatten(1).sum(1)
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
            return (reconstruction + kl).mean()

    started = time.perf_counter()
    for _ in range(epochs):
        order = torch.randperm(len(pictures))
        losses = []
        for index in range(len(pictures) // 128):
            shown = pictures[order[index * 128 : (index + 1) * 128]]
            optimizer.zero_grad()
            loss = cost(shown)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        torch.stack(losses).mean().item()
        with torch.no_grad():
            cost(validation).item()
    return time.perf_counter() - started
