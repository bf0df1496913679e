"""How often 95 % intervals hold what they are of, by simulation: drawn anew many times from a population whose figure is
known, at n = 30, 114 and 1,000 samples, with light and heavy tails.

    python -m benchmarks.interval_coverage [--rounds 500]

Beside each interval of Profundo's stands the percentile bootstrap, the mere quantiles of resampled figures. Of paired
differences also how often p < 0.05 where there is none. Costs of "log loss" are those of overconfident nets: logits are
`over` times too large, so that few samples carry most of the loss. About ten minutes on one core.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from statistics import fmean, median

import torch
from torch import Tensor

from benchmarks.common import keep
from profundo.evaluate.detection import average_precision
from profundo.evaluate.intervals import log_loss_interval, logit_interval, mean_interval, mean_of_shares, resampled
from profundo.evaluate.paired_tests import compare_costs

SIZES = (30, 114, 1000)
LARGE = 1_000_000  # samples that stand for the population
PERCENTILES = torch.tensor([0.025, 0.975], dtype=torch.float64)
Draw = Callable[[int, torch.Generator], Tensor]


def log_losses(scale: float, over: float) -> Draw:
    """(n, 3): the loss, the probability of the likeliest answer, and 1 where it was right."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        side = 2.0 * (torch.rand(n, generator=generator, dtype=torch.float64) < 0.5) - 1
        logits = scale * (side + normal(n, generator))
        came_true = torch.rand(n, generator=generator, dtype=torch.float64) < torch.sigmoid(logits / over)
        costs = torch.nn.functional.softplus(torch.where(came_true, -logits, logits))
        return torch.stack([costs, torch.sigmoid(logits.abs()), (came_true == (logits >= 0)).double()], 1)

    return draw


def normal(n: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, generator=generator, dtype=torch.float64)


def student(freedom: int) -> Draw:
    def draw(n: int, generator: torch.Generator) -> Tensor:
        squares = torch.stack([normal(n, generator).square() for _ in range(freedom)]).mean(0)
        return normal(n, generator) / squares.sqrt()

    return draw


def log_normal(n: int, generator: torch.Generator) -> Tensor:
    side = 2.0 * (torch.rand(n, generator=generator, dtype=torch.float64) < 0.5) - 1
    return side * (1.2 * normal(n, generator)).exp()


COSTS: dict[str, Draw] = {
    "log loss, a good net": log_losses(3, 1.3),
    "log loss, a sure net": log_losses(8, 1.6),
    "log loss, an oversure net": log_losses(14, 3.0),
    "log loss, a net that is nearly never wrong": log_losses(40, 4.0),
    "squared errors, normal": lambda n, g: normal(n, g).square(),
    "squared errors, Student's t, 5": lambda n, g: student(5)(n, g).square(),
    "squared errors, Student's t, 3": lambda n, g: student(3)(n, g).square(),
}
ERRORS: dict[str, Draw] = {
    "normal": normal,
    "Student's t, 5": student(5),
    "Student's t, 3": student(3),
    "log-normal": log_normal,
}


def percentile(values: Tensor, seed: int) -> tuple[float, float]:
    means = torch.cat([values[drawn].mean(1) for drawn in resampled(len(values), 1000, seed)])
    low, high = means.quantile(PERCENTILES).tolist()
    return low, high


