"""Reading a node's call, whoever recorded it, and keeping account of a graph while it is rewritten.

The same computation is written in several ways: `torch.mul(x, 2)`, `aten.mul.Tensor(x, 2)`, `x * 2`. Rules speak of
the family ("mul"), and read operands through here. Whether a call may be repeated, shared or left out is read from
PyTorch's own schemas: which arguments an operation writes to, and whether it draws random numbers.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from profundo.graph.expressions.expression import OPERATIONS
from profundo.graph.nodes import GIVEN, Cost, Graph, Node, Ref, map_refs, refs_of

__all__ = [
    "BatchNorm",
    "Change",
    "Draft",
    "Rule",
    "argument",
    "batch_norm_of",
    "changed",
    "family",
    "has_effect",
    "is_deterministic",
    "is_floating",
    "is_idle_dropout",
    "is_number",
    "is_real",
    "key_of",
    "made_like",
    "number",
    "only",
    "pair",
    "redirected",
    "rule",
    "spelling",
]

_FAMILIES = {
    "multiply": "mul", "true_divide": "div", "truediv": "div", "divide": "div", "subtract": "sub", "rsub": "sub",
    "negative": "neg", "view": "reshape", "_unsafe_view": "reshape", "_reshape_alias": "reshape",
    "t": "transpose", "permute": "transpose", "swapaxes": "transpose", "swapdims": "transpose",
    "_softmax": "softmax", "_log_softmax": "log_softmax", "log_sigmoid_forward": "logsigmoid",
    "log_sigmoid": "logsigmoid", "convolution": "convolution", "_convolution": "convolution",
    "conv1d": "convolution", "conv2d": "convolution", "conv3d": "convolution",
    "conv_transpose1d": "convolution", "conv_transpose2d": "convolution", "conv_transpose3d": "convolution",
    "max_pool1d": "max_pool", "max_pool2d": "max_pool", "max_pool3d": "max_pool",
    "max_pool2d_with_indices": "max_pool", "max_pool3d_with_indices": "max_pool",
    "adaptive_max_pool1d": "max_pool", "adaptive_max_pool2d": "max_pool", "adaptive_max_pool3d": "max_pool",
    "native_batch_norm": "batch_norm", "_native_batch_norm_legit": "batch_norm",
    "_native_batch_norm_legit_no_training": "batch_norm", "cudnn_batch_norm": "batch_norm",
    "miopen_batch_norm": "batch_norm", "mm": "matmul", "native_dropout": "dropout", "feature_dropout": "dropout",
    "dropout1d": "dropout", "dropout2d": "dropout", "dropout3d": "dropout", "alpha_dropout": "dropout",
    "broadcast_to": "expand", "expand_as": "expand", "expand_like": "expand", "sum_to": "sum_to_size",
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------ what a call is
def family(node: Node) -> str:
    """What the call computes, in one word for all its spellings; of a call from this room, by the node's own word.

    "" for what is given and for strangers. A call in place has a family of its own ("add_").
    """
    if node.call is None:
        return ""
    name = spelling(node.call) or (node.op if _is_from_here(node.call) else "")
    return _FAMILIES.get(name, name)


def _is_from_here(call: Callable[..., Any]) -> bool:
    return (getattr(call, "__module__", None) or "").startswith("profundo.graph.")


@lru_cache(4096)
def spelling(call: Callable[..., Any]) -> str:
    """The name of one of PyTorch's or Python's operators: "native_batch_norm"; "" for other functions."""
    if isinstance(call, torch._ops.OpOverload):
        namespace, _, name = call._schema.name.partition("::")
        return name if namespace == "aten" else ""
    name, home = getattr(call, "__name__", ""), getattr(call, "__module__", None) or ""
    if not home:  # of functions and methods written in C
        home = (
            "torch"
            if getattr(torch, name, None) is call
            else getattr(getattr(call, "__objclass__", None), "__module__", "")
        )
    is_known = home.partition(".")[0] in ("torch", "_operator") and name.isidentifier()
    return name.removeprefix("special_") if is_known else ""


@lru_cache(4096)
def _overloads(call: Callable[..., Any]) -> tuple[torch._ops.OpOverload, ...]:
    """Operations below PyTorch's function that a call may stand for; those that write to `out` are left aside."""
    if isinstance(call, torch._ops.OpOverload):
        return (call,)
    name = spelling(call)
    packet = getattr(torch.ops.aten, {"truediv": "div"}.get(name, name), None) if name else None
    overloads = () if packet is None else (getattr(packet, overload) for overload in packet.overloads())
    return tuple(
        overload for overload in overloads if not any(argument.is_out for argument in overload._schema.arguments)
    )


