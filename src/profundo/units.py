"""Real targets in the units that a network predicts, and back: bent where that was asked for, centred, scaled.

y → f(y) → (f(y) − mean) / std, one to one for every y, so that figures are of the targets as they were; in float64 until it is
a number about 1: as float32, times in seconds since 1970 lie two minutes apart, and metres of a map half a metre.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from profundo.records import Targets, Transform

__all__ = ["FARTHEST", "bend", "bent", "in_own_units", "interpolate", "squashed", "standard_units", "unbend", "unbent"]

FARTHEST = 3.0


def squashed(values: Tensor) -> Tensor:
    """u / √(1 + (u/3)²): as it is near 0, never beyond ±3, and ascending everywhere between (Holzmüller et al. 2024)."""
    return values / (1 + (values / FARTHEST).square()).sqrt()


def standard_units(values: Tensor, targets: Targets) -> Tensor:
    """float32 (samples, outputs) as a network predicts them, of real targets in their own units."""
    wide = bent(values.double(), targets.transforms)
    return ((wide - _row(targets.mean, wide)) / _row(targets.std, wide) if targets.mean else wide).float()


def in_own_units(outputs: Tensor, targets: Targets) -> Tensor:
    """float64 (samples, outputs): the inverse. Of targets that are not real, what a network says is passed on."""
    if not targets.traits.numeric:
        return outputs
    wide = outputs.double()
    wide = wide * _row(targets.std, wide) + _row(targets.mean, wide) if targets.mean else wide
    return unbent(wide, targets.transforms)


def bent(values: Tensor, transforms: tuple[Transform, ...]) -> Tensor:
    """float64 (samples, outputs), each by its own transform."""
    if not transforms:
        return values
    return torch.stack([bend(one, how) for one, how in zip(values.unbind(1), transforms, strict=True)], 1)


def unbent(values: Tensor, transforms: tuple[Transform, ...]) -> Tensor:
    """The inverse."""
    if not transforms:
        return values
    return torch.stack([unbend(one, how) for one, how in zip(values.unbind(1), transforms, strict=True)], 1)


def bend(values: Tensor, how: Transform) -> Tensor:
    """f(y) of float64 (samples,)."""
    if how.kind == "none":
        return values
    if how.kind == "log":
        least = how.least + how.shift
        above = (values.clamp(min=how.least) + how.shift).log()
        return above + (values - how.least).clamp(max=0) / least
    return interpolate(values, how.values, how.scores)


def unbend(values: Tensor, how: Transform) -> Tensor:
    """f⁻¹."""
    if how.kind == "none":
        return values
    if how.kind == "log":
        least = how.least + how.shift
        below = (values - math.log(least)).clamp(max=0)
        return values.clamp(min=math.log(least)).exp() - how.shift + below * least
    return interpolate(values, how.scores, how.values)


def interpolate(x: Tensor, places: tuple[float, ...], heights: tuple[float, ...]) -> Tensor:
    """The heights at x, straight between the ascending places, and as at the ends beyond them. By comparisons, which ONNX has
    words for."""
    at, to = _row(places, x), _row(heights, x)
    left = ((x.unsqueeze(-1) >= at).sum(-1) - 1).clamp(0, len(places) - 2)
    share = (x - at[left]) / (at[left + 1] - at[left])
    return to[left] + share * (to[left + 1] - to[left])


def _row(numbers: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(numbers, dtype=like.dtype, device=like.device)