def of_means(rounds: int) -> dict[str, object]:
    """Coverage of intervals of mean costs, and their median width in units of the mean."""
    results: dict[str, object] = {}
    for name, draw in COSTS.items():
        generator = torch.Generator().manual_seed(0)
        truth = fmean(first(draw(LARGE, generator)).mean().item() for _ in range(10))
        for n in SIZES:
            samples = [draw(n, generator) for _ in range(rounds if n < 1000 else rounds // 2)]
            kinds = {
                "ours": [interval(values, seed) for seed, values in enumerate(samples)],
                "percentile": [percentile(first(values), seed) for seed, values in enumerate(samples)],
            }
            results[f"{name}, n = {n}"] = {kind: summary(each, truth) for kind, each in kinds.items()}
            print(f"{name}, n = {n}: {results[f'{name}, n = {n}']}", flush=True)
    return results


def first(values: Tensor) -> Tensor:
    return values[:, 0] if values.ndim == 2 else values


def interval(values: Tensor, seed: int) -> tuple[float, float]:
    if values.ndim == 1:
        return mean_interval(values, seed)
    return log_loss_interval(values[:, 0], values[:, 1], values[:, 2] > 0.5, 2)


def summary(intervals: list[tuple[float, float]], truth: float) -> dict[str, float]:
    held = fmean(low <= truth <= high for low, high in intervals)
    width = median(high - low for low, high in intervals)
    return {"coverage": round(held, 3), "width": round(width / truth, 2)}


def of_differences(rounds: int) -> dict[str, object]:
    """Differences of RMSE of two nets whose errors have a part in common: how often p < 0.05 where neither is better, and
    how often the interval holds the difference where the second's errors are a quarter larger."""
    results: dict[str, object] = {}
    for name, draw in ERRORS.items():
        generator = torch.Generator().manual_seed(1)
        size = fmean(errors(draw, LARGE, generator)[0].mean().item() for _ in range(5)) ** 0.5
        for n in SIZES:
            held, significant, plain = [], [], []
            for seed in range(rounds if n < 1000 else rounds // 2):
                first, second = errors(draw, n, generator)
                significant.append(compare_costs(first, second, root=True, seed=seed).p < 0.05)
                roots = [
                    second[drawn].mean(1).sqrt() - first[drawn].mean(1).sqrt() for drawn in resampled(n, 1000, seed)
                ]
                low, high = torch.cat(roots).quantile(PERCENTILES).tolist()
                plain.append(not low <= 0 <= high)
                worse = compare_costs(first, 1.25**2 * second, root=True, seed=seed)
                held.append(worse.low <= 0.25 * size <= worse.high)
            results[f"{name}, n = {n}"] = {
                "false positives": round(fmean(significant), 3),
                "false positives of percentiles": round(fmean(plain), 3),
                "coverage where one is worse": round(fmean(held), 3),
            }
            print(f"{name}, n = {n}: {results[f'{name}, n = {n}']}", flush=True)
    return results


def errors(draw: Draw, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    common = draw(n, generator)
    return (common + 0.5 * draw(n, generator)).square(), (common + 0.5 * draw(n, generator)).square()


def of_rare_classes(rounds: int) -> dict[str, object]:
    """Balanced accuracy and average precision where one sample in ten is of the class to be found."""
    results: dict[str, object] = {}
    generator = torch.Generator().manual_seed(2)

    def ranked(n: int) -> tuple[Tensor, Tensor]:
        there = torch.arange(n) < max(1, n // 10)
        return normal(n, generator) + 1.5 * there, there

    def right(there: Tensor) -> list[tuple[int, int]]:
        won = torch.rand(len(there), generator=generator) < torch.where(there, 0.7, 0.95)
        return [(int(won[kind].sum()), int(kind.sum())) for kind in (there, ~there)]

    truth = fmean(average_precision(*ranked(LARGE)) for _ in range(3))
    for n in SIZES:
        shares, precisions = [], []
        for _ in range(rounds):
            scores, there = ranked(n)
            shares.append(mean_of_shares(right(there)))
            precisions.append(logit_interval(average_precision(scores, there), int(there.sum())))
        results[f"n = {n}"] = {
            "balanced accuracy": summary(shares, (0.7 + 0.95) / 2),
            "average precision": summary(precisions, truth),
        }
        print(f"rare, n = {n}: {results[f'n = {n}']}", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500, help="Samples drawn of each size; of 1,000 half as many.")
    rounds = parser.parse_args().rounds
    error = math.sqrt(0.95 * 0.05 / rounds)
    keep(
        "interval_coverage",
        {
            "rounds": rounds,
            "standard error of a coverage": round(error, 4),
            "rare class": of_rare_classes(rounds),
            "means": of_means(rounds),
            "differences of RMSE": of_differences(rounds),
        },
    )


if __name__ == "__main__":
    main()
