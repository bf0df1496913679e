"""An LSTM language model as one would write it in plain PyTorch, and the recipe's own update in the loop.

Both train the same net on the same windows of the text in memory, with fused Adam, gradients clipped and the same
arithmetic. By hand there is one gather a batch and nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.common import data_folder
from profundo.data.text.characters import load_text
from profundo.nets.recurrent import LanguageModel
from profundo.recipes.context import Context
from profundo.recipes.zoo.language_model import Settings, networks, training
from profundo.train import History, Plan, fit, record, schedule

__all__ = ["by_hand", "ours"]

ASKED = Settings()


def by_hand(context: Context) -> Callable[[int], object]:
    """A function that does so many updates."""
    torch.manual_seed(0)
    text = load_text(data_dir=data_folder())
    net = LanguageModel(
        len(text.vocabulary), ASKED.width, layers=ASKED.layers, embedding=ASKED.embedding, dropout=ASKED.dropout
    )
    precision = context.precision(net)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    reach = torch.arange(ASKED.length + 1)
    count = (len(text.train) - ASKED.length) // ASKED.length

    def updates(number: int) -> None:
        starts = torch.randperm(count) * ASKED.length
        for i in range(0, number * ASKED.batch_size, ASKED.batch_size):
            window = text.train[starts[i : i + ASKED.batch_size, None] + reach]
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits, _ = net(window[:, :-1])
            loss = F.cross_entropy(logits.float().flatten(0, 1), window[:, 1:].flatten())
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), ASKED.clip)
            adam.step()

    return updates


def ours(context: Context) -> Callable[[int], object]:
    """The same by the recipe's update, with history."""
    torch.manual_seed(0)
    text = load_text(data_dir=data_folder())
    net = networks(ASKED, {"vocabulary": text.vocabulary})["net"]
    assert isinstance(net, LanguageModel)
    update, windows = training(context, ASKED, text, net)

    def updates(number: int) -> None:
        for _ in islice(record(fit(update, windows, Plan(1, schedule("one-cycle"))), History()), number):
            pass

    return updates
