"""What may be left out or moved without changing a bit: small rules, each with its formula.

Algebra and bookkeeping of compilers (constants, common parts: Aho, Lam, Sethi & Ullman 2006, "Compilers", chapter 9),
and ReLU behind max pooling. Forms with more digits are in stable.py, those for gradients in cancelling.py, and what
holds for a trained network in inference.py.

A rule changes what is computed never, and how only where that is known to be the same. So x · 0 stays, which is not 0
for NaN and infinity; and x + 0 stays where the sign of a zero could be seen, for −0.0 + 0 is 0.0.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from profundo.graph.nodes import Node, Ref, map_refs
from profundo.graph.rewriting.cancelling import GRADIENTS
from profundo.graph.rewriting.matching import (
    Change,
    Draft,
    Rule,
    argument,
    changed,
    family,
    is_deterministic,
    is_floating,
    is_idle_dropout,
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

__all__ = ["TRAINING", "after_pooling", "fold", "has_indices"]


# --------------------------------------------------------------------------------------------- constants, common parts
LARGEST_GROWTH = 64
"""Numbers that a folded constant may have more than what it was computed from: no table of zeros is stored."""


def fold(node: Node, draft: Draft, kinds: tuple[str, ...] = ("constant",)) -> Change | None:
    """Compute now what depends on constants alone."""
    inputs = [draft.node(ref) for ref in node.refs]
    if not inputs or not all(one is not None and one.op in kinds for one in inputs) or not is_deterministic(node):
        return None
    held = {ref: one.data for ref, one in zip(node.refs, inputs, strict=True) if one is not None}
    result = _computed(node, held)
    size = sum(data.numel() for data in held.values() if data is not None)
    if not isinstance(result, Tensor) or result.numel() > size + LARGEST_GROWTH:
        return None
    return changed(_with_data(made_like(node, "constant", None), result))


def _computed(node: Node, held: dict[Ref, Tensor | None]) -> Any:
    """The call's result; None where it fails, which is then for whoever runs the graph to see."""
    if any(data is None for data in held.values()) or node.call is None:
        return None
    try:
        with torch.no_grad():
            args = map_refs(node.args, held.__getitem__)
            return node.call(*args, **{key: map_refs(value, held.__getitem__) for key, value in node.kwargs.items()})
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
    x, one = operands
    if family(node) == "mul" and is_number(x, 1, draft):
        x, one = one, x
    return Change(x) if is_number(one, 1, draft) and draft.same_kind(node, x) and is_real(node) else None


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


def times_minus_one(node: Node, draft: Draft) -> Change | None:
    """x·(−1) and x/(−1) are −x."""
    operands = pair(node)
    if operands is None or not is_floating(node):
        return None
    x, sign = operands
    if family(node) == "mul" and is_number(x, -1, draft):
        x, sign = sign, x
    if not is_number(sign, -1, draft) or not draft.same_kind(node, x):
        return None
    return changed(made_like(node, "neg", torch.neg, x))


def twice_negated(node: Node, draft: Draft) -> Change | None:
    """−(−x) is x."""
    inner = draft.node(only(node), "neg")
    x = only(inner) if inner is not None else None
    return Change(x) if x is not None and draft.same_kind(node, x) else None


def idle_dropout(node: Node, draft: Draft) -> Change | None:
    """Dropout that drops nothing is its input. One that does is a random function, and stays."""
    x = argument(node, 0, "input")
    if not is_idle_dropout(node) or not isinstance(x, Ref):
        return None
    if draft.uses[Ref(node.name, 1)] or not draft.same_kind(node, x):
        return None
    return Change(x, part=0 if draft.uses[Ref(node.name, 0)] else None)


def square(node: Node, draft: Draft) -> Change | None:
    """x² = x·x, rounded once; its gradient g·x + g·x is 2·g·x to the bit."""
    x, power = pair(node) or (None, None)
    if not isinstance(x, Ref) or not is_number(power, 2, draft) or not draft.same_kind(node, x):
        return None
    return changed(made_like(node, "mul", torch.mul, x, x))


