"""The computation that a module or function really performs, as a graph: whatever Python did to arrive there.

    graph = trace(net, images)                   # every operation, its value and its gradient
    graph = trace(lambda x: (x @ w).tanh(), x)   # any function of tensors

Each node is one ATen operation: what ran, not what was written. Its scope tells of which call in the program it is a
part (linear: transpose, then addmm), its module and line where that stands. Trace looks, it does not train: the `.grad`
of parameters is not touched; buffers, modes and random generators are afterwards as they were before; inputs are
copied. What the program changes elsewhere (an attribute, a file) is changed as by a plain call.

The graph can be run (`profundo.graph.running.run`). It holds the parameters and buffers themselves, not copies, so it
computes with their values of that moment. It has no branches any more: it takes the path that this call took.
"""

from __future__ import annotations

import copy
import functools
import inspect
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from profundo.dispatch import Observed
from profundo.graph.nodes import Flow, Graph, Node, Ref, Summary, map_refs
from profundo.graph.traces.aten import tensors_in
from profundo.graph.traces.backward import Edge, Found, Key, differentiate, edges_of
from profundo.graph.traces.recording import Entry, Known, Recorder, kind_of
from profundo.graph.traces.whereabouts import Calls, Where, within
from profundo.records import ProfundoError

__all__ = ["trace"]

Program = Callable[..., Any]


def trace(
    of: Program,
    *inputs: Any,
    cost: Callable[[Any], Tensor] | None = None,
    backward: bool = True,
    keep: bool = False,
    **named: Any,
) -> Graph:
    """Call `of(*inputs, **named)` and return what it computed. Inputs are tensors, also nested in tuples, lists and
    dictionaries, and whatever else the program takes beside them.

    cost: a single number computed from what is returned; it is then the output of the graph. backward: compute
    gradients too, of the first output that is a single number; if there is none, of the sum of all entries of all
    outputs. keep: keep whole values and gradients, not only their summaries.

    Raises ProfundoError when no input is a tensor, when nothing that is returned is one, when a lazy module has not been
    called yet, when a part of the program runs in another thread, where nothing is seen, and when the program has freed what
    the backward pass needs. What the program raises itself passes through unchanged.

    Times are of this one run: what PyTorch sets up at its first call of an operation is in them, so trace twice where
    that matters. Functions that only take their short cut where nobody looks (nn.MultiheadAttention while evaluating
    under no_grad) take the long way, and differ from it in rounding.
    """
    _check(of, inputs, named)
    of = getattr(of, "_orig_mod", of)  # what torch.compile wraps
    roots = [*_roots(of), *(_roots(cost) if cost is not None else [])]
    _check_sizes(roots)
    names = _Names()
    where = Where({id(module): path for path, module in _modules(roots)}, _title(of))
    recorder = Recorder(where, _known(roots), keep=keep, follow=backward)
    everything = (*inputs, *named.values())
    with _as_before(roots, everything), _as_written(), _able_to_derive() if backward else nullcontext():
        given = _given([*_labels(of, len(inputs)), *named], everything, recorder, names, backward)
        program = functools.partial(_call, of, len(inputs), tuple(named))
        with where.hooked(), Observed(recorder.observe), Calls(where):
            result = within(program, given.arguments)
            if cost is not None:
                result = _checked_cost(within(cost, (result,)))
        outputs = _outputs(recorder, result)
        _check_seen(recorder, given.leaves)
        costs = _costs(recorder, outputs) if backward else []
        results = _differentiated(recorder, costs, given.leaves)
    _note_flat(recorder, costs, results, given.leaves)
    _note_unused(recorder, roots)
    return _graph(recorder, names, outputs, costs, results, roots)


# ---------------------------------------------------------------------------------------------------------- the inputs
@dataclass(frozen=True, slots=True)
class _Given:
    arguments: tuple[Any, ...]
    leaves: dict[int, Tensor]  # by entry


def _call(of: Program, count: int, keywords: Sequence[str], *arguments: Any) -> Any:
    return of(*arguments[:count], **dict(zip(keywords, arguments[count:], strict=True)))


