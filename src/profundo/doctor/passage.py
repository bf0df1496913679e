"""One pass through a net, function by function: what acts on what, with which weights; and the same with functions changed.

Modules, functional calls and bare parameters look alike from here. Two things are not seen: what runs inside PyTorch's
fused recurrent layers and attention, and nets that were compiled.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from profundo.doctor.course import Signs, of_values
from profundo.doctor.events import recorded
from profundo.doctor.programs import Program, copied, one_step
from profundo.doctor.suspicions import listed
from profundo.doctor.trials import Cure, Variant, in_evaluation, main
from profundo.trees import called, leaves

__all__ = [
    "Call", "Change", "Functions", "Passage", "Record", "alter", "altered", "calls_of", "hidden_calls", "layer_names",
    "layers_of", "parameters_of", "passage_of",
]  # fmt: skip

LAYERS = frozenset(
    ["linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
)
RECURRENT = frozenset(["lstm", "gru", "rnn_tanh", "rnn_relu"])
FUSED = RECURRENT | {f"{name}_cell" for name in RECURRENT} | {"multi_head_attention_forward"}
# Layers where a parameter takes part.
PRODUCTS = frozenset(["matmul", "mm", "bmm", "addmm", "baddbmm", "einsum", "tensordot"])
RECTIFIERS = frozenset(["relu", "relu6", "threshold", "clamp", "clamp_min", "hardswish"])
SQUASHERS = frozenset(["sigmoid", "tanh", "hardtanh", "hardsigmoid", "softsign"])
DROPOUTS = frozenset(["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"])


@dataclass(slots=True, eq=False)
class Call:
    """One function of a pass.

    place: which one of the pass; number: weighted functions until it, itself included. weighted: whether parameters act
    here. weights: those with two axes or more. layer: whose weights act here, or were the last to. signs: of what it gives;
    size: its root mean square. gradient: Euclidean norm of the cost's derivative by what it gives. times: the same by the
    first and the last step of a recurrent function's inputs.
    """

    function: str
    place: int
    number: int
    weighted: bool
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    weights: tuple[Tensor, ...] = ()
    layer: str = ""
    signs: Signs | None = None
    size: float = math.nan
    gradient: float = math.nan
    times: tuple[float, float] | None = None

    def argument(self, place: int, name: str, default: Any) -> Any:
        return self.arguments[place] if len(self.arguments) > place else self.named.get(name, default)


Change = Callable[[Call, Callable[[], Any]], Any]
"""(a call, what runs it) → what it gives instead."""


class Functions(TorchFunctionMode):
    """Hands every function of one forward pass to `change`."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change, self.place, self.number = change, 0, 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = dict(kwargs or {})
        name = getattr(function, "__name__", "").strip("_")
        if name in {"get", "set", "size", "dim", "len", "numel", "is_floating_point"}:
            return function(*args, **named)
        parameters = parameters_of((*args, *named.values()))
        weighted = name in LAYERS | FUSED or (name in PRODUCTS and bool(parameters))
        self.number += weighted
        weights = tuple(one for one in parameters if one.ndim > 1) if weighted or name == "embedding" else ()
        call = Call(name, self.place, self.number, weighted, tuple(args), named, weights)
        self.place += 1
        return self.change(call, lambda: function(*call.arguments, **call.named))


def parameters_of(values: Any) -> list[nn.Parameter]:
    """Those among arguments, in lists of them too."""
    if isinstance(values, nn.Parameter):
        return [values]
    return [one for value in values for one in parameters_of(value)] if isinstance(values, tuple | list) else []


class Altered:
    """A net whose forward pass is changed; as a class, so that a copy of it is changed too and calls itself."""

    changes: tuple[Change, ...]


def altered_class(kind: type[nn.Module]) -> type[nn.Module]:
    """A class whose forward pass is this one's, with its changes, and takes the same arguments by the same names."""

    @functools.wraps(kind.forward)
    def forward(self: Any, *arguments: Any, **named: Any) -> Any:
        with ExitStack() as changed:
            for change in reversed(self.changes):
                changed.enter_context(Functions(change))
            return kind.forward(self, *arguments, **named)

    return type(kind.__name__, (Altered, kind), {"forward": forward})


def alter(net: nn.Module, change: Change) -> nn.Module:
    """The net with every function of its forward pass handed to `change`; for a copy of one's own, as it stays so."""
    kind = type(net)
    before = net.changes if isinstance(net, Altered) else ()
    if not isinstance(net, Altered):
        net.__class__ = altered_class(kind)
    vars(net)["changes"] = (*before, change)
    return net


def altered(change: Change) -> Cure:
    """A cure that changes functions of the net, and nothing else."""

    def cure(variant: Variant) -> Variant:
        alter(variant.program.net, change)
        return variant

    return cure


