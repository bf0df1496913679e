"""What it costs to look inside a net of the size of LeNet-5: milliseconds of each mechanism, and memory by the number of images.

    python -m benchmarks.inside [--rounds 15]

One thread, random weights, images of 28×28. Times are of the processor for one call, medians in turn; a lab that calls them while
somebody drags a slider has 50 ms. Memory is what the process grew by at its peak, each number of images in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import keep, measured_in_turn, ratios, show
from profundo import nets
from profundo.evaluate.components import principal_components
from profundo.inside.attacking import Victim, fgsm, pgd
from profundo.inside.cka import layer_similarity
from profundo.inside.codes import codes, neighbours
from profundo.inside.dreaming import deep_dream, excite
from profundo.inside.features import class_selectivity, feature_maps, orientation_selectivity, top_patches
from profundo.records import Inputs, Spec, Targets

SPEC = Spec(Inputs((1, 28, 28), "image"), Targets("classes", tuple("0123456789")))
LOW, HIGH = torch.full((1, 1, 1), -1.0), torch.full((1, 1, 1), 2.0)
IMAGES = (5_000, 50_000)


def lenet() -> nn.Module:
    torch.manual_seed(0)
    return nets.build("lenet5", SPEC)


def calls() -> dict[str, Callable[[], object]]:
    net, one, many = lenet(), torch.randn(1, 1, 28, 28), torch.randn(500, 1, 28, 28)
    label = net(one).argmax(1).detach()
    victim = Victim(lambda x: (F.cross_entropy(out := net(x), label, reduction="none"), out.argmax(1) != label))
    size, known = torch.tensor([0.1]), codes(net, [many], ["relu6"])["relu6"]
    picture = {"low": LOW, "high": HIGH, "size": (28, 28)}
    return {
        "the net itself, one image": lambda: net(one),
        "feature maps of every layer": lambda: feature_maps(net, one),
        "code and 10 neighbours among 500": lambda: neighbours(known, codes(net, [one], ["relu6"])["relu6"], 10),
        "PCA of 500 codes": lambda: principal_components(known, 2),
        "best patches of a layer among 500": lambda: top_patches(net, [many], "c3"),
        "orientation of the first layer": lambda: orientation_selectivity(net, (1, 28, 28), "c1"),
        "FGSM": lambda: fgsm(victim, one, size),
        "PGD, 20 steps": lambda: pgd(victim, one, size),
        "one step up for a unit's image": lambda: excite(net, "c3", [0], steps=1, **picture),
        "a unit's image, 64 steps": lambda: excite(net, "c3", [0], **picture),
        "a dream, 24 steps": lambda: deep_dream(net, one[0], "c3", low=LOW, high=HIGH),
    }


def seconds_of_processor(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def batches(count: int) -> Iterator[Tensor]:
    draws = torch.Generator().manual_seed(0)
    for _ in range(count // 250):
        yield torch.randn(250, 1, 28, 28, generator=draws)


def passes(name: str, count: int) -> Any:
    net = lenet()
    if name == "best patches":
        return top_patches(net, batches(count), "c3")
    if name == "class selectivity":
        return class_selectivity(net, batches(count), torch.arange(count) % 10, 10)
    return layer_similarity(net, net, batches(count))


def grown(name: str, count: int, pipe: Connection) -> None:
    torch.set_num_threads(1)
    passes(name, 500)  # what the first call takes in any case
    before = peak()
    passes(name, count)
    pipe.send(peak() - before)


def peak() -> float:
    """MiB of this program alone: getrusage would begin with what the parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def memory(name: str, count: int) -> float:
    """MiB."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    context.Process(target=grown, args=(name, count, theirs), daemon=True).start()
    return float(mine.recv())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    works = {name: partial(seconds_of_processor, work) for name, work in calls().items()}
    taken = ratios(measured_in_turn(works, rounds), "the net itself, one image")
    show(taken)
    each = ("best patches", "class selectivity", "similarity of layers")
    peaks = {name: {f"{count:,} images": memory(name, count) for count in IMAGES} for name in each}
    show(peaks)
    keep("inside", {"rounds": rounds, "calls": taken, "MiB at the peak beyond a pass of 500": peaks})


if __name__ == "__main__":
    main()
