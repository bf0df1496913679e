"""Forms that keep the digits which naive logarithms and quotients of exponentials round away or overflow.

After Theano's stability rewrites; on the sum of exponentials see Blanchard, Higham & Higham 2021, "Accurately computing
the log-sum-exp and softmax functions". The two forms differ by the rounding errors of the naive one, which may be all
of its digits: log σ(−200) is −∞ in float32 when σ(−200) is computed first, and −200 when it is not. So it is with slopes:
that of log u divides by u and multiplies by u again, 0·∞ where u was rounded to 0 or overflowed.
"""

from __future__ import annotations

from typing import NamedTuple

from profundo.graph.expressions.elementwise import log1p, logsigmoid, softplus
from profundo.graph.expressions.expression import Expression
from profundo.graph.expressions.reductions import log_softmax, logsumexp, softmax

__all__ = ["StableForm", "is_one", "stable_form"]


class StableForm(NamedTuple):
    """sign·value, the same as a naive form. passed: what the naive one is computed from and this one is not."""

    value: Expression
    passed: frozenset[Expression]
    sign: int = 1


def stable_form(node: Expression) -> StableForm | None:
    """Of log σ(x), log(1 − σ(x)), log softmax(x), log Σeˣ, log(1 + eˣ), log(1 + u) and eˣ / Σeˣ; None for all others."""
    name = node.op.name if node.op is not None else ""
    if name == "log":
        return _of_log(node.inputs[0])
    if name == "log1p" and _is(node.inputs[0], "exp"):
        return StableForm(softplus(node.inputs[0].inputs[0]), frozenset(node.inputs))
    return _of_quotient(*node.inputs) if name == "div" else None


def _of_log(u: Expression) -> StableForm | None:
    if _is(u, "sigmoid"):
        return StableForm(logsigmoid(u.inputs[0]), frozenset({u}))
    if _is(u, "softmax"):
        return StableForm(log_softmax(u.inputs[0], **u.options), frozenset({u}))
    if _is(u, "sum") and _is(u.inputs[0], "exp"):
        return StableForm(logsumexp(u.inputs[0].inputs[0], **u.options), frozenset({u, u.inputs[0]}))
    return _of_log_beside_one(u)


def _of_log_beside_one(u: Expression) -> StableForm | None:
    """log(1 − σ(x)) = −log(1 + eˣ), log(1 + eˣ) and log(1 + v), in whichever order they were written."""
    if u.op is None or u.op.name not in ("add", "sub") or not any(map(is_one, u.inputs)):
        return None
    first, second = u.inputs
    other = second if is_one(first) else first
    is_negated = u.op.name == "add" and _is(other, "neg")
    inner = other.inputs[0] if is_negated else other
    if inner.dtype != u.dtype or not u.dtype.is_floating_point:
        return None
    if _is(inner, "sigmoid") and (is_negated or (u.op.name == "sub" and other is second)):
        return StableForm(softplus(inner.inputs[0]), frozenset({u, other, inner}), -1)
    if u.op.name == "sub":
        return None
    if _is(other, "exp"):
        return StableForm(softplus(other.inputs[0]), frozenset({u, other}))
    return StableForm(log1p(other), frozenset({u}))


def _of_quotient(power: Expression, total: Expression) -> StableForm | None:
    """eˣ / Σeˣ is softmax(x), with the largest x taken out first."""
    if not (_is(power, "exp") and _is(total, "sum") and total.inputs[0] is power):
        return None
    dims = total.options["dim"]
    if len(dims) != 1 or not (total.options["keepdim"] or power.ndim == 1):
        return None
    return StableForm(softmax(power.inputs[0], *dims), frozenset({power, total}))


def _is(expression: Expression, name: str) -> bool:
    """Whether it is this operation of a fraction."""
    is_it = expression.op is not None and expression.op.name == name
    return is_it and expression.inputs[0].dtype.is_floating_point


def is_one(expression: Expression) -> bool:
    """Whether it is the number one, written as a constant."""
    return expression.kind == "constant" and expression.shape == () and bool(expression.data == 1)