@lru_cache(4096)
def _writes(call: Callable[..., Any]) -> bool:
    return spelling(call).endswith("_") or any(overload._schema.is_mutable for overload in _overloads(call))


@lru_cache(4096)
def _is_repeatable(call: Callable[..., Any]) -> bool:
    """Known to give the same result for the same inputs: no random numbers, no memory as it was found."""
    if spelling(call) == "getitem":
        return True
    known = _overloads(call)
    return bool(known) and "empty" not in spelling(call) and not any(map(_is_random, known)) and not _writes(call)


def _is_random(operation: torch._ops.OpOverload) -> bool:
    return torch.Tag.nondeterministic_seeded in operation.tags


@lru_cache(4096)
def _is_view(call: Callable[..., Any]) -> bool:
    """Whether the result may lie in the memory of an input. Of an unknown function: yes."""
    known = _overloads(call)
    home_made = {"reshape", "contiguous", "flatten", "getitem", "dropout", "to", "type_as"}  # may return what they got
    return not known or spelling(call) in home_made or any(
        returned.alias_info is not None for overload in known for returned in overload._schema.returns
    )  # fmt: skip


def has_effect(node: Node) -> bool:
    """Whether the call changes something besides giving a value: a tensor in place, running statistics, a generator."""
    if node.call is None:
        return False
    if "out" in node.kwargs or _writes(node.call) or _updates_statistics(node):
        return True
    inside = [value for value in node.args if isinstance(value, torch._ops.OpOverload)]  # of calls that wrap another
    return any(_is_random(overload) for overload in (*_overloads(node.call), *inside)) and _draws(node)


def is_deterministic(node: Node) -> bool:
    """Whether computing it twice is known to give the same, and to change nothing."""
    if node.call is None or "out" in node.kwargs:
        return False
    return (_is_repeatable(node.call) or _is_ours(node)) and not _updates_statistics(node)


def _is_ours(node: Node) -> bool:
    """Whether the call is how expressions compute that word; none of theirs draws numbers or writes to memory."""
    if node.call is None or not _is_from_here(node.call):
        return False
    return node.op in OPERATIONS and OPERATIONS[node.op].run is node.call


def _draws(node: Node) -> bool:
    return family(node) != "dropout" or not is_idle_dropout(node)


def is_idle_dropout(node: Node) -> bool:
    """Dropout outside training, or with probability 0."""
    probability, training = argument(node, 1, "p", default=0.5), argument(node, 2, "training", "train", default=True)
    return family(node) == "dropout" and (
        training is False or (isinstance(probability, int | float) and not probability)
    )


