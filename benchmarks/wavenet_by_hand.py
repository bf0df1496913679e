"""A WaveNet as one would train it in plain PyTorch, and the recipe's own update in the loop.

Both train the same net on windows of the same recordings in memory, with fused Adam, the same arithmetic, clipped gradients and some
words untold. By hand there is one gather a batch and nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.common import data_folder
from profundo.data.sound.mu_law import CODES, SILENT
from profundo.data.sound.voices import digit_voices
from profundo.nets.wave_nets import FRAME, WaveNet
from profundo.recipes.context import Context
from profundo.recipes.zoo.wavenet import Settings, learning
from profundo.train import History, Plan, fit, record, schedule

__all__ = ["by_hand", "ours"]

ASKED = Settings()


def made() -> WaveNet:
    torch.manual_seed(0)
    return WaveNet(CODES, 10, 6)


def by_hand(context: Context) -> Callable[[int], object]:
    """A function that does so many updates."""
    voices, net, size, length = digit_voices(data_dir=data_folder()).train, made(), ASKED.batch_size, ASKED.length
    bfloat16 = context.precision() == "bfloat16"
    adam = torch.optim.Adam(net.parameters(), lr=ASKED.learning_rate, fused=True)
    reach = torch.arange(-net.context - 1, length)[:, None]
    middles = reach[FRAME // 2 + 1 :: FRAME]
    as_long = voices.lengths.double()

    def updates(number: int) -> None:
        for index in range(number):
            for group in adam.param_groups:
                group["lr"] = ASKED.learning_rate * min(5 * index / number, 1.25 * (1 - index / number))
            which = torch.multinomial(as_long, size, replacement=True)
            lengths = voices.lengths[which]
            begun = (torch.rand(size) * (lengths - length).clamp(min=0)).long() // FRAME * FRAME
            places = begun + reach
            outside = (places < 0) | (places >= lengths)
            codes = voices.codes[(voices.starts[which] + places).clamp(0, len(voices.codes) - 1)].long()
            targets = codes.masked_fill(outside, -100)[-length:]
            classes = torch.where(torch.rand(size) < ASKED.dropped, 10, voices.classes[which])
            progress = ((begun + middles) / lengths).clamp(0, 1)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = net(codes.masked_fill(outside, SILENT)[:-1], classes, voices.speakers[which], progress)
            loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), ASKED.clip)
            adam.step()

    return updates


def ours(context: Context) -> Callable[[int], object]:
    """The same by the recipe's update, with history."""
    update, windows = learning(context, ASKED, digit_voices(data_dir=data_folder()).train, made())

    def updates(number: int) -> None:
        for _ in islice(record(fit(update, windows, Plan(ASKED.epochs, schedule("one-cycle"))), History()), number):
            pass

    return updates
