"""Once more and for longer, where early stopping did not end a training: it was too short.

    first training     epochs 0 to n − 1
    second training    `times` as many, from the weights that the first began with

What is long enough begins to learn by heart, and is stopped; what goes to its end may lack length. The best epoch of both is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from profundo.records import Step
from profundo.train.loop import Position, Update
from profundo.train.schedules import Schedule

__all__ = ["ONE", "Rounds", "again"]


@dataclass(frozen=True, slots=True)
class Rounds:
    """epochs: of the first training; times: as many in the second, 0 for none."""

    epochs: int
    times: int = 0

    @property
    def total(self) -> int:
        return self.epochs * (1 + self.times)

    def place(self, epoch: int) -> tuple[int, int]:
        """The epoch, from 0, that the training of this one began with, and how many times as long as the first it takes."""
        return (self.epochs, self.times) if epoch >= self.epochs and self.times else (0, 1)

    def schedule(self, one: Schedule) -> Schedule:
        """That of one training, in each."""
        if not self.times:
            return one
        first = 1 / (1 + self.times)
        return lambda share: one(share / first) if share < first else one((share - first) / (1 - first))


ONE = Rounds(0)  # training alone


def again(
    steps: Iterable[Step],
    rounds: Rounds,
    update: Update,
    initial: Mapping[str, Any],
    start: Position,
    begins: Callable[[], None],
) -> Iterator[Step]:
    """The steps of both trainings. Before the second, the update is put back to `initial`, and `begins` is called.

    It wraps `fit`, inside of all that may end a training: where early stopping does, there is no second.
    """

    def begin() -> None:
        update.load_state_dict(deepcopy(dict(initial)))
        begins()

    if rounds.times and (start.epoch, start.index) == (rounds.epochs, 0):  # interrupted between the two
        begin()
    for step in steps:
        yield step
        if rounds.times and step.last and step.epoch + 1 == rounds.epochs:
            begin()
