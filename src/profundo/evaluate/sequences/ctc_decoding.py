"""From a net's probabilities of labels and blanks at each step to the labels (Graves et al. 2006, section 3.2).

The likeliest path is quick, but the labels it means need not be the likeliest: many unlikely paths may mean others. Prefix beam
search (Hannun et al. 2014, arXiv:1408.2873, algorithm 1, without a language model) adds up all paths of the prefixes that it keeps.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import groupby

from torch import Tensor

from profundo.records import BLANK

__all__ = ["likeliest_path", "prefix_beam"]

Prefix = tuple[int, ...]
NEVER = -math.inf


def likeliest_path(log_shares: Tensor) -> list[int]:
    """The labels of the likeliest symbol of each step: repeated ones become one, blanks none. log_shares (steps, symbols)."""
    return [symbol for symbol, _ in groupby(log_shares.argmax(1).tolist()) if symbol != BLANK]


def prefix_beam(log_shares: Tensor, width: int = 8, least: float = -12.0) -> list[int]:
    """The likeliest labels among the `width` prefixes that are kept after each step.

    least: labels less likely than this at a step, in nats, begin nothing there; −∞ for all. With it, and a width that keeps every
    prefix, the result is the likeliest of all.
    """
    beam: dict[Prefix, tuple[float, float]] = {
        (): (0.0, NEVER)
    }  # log p of paths that end in a blank, and in the last label
    for row in log_shares.tolist():
        labels = [label for label, share in enumerate(row) if label != BLANK and share >= least]
        after: dict[Prefix, list[float]] = defaultdict(lambda: [NEVER, NEVER])
        for prefix, (blank, label) in beam.items():
            _extend(after, prefix, (blank, label), row, labels)
        best = sorted(after.items(), key=lambda one: added(*one[1]), reverse=True)[:width]
        beam = {prefix: (blank, label) for prefix, (blank, label) in best}
    return list(max(beam.items(), key=lambda one: added(*one[1]))[0])


def _extend(
    after: dict[Prefix, list[float]], prefix: Prefix, ends: tuple[float, float], row: list[float], labels: list[int]
) -> None:
    """Every way on from a prefix: it stays by a blank or by its last label again, or grows by a label; by its last one only after a
    blank."""
    blank, label = ends
    whole = added(blank, label)
    stay = after[prefix]
    stay[0] = added(stay[0], whole + row[BLANK])
    if prefix:
        stay[1] = added(stay[1], label + row[prefix[-1]])
    for more in labels:
        grown = after[(*prefix, more)]
        grown[1] = added(grown[1], (blank if prefix and prefix[-1] == more else whole) + row[more])


def added(one: float, other: float) -> float:
    """log(eᵃ + eᵇ)."""
    high, low = (one, other) if one > other else (other, one)
    return high if low == NEVER else high + math.log1p(math.exp(low - high))
