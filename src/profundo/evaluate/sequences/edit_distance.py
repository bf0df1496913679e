"""How far a sequence of labels is from the true one: the fewest labels to exchange, leave out and put in (Levenshtein 1966)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["edit_distance", "label_error_rate"]


def edit_distance(truth: Sequence[object], written: Sequence[object]) -> int:
    """D(i, j) = min(D(i−1, j−1) + [truthᵢ ≠ writtenⱼ], D(i−1, j) + 1, D(i, j−1) + 1), row by row."""
    above = list(range(len(written) + 1))
    for left_out, meant in enumerate(truth, 1):
        row = [left_out]
        for at, label in enumerate(written):
            row.append(min(above[at] + (meant != label), above[at + 1] + 1, row[at] + 1))
        above = row
    return above[-1]


def label_error_rate(pairs: Iterable[tuple[Sequence[object], Sequence[object]]]) -> float:
    """Mistakes in all sequences, (truth, what was written) each, per label of the truth (Graves et al. 2006, eq. 1): 0 is perfect;
    it may exceed 1."""
    every = list(pairs)
    return sum(edit_distance(*one) for one in every) / max(1, sum(len(truth) for truth, _ in every))
