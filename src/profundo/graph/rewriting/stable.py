"""The same function with more of its digits: forms that stay finite where the naive ones overflow or are rounded away.

After Theano's stability rewrites; on the sum of exponentials see Blanchard, Higham & Higham 2021, "Accurately computing
the log-sum-exp and softmax functions". The two forms differ by the rounding errors of the naive one, which may be all
of its digits: log σ(−200) is −∞ in float32 when σ(−200) is computed first, and −200 when it is not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from profundo.graph.nodes import Node, Ref
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
)

__all__ = ["STABLE"]


# ------------------------------------------------------------------------------------------------- logs of exponentials
def log_of_sigmoid(node: Node, draft: Draft) -> Change | None:
    """log σ(x), which is −∞ from x = −104 on in float32, without computing σ(x)."""
    x = draft.inside(only(node), "sigmoid")
    return changed(made_like(node, "logsigmoid", F.logsigmoid, x)) if x is not None and is_floating(node) else None


def log_of_one_minus_sigmoid(node: Node, draft: Draft) -> Change | None:
    """log(1 − σ(x)) = log σ(−x), which is −∞ from x = 17 on in float32 if 1 − σ(x) is computed."""
    x = draft.inside(one_minus(draft.node(only(node)), draft), "sigmoid")
    if x is None or not is_floating(node):
        return None
    negative = replace(made_like(node, "neg", torch.neg, x), name=draft.fresh(f"{x.node}_negative"))
    return changed(negative, made_like(node, "logsigmoid", F.logsigmoid, Ref(negative.name)))


def one_minus(node: Node | None, draft: Draft) -> Any:
    """The u of 1 − u or −u + 1; else None."""
    if node is None or family(node) not in ("sub", "add"):
        return None
    first, second = pair(node) or (None, None)
    if family(node) == "sub":
        return second if is_number(first, 1, draft) else None
    if is_number(first, 1, draft):
        first, second = second, first
    return draft.inside(first, "neg") if is_number(second, 1, draft) else None


def log_of_softmax(node: Node, draft: Draft) -> Change | None:
    """log softmax(x) = x − logsumexp(x): no probability is so small that it is lost."""
    inner = draft.node(only(node), "softmax")
    if inner is None or not is_floating(node):
        return None
    x, dim = argument(inner, 0, "input", "self"), argument(inner, 1, "dim")
    plain = argument(inner, 2, "half_to_float", "dtype") in (None, False) and not inner.kwargs.get("dtype")
    if not isinstance(dim, int) or not plain or not draft.same_kind(node, x):
        return None
    return changed(made_like(node, "log_softmax", torch.log_softmax, x, dim=dim))


def log_of_sum_of_exp(node: Node, draft: Draft) -> Change | None:
    """log Σ exp(x) with the largest x taken out first: nothing overflows."""
    total = draft.node(only(node), "sum")
    inner = draft.node(argument(total, 0, "input", "self"), "exp") if total is not None else None
    if total is None or inner is None or not is_floating(node) or total.kwargs.get("dtype") is not None:
        return None
    dims, keepdim = argument(total, 1, "dim"), argument(total, 2, "keepdim", default=False)
    dims = tuple(range(len(inner.shape))) if dims is None else dims
    if not inner.dtype or not inner.shape or dims in ((), []) or not isinstance(keepdim, bool) or len(total.args) > 3:
        return None
    return changed(made_like(node, "logsumexp", torch.logsumexp, only(inner), dims, keepdim))


def exp_over_sum(node: Node, draft: Draft) -> Change | None:
    """eˣ / Σeˣ is softmax(x), with the largest x taken out first."""
    power, total = pair(node) or (None, None)
    exp, summed = draft.node(power, "exp"), draft.node(total, "sum")
    if exp is None or summed is None or not is_floating(node) or not draft.same_kind(node, power):
        return None
    count = len(exp.shape)
    dims = argument(summed, 1, "dim")
    dims = range(count) if dims is None else dims
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    is_aligned = argument(summed, 2, "keepdim", default=False) is True or count == 1
    if argument(summed, 0, "input", "self") != power or len(dims) != 1 or not is_aligned or summed.kwargs.get("dtype"):
        return None
    return changed(made_like(node, "softmax", torch.softmax, only(exp), dim=dims[0]))


SOFTPLUS_IS_LINEAR = 40.0
"""From here on log(1 + exp(x)) is x to the last bit of float64, for exp(−40)/40 is below 2⁻⁵³."""


def log_of_one_plus(node: Node, draft: Draft) -> Change | None:
    """log(1 + exp(x)) is softplus, which does not overflow; log(1 + u) is log1p, which keeps a small u."""
    inner = draft.node(only(node), "add")
    if family(node) == "log1p":
        return _softplus(node, only(node), draft)
    operands = pair(inner) if inner is not None else None
    if operands is None or not is_floating(node):
        return None
    u, unit = operands
    if is_number(u, 1, draft):
        u, unit = unit, u
    if not is_number(unit, 1, draft) or not draft.same_kind(node, u):
        return None
    return _softplus(node, u, draft) or changed(made_like(node, "log1p", torch.log1p, u))


def _softplus(node: Node, value: Any, draft: Draft) -> Change | None:
    x = draft.inside(value, "exp")
    if x is None or not is_floating(node):
        return None
    return changed(made_like(node, "softplus", F.softplus, x, 1.0, SOFTPLUS_IS_LINEAR))


# ------------------------------------------------------------------------------------------------------------ the table
STABLE: tuple[Rule, ...] = (
    rule("log of sigmoid", "log σ(x) → logsigmoid(x)", "finite where σ(x) is rounded to 0", log_of_sigmoid, "log",
          exact=False),
    rule("log of one minus sigmoid", "log(1 − σ(x)) → logsigmoid(−x)", "finite where σ(x) is rounded to 1",
          log_of_one_minus_sigmoid, "log", exact=False),
    rule("log of softmax", "log softmax(x) → log_softmax(x)", "finite where a probability is rounded to 0",
          log_of_softmax, "log", exact=False),
    rule("log of sum of exp", "log Σ exp(x) → logsumexp(x)", "finite where exp(x) overflows or all are rounded to 0",
          log_of_sum_of_exp, "log", exact=False),
    rule("exp over sum of exp", "eˣ / Σeˣ → softmax(x)", "finite where eˣ overflows", exp_over_sum, "div",
          exact=False),
    rule("log of one plus", "log(1 + u) → log1p(u), log(1 + eˣ) → softplus(x)", "keeps a u that 1 + u rounds away",
          log_of_one_plus, "log log1p", exact=False),
)  # fmt: skip
"""Rules that keep the function and its gradients, and improve the values."""