def _check(of: Any, inputs: Sequence[Any], named: Mapping[str, Any]) -> None:
    if not callable(of):
        raise ProfundoError(
            f"trace: expected a module or a function, got {type(of).__name__}; give what is called first"
        )
    for name, value in (*enumerate(inputs, 1), *named.items()):
        if isinstance(value, np.ndarray):
            raise ProfundoError(f"trace: input {name} is a NumPy array; make it a tensor by torch.as_tensor")
    values = (*inputs, *named.values())
    if values and next(tensors_in(values), None) is None:
        kinds = ", ".join(type(value).__name__ for value in values)
        raise ProfundoError(f"trace: expected tensors as inputs, got {kinds}; make them tensors by torch.as_tensor")


def _check_sizes(roots: Sequence[tuple[str, Any]]) -> None:
    """A lazy module draws its parameters at its first call; that would change it, and they would be lost."""
    for path, module in _modules(roots):
        held = {**module._parameters, **module._buffers}
        waiting = [name for name, tensor in held.items() if tensor is not None and is_lazy(tensor)]
        if waiting:
            raise ProfundoError(
                f"trace: {_joined(path, waiting[0])} has no size yet; call {type(module).__name__} once, then trace it"
            )


def _given(labels: Sequence[str], inputs: Sequence[Any], recorder: Recorder, names: _Names, backward: bool) -> _Given:
    """Copies of the inputs, entries of the recorder. They are no leaves: the program may change them in place."""
    leaves: dict[int, Tensor] = {}

    def copied(tensor: Tensor, name: str) -> Tensor:
        leaf = given = tensor.detach().clone()
        if tensor.requires_grad or (backward and (tensor.is_floating_point() or tensor.is_complex())):
            leaf.requires_grad_()
            given = leaf.clone()
        entry = recorder.given(given, Known(given, names.unique(name), "input"))
        if backward and leaf is not given:
            leaves[entry.index] = leaf
        return given

    arguments = tuple(_mapped(value, label, copied) for value, label in zip(inputs, labels, strict=True))
    return _Given(arguments, leaves)


def _labels(of: Program, number: int) -> list[str]:
    """Names of the arguments; of `*args` with a number."""
    function = of.forward if isinstance(of, nn.Module) else of
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # built in, without a signature
        parameters = []
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "x")
    if not positional and number == 1:
        return [rest]
    return [*positional[:number], *(f"{rest}_{at}" for at in range(1, number - len(positional) + 1))]


def _mapped(value: Any, name: str, of: Callable[[Tensor, str], Tensor]) -> Any:
    """The same nested data with of(tensor, its name) for each tensor."""
    if isinstance(value, Tensor):
        return of(value, name)
    if isinstance(value, tuple | list):
        labels = getattr(value, "_fields", range(len(value)))
        mapped = [_mapped(part, f"{name}.{label}", of) for part, label in zip(value, labels, strict=True)]
        return type(value)(*mapped) if hasattr(value, "_fields") else type(value)(mapped)
    if isinstance(value, dict):
        same = copy.copy(value)  # an OrderedDict stays one
        same.update({key: _mapped(part, f"{name}.{key}", of) for key, part in value.items()})
        return same
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        return replace(value, **{key: _mapped(part, f"{name}.{key}", of) for key, part in parts.items()})
    return value


