"""How long a training took, by phase: over all its stretches, where it was interrupted and gone on with."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Clock"]

LONGEST = 1e10  # seconds, three centuries


class Clock:
    """It runs from when it is made. before: seconds by phase of the stretches before this one, as their checkpoint has them.

    beside: seconds by phase of what is done meanwhile and is no training, of this stretch.
    """

    def __init__(self, before: Any = None) -> None:
        self.before, self.began = amounts(before), time.perf_counter()
        self.beside: Callable[[], Mapping[str, float]] = dict

    def seconds(self) -> dict[str, float]:
        """By phase, of all stretches so far."""
        beside = self.beside()
        training = time.perf_counter() - self.began - sum(beside.values())
        now = {**beside, "training": training}
        return {name: self.before.get(name, 0.0) + now.get(name, 0.0) for name in {**self.before, **now}}

    @property
    def training(self) -> float:
        return self.seconds()["training"]


def amounts(before: Any) -> dict[str, float]:
    """Those that are seconds: a checkpoint of an earlier version has none."""
    if not isinstance(before, Mapping):
        return {}
    return {str(name): float(value) for name, value in before.items() if is_amount(value)}


def is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= LONGEST
