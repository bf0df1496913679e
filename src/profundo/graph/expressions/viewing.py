"""An expression at given values, as a graph to look at: each value, each gradient and each local derivative.

    view(f, {a: 5, b: 3})["u"].value.item                # 8.0

Everything is computed in float64 by the graph's own rules: the gradients are expressions, too, evaluated beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from profundo.graph.expressions.expression import (
    Expression,
    ancestors,
    as_tensor,
    constant,
    describe,
    inputs_of,
    values_by_name,
    walk,
)
from profundo.graph.expressions.functions import graph_of, named_nodes
from profundo.graph.expressions.gradients import adjoints, shares
from profundo.graph.expressions.local_formulas import renamed
from profundo.graph.expressions.precision import in_precision
from profundo.graph.expressions.remarks import remarks
from profundo.graph.expressions.writing import write, write_latex
from profundo.graph.nodes import Flow, Graph, Node
from profundo.graph.traces.summaries import summary
from profundo.records import ProfundoError

__all__ = ["view"]

DOUBLE = torch.float64


def view(f: Expression, given: Mapping[Expression | str, Any], *, keep: bool = False) -> Graph:
    """The graph of f at these values of its inputs (by expression or name), differentiated if f is a single fraction.

    keep: whole tensors stay in the summaries, too. Raises ProfundoError for inputs without a value and unknown names.
    """
    f = in_precision([f], DOUBLE)[f]
    order = ancestors([f])
    names = named_nodes([f])
    graph = graph_of(f)
    at = _given(inputs_of([f]), given)
    gradients = _gradients(f, order)
    local = _local_derivatives(order)
    sent = {
        (node, place): share
        for node in order
        if node in gradients
        for place, share in enumerate(shares(node, gradients[node]))
        if share is not None and node.inputs[place] in gradients
    }
    wanted = [*order, *gradients.values(), *local.values(), *sent.values()]
    computed: dict[Any, Tensor] = dict(zip(wanted, walk(wanted, at), strict=True))
    nodes = {
        names[expression]: _with_values(
            graph[names[expression]], computed[expression], computed.get(gradients.get(expression)), keep
        )
        for expression in order
    }
    flows = {
        (names[edge[0]], edge[1]): _flow(computed.get(sent.get(edge)), local.get(edge), computed, names)
        for edge in dict.fromkeys([*local, *sent])
    }
    notes = remarks(order, names, nodes)
    return replace(graph, nodes=nodes, flows=flows, of=names[f] if _is_cost(f) else "", notes=notes)


def _is_cost(f: Expression) -> bool:
    return f.shape == () and f.dtype.is_floating_point


def _gradients(f: Expression, order: list[Expression]) -> Mapping[Expression, Expression]:
    """Of all that depends on inputs and shared values; nothing where f is no single fraction."""
    given = [
        expression
        for expression in order
        if expression.kind in ("input", "shared") and expression.dtype.is_floating_point
    ]
    return adjoints(f, given) if _is_cost(f) else {}


def _local_derivatives(order: list[Expression]) -> dict[tuple[Expression, int], Expression]:
    """∂node/∂input of single numbers, constants apart: what the rule hands back for a gradient of one."""
    result = {}
    for node in order:
        if node.op is None or node.shape != () or not node.dtype.is_floating_point:
            continue
        for place, share in enumerate(shares(node, constant(1.0, node.dtype))):
            if share is not None and node.inputs[place].shape == () and node.inputs[place].kind != "constant":
                result[node, place] = share
    return result


def _given(inputs: list[Expression], given: Mapping[Expression | str, Any]) -> dict[Expression, Tensor]:
    by_name = values_by_name(inputs, given)
    result = {
        expression: as_tensor(
            by_name[expression.name], DOUBLE if expression.dtype.is_floating_point else expression.dtype
        )
        for expression in inputs
    }
    for expression, value in result.items():
        if value.dim() != expression.ndim:
            raise ProfundoError(
                f"{describe(expression)} has {expression.ndim} dimensions; got a value of shape {tuple(value.shape)}"
            )
    return result


def _with_values(node: Node, value: Tensor, gradient: Tensor | None, keep: bool) -> Node:
    return replace(
        node,
        shape=tuple(value.shape),
        value=summary(value, keep=keep),
        gradient=None if gradient is None else summary(gradient, keep=keep),
    )


def _flow(
    share: Tensor | None, local: Expression | None, computed: Mapping[Any, Tensor], names: Mapping[Expression, str]
) -> Flow:
    carried = None if share is None else float(share.norm())
    if local is None:
        return Flow(carried)
    named = renamed(local, names)
    return Flow(carried, float(computed[local]), write(named), write_latex(named))
