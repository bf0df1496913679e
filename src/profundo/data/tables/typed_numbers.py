"""Numbers that a person types for a column of numbers: not as the column's table writes them, but as people do.

as the column writes it       it is that number; of one that has no thousands marked, "2.000" may be two thousand as well: what is
                              nearer to the values of training decides, where it is the thousands they are asked for
in another way                the number, and it is told how it was read: "1.234,50 €" as 1234.5
in another way, and in two    neither: both are named, each as it leaves no doubt
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from profundo.data.tables.numbers_in_text import currency_of, read_numbers
from profundo.languages import Said
from profundo.records import Column, Writing

__all__ = ["TypedNumber", "typed_numbers"]

WAYS = [way for between, point in product(("", ",", ".", " ", "'"), ".,") if (way := (point, between))[0] != between]
DECIMALS = 2  # of them, the first, without a sign between thousands


class TypedNumber(NamedTuple):
    """notice: how it was read, "" where nobody could read it otherwise."""

    value: float
    notice: str


def typed_numbers(texts: Sequence[str], column: Column) -> list[TypedNumber | Said | None]:
    """For each text its number, why it is refused, or None for what is none, such as a word for nothing."""
    own = _read(texts, column.writing)
    affixes = column.writing.affixes
    bare = texts if affixes else [text.replace(currency_of(text), "") for text in texts]  # the column may lack its sign
    ways = [_read(bare, Writing(*way, affixes)) for way in WAYS]
    readings = zip(*ways, strict=True)
    return [_decided(*one, column) for one in zip(texts, own, readings, strict=True)]


def _decided(
    text: str, own: float | None, readings: Sequence[float | None], column: Column
) -> TypedNumber | Said | None:
    """own: as the column writes it; readings: in each of the ways."""
    ways = readings if _may_have_thousands(text) else readings[:DECIMALS]
    others = {value for value in ways if value is not None and value != own}
    if own is not None and (column.writing.thousands or all(_is_nearer(own, one, column.fill) for one in others)):
        return TypedNumber(own, "")
    both = sorted(others | ({own} if own is not None else set()), key=abs)
    shown = [_without_doubt(value, column.writing) for value in both[:2]]
    names = {"name": repr(column.name), "text": repr(text)}
    if len(both) > 1:
        return Said("refusals.two_numbers", **names, first=shown[0], second=shown[1])
    return TypedNumber(both[0], Said("readings.typed_number", **names, value=shown[0])) if both else None


def _may_have_thousands(text: str) -> bool:
    """None begin with a nought."""
    digit = re.search(r"\d", text)
    return digit is not None and digit[0] != "0"


def _read(texts: Sequence[str], writing: Writing) -> list[float | None]:
    import polars

    values = read_numbers(polars.Series([text.strip() for text in texts], dtype=polars.String), writing)
    return [value if value is not None and math.isfinite(value) else None for value in values]


def _is_nearer(own: float, other: float, usual: float) -> bool:
    """Whether it is by its ratio to the usual value that this is meant, not the other; of nought everything is as far."""
    return abs(usual) <= math.sqrt(abs(own * other)) if abs(own) < abs(other) else True


def _without_doubt(value: float, writing: Writing) -> str:
    """Of three decimals a fourth says that no thousand is meant."""
    digits = f"{value:.15g}"
    doubtful = "e" not in digits and len(digits.partition(".")[2]) == 3
    return (digits + "0" if doubtful else digits).replace(".", writing.decimal)
