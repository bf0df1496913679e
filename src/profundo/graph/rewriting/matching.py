"""Reading a node's call, whoever recorded it, and keeping account of a graph while it is rewritten.

The same computation is written in several ways: `torch.mul(x, 2)`, `aten.mul.Tensor(x, 2)`, `x * 2`. Rules speak of
the family ("mul"), and read operands through here. Expressions and traces write to no memory, so that a call may be
repeated, shared or left out unless it draws random numbers, which PyTorch's own schemas say.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from profundo.graph.expressions.expression import OPERATIONS
from profundo.graph.nodes import Cost, Graph, Node, Ref, map_refs, refs_of

__all__ = [
    "Change",
    "Draft",
    "Rule",
    "argument",
    "changed",
    "family",
    "has_effect",
    "is_deterministic",
    "is_floating",
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
    "truediv": "div", "rsub": "sub", "view": "reshape", "_unsafe_view": "reshape", "_reshape_alias": "reshape",
    "t": "transpose", "permute": "transpose", "_softmax": "softmax", "_log_softmax": "log_softmax",
    "log_sigmoid_forward": "logsigmoid", "log_sigmoid": "logsigmoid", "mm": "matmul",
    "max_pool2d_with_indices": "max_pool2d", "native_batch_norm": "batch_norm", "cudnn_batch_norm": "batch_norm",
    "miopen_batch_norm": "batch_norm", "broadcast_to": "expand", "expand_like": "expand",
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------ what a call is
def family(node: Node) -> str:
    """What the call computes, in one word for all its spellings; of a call from this room, by the node's own word.

    "" for what is given and for strangers.
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
    if not home and getattr(torch, name, None) is call:  # of functions written in C
        home = "torch"
    is_known = home.partition(".")[0] in ("torch", "_operator") and name.isidentifier()
    return name if is_known else ""


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
def _is_repeatable(call: Callable[..., Any]) -> bool:
    """Known to give the same result for the same inputs: no random numbers, no memory as it was found."""
    known = _overloads(call)
    return bool(known) and "empty" not in spelling(call) and not any(map(_is_random, known))


def _is_random(operation: torch._ops.OpOverload) -> bool:
    return torch.Tag.nondeterministic_seeded in operation.tags


def has_effect(node: Node) -> bool:
    """Whether the call moves the generator of random numbers, so that others get other ones without it."""
    inside = [value for value in node.args if isinstance(value, torch._ops.OpOverload)]  # of calls that wrap another
    return node.call is not None and any(map(_is_random, (*_overloads(node.call), *inside)))


def is_deterministic(node: Node) -> bool:
    """Whether computing it twice is known to give the same."""
    return node.call is not None and (_is_repeatable(node.call) or _is_ours(node))


def _is_ours(node: Node) -> bool:
    """Whether the call is how expressions compute that word; none of theirs draws numbers or writes to memory."""
    if node.call is None or not _is_from_here(node.call):
        return False
    return node.op in OPERATIONS and OPERATIONS[node.op].run is node.call


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

    uses: how often each (node, part) is read at most.
    """

    nodes: dict[str, Node]
    uses: Counter[Ref]
    names: set[str]
    seen: dict[Any, Node] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph) -> Draft:
        uses = Counter([*graph.outputs, *(ref for node in graph for ref in node.refs)])
        return cls({}, uses, set(graph.nodes))

    def node(self, value: Any, *families: str) -> Node | None:
        """The node that an argument stands for, if it is of one of these families."""
        result = self.nodes.get(value.node) if isinstance(value, Ref) else None
        return result if result is not None and (not families or family(result) in families) else None

    def inside(self, value: Any, family: str) -> Ref | None:
        """The x of f(x), if the value is that of this function of one tensor."""
        node = self.node(value, family)
        return None if node is None else only(node)

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
    result: float | int | bool = node.data.item()
    return None if isinstance(result, bool) else result


def is_number(value: Any, wanted: float, draft: Draft) -> bool:
    """Whether it is this very number; 0.0 and −0.0 are two."""
    result = number(value, draft)
    return result is not None and result == wanted and math.copysign(1, result) == math.copysign(1, wanted)


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
