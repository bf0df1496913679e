"""A training program as the doctor takes it, and copies of it on which he may do as he likes.

    Program(net=net, loss=loss, optimizer=optimizer, train=(x, y), validation=(xv, yv), batch_size=32, epochs=5)

Whatever is tried is tried on a copy: net, loss, optimizer and step are copied together, so that the copied optimizer
moves the copied parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.doctor.rebinding import rebound
from profundo.records import ProfundoError, at_the_door
from profundo.trees import called, leaves, mapped

__all__ = ["Program", "Samples", "copied", "ordinary_step", "samples_of"]

MOST_SAMPLES = 50_000
MOST_VALUES = 2**28  # numbers, 1 GiB


def expected(what: str, got: object) -> ProfundoError:
    """The refusal of what a program cannot be made of."""
    return ProfundoError(f"doctor: expected {what}, got {got}")


Step = Callable[[nn.Module, Any, Callable[..., Any], Optimizer], Any]


@dataclass(frozen=True, slots=True)
class Program:
    """What trains what on what.

    train, validation: (inputs, targets) as tensors, arrays or lists, a tensor that is its own target, a DataLoader, a Dataset,
        or any iterable of batches that can be read again. Numbers of NumPy and Python get the net's own precision.
    loss(prediction, target): any callable that gives a scalar. metric(prediction, target): a number, the stated goal.
    step(net, batch, loss, optimizer): one update, in place of the ordinary one: clear, predict, cost, gradients, update.
    shuffle: whether (inputs, targets) are drawn in a new order in each epoch; other data come in their own order.
    """

    net: nn.Module
    loss: Callable[..., Any]
    optimizer: Optimizer
    train: Any
    validation: Any = None
    batch_size: int = 32
    epochs: int = 5
    shuffle: bool = True
    metric: Callable[..., Any] | None = None
    step: Step | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.net, nn.Module):
            raise expected("net to be a torch.nn.Module", type(self.net).__name__)
        if not isinstance(self.optimizer, Optimizer):
            raise expected(
                "optimizer to be a torch.optim.Optimizer, such as torch.optim.SGD(net.parameters(), lr=0.1)",
                type(self.optimizer).__name__,
            )
        for name in ("loss", "metric", "step"):
            value = getattr(self, name)
            if isinstance(value, type):
                raise expected(f"{name} to be a function", f"the class {value.__name__}; give an instance of it")
            if not callable(value) and (name == "loss" or value is not None):
                raise expected(f"{name} to be a function", type(value).__name__)
        if isinstance(self.net, torch.jit.ScriptModule) or hasattr(self.net, "_orig_mod"):
            raise ProfundoError(
                "doctor: expected a net that is not compiled; give the torch.nn.Module that it was made of"
            )
        for name in ("batch_size", "epochs"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise expected(f"{name} to be a whole number of at least 1", repr(value))


Program.__init__ = at_the_door(Program.__init__)  # type: ignore[method-assign]


def copied(program: Program) -> Program:
    """The same with a net, loss, optimizer, metric and step of its own. Raises ProfundoError for what cannot be copied."""
    memo: dict[int, Any] = {}
    try:
        net, optimizer = copy.deepcopy((program.net, program.optimizer), memo)
        for name, value in vars(program.optimizer).items():  # what LBFGS holds beside its state
            if name not in vars(optimizer) and not callable(value):
                setattr(optimizer, name, copy.deepcopy(value, memo))
        for name in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):  # which a copy has not
            hooks = {key: rebound(hook, memo) for key, hook in getattr(program.optimizer, name).items()}
            getattr(optimizer, name).update(hooks)
        step, loss, metric = (rebound(part, memo) for part in (program.step, program.loss, program.metric))
    except Exception as error:  # whatever somebody's class does when it is copied
        raise ProfundoError(
            f"doctor: expected a net, loss and optimizer that can be copied, to try things on the copy; copy.deepcopy failed: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error
    return replace(program, net=net, loss=loss, optimizer=optimizer, metric=metric, step=step)


def ordinary_step(net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Tensor:
    """The update that a program without a step of its own does."""
    optimizer.zero_grad()
    inputs, targets = parted(batch)
    cost: Tensor = loss(called(net, inputs), targets)
    cost.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return cost


def one_step(program: Program, batch: Any, loss: Callable[..., Any] | None = None) -> Any:
    """Its own update, or the ordinary one. loss: in place of the program's."""
    return (program.step or ordinary_step)(program.net, batch, loss or program.loss, program.optimizer)


def same(side: Any) -> Any:
    return side


