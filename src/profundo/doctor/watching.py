"""Watching a plain PyTorch loop, cheaply: hooks that look at a step now and then.

    with watch(net, optimizer, loss=loss) as doctor:
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss(net(inputs), targets).backward()
            optimizer.step()
    print(doctor.report())

No experiment is done, for the loop is the caller's: what is reported are facts, such as gradients that are never cleared.
`examine` proves the rest on a copy. How often a step is looked at follows from what that costs: a hundredth of the time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.doctor.causes.step_order import step_order
from profundo.doctor.events import Events, gradient_size, modes, optimized
from profundo.doctor.patient import Patient, Step1
from profundo.doctor.verdicts import Report
from profundo.records import ProfundoError, at_the_door
from profundo.trees import leaves

__all__ = ["Watch", "watch"]

FIRST, MOST_SEEN = 3, 64  # steps in a row that are looked at first; steps whose events are remembered
SHARE = 0.01  # of the time that looking may take; what it does to caches and hooks is not in it


@dataclass(slots=True)
class Watch:
    """What was seen so far. steps: of the optimizer. losses: value by step, of those that were
    looked at. fault: of ours, after which nothing is looked at."""

    net: nn.Module
    optimizer: Optimizer
    steps: int = 0
    losses: dict[int, float] = field(default_factory=dict)
    seen: list[Events] = field(default_factory=list)
    looked: int = 0
    next: float = 0
    fault: str = ""
    spent: float = 0.0
    begin: float = field(default_factory=time.perf_counter)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """What this takes is no time of the caller's, and what it fails by does not end his loop."""
        begin = time.perf_counter()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - of a kind that nobody foresaw
            self.fault, self.next = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}", math.inf
        finally:
            self.spent += time.perf_counter() - begin

    def report(self) -> Report:
        """The facts, at any time; empty where nothing is wrong, or nothing was seen."""
        program = SimpleNamespace(optimizer=self.optimizer, step=True)
        seen = self.seen[:-1] if self.fault else self.seen  # of the last look some may be lacking
        witness = SimpleNamespace(net=self.net, program=program, first=Step1(tuple(seen)))
        findings = tuple(one.finding() for one in step_order(cast(Patient, witness)))
        wrong = [step for step, loss in self.losses.items() if not math.isfinite(loss)][:1]
        notes = tuple(f"the loss is not finite from step {n + 1} on; examine(Program(…)) says why" for n in wrong)
        if self.fault:
            notes += (f"watching ended early, by a fault of its own: {self.fault}",)
        return Report(findings, {"steps": self.steps, "losses": dict(self.losses)}, notes=notes)


@at_the_door
@contextmanager
def watch(net: nn.Module, optimizer: Optimizer, *, loss: Any = None) -> Iterator[Watch]:
    """Look at the steps that this optimizer does to this net meanwhile.

    loss: a module whose values are written down; a function's cannot be seen from outside.
    Raises ProfundoError for what is no net or no optimizer. Net and optimizer are afterwards without a hook.
    """
    if not isinstance(net, nn.Module) or not isinstance(optimizer, Optimizer):
        raise ProfundoError(
            f"watch: expected watch(net, optimizer), got {type(net).__name__} and {type(optimizer).__name__}"
        )
    watcher = Watch(net, optimizer)
    look = Look(watcher, loss if isinstance(loss, nn.Module) else None)

    def counted(*_: Any) -> None:
        watcher.steps += 1
        if look.hooks:
            look.close()
        if watcher.steps >= watcher.next:
            look.open()

    look.open()
    counter = optimizer.register_step_post_hook(counted)
    try:
        yield watcher
    finally:
        counter.remove()
        look.remove()


class Look:
    """The hooks by which one step is looked at, from the end of the step before to its own; between looks there are none."""

    def __init__(self, watcher: Watch, loss: nn.Module | None) -> None:
        self.watcher, self.loss = watcher, loss
        self.parameters = optimized(watcher.optimizer)
        self.before: list[Tensor] = []
        self.hooks: list[Any] = []
        self.events = Events(lambda *_: None)

    def open(self) -> None:
        watcher, self.events = self.watcher, Events(lambda *_: None)
        with watcher.looking():
            watcher.seen.append(self.events)
            del watcher.seen[:-MOST_SEEN]
            self.hooks = [
                watcher.net.register_forward_pre_hook(self.timed(self.enters)),
                watcher.net.register_forward_hook(self.timed(self.answers)),
                watcher.optimizer.register_step_pre_hook(self.timed(self.steps)),
            ]
            self.hooks += [self.loss.register_forward_hook(self.timed(self.costs))] if self.loss is not None else []

    def close(self) -> None:
        """After the optimizer's step; says how many steps go by until the next look."""
        watcher = self.watcher
        with watcher.looking():
            if self.before:
                pairs = zip(self.parameters, self.before, strict=True)
                moved = sum(float((one.detach() - was).abs().sum()) for one, was in pairs)
                self.events.note("step", gradient=gradient_size(self.parameters), moved=moved)
        self.before = []
        self.remove()
        watcher.looked += 1
        if watcher.steps > FIRST and not watcher.fault:
            taken = time.perf_counter() - watcher.begin
            apart = watcher.spent / watcher.looked / SHARE / max(taken - watcher.spent, 1e-9) * watcher.steps
            watcher.next = watcher.steps + max(1, math.ceil(apart))

    def remove(self) -> None:
        for hook in self.hooks:
            hook.remove()
        self.hooks = []

    def timed(self, act: Callable[..., None]) -> Callable[..., None]:
        def hook(*arguments: Any) -> None:
            with self.watcher.looking():
                act(*arguments)

        return hook

    def enters(self, *_: Any) -> None:
        if torch.is_grad_enabled():  # no validation between two steps
            self.events.note("forward", training=modes(self.watcher.net))

    def answers(self, _module: nn.Module, _inputs: Any, outputs: Any) -> None:
        passed: list[bool] = []

        def backward(_: Tensor) -> None:  # at the first of several outputs: later ones meet gradients of this very pass
            if not passed:
                size = gradient_size(self.parameters)
                self.events.note("backward", value=math.nan, before=size, after=math.inf, operation="")
            passed.append(True)

        for values in leaves(tuple(outputs) if isinstance(outputs, list) else outputs):
            if isinstance(values, Tensor) and values.requires_grad:
                values.register_hook(self.timed(backward))  # type: ignore[no-untyped-call]

    def costs(self, _module: nn.Module, _inputs: Any, value: Any) -> None:
        if isinstance(value, Tensor) and value.numel() == 1:
            cost = self.watcher.losses[self.watcher.steps] = float(value.detach())
            self.events.note("loss", value=cost, attached=value.requires_grad)

    def steps(self, *_: Any) -> None:
        self.before = [one.detach().clone() for one in self.parameters]
