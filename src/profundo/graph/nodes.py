"""A computation as plain data: what was computed, by which call, from what, and with which numbers.

Expressions, traces of networks, running and drawing share this one form. A graph knows nothing of where it
came from, so that whatever can be said of one can be said of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profundo.records import ProfundoError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GIVEN", "RENDERERS", "Cost", "Flow", "Graph", "Node", "Ref", "Size", "Summary", "map_refs", "refs_of"]

Size = int | str  # of a dimension; a word where it is only known when values arrive

GIVEN = ("input", "parameter", "buffer", "shared", "constant")
"""Operations that compute nothing: their nodes are where a graph begins."""

RENDERERS: dict[str, Callable[..., Any]] = {}
"""How a graph is shown ("svg", "dot", "mermaid", "json", "table"): functions of a graph, entered where they are
defined, in drawings/. Plain data need not know them, and whoever imports this package has them."""


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands among the arguments of a call for the value of another node; part: which one, if that has several."""

    node: str
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """A tensor in a few numbers. All but `bad` are over its finite entries; std divides by their number.

    norm: Euclidean; bad: how many entries are NaN or infinite; item: the number itself where there is only one;
    tensor: a copy of all of it, where that was asked for.
    """

    minimum: float
    maximum: float
    mean: float
    std: float
    norm: float
    bad: int = 0
    item: float | None = None
    tensor: Tensor | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation. flops: a multiplication and an addition count as two; bytes: read and written;
    seconds: on the clock, as it ran."""

    flops: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes, self.seconds + other.seconds)


@dataclass(frozen=True, slots=True)
class Flow:
    """What an edge carries backward, from a node to one of its inputs.

    gradient: Euclidean norm of this edge's share in the gradient of the input.
    local: derivative of the node by this input, where both are single numbers; rule, latex: the same as a formula.
    """

    gradient: float | None = None
    local: float | None = None
    rule: str = ""
    latex: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One value: given (see GIVEN), or computed as `call(*args, **kwargs)` with a Ref for each other node's value.

    op: what is computed, in a word ("mul", "conv2d", "relu"); args and kwargs hold plain values and Refs, also in
    tuples and lists. shape, dtype ("float32"): of the value, or of its first part. text, latex: the formula.
    module: dotted path of the module that it ran in; scope: the function call that it is a part of ("linear_2");
    line: where that was written ("lenet.py:40"). data: the value of what is given and not an input.
    parameters: numbers in it that are learned.
    """

    name: str
    op: str
    call: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[Size, ...] = ()
    dtype: str = ""
    text: str = ""
    latex: str = ""
    module: str = ""
    scope: str = ""
    line: str = ""
    data: Tensor | None = field(default=None, compare=False, repr=False)
    parameters: int = 0
    value: Summary | None = None
    gradient: Summary | None = None
    forward: Cost = Cost()
    backward: Cost = Cost()

    @property
    def refs(self) -> tuple[Ref, ...]:
        """Of args, then of kwargs, in their order; one that stands twice is there twice."""
        return (*refs_of(self.args), *refs_of(tuple(self.kwargs.values())))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the nodes that this one is computed from, in the order of the arguments."""
        return tuple(ref.node for ref in self.refs)


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can be computed; each name is that of its node.

    outputs: what the computation returns. The gradients in it are those of `of` (a node's name, "" for none).
    flows: by (node, place among its inputs). modules: by dotted path, the class; "" is the whole.
    notes: sentences on what could not be seen.
    """

    nodes: Mapping[str, Node]
    outputs: tuple[Ref, ...]
    of: str = ""
    flows: Mapping[tuple[str, int], Flow] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __getitem__(self, name: str) -> Node:
        if name not in self.nodes:
            near = ", ".join(list(self.nodes)[:12]) + (", …" if len(self.nodes) > 12 else "")
            raise ProfundoError(f"the graph has no node {name!r}; it has {near}")
        return self.nodes[name]

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    @property
    def inputs(self) -> tuple[Node, ...]:
        """What must be given to compute it, in order."""
        return tuple(node for node in self if node.op == "input")

    def users(self) -> dict[str, list[tuple[str, int]]]:
        """Of each node's name, the (node, place) where it is an input."""
        users: dict[str, list[tuple[str, int]]] = {name: [] for name in self.nodes}
        for node in self:
            for place, name in enumerate(node.inputs):
                users[name].append((node.name, place))
        return users

    def svg(self, **options: Any) -> str:
        """A drawing (see drawing.draw for the options)."""
        return str(RENDERERS["svg"](self, **options))

    def dot(self) -> str:
        """For Graphviz."""
        return str(RENDERERS["dot"](self))

    def mermaid(self) -> str:
        """For Mermaid, as many pages of documentation have it."""
        return str(RENDERERS["mermaid"](self))

    def json(self) -> dict[str, Any]:
        """Plain data that `json.dumps` takes."""
        return dict(RENDERERS["json"](self))

    def _repr_svg_(self) -> str:
        return self.svg()

    def __str__(self) -> str:
        return str(RENDERERS["table"](self))


def refs_of(value: Any) -> tuple[Ref, ...]:
    """Every Ref in plain nested data, from left to right."""
    if isinstance(value, Ref):
        return (value,)
    if isinstance(value, tuple | list):
        return tuple(ref for part in value for ref in refs_of(part))
    if isinstance(value, dict):
        return refs_of(tuple(value.values()))
    return ()


def map_refs(value: Any, of: Callable[[Ref], Any]) -> Any:
    """The same nested data with `of(ref)` in place of each Ref."""
    if isinstance(value, Ref):
        return of(value)
    if isinstance(value, tuple | list):
        return type(value)(map_refs(part, of) for part in value)
    if isinstance(value, dict):
        return {key: map_refs(part, of) for key, part in value.items()}
    return value
