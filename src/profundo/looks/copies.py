"""The same input more than once: within a split, in two splits, under two labels."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Copies", "copies_of"]


@dataclass(frozen=True, slots=True)
class Copies:
    """groups: numbers of the samples whose input is the same, two or more in each, ascending.

    leaked: those of test or validation whose input is in training, too, with one of these, as pairs; quarrels: groups
    with different labels.
    """

    groups: tuple[tuple[int, ...], ...]
    leaked: tuple[tuple[int, int], ...]
    quarrels: tuple[tuple[int, ...], ...]


def copies_of(
    contents: Sequence[Hashable], split: np.ndarray, label: np.ndarray, usable: np.ndarray | None = None
) -> Copies:
    """contents: equal where the inputs are; split: 0 for training, above for others, −1 for none; label: what is to be
    predicted, as whole numbers. usable: which samples are looked at."""
    members: dict[Hashable, list[int]] = {}
    for number, content in enumerate(contents):
        if usable is None or usable[number]:
            members.setdefault(content, []).append(number)
    groups = tuple(tuple(group) for group in members.values() if len(group) > 1)
    leaked = [
        (number, next(other for other in group if split[other] == 0))
        for group in groups
        if any(split[other] == 0 for other in group)
        for number in group
        if split[number] > 0
    ]
    quarrels = tuple(group for group in groups if len({int(label[number]) for number in group}) > 1)
    return Copies(groups, tuple(leaked), quarrels)
