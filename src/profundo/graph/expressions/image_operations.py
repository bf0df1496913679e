"""Convolution and pooling of signals, pictures and volumes, and what their gradients are made of.

A convolution is linear in its input and in its kernel; the gradient by each is a convolution again. The three undo one
another, so that derivatives of every order stay among them (Dumoulin & Visin 2016, chapter 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional, grad

from profundo.graph.expressions.defining import define, of_one_kind
from profundo.graph.expressions.elementwise import add, cast, neg
from profundo.graph.expressions.expression import Expression, Operand, Operation, as_expression
from profundo.graph.expressions.rearranging import dtype_of_first, reshape, shape_of_second
from profundo.graph.expressions.sizes import Mismatch, Shape, any_size, same
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["avg_pool2d", "conv1d", "conv2d", "conv3d", "max_pool2d", "min_pool2d"]

Steps = tuple[int, ...]


def _size_after(size: Any, kernel: Any, stride: int, padding: int, dilation: int = 1) -> Any:
    if not isinstance(size, int) or not isinstance(kernel, int):
        return any_size()
    left = size + 2 * padding - dilation * (kernel - 1) - 1
    if left < 0:
        raise Mismatch(Said("refusals.window_beyond", window=dilation * (kernel - 1) + 1, size=size + 2 * padding))
    return left // stride + 1


# -------------------------------------------------------------------------------------------------------- convolution
def _conv_shape(x: Expression, w: Expression, *, stride: Steps, padding: Steps, dilation: Steps, groups: int) -> Shape:
    dims = len(stride)
    if x.ndim == w.ndim == dims:
        return tuple(map(_size_after, x.shape, w.shape, stride, padding, dilation))
    if x.ndim != dims + 2 or w.ndim != dims + 2:
        raise Mismatch(f"expected (batch, channels, {dims} sizes) and (maps, channels / groups, {dims} sizes)")
    if isinstance(x.shape[1], int) and isinstance(w.shape[1], int):
        same(x.shape[1], w.shape[1] * groups, "channels")
    if isinstance(w.shape[0], int) and w.shape[0] % groups:
        raise Mismatch(f"{w.shape[0]} maps do not make {groups} groups")
    sizes = map(_size_after, x.shape[2:], w.shape[2:], stride, padding, dilation)
    return (x.shape[0], w.shape[0], *sizes)


def _convolve(dims: int) -> Operation:
    """The convolution in so many dimensions, with its two transposes."""

    run_by_input = getattr(grad, f"conv{dims}d_input")
    run_by_kernel = getattr(grad, f"conv{dims}d_weight")

    def of_planes(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Also of one image and one kernel without batch and channels."""

        def runs(*values: Tensor, **steps: Any) -> Tensor:
            if values[0].dim() > dims:
                return run(*values, **steps)
            return run(*(value[None, None] for value in values), **steps)[0, 0]

        return runs

    convolve: Operation = define(
        f"conv{dims}d",
        of_planes(getattr(functional, f"conv{dims}d")),
        shape=_conv_shape,
        dtype=of_one_kind,
        pullback=lambda _, g, x, w, **steps: (by_input(g, w, x, **steps), by_kernel(g, x, w, **steps)),
    )
    by_input: Operation = define(
        f"conv{dims}d_by_input",
        of_planes(lambda g, w, x, **steps: run_by_input(x.shape, w, g, **steps)),
        shape=lambda g, w, x, **_: x.shape,
        dtype=dtype_of_first,
        pullback=lambda _, h, g, w, x, **steps: (convolve(h, w, **steps), by_kernel(g, h, w, **steps), None),
    )
    by_kernel: Operation = define(
        f"conv{dims}d_by_kernel",
        of_planes(lambda g, x, w, **steps: run_by_kernel(x, w.shape, g, **steps)),
        shape=lambda g, x, w, **_: w.shape,
        dtype=dtype_of_first,
        pullback=lambda _, h, g, x, w, **steps: (convolve(x, h, **steps), by_input(g, h, x, **steps), None),
    )

    return convolve


