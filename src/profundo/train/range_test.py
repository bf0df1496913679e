"""Learning-rate range test: a few steps of training whose rate grows, to see where the loss falls and where it diverges.

Smith 2017 ("Cyclical Learning Rates for Training Neural Networks", section 3.3) lets the rate grow in a straight line;
here it grows exponentially, so that each decade gets as many steps. The losses of the batches are smoothed by a mean that
forgets: aᵢ = β aᵢ₋₁ + (1−β) lᵢ, over 1 − βⁱ, which makes up for the beginning (Kingma & Ba 2015, section 3).

    found = range_test(update, batches, low=1e-5, high=10)      # trains the update: give it a copy of the net
    found.suggestion
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from profundo.records import ProfundoError
from profundo.train.loop import Batches, Plan, Repeated, Update, fit

__all__ = ["RangeTest", "lowest", "range_test", "smooth"]

FORGET = 0.9  # β: about the last ten batches count
FEWEST = 10  # steps before a test may stop
DONE = 0.9  # share of the fall after which the loss counts as fallen


@dataclass(frozen=True, slots=True)
class RangeTest:
    """rates: of each step; losses: of its batch, before the step; smoothed: their forgetful mean, all of one length.

    The last losses may be infinite or NaN: those of the step at which the test stopped.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged: bool

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is lowest: one that is already too large to begin with."""
        return self.rates[lowest(self.smoothed)]

    @property
    def fallen(self) -> float:
        """The first rate at which the smoothed loss has made nine tenths of its fall.

        Where the bottom is flat, this says more than where the lowest happens to lie.
        """
        start, best = self.smoothed[0], self.smoothed[lowest(self.smoothed)]
        down = (at for at, loss in enumerate(self.smoothed) if loss <= start - DONE * (start - best))
        return self.rates[next(down, 0)]

    @property
    def suggestion(self) -> float:
        """Half the rate at which nine tenths of the fall are done."""
        return self.fallen / 2


def growing(low: float, high: float, steps: int) -> list[float]:
    """From low to high, each the same multiple of the one before: low (high/low)^(i/(steps−1))."""
    return [low * (high / low) ** (index / (steps - 1)) for index in range(steps)]


def smooth(losses: Iterable[float], forget: float = FORGET) -> list[float]:
    """The mean that forgets, after each loss."""
    mean, smoothed = 0.0, []
    for count, loss in enumerate(losses, 1):
        mean = forget * mean + (1 - forget) * loss
        smoothed.append(mean / (1 - forget**count))
    return smoothed


def is_diverging(smoothed: Sequence[float]) -> bool:
    """Whether the loss has risen as far above its start as its lowest is below it, and at least to double.

    A loss that is not a number has diverged at any time.
    """
    if not math.isfinite(smoothed[-1]):
        return True
    start, best = smoothed[0], min(smoothed)
    return len(smoothed) >= FEWEST and smoothed[-1] > start + max(start - best, abs(start))


def lowest(smoothed: Sequence[float]) -> int:
    return min(range(len(smoothed)), key=lambda at: smoothed[at] if math.isfinite(smoothed[at]) else math.inf)


def range_test(
    update: Update, batches: Batches | Iterable[Any], *, low: float, high: float, steps: int = 100
) -> RangeTest:
    """Train for at most `steps` steps at rates from low to high; the update is left wherever that ends.

    Where parameters have rates of their own, low and high are those of the first optimizer's first group; the others
    keep their proportion to it. Raises ProfundoError unless 0 < low < high and there are at least ten steps.
    """
    if not 0 < low < high < math.inf or steps < FEWEST:
        raise ProfundoError(
            f"range test: expected 0 < low < high and at least {FEWEST} steps, got {low:g}, {high:g} and {steps}"
        )
    served: Batches = batches if hasattr(batches, "epoch") else Repeated(batches)  # type: ignore[assignment]
    rates = growing(low, high, steps)
    epochs = -(-steps // max(1, len(served)))
    total = epochs * len(served)
    group = next(iter(update.optimizers)).param_groups[0]
    first = float(group.get("initial_lr", group["lr"]))
    plan = Plan(epochs, lambda share: rates[min(round(share * total), steps - 1)] / first)
    losses: list[float] = []
    smoothed: list[float] = []
    for step in fit(update, served, plan):
        losses.append(float(step.losses["loss"]))
        smoothed = smooth(losses)
        if is_diverging(smoothed) or len(losses) == steps:
            break
    done = len(losses)
    return RangeTest(tuple(rates[:done]), tuple(losses), tuple(smoothed), done < steps or is_diverging(smoothed))
