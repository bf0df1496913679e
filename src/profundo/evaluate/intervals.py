"""How far a figure measured on some samples may be from the one on all: 95 % intervals of shares and means.

A share of right answers gets Wilson's score interval (1927): the shares p with |p̂ − p| ≤ z √(p(1−p)/n). Unlike
p̂ ± z √(p̂(1−p̂)/n) it stays within 0 and 1 and keeps its promise for few samples and for shares near 0 or 1.
Other means get the bootstrap-t (Efron 1981; Hall 1988): of samples drawn with replacement the distribution of t = (their
mean − mean) / (their s/√n), whose quantiles take the place of Student's. Costs are skewed: a few large ones decide, and the
sample may hold none of them. The mere quantiles of the means then are too short, and on the wrong side; see
benchmarks/interval_coverage.py. A mean of shares has the intervals of the shares put together (Zou & Donner 2008), an average
precision that of its logit (Boyd, Eng & Page 2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import torch
from torch import Tensor

__all__ = [
    "LEVEL",
    "MANY",
    "Z",
    "figure_interval",
    "log_loss_interval",
    "logit_interval",
    "mean_interval",
    "mean_of_ratios",
    "mean_of_shares",
    "ratio_interval",
    "resampled",
    "studentised",
    "wilson",
]

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)  # with a probability of LEVEL between −Z and Z
RESAMPLES, DRAWN = (1000, 2000), 4_000_000  # fewest and most samples drawn; indices of all of them, if that is enough
MANY = 5000  # values; of more, the mean is as good as normally distributed
DRAWN_AT_ONCE = 4_000_000  # indices, 8 bytes each
LEAST_ERROR = 0.1  # of a sample drawn, in standard errors: one without the few large values knows of no spread


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
    """The interval of the mean of values (samples,), by the bootstrap-t; of more than 5,000, mean ± z s/√n. Where no value
    is negative, it is not either.

    (NaN, NaN) where a value is not finite or there are fewer than two, which tell nothing of their spread.
    """
    values = values.double()
    if len(values) < 2 or not bool(values.isfinite().all()):
        return math.nan, math.nan
    mean, error = values.mean().item(), values.std().item() / math.sqrt(len(values))
    low, high = -Z, Z
    if len(values) <= MANY and error > 0:

        def figure(drawn: Tensor) -> tuple[Tensor, Tensor]:
            several = values[drawn]
            return several.mean(1), several

        t = studentised(figure, (mean, error), len(values), seed)
        low, high = t.quantile(torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)).tolist()
    least = -math.inf if bool((values < 0).any()) else 0.0
    return max(least, mean - high * error), mean - low * error


def log_loss_interval(costs: Tensor, stated: Tensor, right: Tensor, classes: int) -> tuple[float, float]:
    """The interval of a mean log loss: that of a mean, but reaching up at least to what it would be with as many mistakes
    as Wilson's interval allows. Few samples may hold none of the mistakes that carry most of the loss.

    costs: (samples,); stated: probability of each likeliest answer; right: bool, whether it was. A mistake is taken to cost
    what those that were made cost, or what they would by the net's own probabilities, whichever is more.
    """
    low, high = mean_interval(costs)
    if not math.isfinite(high):
        return low, high
    doubt = (1 - stated.double()).clamp_min(1e-7)
    expected = (doubt * -(doubt / max(1, classes - 1)).log()).sum().item() / doubt.sum().item()
    mistake = max(expected, costs[~right].double().mean().item() if bool((~right).any()) else 0.0)
    usual = costs[right].double().mean().item() if bool(right.any()) else 0.0
    most = wilson(int((~right).sum()), len(right))[1]
    return low, max(high, (1 - most) * usual + most * mistake)


def studentised(
    figure: Callable[[Tensor], tuple[Tensor, Tensor]], seen: tuple[float, float], samples: int, seed: int
) -> Tensor:
    """t of many samples drawn with replacement. figure: from indices (resamples, samples) to the figure (resamples,) and
    what each sample adds to it (resamples, samples); seen: the figure of the sample itself and its standard error."""
    value, error = seen
    parts = []
    for drawn in resampled(samples, max(RESAMPLES[0], min(RESAMPLES[1], DRAWN // samples)), seed):
        values, shares = figure(drawn)
        errors = shares.std(1) / math.sqrt(samples)
        parts.append((values - value) / errors.clamp_min(LEAST_ERROR * error))
    return torch.cat(parts)


def mean_of_shares(each: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """The interval of the mean of independent shares, such as the classes' recalls; each: (right, samples) with samples > 0.

    m − √Σ(pₖ − lₖ)²/K to m + √Σ(uₖ − pₖ)²/K, where Wilson's interval of pₖ is from lₖ to uₖ.
    """
    shares = [right / samples for right, samples in each]
    edges = [wilson(right, samples) for right, samples in each]
    below = math.hypot(*(share - low for share, (low, _) in zip(shares, edges, strict=True))) / len(each)
    above = math.hypot(*(high - share for share, (_, high) in zip(shares, edges, strict=True))) / len(each)
    mean = math.fsum(shares) / len(each)
    return mean - below, mean + above


def ratio_interval(parts: Tensor, wholes: Tensor, seed: int = 0) -> tuple[float, float]:
    """The interval of the mean over k of Σ parts / Σ wholes, each (samples, k) and summed over the samples, such as of classes
    whose pixels in an image belong together. (NaN, NaN) of fewer than two samples."""
    return figure_interval(mean_of_ratios(parts, wholes), len(parts), seed)


def figure_interval(
    figure: Callable[[Tensor], tuple[Tensor, Tensor]], samples: int, seed: int = 0, *, drawn: bool = True
) -> tuple[float, float]:
    """The interval of any figure that is never negative. figure: see studentised; drawn: by the bootstrap-t, else from what each
    sample adds alone, value ± z s/√n. (NaN, NaN) of fewer than two samples."""
    if samples < 2:
        return math.nan, math.nan
    value, adds = figure(torch.arange(samples)[None])
    mean, error = value.item(), adds.std().item() / math.sqrt(samples)
    if not error > 0:
        return mean, mean
    low, high = -Z, Z
    if drawn:
        t = studentised(figure, (mean, error), samples, seed)
        low, high = t.quantile(torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)).tolist()
    return max(0.0, mean - high * error), mean - low * error


def mean_of_ratios(parts: Tensor, wholes: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Of drawn samples (resamples, samples) the figure of `ratio_interval`, and what each sample adds to it by the delta method:
    (part − ratio · whole) / mean whole, over the k that there are."""
    parts, wholes = parts.double(), wholes.double()

    def figure(drawn: Tensor) -> tuple[Tensor, Tensor]:
        times = torch.zeros(len(drawn), len(parts), dtype=torch.float64)
        times.scatter_add_(1, drawn, torch.ones(drawn.shape, dtype=torch.float64))
        part, whole = times @ parts, times @ wholes
        there = whole > 0
        ratios = part / whole.clamp_min(1e-300) * there
        weights = drawn.shape[1] / whole.clamp_min(1e-300) * there / there.sum(1, keepdim=True).clamp_min(1)
        adds = weights @ parts.T - (weights * ratios) @ wholes.T
        return ratios.sum(1) / there.sum(1).clamp_min(1), adds.gather(1, drawn)

    return figure


def logit_interval(share: float, samples: int) -> tuple[float, float]:
    """The interval of an average precision over so many samples of the class: that of ln p/(1 − p), with the variance
    1/(n p (1 − p)), back. Of a perfect one, or none, it is Wilson's."""
    if not 0 < share < 1 or not samples:
        return wilson(round(share * samples), samples)
    middle, half = math.log(share / (1 - share)), Z / math.sqrt(samples * share * (1 - share))
    return _share(middle - half), _share(middle + half)


def _share(logit: float) -> float:
    """1/(1 + e⁻ˣ), wherever x lies."""
    return (1 + math.tanh(logit / 2)) / 2


def resampled(samples: int, resamples: int, seed: int) -> Iterator[Tensor]:
    """Indices (some resamples, samples) drawn with replacement, in parts that fit into memory."""
    draw = torch.Generator().manual_seed(seed)
    at_once = max(1, DRAWN_AT_ONCE // samples)
    for start in range(0, resamples, at_once):
        yield torch.randint(samples, (min(at_once, resamples - start), samples), generator=draw)
