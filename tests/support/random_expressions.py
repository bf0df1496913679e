"""Formulas drawn at random, on which the ways to differentiate must agree."""

import random
from collections.abc import Callable

import torch

from profundo.graph import operations as ops
from profundo.graph.expressions.expression import Expression, constant, inputs_of, scalar

DOUBLE = torch.float64

ONE: tuple[Callable[[Expression], Expression], ...] = (
    ops.sin, ops.cos, ops.tanh, ops.atan, ops.sigmoid, ops.softplus, ops.erf, ops.silu, ops.gelu, ops.neg, ops.abs, ops.relu,
    lambda x: ops.exp(ops.tanh(x)), lambda x: ops.log(1 + x**2), lambda x: ops.sqrt(1 + x**2), lambda x: 1 / (2 + ops.cos(x)),
    lambda x: ops.tan(ops.sin(x)), lambda x: ops.asin(0.9 * ops.sin(x)), lambda x: ops.sigmoid(x) ** 3,
)  # fmt: skip
TWO: tuple[Callable[[Expression, Expression], Expression], ...] = (
    ops.add, ops.sub, ops.mul, ops.maximum, ops.minimum, ops.logaddexp,
    lambda x, y: x / (1 + y**2), lambda x, y: ops.where(x > y, x * y, ops.sin(x)),
    lambda x, y: (1.5 + ops.sin(x)) ** ops.cos(y), lambda x, y: ops.atan2(x, 1 + y**2),
)  # fmt: skip
"""What random expressions are made of: each has a value for all numbers, and grows no faster than a product."""


def random_expression(draw: random.Random, depth: int = 4) -> tuple[Expression, dict[str, float]]:
    """A formula of up to three numbers, nested so deeply, and a point for it between −2 and 2."""
    inputs = [scalar(name, dtype=DOUBLE) for name in "abc"]

    def drawn(levels: int) -> Expression:
        if levels == 0 or draw.random() < 0.1:
            is_number = draw.random() < 0.2
            return constant(round(draw.uniform(-2, 2), 2), DOUBLE) if is_number else draw.choice(inputs)
        if draw.random() < 0.5:
            return draw.choice(ONE)(drawn(levels - 1))
        return draw.choice(TWO)(drawn(levels - 1), drawn(levels - 1))

    f = draw.choice(inputs) * drawn(depth) + drawn(depth)
    return f, {item.name: draw.uniform(-2, 2) for item in inputs_of([f])}
