"""LeNet-5 (modern) on MNIST's shapes, batches of 256: a step of ours against the default eager loop in plain PyTorch.

Plain: contiguous float32, DataLoader-free, the data in memory, `torch.optim.SGD` as it comes. Ours: what
`profundo train mnist --net lenet5` does. Both measured in processes of their own, in turn; and beside them what a
float32 and a bfloat16 matrix product of 1024³ reach, for the distance to the physical limit.

    python -m benchmarks.lenet_speed [--rounds 7]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.common import in_processes, keep, ratios, seconds, show
from profundo import nets
from profundo.data.batches import batches
from profundo.nets.summary import summary
from profundo.records import Dataset, Inputs, Samples, Spec, Targets
from profundo.runs.experiment import new_experiment
from profundo.runs.preparing import Prepared, make_update
from profundo.train import Plan, fit
from profundo.train.distributed import Group
from profundo.train.hardware import choose_precision, keep_heap

STEPS, BATCH = 40, 256
SPEC = Spec(Inputs((1, 28, 28), "image", (33.3,), (78.6,)), Targets("classes", tuple("0123456789")))


def pixels() -> Samples:
    draw = torch.Generator().manual_seed(0)
    shape = (STEPS * BATCH, 1, 28, 28)
    return Samples(
        torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw), torch.randint(0, 10, shape[:1], generator=draw)
    )


def plain() -> Callable[[], object]:
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    samples = pixels()
    x, y = (samples.inputs.float() - 33.3) / 78.6, samples.targets

    def epoch() -> None:
        order = torch.randperm(len(y))
        for chosen in order.split(BATCH):
            loss = F.cross_entropy(net(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def ours(precision: str) -> Callable[[], object]:
    keep_heap()
    samples = pixels()
    net = nets.lenet5(SPEC)
    asked = new_experiment(
        data="mnist", net="lenet5", batch_size=BATCH, optimizer="nesterov", learning_rate=0.01, weight_decay=5e-4
    )
    device = torch.device("cpu")
    prepared = Prepared(
        asked, Dataset("mnist", SPEC, samples, samples, samples), net, device, choose_precision(precision, net, device)
    )
    update = make_update(prepared, Group())
    order = batches(samples, SPEC, BATCH)

    def epoch() -> None:
        for _ in fit(update, order, Plan(1)):
            pass

    return epoch


WORKS: dict[str, Callable[[], Callable[[], object]]] = {
    "plain PyTorch": plain,
    "profundo": lambda: ours("auto"),
    "profundo, float32": lambda: ours("float32"),
}


def worker(name: str, pipe: Any) -> None:
    torch.manual_seed(0)
    epoch = WORKS[name]()
    epoch()
    pipe.send(None)
    while pipe.recv():
        pipe.send(seconds(epoch) / STEPS)


def product_rate(dtype: torch.dtype) -> float:
    """GFLOP/s of a matrix product, the best of 20."""
    a, b = torch.randn(1024, 1024).to(dtype), torch.randn(1024, 1024).to(dtype)
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * 1024**3 / best / 1e9


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    rates = {"float32": product_rate(torch.float32), "bfloat16": product_rate(torch.bfloat16)}
    table = ratios(in_processes(worker, list(WORKS), asked.rounds), "plain PyTorch")
    show(table)
    forward = sum(row.flops for row in summary(nets.lenet5(SPEC), SPEC.inputs))
    flops = 3 * forward * BATCH
    limits = {name: flops / rate / 1e6 for name, rate in rates.items()}
    print(f"{flops / 1e6:.0f} MFLOP a step; a matrix product's rate would take", limits, "ms")
    keep(
        "lenet_speed",
        {
            "seconds a step": table,
            "MFLOP a step": flops / 1e6,
            "matrix product GFLOP/s": rates,
            "milliseconds a step at that rate": limits,
        },
    )


if __name__ == "__main__":
    main()
