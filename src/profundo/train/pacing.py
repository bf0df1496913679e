"""How many threads a step of training takes, such that a resumed run has the bits of one never interrupted.

The first step decides, by the work and not by the clock (threads.py says what the number does to bits):

    small                                 one thread
    large, several give one's bits        the bits of one thread; the number follows the clock, step by step
    large, they do not                    the bits of all cores, at every step

Whose bits they are (`bits`) is saved with a checkpoint and holds after it, on however busy a machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from profundo.dispatch import Observed
from profundo.records import Batch
from profundo.threads import Pace, apart, equal, most_threads, person_decides, set_threads, timed, using
from profundo.train.capture import Captured
from profundo.train.loop import Around, Update
from profundo.train.randomness import random_state, restore_random_state

__all__ = ["WORTH", "Paced", "recorded_threads"]

WORTH = 100_000_000  # floating-point operations of a step's products, 2 to 6 ms of a core: below, several gain nothing


def recorded_threads(state: Mapping[str, Any] | None) -> int | None:
    """Of a checkpoint's state: the number of threads whose bits its training has."""
    text = str((state or {}).get("on", {}).get("threads", ""))
    return int(text) if text.isdecimal() and int(text) else None


class Paced(Around):
    """An update with as many threads as suit it.

    bits: the number of threads whose bits the steps have; None until the first. alone: whether a step may be tried and
    taken back, which a process cannot do while others wait for its gradients.
    """

    update: Update

    def __init__(self, update: Update, bits: int | None = None, *, alone: bool = True) -> None:
        self.update = update
        self.bits = torch.get_num_threads() if person_decides() else bits
        self.alone = alone
        self.pace: Pace | None = None
        self.paced: Any = None  # the shapes of the batches that the pace is for

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """Afterwards the number is `bits`, for what else is computed between steps, such as norms."""
        undecided = self.bits is None or (self.bits == 1 and self.paced is None)
        if undecided and not person_decides():
            losses = self._first(batch)
        elif self.pace is not None and shapes(batch) == self.paced:
            losses = timed(self.pace, lambda: self.update(batch))
        else:
            apart(self.bits or 1)
            losses = self.update(batch)
        set_threads(self.bits or 1)
        return losses

    def _first(self, batch: Batch) -> Mapping[str, Tensor]:
        most, self.paced = most_threads(), shapes(batch)
        before = self._moment() if self.alone and most > 1 else None
        plain = (
            self.update.update if isinstance(self.update, Captured) else self.update
        )  # recording is no part of a step
        operations = Products()
        with using(1), Observed(operations):
            losses = plain(batch)
        if most == 1 or operations.count < WORTH:
            self.bits = 1
        elif before is None:
            self.bits = self.bits or most
        else:
            self._return_to(before)
            same = equal(self._trial(batch, 1, before), self._trial(batch, most, before))
            self.bits = self.bits or (1 if same else most)
            self.pace = Pace(most) if same and self.bits == 1 else None
            with using(self.bits):
                losses = self.update(batch)
        return losses

    def _trial(self, batch: Batch, number: int, before: tuple[Any, Any]) -> Any:
        """All that a step leaves, from other parameters than at the start, where zeros would hide differences."""
        noise = torch.Generator().manual_seed(0)
        try:
            with torch.no_grad():
                for parameter in self._parameters():
                    parameter.add_(torch.randn(parameter.shape, generator=noise).to(parameter), alpha=0.01)
            with using(number):
                losses = self.update(batch)
            gradients = [parameter.grad for parameter in self._parameters() if parameter.grad is not None]
            return deepcopy([dict(losses), self.update.state_dict(), gradients, torch.get_rng_state()])
        finally:
            self._return_to(before)

    def _parameters(self) -> Iterable[nn.Parameter]:
        return (parameter for net in self.update.networks.values() for parameter in net.parameters())

    def _moment(self) -> tuple[Any, Any]:
        return deepcopy(self.update.state_dict()), random_state()

    def _return_to(self, moment: tuple[Any, Any]) -> None:
        state, randomness = moment
        self.update.load_state_dict(deepcopy(state))
        restore_random_state(randomness)


class Products:
    """Counts the multiplications and additions of products (PyTorch's own counter loads its compiler: 1 s)."""

    count = 0

    def __call__(self, operation: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        result = operation(*arguments, **named)
        formula = flop_registry.get(operation._overloadpacket)
        if formula is not None:
            self.count += formula(*arguments, **named, out_val=result)
        return result


def shapes(batch: Batch) -> Any:
    return getattr(batch.inputs, "shape", None), getattr(batch.targets, "shape", None), batch.total
