"""Computing a graph: node by node, for whoever wants to look, or as one straight function, for speed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import fx

from profundo.graph.nodes import GIVEN, Graph, Node, Ref, map_refs
from profundo.records import ProfundoError

__all__ = ["run", "straight", "value_of", "values"]


def values(graph: Graph, *inputs: Any, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The value of every node by its name (a tuple where a node has several parts).

    inputs: one for each of `graph.inputs`; given: values to take instead of those in the graph, by name.
    """
    known = dict(given or {})
    wanted = [node.name for node in graph.inputs if node.name not in known]
    if len(wanted) != len(inputs):
        raise ProfundoError(f"the graph takes {len(wanted)} inputs ({', '.join(wanted)}), got {len(inputs)}")
    known |= dict(zip(wanted, inputs, strict=True))
    for node in graph:
        if node.name not in known:
            known[node.name] = value_of(node, known)
    return known


def run(graph: Graph, *inputs: Any, given: Mapping[str, Any] | None = None) -> Any:
    """What the graph returns: one value, or a tuple of several."""
    known = values(graph, *inputs, given=given)
    results = tuple(_part(known[ref.node], ref.part) for ref in graph.outputs)
    return results[0] if len(results) == 1 else results


def straight(graph: Graph, arguments: Sequence[str]) -> Callable[..., tuple[Any, ...]]:
    """A function of the named nodes' values that runs the graph's calls one after the other and returns the outputs.

    Every input must be among the arguments. Other given nodes are taken as they are now: constants of the function.
    """
    calls = fx.Graph()
    constants = [node for node in graph if node.call is None and node.name not in arguments]
    for node in constants:
        if node.data is None:
            raise ProfundoError(f"{node.name} is an input of the graph; it must be among the arguments")
    given = [*arguments, *(node.name for node in constants)]
    known: dict[str, Any] = {name: calls.placeholder(f"given_{at}") for at, name in enumerate(given)}

    def resolve(ref: Ref) -> Any:
        value = known[ref.node]
        return value if ref.part is None else calls.call_function(operator.getitem, (value, ref.part))

    for node in graph:
        if node.name not in known and node.call is not None:
            args = map_refs(node.args, resolve)
            kwargs = {key: map_refs(value, resolve) for key, value in node.kwargs.items()}
            known[node.name] = calls.call_function(node.call, args, kwargs)
    calls.output(tuple(map_refs(graph.outputs, resolve)))
    forward: Callable[..., tuple[Any, ...]] = fx.GraphModule({}, calls).forward
    held = [node.data for node in constants]
    return (lambda *values: forward(*values, *held)) if held else forward


def value_of(node: Node, known: Mapping[str, Any]) -> Any:
    """One node's value, computed from those that are known."""
    if node.op in GIVEN or node.call is None:
        if node.data is None:
            raise ProfundoError(f"{node.name} ({node.op}) has no value; give it one")
        return node.data

    def resolve(ref: Ref) -> Any:
        return _part(known[ref.node], ref.part)

    return node.call(*map_refs(node.args, resolve), **{k: map_refs(v, resolve) for k, v in node.kwargs.items()})


def _part(value: Any, part: int | None) -> Any:
    return value if part is None else value[part]
