"""Gradients as expressions: reverse accumulation from graph to graph (Griewank & Walther 2008, chapter 3).

From the cost backward, every expression hands each of its inputs a share of its own gradient by its operation's rule;
an input's gradient is the sum of its shares. The rules build expressions, so that a gradient can be printed, compiled
and differentiated again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

from profundo.graph.expressions.elementwise import cast
from profundo.graph.expressions.expression import Expression, ancestors, constant, describe
from profundo.graph.expressions.rearranging import expand_like, stack, sum_to, zeros_like
from profundo.graph.expressions.sizes import broadcast
from profundo.graph.expressions.stable_forms import is_one, stable_form
from profundo.records import ProfundoError

__all__ = ["adjoints", "gradient", "hessian", "jacobian", "shares"]


@overload
def gradient(cost: Expression, wrt: Expression) -> Expression: ...
@overload
def gradient(cost: Expression, wrt: Sequence[Expression]) -> list[Expression]: ...
def gradient(cost: Expression, wrt: Expression | Sequence[Expression]) -> Expression | list[Expression]:
    """∂cost/∂wrt, of the shape of wrt; zeros where the cost does not depend on it.

    cost: a single number. wrt: any expressions that the cost is computed from. Raises ProfundoError for whole numbers.
    """
    wanted = [wrt] if isinstance(wrt, Expression) else list(wrt)
    for input in wanted:
        if not isinstance(input, Expression):
            raise ProfundoError(f"gradient: expected expressions, got {type(input).__name__}")
        if not input.dtype.is_floating_point:
            raise ProfundoError(f"gradient: {describe(input)} holds {input.dtype}; only fractions have derivatives")
    if not isinstance(cost, Expression):
        raise ProfundoError(f"gradient: expected an expression as the cost, got {type(cost).__name__}")
    if cost.shape != () or not cost.dtype.is_floating_point:
        raise ProfundoError(
            f"gradient: expected a cost that is a single fraction, got {describe(cost)}; take its sum or mean"
        )
    gradients = adjoints(cost, wanted, is_stable=True)
    results = [gradients[input] if input in gradients else zeros_like(input) for input in wanted]
    return results[0] if isinstance(wrt, Expression) else results


def adjoints(
    cost: Expression, wrt: Sequence[Expression], *, is_stable: bool = False
) -> Mapping[Expression, Expression]:
    """The gradient of the cost by every expression between it and those of wrt that it depends on.

    is_stable: what has a stable form (see stable_forms.py) is differentiated in that: its share goes past the sigmoid or
    exponentials of the naive one, which get none.
    """
    between = _between(cost, wrt)
    gradients: dict[Expression, Expression] = {}
    if cost in between:
        gradients[cost] = constant(1.0, cost.dtype)
    for node in reversed(between):
        if node not in gradients or node.op is None:
            continue
        value, g = node, gradients[node]
        stable = stable_form(node) if is_stable else None
        if stable is not None and not stable.passed.intersection(wrt):
            value, g = stable.value, g if stable.sign == 1 else -g
        wanted = [input in between for input in value.inputs]
        for input, share in zip(value.inputs, shares(value, g, wanted), strict=True):
            if share is not None:
                gradients[input] = gradients[input] + share if input in gradients else share
    return gradients


def shares(node: Expression, g: Expression, wanted: Sequence[bool] | None = None) -> list[Expression | None]:
    """What g, the gradient of the node, contributes to the gradient of each of its inputs; None for nothing."""
    op = node.op
    wanted = wanted or [True] * len(node.inputs)
    if op is None or (op.slopes is None and op.pullback is None):
        return [None] * len(node.inputs)
    if op.pullback is not None and not (is_one(g) and op.slopes is not None):
        result = list(op.pullback(node, g, *node.inputs, **node.options))
    else:
        assert op.slopes is not None
        result = [_times(g, slope) for slope in op.slopes(node, *node.inputs, **node.options)]
    return [
        _fitted(share, expression) if share is not None and want and expression.dtype.is_floating_point else None
        for share, expression, want in zip(result, node.inputs, wanted, strict=True)
    ]


def jacobian(outputs: Expression, wrt: Expression) -> Expression:
    """∂outputsᵢ/∂wrt of a vector of known size: (size, *shape of wrt)."""
    if outputs.ndim != 1 or not isinstance(outputs.shape[0], int):
        raise ProfundoError(f"jacobian: expected a vector of a size known when it is built, got {describe(outputs)}")
    return stack([gradient(outputs[row], wrt) for row in range(outputs.shape[0])])


def hessian(cost: Expression, wrt: Expression) -> Expression:
    """∂²cost/∂wrtᵢ∂wrtⱼ: a number for a number, (size, size) for a vector of known size."""
    if wrt.ndim > 1:
        raise ProfundoError(f"hessian: expected a number or a vector to differentiate by, got {describe(wrt)}")
    slope = gradient(cost, wrt)
    return gradient(slope, wrt) if wrt.ndim == 0 else jacobian(slope, wrt)


def _between(cost: Expression, wrt: Sequence[Expression]) -> dict[Expression, None]:
    """Ancestors of the cost that depend on some of wrt, inputs first."""
    dependent: dict[Expression, None] = {}
    wanted = set(wrt)
    for node in ancestors([cost]):
        if node in wanted or any(expression in dependent for expression in node.inputs):
            dependent[node] = None
    return dependent


def _times(g: Expression, slope: Expression | float | None) -> Expression | None:
    """g·slope without the multiplications by one that people leave out, too."""
    if slope is None or (not isinstance(slope, Expression) and slope == 0):
        return None
    if not isinstance(slope, Expression):
        if g.kind == "constant":
            return constant(g.data * slope, g.dtype)
        if slope == 1:
            return g
        return -g if slope == -1 else g * slope
    return slope if is_one(g) and slope.dtype == g.dtype else g * slope


def _fitted(share: Expression, expression: Expression) -> Expression:
    """In shape and dtype of the input: summed over what broadcasting repeated."""
    share = cast(share, expression.dtype)
    if share.shape == expression.shape:
        return share
    return (
        sum_to(share, expression)
        if len(broadcast([share.shape, expression.shape])) == share.ndim
        else expand_like(share, expression)
    )
