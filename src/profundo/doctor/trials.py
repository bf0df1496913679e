"""Trials: a copy of the program, changed in one respect, trained beside the program as it is.

Both get the same batches in the same order and the same random numbers; what counts is how good the net becomes (skill.py)
on the way, over several seeds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import nn

from profundo.doctor.events import as_number
from profundo.doctor.programs import Program, Samples, copied, one_step
from profundo.doctor.skill import Task, own_skill, skill
from profundo.train.randomness import seeded
from profundo.trees import called, length, mapped

__all__ = [
    "CHECKS", "Outcome", "Variant", "answers_of", "batches", "graded", "in_evaluation", "judged_at", "outputs_of", "passed",
    "trained", "unchanged", "update", "with_loss",
]  # fmt: skip

CHECKS = 3  # times in a trial that the net is judged


def unchanged(outputs: Any) -> Any:
    return outputs


@dataclass(frozen=True, slots=True)
class Variant:
    """A program on its samples, and how its outputs are read.

    held: what the net is judged on; truth: the targets of those in the program's own units. read: outputs → answers in these.
    times: how often as many steps it gets as a trial has. own: where only the program's cost knows what is good, that cost
    and its value before training.
    """

    program: Program
    train: Samples
    held: Samples
    truth: Any
    task: Task
    read: Callable[[Any], Any] = unchanged
    times: int = 1
    own: tuple[Callable[..., Any], float] | None = None

    def copy(self) -> Variant:
        return replace(self, program=copied(self.program))

    def changed(self, **parts: Any) -> Variant:
        """With other parts of its program, such as loss=…"""
        return replace(self, program=replace(self.program, **parts))


Cure = Callable[[Variant], Variant]
"""A copy of a variant → the same with one thing changed."""


def with_loss(loss: Callable[..., Any]) -> Cure:
    return lambda variant: variant.changed(loss=loss)


@dataclass(frozen=True, slots=True)
class Outcome:
    """losses: of every step. skills: of the net on the way, the last at the end. error: what ended it before."""

    losses: tuple[float, ...]
    skills: tuple[float, ...]
    error: str = ""

    @property
    def skill(self) -> float:
        """The mean over the course: who learns the same sooner is better."""
        return sum(self.skills) / len(self.skills)


def trained(variant: Variant, steps: int, seed: int) -> Outcome:
    """Train for so many steps, judged a few times. Changes the variant's program."""
    steps = steps * variant.times
    losses: list[float] = []
    skills: list[float] = []
    places = judged_at(steps, CHECKS)
    error = passed(variant, steps, seed, places, losses.append, lambda: skills.append(judged(variant)))
    return Outcome(tuple(losses), (*skills, -1.0) if error else tuple(skills), error)


def passed(
    variant: Variant,
    steps: int,
    seed: int,
    places: set[int],
    note: Callable[[float], None],
    judge: Callable[[], None],
    deadline: float = math.inf,
) -> str:
    """Train for so many steps, or until the deadline, a time.monotonic(): each loss is noted, and the net judged after these steps
    (0 is before the first) and at the end. Returns what ended it before, in words."""
    program = variant.program
    with seeded(seed):
        if program.step is None:
            program.net.train()
        try:
            if 0 in places:
                judge()
            for done, batch in enumerate(islice(batches(variant, seed), steps), 1):
                note(update(program, batch))
                late = time.monotonic() > deadline
                if late or done in places or done == steps:
                    judge()
                if late:
                    break
        except Exception as error:  # noqa: BLE001 - the person's own program
            return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return ""


def judged_at(steps: int, times: int) -> set[int]:
    """After which of so many steps a net is judged, the last among them."""
    return {max(1, steps * place // times) for place in range(1, times + 1)}


def update(program: Program, batch: Any) -> float:
    """One step, and its cost: what the step gives back, or what it was given for a cost where it gives back none."""
    seen: list[Any] = []

    def loss(*arguments: Any, **named: Any) -> Any:
        seen.append(program.loss(*arguments, **named))
        return seen[-1]

    value = one_step(program, batch, loss)
    if value is None or isinstance(value, tuple | list | dict | str):
        value = seen[-1] if seen else 0.0
    return as_number(value)


def batches(variant: Variant, seed: int) -> Iterator[Any]:
    """Without end, epoch after epoch."""
    draws = torch.Generator().manual_seed(seed)
    shuffles = variant.program.shuffle and not variant.train.given
    while True:
        yield from variant.train.epoch(variant.program, draws if shuffles else None)


def judged(variant: Variant) -> float:
    with torch.random.fork_rng(devices=[]):  # a net that draws in evaluation draws nothing from what trains it
        return graded(variant, outputs_of(variant.program.net, variant.held.inputs), variant.truth)


def graded(variant: Variant, outputs: Any, truth: Any) -> float:
    """How good these outputs are (skill.py)."""
    if variant.own is None:
        return skill(variant.read(main(outputs)), truth, variant.task)
    loss, first = variant.own
    return own_skill(as_number(loss(variant.read(outputs), truth)), first)


def answers_of(net: nn.Module, inputs: Any, at_once: int = 512) -> Any:
    """The net's main output in evaluation mode."""
    return main(outputs_of(net, inputs, at_once))


def outputs_of(net: nn.Module, inputs: Any, at_once: int = 512) -> Any:
    """Everything that the net gives in evaluation mode, batch after batch; its modes are afterwards as they were."""
    with in_evaluation(net), torch.no_grad():
        places = torch.split(torch.arange(length(inputs)), at_once)
        parts = [called(net, mapped(partial(rows_at, place), inputs)) for place in places]
    try:
        return mapped(lambda *pieces: torch.cat(pieces), *parts)
    except (TypeError, RuntimeError):  # what is no tensor, or not a row a sample
        joined = [main(part) for part in parts]
        return torch.cat(joined) if all(isinstance(part, torch.Tensor) for part in joined) else joined[0]


def rows_at(place: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    return part[place]


def main(outputs: Any) -> Any:
    """The output that the others stand beside: .logits, the first of a tuple, or of a dict."""
    if hasattr(outputs, "logits"):
        return outputs.logits
    if isinstance(outputs, dict):
        name = next((one for one in ("logits", "out", "output") if one in outputs), next(iter(outputs)))
        return outputs[name]
    return main(outputs[0]) if isinstance(outputs, tuple | list) and outputs else outputs


@contextmanager
def in_evaluation(net: nn.Module) -> Iterator[None]:
    """Each module's own mode is put back."""
    before = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
