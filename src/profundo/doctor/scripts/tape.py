"""How a cost follows from a net's answers: the functions that a script calls between them, taped once and played again.

with Tape() as tape:                        # or tape.begin() … tape.end(), where a script cannot be put into a block
    outputs = net(inputs)
    cost = F.cross_entropy(outputs.flatten(1), labels)
replay, targets = replayed(tape, inputs, outputs, cost, net)
replay(outputs, labels)                     # the same cost; of other answers and labels theirs
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Replay", "Slot", "Tape", "Unplayable", "parts", "replayed", "targets_of"]

SHAPES = {"view", "reshape", "expand", "repeat", "arange", "zeros", "ones", "full", "eye", "new_zeros", "new_ones"}
SCALES = {"mul", "div", "true_divide", "__mul__", "__rmul__", "__truediv__", "__imul__", "__itruediv__", "mul_", "div_"}
LOOKUPS = {"__getitem__", "index_select"}


class Unplayable(Exception):
    """Why a cost cannot be computed again from answers and targets."""


class Tape(TorchFunctionMode):
    """The calls of PyTorch's functions, in order, with what they were given and gave."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []
        self.inside = 0  # calls before the net had answered
        self.running = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result

    def begin(self) -> None:
        """Unless something else listens already, whose end would be taken for ours."""
        if torch._C._len_torch_function_stack() == 0:
            torch._C._push_on_torch_function_stack(self)
            self.running = True

    def end(self) -> None:
        """Whatever began to listen after us goes on."""
        above: list[Any] = []
        while self.running and torch._C._len_torch_function_stack():
            top = torch._C._pop_torch_function_stack()
            if top is self:
                break
            above.append(top)
        for one in reversed(above):
            torch._C._push_on_torch_function_stack(one)
        self.running = False


@dataclass(frozen=True, slots=True)
class Slot:
    """Stands for the tensor that a call gave, or that a play is given."""

    number: int


@dataclass
class Replay:
    """Calls that lead from answers and targets to a cost, as plain data. loss(prediction, target), of any number of samples.

    answers: slot of each part of the answers that counts, by its path. targets: slots, in order. constants: other tensors, such as
    weights of classes and, for penalties, parameters, which a copy of the net brings along. scale: what the cost was multiplied
    with last, by numbers alone; scaled says whether it still is.
    """

    calls: list[tuple[Any, Any, Any, Any]]
    answers: dict[tuple[Any, ...], Slot]
    targets: list[Slot]
    constants: dict[Slot, Any]
    cost: Slot
    samples: int
    scale: float = 1.0
    scaled: bool = True

    def __call__(self, prediction: Any, target: Any) -> Any:
        found = dict(parts(prediction))
        if len(self.answers) == 1 and set(self.answers) - set(found):
            found = dict.fromkeys(self.answers, next(iter(found.values())))
        memory: dict[Slot, Any] = {slot: found[path] for path, slot in self.answers.items()}
        memory |= self.constants
        wanted = [target] if len(self.targets) == 1 else [one for _, one in parts(target)]
        memory |= dict(zip(self.targets, wanted, strict=False))
        count = len(next(iter(found.values()))) if self.samples > 1 else 1
        for function, args, named, result in self.calls:
            args, named = (filled(one, memory, self.samples, count, function) for one in (args, named))
            bind(result, function(*args, **named), memory)
        return memory[self.cost] * self.scale if self.scaled and self.scale != 1 else memory[self.cost]

    def __deepcopy__(self, memo: dict[int, Any]) -> Replay:
        """Functions stay what they are; constants are those of the copied net, where they are its own."""
        constants = {slot: memo.get(id(one), one) for slot, one in self.constants.items()}
        return Replay(**{**vars(self), "constants": constants})


def replayed(tape: Tape, inputs: Any, outputs: Any, cost: Tensor, net: nn.Module) -> tuple[Replay, list[Tensor]]:
    """The calls on which the cost depends, back to the answers, and the targets they met. Raises Unplayable."""
    # a number is a cost that the net computes itself
    answers = {id(one): path for path, one in parts(outputs) if one.ndim}
    own = {id(one) for one in (*net.parameters(), *net.buffers())}
    sizes = [len(one) for _, one in parts((outputs, inputs)) if one.ndim] or [1]
    rooted = rooted_in(tape, answers.keys() | own, sizes)
    needed, used = {id(cost)}, dict[int, tuple[Any, ...]]()
    chain: list[tuple[Any, Any, Any, Any]] = []
    slots: dict[int, Slot] = {}

    def slot(tensor: Tensor) -> Slot:
        return slots.setdefault(id(tensor), Slot(len(slots)))

    goal, factor = slot(cost), 1.0
    for place in range(len(tape.calls) - 1, -1, -1):
        function, args, named, result = tape.calls[place]
        if place < tape.inside:
            used |= {one: answers[one] for one in needed if one in answers}
            needed -= answers.keys()
        made = {id(one) for _, one in parts(result)}
        if not made & needed & rooted:  # what follows from nothing that changes is a constant, or a target, as it was
            continue
        given = [one for _, one in parts((args, named))]
        number = number_beside(function, args) if not chain else None
        needed = (needed - made) | {id(one) for one in given}
        if number is not None and number[1] != sizes[0]:
            factor, goal = factor * (1 / number[1] if number[0] else number[1]), slot(given[0])
            continue
        # a function that changes its tensor gives that same tensor: what it was before is the same slot
        chain.append((function, template(args, slot), template(named, slot), template(result, slot)))
    used |= {one: answers[one] for one in needed if one in answers}
    if not used:
        raise Unplayable("the cost does not follow from what the net answers by functions of PyTorch")
    ends = needed - used.keys()
    left = {id(one): one for call in tape.calls for _, one in parts(call[1:]) if id(one) in ends}
    if any(one.grad_fn is not None and number not in own for number, one in left.items()):
        raise Unplayable("the cost holds more than the answers of this net and targets, such as answers of another net")
    wanted = [number for number, one in left.items() if number not in own and fits(one, sizes)]
    constants = {slots[one]: left[one] if one in own else left[one].detach() for one in left if one not in wanted}
    answers_used = {path: slots[one] for one, path in used.items()}
    replay = Replay(chain[::-1], answers_used, [slots[one] for one in wanted], constants, goal, sizes[0], factor)
    return replay, [left[one] for one in wanted]


