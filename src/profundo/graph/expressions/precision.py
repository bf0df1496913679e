"""The same computation in another floating type, such as float64 where the truth is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from profundo.graph.expressions.expression import Expression, ancestors

__all__ = ["in_precision"]


def in_precision(outputs: Sequence[Expression], dtype: torch.dtype) -> dict[Expression, Expression]:
    """All that the outputs are computed from, with one floating type instead of every other.

    A constant 0.1 that is kept in float32 becomes 0.1 in float64, as it was written, and not 0.10000000149.
    """
    made: dict[Expression, Expression] = {}
    for expression in ancestors(outputs):
        data = _as_written(expression.value, dtype) if expression.kind in ("constant", "shared") else None
        made[expression] = replace(
            expression,
            inputs=tuple(made[part] for part in expression.inputs),
            dtype=dtype if expression.dtype.is_floating_point else expression.dtype,
            options={key: dtype if _is_floating(value) else value for key, value in expression.options.items()},
            data=[data] if expression.kind == "shared" else data,
        )
    return made


def _as_written(value: Tensor, dtype: torch.dtype) -> Tensor:
    """A single number by the shortest decimals that tell it from its neighbours in its own type."""
    if not value.is_floating_point():
        return value.cpu()
    if value.dim() or value.dtype not in (torch.float32, torch.float16):
        return value.cpu().to(dtype)
    return torch.tensor(float(str(value.cpu().numpy())), dtype=dtype)


def _is_floating(value: Any) -> bool:
    return isinstance(value, torch.dtype) and value.is_floating_point