def _checked_cost(value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.numel() != 1:
        got = f"one of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ProfundoError(f"trace: expected a cost that is a single number, got {got}; take its sum or mean")
    return value


# ------------------------------------------------------------------------------------------------------ what is around
def _title(of: Program) -> str:
    if isinstance(of, functools.partial):
        return _title(of.func)
    return getattr(of, "__name__", type(of).__name__).strip("<>")


def _roots(of: Any) -> list[tuple[str, Any]]:
    """Modules and tensors that the program can name itself, with these names; "" for the module that it is."""
    if isinstance(of, nn.Module):
        return [("", of), *_unregistered(of)]
    if isinstance(of, functools.partial):
        bound = [*(("", value) for value in of.args), *of.keywords.items()]
        return [*_roots(of.func), *(result for name, value in bound for result in _named(name, value))]
    owner = getattr(of, "__self__", None)
    if isinstance(owner, nn.Module):
        return _roots(owner)
    if inspect.isfunction(of):
        variables = inspect.getclosurevars(of)
        around = {**variables.globals, **variables.nonlocals}
    else:
        around = dict(getattr(owner if inspect.ismethod(of) else of, "__dict__", {}))
    return [result for name, value in around.items() for result in _named(name, value)]


def _named(name: str, value: Any, depth: int = 3) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, nn.Module):
        yield name, value
        yield from ((_joined(name, path), part) for path, part in _unregistered(value))
    elif isinstance(value, tuple | list | dict) and depth:
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for label, part in parts:
            yield from _named(f"{name}.{label}", part, depth - 1)
    elif depth and callable(value) and not isinstance(value, type) and not inspect.isroutine(value):
        for label, part in getattr(value, "__dict__", {}).items():  # a layer of somebody's own
            yield from _named(f"{name}.{label}", part, depth - 1)


