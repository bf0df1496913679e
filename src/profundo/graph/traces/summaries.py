"""A tensor in a few numbers: read once or twice at most, since a network has many large ones.

Squares are added up in blocks, and blocks in double precision: a plain sum of ten million squares in float32 is wrong
in the fourth digit. The variance is the mean square minus the squared mean, and where that would cancel (a spread far
below the mean) it is measured about the mean in a second reading.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from profundo.graph.nodes import Summary

__all__ = ["norm", "summary"]

BLOCK = 4096  # entries whose squares are added up in their own precision
CANCELS = 0.01  # a variance below so many squared means is measured about the mean
SAFE = (1e-15, 1e15)  # between these, squares neither vanish nor overflow in float32


def summary(tensor: Tensor, keep: bool = False) -> Summary | None:
    """Of the magnitudes where the tensor is complex; None where it has no values (on the "meta" device)."""
    if tensor.device.type == "meta":
        return None
    if torch._is_zerotensor(tensor):  # of forward derivatives: zeros for which no memory was set aside
        tensor = torch.zeros(tensor.shape, dtype=tensor.dtype, device=tensor.device)
    values, repeats = _distinct(_real(tensor))
    result = _of_one(values) if values.numel() == 1 else _of_many(values)
    if repeats > 1:
        result = replace(result, norm=result.norm * math.sqrt(repeats), bad=result.bad * repeats, item=None)
    if tensor.is_complex():
        result = replace(result, item=None)
    return replace(result, tensor=tensor.detach().clone()) if keep else result


def norm(tensor: Tensor) -> float | None:
    """Euclidean, over the finite entries."""
    result = summary(tensor)
    return None if result is None else result.norm


def _real(tensor: Tensor) -> Tensor:
    """As strided floating numbers of at least 32 bits, without history."""
    values = tensor.detach()
    if values.layout != torch.strided:
        values = values.to_dense()
    if values.is_complex():
        return values.abs()
    if values.dtype in (torch.float32, torch.float64):
        return values
    return values.float() if values.is_floating_point() else values.double()


def _distinct(values: Tensor) -> tuple[Tensor, int]:
    """Flat, without the copies that an expanded tensor only pretends to have, and how often each entry stands there."""
    repeats = 1
    for dimension in reversed(range(values.ndim)):
        if values.stride(dimension) == 0 and values.shape[dimension] > 1:
            repeats *= values.shape[dimension]
            values = values.select(dimension, 0)
    if not values.is_contiguous():  # as it lies in memory: channels last is read twice as fast that way
        values = values.permute(sorted(range(values.ndim), key=values.stride, reverse=True))
    return values.reshape(-1), repeats


def _of_one(values: Tensor) -> Summary:
    item = float(values.item())
    if not math.isfinite(item):
        return Summary(math.nan, math.nan, math.nan, math.nan, 0.0, 1, item)
    return Summary(item, item, item, 0.0, abs(item), 0, item)


def _of_many(values: Tensor) -> Summary:
    if values.numel() == 0:
        return Summary(math.nan, math.nan, math.nan, math.nan, 0.0)
    low, high = torch.aminmax(values)
    sums = [low.double(), high.double(), values.sum().double(), _sum_of_squares(values)]
    minimum, maximum, total, squares = torch.stack(sums).tolist()
    if not (math.isfinite(minimum) and math.isfinite(maximum)):
        return _of_the_finite(values)
    largest = max(abs(minimum), abs(maximum))
    if largest and not SAFE[0] < largest < SAFE[1]:
        return replace(_scaled(values, largest), minimum=minimum, maximum=maximum)
    mean = min(max(total / values.numel(), minimum), maximum)
    variance = squares / values.numel() - mean * mean
    if variance < CANCELS * mean * mean:
        about = values.double() - mean
        rest = about.mean().item()  # the mean of float32 is not the last word either
        mean, variance = mean + rest, _sum_of_squares(about).item() / values.numel() - rest * rest
    return Summary(minimum, maximum, mean, math.sqrt(max(variance, 0.0)), math.sqrt(squares))


def _of_the_finite(values: Tensor) -> Summary:
    finite = values[values.isfinite()]
    result = _of_one(finite) if finite.numel() == 1 else _of_many(finite)
    return replace(result, bad=values.numel() - finite.numel(), item=None)


def _scaled(values: Tensor, largest: float) -> Summary:
    """Of numbers whose squares would leave the range: of the numbers in units of the largest, then back."""
    result = _of_many(values.double() / largest)
    return Summary(0.0, 0.0, result.mean * largest, result.std * largest, result.norm * largest)


def _sum_of_squares(values: Tensor) -> Tensor:
    whole = values.numel() - values.numel() % BLOCK
    rest: Tensor = torch.linalg.vector_norm(values[whole:]).double().square()
    if not whole:
        return rest
    blocks: Tensor = torch.linalg.vector_norm(values[:whole].view(-1, BLOCK), dim=1).double()
    return rest + blocks.dot(blocks)
