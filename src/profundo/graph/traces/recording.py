"""Writing down what PyTorch really runs: every ATen operation, its inputs, value and cost.

A Recorder observes each operation just below autograd (`Observed`); `whereabouts` says where in the program that was.

What is written down can be run again, so it must be free of effects although the program need not be. An operation in
place becomes the one that returns the changed value. Tensors that share its memory must then see the new value: of
each piece of memory (`Memory`) the recorder knows the entry that last wrote to it, and a tensor that is older is read
as a view of that entry. (Functionalization in PyTorch's compiler rests on the same thought.)
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils.weak import WeakTensorKeyDictionary

from profundo.graph.nodes import Cost, Ref, Summary
from profundo.graph.traces.aten import (
    EMPTY,
    facts,
    flops,
    on_copies,
    piece_of,
    result_of,
    tensors_in,
    traffic,
    with_piece,
    word,
    written,
)
from profundo.graph.traces.summaries import summary
from profundo.graph.traces.whereabouts import Where

__all__ = ["Entry", "Known", "Recorder", "kind_of"]

aten = torch.ops.aten
NOTHING = Cost()


@dataclass(slots=True)
class Entry:
    """A node in the making. Its Refs name entries by their index; name: of what is given."""

    index: int
    op: str
    name: str = ""
    call: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    dtype: str = ""
    module: str = ""
    scope: str = ""
    line: str = ""
    device: str = ""
    data: Tensor | None = None
    parameters: int = 0
    value: Summary | None = None
    forward: Cost = NOTHING
    backward: Cost = NOTHING


@dataclass(slots=True)
class Memory:
    """What a piece of memory holds: the entry whose value it is, how that lies in it, and how often it was changed."""

    entry: int
    part: int | None
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    changes: int = 0

    def become(self, other: Memory) -> None:
        """For all who share it."""
        self.entry, self.part, self.changes = other.entry, other.part, other.changes
        self.size, self.stride, self.offset = other.size, other.stride, other.offset


@dataclass(slots=True)
class Seen:
    """A tensor: the entry whose value it had after so many changes of its memory.

    is_whole: whether the memory was set aside for it.
    """

    entry: int
    part: int | None
    memory: Memory
    changes: int
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A tensor of which we know the name before it is used. op: "parameter", "buffer" or "constant"."""

    tensor: Tensor
    name: str
    op: str
    module: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """What was changed of a whole: entry and part that are its value, and how both lie in memory."""

    entry: int
    part: int | None
    whole_size: tuple[int, ...]
    whole_stride: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    def of(self, gradient: Tensor) -> Tensor:
        """The part of a gradient of the whole."""
        like = torch.empty_strided(
            self.whole_size, self.whole_stride, dtype=gradient.dtype, device=gradient.device
        ).copy_(gradient)
        return like.as_strided(self.size, self.stride, self.offset)


