"""Derivatives in three ways: what n inputs cost, how formulas swell, which steps are best.

python -m benchmarks.graph_derivatives [--rounds 5]

Counts are exact: FLOPs as they ran. Seconds are of the gradient of a softmax regression's loss by its 640 weights, on 200
random images of 8 × 8 pixels, in float64: one sweep of autograd against 641, 1,280 and 2,560 evaluations of the loss.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.common import keep, measured_in_turn, ratios, show
from profundo.graph import exp, scalar, sin
from profundo.graph.derivatives.derivative_comparison import growth, speelpenning, step_sizes
from profundo.graph.derivatives.differentiating import differentiate

SIZES = [2, 4, 8, 16, 32, 64]


def regression() -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The loss as a function of the weights (64, 10), and a point."""
    torch.manual_seed(0)
    images, labels = torch.randn(200, 64, dtype=torch.float64), torch.randint(10, (200,))
    return lambda weights: F.cross_entropy(images @ weights, labels), 0.1 * torch.randn(64, 10)


def swell(iterations: int) -> dict[str, list[int]]:
    """Operations of the derivative of the logistic map, iterated: of its formula, and of the chain rule."""
    x = value = scalar("x")
    counts: dict[str, list[int]] = {"formula": [], "formula, shared": [], "chain rule": []}
    for _ in range(iterations):
        value = 4 * value * (1 - value)
        formulas = differentiate(value, {x: 0.3}, "symbolic").formulas
        assert formulas is not None
        counts["formula"].append(formulas.written_out)
        counts["formula, shared"].append(formulas.shared)
        counts["chain rule"].append(differentiate(value, {x: 0.3}).operations)
    return counts


def steps() -> dict[str, dict[str, float]]:
    """Of eˣ·sin x at 1: the best step, the error there, and the slopes on logarithmic axes."""
    x = scalar("x")
    found = step_sizes(exp(x) * sin(x), {x: 1.0})
    return {
        f"{one.differences}, {one.precision}": {
            "best step": one.best,
            "error there": one.errors[found.steps.index(one.best)],
            "slope left": one.rounding,
            "slope right": one.truncation,
        }
        for one in found.curves
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    loss, weights = regression()

    def seconds(how: str, **options: Any) -> Callable[[], float]:
        return lambda: differentiate(loss, weights, how, **options).seconds

    works = {"automatic": seconds("automatic")}
    works |= {kind: seconds("numerical", differences=kind) for kind in ("forward", "central", "five-point")}
    show(measured := ratios(measured_in_turn(works, asked.rounds), "automatic"))
    grown = growth(speelpenning, SIZES)
    print(grown)
    result = {
        "inputs": SIZES,
        "operations of f": grown.function,
        "operations of all derivatives": dict(grown.operations),
        "operations of the logistic map's derivative": swell(10),
        "step sizes": steps(),
        "seconds of 640 derivatives": measured,
    }
    keep("graph_derivatives", result)


if __name__ == "__main__":
    main()
