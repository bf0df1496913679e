"""Gradients as expressions: reverse accumulation from graph to graph (Griewank & Walther 2008, chapter 3).

From the cost backward, every expression hands each of its inputs a share of its own gradient by its operation's rule;
an input's gradient is the sum of its shares. The rules build expressions, so that a gradient can be printed, compiled
and differentiated again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, overload

from profundo.graph.expressions.elementwise import cast, logsigmoid, softplus
from profundo.graph.expressions.expression import Expression, ancestors, constant, describe
from profundo.graph.expressions.rearranging import expand_like, stack, sum_to, zeros_like
from profundo.graph.expressions.reductions import log_softmax, logsumexp
from profundo.graph.expressions.sizes import broadcast
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

    is_stable: a log hands its share on past the sigmoid or exponentials in it (see stable_log), which get none.
    """
    between = _between(cost, wrt)
    gradients: dict[Expression, Expression] = {}
    if cost in between:
        gradients[cost] = constant(1.0, cost.dtype)
    for node in reversed(between):
        if node not in gradients or node.op is None:
            continue
        log, g = node, gradients[node]
        stable = stable_log(node) if is_stable else None
        if stable is not None and not stable.passed.intersection(wrt):
            log, g = stable.log, g if stable.sign == 1 else -g
        wanted = [input in between for input in log.inputs]
        for input, share in zip(log.inputs, shares(log, g, wanted), strict=True):
            if share is not None:
                gradients[input] = gradients[input] + share if input in gradients else share
    return gradients


class StableLog(NamedTuple):
    """sign·log, of the same value as a naive logarithm. passed: what only the naive one is computed from."""

    log: Expression
    passed: frozenset[Expression]
    sign: int = 1


def stable_log(node: Expression) -> StableLog | None:
    """log σ(x), log(1 − σ(x)), log softmax(x), log Σeˣ and log(1 + eˣ) in forms whose slope is no quotient.

    The naive slope of log u divides by u and multiplies by u again: 0·∞ where u was rounded to 0 or overflowed.
    """
    name = node.op.name if node.op is not None else ""
    if name not in ("log", "log1p"):
        return None
    (u,) = node.inputs
    inner = u.op.name if u.op is not None else ""
    if name == "log1p":
        return StableLog(softplus(u.inputs[0]), frozenset({u})) if inner == "exp" and _is_floating(u) else None
    if inner == "sigmoid" and _is_floating(u):
        return StableLog(logsigmoid(u.inputs[0]), frozenset({u}))
    if inner == "softmax":
        return StableLog(log_softmax(u.inputs[0], **u.options), frozenset({u}))
    if inner == "sum" and _is_of(u.inputs[0], "exp"):
        return StableLog(logsumexp(u.inputs[0].inputs[0], **u.options), frozenset({u, u.inputs[0]}))
    return _log_beside_one(u)


def _log_beside_one(u: Expression) -> StableLog | None:
    """log(1 − σ(x)) = −log(1 + eˣ), and log(1 + eˣ), in whichever order they were written."""
    if u.op is None or u.op.name not in ("add", "sub") or not any(_is_number_one(input) for input in u.inputs):
        return None
    first, second = u.inputs
    other = second if _is_number_one(first) else first
    minus = u.op.name == "sub" and other is second
    negated = u.op.name == "add" and _is_of(other, "neg")
    inner = other.inputs[0] if negated else other
    if inner.shape != u.shape:
        return None
    if (minus or negated) and _is_of(inner, "sigmoid"):
        return StableLog(softplus(inner.inputs[0]), frozenset({u, other, inner}), -1)
    if u.op.name == "add" and not negated and _is_of(inner, "exp"):
        return StableLog(softplus(inner.inputs[0]), frozenset({u, inner}))
    return None


def _is_of(expression: Expression, name: str) -> bool:
    """Whether it is this operation of a fraction."""
    is_it = expression.op is not None and expression.op.name == name
    return is_it and _is_floating(expression)


def _is_floating(expression: Expression) -> bool:
    return expression.inputs[0].dtype.is_floating_point


def _is_number_one(expression: Expression) -> bool:
    return expression.kind == "constant" and expression.shape == () and bool(expression.data == 1)


def shares(node: Expression, g: Expression, wanted: Sequence[bool] | None = None) -> list[Expression | None]:
    """What g, the gradient of the node, contributes to the gradient of each of its inputs; None for nothing."""
    op = node.op
    wanted = wanted or [True] * len(node.inputs)
    if op is None or (op.slopes is None and op.pullback is None):
        return [None] * len(node.inputs)
    if op.pullback is not None and not (_is_number_one(g) and op.slopes is not None):
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
    return slope if _is_number_one(g) and slope.dtype == g.dtype else g * slope


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