class Recorder:
    """Keeps an Entry of every operation that it observes.

    known: tensors by id; follow: whether to note where autograd keeps the gradient of each value (`sources`, `leaves`);
    owner: what to charge operations to while gradients are computed, None while they are recorded.
    """

    def __init__(self, where: Where, known: Mapping[int, Known], *, keep: bool, follow: bool) -> None:
        self.where, self.known, self.keep, self.follow = where, known, keep, follow
        self.entries: list[Entry] = []
        self.seen: MutableMapping[Tensor, Seen] = WeakTensorKeyDictionary()  # by identity
        self.sources: dict[tuple[int, int | None], tuple[Any, int]] = {}
        self.parts: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
        self.leaves: dict[int, Tensor] = {}
        self.pieces: dict[int, Piece] = {}  # by the entry of the whole
        self.strangers: list[Tensor] = []  # computed from others, and nobody saw how
        self.notes: dict[str, None] = {}
        self.owner: Callable[[], int | None] | None = None
        self.unowned = NOTHING
        self.idle = False

    # ------------------------------------------------------------------------------------------------ what is running
    def observe(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.idle:
            return operation(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            if self.owner is not None:
                return self.charged(operation, args, kwargs)
            if not isinstance(operation, OpOverload):
                self.note(f"{operation} is not an operation of ATen; its results are taken as constants")
                return operation(*args, **kwargs)
            if self.is_another_handle(operation):
                return self.handle(operation, args, kwargs)
            return self.recorded(operation, args, kwargs)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Our own arithmetic is no part of what is recorded."""
        before, self.idle = self.idle, True
        try:
            yield
        finally:
            self.idle = before

    def note(self, sentence: str) -> None:
        self.notes.setdefault(sentence)

    def is_another_handle(self, operation: Any) -> bool:
        """Autograd makes handles of the same value with `detach`; only one that the program asked for is a step."""
        if operation is aten.lift_fresh.default:
            return True
        return operation is aten.detach.default and self.where.call[:1] not in (["detach"], ["detach_"], ["data"])

    def handle(self, operation: Any, args: Any, kwargs: Any) -> Any:
        result = operation(*args, **kwargs)
        if isinstance(result, Tensor):
            self.seen[result] = self.seen_or_given(args[0])
        return result

    def timed(self, operation: Any, args: Any, kwargs: Any) -> tuple[Any, Cost]:
        """Its result and cost."""
        if any(tensor.is_cuda for tensor in tensors_in(args)):
            torch.cuda.synchronize()
        started = time.perf_counter()
        result = operation(*args, **kwargs)
        if any(tensor.is_cuda for tensor in tensors_in((args, result))):
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        cost = Cost(flops(operation, args, kwargs, result), traffic(operation, args, kwargs, result), seconds)
        return result, cost

    def charged(self, operation: Any, args: Any, kwargs: Any) -> Any:
        if not isinstance(operation, OpOverload):
            return operation(*args, **kwargs)
        result, cost = self.timed(operation, args, kwargs)
        owner = self.owner() if self.owner else None
        if owner is None:
            self.unowned += cost
        else:
            self.entries[owner].backward += cost
        return result

    def recorded(self, operation: Any, args: Any, kwargs: Any) -> Any:
        places = written(operation, args)
        refs, named = self.refs(args), {name: self.refs(value) for name, value in kwargs.items()}
        changed = list(tensors_in([args[at] if isinstance(at, int) else kwargs.get(at) for at in places]))
        for tensor in changed:
            self.before_change(tensor)
        result, cost = self.timed(operation, args, kwargs)
        if not changed and next(tensors_in(result), None) is None:
            self.without_tensor(operation)
            return result
        entry = self.new(word(operation, args), cost)
        entry.call, entry.args, entry.kwargs = operation, refs, named
        if not changed:
            self.made(entry, operation, args, result)
        elif torch.Tag.inplace_view in operation.tags:
            self.turned(entry, operation, changed[0])
        elif not self.made_functional(entry, operation, args, changed, result):
            entry.call, entry.args = on_copies, (operation, places, *refs)
            self.changed(entry, result_of(result, changed), changed)
        return result

    def without_tensor(self, operation: Any) -> None:
        if torch.Tag.data_dependent_output in operation.tags:
            line = self.where.line() or "somewhere"
            self.note(f"{line} reads a number from a tensor; a run of the graph keeps that of this trace")

    # -------------------------------------------------------------------------------------------------------- entries
    def new(self, op: str, cost: Cost = NOTHING) -> Entry:
        where = self.where
        entry = Entry(len(self.entries), op, forward=cost, module=where.module, scope=where.scope, line=where.line())
        self.entries.append(entry)
        return entry

    def given(self, tensor: Tensor, known: Known) -> Entry:
        """An entry that nothing computes."""
        entry = Entry(len(self.entries), known.op, known.name, module=known.module)
        self.entries.append(entry)
        self.describe(entry, tensor)
        if known.op != "input":
            entry.data = tensor.detach()
        if known.op == "parameter":
            entry.parameters = tensor.numel()
        self.settle(tensor, entry, None)
        return entry

    def settle(self, tensor: Tensor, entry: Entry, part: int | None) -> None:
        """The tensor has memory of its own."""
        self.seen[tensor] = Seen(entry.index, part, _memory(entry.index, part, tensor), 0, is_whole=True)

    def describe(self, entry: Entry, tensor: Tensor) -> None:
        entry.shape, entry.dtype = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
        entry.device = str(tensor.device)
        if entry.op not in EMPTY:
            entry.value = summary(tensor, self.keep)

    def made(self, entry: Entry, operation: Any, args: Any, result: Any) -> None:
        """Results in memory of their own, or views of the first argument."""
        parts = enumerate(result) if isinstance(result, tuple | list) else [(None, result)]
        base = self.seen.get(next(tensors_in(args))) if facts(operation).is_view else None
        tensors = [(part, tensor) for part, tensor in parts if isinstance(tensor, Tensor)]
        for part, tensor in tensors:
            if base is None:
                self.settle(tensor, entry, part)
            else:
                self.seen[tensor] = Seen(entry.index, part, base.memory, base.memory.changes)
        if tensors:
            self.describe(entry, tensors[0][1])

    def turned(self, entry: Entry, operation: Any, tensor: Tensor) -> None:
        """squeeze_, t_ and their like make of a tensor a view of itself; set_ and resize_ give it other memory."""
        view = facts(operation).functional
        if view is not None and facts(view).is_view:
            entry.call = view
            memory = self.seen[tensor].memory
            self.seen[tensor] = Seen(entry.index, None, memory, memory.changes)
        else:
            self.note(f"{entry.line or 'somewhere'} gives a tensor other memory; what shares it may be wrong in a run")
            entry.call, entry.args = on_copies, (operation, (0,), *entry.args)
            self.settle(tensor, entry, None)
        self.describe(entry, tensor)

    def made_functional(self, entry: Entry, operation: Any, args: Any, changed: list[Tensor], result: Any) -> bool:
        """Name the operation without effect that computes the same; whether there is one."""
        known = facts(operation)
        if known.name == "native_batch_norm":
            entry.call = aten._native_batch_norm_legit_functional.default
            self.changed(entry, result_of(result, changed), changed)
            return True
        kinds = {tensor.dtype for tensor in tensors_in(args)}
        if known.functional is None or len(kinds) > 1:  # += casts to the type of the first
            return False
        entry.call = known.functional
        self.changed(entry, changed[0] if isinstance(args[0], Tensor) else changed, changed)
        return True

    def changed(self, entry: Entry, results: Any, changed: list[Tensor]) -> None:
        """Results of which some are the new values of tensors that existed."""
        parts = list(enumerate(results)) if isinstance(results, tuple | list) else [(None, results)]
        self.describe(entry, parts[0][1])
        for part, tensor in parts:
            if any(tensor is other for other in changed):
                self.change(tensor, entry, part)
            else:
                self.settle(tensor, entry, part)

    def change(self, tensor: Tensor, entry: Entry, part: int | None) -> None:
        """The tensor, and what shares its memory, has the value of the entry from now on."""
        seen = self.seen[tensor]
        if seen.is_whole or _lies(tensor, seen.memory):
            memory = _memory(entry.index, part, tensor)  # `out=` may have given it another size
            memory.changes = seen.memory.changes + 1
            seen.memory.become(memory)
            self.seen[tensor] = Seen(entry.index, part, seen.memory, memory.changes, seen.is_whole)
            return
        memory = seen.memory
        whole = self.new("as_strided_scatter")
        place = (tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset()) - memory.offset)
        whole.call = with_piece
        whole.args = (_ref(memory.entry, memory.part), _ref(entry.index, part), memory.stride, *place)
        full = tensor.as_strided(memory.size, memory.stride, memory.offset)
        self.describe(whole, full)
        self.pieces[whole.index] = Piece(entry.index, part, memory.size, memory.stride, *place)
        memory.entry, memory.part = whole.index, None
        memory.changes += 1  # and so the tensor itself is read as a view of the changed whole from now on

    def before_change(self, tensor: Tensor) -> None:
        """What is about to be changed keeps its value in the graph; of the whole, autograd's node is noted."""
        seen = self.seen.get(tensor)
        if self.follow and tensor._base is not None and tensor._base in self.seen:
            self.ref(tensor._base)
        entry = None if seen is None else self.entries[seen.memory.entry]
        if entry is not None and entry.data is not None:
            entry.data = entry.data.clone()

    # ----------------------------------------------------------------------------------------------------- references
    def refs(self, value: Any) -> Any:
        """The value with Refs in place of tensors."""
        if isinstance(value, Tensor):
            return self.ref(value)
        if isinstance(value, tuple | list):
            return type(value)([self.refs(part) for part in value])
        return value

    def ref(self, tensor: Tensor) -> Ref:
        seen = self.seen_or_given(tensor)
        if seen.changes != seen.memory.changes:
            seen = self.again(tensor, seen)
        if self.follow and tensor.requires_grad and (seen.entry, seen.part) not in self.sources:
            self.trail(tensor, seen)
        return _ref(seen.entry, seen.part)

    def seen_or_given(self, tensor: Tensor) -> Seen:
        seen = self.seen.get(tensor)
        if seen is None:
            known = self.known.get(id(tensor))
            if known is None and tensor.grad_fn is not None and not hasattr(tensor.grad_fn, "_forward_cls"):
                self.strangers.append(tensor)
            self.given(tensor, known or Known(tensor, "", kind_of(tensor)))
            seen = self.seen[tensor]
        return seen

    def again(self, tensor: Tensor, seen: Seen) -> Seen:
        """A tensor whose memory was changed through another: now a view of what is there."""
        memory = seen.memory
        if _lies(tensor, memory):
            now = Seen(memory.entry, memory.part, memory, memory.changes, seen.is_whole)
        else:
            entry = self.new("as_strided")
            offset = int(tensor.storage_offset()) - memory.offset
            place = (tuple(tensor.shape), tuple(tensor.stride()), offset)
            entry.call, entry.args = piece_of, (_ref(memory.entry, memory.part), memory.stride, *place)
            self.describe(entry, tensor)
            now = Seen(entry.index, None, memory, memory.changes)
        self.seen[tensor] = now
        return now

    def trail(self, tensor: Tensor, seen: Seen) -> None:
        """Where autograd will have the gradient of this value."""
        if self.entries[seen.entry].op in ("parameter", "constant", "buffer"):
            self.leaves.setdefault(seen.entry, tensor)
        if tensor.grad_fn is not None:
            self.sources[seen.entry, seen.part] = (tensor.grad_fn, tensor.output_nr)
            self.parts[seen.entry].append((seen.entry, seen.part))


def kind_of(tensor: Tensor) -> str:
    """Of a tensor that nobody registered: "parameter" if it can be learned, else "constant"."""
    return "parameter" if tensor.is_leaf and tensor.requires_grad else "constant"


def _ref(entry: int, part: int | None) -> Ref:
    return Ref(str(entry), part)


def _memory(entry: int, part: int | None, tensor: Tensor) -> Memory:
    if tensor.layout != torch.strided:
        return Memory(entry, part, tuple(tensor.shape), (), 0)
    return Memory(entry, part, tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset()))


def _lies(tensor: Tensor, memory: Memory) -> bool:
    """Whether the tensor is all of it, in the same order."""
    if tuple(tensor.shape) != memory.size:
        return False
    if tensor.layout != torch.strided:
        return True
    return tuple(tensor.stride()) == memory.stride and tensor.storage_offset() == memory.offset