# ------------------------------------------------------------------------------------------------- rearranging entries
_RESHAPES = ("reshape", "reshape_like", "flatten", "squeeze", "unsqueeze")


def reshape_again(node: Node, draft: Draft) -> Change | None:
    """Only the last of several reshapes matters, and none at all if the shape is what it was."""
    x = argument(node, 0, "input", "self")
    inner = draft.node(x, *_RESHAPES)
    source = argument(inner, 0, "input", "self") if inner is not None else None
    if inner is None or not isinstance(source, Ref) or not _always_fits(draft.nodes[source.node], inner):
        source = None
    for same in (x, source):
        if isinstance(same, Ref) and draft.same_kind(node, same):
            return Change(same)
    sizes = argument(node, 1, "shape", "size")
    if family(node) != "reshape" or not isinstance(source, Ref) or draft.dtype(source) != node.dtype:
        return None
    if not isinstance(sizes, tuple | list) or len(node.args) + len(node.kwargs) != 2:
        return None
    return changed(made_like(node, node.op, torch.reshape, source, sizes))


def _always_fits(source: Node, reshaped: Node) -> bool:
    """Whether a reshape cannot fail when sizes are known: leaving it out would leave out its error."""

    def entries(node: Node) -> tuple[int, list[str]]:
        return math.prod(s for s in node.shape if isinstance(s, int)), sorted(
            s for s in node.shape if isinstance(s, str)
        )

    return entries(source) == entries(reshaped)


def same_shape(node: Node, draft: Draft) -> Change | None:
    """Broadcasting or summing to the shape that it has is nothing."""
    x = argument(node, 0, "input", "self")
    return Change(x) if isinstance(x, Ref) and draft.same_kind(node, x) else None


def transpose_again(node: Node, draft: Draft) -> Change | None:
    """Two rearrangements of the dimensions are one; none where everything is back in its place."""
    order = permutation(node)
    x = argument(node, 0, "input", "self")
    if order is None or not isinstance(x, Ref):
        return None
    if order == tuple(range(len(order))) and draft.same_kind(node, x):
        return Change(x)
    inner = draft.node(x, "transpose")
    before = permutation(inner) if inner is not None else None
    source = argument(inner, 0, "input", "self") if inner is not None else None
    if before is None or not isinstance(source, Ref) or len(before) != len(order):
        return None
    both = tuple(before[place] for place in order)
    if both == tuple(range(len(both))) and draft.same_kind(node, source):
        return Change(source)
    return changed(made_like(node, "transpose", torch.permute, source, both))


def permutation(node: Node) -> tuple[int, ...] | None:
    """Which dimension of its input each dimension of a transpose is."""
    count, given = len(node.shape), argument(node, 1, "dims", "dim0", "axis0")
    if not node.dtype:
        return None
    if isinstance(given, tuple | list) and all(isinstance(dim, int) for dim in given):
        return tuple(dim % count for dim in given) if len(given) == count else None
    order = list(range(count))
    if given is None:
        return tuple(reversed(order)) if count <= 2 and len(node.args) == 1 and not node.kwargs else None
    other = argument(node, 2, "dim1", "axis1")
    if not isinstance(given, int) or not isinstance(other, int) or not count:
        return None
    order[given], order[other] = order[other], order[given]
    return tuple(order)


# -------------------------------------------------------------------------------------------------------------- pooling
def relu_after_pooling(node: Node, draft: Draft) -> Change | None:
    """max(relu(x)) = relu(max(x)): a quarter of the entries for windows of 2×2.

    How much that saves depends on the pooling. PyTorch's, channels last, 10 to 28 %; with channels first its loop over
    windows guesses better where relu has made zeros, and takes up to 7 % longer (see benchmarks/graph_rewrite.py).

    The gradients are the same bits. Where a window has a positive entry both take the first of the largest ones; where
    it has none, the gradient of relu is 0 wherever max sent it.
    """
    return after_pooling(node, draft, frozenset({"relu"}))


