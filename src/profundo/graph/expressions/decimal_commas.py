"""Decimal commas in formulas: 0,5·x is read as 0.5·x, and f(1,5; 2) has the two arguments 1.5 and 2.

A comma is a decimal one where nothing else can stand: outside of arguments and lists, and among arguments that ";" separates.
Elsewhere it separates, as in max(1,5) and [1,5]; a formula that has commas of both kinds there is refused, and so is what may
be thousands: 1,000·x.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["commas_between_values", "with_points"]

_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![.,]?\d)")
_NAME = re.compile(
    r"(?<!\\)\b(?:[^\W\d]\w*|_)\s*$|\\(?!frac|sqrt)[a-zA-Z]+\s*$"
)  # before a bracket of arguments, or of an index
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(slots=True)
class _Bracket:
    """kind: "values" of arguments, "list", or "" where a single value stands. tight: commas between digits; loose: the others;
    separators: places of ";"."""

    kind: str = ""
    tight: list[re.Match[str]] = field(default_factory=list)
    loose: list[int] = field(default_factory=list)
    separators: list[int] = field(default_factory=list)

    @property
    def has_decimals(self) -> bool:
        return bool(self.tight) and (not self.kind or bool(self.separators))


def with_points(text: str) -> str:
    """The formula with a point before decimals and commas between arguments, letter for letter at its place.

    Raises ProfundoError for a comma that may be of either kind.
    """
    brackets = list(_brackets(text))
    letters, is_used = list(text), any(one.has_decimals for one in brackets)
    for one in brackets:
        _refuse_both(one, is_used)
        for comma in one.tight if one.has_decimals else ():
            letters[comma.end(1)] = "."
        for place in one.separators:
            letters[place] = ","
    return "".join(letters)


def _refuse_both(bracket: _Bracket, is_used: bool) -> None:
    """is_used: whether the formula has decimal commas elsewhere."""
    for comma in bracket.tight:
        whole, part = comma.groups()
        if bracket.separators and bracket.loose:
            _refuse(comma, "comma_and_semicolon")
        elif bracket.kind and not bracket.separators and (is_used or bracket.loose):
            _refuse(comma, "comma_between", first=f"{whole}.{part}", second=f"{whole}, {part}")
        elif bracket.has_decimals and len(part) == 3 and len(whole) <= 3 and whole[0] != "0":
            _refuse(comma, "comma_thousands", first=f"{whole}.{part}", second=whole + part)


def _refuse(comma: re.Match[str], key: str, **readings: str) -> NoReturn:
    raise ProfundoError(Said(f"refusals.{key}", at=comma.start() + 1, text=comma[0], **readings))


def commas_between_values(text: str) -> list[str]:
    """What may look like a number with a decimal comma, and is two arguments: "1,5" in max(1,5)."""
    return [comma[0] for one in _brackets(text) if one.kind == "values" and not one.separators for comma in one.tight]


def _brackets(text: str) -> Iterator[_Bracket]:
    """The whole text, and what stands in each pair of brackets, without what stands in further ones."""
    tight = {comma.end(1): comma for comma in _COMMA.finditer(text)}
    open_ones = [_Bracket()]
    for place, letter in enumerate(text):
        if letter in _OPENING:
            kind = "list" if letter == "[" else "values" if _NAME.search(text[max(0, place - 80) : place]) else ""
            open_ones.append(_Bracket(kind))
        elif letter in _CLOSING and len(open_ones) > 1:
            yield open_ones.pop()
        elif letter == ",":
            (open_ones[-1].tight.append(tight[place]) if place in tight else open_ones[-1].loose.append(place))
        elif letter == ";" and open_ones[-1].kind == "values":
            open_ones[-1].separators.append(place)
    yield from open_ones
