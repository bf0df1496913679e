"""What augmentation brings and costs: a small net on 5,000 images of CIFAR-10.

Accuracy on the 10,000 test images, means over seeds of which each has 5,000 images of its own. Cost: processor time of
one change to a batch of 128 images 3×32×32, beside that of a recorded step of the same net.

    python -m benchmarks.augmentation [--epochs 40] [--seeds 3] [--cost]

One core of a virtual machine, November 2026, other work beside it; fast_cnn, 40 epochs, seeds 0, 1, 2:

    none                     48.46 %   (47.87, 49.05, 48.47)
    mirror, shift            64.37 %   (63.69, 64.70, 64.72)
    crop, mirror, cutout     59.92 %   (60.25, 60.34, 59.17)
    crop, mirror, cutmix     58.18 %   (57.50, 58.34, 58.70)

Of a step's 9 ms: mirror and flip 0.05, mixup 0.03, shift and cutout 0.1, cutmix 0.2, noise, zoom, crop, ricap, erase and
distortion 0.2 to 0.3, rotation and perspective 0.5, colour 0.8, elastic 0.9.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch

import profundo as pf
from profundo.data import AUGMENTATIONS, augmentation
from profundo.data.batches import batches, generator
from profundo.data.splits.splits import chosen
from profundo.records import Dataset
from profundo.train import Supervised, optimizer
from profundo.train.capture import Captured
from profundo.train.hardware import keep_heap

MIXTURES = [[], ["mirror", "shift"], ["crop", "mirror", "cutout"], ["crop", "mirror", "cutmix"]]


def few(data: Dataset, seed: int) -> Dataset:
    """5,000 training images and 500 to validate."""
    drawn = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:5000]
    return replace(data, train=chosen(data.train, drawn), validation=chosen(data.validation, torch.arange(500)))


def accuracies(data: Dataset, epochs: int, seeds: int) -> None:
    for asked in MIXTURES:
        found = []
        for seed in range(seeds):
            subset = few(data, seed)
            torch.manual_seed(seed)
            net = pf.nets.fast_cnn(subset.spec)
            settings = {"epochs": epochs, "batch_size": 128, "seed": seed, "augment": asked, "capture": True}
            run = pf.fit(net, subset, out=False, **settings)
            assert run.scores is not None
            found.append(100 * run.scores.values["accuracy"])
        each = ", ".join(f"{value:.2f}" for value in found)
        print(f"{', '.join(asked) or 'none':24} {statistics.mean(found):.2f} %   ({each})", flush=True)


def costs(data: Dataset) -> None:
    keep_heap()  # as a training does
    net = pf.nets.fast_cnn(data.spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    update = Captured(Supervised(net, pf.objectives.default(data.spec.targets), optimizer("sgd", net, 0.01)))
    batch = next(iter(batches(data.train, data.spec, 128).epoch(0)))
    step = milliseconds(lambda _: update(batch))
    print(f"step {step:.1f} ms")
    for name in AUGMENTATIONS:
        change = augmentation([name], data.spec)

        def changed(number: int, change: pf.data.augment.Augmentation = change) -> None:
            change.with_targets(batch.inputs, batch.targets, generator(0, number, batch.inputs.device))

        took = milliseconds(changed)
        print(f"{name:12} {took:6.2f} ms   {took / step:.2f} of a step", flush=True)


def milliseconds(work: Callable[[int], object], repetitions: int = 21) -> float:
    """Median processor time, after three goes to warm up."""
    taken = []
    for number in range(repetitions + 3):
        started = time.process_time()
        work(number)
        taken.append(time.process_time() - started)
    return 1000 * statistics.median(taken[3:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cost", action="store_true", help="the cost of each change instead")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = pf.load("cifar10")
    if asked.cost:
        costs(data)
    else:
        accuracies(data, asked.epochs, asked.seeds)


if __name__ == "__main__":
    main()
