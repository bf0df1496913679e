"""How much one column tells about another, whatever they hold: a number whose size goes from 0, nothing, to 1, all.

of two columns of numbers     Pearson's correlation r, which has a sign
of numbers and categories     the correlation ratio η = √(variance of the categories' means / variance)
of two columns of categories  Cramér's V = √(χ² / (n · (the fewer categories − 1)))

r sees straight lines only, and η and V favour columns of many categories in few rows: a hint, not a test.
"""

from __future__ import annotations

import numpy as np

__all__ = ["correlation_ratio", "cramers_v", "pearson", "relation"]

FEWEST = 3  # rows


def relation(one: np.ndarray, is_category: bool, other: np.ndarray, other_is_category: bool) -> float | None:
    """float64 (rows,) both, NaN where missing; categories as whole numbers from 0. None where there is nothing to tell:
    too few rows with both, or one of them constant."""
    both = np.isfinite(one) & np.isfinite(other)
    one, other = one[both], other[both]
    if len(one) < FEWEST or (one == one[0]).all() or (other == other[0]).all():
        return None
    if is_category and other_is_category:
        return cramers_v(one.astype(np.int64), other.astype(np.int64))
    if is_category or other_is_category:
        numbers, labels = (other, one) if is_category else (one, other)
        return correlation_ratio(numbers, labels.astype(np.int64))
    return pearson(one, other)


def pearson(one: np.ndarray, other: np.ndarray) -> float:
    a, b = _centred(one), _centred(other)
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def correlation_ratio(numbers: np.ndarray, labels: np.ndarray) -> float:
    scaled = _centred(numbers)
    counts = np.bincount(labels)
    sums = np.bincount(labels, weights=scaled)
    between = float((sums[counts > 0] ** 2 / counts[counts > 0]).sum())
    return float(np.clip(np.sqrt(between / (scaled @ scaled)), 0, 1))


def cramers_v(one: np.ndarray, other: np.ndarray) -> float:
    """Of indices; those that do not occur are left aside."""
    rows, one = np.unique(one, return_inverse=True)
    columns, other = np.unique(other, return_inverse=True)
    table = np.bincount(one * len(columns) + other, minlength=len(rows) * len(columns)).reshape(len(rows), -1)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / len(one)
    chi_squared = float(((table - expected) ** 2 / expected).sum())
    return float(np.clip(np.sqrt(chi_squared / (len(one) * (min(len(rows), len(columns)) - 1))), 0, 1))


def _centred(numbers: np.ndarray) -> np.ndarray:
    """Of mean 0, the largest of size 1, so that no square overflows or vanishes; not all of them may be equal."""
    scaled = numbers / np.abs(numbers).max()
    scaled = scaled - scaled.mean()
    result: np.ndarray = scaled / np.abs(scaled).max()
    return result
