"""How much one column alone tells of what is to be predicted, by order and not by size: leaks that no correlation sees.

    classes    a stump: for each class against the rest, the area under the ROC curve of the best interval of numbers, or the
               best set of categories. An interval catches s of the class and f of the rest: (1 + s - f) / 2. Having no value
               may be part of it. Of several classes the worst told.
    numbers    R² of the ranks: Spearman's ρ², or 1 - Σ (r[i+1] - r[i])² / 2 Σ (r[i] - r̄)², of the target's ranks r in the
               order of the column (von Neumann's ratio, 1941): 1 where a curve or steps, however bent, give the target, and
               0 on average where nothing does. Of categories the adjusted correlation ratio of the ranks.

A figure near 1 is the mark of a column that follows from the answer: a code of it, a sum that holds it, a date that only
comes afterwards.
"""

from __future__ import annotations

import numpy as np

from profundo.looks.relations import correlation_ratio, pearson
from profundo.ranks_and_places import ranks

__all__ = ["FEWEST", "stump_area", "telling"]

FEWEST = 20  # rows
OF_A_CLASS = 10  # rows: fewer lie together by chance
OF_A_CATEGORY = 5


def telling(column: np.ndarray, is_category: bool, target: np.ndarray, is_class: bool) -> float | None:
    """float64 (rows,) both, NaN where missing; categories and classes as whole numbers from 0. None where nothing can be
    said: few rows, or one of them constant."""
    there = np.isfinite(target)
    column, target = column[there], target[there]
    if len(target) < FEWEST:
        return None
    if is_class:
        return _of_classes(column, is_category, target.astype(np.int64))
    if is_category:
        return _of_categories(column, target)
    return _of_numbers(column, target)


def _of_classes(column: np.ndarray, is_category: bool, labels: np.ndarray) -> float | None:
    known = [label for label, rows in enumerate(np.bincount(labels)) if rows >= OF_A_CLASS]
    if len(known) < 2:
        return None
    areas = [stump_area(column, is_category, labels == label) for label in known]
    return max(areas) if len(np.unique(labels)) == 2 else min(areas)


def stump_area(column: np.ndarray, is_category: bool, of_class: np.ndarray) -> float:
    """Area under the ROC curve of the best stump that tells this class, bool (rows,), from the rest."""
    weights = np.where(of_class, 1 / of_class.sum(), -1 / (~of_class).sum())
    missing = ~np.isfinite(column)
    alone = float(weights[missing].sum())
    _, places = np.unique(column[~missing], return_inverse=True)
    if is_category:
        rare = np.bincount(places)[places] < OF_A_CATEGORY if len(places) else places
        places = np.where(rare, len(places), places)
        sums = np.bincount(places, weights[~missing]) if len(places) else np.zeros(1)
        return float((1 + np.maximum(sums, 0).sum() + max(alone, 0)) / 2)
    heights = np.concatenate([[0.0], np.cumsum(np.bincount(places, weights[~missing]))])
    best = float((heights - np.minimum.accumulate(heights)).max())  # of all intervals (Kadane)
    return (1 + best + max(alone, 0)) / 2


def _of_numbers(column: np.ndarray, target: np.ndarray) -> float | None:
    there = np.isfinite(column)
    column, target = column[there], target[there]
    if len(column) < FEWEST or (column == column[0]).all() or (target == target[0]).all():
        return None
    if _is_ordered(column) and not _is_ordered(target):
        return None  # time goes by, whatever is measured
    own, other = ranks(column), ranks(target)
    shuffled = np.random.default_rng(0).permutation(len(column))  # equal values in no order of the rows
    in_order = other[shuffled[np.argsort(column[shuffled], kind="stable")]]
    smooth = 1 - np.square(np.diff(in_order)).sum() / (2 * np.square(other - other.mean()).sum())
    return float(max(pearson(own, other) ** 2, smooth))


def _is_ordered(values: np.ndarray) -> bool:
    steps = np.diff(values)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _of_categories(column: np.ndarray, target: np.ndarray) -> float | None:
    _, places = np.unique(np.nan_to_num(column, nan=-1), return_inverse=True)
    rows, kinds = len(places), int(places.max()) + 1
    if kinds < 2 or rows < OF_A_CATEGORY * kinds or (target == target[0]).all():
        return None
    explained = correlation_ratio(ranks(target), places) ** 2
    return max(0.0, 1 - (1 - explained) * (rows - 1) / (rows - kinds))
