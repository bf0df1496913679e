"""What happens at one node, as formulas: its operation with the numbers put in, and what it hands back to each input.

Forward, u = a + b at a = 5 and b = 3 is 5 + 3. Backward, a node of tensors has no local derivative that is a number; what
it hands back is the product of its gradient with a Jacobian that nobody builds (a vector-Jacobian product): for
u = W x, the gradient by x is Wᵀ·∂f/∂u.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from profundo.graph.expressions.expression import OPERATIONS, Expression, ancestors, constant, tensor
from profundo.graph.expressions.functions import named_nodes
from profundo.graph.expressions.gradients import shares
from profundo.graph.expressions.precision import in_precision
from profundo.graph.expressions.writing import write_latex
from profundo.graph.nodes import Graph

__all__ = ["handed_back", "renamed", "substituted"]

SEED = "∂"  # the gradient of the node, in a formula; no variable has that name


def substituted(f: Expression, graph: Graph) -> dict[str, str]:
    """Of each computed node, its formula with the numbers of its inputs, in LaTeX; where all of them are single numbers.

    graph: the view of f (viewing.py), which holds the numbers.
    """
    f = in_precision([f], torch.float64)[f]
    names = named_nodes([f])
    result = {}
    for node in ancestors([f]):
        inputs = [_number(graph, names[one]) for one in node.inputs]
        if node.op is not None and None not in inputs:
            bare = replace(node, inputs=tuple(one for one in inputs if one is not None), name="")
            result[names[node]] = write_latex(bare)
    return result


def _number(graph: Graph, name: str) -> Expression | None:
    value = graph[name].value
    return None if value is None or value.item is None or graph[name].shape else constant(value.item, torch.float64)


def handed_back(f: Expression, written: Callable[[str], str]) -> dict[tuple[str, int], str]:
    """Of each edge of tensors (node, place among its inputs), what the node adds to the gradient of that input, in LaTeX.

    written(name): how the gradient of a node is written, such as \\frac{∂f}{∂u}. Edges of single numbers are left out:
    their rule is the local derivative.
    """
    f = in_precision([f], torch.float64)[f]
    names = named_nodes([f])
    result = {}
    for node in ancestors([f]):
        if node.op is None or not node.dtype.is_floating_point:
            continue
        seed = tensor(SEED, node.shape, dtype=node.dtype)
        for place, share in enumerate(shares(node, seed)):
            source = node.inputs[place]
            if share is not None and source.kind != "constant" and (node.shape or source.shape):
                formula = write_latex(renamed(share, names, plainer=True))
                result[names[node], place] = formula.replace(SEED, written(names[node]))
    return result


def renamed(formula: Expression, names: Mapping[Expression, str], *, plainer: bool = False) -> Expression:
    """The formula over the names of a graph's own nodes. plainer: without what only makes shapes fit, for reading alone."""

    def is_node(expression: Expression) -> bool:
        is_number = expression.kind == "constant" and expression.data.numel() == 1
        return expression in names and not is_number

    known: dict[Expression, Expression] = {}
    for expression in ancestors([formula], until=is_node):
        if is_node(expression):
            known[expression] = replace(expression, inputs=(), name=names[expression])
        else:
            made = replace(expression, inputs=tuple(known[part] for part in expression.inputs))
            known[expression] = _plainer(made) if plainer else made
    return known[formula]


def _plainer(made: Expression) -> Expression:
    """As it is written on paper, where numbers spread over vectors by themselves: a sum is a sum, a column times a row g xᵀ."""
    op, inputs = made.op, made.inputs
    if op is None:
        return made
    if op.name == "expand_like":
        return inputs[0]
    if op.name == "sum_to":
        return replace(made, op=OPERATIONS["sum"], inputs=inputs[:1], options={})
    first = inputs[0].op
    if op.name == "mul" and first is not None and first.name == "unsqueeze":
        outer = replace(OPERATIONS["matmul"], latex="{0} {1}^T")
        return replace(made, op=outer, inputs=(inputs[0].inputs[0], inputs[1]), options={})
    return made
