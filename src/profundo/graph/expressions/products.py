"""Products of vectors and matrices."""

from __future__ import annotations

import torch

from profundo.graph.expressions.defining import define, of_one_kind
from profundo.graph.expressions.expression import Expression, Operand, Operation, as_expression
from profundo.graph.expressions.rearranging import squeeze, sum_to, transpose, unsqueeze
from profundo.graph.expressions.sizes import Mismatch, Shape, broadcast, same
from profundo.languages import Said

__all__ = ["dot", "matmul", "outer"]


def _product_shape(x: Expression, y: Expression) -> Shape:
    """As torch.matmul: vectors stand as a row on the left and as a column on the right; more dimensions are batches."""
    if not x.ndim or not y.ndim:
        raise Mismatch(Said("refusals.times_number"))
    same(x.shape[-1], y.shape[-2] if y.ndim > 1 else y.shape[0], "inner")
    rows, columns = x.shape[-2:-1], y.shape[-1:] if y.ndim > 1 else ()
    return (*broadcast([x.shape[:-2], y.shape[:-2]]), *rows, *columns)


def _product_pullback(_: Expression, g: Expression, x: Expression, y: Expression) -> tuple[Expression, Expression]:
    """∂(XY): Ḡ Yᵀ to the first, Xᵀ Ḡ to the second; summed over the batches that one of them was repeated for."""
    if x.ndim == 1 and y.ndim == 1:
        return g * y, g * x
    if x.ndim == 1:
        to_x = y @ g if y.ndim == 2 else sum_to(squeeze(y @ unsqueeze(g, -1), -1), x)
        return to_x, unsqueeze(x, -1) * unsqueeze(g, -2)
    if y.ndim == 1:
        to_y = transpose(x) @ g if x.ndim == 2 else sum_to(squeeze(transpose(x) @ unsqueeze(g, -1), -1), y)
        return unsqueeze(g, -1) * y, to_y
    to_x, to_y = g @ transpose(y), transpose(x) @ g
    return to_x if x.ndim >= y.ndim == 2 else sum_to(to_x, x), to_y if x.ndim == y.ndim == 2 else sum_to(to_y, y)


matmul: Operation = define(
    "matmul",
    torch.matmul,
    shape=_product_shape,
    dtype=of_one_kind,
    pullback=_product_pullback,
    text="{0} @ {1}",
    latex=r"{0} {1}",
    strength=5,
)


def dot(x: Operand, y: Operand) -> Expression:
    """Σ xᵢ yᵢ of two vectors."""
    return matmul(x, y)


def outer(x: Operand, y: Operand) -> Expression:
    """The matrix of all products xᵢ yⱼ of two vectors."""
    return unsqueeze(as_expression(x), 1) * unsqueeze(as_expression(y), 0)
