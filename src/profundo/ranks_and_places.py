"""Some places of many, evenly spread, and the places of values in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["evenly", "ranks"]


def evenly(count: int, most: int) -> list[int]:
    """Of 0 to count − 1 at most so many, evenly spread, with the first and the last; where one is wanted the first."""
    few = min(count, most)
    return [round(at * (count - 1) / max(1, few - 1)) for at in range(few)]


def ranks(values: np.ndarray) -> np.ndarray:
    """float64 (values,), from 1; equal values have the mean of theirs."""
    import numpy as np

    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    result: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return result
