"""Operations that move entries and compute nothing, and the opposite of each: what their gradients need.

Sizes are often unknown when a graph is built, so the opposites take the shape of another value: `sum_to(g, like)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from profundo.graph.expressions.defining import as_first, define
from profundo.graph.expressions.expression import Expression, Operand, Operation, as_expression, describe
from profundo.graph.expressions.sizes import Mismatch, Shape, any_size, broadcast, is_known, same
from profundo.graph.nodes import Size
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "argsort", "broadcast_to", "concat", "expand_like", "flatten", "flip", "index", "one_hot", "pad", "permute", "pick",
    "reshape", "sort", "squeeze", "stack", "sum_to", "take", "transpose", "unsqueeze", "zeros_like",
]  # fmt: skip


def dtype_of_first(first: Expression, *_others: Expression, **_options: Any) -> torch.dtype:
    return first.dtype


def shape_of_second(_first: Expression, second: Expression, *_others: Expression, **_options: Any) -> Shape:
    return second.shape


# -------------------------------------------------------------------------------------------------------- broadcasting
def _expanded(x: Expression, like: Expression) -> Shape:
    if len(broadcast([x.shape, like.shape])) > like.ndim:
        raise Mismatch("the first has more dimensions")
    return like.shape


expand_like: Operation = define(
    "expand_like",
    lambda x, like: x.expand_as(like),
    shape=_expanded,
    dtype=dtype_of_first,
    pullback=lambda _, g, x, like: (sum_to(g, x), None),
)
sum_to: Operation = define(
    "sum_to",
    lambda x, like: x.sum_to_size(like.shape),
    shape=shape_of_second,
    dtype=dtype_of_first,
    pullback=lambda _, g, x, like: (expand_like(g, x), None),
)
zeros_like: Operation = define("zeros_like", torch.zeros_like, shape=as_first)
_broadcast: Operation = define(
    "broadcast_to",
    lambda x, shape: x.expand(shape),
    shape=lambda x, shape: broadcast([x.shape, shape]),
    pullback=lambda _, g, x, shape: (sum_to(g, x),),
)


def broadcast_to(x: Operand, shape: Sequence[int]) -> Expression:
    """x repeated along dimensions of size 1, and along new ones in front."""
    return _broadcast(x, shape=tuple(shape))


# --------------------------------------------------------------------------------------------------------------- shape
_reshape_like: Operation = define(
    "reshape_like",
    lambda x, like: x.reshape(like.shape),
    shape=shape_of_second,
    dtype=dtype_of_first,
    pullback=lambda _, g, x, like: (_reshape_like(g, x), None),
)


def _reshaped(x: Expression, shape: tuple[int, ...]) -> Shape:
    known = prod(size for size in shape if size != -1)
    sizes = [size for size in x.shape if isinstance(size, int)]
    if len(sizes) < x.ndim:
        is_batch = x.ndim > 0 and len(sizes) == x.ndim - 1 and isinstance(x.shape[0], str) and prod(sizes) == known
        left = x.shape[0] if is_batch else any_size()  # (n, …) as (−1, …) keeps its n
        return tuple(left if size == -1 else size for size in shape)
    entries = prod(sizes)
    if (-1 in shape and (known == 0 or entries % known)) or (-1 not in shape and known != entries):
        raise Mismatch(f"{entries} entries do not make {'×'.join(map(str, shape))}")
    return tuple(entries // known if size == -1 else size for size in shape)


_reshape: Operation = define(
    "reshape",
    lambda x, shape: x.reshape(shape),
    shape=_reshaped,
    pullback=lambda _, g, x, shape: (_reshape_like(g, x),),
)


def reshape(x: Operand, *shape: int | Sequence[int]) -> Expression:
    """The same entries in another shape; one size may be −1: whatever is left."""
    sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    wanted = tuple(int(size) for size in sizes)  # type: ignore[arg-type]
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise ProfundoError(f"reshape: expected sizes ≥ 0 and at most one −1, got {wanted}")
    return _reshape(x, shape=wanted)


def flatten(x: Operand) -> Expression:
    """Each sample as one row: (batch, …) → (batch, features)."""
    x = as_expression(x)
    sizes = [size for size in x.shape[1:] if isinstance(size, int)]
    if x.ndim < 1 or len(sizes) < x.ndim - 1:
        raise ProfundoError(f"flatten: expected a batch of known sizes, got {describe(x)}")
    return reshape(x, -1, prod(sizes))


_permute: Operation = define(
    "permute",
    lambda x, dims: x.permute(dims),
    shape=lambda x, dims: tuple(x.shape[dim] for dim in dims),
    pullback=lambda _, g, x, dims: (permute(g, [dims.index(at) for at in range(len(dims))]),),
)


_transpose: Operation = define(
    "transpose",
    lambda x: x.transpose(0, 1),
    shape=lambda x: (x.shape[1], x.shape[0]),
    pullback=lambda _, g, x: (_transpose(g),),
    text="{0}ᵀ",
    latex="{0}^T",
    strength=8,
)


def permute(x: Operand, dims: Sequence[int]) -> Expression:
    """Dimensions in another order: the first of the result is dims[0] of x."""
    x = as_expression(x)
    order = tuple(_dim(x, dim) for dim in dims)
    if sorted(order) != list(range(x.ndim)):
        raise ProfundoError(f"permute: expected each of {x.ndim} dimensions once, got {tuple(dims)}; {describe(x)}")
    if order == (1, 0):
        return _transpose(x)
    return x if order == tuple(range(x.ndim)) else _permute(x, dims=order)


def transpose(x: Operand, one: int = -2, other: int = -1) -> Expression:
    """Two dimensions exchanged, the last two unless said otherwise."""
    x = as_expression(x)
    order = list(range(x.ndim))
    one, other = _dim(x, one), _dim(x, other)
    order[one], order[other] = order[other], order[one]
    return permute(x, order)


_unsqueeze: Operation = define(
    "unsqueeze",
    lambda x, dim: x.unsqueeze(dim),
    shape=lambda x, dim: (*x.shape[:dim], 1, *x.shape[dim:]),
    pullback=lambda _, g, x, dim: (squeeze(g, dim),),
)


def _run_squeeze(x: Tensor, dim: int) -> Tensor:
    if x.shape[dim] != 1:  # PyTorch would leave it there
        raise ProfundoError(f"squeeze: dimension {dim} turned out to have size {x.shape[dim]}, not 1")
    return x.squeeze(dim)


_squeeze: Operation = define(
    "squeeze",
    _run_squeeze,
    shape=lambda x, dim: (*x.shape[:dim], *x.shape[dim + 1 :]),
    pullback=lambda _, g, x, dim: (unsqueeze(g, dim),),
)


def unsqueeze(x: Operand, dim: int) -> Expression:
    """A new dimension of size 1 at this place."""
    x = as_expression(x)
    return _unsqueeze(x, dim=_dim(x, dim, extra=1))


def squeeze(x: Operand, dim: int) -> Expression:
    """Without this dimension, which has size 1."""
    x = as_expression(x)
    at = _dim(x, dim)
    if is_known(x.shape[at]) and x.shape[at] != 1:
        raise ProfundoError(f"squeeze: dimension {dim} has size {x.shape[at]}, not 1; {describe(x)}")
    return _squeeze(x, dim=at)


_flip: Operation = define(
    "flip", lambda x, dim: x.flip(dim), shape=as_first, pullback=lambda _, g, x, dim: (_flip(g, dim=dim),)
)  # fmt: skip


def flip(x: Operand, dim: int) -> Expression:
    """The entries of a dimension in reverse order."""
    x = as_expression(x)
    return _flip(x, dim=_dim(x, dim))


# ------------------------------------------------------------------------------------------------------------- joining
def _joined(*parts: Expression, dim: int) -> Shape:
    first, *others = parts
    sizes = list(first.shape)
    for other in others:
        if other.ndim != first.ndim:
            raise Mismatch(Said("refusals.other_dimensions", one=first.ndim, other=other.ndim))
        sizes = [
            same(one, two) if at != dim else one for at, (one, two) in enumerate(zip(sizes, other.shape, strict=True))
        ]
    along = [part.shape[dim] for part in parts]
    sizes[dim] = sum(along) if all(map(is_known, along)) else any_size()  # type: ignore[arg-type]
    return tuple(sizes)


def _run_part(g: Tensor, *parts: Tensor, dim: int, at: int) -> Tensor:
    begin = sum(part.shape[dim] for part in parts[:at])
    return g.narrow(dim, begin, parts[at].shape[dim])


_concat: Operation = define(
    "concat",
    lambda *parts, dim: torch.cat(parts, dim),
    shape=_joined,
    pullback=lambda _, g, *parts, dim: _parts(g, parts, dim),
)
_part: Operation = define(
    "part_of",
    _run_part,
    shape=lambda g, *parts, dim, at: parts[at].shape,
    dtype=dtype_of_first,
    pullback=lambda _, g, whole, *parts, dim, at: [
        _concat(*[g if place == at else zeros_like(part) for place, part in enumerate(parts)], dim=dim),
        *[None for _ in parts],
    ],
)


def _parts(g: Expression, parts: Sequence[Expression], dim: int) -> list[Expression]:
    """What came from each part. Where sizes are known a slice tells it, else the sizes of all parts are asked."""
    sizes = [part.shape[dim] for part in parts]
    ends = list(accumulate(size for size in sizes if isinstance(size, int)))
    if len(ends) < len(parts):
        return [_part(g, *parts, dim=dim, at=at) for at in range(len(parts))]
    whole = (slice(None),) * dim
    return [index(g, (*whole, slice(begin, end))) for begin, end in pairwise([0, *ends])]


def concat(parts: Sequence[Operand], dim: int = 0) -> Expression:
    """Several values one after the other along a dimension."""
    if not parts:
        raise ProfundoError("concat: expected at least one part, got none")
    known = _side_by_side(parts)
    return _concat(*known, dim=_dim(known[0], dim))


def _stacked(*parts: Expression, dim: int) -> Shape:
    sizes = parts[0].shape
    for other in parts[1:]:
        if other.ndim != len(sizes):
            raise Mismatch(Said("refusals.other_dimensions", one=len(sizes), other=other.ndim))
        sizes = tuple(same(one, two) for one, two in zip(sizes, other.shape, strict=True))
    return (*sizes[:dim], len(parts), *sizes[dim:])


_stack: Operation = define(
    "stack",
    lambda *parts, dim: torch.stack(parts, dim),
    shape=_stacked,
    pullback=lambda _, g, *parts, dim: [index(g, (*(slice(None),) * dim, at)) for at in range(len(parts))],
)


def stack(parts: Sequence[Operand], dim: int = 0) -> Expression:
    """Several values of one shape along a new dimension."""
    if not parts:
        raise ProfundoError("stack: expected at least one part, got none")
    known = _side_by_side(parts)
    return _stack(*known, dim=_dim(known[0], dim, extra=1))


def _side_by_side(parts: Sequence[Operand]) -> list[Expression]:
    """Written numbers in the dtype of the expressions among them."""
    like = next((part.dtype for part in parts if isinstance(part, Expression)), None)
    return [as_expression(part, like) for part in parts]


def _padded(x: Expression, widths: tuple[int, ...], **_value: float) -> Shape:
    if len(widths) > 2 * x.ndim:
        raise Mismatch(f"{len(widths)} widths for {x.ndim} dimensions")
    sizes = list(x.shape)
    for at in range(len(widths) // 2):
        size = sizes[-1 - at]
        sizes[-1 - at] = size + widths[2 * at] + widths[2 * at + 1] if isinstance(size, int) else any_size()
    return tuple(sizes)


_pad: Operation = define(
    "pad",
    lambda x, widths, value: functional.pad(x, widths, value=value),
    shape=_padded,
    pullback=lambda _, g, x, widths, value: (index(g, (Ellipsis, *_inside(widths))),),
)


def _inside(widths: tuple[int, ...]) -> list[slice]:
    """Of each dimension that was padded, from the first to the last, what lies between."""
    pairs = zip(widths[::2], widths[1::2], strict=True)
    return [slice(before, -after if after else None) for before, after in pairs][::-1]


def pad(x: Operand, widths: Sequence[int], value: float = 0.0, *, mode: str = "constant") -> Expression:
    """More entries at the ends, all of one value. widths: before and after, of the last dimension first, as in PyTorch."""
    sides = tuple(widths)
    if len(sides) % 2 or any(not isinstance(side, int) or side < 0 for side in sides) or mode != "constant":
        raise ProfundoError(f"pad: expected pairs of whole numbers ≥ 0 and one value, got {sides} and mode {mode!r}")
    return _pad(as_expression(x), widths=sides, value=float(value))


# ------------------------------------------------------------------------------------------------------------- sorting
_argsort: Operation = define(
    "argsort",
    lambda x, dim, descending: torch.argsort(x, stable=True, dim=dim, descending=descending),
    shape=lambda x, dim, descending: x.shape,
    dtype=lambda x, **_: torch.int64,
)
_gather: Operation = define(
    "gather",
    lambda x, places, dim: x.gather(dim, places),
    shape=shape_of_second,
    dtype=dtype_of_first,
    pullback=lambda _, g, x, places, dim: (_put(g, x, places, dim=dim), None),
)
_put: Operation = define(
    "put",
    lambda g, x, places, dim: torch.zeros_like(x).scatter_add(dim, places, g),
    shape=shape_of_second,
    dtype=dtype_of_first,
    pullback=lambda _, h, _g, x, places, dim: (_gather(h, places, dim=dim), None, None),
)


def argsort(x: Operand, dim: int = -1, descending: bool = False) -> Expression:
    """Where the smallest entry stands, the next one … along a dimension; of equal ones, the first. It has no derivative."""
    x = as_expression(x)
    return _argsort(x, dim=_dim(x, dim), descending=descending)


def sort(x: Operand, dim: int = -1, descending: bool = False) -> Expression:
    """The entries from the smallest to the largest along a dimension (where they stood: argsort)."""
    x = as_expression(x)
    return _gather(x, argsort(x, dim, descending), dim=_dim(x, dim))


# ------------------------------------------------------------------------------------------------------------ indexing
SLOT = "·"  # stands in a template of indices for the next of the inputs


def _template(at: tuple[Any, ...], slots: Sequence[Any]) -> tuple[Any, ...]:
    waiting = iter(slots)
    return tuple(next(waiting) if part is SLOT else part for part in at)


def _indexed(x: Expression, *slots: Expression, at: tuple[Any, ...]) -> Shape:
    """As PyTorch: first numbers, slices and None; then lists, in their place if side by side and in front if not."""
    for slot in slots:
        if slot.dtype == torch.bool:
            raise Mismatch("a condition chooses how many; use where(…, …, …) instead")
        if slot.dtype not in (torch.int32, torch.int64):
            raise Mismatch(f"indices are int32 or int64, not {slot.dtype}")
    sizes = _sliced(x.shape, _template(at, slots))
    places = [place for place, size in enumerate(sizes) if isinstance(size, Expression)]
    if not places:
        return tuple(size for size in sizes if not isinstance(size, Expression))
    chosen = broadcast([size.shape for size in sizes if isinstance(size, Expression)])
    rest = [size for size in sizes if not isinstance(size, Expression)]
    front = places[0] if places[-1] - places[0] == len(places) - 1 else 0
    return (*rest[:front], *chosen, *rest[front:])


def _sliced(shape: Shape, at: tuple[Any, ...]) -> list[Size | Expression]:
    """The sizes after numbers, slices, None and one ellipsis; an expression of several numbers stands for its own."""
    taken = sum(part is not None and part is not Ellipsis for part in at)
    if taken > len(shape):
        raise Mismatch(f"{taken} indices for {len(shape)} dimensions")
    if Ellipsis not in at:
        at = (*at, Ellipsis)
    left, sizes = list(shape), list[Size | Expression]()
    for place, part in enumerate(at):
        if part is None:
            sizes.append(1)
        elif part is Ellipsis:
            rest = sum(later is not None for later in at[place + 1 :])
            sizes += [left.pop(0) for _ in range(len(left) - rest)]
        elif isinstance(part, slice):
            if isinstance(part.step, int) and part.step < 1:
                raise Mismatch(f"a step is at least 1, not {part.step}; use flip(…)")
            size = left.pop(0)
            if part != slice(None):
                size = len(range(*part.indices(size))) if isinstance(size, int) else any_size()
            sizes.append(size)
        elif isinstance(part, Expression):
            left.pop(0)
            sizes += [part] if part.ndim else []
        else:
            size = left.pop(0)
            if isinstance(size, int) and not -size <= part < size:
                raise Mismatch(f"index {part} is outside a dimension of size {size}")
    return sizes


def _run_scatter(g: Tensor, x: Tensor, *slots: Tensor, at: tuple[Any, ...]) -> Tensor:
    """Zeros like x, with g added where x[at] was taken from; what was taken twice gets both."""
    places = torch.arange(x.numel(), device=x.device).reshape(x.shape)[_template(at, slots)]
    return g.new_zeros(x.numel()).index_add_(0, places.reshape(-1), g.reshape(-1)).reshape(x.shape)


_index: Operation = define(
    "index",
    lambda x, *slots, at: x[_template(at, slots)],
    shape=_indexed,
    dtype=dtype_of_first,
    pullback=lambda _, g, x, *slots, at: (_scatter(g, x, *slots, at=at), *[None for _ in slots]),
)
_scatter: Operation = define(
    "scatter",
    _run_scatter,
    shape=shape_of_second,
    dtype=dtype_of_first,
    pullback=lambda _, g, _g, x, *slots, at: (_index(g, *slots, at=at), None, *[None for _ in slots]),
)


def index(x: Expression, at: Any) -> Expression:
    """x[at] as NumPy and PyTorch have it: whole numbers, slices, None, … and expressions or lists of whole numbers."""
    parts = at if isinstance(at, tuple) else (at,)
    slots = [as_expression(part) for part in parts if not _is_plain(part)]
    for slot in slots:
        if slot.dtype.is_floating_point:
            raise ProfundoError(f"index: expected whole numbers, got {describe(slot)} of {slot.dtype}")
    return _index(x, *slots, at=tuple(part if _is_plain(part) else SLOT for part in parts))


def take(x: Operand, indices: Operand) -> Expression:
    """Rows of x by their numbers, such as the vectors of words: (rows, …), (…) → (…, …)."""
    return index(as_expression(x), as_expression(indices))


_pick: Operation = define(
    "pick",
    lambda x, choice: x.gather(-1, choice.unsqueeze(-1)).squeeze(-1),
    shape=lambda x, choice: broadcast([x.shape[:-1], choice.shape]),
    dtype=dtype_of_first,
    pullback=lambda _, g, x, choice: (_place(g, x, choice), None),
)
_place: Operation = define(
    "place",
    lambda g, x, choice: torch.zeros_like(x).scatter(-1, choice.unsqueeze(-1), g.unsqueeze(-1)),
    shape=shape_of_second,
    dtype=dtype_of_first,
    pullback=lambda _, g, _g, x, choice: (pick(g, choice), None, None),
)


def pick(x: Operand, choice: Operand) -> Expression:
    """Of each row the entry that `choice` names: (…, classes), (…) whole numbers → (…)."""
    x, choice = as_expression(x), as_expression(choice)
    if not x.ndim or x.ndim != choice.ndim + 1 or choice.dtype.is_floating_point or choice.dtype == torch.bool:
        raise ProfundoError(
            f"pick: expected values (…, classes) and whole numbers (…), got {describe(x)} and {describe(choice)}"
        )
    if choice.dtype != torch.int64:
        from profundo.graph.expressions.elementwise import cast

        choice = cast(choice, torch.int64)
    return _pick(x, choice)


def one_hot(choice: Operand, classes: int, dtype: torch.dtype | None = None) -> Expression:
    """1 at the place of each whole number and 0 elsewhere: (…) → (…, classes)."""
    from profundo.graph.expressions.elementwise import cast, equal

    return cast(equal(unsqueeze(choice, -1), torch.arange(classes)), dtype or torch.get_default_dtype())


def _is_plain(part: Any) -> bool:
    return part is None or part is Ellipsis or isinstance(part, slice) or (
        isinstance(part, int) and not isinstance(part, bool)
    )  # fmt: skip


def _dim(x: Expression, dim: int, extra: int = 0) -> int:
    """The dimension counted from the front. extra: how many more may be named than there are."""
    count = x.ndim + extra
    if not isinstance(dim, int) or not -count <= dim < count:
        raise ProfundoError(f"expected a dimension from {-count} to {count - 1}, got {dim!r}; {describe(x)}")
    return dim % count
