"""What was seen of a script, made into a Program that can be trained again, and examined.

Where that cannot be done, or the first cost is not the script's own when it is computed again, there are facts only.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from profundo.doctor.examination import examine
from profundo.doctor.programs import Program, copied, parted
from profundo.doctor.scripts.observer import Observer, plain_net
from profundo.doctor.scripts.tape import Replay, Slot, Unplayable, parts
from profundo.doctor.verdicts import Report
from profundo.records import ProfundoError
from profundo.train.randomness import seeded
from profundo.trees import called

__all__ = ["diagnosis", "rebuilt", "summary"]

CLOSE, ROUGH = 1e-3, 5e-2  # relative difference of the first cost computed again; in autocast, or compiled
CONSTANT = 1e-3  # relative change of a learning rate that makes no schedule

ACTIVATIONS = {"softmax", "log_softmax", "sigmoid", "logsigmoid", "tanh", "relu", "squeeze"}

Chunk = tuple[tuple[str, Any], ...]


def diagnosis(observer: Observer, budget: float) -> Report:
    """Facts of the script's own steps, and what experiments on its rebuilt program prove."""
    facts = Report(())
    try:
        if observer.watcher is not None and not by_hand(observer):
            facts = observer.watcher.report()
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what PyTorch warns it has warned the script
            report = examine(rebuilt(observer), budget=budget)
    except (Unplayable, ProfundoError) as error:
        return replace(facts, notes=(*facts.notes, f"no experiment was done: {error}"))
    except KeyboardInterrupt:
        return replace(facts, notes=(*facts.notes, "the examination was interrupted; these are facts only"))
    except Exception as error:  # noqa: BLE001 - the script has trained, and its exit status is its own
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return replace(
            facts, notes=(*facts.notes, f"the examination failed, which is a fault of the doctor's own: {said}")
        )
    causes = {one.cause for one in report.findings}
    fatal = any(one.severity == "fatal" for one in report.findings)
    more = tuple(one for one in facts.findings if one.cause not in causes and not fatal)
    notes = report.notes
    if observer.judged_on_train and not observer.held.batches:
        words = (
            "the samples that the script evaluates on are those that it trains on; how good it is on others is unknown"
        )
        notes = (*notes, words)
    return replace(report, findings=(*report.findings, *more), notes=notes)


def summary(observer: Observer) -> str:
    """What was seen, in a sentence."""
    steps = sum(observer.stepped.values())
    if not observer.backward and not steps:
        return "nothing was trained: neither cost.backward() nor optimizer.step() of PyTorch was called"
    if observer.start is None or observer.optimizer is None or observer.net is None:
        names = ", ".join(type(plain_net(net)).__name__ for net in observer.outermost()) or "no net"
        return f"{observer.backward} backward passes and {steps} optimizer steps; {names} answered"
    net, size = plain_net(observer.net), sum(one.numel() for one in observer.net.parameters())
    held = f", {observer.held.samples:,} held out" if observer.held.batches else ""
    return (
        f"{observer.stepped[id(observer.optimizer)]:,} steps of {type(observer.optimizer).__name__} on {type(net).__name__} "
        f"({size:,} parameters); {observer.train.samples:,} training samples in {len(observer.train.batches):,} batches{held}"
    )


def rebuilt(observer: Observer) -> Program:
    """Raises Unplayable, with the reason, where what was seen is not a program that can be tried."""
    start, train = observer.start, observer.train.batches
    if observer.why or start is None or not train:
        raise Unplayable(observer.why or reason(observer))
    if len(observer.outermost()) > 1:
        raise Unplayable("several nets are trained together, and one can be tried")
    if by_hand(observer):
        raise Unplayable("the net is moved by something else than its optimizer of torch.optim")
    others = [number for number in observer.stepped if number != id(observer.optimizer)]
    if others:
        raise Unplayable(f"{len(others) + 1} optimizers step, and one can be tried")
    replay, cycle = start.loss, cycle_of(chunks_of(observer.order))
    assert isinstance(replay, Replay)
    replay.scaled = len(cycle) < 2  # what gradient accumulation divides by belongs to its step
    batches, held = ([batch_of(observer, batch) for batch in each] for each in (train, observer.held.batches))
    check(observer, start, batches[0], replay.scale if not replay.scaled else 1.0)
    program = replace(start, train=batches, validation=held or None, epochs=epochs_of(observer))
    return with_head(replace(program, step=step_of(observer, cycle, replay)))