# ---------------------------------------------------------------------------------------------------------- measuring
class Record:
    """A change that changes nothing: calls of the last pass, with their numbers."""

    def __init__(self, net: nn.Module) -> None:
        self.calls: list[Call] = []
        self.names, self.layer = layer_names(net), ""

    def __call__(self, call: Call, run: Callable[[], Any]) -> Any:
        if call.place == 0:
            self.calls, self.layer = [], ""
        known = [self.names[id(one)] for one in call.weights if id(one) in self.names]
        call.layer = self.layer = (known or [self.layer])[0]
        self.calls.append(call)
        given = call.arguments[0] if call.arguments else None
        if isinstance(given, Tensor) and given.is_floating_point() and call.function in RECURRENT:
            watch_time(call, given)
        result = run()
        values = main(result)
        if isinstance(values, Tensor) and values.is_floating_point() and values.numel():
            call.signs, call.size = of_values(values.detach()), scale(values)
            if values.requires_grad:
                values.register_hook(lambda gradient: setattr(call, "gradient", norm(gradient)))  # type: ignore[no-untyped-call]
        return result


def layer_names(net: nn.Module) -> dict[int, str]:
    """By a weight's identity the path of its layer, or its own name; also where PyTorch does not see it, as in a list."""
    names: dict[int, str] = {}
    for path, module in net.named_modules():
        for key, value in vars(module).items():
            for part in leaves(tuple(value) if isinstance(value, list) else value) if key[0] != "_" else ():
                tensors = part.parameters() if isinstance(part, nn.Module) else [part]
                names.update((id(one), f"{path}.{key}".strip(".")) for one in tensors if isinstance(one, Tensor))
    for name, one in net.named_parameters():
        path, _, key = name.rpartition(".")
        names[id(one)] = path if path and key.startswith(("weight", "bias", "in_proj")) else name
    return names


def layers_of(calls: Iterable[Call]) -> str:
    """Where these calls compute."""
    return listed(call.layer for call in calls if call.layer) or "net"


def watch_time(call: Call, given: Tensor) -> None:
    """Write down the gradient by the first and the last step of what a recurrent function gets."""
    if call.arguments[-1] is True:
        given = given.transpose(0, 1)
    if not torch.is_grad_enabled() or given.ndim < 3 or len(given) < 2:
        return
    ends = given if given.requires_grad else given.detach().requires_grad_()
    call.arguments = (ends.transpose(0, 1) if call.arguments[-1] is True else ends, *call.arguments[1:])
    ends.register_hook(lambda gradient: setattr(call, "times", (float(gradient[0].norm()), float(gradient[-1].norm()))))  # type: ignore[no-untyped-call]


def norm(gradient: Tensor | None) -> float:
    """Euclidean; of what some functions give for one that is zero, 0."""
    return 0.0 if gradient is None else float(gradient.norm())


def scale(values: Tensor) -> float:
    """Root mean square."""
    return float(values.detach().float().square().mean().sqrt())


def calls_of(net: nn.Module, inputs: Any) -> tuple[list[Call], Any]:
    """Of one pass in evaluation mode, and what the net answers."""
    record = Record(net)
    with in_evaluation(net), torch.no_grad(), Functions(record):
        answers = called(net, inputs)
    return record.calls, main(answers)


def hidden_calls(calls: list[Call], names: frozenset[str]) -> Iterator[Call]:
    """Those of these functions that stand between weighted ones."""
    depth = max((call.number for call in calls), default=0)
    yield from (call for call in calls if call.function in names and 0 < call.number < depth)


@dataclass(slots=True)
class Passage:
    """The first step of a program: the calls of its last forward pass, and for each parameter by name its value before,
    its gradient as the last backward pass gave it, and whether it moved. arguments: what the net was called with.
    """

    calls: list[Call]
    prediction: Any
    target: Any
    arguments: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor | None] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)

    @property
    def weighted(self) -> list[Call]:
        return [call for call in self.calls if call.weighted]

    @property
    def depth(self) -> int:
        """Weighted functions in a pass."""
        return len(self.weighted)


def passage_of(program: Program, batch: Any) -> Passage:
    """Of one step on a copy; may raise whatever the program does."""
    program = copied(program)
    net, record = program.net, Record(program.net)
    passage = Passage([], None, None)
    parameters = dict(net.named_parameters())
    passage.before = {name: one.detach().clone() for name, one in parameters.items()}
    passage.gradients = {name: None for name, one in parameters.items() if one.requires_grad}

    def look(name: str, gradient: Tensor) -> None:
        passage.gradients[name] = gradient.detach().clone()

    for name in passage.gradients:
        parameters[name].register_hook(functools.partial(look, name))  # type: ignore[no-untyped-call]

    def entered(_net: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        passage.arguments, passage.named = arguments, named

    if program.step is None:
        net.train()
    net.register_forward_pre_hook(entered, with_kwargs=True)
    alter(net, record)
    with recorded(net, program.optimizer, program.loss) as events:
        one_step(program, batch, events.loss)
    passage.calls, passage.prediction, passage.target = record.calls, events.prediction, events.target
    passage.moved = {name for name, one in parameters.items() if not torch.equal(one.detach(), passage.before[name])}
    return passage
