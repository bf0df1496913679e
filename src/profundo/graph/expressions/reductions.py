"""Operations that make few numbers of many, along dimensions, and softmax with its kin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from profundo.graph.expressions.defining import as_first, define, fractions
from profundo.graph.expressions.elementwise import _root, cast, div, equal, exp, mul, square, sub
from profundo.graph.expressions.expression import Expression, Operand, Operation, as_expression, describe
from profundo.graph.expressions.rearranging import _dim, concat, expand_like, flip, pick, squeeze, unsqueeze
from profundo.graph.expressions.sizes import Mismatch, Shape, is_known
from profundo.records import ProfundoError

__all__ = [
    "argmax", "argmin", "count", "cross_entropy", "cumsum", "log_softmax", "logsumexp", "max", "mean", "min", "norm",
    "prod", "softmax", "std", "sum", "var",
]  # fmt: skip

Dims = int | Sequence[int] | None


def _reduced(x: Expression, dim: tuple[int, ...], keepdim: bool) -> Shape:
    return tuple(1 if at in dim else size for at, size in enumerate(x.shape) if keepdim or at not in dim)


def _reduced_not_empty(x: Expression, dim: tuple[int, ...], keepdim: bool) -> Shape:
    if any(x.shape[at] == 0 for at in dim):
        raise Mismatch("there is nothing to choose from along a dimension of size 0")
    return _reduced(x, dim, keepdim)


def _restored(reduced: Expression, x: Expression, dim: tuple[int, ...], keepdim: bool) -> Expression:
    """The value of each group, given back to every entry of x that went into it."""
    if not keepdim and len(dim) < x.ndim:
        for at in dim:
            reduced = unsqueeze(reduced, at)
    return expand_like(reduced, x)


def _over(x: Expression, dim: Dims) -> tuple[int, ...]:
    """Dimensions as numbers from the front, in order; None is all of them."""
    if dim is None:
        return tuple(range(x.ndim))
    if not isinstance(dim, int | Sequence):
        raise ProfundoError(f"expected a dimension, several or None, got {dim!r}; {describe(x)}")
    dims = sorted(_dim(x, at) for at in ([dim] if isinstance(dim, int) else dim))
    if len(set(dims)) != len(dims):
        raise ProfundoError(f"expected each dimension once, got {dim}; {describe(x)}")
    return tuple(dims)


def _whole_as_int64(x: Expression, **_options: Any) -> torch.dtype:
    return x.dtype if x.dtype.is_floating_point else torch.int64


def _run_sum(x: Tensor, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    if dim:
        return x.sum(dim, keepdim)
    return x if x.is_floating_point() else x.sum()  # whole numbers become int64 in a sum of one, too


_sum: Operation = define(
    "sum",
    _run_sum,
    shape=_reduced,
    dtype=_whole_as_int64,
    pullback=lambda _, g, x, dim, keepdim: (_restored(g, x, dim, keepdim),),
    latex=r"\sum {0}",
)
_mean: Operation = define(
    "mean",
    lambda x, dim, keepdim: x.mean(dim, keepdim) if dim else x,
    shape=_reduced,
    pullback=lambda _, g, x, dim, keepdim: (_restored(div(g, count(x, dim)), x, dim, keepdim),),
)


def sum(x: Operand, dim: Dims = None, keepdim: bool = False) -> Expression:
    """Sum along dimensions, all of them unless said otherwise."""
    x = as_expression(x)
    return _sum(x, dim=_over(x, dim), keepdim=keepdim)


def mean(x: Operand, dim: Dims = None, keepdim: bool = False) -> Expression:
    """Mean along dimensions, all of them unless said otherwise; NaN where there is nothing."""
    x = as_expression(x)
    if not x.dtype.is_floating_point:
        x = cast(x, torch.get_default_dtype())
    return _mean(x, dim=_over(x, dim), keepdim=keepdim)


def _counted(x: Tensor, dim: tuple[int, ...]) -> Tensor:
    return torch.tensor(math.prod(x.shape[at] for at in dim), dtype=x.dtype, device=x.device)


_count: Operation = define("count", _counted, shape=lambda x, dim: (), dtype=lambda x, dim: x.dtype)


def count(x: Operand, dim: Dims = None) -> Expression:
    """How many entries there are along dimensions, in the dtype of x."""
    x = as_expression(x)
    dims = _over(x, dim)
    if all(is_known(x.shape[at]) for at in dims):
        return as_expression(math.prod(x.shape[at] for at in dims), x.dtype)
    return _count(x, dim=dims)


def prod(x: Operand, dim: Dims = None, keepdim: bool = False) -> Expression:
    """Product along dimensions of known size, half by half: right for zeros, and so are its derivatives."""
    x = as_expression(x)
    for at in reversed(_over(x, dim)):
        size = x.shape[at]
        if not isinstance(size, int):
            raise ProfundoError(f"prod: expected a size that is known when the graph is built; {describe(x)}")
        x = _product_along(x, at, size)
        x = x if keepdim else squeeze(x, at)
    return x


def _product_along(x: Expression, at: int, size: int) -> Expression:
    """One half times the other, until one is left."""
    if size == 0:
        return expand_like(as_expression(1.0, x.dtype), sum(x, at, keepdim=True))
    along: tuple[Any, ...] = (slice(None),) * at
    while size > 1:
        half = size // 2
        product = mul(x[(*along, slice(half))], x[(*along, slice(half, 2 * half))])
        x = concat([product, x[(*along, slice(2 * half, None))]], at) if size % 2 else product
        size -= half
    return x


def _extreme(name: str, run: Callable[..., Tensor]) -> Callable[..., Expression]:
    def pullback(out: Expression, g: Expression, x: Expression, dim: tuple[int, ...], keepdim: bool) -> Any:
        chosen = cast(equal(x, _restored(out, x, dim, keepdim)), x.dtype)
        shares = sum(chosen, dim, keepdim)
        return (mul(chosen, _restored(div(g, shares), x, dim, keepdim)),)

    operation: Operation = define(
        name, lambda x, dim, keepdim: run(x, dim, keepdim) if dim else x, shape=_reduced_not_empty, pullback=pullback
    )

    def extreme(x: Operand, dim: Dims = None, keepdim: bool = False) -> Expression:
        x = as_expression(x)
        return operation(x, dim=_over(x, dim), keepdim=keepdim)

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = f"The {name}imum along dimensions; equal ones share the gradient."
    return extreme


max = _extreme("max", torch.amax)
min = _extreme("min", torch.amin)


def _choice(name: str, run: Callable[..., Tensor]) -> Callable[[Operand, int], Expression]:
    operation: Operation = define(
        name, lambda x, dim: run(x, dim), shape=lambda x, dim: _reduced_not_empty(x, (dim,), False),
        dtype=lambda x, dim: torch.int64,
    )  # fmt: skip

    def choice(x: Operand, dim: int = -1) -> Expression:
        x = as_expression(x)
        return operation(x, dim=_dim(x, dim))

    choice.__name__ = choice.__qualname__ = name
    choice.__doc__ = f"The place of the {name[3:]}imum along a dimension. It has no derivative."
    return choice


argmax = _choice("argmax", torch.argmax)
argmin = _choice("argmin", torch.argmin)


def var(x: Operand, dim: Dims = None, keepdim: bool = False, *, correction: float = 1) -> Expression:
    """Mean square distance from the mean; divides by the number of entries less the correction, as PyTorch does."""
    x = as_expression(x)
    deviation = sub(x, mean(x, dim, keepdim=True))
    return div(sum(square(deviation), dim, keepdim), sub(count(x, dim), correction))


def std(x: Operand, dim: Dims = None, keepdim: bool = False, *, correction: float = 1) -> Expression:
    """Square root of the variance."""
    return _root(var(x, dim, keepdim, correction=correction))


def norm(x: Operand, dim: Dims = None, keepdim: bool = False) -> Expression:
    """Euclidean norm √Σx²."""
    return _root(sum(square(x), dim, keepdim))


_cumsum: Operation = define(
    "cumsum",
    lambda x, dim: x.cumsum(dim),
    shape=as_first,
    dtype=_whole_as_int64,
    pullback=lambda _, g, x, dim: (flip(cumsum(flip(g, dim), dim), dim),),
)


def cumsum(x: Operand, dim: int = -1) -> Expression:
    """Sums of the first entries, the first two, the first three … along a dimension."""
    x = as_expression(x)
    return _cumsum(x, dim=_dim(x, dim))


# ------------------------------------------------------------------------------------------------------ softmax and kin
_softmax: Operation = define(
    "softmax",
    torch.softmax,
    shape=as_first,
    dtype=fractions,
    pullback=lambda out, g, x, dim: (mul(out, sub(g, sum(mul(g, out), dim, keepdim=True))),),
)
_log_softmax: Operation = define(
    "log_softmax",
    torch.log_softmax,
    shape=as_first,
    dtype=fractions,
    pullback=lambda out, g, x, dim: (sub(g, mul(exp(out), sum(g, dim, keepdim=True))),),
)
_logsumexp: Operation = define(
    "logsumexp",
    lambda x, dim, keepdim: torch.logsumexp(x, dim, keepdim) if dim else x,
    shape=_reduced,
    pullback=lambda out, g, x, dim, keepdim: (
        mul(_restored(g, x, dim, keepdim), exp(sub(x, _restored(out, x, dim, keepdim)))),
    ),
)


def softmax(x: Operand, dim: int = -1) -> Expression:
    """eˣ / Σeˣ along a dimension."""
    x = as_expression(x)
    return _softmax(x, dim=_dim(x, dim))


def log_softmax(x: Operand, dim: int = -1) -> Expression:
    """x − log Σeˣ along a dimension, without overflow."""
    x = as_expression(x)
    return _log_softmax(x, dim=_dim(x, dim))


def logsumexp(x: Operand, dim: Dims = None, keepdim: bool = False) -> Expression:
    """log Σeˣ along dimensions, without overflow."""
    x = as_expression(x)
    if not x.dtype.is_floating_point:
        x = cast(x, torch.get_default_dtype())
    return _logsumexp(x, dim=_over(x, dim), keepdim=keepdim)


def cross_entropy(logits: Operand, choice: Operand) -> Expression:
    """Mean over the batch of −log softmax(logits)[choice]: (batch, classes), (batch,) whole numbers."""
    return mean(-pick(log_softmax(logits), choice))