def rooted_in(tape: Tape, sources: set[int], sizes: list[int]) -> set[int]:
    """Numbers of the tensors that follow from the sources, or from a tensor with as many rows as the batch has."""
    rooted, made, rows = set(sources), set(), rows_looked_up(tape, sizes)
    for _, args, named, result in tape.calls:
        given = [one for _, one in parts((args, named))]
        results = {id(one) for _, one in parts(result)}
        if results & rows:  # as if the batch had come with them
            continue
        if any(id(one) in rooted or (id(one) not in made and fits(one, sizes)) for one in given):
            rooted |= results
        made |= results
    return rooted


def rows_looked_up(tape: Tape, sizes: list[int]) -> set[int]:
    """Numbers of the tensors that are rows of a longer one, each once, by places that serve for nothing else: labels[places] of a
    batch that is drawn by hand. Weights of classes by labels are none, for the labels are compared, too."""
    lookups = [call[1:] for call in tape.calls if name_of(call[0]) in LOOKUPS]
    others = [call[1:3] for call in tape.calls if name_of(call[0]) not in LOOKUPS]
    compared = {id(one) for _, one in parts(others)}
    return {
        id(result)
        for args, named, result in lookups
        if isinstance(result, Tensor) and picks_rows(args, named, sizes, compared)
    }


def picks_rows(args: tuple[Any, ...], named: dict[str, Any], sizes: list[int], compared: set[int]) -> bool:
    by_name = [named[name] for name in ("input", "index") if name in named]  # in whatever order they were written
    given = [one for _, one in parts((args, by_name))]
    if len(given) != 2 or not given[0].ndim or given[0].requires_grad:
        return False
    source, where = given
    is_place = where.ndim == 1 and not where.is_floating_point() and where.dtype != torch.bool and fits(where, sizes)
    return (
        is_place and id(where) not in compared and len(where) < len(source) and len(torch.unique(where)) == len(where)
    )


def fits(tensor: Tensor, sizes: list[int]) -> bool:
    return bool(tensor.ndim) and len(tensor) in sizes


def targets_of(tape: Tape, outputs: Any, like: Tensor) -> Tensor | None:
    """What answers were compared with: the tensor of the same type and as many samples that first met them in a function."""
    follows = {id(one) for _, one in parts(outputs)}
    for _, args, named, result in tape.calls[tape.inside :]:
        given = [one for _, one in parts((args, named))]
        if any(id(one) in follows for one in given):
            for one in given:
                if id(one) not in follows and one.dtype == like.dtype and one.ndim == like.ndim:
                    return one
            follows |= {id(one) for _, one in parts(result)}
    return None


def parts(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Tensor]]:
    """The tensors of tuples, lists and dicts, each with the way to it."""
    if isinstance(tree, Tensor):
        yield path, tree
    elif isinstance(tree, Mapping):
        for name, part in tree.items():
            yield from parts(part, (*path, name))
    elif isinstance(tree, tuple | list):
        for place, part in enumerate(tree):
            yield from parts(part, (*path, place))


def number_beside(function: Any, args: tuple[Any, ...]) -> tuple[bool, float] | None:
    """Whether a tensor was divided, and the number by which it was divided or multiplied; None for all other calls."""
    name = name_of(function)
    if name in SCALES and len(args) == 2 and isinstance(args[0], Tensor) and isinstance(args[1], int | float):
        return "div" in name, float(args[1])
    return None


def name_of(function: Any) -> str:
    return getattr(function, "__name__", "")


def template(tree: Any, slot: Any) -> Any:
    """The same structure with slots in place of tensors."""
    if isinstance(tree, Tensor):
        return slot(tree)
    if isinstance(tree, dict):
        return {name: template(part, slot) for name, part in tree.items()}
    if isinstance(tree, tuple | list) and not hasattr(tree, "_fields"):
        return type(tree)([template(part, slot) for part in tree])
    return tuple(template(part, slot) for part in tree) if isinstance(tree, tuple) else tree


def filled(tree: Any, memory: dict[Slot, Any], samples: int, count: int, function: Any) -> Any:
    """Tensors in place of slots, and the number of samples at hand where a shape named that of the first batch."""
    if isinstance(tree, Slot):
        return memory[tree]
    if isinstance(tree, dict):
        return {name: filled(part, memory, samples, count, function) for name, part in tree.items()}
    if isinstance(tree, tuple | list):
        made = [filled(part, memory, samples, count, function) for part in tree]
        return type(tree)(made)
    if type(tree) is int and tree == samples > 1 and name_of(function) in SHAPES | SCALES:
        return count
    return copy.copy(tree) if isinstance(tree, set) else tree


def bind(slots: Any, result: Any, memory: dict[Slot, Any]) -> None:
    if isinstance(slots, Slot):
        memory[slots] = result
    elif isinstance(slots, tuple | list):
        for one, value in zip(slots, result, strict=False):
            bind(one, value, memory)
    elif isinstance(slots, dict):
        for name, one in slots.items():
            bind(one, result[name], memory)
