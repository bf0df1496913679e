"""How good the default learning rates and the range test's suggestions are, by the validation loss.

Each is compared with the best of a grid around the default, half a decade apart: 1 is as good as that best. The seeds draw
the split, the weights and the order, and are not those by which the defaults and the rule of the suggestion were chosen.

    python -m benchmarks.learning_rates [--seeds 3]
"""

from __future__ import annotations

import argparse
import math
import statistics
from typing import Any

import torch

import profundo as pf
from benchmarks.common import keep
from profundo.inspect.learning_rate import Found, lr_find
from profundo.records import Dataset
from profundo.train import OPTIMIZERS
from profundo.train.range_test import RangeTest, lowest

SMALLEST = 1e-3  # below, one loss is as good as another
FACTORS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def steepest(test: RangeTest) -> float:
    """The rate at which the smoothed loss falls most over log η, by central differences, before it is lowest."""
    rates, smoothed = test.rates, test.smoothed
    slopes = {
        rates[at]: (smoothed[at + 1] - smoothed[at - 1]) / math.log(rates[at + 1] / rates[at - 1])
        for at in range(1, lowest(smoothed))
    }
    return min(slopes, key=slopes.__getitem__) if slopes else rates[0]


RULES = {
    "the default": lambda found: found.asked.learning_rate,
    "suggested": lambda found: found.test.suggestion,
    "steepest": lambda found: steepest(found.test),
    "lowest / 10": lambda found: found.test.lowest / 10,
    "lowest / 5": lambda found: found.test.lowest / 5,
}


def net(data: Dataset, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return pf.nets.mlp(data.spec)


def loss(data: Dataset, optimizer: str, rate: float, seed: int) -> float:
    """The validation loss at the end of a training with default settings but these."""
    try:
        run = pf.fit(
            net(data, seed),
            data,
            optimizer=optimizer,
            learning_rate=rate,
            epochs=20,
            seed=seed,
            out=False,
            capture=True,
        )
    except pf.ProfundoError:  # the loss became infinite
        return math.inf
    return max(SMALLEST, float(run.history["validation loss"][-1]))


def compared(name: str, optimizer: str, seed: int) -> dict[str, float]:
    """Of each rule, the loss it led to over the best of the grid's."""
    data = pf.load(name, seed=seed)
    found: Found = lr_find(net(data, seed), data, optimizer=optimizer, seed=seed, capture=True)
    middle = found.asked.learning_rate or math.nan
    best = min(loss(data, optimizer, middle * factor, seed) for factor in FACTORS)
    return {rule: loss(data, optimizer, rate(found), seed) / best for rule, rate in RULES.items()}


def told(ratios: list[float]) -> dict[str, Any]:
    return {
        "median": statistics.median(ratios),
        "geometric mean": statistics.geometric_mean(ratios) if max(ratios) < math.inf else None,
        "largest": max(ratios) if max(ratios) < math.inf else "diverged",
        "trainings": len(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(30, 30 + parser.parse_args().seeds)
    names = ("digits", "breast-cancer", "wine", "diabetes", "moons")
    ratios = {
        (name, optimizer, seed): compared(name, optimizer, seed)
        for name in names
        for optimizer in OPTIMIZERS
        for seed in seeds
    }
    result = {
        "losses over the best of the grid": {
            "by rule": {rule: told([one[rule] for one in ratios.values()]) for rule in RULES},
            **{
                f"by rule, {name}": {
                    rule: told([one[rule] for key, one in ratios.items() if key[0] == name]) for rule in RULES
                }
                for name in names
            },
            "the default, digits and breast-cancer, by optimizer": {
                optimizer: told([one["the default"] for key, one in ratios.items() if key[1] == optimizer and key[0] in names[:2]])
                for optimizer in OPTIMIZERS
            },
        }
    }  # fmt: skip
    for rule, figures in result["losses over the best of the grid"]["by rule"].items():
        print(f"{rule:12}", figures)
    keep("learning_rates", result)


if __name__ == "__main__":
    main()