def _unregistered(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Modules and tensors that it and its parts hold in plain lists, dictionaries and objects, which torch does not see."""
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if name not in OF_TORCH and not isinstance(value, Tensor):
                yield from _named(_joined(path, name), value)


OF_TORCH = frozenset(vars(nn.Module()))
"""Attributes that every module has."""


def _modules(roots: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, nn.Module]]:
    seen: set[nn.Module] = set()
    for name, root in roots:
        if isinstance(root, nn.Module):
            for path, module in root.named_modules(seen):
                yield _joined(name, path), module


def _known(roots: Sequence[tuple[str, Any]]) -> dict[int, Known]:
    known: dict[int, Known] = {}
    for name, root in roots:
        if isinstance(root, Tensor):
            op = "parameter" if isinstance(root, nn.Parameter) else kind_of(root)
            known.setdefault(id(root), Known(root, name, op))
            continue
        for path, module in root.named_modules():
            for name_in, tensor in vars(module).items():
                if isinstance(tensor, Tensor):  # an attribute that nobody registered
                    full = _joined(name, _joined(path, name_in))
                    known[id(tensor)] = Known(tensor, full, kind_of(tensor), _joined(name, path))
        for op, tensors in (("parameter", root.named_parameters()), ("buffer", root.named_buffers())):
            for path, tensor in tensors:
                owner = _joined(name, path.rpartition(".")[0])
                known.setdefault(id(tensor), Known(tensor, _joined(name, path), op, owner))
    return known


def _joined(name: str, path: str) -> str:
    return f"{name}.{path}" if name and path else name or path


@contextmanager
def _able_to_derive() -> Iterator[None]:
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def _as_written() -> Iterator[None]:
    """What torch.compile would fuse runs operation by operation, and this room is not compiled along with it; torch.cond
    takes its branch as Python does."""
    stance = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
    conditional: Any = torch.cond
    before, conditional.__code__ = conditional.__code__, _branch.__code__  # whatever name a program has it under
    try:
        with stance:
            yield
    finally:
        conditional.__code__ = before


def _branch(pred: Any, true_fn: Program, false_fn: Program, operands: Sequence[Any] = ()) -> Any:
    return (true_fn if pred else false_fn)(*operands)


@contextmanager
def _as_before(roots: Sequence[tuple[str, Any]], inputs: Sequence[Any]) -> Iterator[None]:
    """Buffers, modes and random generators are outside as they were."""
    modules = [module for _, module in _modules(roots)]
    modes = [module.training for module in modules]
    slots = [(module._buffers, dict(module._buffers)) for module in modules if module._buffers]
    buffers = [(b, b.detach().clone(), _place(b)) for _, slot in slots for b in slot.values() if b is not None]
    ours, numpy = random.getstate(), np.random.get_state()
    tensors = [*tensors_in(inputs), *(p for module in modules for p in module.parameters(recurse=False))]
    devices = sorted({tensor.get_device() for tensor in tensors if tensor.is_cuda})
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpy)
        with torch.no_grad():
            for slot, before in slots:
                slot.update(before)
            for buffer, value, place in buffers:
                if place and _place(buffer) != place:  # it was resized; its memory has not become smaller
                    buffer.set_(buffer.untyped_storage(), *place)
                if not _same(buffer, value):
                    buffer.copy_(value)
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def _place(tensor: Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...]] | None:
    """Where in its memory it lies; None for sparse ones, which have several pieces of it."""
    if tensor.layout != torch.strided:
        return None
    return int(tensor.storage_offset()), tuple(tensor.shape), tuple(tensor.stride())


def _same(one: Tensor, other: Tensor) -> bool:
    return one.layout == torch.strided and one.shape == other.shape and torch.equal(one, other)


# -------------------------------------------------------------------------------------------------------- the outcome
def _outputs(recorder: Recorder, result: Any) -> list[tuple[Key, Tensor]]:
    tensors = list(tensors_in(result))
    if not tensors:
        raise ProfundoError(
            f"trace: expected a tensor to be returned, got {type(result).__name__}; return what is computed"
        )
    outputs = []
    with recorder.resting(), torch._C.DisableTorchFunction():
        for tensor in tensors:
            ref = recorder.ref(tensor)
            outputs.append(((int(ref.node), ref.part), tensor))
    return outputs


def _check_seen(recorder: Recorder, leaves: Mapping[int, Tensor]) -> None:
    """Refuse a program of which a part ran where nothing is seen: its values would be constants of the graph."""
    starts = [tensor.grad_fn for tensor in recorder.strangers]
    inputs = {id(leaf) for leaf in leaves.values()}
    elsewhere = recorder.where.elsewhere
    if (starts and elsewhere) or any(id(getattr(node, "variable", None)) in inputs for node in _history(starts)):
        what = elsewhere or "a part of the program"
        raise ProfundoError(
            f"trace: {what} ran in another thread, where nothing is seen; call it in the one that traces"
        )


def _history(starts: Sequence[Any]) -> Iterator[Any]:
    """Autograd's nodes behind these."""
    waiting, seen = list(starts), set(starts)
    while waiting:
        node = waiting.pop()
        yield node
        following = [link for link, _ in node.next_functions if link is not None and link not in seen]
        seen.update(following)
        waiting += following


def _costs(recorder: Recorder, outputs: Sequence[tuple[Key, Tensor]]) -> list[tuple[Key, Tensor]]:
    """What gradients are of; said in a note where it is not simply what is returned."""
    able = [(key, tensor) for key, tensor in outputs if tensor.requires_grad]
    if not able:
        recorder.note("nothing that is returned depends on something that can be learned: there are no gradients")
        return []
    number = next(([output] for output in able if output[1].numel() == 1), None)
    if number is None:
        recorder.note("gradients are of the sum of the outputs" if len(able) == 1 else SUM_OF_ALL.format(len(able)))
    elif len(outputs) > 1:
        recorder.note(f"gradients are of one of {len(outputs)} outputs: the first that is a single number")
    return number or able


SUM_OF_ALL = "gradients are of the sum of all entries of {} outputs"


def _differentiated(recorder: Recorder, costs: Sequence[tuple[Key, Tensor]], leaves: dict[int, Tensor]) -> Found:
    leaves = {**recorder.leaves, **leaves}
    if not costs:
        return Found()
    if not leaves:
        recorder.note("no input and no parameter can have a gradient")
        return Found()
    return differentiate(recorder, costs, leaves)


def _note_flat(
    recorder: Recorder, costs: Sequence[tuple[Key, Tensor]], result: Found, leaves: Mapping[int, Tensor]
) -> None:
    """Outputs that add up to the same whatever goes in, as those of a LayerNorm or a softmax do."""
    gradients = [gradient for entry in leaves if (gradient := result.gradients.get((entry, None)))]
    entries = sum(tensor.numel() for _, tensor in costs)
    if entries > 1 and gradients and all(gradient.norm <= FLAT * entries**0.5 for gradient in gradients):
        recorder.note(
            "the gradient of the sum of the outputs is zero at every input, as it is behind a LayerNorm or a softmax, whose "
            "outputs always have the same sum: give a cost, such as cost=lambda y: y.square().mean()"
        )


FLAT = 1e-5  # norm of a gradient, beside that of the ones it is made of


def _note_unused(recorder: Recorder, roots: Sequence[tuple[str, Any]]) -> None:
    used = {entry.name for entry in recorder.entries if entry.op == "parameter"}
    held = [p for _, root in roots if isinstance(root, nn.Module) for p in root.parameters()]
    names = dict.fromkeys(recorder.known[id(parameter)].name for parameter in held)  # one that has several has one here
    unused = [name for name in names if name not in used]
    if unused:
        more = f" and {len(unused) - 4} more" if len(unused) > 4 else ""
        recorder.note(f"no part in it took {', '.join(unused[:4])}{more}")


class _Names:
    """Unique names: relu, relu_2, relu_3."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.counts: Counter[str] = Counter()

    def unique(self, wanted: str) -> str:
        name = wanted
        while name in self.taken:
            self.counts[wanted] += 1
            name = f"{wanted}_{self.counts[wanted] + 1}"
        self.taken.add(name)
        return name


def _graph(
    recorder: Recorder,
    names: _Names,
    outputs: Sequence[tuple[Key, Tensor]],
    costs: Sequence[tuple[Key, Tensor]],
    result: Found,
    roots: Sequence[tuple[str, Any]],
) -> Graph:
    # What is given has its own name first: an operation must not take that of a parameter that is used later.
    called = {
        entry.index: entry.name if entry.op == "input" else names.unique(entry.name or entry.op)
        for entry in sorted(recorder.entries, key=lambda entry: not entry.name)
    }

    def renamed(ref: Ref) -> Ref:
        return Ref(called[int(ref.node)], ref.part)

    first = _first_gradients(result)
    nodes = {
        called[entry.index]: _node(entry, called[entry.index], renamed, first.get(entry.index))
        for entry in recorder.entries
    }
    edges = edges_of(recorder.entries)
    if recorder.unowned.seconds:
        recorder.note(f"{recorder.unowned.seconds:.2g} s of the backward pass belong to no node")
    return Graph(
        nodes,
        tuple(Ref(called[key[0]], key[1]) for key, _ in outputs),
        called[costs[0][0][0]] if costs else "",
        _flows(edges, result, called, costs),
        _with_ancestors(recorder.where.modules, dict(_modules(roots))),
        tuple(recorder.notes),
    )


def _first_gradients(result: Found) -> dict[int, Summary]:
    """Of a node with several parts, that of the first that has one."""
    first: dict[int, Summary] = {}
    for (entry, _), gradient in sorted(result.gradients.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
        if gradient is not None:
            first.setdefault(entry, gradient)
    return first


def _node(entry: Entry, name: str, renamed: Callable[[Ref], Ref], gradient: Summary | None) -> Node:
    noted = {field.name: getattr(entry, field.name) for field in fields(Node) if hasattr(entry, field.name)}
    new = {"name": name, "args": map_refs(entry.args, renamed), "kwargs": map_refs(dict(entry.kwargs), renamed)}
    return Node(**{**noted, **new, "gradient": gradient})


def _flows(
    edges: Sequence[Edge], result: Found, called: Mapping[int, str], costs: Sequence[tuple[Key, Tensor]]
) -> dict[tuple[str, int], Flow]:
    """All that reaches a value comes along its only edge; where it has several, hooks measured the shares."""
    users = Counter(edge.input for edge in edges) + Counter(key for key, _ in costs)
    flows = {}
    for edge in edges:
        at = (edge.entry, edge.place)
        whole = result.gradients.get(edge.input)
        alone = whole.norm if whole is not None else None
        share = result.shares.get(at) if users[edge.input] > 1 else alone
        if share is not None or at in result.slopes:
            flows[called[edge.entry], edge.place] = Flow(share, result.slopes.get(at))
    return flows


def _with_ancestors(ran: Mapping[str, str], modules: Mapping[str, nn.Module]) -> dict[str, str]:
    """Also what only holds others, such as a ModuleList: before what it holds."""
    whole: dict[str, str] = {}
    for path, kind in ran.items():
        steps = path.split(".")
        for end in range(1, len(steps)):
            above = ".".join(steps[:end])
            if above in modules:
                whole.setdefault(above, type(modules[above]).__name__)
        whole.setdefault(path, kind)
    return whole