def after_pooling(node: Node, draft: Draft, functions: frozenset[str]) -> Change | None:
    """The function that max pooling reads, moved behind it, if nobody else reads its result."""
    source = argument(node, 0, "input", "self")
    before = draft.node(source, *functions)
    x = argument(before, 0, "input", "self") if before is not None else None
    if before is None or not isinstance(x, Ref) or not draft.is_private(source) or not _pools_alone(node, draft):
        return None
    if not _is_smaller(node, before):
        return None
    pooled = made_like(node, node.op, node.call, *_instead(node.args, source, x), **_named(node.kwargs, source, x))
    result = Ref(node.name, 0) if has_indices(node) else Ref(node.name)
    moved = made_like(
        before, before.op, before.call, *_instead(before.args, x, result), **_named(before.kwargs, x, result)
    )
    return changed(pooled, replace(moved, shape=node.shape, dtype=node.dtype), part=result.part)


def has_indices(node: Node) -> bool:
    """Whether the pooling returns where its maxima were as well."""
    if isinstance(node.call, torch._ops.OpOverload):
        return len(node.call._schema.returns) > 1
    return argument(node, 2 if "adaptive" in str(node.call) else 6, "return_indices", default=False) is not False


def _pools_alone(node: Node, draft: Draft) -> bool:
    """Whether only the maxima are read, not their places."""
    return not draft.uses[Ref(node.name, 1)] and not (has_indices(node) and draft.uses[Ref(node.name)])


def _is_smaller(node: Node, before: Node) -> bool:
    """A pooling that keeps the size saves nothing. Sizes that are not known are taken to shrink."""
    pairs = [
        (a, b) for a, b in zip(node.shape, before.shape, strict=False) if isinstance(a, int) and isinstance(b, int)
    ]
    return not pairs or len(pairs) < len(node.shape) or any(a < b for a, b in pairs)


def _instead(args: tuple[Any, ...], old: Ref, new: Ref) -> tuple[Any, ...]:
    return tuple(new if value == old else value for value in args)


def _named(kwargs: Any, old: Ref, new: Ref) -> dict[str, Any]:
    return {key: new if value == old else value for key, value in kwargs.items()}


# ------------------------------------------------------------------------------------------------------------ the table
STRUCTURE: tuple[Rule, ...] = (
    rule("constants folded", "2 · 3 → 6", "what depends on constants alone is computed once, before", fold, ""),
    rule("one", "x·1, x/1, x¹ → x", "a neutral one changes nothing", times_one, "mul div pow"),
    rule("zero", "x − 0 → x", "a neutral zero changes nothing; x + 0 only where x cannot be −0.0", plus_zero, "add sub"),
    rule("minus one", "x·(−1) → −x", "a change of sign is no product", times_minus_one, "mul div"),
    rule("twice negated", "−(−x) → x", "two changes of sign are none", twice_negated, "neg"),
    rule("idle dropout", "dropout(x, 0) → x", "dropout that drops nothing is its input", idle_dropout, "dropout"),
    rule("reshaped again", "reshape(reshape(x)) → reshape(x)", "only the last shape matters", reshape_again,
          " ".join(_RESHAPES)),
    rule("same shape", "sum_to(x, shape of x) → x", "no size changes, so nothing does", same_shape,
          "expand sum_to_size"),
    rule("transposed again", "(xᵀ)ᵀ → x", "two orders of the dimensions are one", transpose_again, "transpose"),
)  # fmt: skip
"""The same bits, from less."""

SQUARE = rule("square", "x² → x·x", "a product takes a tenth of the time of a power", square, "pow", exact=False)

POOLING = rule("relu after pooling", "max(relu(x)) → relu(max(x))", "fewer entries are left for relu",
                relu_after_pooling, "max_pool")  # fmt: skip
SHARING = rule("common parts", "f(x) + f(x) → y + y with y = f(x)", "the same call of the same values is made once",
                share, "")  # fmt: skip

TRAINING: tuple[Rule, ...] = (*STRUCTURE, SQUARE, *STABLE, *GRADIENTS, POOLING, SHARING)
"""Rules that keep every gradient. Sharing comes last: what the others leave of a node is compared."""