def _updates_statistics(node: Node) -> bool:
    if family(node) in ("instance_norm", "rrelu_with_noise"):
        return argument(node, 1, "running_mean", "noise") is not None
    return family(node) == "batch_norm" and batch_norm_of(node).training is not False


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Arguments of a batch norm, in whichever order they came. training None: not known."""

    weight: Any
    bias: Any
    mean: Any
    variance: Any
    epsilon: Any
    training: bool | None


def batch_norm_of(node: Node) -> BatchNorm:
    """aten has (x, weight, bias, mean, variance, training, momentum, eps); torch.nn.functional has the statistics first."""
    if node.call is not None and "functional" in str(getattr(node.call, "__module__", "")):
        mean, variance = argument(node, 1, "running_mean"), argument(node, 2, "running_var")
        weight, bias = argument(node, 3, "weight"), argument(node, 4, "bias")
        training, epsilon = argument(node, 5, "training", default=False), argument(node, 7, "eps", default=1e-5)
        return BatchNorm(weight, bias, mean, variance, epsilon, training)
    weight, bias = argument(node, 1, "weight"), argument(node, 2, "bias")
    mean, variance = argument(node, 3, "running_mean"), argument(node, 4, "running_var")
    if node.call is not None and spelling(node.call) == "_native_batch_norm_legit_no_training":
        return BatchNorm(weight, bias, mean, variance, argument(node, 6, "eps"), False)
    training = argument(node, 5, "training")
    return BatchNorm(weight, bias, mean, variance, argument(node, 7, "eps", "epsilon"), training)


# ------------------------------------------------------------------------------------------------------ what it is given
def argument(node: Node, place: int, *keywords: str, default: Any = None) -> Any:
    """By its place or one of its names."""
    if place < len(node.args):
        return node.args[place]
    return next((node.kwargs[word] for word in keywords if word in node.kwargs), default)


def pair(node: Node) -> tuple[Any, Any] | None:
    """The two operands of add, sub, mul, div, pow; None where there is more to it (alpha, rounding, out)."""
    more = {key: value for key, value in node.kwargs.items() if key not in ("input", "self", "other", "exponent")}
    if more.pop("alpha", 1) != 1 or more.pop("rounding_mode", None) is not None or more or len(node.args) > 2:
        return None
    first, second = argument(node, 0, "input", "self"), argument(node, 1, "other", "exponent")
    return (second, first) if node.call is not None and spelling(node.call) == "rsub" else (first, second)


def only(node: Node) -> Ref | None:
    """The operand of a function of one tensor that is told nothing else."""
    first = argument(node, 0, "input", "self")
    return first if isinstance(first, Ref) and len(node.args) + len(node.kwargs) == 1 else None


def is_floating(node: Node) -> bool:
    """Known to hold real floating-point numbers."""
    return node.dtype.startswith(("float", "bfloat"))


def is_real(node: Node) -> bool:
    """Known not to hold complex numbers, whose product with one is not finite where they are not."""
    return bool(node.dtype) and not node.dtype.startswith("complex")


def made_like(node: Node, op: str, call: Callable[..., Any] | None, *args: Any, **kwargs: Any) -> Node:
    """Another way to compute the same value: name, shape, dtype and whence it comes stay; figures go."""
    read = ", ".join(ref.node for ref in refs_of((*args, *kwargs.values())))
    text = f"{op}({read})" if read and node.text else ""
    return replace(
        node, op=op, call=call, args=args, kwargs=kwargs, text=text, latex="", value=None, gradient=None,
        forward=Cost(), backward=Cost(), parameters=0, data=None,
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------------- what is rewritten
@dataclass(frozen=True, slots=True)
class Change:
    """What a rule makes of a node. value: what now stands for it, or for that part of it.

    nodes: to be computed in its place, in order; one of a known name is moved there from where it was.
    """

    value: Ref
    nodes: tuple[Node, ...] = ()
    part: int | None = None


def changed(*nodes: Node, part: int | None = None) -> Change:
    """The value is that of the last."""
    return Change(Ref(nodes[-1].name), nodes, part)


@dataclass(frozen=True, slots=True)
class Rule:
    """One idea. apply(node, draft) returns None where it has nothing to say.

    training: whether every gradient stays the same function, so that it may be used before differentiating.
    exact: whether values stay the same bit for bit. families: of the nodes that it looks at; none for all.
    """

    name: str
    formula: str
    statement: str
    apply: Callable[[Node, Draft], Change | None]
    families: frozenset[str] = frozenset()
    training: bool = True
    exact: bool = True


def rule(
    name: str, formula: str, statement: str, apply: Callable[[Node, Draft], Change | None], families: str, **more: Any
) -> Rule:
    return Rule(name, formula, statement, apply, frozenset(families.split()), **more)


@dataclass
class Draft:
    """A graph while it is swept once from its inputs to its outputs. nodes: those before the present one.

    uses: how often each (node, part) is read at most; frozen: nodes whose memory is written to, and readers of it.
    """

    nodes: dict[str, Node]
    uses: Counter[Ref]
    frozen: frozenset[str]
    names: set[str]
    seen: dict[Any, Node] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph) -> Draft:
        uses = Counter([*graph.outputs, *(ref for node in graph for ref in node.refs)])
        return cls({}, uses, frozenset(_frozen(graph)), set(graph.nodes))

    def node(self, value: Any, *families: str) -> Node | None:
        """The node that an argument stands for, if it is of one of these families and may be looked through."""
        if not isinstance(value, Ref) or value.node in self.frozen:
            return None
        result = self.nodes.get(value.node)
        return result if result is not None and (not families or family(result) in families) else None

    def is_private(self, value: Ref) -> bool:
        """Whether it is read once, and nothing else of that node is read."""
        return self.uses[value] == 1 and not any(
            self.uses[Ref(value.node, part)] for part in (None, 0, 1, 2) if part != value.part
        )

    def fresh(self, wish: str) -> str:
        """A name that is not taken."""
        name, number = wish, 2
        while name in self.names:
            name, number = f"{wish}_{number}", number + 1
        self.names.add(name)
        return name

    def same_kind(self, node: Node, value: Any) -> bool:
        """Whether a value has the node's shape and dtype, as far as both are known."""
        other = self.nodes.get(value.node) if isinstance(value, Ref) and not value.part else None
        return other is not None and bool(node.dtype) and (other.shape, other.dtype) == (node.shape, node.dtype)

    def known(self, value: Any) -> Tensor | None:
        """The data of a given tensor that no caller replaces: a parameter, buffer or constant, or a view of one."""
        node = self.node(value)
        if node is None:
            return None
        if node.op in ("parameter", "buffer", "constant"):
            return node.data
        if family(node) == "transpose" and (inside := self.known(argument(node, 0, "input", "self"))) is not None:
            with torch.no_grad():
                result: Tensor = node.call(inside, *node.args[1:], **node.kwargs)  # type: ignore[misc]
            return result
        return None


