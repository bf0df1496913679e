"""How far a sequence of labels is from the true one: the fewest labels to exchange, leave out and put in (Levenshtein 1966)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["Edits", "edits", "label_error_rate"]


class Edits(NamedTuple):
    """The fewest mistakes that make what was written of the truth."""

    total: int
    exchanged: int = 0
    left_out: int = 0
    put_in: int = 0

    def plus(self, exchanged: int = 0, left_out: int = 0, put_in: int = 0) -> Edits:
        added = exchanged, left_out, put_in
        return Edits(*(one + more for one, more in zip(self, (sum(added), *added), strict=True)))


def edits(truth: Sequence[object], written: Sequence[object]) -> Edits:
    """D(i, j) = min(D(i−1, j−1) + [truthᵢ ≠ writtenⱼ], D(i−1, j) + 1, D(i, j−1) + 1); of equally few mistakes, those with fewest
    exchanges."""
    above = [Edits(0).plus(put_in=count) for count in range(len(written) + 1)]
    for left_out, meant in enumerate(truth, 1):
        row = [Edits(0).plus(left_out=left_out)]
        for at, label in enumerate(written):
            diagonal = above[at] if meant == label else above[at].plus(exchanged=1)
            row.append(min(diagonal, above[at + 1].plus(left_out=1), row[at].plus(put_in=1)))
        above = row
    return above[-1]


def label_error_rate(pairs: Iterable[tuple[Sequence[object], Sequence[object]]]) -> float:
    """Mistakes in all sequences, (truth, what was written) each, per label of the truth (Graves et al. 2006, eq. 1): 0 is perfect;
    it may exceed 1."""
    every = list(pairs)
    labels = sum(len(truth) for truth, _ in every)
    return sum(edits(truth, written).total for truth, written in every) / max(1, labels)
