"""What the loop costs: an epoch of a 784-128-10 net on 60,000 samples, batches of 64, fused Adam, one process.

Against the tightest loop that one can write by hand: data in memory, one permutation an epoch, one gather a batch.
Ours keeps the history and draws the progress bar (into a pseudo-terminal's worth of text that nobody reads). The same
number of updates, 937, in each. A DataLoader loop stands beside them.

    python -m benchmarks.loop_overhead [--rounds 9]
"""

from __future__ import annotations

import argparse
import io
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.common import in_turn, keep, ratios, show
from profundo import objectives
from profundo.data.batches import batches
from profundo.recipes.display import Terminal
from profundo.records import Inputs, Samples, Spec, Targets
from profundo.train import History, Plan, Supervised, fit, optimizer, progress, record

SAMPLES, BATCH = 60_000, 64
SPEC = Spec(Inputs((784,), "features", (0.0,) * 784, (1.0,) * 784), Targets("classes", tuple("0123456789")))


def make_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    torch.manual_seed(0)
    x, y = torch.randn(SAMPLES, 784), torch.randint(0, 10, (SAMPLES,))
    show(measured := measure(x, y, asked.rounds))
    keep("loop_overhead", {"an epoch of 937 updates": measured})


def measure(x: torch.Tensor, y: torch.Tensor, rounds: int) -> dict[str, dict[str, float]]:
    by_hand_net = make_net()
    by_hand_adam = torch.optim.Adam(by_hand_net.parameters(), lr=1e-3, fused=True)

    def by_hand() -> None:
        order = torch.randperm(SAMPLES)
        for i in range(0, SAMPLES - BATCH + 1, BATCH):
            chosen = order[i : i + BATCH]
            loss = F.cross_entropy(by_hand_net(x[chosen]), y[chosen])
            by_hand_adam.zero_grad()
            loss.backward()
            by_hand_adam.step()

    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True, drop_last=True)
    loaded_net = make_net()
    loaded_adam = torch.optim.Adam(loaded_net.parameters(), lr=1e-3, fused=True)

    def data_loader() -> None:
        for inputs, targets in loader:
            loss = F.cross_entropy(loaded_net(inputs), targets)
            loaded_adam.zero_grad()
            loss.backward()
            loaded_adam.step()

    net = make_net()
    update = Supervised(net, objectives.categorical(), optimizer("adam", net, 1e-3))
    ours_in_memory = batches(Samples(x, y), SPEC, BATCH)

    def ours() -> None:
        history = History()
        for _ in progress(record(fit(update, ours_in_memory, Plan(1)), history), bar(len(ours_in_memory)), history):
            pass

    return ratios(in_turn({"by hand": by_hand, "profundo": ours, "DataLoader": data_loader}, rounds), "by hand")


def bar(in_epoch: int) -> Any:
    """The live bar of `profundo train`, drawing into memory."""
    from rich.console import Console

    terminal = Terminal(Console(file=io.StringIO(), force_terminal=True, width=120))
    terminal.epochs, terminal.in_epoch = 1, in_epoch
    terminal.bar = terminal.make_bar()
    terminal.bar.start()
    return terminal


if __name__ == "__main__":
    main()