def by_hand(observer: Observer) -> bool:
    """Whether parameters are others than at the start, although the optimizer never stepped."""
    if observer.stepped[id(observer.optimizer)] or observer.start is None or observer.net is None:
        return False
    pairs = zip(observer.start.net.parameters(), plain_net(observer.net).parameters(), strict=True)
    return any(not torch.equal(one, other) for one, other in pairs)


class Answering(nn.Module):
    """A net with the activation that the script puts on its answers, where the doctor looks for one."""

    def __init__(self, net: nn.Module, head: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self.net, self.head = net, head

    def forward(self, inputs: Tensor) -> Any:
        answers = self.net(inputs)
        for function, (_, *rest), named, _ in self.head:
            answers = function(answers, *rest, **named)
        return answers


def with_head(program: Program) -> Program:
    """Activations that follow the net at once belong to it; what comes after them is the cost."""
    replay: Any = program.loss
    if list(replay.answers) != [()] or not isinstance(program.train[0][0], Tensor) or len(program.train[0]) != 2:
        return program
    head: list[tuple[Any, ...]] = []
    answer = replay.answers[()]
    for call in replay.calls:
        function, args, _, result = call
        activates = getattr(function, "__name__", "") in ACTIVATIONS and args[:1] == (answer,)
        if not activates or not isinstance(result, Slot):
            break
        head, answer = [*head, call], result
    later = replay.calls[len(head) :]
    again = mentions([call[1:3] for call in later], replay.answers[()])
    if again or all(call[0].__name__ == "squeeze" for call in head):
        return program
    return replace(program, net=Answering(program.net, head), loss=replace(replay, calls=later, answers={(): answer}))


def mentions(tree: Any, slot: Slot) -> bool:
    inside = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, tuple | list) else ()
    return tree == slot or any(mentions(part, slot) for part in inside)


def reason(observer: Observer) -> str:
    if not observer.backward:
        return "backward() was never called on a cost"
    return "no net was seen to answer before the first backward()"


def epochs_of(observer: Observer) -> int:
    """How often the batches were passed; once, where they never came again."""
    passes = observer.backward if not isinstance(observer.optimizer, LBFGS) else sum(observer.stepped.values())
    return max(1, round(passes / len(observer.train.batches))) if observer.train.repeats else 1


def batch_of(observer: Observer, captured: tuple[tuple[Any, ...], dict[str, Any], Any]) -> Any:
    """As a program's batches are: (inputs, …, target), or a dict with the target under "labels"."""
    args, named, target = captured
    given = [one for one in args if any(True for _ in parts(one))]
    inputs = {name: one for name, one in named.items() if (1, name) not in observer.paths}
    by_name = {name: one for name, one in inputs.items() if isinstance(one, Tensor) and one.ndim}
    if given and by_name:
        raise Unplayable("the net is called with tensors by place and by name")
    if by_name:
        return {**by_name, "labels": target}
    if target is None:
        target = given[0]
    return (*given, target)


def check(observer: Observer, start: Program, batch: Any, scale: float) -> None:
    """Compute the first cost again. Raises Unplayable where it is another: then something was not seen."""
    assert observer.first is not None
    cost, random, roughly = observer.first
    program = copied(start)
    with seeded(0):
        torch.set_rng_state(random)
        try:
            inputs, target = parted(batch)
            again = float(program.loss(called(program.net, inputs), target).detach()) * scale
        except Exception as error:  # the person's own net
            raise Unplayable(f"the first step cannot be repeated: {type(error).__name__}: {error}") from error
    if math.isfinite(cost) and not math.isclose(again, cost, rel_tol=ROUGH if roughly else CLOSE, abs_tol=1e-6):
        raise Unplayable(f"the first cost was {cost:.5g} and is {again:.5g} when it is computed again")


