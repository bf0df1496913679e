"""Batches that are made when they come up: each is a function of its number, so that no epoch has a state to resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from profundo.records import Batch

__all__ = ["DrawnBatches"]


@dataclass(frozen=True, slots=True)
class DrawnBatches:
    """`in_epoch` batches an epoch. draw: the batch of a number; numbers run on from epoch to epoch."""

    draw: Callable[[int], Batch]
    in_epoch: int

    def __len__(self) -> int:
        return self.in_epoch

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, without the first `skip`."""
        return map(self.draw, range(epoch * self.in_epoch + skip, (epoch + 1) * self.in_epoch))
