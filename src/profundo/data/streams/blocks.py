"""Sources whose neighbours lie together: shards and tables are read in blocks of neighbours, and shuffled in windows.

A permutation of single samples would ask a store for each of them alone, in any order: each an answer to wait for, or a
move of a disk's head. Here whole blocks of neighbours (consecutive samples of one shard, consecutive rows of a table) are
permuted; a fixed number of blocks in turn makes a window; the samples of a window are permuted among themselves. So a
block is read once an epoch, front to back, whoever reads it, and a batch is drawn from as many places as a window has blocks.
Both draws come from one generator: the order is a function of (seed, epoch), never of where the data lie or how many
processes read them. (The blocks are those of a two-stage sample in statistics; stores of records do the same with a buffer
whose contents depend on timing, which could not be resumed to the same bits.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from profundo.data.splits.splits import Blocked, Selection

__all__ = ["Blocked", "Blocks", "Window", "blocks_of", "cut", "gather", "in_blocks", "root_of", "shuffled_in_windows"]


@dataclass(frozen=True, slots=True)
class Blocks:
    """numbers: int64 (samples,), the block of each sample of a split; together: how many of them make a window."""

    numbers: Tensor
    together: int


@dataclass(frozen=True, slots=True)
class Window:
    """Samples that are shuffled among themselves.

    tasks: indices to be read at once, block by block, ascending; places: of the samples so read, one after the other,
    those that come first, second … in the order of training.
    """

    tasks: tuple[Tensor, ...]
    places: Tensor


def root_of(source: Any, indices: Tensor) -> tuple[Any, Tensor]:
    """What a selection was made from, and the places there."""
    while isinstance(source, Selection):
        source, indices = source.source, source.indices[indices]
    return source, indices


def gather(source: Any, indices: Sequence[int] | np.ndarray | Tensor) -> Tensor:
    """Raw samples (chosen, *shape), read together where the source knows how."""
    root, places = root_of(source, torch.as_tensor(indices, dtype=torch.int64))
    if isinstance(root, Tensor):
        return root.index_select(0, places)
    if hasattr(root, "gather"):
        result: Tensor = root.gather(places)
        return result
    return torch.stack([root[place] for place in places.tolist()])


def blocks_of(source: Any) -> Blocks | None:
    """Where each sample of a split lies; None where that does not matter."""
    root, places = root_of(source, torch.arange(len(source)))
    return Blocks(root.blocks[places], root.together) if isinstance(root, Blocked) else None


def shuffled_in_windows(blocks: Blocks, generator: Generator) -> tuple[Tensor, Tensor]:
    """(order, window): a permutation of the samples, and the number of each one's window, which never falls along it."""
    present, inverse = torch.unique(blocks.numbers, return_inverse=True)
    rank = torch.empty(len(present), dtype=torch.int64)
    rank[torch.randperm(len(present), generator=generator)] = torch.arange(len(present))
    window = rank[inverse] // blocks.together
    order = torch.randperm(len(window), generator=generator)
    order = order[window[order].argsort(stable=True)]
    return order, window[order]


def in_blocks(order: Tensor, window: Tensor, blocks: Blocks) -> list[Window]:
    """How the samples of an order, or of a part of it, are read."""
    counts = torch.unique_consecutive(window, return_counts=True)[1].tolist()
    return [_window(part, blocks.numbers[part]) for part in torch.split(order, counts) if len(part)]


def _window(part: Tensor, numbers: Tensor) -> Window:
    reading = part.argsort()
    reading = reading[numbers[reading].argsort(stable=True)]
    counts = torch.unique_consecutive(numbers[reading], return_counts=True)[1].tolist()
    places = torch.empty_like(reading)
    places[reading] = torch.arange(len(reading))
    return Window(torch.split(part[reading], counts), places)


def cut(loaded: Iterator[Tensor], windows: Sequence[Window], size: int) -> Iterator[Tensor]:
    """Batches of `size` samples in the order of training, the last one perhaps smaller, from tasks as they were read.

    While the batches of a window go out, the tasks of the next come in at the same pace: two windows at most are held.
    """
    read = map(_as_stored, loaded)
    held, ahead = torch.empty(0), list[Tensor]()
    for number, window in enumerate(windows):
        ahead += islice(read, len(window.tasks) - len(ahead))
        left = len(held)
        pool = torch.cat([held, *ahead] if left else ahead)
        places, ahead = torch.cat([torch.arange(left), window.places + left]), []
        coming = len(windows[number + 1].tasks) if number + 1 < len(windows) else 0
        whole = len(pool) // size * size
        for at in range(0, whole, size):
            yield _as_read(pool.index_select(0, places[at : at + size]))
            ahead += islice(read, -(-coming * (at + size) // len(pool)) - len(ahead))
        held = pool.index_select(0, places[whole:])
    if len(held):
        yield _as_read(held)


def _as_stored(samples: Tensor) -> Tensor:
    """Images with their channels last, as they lie in memory, so that to choose some of them copies whole stretches."""
    return samples.permute(0, 2, 3, 1) if samples.ndim == 4 else samples


def _as_read(samples: Tensor) -> Tensor:
    return samples.permute(0, 3, 1, 2) if samples.ndim == 4 else samples
