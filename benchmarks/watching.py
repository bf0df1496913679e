"""What `watch` costs a plain PyTorch loop: the same loop with and without, in turn.

    python -m benchmarks.watching [--rounds 9]

A perceptron 784-128-10 in batches of 64, LeNet-5 and ResNet-20 in batches of 64, on random images, float32, one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.common import in_turn, keep, ratios, show
from profundo import nets
from profundo.doctor import watch
from profundo.records import Inputs, Spec, Targets

STEPS = {"perceptron": 3000, "lenet5": 300, "resnet20": 40}


def net_of(name: str) -> nn.Module:
    if name == "perceptron":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    shape = (1, 28, 28) if name == "lenet5" else (3, 32, 32)
    spec = Spec(Inputs(shape, "image", (0.0,) * shape[0], (1.0,) * shape[0]), Targets("classes", tuple("0123456789")))
    return nets.build("lenet5", spec) if name == "lenet5" else nets.build("resnet", spec, depth=20)


def loop(name: str, watched: bool) -> None:
    torch.manual_seed(0)
    net, loss = net_of(name), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    rows = torch.randn(64, *((1, 28, 28) if name != "resnet20" else (3, 32, 32)))
    labels = torch.randint(10, (64,))
    around: Any = watch(net, optimizer, loss=loss) if watched else nullcontext()
    with around:
        for _ in range(STEPS[name]):
            optimizer.zero_grad()
            loss(net(rows), labels).backward()
            optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    result = {}
    for name in STEPS:
        works: dict[str, Callable[[], object]] = {
            "plain": partial(loop, name, False),
            "watched": partial(loop, name, True),
        }
        result[name] = ratios(in_turn(works, rounds), "plain")
        print(name)
        show(result[name])
    keep("watching", {"rounds": rounds, "steps": STEPS, "ratios": result})


if __name__ == "__main__":
    main()
