"""How far a figure measured on some samples may be from the one on all: 95 % intervals of shares and means.

A share of right answers gets Wilson's score interval (1927): the shares p with |p̂ − p| ≤ z √(p(1−p)/n). Unlike
p̂ ± z √(p̂(1−p̂)/n) it stays within 0 and 1 and keeps its promise for few samples and for shares near 0 or 1.
Other means get the percentile bootstrap (Efron 1979): the middle 95 % of the means of samples drawn with replacement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

import torch
from torch import Tensor

__all__ = ["LEVEL", "Z", "mean_interval", "resampled", "wilson"]

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)  # with a probability of LEVEL between −Z and Z
RESAMPLES = 2000
MANY = 5000  # values; of more, the mean is as good as normally distributed
DRAWN_AT_ONCE = 4_000_000  # indices, 8 bytes each


def wilson(right: int, samples: int) -> tuple[float, float]:
    """The interval of a share of which `right` among `samples` were seen. Of no sample nothing is known: (0, 1)."""
    if samples == 0:
        return 0.0, 1.0
    share, shrink = right / samples, 1 + Z * Z / samples
    middle = (share + Z * Z / (2 * samples)) / shrink
    half = Z / shrink * math.sqrt(share * (1 - share) / samples + Z * Z / (4 * samples * samples))
    low = 0.0 if right == 0 else max(0.0, middle - half)
    return low, 1.0 if right == samples else min(1.0, middle + half)


def mean_interval(values: Tensor, seed: int = 0) -> tuple[float, float]:
    """The interval of the mean of values (samples,), by the percentile bootstrap; of more than 5,000, mean ± z s/√n.

    (NaN, NaN) where a value is not finite or there are fewer than two, which tell nothing of their spread.
    """
    values = values.double()
    if len(values) < 2 or not bool(values.isfinite().all()):
        return math.nan, math.nan
    if len(values) > MANY:
        half = Z * values.std().item() / math.sqrt(len(values))
        return values.mean().item() - half, values.mean().item() + half
    means = torch.cat([values[drawn].mean(1) for drawn in resampled(len(values), RESAMPLES, seed)])
    low, high = means.quantile(torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)).tolist()
    return low, high


def resampled(samples: int, resamples: int, seed: int) -> Iterator[Tensor]:
    """Indices (some resamples, samples) drawn with replacement, in parts that fit into memory."""
    draw = torch.Generator().manual_seed(seed)
    at_once = max(1, DRAWN_AT_ONCE // samples)
    for start in range(0, resamples, at_once):
        yield torch.randint(samples, (min(at_once, resamples - start), samples), generator=draw)
