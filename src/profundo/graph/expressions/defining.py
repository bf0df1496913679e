"""How operations are defined: the shape and dtype rules that most of them share, and the table they enter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from profundo.graph.expressions.expression import OPERATIONS, Expression, Operation
from profundo.graph.expressions.sizes import Mismatch, Shape, broadcast

__all__ = ["as_first", "broadcasting", "define", "floating", "fractions", "of_one_kind", "promoted", "truth"]


def define(name: str, run: Callable[..., Any], **rules: Any) -> Operation:
    """An operation, entered in the table. Elementwise with promoted dtype unless rules say otherwise."""
    operation = Operation(name, run, rules.pop("shape", broadcasting), rules.pop("dtype", promoted), **rules)
    assert name not in OPERATIONS, name
    OPERATIONS[name] = operation
    return operation


def broadcasting(*inputs: Expression, **_options: Any) -> Shape:
    return broadcast([expression.shape for expression in inputs])


def as_first(first: Expression, *_others: Expression, **_options: Any) -> Shape:
    return first.shape


def promoted(*inputs: Expression, **_options: Any) -> torch.dtype:
    """The smallest that holds all; a single number adapts to an array of its category, as in PyTorch."""
    dtype = inputs[0].dtype
    for expression in inputs[1:]:
        dtype = torch.result_type(_example(dtype, inputs[0].ndim), _example(expression.dtype, expression.ndim))
    return dtype


def floating(*inputs: Expression, **_options: Any) -> torch.dtype:
    """As promoted, and whole numbers become PyTorch's default floating type."""
    dtype = promoted(*inputs)
    return dtype if dtype.is_floating_point else torch.get_default_dtype()


def fractions(*inputs: Expression, **options: Any) -> torch.dtype:
    """As promoted, of operations that PyTorch has for fractions only."""
    dtype = promoted(*inputs, **options)
    if not dtype.is_floating_point:
        raise Mismatch(f"expected fractions, got {dtype}; cast them first")
    return dtype


def of_one_kind(*inputs: Expression, **_options: Any) -> torch.dtype:
    """Of operations whose operands PyTorch does not convert."""
    first, *others = (one.dtype for one in inputs)
    if other := next((one for one in others if one != first), None):
        raise Mismatch(f"{first} and {other} differ; cast one of them")
    return first


def truth(*_inputs: Expression, **_options: Any) -> torch.dtype:
    return torch.bool


def _example(dtype: torch.dtype, ndim: int) -> torch.Tensor:
    return torch.empty((0,) if ndim else (), dtype=dtype)
