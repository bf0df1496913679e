"""From which probability a class is answered: chosen on the validation split, by what mistakes cost.

    cost:10,1     the least mean cost, where a miss costs 10 and a false alarm 1
    f1            the largest F1
    balanced      the largest balanced accuracy
    recall=0.9    the largest threshold that finds 9 of 10, which raises the fewest false alarms
    0.3           as it is

All of the class that is to be found: the rare one of two (evaluate/leading.py). Of probabilities that are calibrated the
cheapest threshold is b / (a + b), where a miss costs a and a false alarm b (Elkan 2001); of several that are as good on the
validation split the nearest to it is taken, of the others the nearest to ½.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from profundo.evaluate.leading import positive
from profundo.languages import Said
from profundo.records import ProfundoError, Targets

__all__ = ["check_rule", "choose_threshold"]

PLAIN = ("f1", "balanced")  # rules without numbers


def check_rule(rule: str) -> str:
    """The rule as it was given. Raises ProfundoError where it cannot be read."""
    read_rule(rule)
    return rule


def read_rule(rule: str) -> tuple[str, tuple[float, ...]]:
    """("cost", (10.0, 1.0)), ("f1", ()), ("balanced", ()), ("recall", (0.9,)), ("fixed", (0.3,))."""
    text = str(rule).replace(" ", "").lower()
    name = next((name for name, start in (("cost", "cost:"), ("recall", "recall=")) if text.startswith(start)), "fixed")
    try:
        numbers = (
            () if text in PLAIN else tuple(map(float, text.removeprefix("cost:").removeprefix("recall=").split(",")))
        )
    except ValueError:
        raise ProfundoError(Said("refusals.threshold_form", got=repr(rule))) from None
    name = text if text in PLAIN else name
    fits = {
        **dict.fromkeys(PLAIN, True),
        "cost": len(numbers) == 2 and all(0 < number < math.inf for number in numbers),
        "recall": len(numbers) == 1 and 0 < numbers[0] <= 1,
        "fixed": len(numbers) == 1 and 0 < numbers[0] < 1,
    }
    if not fits[name]:
        raise ProfundoError(Said("refusals.threshold_form", got=repr(rule)))
    return name, numbers


def choose_threshold(rule: str, probabilities: Tensor, truth: Tensor, targets: Targets) -> float:
    """The `Targets.threshold` that serves the rule best: of the probability of the second class.

    probabilities: of the second class (samples,); truth: its index or that of the first (samples,), both at least once.
    """
    name, numbers = read_rule(rule)
    wanted = positive(targets)
    sure = (probabilities if wanted else 1 - probabilities).double()
    chosen = numbers[0] if name == "fixed" else best(name, numbers, sure, truth == wanted)
    return torch.tensor(chosen if wanted else 1 - chosen, dtype=torch.float32).item()


def best(name: str, numbers: tuple[float, ...], sure: Tensor, wanted: Tensor) -> float:
    """The threshold of the probabilities `sure` (samples,) of the class that is to be found."""
    thresholds, hits, alarms = catches(sure, wanted)
    misses = wanted.sum() - hits
    if name == "recall":
        return thresholds[(hits >= numbers[0] * wanted.sum() - 1e-9).nonzero()[0, 0]].item()
    miss, alarm = numbers or (1.0, 1.0)
    if name == "f1":
        worth = 2 * hits / (2 * hits + alarms + misses)
    elif name == "balanced":
        worth = hits / wanted.sum() - alarms / (~wanted).sum()
    else:
        worth = -(miss * misses + alarm * alarms)
    tied = thresholds[worth >= worth.max() - 1e-12 * worth.abs().max()]
    return tied[(tied - alarm / (miss + alarm)).abs().argmin()].item()


def catches(sure: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Every threshold that divides the samples otherwise, from the highest, which takes none, to the lowest, which takes
    all: midway between neighbouring probabilities; how many it takes rightly, and wrongly."""
    values, order = sure.sort(descending=True)
    ends = torch.cat([values.diff() != 0, torch.tensor([True])])
    hits, taken = wanted[order].cumsum(0)[ends], torch.arange(1, len(sure) + 1)[ends]
    edges = torch.cat([torch.ones(1, dtype=torch.float64), values[ends], torch.zeros(1, dtype=torch.float64)])
    none = torch.zeros(1, dtype=hits.dtype)
    return (edges[1:] + edges[:-1]) / 2, torch.cat([none, hits]), torch.cat([none, taken - hits])
