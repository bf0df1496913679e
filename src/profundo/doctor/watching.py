"""Watching a plain PyTorch loop, cheaply: hooks that look at a step now and then.

    with watch(net, optimizer, loss=loss) as doctor:
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss(net(inputs), targets).backward()
            optimizer.step()
    print(doctor.report())

No experiment is done, for the loop is the caller's: what is reported are facts, such as gradients that are never cleared.
`examine` proves the rest on a copy. How often a step is looked at follows from what it costs: at most a fiftieth of the time.
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
from profundo.doctor.events import Events, gradient_size, modes
from profundo.doctor.patient import Patient, Step1
from profundo.doctor.verdicts import Finding, Report
from profundo.records import ProfundoError
from profundo.trees import leaves

__all__ = ["Watch", "watch"]

FIRST, MOST_SEEN = 3, 64  # steps in a row that are looked at first; steps whose events are remembered
SHARE = 0.02  # of the time that looking may take


@dataclass(slots=True)
class Watch:
    """What was seen so far. steps: of the optimizer. losses: value by step, of those that were
    looked at."""

    net: nn.Module
    optimizer: Optimizer
    steps: int = 0
    losses: dict[int, float] = field(default_factory=dict)
    seen: list[Events] = field(default_factory=list)
    looking: bool = True
    looked: int = 0
    next: int = 0
    spent: float = 0.0
    begin: float = field(default_factory=time.perf_counter)

    def report(self) -> Report:
        """The facts, at any time; empty where nothing is wrong, or nothing was seen."""
        witness = SimpleNamespace(
            net=self.net,
            program=SimpleNamespace(optimizer=self.optimizer, step=True),
            first=Step1(tuple(self.seen)),
        )
        facts = list(step_order(cast(Patient, witness)))
        findings = [Finding(one.cause, one.where, one.evidence, one.remedy, one.severity) for one in facts]
        wrong = next((step for step, loss in self.losses.items() if not math.isfinite(loss)), None)
        notes = (
            [f"the loss is not finite from step {wrong + 1} on; examine(Program(…)) says why"]
            if wrong is not None
            else []
        )
        return Report(tuple(findings), {"steps": self.steps, "losses": dict(self.losses)}, notes=tuple(notes))


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
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    before: list[Tensor] = []

    def timed(look: Callable[..., None]) -> Callable[..., None]:
        def hook(*arguments: Any) -> None:
            if watcher.looking:
                begin = time.perf_counter()
                look(*arguments)
                watcher.spent += time.perf_counter() - begin

        return hook

    def enters(*_: Any) -> None:
        if not torch.is_grad_enabled():  # a validation between two steps
            return
        if not watcher.seen or watcher.seen[-1].of("step"):
            watcher.seen.append(Events(lambda *_: None))
            del watcher.seen[:-MOST_SEEN]
        watcher.seen[-1].note("forward", training=modes(net))

    def answers(_module: nn.Module, _inputs: Any, outputs: Any) -> None:
        events = watcher.seen[-1] if watcher.seen else Events(lambda *_: None)
        passed: list[bool] = []

        def arrives(_: Tensor) -> None:  # at the first of several outputs: later ones meet gradients of this very pass
            if not passed:
                events.note("backward", value=math.nan, before=gradient_size(parameters), after=1.0, operation="")
            passed.append(True)

        for values in leaves(tuple(outputs) if isinstance(outputs, list) else outputs):
            if isinstance(values, Tensor) and values.requires_grad:
                values.register_hook(arrives)  # type: ignore[no-untyped-call]

    def costs(_module: nn.Module, _inputs: Any, value: Any) -> None:
        if isinstance(value, Tensor) and value.numel() == 1 and watcher.seen:
            watcher.losses[watcher.steps] = float(value.detach())
            watcher.seen[-1].note("loss", value=watcher.losses[watcher.steps], attached=value.requires_grad)

    def steps(*_: Any) -> None:
        before[:] = [one.detach().clone() for one in parameters]

    def stepped(*_: Any) -> None:
        if before and watcher.seen:
            moved = sum(float((one.detach() - was).abs().sum()) for one, was in zip(parameters, before, strict=True))
            watcher.seen[-1].note("step", gradient=gradient_size(parameters), moved=moved)
        before.clear()

    def counted(*_: Any) -> None:
        watcher.steps += 1
        watcher.looked += watcher.looking
        if watcher.looking and watcher.steps > FIRST:
            taken = time.perf_counter() - watcher.begin
            cost = watcher.spent / watcher.looked
            apart = cost / SHARE / max(taken - watcher.spent, 1e-9) * watcher.steps
            watcher.next = watcher.steps + max(1, math.ceil(apart))
            watcher.looking = False
        elif watcher.steps >= watcher.next:
            watcher.looking = True

    hooks = [
        net.register_forward_pre_hook(timed(enters)),
        net.register_forward_hook(timed(answers)),
        optimizer.register_step_pre_hook(timed(steps)),
        optimizer.register_step_post_hook(timed(stepped)),
        optimizer.register_step_post_hook(counted),
    ]
    hooks += [loss.register_forward_hook(timed(costs))] if isinstance(loss, nn.Module) else []
    try:
        yield watcher
    finally:
        for hook in hooks:
            hook.remove()
