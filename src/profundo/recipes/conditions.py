"""Which class a generator is to draw: the setting `condition`, prompts that name a class, and how samples of all are laid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from profundo.data.streams.archives import printable
from profundo.records import Dataset, ProfundoError

__all__ = [
    "ASKED",
    "WIDEST",
    "Condition",
    "asked_class",
    "classes_there",
    "classes_told",
    "columns_of",
    "heads_of",
    "in_turn",
    "laid_out",
    "like_training",
    "of_classes",
]

Condition = Literal["class"] | None
"""What a net is told beside its input: the class, or nothing."""

ASKED = "share as asked"  # of what is made, how much a judge takes for the class that was asked for
NAMED = 20  # classes in an error
WIDEST = 16  # classes that stand side by side
LONGEST = 40  # letters of a name


def classes_told(data: Dataset, condition: Condition) -> list[str]:
    """The names of the classes, where the nets are to be told them; else none. Raises ProfundoError for data without classes."""
    if condition is None:
        return []
    if not (classes := classes_there(data)):
        raise ProfundoError(
            "condition=class: expected images of two classes or more, each in a folder of its own; those of "
            f"{printable(data.name)} are not told apart by class; leave condition out"
        )
    return classes


def classes_there(data: Dataset) -> list[str]:
    """The names of the classes, where each sample is of one of several; else none."""
    targets = data.spec.targets
    return list(targets.classes) if targets.traits.one_class and len(targets.classes) > 1 else []


def asked_class(classes: Sequence[str], prompt: str) -> int | None:
    """The place of the class that a prompt names; None for no prompt. Raises ProfundoError for one that there is not."""
    if not prompt:
        return None
    if not classes:
        raise ProfundoError(
            f"prompt {prompt!r}: these networks were told no classes; leave it out, or run the recipe with --set condition=class"
        )
    if prompt not in classes:
        more = ", …" * (len(classes) > NAMED)
        raise ProfundoError(f"prompt: expected a class of {', '.join(classes[:NAMED])}{more}, got {prompt!r}")
    return classes.index(prompt)


def in_turn(classes: Sequence[object], count: int, only: int | None = None) -> Tensor | None:
    """int64 (count,): one class after another, again and again, or always the one; None where there are no classes."""
    if not classes:
        return None
    return torch.arange(count) % len(classes) if only is None else torch.full((count,), only)


def laid_out(classes: Sequence[object]) -> tuple[int, int]:
    """How many samples are shown, and in how many columns: where classes are told, a column for each."""
    return (8 * len(classes), len(classes)) if 2 <= len(classes) <= WIDEST else (64, 8)


def columns_of(classes: Sequence[str], only: int | None) -> int | None:
    """Of samples of each class in turn one column a class; None, as many as look well, of others."""
    return len(classes) if only is None and 2 <= len(classes) <= WIDEST else None


def heads_of(classes: Sequence[str], only: int | None = None) -> Sequence[str]:
    """The names of these columns."""
    return classes if columns_of(classes, only) else ()


def of_classes(name: str, classes: Sequence[str]) -> list[tuple[str, int | None]]:
    """The net's name alone, or beside that of each class, with the place of the class. Names that are alike when they are cut
    end in a number."""
    taken: list[str] = []
    for one in classes:
        taken.append(not_taken(f"{name}, {one}", taken))
    return [(one, at) for at, one in enumerate(taken)] or [(name, None)]


def not_taken(name: str, taken: Sequence[str]) -> str:
    """The name, cut to LONGEST letters, with a number behind where others have it."""
    ends = ("", *(f" {number}" for number in range(2, len(taken) + 2)))
    return next(cut for end in ends if (cut := name[: LONGEST - len(end)] + end) not in taken)


def like_training(data: Dataset, classes: Sequence[str], count: int) -> Tensor | None:
    """int64 (count,): classes in the shares that they have among the training samples, which may lie class by class; None where
    none are told."""
    if not classes:
        return None
    labels: Tensor = data.train.targets.long()
    return labels[torch.arange(count) * len(labels) // count]