# ----------------------------------------------------------------------------------------------------------------- steps
def chunks_of(order: list[tuple[str, Any]]) -> list[Chunk]:
    """Events batch by batch, each from its forward pass on; without answers that became no cost."""
    chunks: list[list[tuple[str, Any]]] = []
    pending: tuple[str, Any] | None = None
    between: list[tuple[str, Any]] = []
    for what, about in order:
        if what == "forward":
            pending = (what, about)
        elif what == "backward" and pending is not None:
            chunks.append([pending, *between, (what, about)])
            pending, between = None, []
        elif pending is not None:
            between.append((what, about))
        elif chunks:
            chunks[-1].append((what, about))
    return [tuple(chunk) for chunk in chunks]


def cycle_of(chunks: list[Chunk]) -> tuple[Chunk, ...]:
    """The batches from one step to the next; the second such cycle, where all has settled."""
    ends = [place for place, chunk in enumerate(chunks) if any(what == "step" for what, _ in chunk)]
    if len(ends) < 2:
        return tuple(chunks[: ends[0] + 1] if ends else chunks[:1])
    if ends[-1] == len(chunks) - 1 and len(ends) > 2:
        ends = ends[:-1]  # the last one may be cut off
    return tuple(chunks[ends[-2] + 1 : ends[-1] + 1])


def step_of(observer: Observer, cycle: tuple[Chunk, ...], replay: Replay) -> Callable[..., Any] | None:
    """None for the ordinary one."""
    assert observer.start is not None
    if isinstance(observer.optimizer, LBFGS):
        return step_with_closure
    if any(sum(what == "backward" for what, _ in chunk) != 1 for chunk in cycle):
        raise Unplayable("backward() is called several times for the same answers")
    rates, most = observer.rates, max(observer.rates, default=0.0)
    scheduled = bool(rates) and most - min(rates) > CONSTANT * most
    for group in observer.start.optimizer.param_groups:
        group.pop("initial_lr", None)
        if scheduled:
            group["lr"] = group["initial_lr"] = group["lr"] * most / rates[0] if rates[0] else most
    order = [what for what, _ in cycle[0]] if len(cycle) == 1 else []
    in_order = [what for what in order if what != "zero"] == ["forward", "backward", "step"]
    plain = in_order and "zero" in order and order.index("step") == order.index("backward") + 1
    awake = all(module.training for module in observer.start.net.modules())
    if plain and awake and not scheduled:
        return None
    shares = [rate / most for rate in rates] if scheduled else []
    return RecordedStep(cycle, 1.0 if replay.scaled else replay.scale, shares)


@dataclass
class RecordedStep:
    """One batch as the script passes it: its events in their order. A cycle of several is gradient accumulation.

    scale: what the cost is multiplied with. shares: of the largest learning rate, in each step of the optimizer.
    """

    cycle: tuple[Chunk, ...]
    scale: float
    shares: list[float]
    batches: int = 0
    steps: int = 0

    def __call__(self, net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:
        inputs, targets = parted(batch)
        cost: Any = None
        for what, about in self.cycle[self.batches % len(self.cycle)]:
            if what == "forward":
                cost = loss(called(net, inputs), targets)
            elif what == "zero":
                optimizer.zero_grad()
            elif what == "backward":
                (cost * self.scale if self.scale != 1 else cost).backward()
            elif what == "clip":
                getattr(torch.nn.utils, about[0])(net.parameters(), about[1])
            else:
                self.move(optimizer)
        self.batches += 1
        return cost

    def move(self, optimizer: Optimizer) -> None:
        if self.shares:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * self.shares[min(self.steps, len(self.shares) - 1)]
        optimizer.step()
        self.steps += 1


def step_with_closure(net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:
    inputs, targets = parted(batch)

    def closure() -> Any:
        optimizer.zero_grad()
        cost = loss(called(net, inputs), targets)
        cost.backward()
        return cost

    return optimizer.step(closure)