def rejoined(batch: Any, inputs: Callable[[Any], Any], targets: Callable[[Any], Any]) -> Any:
    """A batch of the same structure with these functions of its inputs and targets."""
    before, after = parted(batch)
    given, wanted = inputs(before), targets(after)
    if isinstance(batch, Mapping):
        names = [name for name, part in batch.items() if part is not after]
        return {**batch, **(given if isinstance(given, Mapping) else dict.fromkeys(names, given)),
                **{name: wanted for name, part in batch.items() if part is after and name not in names}}  # fmt: skip
    return given if isinstance(batch, Tensor) else (*given, wanted) if isinstance(given, tuple) else (given, wanted)


def parted(batch: Any) -> tuple[Any, Any]:
    """A batch as inputs and targets: (x, y), (x1, x2, y), {"x": …, "y": …}; without targets the inputs are both."""
    if isinstance(batch, Mapping):
        name = next((one for one in ("y", "target", "targets", "label", "labels") if one in batch), None)
        inputs = {key: value for key, value in batch.items() if key != name}
        alone = next(iter(inputs.values())) if len(inputs) == 1 else inputs
        return alone, batch[name] if name is not None else alone
    if isinstance(batch, Tensor):
        return batch, batch
    *inputs, targets = batch
    return (inputs[0] if len(inputs) == 1 else tuple(inputs)), targets


# -------------------------------------------------------------------------------------------------------------- samples
@dataclass(frozen=True, slots=True)
class Samples:
    """Samples in memory: batches of them as they came, or one table of inputs and targets.

    inputs, targets: a tensor, or a tuple or dict of such, with the samples along the first axis.
    given: the batches, where they came as batches; one(batch) is what a step gets.
    again: how far a second reading is from the first, over how far samples are apart: above 0 with random augmentation.
    """

    inputs: Any
    targets: Any
    given: tuple[Any, ...] = ()
    again: float = 0.0

    def __len__(self) -> int:
        return len(next(leaves(self.targets)))

    @property
    def whole(self) -> bool:
        """Whether all batches fitted into the one table."""
        return not self.given or len(self) == sum(len(next(leaves(parted(batch)[1]))) for batch in self.given)

    def first(self, count: int) -> Samples:
        """So many, or all where there are fewer."""
        return self.rows(torch.arange(min(count, len(self))))

    def rows(self, chosen: Tensor) -> Samples:
        return Samples(*(mapped(lambda part: part[chosen], side) for side in (self.inputs, self.targets)))

    def changed(self, inputs: Callable[[Any], Any] = same, targets: Callable[[Any], Any] = same) -> Samples:
        """The same with these functions of all its inputs and targets, as batches too."""
        given = tuple(rejoined(batch, inputs, targets) for batch in self.given)
        return Samples(inputs(self.inputs), targets(self.targets), given, self.again)

    def epoch(self, program: Program, order: torch.Generator | None) -> list[Any]:
        """The batches of an epoch. order: draws a new one; without, they come as they are given."""
        if self.given:  # copies, for a step may change its batch in place
            return [copy.deepcopy(self.given[place]) for place in places_of(len(self.given), order).tolist()]
        return [self.batch(chosen) for chosen in torch.split(places_of(len(self), order), program.batch_size)]

    def batch(self, chosen: Tensor) -> Any:
        some = self.rows(chosen)
        return (*some.inputs, some.targets) if isinstance(some.inputs, tuple) else (some.inputs, some.targets)


def places_of(count: int, order: torch.Generator | None) -> Tensor:
    return torch.arange(count) if order is None else torch.randperm(count, generator=order)


def samples_of(data: Any, name: str, precision: torch.dtype = torch.float32) -> Samples:
    """The samples of one split, at most 50,000. Raises ProfundoError for what is none."""
    samples = read_samples(data, name, precision)
    if not len(samples):
        raise expected(f"samples in {name}", "none")
    return samples


