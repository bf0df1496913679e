"""Batches: which samples come in which order, as standardised tensors on the training device.

The order is a function of (seed, epoch), augmentation a function of (seed, step): nothing here has a state that counts, so
a resumed run sees what an uninterrupted one would have seen. In memory or streamed, the batches are equal, bit for bit;
but of shards and large tables the order is one by windows (blocks.py), the same wherever they lie.

What makes streaming fast: images are decoded into one block of shared memory a batch, channels last, so that neither
worker nor parent transposes or stacks; workers outlive the epoch; the parent standardises bytes, and a quarter of what
floats would take goes from process to process.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.augmenting.augment import augmented
from profundo.data.rereading import Rereading
from profundo.data.splits.splits import chosen
from profundo.data.standard import standardize, standardize_targets
from profundo.data.streams.blocks import blocks_of, cut, gather, in_blocks, root_of, shuffled_in_windows
from profundo.object_masks import with_masks
from profundo.records import Batch, Inputs, ProfundoError, Samples, Spec
from profundo.threads import cores_before, one_thread, run_on
from profundo.trees import chosen_rows, mapped, rebuilt, split_rows, to_device

__all__ = [
    "InMemory",
    "Reread",
    "Streamed",
    "batches",
    "in_memory",
    "in_order",
    "order",
    "prepared_inputs",
    "unpacked_targets",
]

Augmentation = Callable[[Tensor, torch.Generator], Tensor]

LARGEST_BATCH = 2**24  # numbers of a batch for evaluation: 64 MiB
MAPS = 16  # numbers that a net for pixels, or for objects, keeps of each
LEAST_TASK = 2**20  # numbers that a worker reads at once: several batches of small images, to be worth the way


def order(samples: int, seed: int, epoch: int) -> Tensor:
    """A permutation of the samples, int64, the same for the same seed and epoch."""
    return torch.randperm(samples, generator=torch.Generator().manual_seed(mix(seed, epoch)))


def mix(seed: int, number: int) -> int:
    """One 63-bit seed from two numbers, such that neighbours share nothing (the finaliser of SplitMix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (z ^ (z >> 31)) >> 1


def batches(
    samples: Samples,
    spec: Spec,
    batch_size: int,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    augment: Augmentation | None = None,
    rank: int = 0,
    processes: int = 1,
    workers: int = 2,
) -> InMemory | Reread | Streamed:
    """The training batches of one split: from memory when its inputs are a tensor, unless they are to be read anew; streamed
    when they are a Source.

    batch_size: samples of one update, over all processes; a whole batch's samples when there are fewer.
    An incomplete last batch is left out: its samples come in other epochs, for the order changes.
    Raises ProfundoError when the processes cannot share the batch evenly.
    """
    batch_size = shared_batch_size(batch_size, len(samples), processes)
    serving = Serving(spec, batch_size, seed, torch.device(device), augment, rank, processes)
    if samples.anew is not None:
        return Reread(samples, serving, workers)
    if in_memory(samples):
        return InMemory(samples, serving)
    return Streamed(samples, serving, workers)


def in_memory(samples: Samples) -> bool:
    """Whether the inputs are tensors, one or several, and not read when they are asked for."""
    return isinstance(samples.inputs, Tensor | tuple | dict)


def shared_batch_size(batch_size: int, samples: int, processes: int) -> int:
    """The batch size, or as many samples as there are. Raises ProfundoError when processes cannot share it evenly."""
    if samples < processes:
        raise ProfundoError(f"{samples} training samples: expected at least one for each of the {processes} processes")
    size = min(batch_size, samples // processes * processes)
    if size % processes:
        raise ProfundoError(f"batch size {size}: expected a multiple of the {processes} processes that share it")
    return size


@dataclass(frozen=True, slots=True)
class Serving:
    """How the batches of a split are cut, ordered, augmented and shared, wherever its inputs are kept."""

    spec: Spec
    batch_size: int
    seed: int
    device: torch.device
    augment: Augmentation | None
    rank: int
    processes: int

    @property
    def mine(self) -> slice:
        """This process's share of a batch."""
        share = self.batch_size // self.processes
        return slice(self.rank * share, (self.rank + 1) * share)

    def needed(self, indices: Tensor) -> Tensor:
        """Of a batch's samples those to be read. Augmentation draws for the whole batch, so that the processes' shares
        together are the batch of one process: then all are."""
        return indices[self.mine] if self.augment is None and self.processes > 1 else indices

    def batch(self, inputs: Any, targets: Any, step: int, weights: Tensor | None = None) -> Batch:
        """The process's share of the batch, augmented, from the samples that were needed."""
        targets = unpacked_targets(targets, inputs, self.spec)
        if self.augment is not None:
            inputs, targets = augmented(self.augment, inputs, targets, generator(self.seed, step, self.device))
            inputs, targets = inputs[self.mine], mapped(lambda leaf: leaf[self.mine], targets)
        return Batch(inputs, targets, self.batch_size, weights=weights)


class InMemory:
    """Standardised once, kept on the device; a batch is one gather. Images are stored channels last."""

    def __init__(self, samples: Samples, serving: Serving) -> None:
        self.serving, self.samples = serving, len(samples)
        self.image = serving.spec.inputs.kind == "image"
        inputs = standardize(to_device(samples.inputs, serving.device), serving.spec.inputs)
        self.inputs = inputs.permute(0, 2, 3, 1).contiguous() if self.image else inputs
        self.targets = to_device(standardize_targets(samples.targets, serving.spec.targets), serving.device)
        self.weights = None if samples.weights is None else samples.weights.to(serving.device)

    def __len__(self) -> int:
        return self.samples // self.serving.batch_size

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        serving, size = self.serving, self.serving.batch_size
        whole = order(self.samples, serving.seed, epoch).to(serving.device)
        for index in range(skip, len(self)):
            chosen = serving.needed(whole[index * size : (index + 1) * size])
            inputs, targets = chosen_rows(self.inputs, chosen), chosen_rows(self.targets, chosen)
            if self.image:
                inputs = inputs.permute(0, 3, 1, 2)
            weights = None if self.weights is None else self.weights.index_select(0, chosen)
            yield serving.batch(inputs, targets, epoch * len(self) + index, weights)


class Reread:
    """Of a Dataset whose samples differ each time: read again for every batch. Same order and standardisation as in memory."""

    def __init__(self, samples: Samples, serving: Serving, workers: int) -> None:
        assert samples.anew is not None
        self.samples, self.serving = samples, serving
        like = chosen(samples, torch.zeros(1, dtype=torch.int64))
        self.reader = Reader(Rereading(samples.anew, like, serving.spec, len(samples)), workers, serving.device)

    def __len__(self) -> int:
        return len(self.samples) // self.serving.batch_size

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        serving, samples, spec = self.serving, self.samples, self.serving.spec
        steps = range(epoch * len(self) + skip, (epoch + 1) * len(self))
        whole = torch.split(order(len(samples), serving.seed, epoch), serving.batch_size)[skip : len(self)]
        places = [serving.needed(indices) for indices in whole]
        seeds = [serving.needed(self.seeds(step)) for step in steps]
        numbers = [indices if samples.numbers is None else samples.numbers[indices] for indices in places]
        read = self.reader.read([torch.stack(pair, 1) for pair in zip(numbers, seeds, strict=True)])
        for step, indices, tensors in zip(steps, places, read, strict=True):
            inputs, targets = to_device(rebuilt((samples.inputs, samples.targets), tensors), serving.device)
            weights = None if samples.weights is None else samples.weights[indices].to(serving.device)
            inputs, targets = prepared_inputs(inputs, spec.inputs), standardize_targets(targets, spec.targets)
            yield serving.batch(inputs, targets, step, weights)

    def seeds(self, step: int) -> Tensor:
        """int64 (batch,), of each sample's transforms in this step."""
        size = self.serving.batch_size
        return torch.tensor([mix(self.serving.seed ^ 0xD4A3, draw) for draw in range(step * size, (step + 1) * size)])


class Streamed:
    """Read by workers while the network trains; of folders the same batches as InMemory."""

    def __init__(self, samples: Samples, serving: Serving, workers: int) -> None:
        self.serving = serving
        self.reader = Reader(samples.inputs, workers, serving.device)
        self.blocks = blocks_of(samples.inputs)
        self.samples = len(samples)
        self.targets = standardize_targets(samples.targets, serving.spec.targets)

    def __len__(self) -> int:
        return self.samples // self.serving.batch_size

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        serving, device = self.serving, self.serving.device
        chosen, loaded = (self._windows if self.blocks else self._singly)(epoch, skip)
        for index, (raw, indices) in enumerate(zip(loaded, chosen, strict=True), skip):
            inputs = prepared_inputs(raw.to(device, non_blocking=True), serving.spec.inputs)
            targets = to_device(chosen_rows(self.targets, indices), device)
            yield serving.batch(inputs, targets, epoch * len(self) + index)

    def _singly(self, epoch: int, skip: int) -> tuple[Sequence[Tensor], Iterator[Tensor]]:
        """The samples that each batch needs, and these batches, each read by one worker, perhaps several at once."""
        whole = order(self.samples, self.serving.seed, epoch)
        chosen = [self.serving.needed(indices) for indices in self._cut(whole, skip)]
        several = max(1, LEAST_TASK // (self.serving.batch_size * math.prod(self.serving.spec.inputs.shape)))
        tasks = [torch.cat(chosen[at : at + several]) for at in range(0, len(chosen), several)]
        read = self.reader.read(tasks)
        return chosen, (batch for task in read for batch in torch.split(task, len(chosen[0])))

    def _windows(self, epoch: int, skip: int) -> tuple[Sequence[Tensor], Iterator[Tensor]]:
        """The same, read block by block and put in order here."""
        assert self.blocks is not None
        draws = torch.Generator().manual_seed(mix(self.serving.seed, epoch))
        pairs = zip(*map(self._cut, shuffled_in_windows(self.blocks, draws), (skip, skip)), strict=True)
        chosen, window = zip(*[tuple(map(self.serving.needed, pair)) for pair in pairs], strict=True)
        windows = in_blocks(torch.cat(chosen), torch.cat(window), self.blocks)
        return chosen, cut(self.reader.read([task for one in windows for task in one.tasks]), windows, len(chosen[0]))

    def _cut(self, whole: Tensor, skip: int) -> Sequence[Tensor]:
        """One number a sample in batches, without the incomplete last one."""
        return torch.split(whole, self.serving.batch_size)[skip : len(self)]


class Reader:
    """Reads a source, many samples at once, in processes that live as long as this object; or in threads, where the source's
    own library computes in parallel. With no workers: when it is asked."""

    def __init__(self, source: Any, workers: int, device: torch.device) -> None:
        self.source, self.workers, self.device = source, workers, device
        self.threaded = bool(getattr(root_of(source, torch.empty(0, dtype=torch.int64))[0], "threaded", False))
        self.tasks: list[np.ndarray] = []  # of this epoch, as the DataLoader asks for them
        self.loader: Any = None
        self.busy = False

    def read(self, tasks: Sequence[Tensor]) -> Iterator[Tensor]:
        """Raw samples (task, *shape) of each task, in their order."""
        if self.threaded and self.workers:
            yield from read_in_threads(self.source, tasks, self.workers)
        elif self.busy or not self.workers:  # an epoch beside another one
            yield from load_in_workers(self.source, tasks, self.workers, self.device)
        else:
            self.busy, self.tasks[:] = True, [indices.numpy() for indices in tasks]
            try:
                if self.loader is None:
                    self.loader = data_loader(self.source, self.tasks, self.workers, self.device, persistent=True)
                yield from self.loader
            except ProfundoError as error:  # of a worker, with its traceback before what it says
                raise ProfundoError(str(error).strip().rpartition("ProfundoError: ")[2]) from error
            finally:
                self.busy = False


@dataclass(frozen=True, slots=True)
class Gathering:
    """A source as a DataLoader sees it: a task is read at once, into memory that the parent shares."""

    source: Any

    def __len__(self) -> int:
        return len(self.source)

    def __getitems__(self, indices: np.ndarray) -> Tensor:
        return gather(self.source, indices)


def read_in_threads(source: Any, tasks: Sequence[Tensor], workers: int) -> Iterator[Tensor]:
    """The same by threads of this process, two tasks a thread ahead."""
    waiting: deque[Future[Tensor]] = deque()
    with ThreadPoolExecutor(workers, initializer=run_on, initargs=(cores_before(),)) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(gather, source, task))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def load_in_workers(source: Any, chosen: Sequence[Tensor], workers: int, device: torch.device) -> Iterator[Tensor]:
    """Raw batches (batch, *shape) of the chosen indices, in their order."""
    return iter(data_loader(source, [indices.numpy() for indices in chosen], workers, device, persistent=False))


def data_loader(source: Any, tasks: list[np.ndarray], workers: int, device: torch.device, *, persistent: bool) -> Any:
    from torch.utils.data import DataLoader

    warnings.filterwarnings("ignore", message="This DataLoader will create")  # who asks for workers knows the machine
    prefetched = 2 if blocks_of(source) is None else 8
    return DataLoader(
        Gathering(source),  # type: ignore[arg-type]
        batch_sampler=tasks,  # type: ignore[arg-type]
        num_workers=workers,
        collate_fn=as_it_is,  # type: ignore[arg-type]
        pin_memory=device.type == "cuda",
        persistent_workers=persistent,
        # Tasks that a worker has ahead; blocks are small, and nothing is trained on before a window of them is whole.
        prefetch_factor=prefetched if workers else None,
        # Workers know by their parent's PID whether it is alive; those of a fork server would live on without it.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
        worker_init_fn=start_worker,
        generator=torch.Generator().manual_seed(0),  # its own, so that workers take nothing from the global one
    )


def as_it_is(read: Tensor) -> Tensor:
    return read


def start_worker(_worker: int) -> None:
    """With one thread, and without signals: Ctrl-C and SIGTERM often go to the whole process group; a worker outside of it
    lets its parent end in good order."""
    one_thread()
    if hasattr(os, "setsid"):
        os.setsid()


def in_order(
    samples: Samples, spec: Spec, *, device: torch.device | str = "cpu", batch_size: int = 1000, workers: int = 2
) -> Iterator[Batch]:
    """Every sample once, in the order of the split, for evaluation."""
    device = torch.device(device)
    targets = standardize_targets(samples.targets, spec.targets)
    each = math.prod(spec.inputs.shape) * (1 if spec.targets.traits.per == "sample" else MAPS)
    batch_size = min(batch_size, max(1, LARGEST_BATCH // each))
    chosen = torch.split(torch.arange(len(samples)), batch_size)
    loaded: Iterator[Any]
    own = in_memory(samples)
    loaded = split_rows(samples.inputs, batch_size) if own else read_in_order(samples.inputs, chosen, workers, device)
    for raw, indices in zip(loaded, chosen, strict=True):
        inputs = prepared_inputs(to_device(raw, device), spec.inputs)
        weights = None if samples.weights is None else samples.weights[indices]
        truth = unpacked_targets(to_device(chosen_rows(targets, indices), device), inputs, spec)
        yield Batch(inputs, truth, len(indices), weights=weights)


def read_in_order(source: Any, chosen: Sequence[Tensor], workers: int, device: torch.device) -> Iterator[Tensor]:
    """Raw batches of all samples; where they are read in blocks, block by block."""
    reader, blocks = Reader(source, workers, device), blocks_of(source)
    if blocks is None or not len(source):
        return reader.read(chosen)
    turn = torch.unique_consecutive(blocks.numbers, return_inverse=True)[1]
    windows = in_blocks(torch.arange(len(source)), turn, blocks)
    return cut(reader.read([task for one in windows for task in one.tasks]), windows, len(chosen[0]))


def unpacked_targets(targets: Any, inputs: Tensor, spec: Spec) -> Any:
    """Targets as nets learn from them: masks of objects with a bool for each pixel of their inputs."""
    return with_masks(targets, inputs.shape[-1]) if spec.targets.traits.per == "object" else targets


def prepared_inputs(raw: Any, inputs: Inputs) -> Any:
    """A raw batch (batch, *shape) standardised; images with their channels last in memory, as convolutions want them."""
    rows = standardize(raw, inputs)
    is_image = isinstance(rows, Tensor) and rows.ndim == 4
    return rows.contiguous(memory_format=torch.channels_last) if is_image else rows


def generator(seed: int, step: int, device: torch.device) -> torch.Generator:
    """For the draws of one step's augmentation."""
    return torch.Generator(device).manual_seed(mix(seed ^ 0x5EED, step))
