"""How fast data come, stage by stage, and what a training therefore waits for.

found = throughput(experiment(data="photographs/"))     # what `profundo throughput photographs/` does
found.together, found.learning, found.advice             # batches a second against updates a second, and what to do

Every stage is timed alone, in one process, on the same samples: reading bytes, decoding them (of tables: making features),
standardising a batch, and one update of the net. Then batches come as training sees them, by so many workers, without any
net. A training takes the slower of these two rates, less what they take from each other's cores.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from profundo import nets
from profundo.data.batches import batches, order, prepared_inputs
from profundo.data.standard import standardize, standardize_targets
from profundo.data.streams.blocks import Blocked, gather, root_of
from profundo.records import Batch, Dataset, Samples
from profundo.runs.experiment import Experiment, completed
from profundo.runs.preparing import Prepared, make_update, precision_of
from profundo.runs.saved_model import build_net
from profundo.runs.supervised import load_data
from profundo.train.distributed import Group
from profundo.train.hardware import choose_device, keep_heap, normalised
from profundo.train.randomness import seeded

__all__ = ["Stage", "Throughput", "throughput"]

BYTES, LEAST, MOST = 2**26, 64, 65_536  # of standardised samples that the stages are timed on; of samples
SECONDS = 0.5  # that each is timed for, at least; batches three times as long
ROUNDS = 3  # of each stage, of which the fastest counts


@dataclass(frozen=True, slots=True)
class Stage:
    """rate: samples a second in one process; share: of the time that all stages take for one sample."""

    name: str
    rate: float
    share: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """together: samples a second that reach the parent, standardised, from `workers`; learning: that the net learns from."""

    data: str
    net: str
    streamed: bool
    workers: int
    batch_size: int
    stages: tuple[Stage, ...]
    together: float
    learning: float
    advice: str

    def as_plain_data(self) -> dict[str, Any]:
        return asdict(self)


def throughput(experiment: Experiment) -> Throughput:
    """Measure what `profundo train` would do with these settings. Raises ProfundoError where it would."""
    keep_heap()
    with seeded(experiment.seed):
        device, data = choose_device(experiment.device), load_data(experiment)
        net = build_net(experiment.net or nets.default(data.spec), data.spec, experiment.net_options, experiment.seed)
        chosen = completed(
            experiment, data.spec, len(data.train), experiment.net or nets.default(data.spec), normalised(net)
        )
        prepared = Prepared(chosen, data, net, device, precision_of(chosen, net, data, device))
        timed = stages(data, prepared)
        total = sum(1 / rate for rate in timed.values())
        parts = tuple(Stage(name, rate, 1 / rate / total) for name, rate in timed.items())
        together = rate_of_batches(data.train, prepared)
    streamed = not isinstance(data.train.inputs, Tensor)
    learning = timed["learn"]
    advice = advised(parts, together, learning, chosen.workers) if streamed else IN_MEMORY
    return Throughput(
        data.name, str(chosen.net), streamed, chosen.workers, chosen.batch_size or 1, parts, together, learning, advice
    )


def stages(data: Dataset, prepared: Prepared) -> dict[str, float]:
    """Samples a second of each stage by itself, in the order in which a sample passes them."""
    experiment, split, spec = prepared.experiment, data.train, data.spec
    count = min(len(split), MOST, max(LEAST, BYTES // (4 * math.prod(spec.inputs.shape))))
    whole = torch.arange(len(split)) if isinstance(split.inputs, Tensor) else order(len(split), experiment.seed, 0)
    source, _ = root_of(split.inputs, whole[:0])
    indices = torch.arange(count) if isinstance(source, Blocked) else whole[:count]
    places = root_of(split.inputs, indices)[1]
    timed = {}
    if hasattr(source, "fetched"):
        fetched = list(source.fetched(places))
        timed["read"] = rate(lambda: list(source.fetched(places)), count)
        second = "decode" if spec.inputs.kind == "image" else "make features"
        timed[second] = rate(lambda: source.made(places, fetched), count)
    else:
        timed["gather"] = rate(lambda: gather(source, places.tolist()), count)
    size = min(experiment.batch_size or 1, count)
    raw = gather(split.inputs, indices[:size].tolist())
    timed["standardise"] = rate(lambda: standardize(raw.to(prepared.device), spec.inputs), size)
    inputs = prepared_inputs(raw.to(prepared.device), spec.inputs)
    update = make_update(prepared, Group())
    batch = Batch(inputs, standardize_targets(split.targets[indices[:size]], spec.targets).to(prepared.device), size)
    timed["learn"] = rate(lambda: [float(loss) for loss in update(batch).values()], size)
    return timed


def rate_of_batches(samples: Samples, prepared: Prepared) -> float:
    """Samples a second that come as batches, over an epoch or a few seconds of it, once workers have begun."""
    experiment = prepared.experiment
    coming = batches(
        samples,
        prepared.data.spec,
        experiment.batch_size or 1,
        seed=experiment.seed,
        device=prepared.device,
        workers=experiment.workers,
    )
    for _ in coming.epoch(0):  # workers start, files come into the system's cache
        break
    seen, started = 0, time.perf_counter()
    for epoch in range(1, 1000):
        for batch in coming.epoch(epoch):
            seen += len(batch.targets)
            if time.perf_counter() - started > 3 * SECONDS:
                return seen / (time.perf_counter() - started)
    return seen / (time.perf_counter() - started)


IN_MEMORY = "The data are in memory: only the net takes time; a smaller one, larger batches or a GPU are what can help."


def advised(parts: tuple[Stage, ...], together: float, learning: float, workers: int) -> str:
    """One sentence: which stage a training waits for, and what to do about it."""
    if together >= 1.5 * learning:
        return (
            f"The net is the bottleneck: data come {together / learning:.1f} times as fast as it learns; "
            "fewer workers would leave it more of the cores."
        )
    slowest = max((part for part in parts if part.name != "learn"), key=lambda part: part.share)
    cures = {
        "read": "put the files on a faster disk, or into shards (`profundo shards`), and give more --workers",
        "decode": "give more --workers (there are {cores} cores), scale the images once and save them (--image-size here says "
        "to what), or keep them decoded with --in-memory if they fit",
        "make features": "drop columns that tell nothing, or keep the table in memory if it fits",
        "standardise": "use a GPU, or smaller images",
        "gather": "use larger batches",
    }
    cure = cures[slowest.name].format(cores=os.cpu_count())
    against = f"{together / learning:.1f} times as fast as the net learns"
    if together >= learning:
        return f"Nothing waits long: data come {against}. Where there are more cores than workers, more --workers help."
    return f"To {slowest.name} is the bottleneck, data come {against} (with {workers} workers): {cure}."


def rate(work: Callable[[], object], samples: int) -> float:
    """Samples a second of the fastest of some rounds."""
    work()
    best, spent = float("inf"), 0.0
    for done in range(1000):
        started = time.perf_counter()
        work()
        taken = time.perf_counter() - started
        best, spent = min(best, taken), spent + taken
        if done + 1 >= ROUNDS and spent > SECONDS:
            break
    return samples / max(best, 1e-9)