def number(value: Any, draft: Draft) -> float | int | None:
    """A number that stands in the graph for good: itself, or a constant without dimensions."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    node = draft.node(value)
    if node is None or node.op != "constant" or node.data is None or node.data.ndim or node.data.is_complex():
        return None
    result = _item(node.data)
    return None if isinstance(result, bool) else result


def _item(data: Tensor) -> float | int | bool:
    result: float | int | bool = data.item()
    return result


def is_number(value: Any, wanted: float, draft: Draft) -> bool:
    """Whether it is this very number; 0.0 and −0.0 are two."""
    result = number(value, draft)
    return result is not None and result == wanted and math.copysign(1, result) == math.copysign(1, wanted)


def _frozen(graph: Graph) -> Iterator[str]:
    """Nodes that must stay as they are because memory is written to: writers, what shares memory, and who reads it."""
    if not any(_is_writer(node) for node in graph):
        return
    family_of: dict[str, str] = {name: name for name in graph.nodes}

    def root(name: str) -> str:
        while family_of[name] != name:
            family_of[name] = name = family_of[family_of[name]]
        return name

    for node in graph:
        shares = node.inputs if node.call is not None and _is_view(node.call) else _written_to(node)
        for name in shares:
            family_of[root(name)] = root(node.name)
    written = {root(name) for node in graph for name in _written_to(node)}
    touched = {name for name in graph.nodes if root(name) in written}
    yield from touched
    for node in graph:
        if node.name not in touched and node.op not in GIVEN and touched.intersection(node.inputs):
            yield node.name


def _is_writer(node: Node) -> bool:
    return node.call is not None and (_writes(node.call) or "out" in node.kwargs or _updates_statistics(node))


def _written_to(node: Node) -> tuple[str, ...]:
    """Names of the values that the call changes in place."""
    if node.call is None or not _is_writer(node):
        return ()
    if _updates_statistics(node):
        norm = batch_norm_of(node)
        return tuple(ref.node for ref in refs_of((norm.mean, norm.variance, *node.args[1:3])))
    if isinstance(node.call, torch._ops.OpOverload):
        schema = node.call._schema.arguments
        places = [
            place
            for place, overload in enumerate(schema)
            if overload.alias_info is not None and overload.alias_info.is_write
        ]
        written = [argument(node, place, schema[place].name) for place in places]
        return tuple(ref.node for ref in refs_of(tuple(written)))
    return tuple(ref.node for ref in refs_of((*node.args[:1], *node.kwargs.values())))


def redirected(node: Node, instead: Mapping[Ref, Ref]) -> Node:
    """The node with other values read where some were replaced; itself where none was."""
    if not instead or not any(ref in instead for ref in node.refs):
        return node

    def turn(ref: Ref) -> Ref:
        return instead.get(ref, ref)

    kwargs = {key: map_refs(value, turn) for key, value in node.kwargs.items()}
    text = node.text
    for ref in dict.fromkeys(node.refs):
        if ref in instead:
            text = re.sub(rf"(?<!\w){re.escape(ref.node)}(?!\w)", lambda _, new=instead[ref].node: new, text)  # type: ignore[misc]
    return replace(node, args=map_refs(node.args, turn), kwargs=kwargs, text=text, latex="")


def key_of(value: Any) -> Any:
    """Plain data as a key, equal only where a call could not tell the difference: 1, 1.0 and True are three."""
    if isinstance(value, tuple | list):
        return (type(value), *map(key_of, value))
    if isinstance(value, dict):
        return ("dict", *((name, key_of(part)) for name, part in sorted(value.items())))
    if isinstance(value, slice):
        return ("slice", key_of(value.start), key_of(value.stop), key_of(value.step))
    if isinstance(value, float):
        return (float, value.hex())
    if isinstance(value, Tensor):
        return (Tensor, id(value))
    return (type(value), value)
