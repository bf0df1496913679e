"""What the loop costs: an epoch of a 784-128-10 net on 60,000 samples, batches of 64, fused Adam.

Against the tightest loop that one can write by hand: data in memory, one permutation an epoch, one gather a batch.
Ours keeps the history and draws the progress bar (as text that nobody reads). The same 937 updates in each. A
DataLoader loop stands beside them. Each runs in a process of its own, so that none profits from what another sets.

    python -m benchmarks.loop_overhead [--rounds 7]
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.common import in_processes, keep, ratios, seconds, show
from profundo import objectives
from profundo.data.batches import batches
from profundo.records import Inputs, Samples, Spec, Targets
from profundo.runs.voice import Terminal
from profundo.train import History, Plan, Supervised, fit, optimizer, progress, record
from profundo.train.capture import Captured
from profundo.train.hardware import keep_heap

SAMPLES, BATCH = 60_000, 64
SPEC = Spec(Inputs((784,), "features", (0.0,) * 784, (1.0,) * 784), Targets("classes", tuple("0123456789")))


def make_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def by_hand(x: torch.Tensor, y: torch.Tensor) -> Callable[[], object]:
    net = make_net()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    def epoch() -> None:
        order = torch.randperm(SAMPLES)
        for i in range(0, SAMPLES - BATCH + 1, BATCH):
            chosen = order[i : i + BATCH]
            loss = F.cross_entropy(net(x[chosen]), y[chosen])
            adam.zero_grad()
            loss.backward()
            adam.step()

    return epoch


def data_loader(x: torch.Tensor, y: torch.Tensor) -> Callable[[], object]:
    net = make_net()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True, drop_last=True)

    def epoch() -> None:
        for inputs, targets in loader:
            loss = F.cross_entropy(net(inputs), targets)
            adam.zero_grad()
            loss.backward()
            adam.step()

    return epoch


def ours(x: torch.Tensor, y: torch.Tensor, captured: bool) -> Callable[[], object]:
    keep_heap()
    net = make_net()
    update = Supervised(net, objectives.categorical(), optimizer("adam", net, 1e-3))
    wrapped = Captured(update) if captured else update
    order = batches(Samples(x, y), SPEC, BATCH)

    def epoch() -> None:
        history, terminal = History(), bar(len(order))
        for _ in progress(record(fit(wrapped, order, Plan(1)), history), terminal, history):
            pass
        terminal.stop()

    return epoch


WORKS = {
    "by hand": by_hand,
    "profundo": lambda x, y: ours(x, y, True),
    "profundo, step not recorded": lambda x, y: ours(x, y, False),
    "DataLoader": data_loader,
}


def worker(name: str, pipe: Any) -> None:
    """Runs one epoch each time it is asked, and answers with the seconds."""
    torch.manual_seed(0)
    epoch = WORKS[name](torch.randn(SAMPLES, 784), torch.randint(0, 10, (SAMPLES,)))
    epoch()
    pipe.send(None)
    while pipe.recv():
        pipe.send(seconds(epoch))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    taken = in_processes(worker, list(WORKS), asked.rounds)
    show(table := ratios(taken, "by hand"))
    keep("loop_overhead", {"an epoch of 937 updates": table})


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
