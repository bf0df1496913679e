"""The list of programs: what is wrong with each, on what data, and how its success is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

Arguments = dict[str, Any]  # of a training program: net, loss, optimizer, train, validation, batch_size, epochs, …


@dataclass(frozen=True)
class Entry:
    """One program. `arguments()` builds it anew: the faulty one, or with mended=True the same without its fault."""

    name: str
    cause: str | None  # an id of the doctor's causes; None: healthy
    also: tuple[str, ...]  # ids that are as right
    where: tuple[str, ...]  # words of which one stands in a right finding's place; empty: the place is not judged
    data: str
    source: str  # "report": modelled on a public report; "own"
    score: str  # a name of measure.SCORES
    saw: str  # what a person saw
    make: Callable[[bool], Arguments]
    apart: (
        str | None
    )  # "unseen", "later", "fresh", "last", "newest": written apart, by people who had not seen the doctor

    @property
    def half(self) -> str:
        """Decided by the name alone, so that nobody can choose; those written apart are parts of their own."""
        if self.apart:
            return self.apart
        return ("calibration", "published")[hashlib.sha256(self.name.encode()).digest()[0] % 2]

    def arguments(self, *, mended: bool = False, seed: int = 0) -> Arguments:
        torch.manual_seed(seed)
        return self.make(not mended)


_ENTRIES: dict[str, Entry] = {}
_APART = {
    "reported": "unseen",
    "later": "later",
    "fresh": "fresh",
    "last": "last",
    "newest": "newest",
}  # by the first word of the module's name


def _register(
    make: Callable[..., Arguments], cause: str | None, also: tuple[str, ...], where: tuple[str, ...], **about: str
) -> None:
    name = make.__name__
    if name in _ENTRIES:
        raise ValueError(f"two programs are called {name!r}: give each a name of its own")
    call = make if cause else lambda _: make()
    apart = _APART.get(make.__module__.rpartition(".")[2].partition("_")[0])
    _ENTRIES[name] = Entry(
        name, cause, also, where, saw=" ".join((make.__doc__ or "").split()), make=call, apart=apart, **about
    )


def faulty(
    cause: str,
    *,
    data: str,
    source: str = "own",
    also: tuple[str, ...] = (),
    score: str = "accuracy",
    where: str | tuple[str, ...] = (),
) -> Callable[[Callable[[bool], Arguments]], Callable[[bool], Arguments]]:
    """Registers a function (broken: bool) → arguments; its name is the program's.

    where: words of which one must stand in the finding's place, such as a module's path or "train targets, column 3".
    """
    words = (where,) if isinstance(where, str) else where

    def register(make: Callable[[bool], Arguments]) -> Callable[[bool], Arguments]:
        _register(make, cause, also, words, data=data, source=source, score=score)
        return make

    return register


def healthy(
    *, data: str, source: str = "own", score: str = "accuracy"
) -> Callable[[Callable[[], Arguments]], Callable[[], Arguments]]:
    """Registers a function () → arguments of a program that looks odd and is fine."""

    def register(make: Callable[[], Arguments]) -> Callable[[], Arguments]:
        _register(make, None, (), (), data=data, source=source, score=score)
        return make

    return register


def programs() -> tuple[Entry, ...]:
    from . import data, healthy_data, healthy_nets, healthy_steps, nets, outputs, pace, steps  # noqa: F401, I001
    from . import reported_data, reported_nets, reported_outputs, reported_steps, reported_pace  # noqa: F401
    from . import reported_healthy_nets, reported_healthy_steps  # noqa: F401
    from . import later_faulty, later_healthy  # noqa: F401
    from . import fresh_first_faulty, fresh_first_healthy, fresh_second_faulty, fresh_second_healthy  # noqa: F401
    from . import last_first_faulty, last_first_healthy, last_second_faulty, last_second_healthy  # noqa: F401
    from . import newest_faulty, newest_healthy  # noqa: F401

    return tuple(_ENTRIES.values())
