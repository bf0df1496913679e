"""Gradients of logs, without the quotient that they leave: (1/u)·∂u is 0·∞ where u was rounded to 0 or overflowed.

Differentiating the naive log σ(x) gives (1/σ)·σ(1 − σ), right only where σ is not 0; likewise for softmax, for
log(1 + eˣ) and for log Σeˣ. What is divided by is never 0 in mathematics, and cancels. These rules are for gradients
that are graphs themselves, next to the rules for the values in stable.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from profundo.graph.nodes import Node, Ref, Size
from profundo.graph.rewriting.matching import (
    Change,
    Draft,
    Rule,
    argument,
    changed,
    family,
    is_floating,
    is_number,
    made_like,
    only,
    pair,
    rule,
    spelling,
)
from profundo.graph.rewriting.stable import one_minus

__all__ = ["GRADIENTS"]


DEEPEST = 32
"""Operations that are looked through to find a divisor: no formula has more between the two, a deep network does."""


# ------------------------------------------------------------------------------------------------------------- sigmoid
def cancelled_quotients(node: Node, draft: Draft) -> Change | None:
    """(a/σ + b/(1 − σ))·(σ·(1 − σ)) = a·(1 − σ) + b·σ: what the gradient of log σ leaves, without 0/0."""
    for total, slope in _both_orders(pair(node)):
        factors = _slope_of_sigmoid(slope, draft)
        if factors is None or not is_floating(node) or not draft.same_kind(node, total):
            continue
        nodes = _times(total, factors, draft)
        if nodes:
            *before, last = nodes
            return changed(*before, replace(last, name=node.name, line=node.line, module=node.module, scope=node.scope))
    return None


def _both_orders(operands: tuple[Any, Any] | None) -> tuple[tuple[Any, Any], ...]:
    return () if operands is None else (operands, operands[::-1])


def _slope_of_sigmoid(value: Any, draft: Draft) -> tuple[Ref, Ref] | None:
    """σ and 1 − σ of their product."""
    product = draft.node(value, "mul")
    for first, second in _both_orders(pair(product)) if product is not None else ():
        if draft.node(first, "sigmoid") is not None and one_minus(draft.node(second), draft) == first:
            return first, second
    return None


def _times(value: Any, factors: tuple[Ref, Ref], draft: Draft, deep: int = 0) -> list[Node]:
    """Nodes that compute value·σ·(1 − σ) with the divisor of each of its terms cancelled; none where one has none.

    All that is looked through must be read here alone, or it would be computed twice.
    """
    node = draft.node(value, "add", "sub", "neg", "mul", "div")
    operands = (argument(node, 0, "input", "self"), None) if node is not None and family(node) == "neg" else None
    operands = operands or (pair(node) if node is not None else None)
    if node is None or operands is None or not draft.is_private(value) or deep > DEEPEST:
        return []
    if family(node) == "div":
        return _undivided(node, operands, factors, draft)
    found = [_times(operand, factors, draft, deep + 1) for operand in operands]
    if family(node) == "mul":
        found = [found[0], []] if found[0] else found
        return _again(node, found, operands) if any(found) else []
    return _again(node, found, operands) if all(found[: 1 if family(node) == "neg" else 2]) else []


def _undivided(node: Node, operands: tuple[Any, Any], factors: tuple[Ref, Ref], draft: Draft) -> list[Node]:
    """a/σ → a·(1 − σ), a/(1 − σ) → a·σ."""
    if operands[1] not in factors or not draft.same_kind(node, operands[1]):
        return []
    rest = factors[1 - factors.index(operands[1])]
    return [made_like(node, "mul", torch.mul, operands[0], rest)]


def _again(node: Node, found: list[list[Node]], operands: tuple[Any, Any]) -> list[Node]:
    """The same operation on what its operands have become."""
    new = [Ref(one[-1].name) if one else value for one, value in zip(found, operands, strict=True)]
    args = new[: 1 if family(node) == "neg" else 2]
    if node.call is not None and spelling(node.call) == "rsub":
        args.reverse()
    return [*(part for one in found for part in one), made_like(node, node.op, node.call, *args)]


# ------------------------------------------------------------------------------------- softmax and sums of exponentials
@dataclass(frozen=True, slots=True)
class Stripped:
    """A value without its divisor. nodes: that compute it; turned: how often a dimension was put in on the way."""

    value: Any
    shape: tuple[Size, ...]
    nodes: tuple[Node, ...] = ()
    turned: int = 0

    def then(self, node: Node, *args: Any, shape: tuple[Size, ...], turned: int = 0) -> Stripped:
        new = replace(made_like(node, node.op, node.call, *args, **node.kwargs), shape=shape)
        return Stripped(Ref(new.name), shape, (*self.nodes, new), self.turned + turned)


def stripped(
    value: Any, divisor: Ref, draft: Draft, axis: int | None = None, readers: int = 1, deep: int = 0
) -> Stripped | None:
    """The a of a/divisor, also under products, changes of sign and repetition along a dimension put in at `axis`."""
    node = draft.node(value, "div", "mul", "neg", "expand", "unsqueeze")
    if node is None or draft.uses[value] != readers or value == divisor or deep > DEEPEST:
        return None
    if family(node) in ("div", "mul"):
        return _stripped_of_two(node, divisor, draft, axis, deep)
    inner = stripped(argument(node, 0, "input", "self"), divisor, draft, axis, deep=deep + 1)
    if inner is None or not node.args:
        return None
    rest = node.args[1:]
    if family(node) == "neg":
        return inner.then(node, inner.value, shape=inner.shape)
    if family(node) == "expand":
        return inner.then(node, inner.value, *rest, shape=node.shape) if isinstance(inner.value, Ref) else None
    is_whole = len(inner.shape) + 1 == len(node.shape) and argument(node, 1, "dim") == axis
    shape = (*inner.shape[:axis], 1, *inner.shape[axis:]) if axis is not None else ()
    return inner.then(node, inner.value, *rest, shape=shape, turned=1) if is_whole and axis is not None else None


def _stripped_of_two(node: Node, divisor: Ref, draft: Draft, axis: int | None, deep: int) -> Stripped | None:
    operands = pair(node)
    if operands is None or node.kwargs:
        return None
    first, second = operands
    if family(node) == "div":
        return Stripped(first, _shape(first, draft)) if second == divisor else None
    for value, other in ((first, second), (second, first)):
        inner = stripped(value, divisor, draft, axis, deep=deep + 1)
        if inner is not None and (_shape(other, draft) == node.shape or inner.shape == node.shape):
            return inner.then(node, inner.value, other, shape=node.shape)
    return None


def _shape(value: Any, draft: Draft) -> tuple[Size, ...]:
    return draft.nodes[value.node].shape if isinstance(value, Ref) else ()


def slope_of_log_of_softmax(node: Node, draft: Draft) -> Change | None:
    """p·(a/p − Σ (a/p)·p) = a − p·Σ a, along whichever dimension."""
    for p, difference in _both_orders(pair(node)):
        softmax, minus = draft.node(p, "softmax"), draft.node(difference, "sub")
        quotient, total = (pair(minus) or (None, None)) if minus is not None else (None, None)
        summed = draft.node(total, "sum")
        product = draft.node(argument(summed, 0, "input", "self"), "mul") if summed is not None else None
        if softmax is None or minus is None or summed is None or product is None:
            continue
        a = stripped(quotient, p, draft, readers=2)
        is_whole = {quotient, p} == set(product.refs) and draft.same_kind(node, p)
        if a is None or a.shape != node.shape or not is_whole or not isinstance(a.value, Ref):
            continue
        new_sum = made_like(summed, "sum", summed.call, a.value, *summed.args[1:], **summed.kwargs)
        back = made_like(product, "mul", torch.mul, p, Ref(new_sum.name))
        return changed(*a.nodes, new_sum, back, made_like(node, "sub", torch.sub, a.value, Ref(back.name)))
    return None


def _one_dim(summed: Node, count: int) -> int | None:
    """The only dimension that is summed over, counted from the front."""
    dims = argument(summed, 1, "dim")
    if dims is None:
        return 0 if count == 1 else None
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    return dims[0] % count if len(dims) == 1 and count else None


def slope_of_log_of_sum_of_exp(node: Node, draft: Draft) -> Change | None:
    """(a/Σeˣ)·eˣ = a·softmax(x)."""
    for quotient, power in _both_orders(pair(node)):
        exp = draft.node(power, "exp")
        x = only(exp) if exp is not None else None
        if exp is None or x is None or not is_floating(node) or not draft.same_kind(node, power):
            continue
        for total in draft.readers_so_far(power, "sum"):
            axis = _one_dim(total, len(exp.shape))
            is_kept = argument(total, 2, "keepdim", default=False) is True
            a = stripped(quotient, Ref(total.name), draft, axis) if axis is not None else None
            if a is not None and a.shape == node.shape and a.turned == (0 if is_kept or len(exp.shape) == 1 else 1):
                soft = replace(
                    made_like(exp, "softmax", torch.softmax, x, axis), name=draft.fresh(f"{exp.name}_softmax")
                )
                return changed(*a.nodes, soft, made_like(node, "mul", torch.mul, a.value, Ref(soft.name)))
    return None


def slope_of_log_of_one_plus_exp(node: Node, draft: Draft) -> Change | None:
    """(a/(1 + eˣ))·eˣ = a·σ(x)."""
    for quotient, power in _both_orders(pair(node)):
        exp = draft.node(power, "exp")
        x = only(exp) if exp is not None else None
        if exp is None or x is None or not is_floating(node) or not draft.same_kind(node, power):
            continue
        for total in draft.readers_so_far(power, "add"):
            is_one_more = any(is_number(one, 1, draft) for one in pair(total) or ())
            a = stripped(quotient, Ref(total.name), draft) if is_one_more else None
            if a is not None and (a.shape in (node.shape, ())) and total.shape == node.shape:
                bend = replace(made_like(exp, "sigmoid", torch.sigmoid, x), name=draft.fresh(f"{exp.name}_sigmoid"))
                return changed(*a.nodes, bend, made_like(node, "mul", torch.mul, a.value, Ref(bend.name)))
    return None


# ------------------------------------------------------------------------------------------------------------ the table
GRADIENTS: tuple[Rule, ...] = (
    rule("slope of log of sigmoid", "(a/σ + b/(1 − σ))·σ·(1 − σ) → a·(1 − σ) + b·σ", "no 0/0 where σ is rounded",
         cancelled_quotients, "mul", exact=False),
    rule("slope of log of softmax", "p·(a/p − Σ(a/p)·p) → a − p·Σa", "no 0/0 where a probability is rounded to 0",
         slope_of_log_of_softmax, "mul", exact=False),
    rule("slope of log of sum of exp", "(a/Σeˣ)·eˣ → a·softmax(x)", "no ∞/∞ where eˣ overflows",
         slope_of_log_of_sum_of_exp, "mul", exact=False),
    rule("slope of log of one plus", "(a/(1 + eˣ))·eˣ → a·σ(x)", "no ∞/∞ where eˣ overflows",
         slope_of_log_of_one_plus_exp, "mul", exact=False),
)  # fmt: skip
"""Rules for graphs of gradients. The new forms differ by the rounding errors of the old ones, which may be everything."""
