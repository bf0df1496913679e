"""A GPT as one would train it in plain PyTorch, and the recipe's own update in the loop.

Both train nets of the same sizes on the same windows of the text in memory, with fused AdamW, gradients clipped and the same
arithmetic. By hand there is one gather a batch and nothing is recorded, and attention is PyTorch's own kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import data_folder
from profundo.data.text.characters import load_text
from profundo.nets.causal_transformer import GPT
from profundo.recipes.context import Context
from profundo.recipes.zoo.gpt import Settings, networks, training
from profundo.train import History, Plan, fit, record, schedule

__all__ = ["by_hand", "ours"]

ASKED = Settings()


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        width = ASKED.width
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        parts = self.inward(self.norm1(x)).view(batch, steps, 3, ASKED.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).reshape(batch, steps, width)
        x = x + F.dropout(self.outward(y), ASKED.dropout)
        return x + F.dropout(self.down(F.gelu(self.up(self.norm2(x)))), ASKED.dropout)


class Net(nn.Module):
    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.embedding, self.places = nn.Embedding(symbols, ASKED.width), nn.Embedding(ASKED.context, ASKED.width)
        self.blocks = nn.Sequential(*(Block() for _ in range(ASKED.layers)))
        self.norm, self.output = nn.LayerNorm(ASKED.width), nn.Linear(ASKED.width, symbols)

    def forward(self, symbols: Tensor) -> Tensor:
        x = F.dropout(self.embedding(symbols) + self.places.weight[: symbols.shape[1]], ASKED.dropout)
        logits: Tensor = self.output(self.norm(self.blocks(x)))
        return logits


def by_hand(context: Context) -> Callable[[int], object]:
    """A function that does so many updates."""
    torch.manual_seed(0)
    text = load_text(data_dir=data_folder())
    net = Net(len(text.vocabulary))
    precision = context.precision()
    adam = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=ASKED.decay, fused=True)
    reach = torch.arange(ASKED.context + 1)
    count = (len(text.train) - ASKED.context) // ASKED.context

    def updates(number: int) -> None:
        starts = torch.randperm(count) * ASKED.context
        for i in range(0, number * ASKED.batch_size, ASKED.batch_size):
            window = text.train[starts[i : i + ASKED.batch_size, None] + reach]
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = net(window[:, :-1])
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
    known = {"vocabulary": text.vocabulary, "context": ASKED.context, "answers": 0}
    net = networks(ASKED, known)["net"]
    assert isinstance(net, GPT)
    update, windows = training(context, ASKED, text.train, net)

    def updates(number: int) -> None:
        for _ in islice(record(fit(update, windows, Plan(1, schedule("one-cycle"))), History()), number):
            pass

    return updates