def read_samples(data: Any, name: str, precision: torch.dtype) -> Samples:
    if isinstance(data, Mapping):
        inputs, targets = parted({key: as_tensor(part, precision) for key, part in data.items()})
        return few(Samples(inputs, targets))
    if is_array(data):
        return few(Samples(as_tensor(data, precision), as_tensor(data, precision)))
    if isinstance(data, tuple | list) and len(data) >= 2 and all(is_array(part) or is_rows(part) for part in data):
        *inputs, targets = (as_tensor(part, precision) for part in data)
        if len({len(part) for part in (*inputs, targets)}) > 1:
            sizes = ", ".join(str(len(part)) for part in (*inputs, targets))
            raise expected(f"as many inputs as targets in {name}", sizes)
        return few(Samples(inputs[0] if len(inputs) == 1 else tuple(inputs), targets))
    if isinstance(data, torch.utils.data.Dataset) and not isinstance(data, torch.utils.data.IterableDataset):
        count = min(len(data), MOST_SAMPLES)  # type: ignore[arg-type]
        if not count:
            raise expected(f"samples in {name}", "none")
        inputs, targets = parted(torch.utils.data.default_collate([data[index] for index in range(count)]))
        return Samples(inputs, targets, again=apart_when_read_again(data))
    if not isinstance(data, Iterable) or isinstance(data, str) or iter(data) is data:
        once = ", which can be read once only" if isinstance(data, Iterator) else ""
        what = f"{name} to be (inputs, targets), a DataLoader or a list of batches"
        raise expected(what, f"{type(data).__name__}{once}")
    batches, count = [], 0
    with generators_put_back(data):
        for batch in data:
            batches.append(batch)
            count += len(next(leaves(parted(batch)[1])))
            if count >= MOST_SAMPLES:
                break
    if not batches:
        raise expected(f"batches in {name}", "none")
    samples = joined_batches(batches)
    return replace(samples, again=apart_when_read_again(getattr(data, "dataset", None)))


def apart_when_read_again(data: Any) -> float:
    """How far two readings of a dataset's first samples are apart, over how far different samples are; 0 where they are equal."""
    if not isinstance(data, torch.utils.data.Dataset) or isinstance(data, torch.utils.data.IterableDataset):
        return 0.0
    try:
        places, collate = range(min(len(data), 8)), torch.utils.data.default_collate  # type: ignore[arg-type]
        first, second = ([parted(collate([data[place]]))[0] for place in places] for _ in range(2))
        if all(torch.equal(a, b) for a, b in zip(leaves(tuple(first)), leaves(tuple(second)), strict=True)):
            return 0.0
        readings = sum(distance(a, b) for a, b in zip(first, second, strict=True)) / len(first)
        samples = sum(distance(a, b) for a, b in zip(first, second[1:] + second[:1], strict=True)) / len(first)
    except Exception:  # noqa: BLE001 - what only its own loader can put together
        return 0.0
    return readings / samples if samples else 1.0


def distance(one: Any, other: Any) -> float:
    """Of equal shapes, Euclidean; of others, of their sizes."""
    pairs = zip(leaves(one), leaves(other), strict=True)
    return sum(float((a.double() - b.double() if a.shape == b.shape else a.double()).norm()) for a, b in pairs)


@contextmanager
def generators_put_back(loader: Any) -> Iterator[None]:
    """A DataLoader's own generators are afterwards as they were."""
    samplers = [getattr(one, "sampler", None) for one in (loader, getattr(loader, "batch_sampler", None))]
    generators = [getattr(owner, "generator", None) for owner in (loader, *samplers)]
    found = [one for one in generators if isinstance(one, torch.Generator)]
    states = [one.get_state() for one in found]
    try:
        yield
    finally:
        for one, state in zip(found, states, strict=True):
            one.set_state(state)


def joined_batches(batches: list[Any]) -> Samples:
    """Batches with their samples in one table; where their shapes differ, the table is of the first batch alone."""
    sides = [parted(batch) for batch in batches]
    try:
        inputs, targets = (mapped(lambda *parts: torch.cat(parts), *side) for side in zip(*sides, strict=True))
    except (RuntimeError, TypeError):
        inputs, targets = sides[0]
    return Samples(inputs, targets, tuple(batches))


def few(samples: Samples) -> Samples:
    values = sum(part[0].numel() for part in leaves(samples.inputs)) if len(samples) else 0
    most = min(MOST_SAMPLES, max(1, MOST_VALUES // max(1, values)))
    return samples if len(samples) <= most else samples.first(most)


def is_array(part: Any) -> bool:
    return isinstance(part, Tensor | np.ndarray) and part.ndim > 0


def is_rows(part: Any) -> bool:
    """A list of numbers, or of lists of them: a column or a table, no batch of tensors."""
    first = part[0] if isinstance(part, list) and part else None
    inner = first[0] if isinstance(first, list) and first else first
    return isinstance(inner, int | float)


def as_tensor(part: Any, precision: torch.dtype) -> Tensor:
    if isinstance(part, Tensor):
        return part
    try:
        values = torch.as_tensor(part)
    except (TypeError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())[:150]
        raise ProfundoError(f"doctor: expected numbers in rows of equal length: {why}") from None
    return values.to(precision) if values.is_floating_point() else values
