"""Epochs of another length than once through the data: many images are shown in parts, few images several times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from profundo.records import Batch
from profundo.train import Batches

__all__ = ["Stretches", "batch_that_fits", "stretched"]

LEAST = 50  # batches of an epoch of data of one's own


class Stretches:
    """Epochs of so many batches, however many there are of all samples: one goes on where the last ended.

    So an epoch can be as long as the time from one frame of a film to the next.
    """

    def __init__(self, whole: Batches, length: int) -> None:
        self.whole, self.length = whole, length

    def __len__(self) -> int:
        return self.length

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        at, end = epoch * self.length + skip, (epoch + 1) * self.length
        while at < end:
            turn, begun = divmod(at, len(self.whole))
            for batch in islice(self.whole.epoch(turn, begun), end - at):
                at += 1
                yield batch


def stretched(whole: Batches, is_own: bool) -> Batches:
    """Of data of one's own, which may be few, an epoch has 50 batches or more: the recipe's epochs were chosen for data
    that are many, and fewer updates would learn nothing."""
    return Stretches(whole, LEAST) if is_own and len(whole) < LEAST else whole


def batch_that_fits(batch_size: int, symbols: int, length: int) -> int:
    """Windows of a batch: of a short text fewer than asked for, so that there are several batches."""
    return max(1, min(batch_size, (symbols // length - 1) // 8))
