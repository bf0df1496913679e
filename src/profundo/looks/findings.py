"""What somebody ought to know before training: what it is, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from profundo.languages import Said

__all__ = ["LEVELS", "MARKS", "DataFinding", "Level", "in_lines", "in_order", "in_splits", "rows_told", "some"]

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
MARKS: dict[Level, str] = {"error": "✗", "warning": "!", "note": "·"}
MOST_EXAMPLES = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DataFinding:
    """level: "error" where training would stop or its scores would be wrong, "warning" where it would suffer, "note".

    examples: where it is, some places; pictures: numbers of samples that show it, such as pairs of copies, and pairs
    says whether they belong together two by two.
    """

    level: Level
    what: Said
    advice: Said | Literal[""]
    examples: tuple[str, ...] = ()
    pictures: tuple[int, ...] = ()
    pairs: bool = False


def in_order(findings: Sequence[DataFinding]) -> tuple[DataFinding, ...]:
    """The gravest first; of one level as they were found."""
    return tuple(sorted(findings, key=lambda finding: LEVELS.index(finding.level)))


def _as_it_is(place: Any) -> Any:
    return place  # str(…) would forget the other languages


def some(places: Sequence[T], tell: Callable[[T], str] = _as_it_is, most: int = MOST_EXAMPLES) -> tuple[str, ...]:
    """The first few as `tell` puts them, and how many more there are."""
    first, more = tuple(map(tell, places[:most])), len(places) - most
    return first if more <= 0 else (*first, Said("looks.more", count=more))


def in_splits(names: Sequence[str]) -> Said:
    """ "validation and test", of one or two."""
    first, *rest = [Said(f"terms.{'training' if name == 'train' else name}") for name in names]
    return Said("looks.and", first=first, second=rest[0]) if rest else first


def rows_told(rows: Sequence[int], sign: str) -> Said:
    """ "row 3 = row 8": those at these places, from 0. sign: "equal", "unequal" or "alike"."""
    last, *before = [Said("looks.row", number=int(row) + 1) for row in reversed(rows)]
    for row in before:
        last = Said(f"looks.{sign}", first=row, second=last)
    return last


def in_lines(level: Level, what: str, advice: str, *more: str) -> list[str]:
    """The form in which every finding is printed, of data and of trainings: what it is, what to do, and more about it."""
    return [f"{MARKS[level]} {what}", f"  → {advice}", *(f"    {line}" for line in more)]
