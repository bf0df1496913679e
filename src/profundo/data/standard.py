"""Standardised values (raw − mean) / std, and the means and deviations themselves.

A feature with a few values far apart from all others (slips such as 99,999) has its median and interquartile range in
their place, and what is then far from 0 is clipped smoothly, x / √(1 + (x/3)²) (Holzmüller, Grinsztajn and Steinwart 2024):
six slips would else decide the deviation of a whole column, and squeeze all that is usual into a hundredth of it.

The statistics of images, and of sounds of 16 bits, come from integer sums, so that they are exact and do not depend on the
order of summation: with S₁ = Σx, S₂ = Σx² over n values, mean = S₁/n and variance = (n·S₂ − S₁²)/n².
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from profundo.data.tables.columns import text_places
from profundo.data.text.text_ids import LARGEST_ID
from profundo.records import Inputs, ProfundoError, Samples, Spec, Targets
from profundo.trees import leaves, rebuilt
from profundo.units import squashed, standard_units

__all__ = [
    "Extent",
    "array_moments",
    "channel_sums",
    "constant",
    "deviations",
    "has_slips",
    "intensities",
    "measured_rows",
    "moments",
    "ranged",
    "robust",
    "standardize",
    "standardize_targets",
    "unit_interval",
]


def standardize(raw: Tensor, inputs: Inputs) -> Tensor:
    """float32 (raw − mean) / std of a batch (batch, *shape), per channel or per feature; clipped where that was learned.
    Of several inputs each by itself; of the kind "any" as they are.

    Elementwise, so a batch gets bit for bit the numbers that the whole set would get: images and sounds, small whole
    numbers, in float32; all others in float64, part by part, and then float32.
    """
    if inputs.parts:
        parts = [standardize(part, how) for part, how in zip(leaves(raw), inputs.parts, strict=True)]
        result: Tensor = rebuilt(raw, parts)  # a tuple or dict of them
        return result
    if not inputs.traits.measured or (only_texts(inputs) and raw.dtype == torch.float32):
        return raw
    trailing = len(inputs.shape) - 1
    if inputs.traits.is_media or not inputs.mean:
        return _standard(raw, inputs.mean, inputs.std, trailing)
    result = torch.empty(raw.shape, dtype=torch.float32, device=raw.device)
    mean, std = (constant(values, trailing, raw.device, torch.float64) for values in (inputs.mean, inputs.std))
    far = torch.tensor(inputs.clipped, device=raw.device) if any(inputs.clipped) else None
    most = constant(inputs.limits, 0, raw.device, torch.float64) if inputs.limits else None
    rows = max(1, 2**22 // math.prod(inputs.shape))
    for part, into in zip(torch.split(raw, rows), torch.split(result, rows), strict=True):
        values = part.to(torch.float64, copy=True).sub_(mean).div_(std)
        values = values if most is None else values.clamp(-most, most)
        into.copy_(values if far is None else torch.where(far, squashed(values), values))
    return result


def only_texts(inputs: Inputs) -> bool:
    """Whether all is ids, which stay as they are."""
    return len(inputs.texts) == len(inputs.columns) > 0


def unit_interval(spec: Spec) -> Spec:
    """The same data with 8-bit images seen as intensities from 0 to 1, rather than standardised."""
    channels = spec.inputs.shape[0]
    return replace(spec, inputs=replace(spec.inputs, mean=(0.0,) * channels, std=(255.0,) * channels))


def ranged(spec: Spec, low: float) -> Spec:
    """The same images with values from low to 1, as a generator's last layer gives them: 0 for a sigmoid, −1 for tanh."""
    if spec.inputs.kind != "image":
        raise ProfundoError(
            f"expected images, got {spec.inputs.kind} of shape {spec.inputs.shape}; use mnist or digits"
        )
    scale = 255 / (1 - low)
    channels = spec.inputs.shape[0]
    return replace(spec, inputs=replace(spec.inputs, mean=(-low * scale,) * channels, std=(scale,) * channels))


def intensities(samples: Samples, spec: Spec) -> Tensor:
    """Images in memory as float32 (samples, channels, height, width), from 0 to 1."""
    assert isinstance(samples.inputs, Tensor)
    return standardize(samples.inputs, unit_interval(spec).inputs)


def standardize_targets(raw: Tensor, targets: Targets) -> Tensor:
    """float32 (target − mean) / std of real targets (batch, outputs); class indices pass unchanged."""
    return standard_units(raw, targets) if targets.traits.numeric else raw


