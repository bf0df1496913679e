"""A function of four numbers that is made of functions of two (Mhaskar, Liao & Poggio 2017, "When and why are deep
networks better than shallow ones?").

    f(x₁, x₂, x₃, x₄) = h(h(x₁, x₂), h(x₃, x₄)),   h(a, b) = sin(2(a + b))·cos(a − 2b)

A net with layers can follow the tree level by level. With one hidden layer, the number of units that an error asks for
grows in the worst case exponentially with the number of inputs (their theorems 1 and 2).
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from profundo.records import Dataset, Inputs, Samples, Spec, Targets

__all__ = ["INPUTS", "composition", "compositions", "constituent"]

INPUTS = 4


def constituent(a: Tensor, b: Tensor) -> Tensor:
    """h, from −1 to 1."""
    return torch.sin(2 * (a + b)) * torch.cos(a - 2 * b)


def composition(x: Tensor) -> Tensor:
    """(samples, 2ⁿ) → (samples, 1), level by level."""
    while x.shape[1] > 1:
        x = constituent(x[:, 0::2], x[:, 1::2])
    return x


def compositions(samples: int, generator: Generator) -> Dataset:
    """So many inputs to learn from, uniform on [−1, 1]⁴, and the values of f without noise; as many more in each of the
    other splits, up to 5,000."""

    def drawn(count: int) -> Samples:
        x = 2 * torch.rand(count, INPUTS, generator=generator) - 1
        return Samples(x, composition(x))

    train, held = drawn(samples), min(samples, 5000)
    mean, std = train.targets.mean().item(), train.targets.std().item()
    names = tuple(f"x{number}" for number in range(1, INPUTS + 1))
    spec = Spec(Inputs((INPUTS,), "features", names=names), Targets("real", names=("f",), mean=(mean,), std=(std,)))
    return Dataset("compositions", spec, train, drawn(held), drawn(held))
