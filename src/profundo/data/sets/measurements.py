"""Two measurements of two kinds of thing: the problems with which classification is introduced.

Nobody weighed these apples or measured these fish: the numbers are generated, each class from a normal distribution
whose mean and spread are written below, alike every time (numpy's RandomState, whose streams are frozen, NEP 19). In
both sets a straight line separates the classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import RandomState

from profundo.data.splits.splits import Collection
from profundo.records import Inputs, Samples, Targets

__all__ = ["MEASURED", "Kind", "measured"]

EACH = 50  # samples per class


@dataclass(frozen=True, slots=True)
class Kind:
    """One class. mean, spread (standard deviation): of each measurement; correlation: between the two."""

    name: str
    mean: tuple[float, float]
    spread: tuple[float, float]
    correlation: float


MEASURED: dict[str, tuple[tuple[str, str], tuple[Kind, Kind]]] = {
    "apples": (
        ("weight (g)", "redness"),
        (Kind("apple", (150.0, 0.66), (18.0, 0.09), 0.2), Kind("orange", (195.0, 0.32), (20.0, 0.08), 0.0)),
    ),
    "fish": (
        ("length (cm)", "lightness"),
        (Kind("trout", (38.0, 3.4), (6.0, 0.7), 0.3), Kind("salmon", (64.0, 5.9), (8.0, 0.8), 0.3)),
    ),
}


def measured(name: str) -> Collection:
    """100 samples, 50 of each class. Raises KeyError for another name."""
    names, kinds = MEASURED[name]
    random = RandomState(0)
    rows = np.concatenate([_draw(kind, random) for kind in kinds])
    samples = Samples(torch.from_numpy(rows).float(), torch.arange(2).repeat_interleave(EACH))
    return Collection(
        name,
        Inputs((2,), "features", names=names),
        Targets("binary", tuple(kind.name for kind in kinds)),
        samples,
        notes=("The measurements are generated, not taken.",),
    )


def _draw(kind: Kind, random: RandomState) -> np.ndarray:
    """(50, 2) from the bivariate normal distribution."""
    first, second = random.standard_normal((2, EACH))
    r = kind.correlation
    standard = np.column_stack((first, r * first + np.sqrt(1 - r * r) * second))
    rows: np.ndarray = np.asarray(kind.mean) + standard * np.asarray(kind.spread)
    return rows