def moments(sums: Tensor, count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population deviation per channel, from integer sums (2, channels) of x and x² over `count` values."""
    first, second = sums.tolist()
    mean = tuple(s / count for s in first)
    variances = ((count * s2 - s1 * s1) / count**2 for s1, s2 in zip(first, second, strict=True))
    return mean, deviations(math.sqrt(variance) for variance in variances)


def deviations(values: Iterable[float]) -> tuple[float, ...]:
    """The deviations, with 1 in place of 0: a constant feature is centred and left alone."""
    return tuple(value or 1.0 for value in values)


# -------------------------------------------------------------------------------------------------------------- rows
RANGES = (0.75, 0.9, 0.95, 0.99)  # upper ends of the middle part of which the deviation is taken
MOST_SORTED = 200_000  # rows, evenly spread, of which quantiles are taken
FAR, APART, MOST_FAR = 10.0, 5.0, 0.02  # of what is no tail but a slip; see `has_slips`
BEYOND = (
    2.0  # times as far out as any of training is as far as a value is believed: a slip may come in what is predicted
)
NEAR = 5.5  # usual deviations: 2 % of slips, 10 robust deviations out, are 5.7 of those that they make themselves


def robust(rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """(median, deviation) of every column: the range of the middle half in the unit in which that of a normal distribution
    is its deviation. Where half of the rows are alike, of a wider part; 0 where nearly all are."""
    values = rows[:: -(-len(rows) // MOST_SORTED)].double().numpy()
    median = np.median(values, axis=0)
    lows, highs = ([1 - share for share in RANGES], "lower"), (RANGES, "higher")  # never between two values of a few
    ends = (np.quantile(values, shares, axis=0, method=method) for shares, method in (lows, highs))  # type: ignore[call-overload]
    deviation = np.zeros_like(median)
    for share, low, high in zip(RANGES, *ends, strict=True):
        deviation = np.where(deviation > 0, deviation, (high - low) / (2 * NormalDist().inv_cdf(share)))
    return median, deviation


def has_slips(values: np.ndarray, median: float, deviation: float) -> bool:
    """Whether a few values, at most 2 %, lie more than 10 deviations out, and five times as far as all others.

    A long tail has values everywhere along it, and may be just what the target depends on: clipped, R² of a target that is
    3 x for a lognormal x (σ = 1.5) falls from 0.999 to 0.86 (2,000 rows, seeds 0 and 1).
    """
    apart = np.abs(values - median) / deviation if deviation > 0 else np.zeros(1)
    if apart.max() <= FAR or len(apart) < 2:
        return False
    most = min(len(apart) - 1, max(1, int(MOST_FAR * len(apart))))
    top = np.sort(np.partition(apart, -most - 1)[-most - 1 :])
    return bool(((top[1:] > FAR) & (top[1:] >= APART * np.maximum(top[:-1], 1))).any())


def array_moments(arrays: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population deviation of each channel of arrays, or column of rows, (n, channels, …), in float64, part by part."""
    parts = torch.split(arrays, max(1, 2**18 // max(1, math.prod(arrays.shape[1:]))))
    count = arrays[:, 0].numel()
    mean = torch.stack([_over_channels(part.double()) for part in parts]).sum(0) / count
    shifts = mean.view(-1, *[1] * (arrays.dim() - 2))  # before squaring: means may be far from zero
    squares = torch.stack([_over_channels((part.double() - shifts).square_()) for part in parts]).sum(0)
    return tuple(mean.tolist()), deviations((squares / count).sqrt().tolist())


def _over_channels(values: Tensor) -> Tensor:
    """Sums (channels,) of values (n, channels, …)."""
    return values.transpose(0, 1).flatten(1).sum(1)


def measured_rows(inputs: Inputs, rows: Tensor, whole: Extent | None = None) -> Inputs:
    """The inputs with the mean and deviation of each feature; where there are slips, the median and robust deviation.

    rows: of the training split; where they are not all of them, `whole` says what all are like.
    """
    if whole is None and only_texts(inputs):  # of which nothing is measured
        nothing = (0.0,) * rows.shape[1]
        whole = Extent(nothing, nothing, nothing, nothing, len(rows))
    if whole is None:
        parts = torch.split(rows, 2**12)  # of which each stays near the processor
        low = tuple(torch.stack([part.amin(0) for part in parts]).amin(0).double().tolist())
        high = tuple(torch.stack([part.amax(0) for part in parts]).amax(0).double().tolist())
        whole = Extent(*array_moments(rows), low, high, len(rows))
    mean, std, least, most = (np.array(numbers) for numbers in (whole.mean, whole.std, whole.low, whole.high))
    clipped, is_id = np.zeros(len(mean), bool), np.array(text_places(inputs.columns) or [False] * len(mean))
    mean[is_id], std[is_id], least[is_id], most[is_id] = 0, 1, 0, LARGEST_ID
    for place in np.flatnonzero((np.maximum(most - mean, mean - least) > NEAR * std) & ~is_id).tolist():
        median, deviation = (float(part[0]) for part in robust(rows[:, place : place + 1]))
        values = rows[:, place].double().numpy()
        values = np.append(values, (least[place], most[place])) if len(values) < whole.count else values
        if has_slips(values, median, deviation):
            clipped[place], mean[place], std[place] = True, median, deviation
    marks = tuple(clipped.tolist()) if clipped.any() else ()
    limits = BEYOND * np.maximum(1, np.maximum(most - mean, mean - least) / std)
    return replace(
        inputs,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        clipped=marks,
        limits=tuple(limits.tolist()),
        ranges=tuple(zip(least.tolist(), most.tolist(), strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Extent:
    """Of every feature of many rows: mean, population deviation, least and greatest value. count: of the rows."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    count: int


def channel_sums(images: Tensor) -> Tensor:
    """Σx and Σx² of uint8 images, or int16 sounds, (n, channels, …) per channel, exact: int64 (2, channels).

    Chunks that fit in the cache, in double precision: integers below 2⁵³ add without rounding, in any order.
    """
    total = torch.zeros(2, images.shape[1], dtype=torch.int64)
    size = max(1, 2**20 // max(1, math.prod(images.shape[1:])))
    for start in range(0, len(images), size):
        wide = images[start : start + size].double()
        total[0] += _over_channels(wide).long()
        total[1] += _over_channels(wide.square_()).long()
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
