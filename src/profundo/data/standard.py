"""Standardised values (raw − mean) / std, and the means and deviations themselves.

The statistics of images come from integer sums, so that they are exact and do not depend on the order of summation:
with S₁ = Σx, S₂ = Σx² over n pixels, mean = S₁/n and variance = (n·S₂ − S₁²)/n².
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from profundo.records import Inputs, Samples, Spec, Targets

__all__ = [
    "channel_sums",
    "constant",
    "deviations",
    "intensities",
    "moments",
    "standardize",
    "standardize_targets",
    "unit_interval",
]


def standardize(raw: Tensor, inputs: Inputs) -> Tensor:
    """float32 (raw − mean) / std of a batch (batch, *shape), per channel or per feature.

    Elementwise in float32, so a batch gets bit for bit the numbers that the whole set would get.
    """
    return _standard(raw, inputs.mean, inputs.std, len(inputs.shape) - 1)


def unit_interval(spec: Spec) -> Spec:
    """The same data with 8-bit images seen as intensities from 0 to 1, rather than standardised."""
    channels = spec.inputs.shape[0]
    return replace(spec, inputs=replace(spec.inputs, mean=(0.0,) * channels, std=(255.0,) * channels))


def intensities(samples: Samples, spec: Spec) -> Tensor:
    """Images in memory as float32 (samples, channels, height, width), from 0 to 1."""
    assert isinstance(samples.inputs, Tensor)
    return standardize(samples.inputs, unit_interval(spec).inputs)


def standardize_targets(raw: Tensor, targets: Targets) -> Tensor:
    """float32 (target − mean) / std of real targets (batch, outputs); class indices pass unchanged."""
    return _standard(raw, targets.mean, targets.std, 0) if targets.kind == "real" else raw


def moments(sums: Tensor, count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population deviation per channel, from integer sums (2, channels) of x and x² over `count` values."""
    first, second = sums.tolist()
    mean = tuple(s / count for s in first)
    variances = ((count * s2 - s1 * s1) / count**2 for s1, s2 in zip(first, second, strict=True))
    return mean, deviations(math.sqrt(variance) for variance in variances)


def deviations(values: Iterable[float]) -> tuple[float, ...]:
    """The deviations, with 1 in place of 0: a constant feature is centred and left alone."""
    return tuple(value or 1.0 for value in values)


def channel_sums(images: Tensor) -> Tensor:
    """Σx and Σx² of uint8 images (n, channels, height, width) per channel, exact: int64 (2, channels).

    Chunks that fit in the cache, in double precision: integers below 2⁵³ add without rounding, in any order.
    """
    total = torch.zeros(2, images.shape[1], dtype=torch.int64)
    size = max(1, 2**20 // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(images), size):
        wide = images[start : start + size].double()
        total[0] += wide.sum((0, 2, 3)).long()
        total[1] += wide.square_().sum((0, 2, 3)).long()
    return total


def _standard(raw: Tensor, mean: tuple[float, ...], std: tuple[float, ...], trailing: int) -> Tensor:
    values = raw.to(torch.float32, copy=True)
    if mean:
        values.sub_(constant(mean, trailing, raw.device)).div_(constant(std, trailing, raw.device))
    return values


@lru_cache(maxsize=64)
def constant(
    values: tuple[float, ...], trailing: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> Tensor:
    """One number per channel, shaped to broadcast. Kept, since each copy to the device would wait for the device."""
    return torch.tensor(values, dtype=dtype, device=device).reshape(-1, *[1] * trailing)
