"""What may be left out without changing a bit: small rules, each with its formula.

Algebra and bookkeeping of compilers (constants, common parts: Aho, Lam, Sethi & Ullman 2006, "Compilers", chapter 9).
Forms with more digits are in stable.py, and what holds for a trained network in inference.py.

A rule changes what is computed never, and how only where that is known to be the same. So x · 0 stays, which is not 0
for NaN and infinity; and x + 0 stays where the sign of a zero could be seen, for −0.0 + 0 is 0.0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from profundo.graph.nodes import Node, Ref
from profundo.graph.rewriting.matching import (
    Change,
    Draft,
    Rule,
    argument,
    changed,
    family,
    is_deterministic,
    is_number,
    is_real,
    key_of,
    made_like,
    number,
    only,
    pair,
    rule,
)
from profundo.graph.rewriting.stable import STABLE
from profundo.graph.running import value_of

__all__ = ["TRAINING", "fold"]


# --------------------------------------------------------------------------------------------- constants, common parts
LARGEST_GROWTH = 64
"""Numbers that a folded constant may have more than what it was computed from: no table of zeros is stored."""


def fold(node: Node, draft: Draft, kinds: tuple[str, ...] = ("constant",)) -> Change | None:
    """Compute now what depends on constants alone."""
    inputs = [draft.node(ref) for ref in node.refs]
    if not inputs or not all(item is not None and item.op in kinds for item in inputs) or not is_deterministic(node):
        return None
    held = {item.name: item.data for item in inputs if item is not None}
    result = _computed(node, held)
    size = sum(data.numel() for data in held.values() if data is not None)
    if not isinstance(result, Tensor) or result.numel() > size + LARGEST_GROWTH:
        return None
    return changed(_with_data(made_like(node, "constant", None), result))


def _computed(node: Node, held: dict[str, Tensor | None]) -> Any:
    """The call's result; None where it fails, which is then for whoever runs the graph to see."""
    if any(data is None for data in held.values()):
        return None
    try:
        with torch.no_grad():
            return value_of(node, held)
    except Exception:  # noqa: BLE001 - any operation may refuse its inputs in its own way
        return None


def _with_data(node: Node, data: Tensor) -> Node:
    word = str(data.dtype).removeprefix("torch.")
    return replace(node, data=data, shape=tuple(data.shape), dtype=word)


def share(node: Node, draft: Draft) -> Change | None:
    """Use what has been computed already: the same call of the same values."""
    key = _identity(node)
    if key is None:
        return None
    before = draft.seen.setdefault(key, node)
    if before.name == node.name or draft.nodes.get(before.name) is not before:
        draft.seen[key] = node
        return None
    return Change(Ref(before.name))


SMALL = 16
"""Constants of so many numbers are compared by what they hold."""


def _identity(node: Node) -> Any:
    data = node.data if node.op == "constant" else None
    if data is not None and data.numel() <= SMALL and data.device.type == "cpu":
        return ("constant", data.dtype, tuple(data.shape), tuple(map(key_of, data.flatten().tolist())))
    if not is_deterministic(node):
        return None
    try:
        key = (node.call, key_of(node.args), key_of(dict(node.kwargs)), node.dtype)
        hash(key)
    except TypeError:
        return None
    return key


# ------------------------------------------------------------------------------------------------------------- algebra
def times_one(node: Node, draft: Draft) -> Change | None:
    """x·1, x/1 and x¹ are x."""
    operands = pair(node)
    if operands is None:
        return None
    x, item = operands
    if family(node) == "mul" and is_number(x, 1, draft):
        x, item = item, x
    return Change(x) if is_number(item, 1, draft) and draft.same_kind(node, x) and is_real(node) else None


def plus_zero(node: Node, draft: Draft) -> Change | None:
    """x − 0 is x to the last bit. x + 0 is too for whole numbers, and where x cannot be −0.0."""
    operands = pair(node)
    if operands is None:
        return None
    x, zero = operands
    if family(node) == "add" and number(x, draft) == 0:
        x, zero = zero, x
    if number(zero, draft) != 0 or not draft.same_kind(node, x) or not is_real(node):
        return None
    neutral = 0.0 if family(node) == "sub" else -0.0
    keeps = is_number(zero, neutral, draft) or node.dtype.startswith(("int", "uint")) or is_never_minus_zero(x, draft)
    return Change(x) if keeps else None


NEVER_MINUS_ZERO = frozenset({"exp", "sigmoid", "softmax", "abs", "square", "cosh"})
"""Functions that never give −0.0."""


def is_never_minus_zero(value: Any, draft: Draft) -> bool:
    node = draft.node(value)
    if node is None:
        return False
    if family(node) in ("add", "sub"):
        return any(number(operand, draft) not in (None, 0) for operand in pair(node) or ())
    return family(node) in NEVER_MINUS_ZERO


def twice_negated(node: Node, draft: Draft) -> Change | None:
    """−(−x) is x."""
    x = draft.inside(only(node), "neg")
    return Change(x) if x is not None and draft.same_kind(node, x) else None


def square(node: Node, draft: Draft) -> Change | None:
    """x² = x·x, rounded once; its gradient g·x + g·x is 2·g·x to the bit."""
    x, power = pair(node) or (None, None)
    if not isinstance(x, Ref) or not is_number(power, 2, draft) or not draft.same_kind(node, x):
        return None
    return changed(made_like(node, "mul", torch.mul, x, x))


def same_shape(node: Node, draft: Draft) -> Change | None:
    """Broadcasting, summing or reshaping to the shape that it has is nothing."""
    x = argument(node, 0, "input", "self")
    return Change(x) if isinstance(x, Ref) and draft.same_kind(node, x) else None


# ------------------------------------------------------------------------------------------------------------ the table
STRUCTURE: tuple[Rule, ...] = (
    rule("constants folded", "2 · 3 → 6", "what depends on constants alone is computed once, before", fold, ""),
    rule("one", "x·1, x/1, x¹ → x", "a neutral one changes nothing", times_one, "mul div pow"),
    rule("zero", "x − 0 → x", "a neutral zero changes nothing; x + 0 only where x cannot be −0.0", plus_zero, "add sub"),
    rule("twice negated", "−(−x) → x", "two changes of sign are none", twice_negated, "neg"),
    rule("same shape", "reshape(x, shape of x) → x", "no size changes, so nothing does", same_shape,
          "expand sum_to reshape"),
)  # fmt: skip
"""The same bits, from less."""

SQUARE = rule("square", "x² → x·x", "a product takes a tenth of the time of a power", square, "pow", exact=False)

SHARING = rule("common parts", "f(x) + f(x) → y + y with y = f(x)", "the same call of the same values is made once",
                share, "")  # fmt: skip

TRAINING: tuple[Rule, ...] = (*STRUCTURE, SQUARE, *STABLE, SHARING)
"""Rules that keep every gradient. Sharing comes last: what the others leave of a node is compared."""