def _convolution(dims: int) -> Callable[..., Expression]:
    convolve = _convolve(dims)

    def convolution(
        x: Operand,
        w: Operand,
        bias: Operand | None = None,
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Expression:
        steps = {
            "stride": _steps("stride", stride, dims, 1),
            "padding": _steps("padding", padding, dims, 0),
            "dilation": _steps("dilation", dilation, dims, 1),
        }
        image, kernel = _fractions(x, w)
        out = convolve(image, kernel, **steps, groups=groups)
        return out if bias is None else add(out, bias if image.ndim == dims else reshape(bias, -1, *[1] * dims))

    convolution.__name__ = convolution.__qualname__ = f"conv{dims}d"
    convolution.__doc__ = (
        f"Cross-correlation of (batch, channels, {dims} sizes) with kernels (maps, channels / groups, {dims} sizes), "
        f"plus one bias a map; or of one image of {dims} sizes with one kernel, both without the other dimensions."
    )
    return convolution


def _fractions(*operands: Operand) -> list[Expression]:
    """Written numbers, such as lists of 0 and 1, in the floating type of the expression beside them."""
    like = next((one.dtype for one in operands if isinstance(one, Expression)), torch.get_default_dtype())
    return [one if isinstance(one, Expression) else cast(as_expression(one, like), like) for one in operands]


conv1d, conv2d, conv3d = _convolution(1), _convolution(2), _convolution(3)


# ------------------------------------------------------------------------------------------------------------- pooling
def _pooled(x: Expression, *, kernel: Steps, stride: Steps, padding: Steps) -> Shape:
    if x.ndim != 4:
        raise Mismatch("expected (batch, channels, height, width)")
    return (*x.shape[:2], *map(_size_after, x.shape[2:], kernel, stride, padding))


def _as_output(_x: Expression, like: Expression, **window: Any) -> Shape:
    return _pooled(like, **window)


def _places(x: Tensor, kernel: Steps, stride: Steps, padding: Steps) -> Tensor:
    """Of each window, where in its plane the largest entry stands."""
    return functional.max_pool2d(x, kernel, stride, padding, return_indices=True)[1]


def _run_unpool(g: Tensor, x: Tensor, **window: Any) -> Tensor:
    places = _places(x, **window).flatten(2)
    return torch.zeros_like(x).flatten(2).scatter_add(2, places, g.flatten(2)).reshape(x.shape)


def _run_at_largest(h: Tensor, x: Tensor, **window: Any) -> Tensor:
    places = _places(x, **window)
    return h.flatten(2).gather(2, places.flatten(2)).reshape(places.shape)


_max_pool: Operation = define(
    "max_pool2d",
    lambda x, kernel, stride, padding: functional.max_pool2d(x, kernel, stride, padding),
    shape=_pooled,
    pullback=lambda _, g, x, **window: (_unpool(g, x, **window),),
)
_unpool: Operation = define(
    "max_unpool2d",
    _run_unpool,
    shape=lambda g, x, **_: x.shape,
    dtype=dtype_of_first,
    pullback=lambda _, h, g, x, **window: (_at_largest(h, x, **window), None),
)
_at_largest: Operation = define(
    "at_largest",
    _run_at_largest,
    shape=_as_output,
    dtype=dtype_of_first,
    pullback=lambda _, g, h, x, **window: (_unpool(g, x, **window), None),
)


def _run_spread(g: Tensor, x: Tensor, kernel: Steps, stride: Steps, padding: Steps) -> Tensor:
    return torch.ops.aten.avg_pool2d_backward(g, x, kernel, stride, padding, False, True, None)  # type: ignore[no-any-return]


_avg_pool: Operation = define(
    "avg_pool2d",
    lambda x, kernel, stride, padding: functional.avg_pool2d(x, kernel, stride, padding),
    shape=_pooled,
    pullback=lambda _, g, x, **window: (_spread(g, x, **window),),
)
_spread: Operation = define(
    "avg_unpool2d",
    _run_spread,
    shape=shape_of_second,
    dtype=dtype_of_first,
    pullback=lambda _, h, g, x, **window: (_avg_pool(h, **window), None),
)


def _window(kernel: Any, stride: Any, padding: Any) -> dict[str, Steps]:
    sides = _steps("kernel", kernel, 2, 1)
    pads = _steps("padding", padding, 2, 0)
    if any(2 * pad > side for pad, side in zip(pads, sides, strict=True)):
        raise ProfundoError(f"padding {pads} is more than half of the window {sides}")
    return {"kernel": sides, "stride": sides if stride is None else _steps("stride", stride, 2, 1), "padding": pads}


def _pooling(name: str, meaning: str, pool: Callable[..., Expression]) -> Callable[..., Expression]:
    def pooling(
        x: Operand,
        kernel: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
    ) -> Expression:
        return pool(x, **_window(kernel, stride, padding))

    pooling.__name__ = pooling.__qualname__ = name
    pooling.__doc__ = f"{meaning}. stride: the window's size if None."
    return pooling


max_pool2d = _pooling(
    "max_pool2d", "The largest entry of each window; the first of equal ones gets the gradient", _max_pool
)
min_pool2d = _pooling(
    "min_pool2d", "The smallest entry of each window", lambda x, **window: neg(_max_pool(neg(x), **window))
)
avg_pool2d = _pooling("avg_pool2d", "The mean of each window, padding counted as zeros, as in PyTorch", _avg_pool)


def _steps(what: str, value: Any, dims: int, least: int) -> Steps:
    steps = (value,) * dims if isinstance(value, int) else tuple(value)
    if len(steps) != dims or any(not isinstance(step, int) or step < least for step in steps):
        raise ProfundoError(f"{what}: expected a whole number ≥ {least} or {dims} of them, got {value!r}")
    return steps
