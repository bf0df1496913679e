"""Decimal commas in formulas: 0,5·x is read as 0.5·x, and f(1,5; 2) has the two arguments 1.5 and 2.

A comma is a decimal one where nothing else can stand: outside of lists and of the arguments of functions that take several,
and among arguments and entries that ";" separates: [1,5; 2]. Elsewhere it separates, as in max(1,5) and [1,5]; a formula that
has commas of both kinds there is refused, and so is what may be thousands: 1,000·x. LaTeX's 0{,}5 is a decimal everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from profundo.graph.expressions.formula_functions import CALLED, FUNCTIONS
from profundo.graph.expressions.lexing import Token, tokens
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["commas_between_values", "with_points"]

_IN_BRACES = re.compile(r"(?<![\w.,])(\d+)\{,\}(?=\d)")  # as LaTeX writes a comma without a space behind it
_GROUPED = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_TAKEN = {name: wanted for name, (_, wanted) in {**FUNCTIONS, **CALLED}.items()}


class _Comma(NamedTuple):
    """Between two digits. whole, part: the digits before and after it; at: its place in the text."""

    whole: str
    part: str
    at: int

    def __str__(self) -> str:
        return f"{self.whole},{self.part}"


@dataclass(slots=True)
class _Bracket:
    """kind: "values" of several arguments, "value" of one, "list", or "" of no function. tight: commas between digits; loose:
    whether there are others; separators: places of ";"."""

    kind: str = ""
    tight: list[_Comma] = field(default_factory=list)
    loose: bool = False
    separators: list[int] = field(default_factory=list)

    def take(self, comma: _Comma | None) -> None:
        if comma:
            self.tight.append(comma)
        self.loose |= not comma

    @property
    def has_decimals(self) -> bool:
        return bool(self.tight) and (self.kind in ("", "value") or bool(self.separators))

    @property
    def has_rows(self) -> bool:
        """[1, 2; 3, 4], which is a matrix elsewhere; here its rows have brackets of their own."""
        return self.kind == "list" and self.loose


def with_points(text: str) -> str:
    """The formula with a point before decimals and commas between arguments, letter for letter at its place.

    Raises ProfundoError for a comma that may be of either kind.
    """
    text = _without_braces(text)
    brackets = list(_brackets(list(tokens(text))))
    letters, is_used = list(text), any(one.has_decimals for one in brackets)
    for one in brackets:
        _refuse_both(one, is_used)
        for comma in one.tight if one.has_decimals else ():
            letters[comma.at] = "."
        for place in () if one.has_rows else one.separators:
            letters[place] = ","
    return "".join(letters)


def _without_braces(text: str) -> str:
    """0{,}5 as 000.5: a number of the same length at the same place."""
    return _IN_BRACES.sub(lambda match: f"00{match[1]}.", text)


def _refuse_both(bracket: _Bracket, is_used: bool) -> None:
    """is_used: whether the formula has decimal commas elsewhere."""
    for comma in bracket.tight:
        whole, part, _ = comma
        if "." in whole and (bracket.has_decimals or is_used):
            _refuse(comma, "comma_grouped", first=f"{whole.replace('.', '')},{part}")
        elif "." in whole and not bracket.loose:
            continue  # two entries, 1.234 and 5
        elif bracket.separators and bracket.loose:
            _refuse(comma, "comma_and_semicolon")
        elif not bracket.has_decimals and (is_used or bracket.loose):
            _refuse(comma, "comma_between", first=f"{whole}.{part}", second=f"{whole}, {part}")
        elif bracket.has_decimals and len(part) == 3 and len(whole) <= 3 and whole[0] != "0":
            _refuse(comma, "comma_thousands", first=f"{whole}.{part}", second=whole + part)


def _refuse(comma: _Comma, key: str, **readings: str) -> NoReturn:
    raise ProfundoError(Said(f"refusals.{key}", at=comma.at - len(comma.whole) + 1, text=str(comma), **readings))


def commas_between_values(text: str) -> list[str]:
    """What may look like a number with a decimal comma, and is two arguments: "1,5" in max(1,5)."""
    brackets = _brackets(list(tokens(_without_braces(text))))
    apart = [comma for one in brackets if one.kind == "values" and not one.separators for comma in one.tight]
    return [str(comma) for comma in apart if "." not in comma.whole]


def _brackets(words: Sequence[Token]) -> Iterator[_Bracket]:
    """The whole text, and what stands in each pair of brackets, without what stands in further ones."""
    taken = {**_TAKEN, **_defined(words)}
    open_ones = [_Bracket()]
    for place, word in enumerate(words):
        if word.text in ("(", "[", "{"):
            open_ones.append(_Bracket(_kind(words, place, taken)))
        elif word.text in (")", "]", "}") and len(open_ones) > 1:
            yield open_ones.pop()
        elif word.text == ",":
            open_ones[-1].take(_between_digits(words, place))
        elif word.text == ";" and word.past - word.at == 1 and open_ones[-1].kind != "":
            open_ones[-1].separators.append(word.at)
    yield from open_ones


def _kind(words: Sequence[Token], place: int, taken: Mapping[str, int]) -> str:
    """Of the bracket that opens there, by the name before it: max(…), max²(…), max^2(…), and w_{…} of an index.

    taken: how many arguments each function takes. Any other name is a variable, and the bracket its factor.
    """
    before = [*reversed(words[max(0, place - 3) : place]), *[Token("end", "", 0, 0)] * 3]
    name = before[1 if before[0].kind == "raised" else 2 if before[1].text == "^" else 0]
    if words[place].text == "[":
        return "" if name.text == "\\sqrt" else "list"
    if before[0].text.endswith("_"):
        return "values"
    wanted = taken.get(name.text, taken.get(name.text.lower())) if name.kind == "name" else None
    return "" if wanted is None else "value" if wanted == 1 else "values"


def _defined(words: Sequence[Token]) -> dict[str, int]:
    """The functions that the text defines → how many arguments each takes, as many as stand in f(x; y) = …"""
    found: dict[str, int] = {}
    for place, word in enumerate(words):
        if word.text != "=" or words[place - 1].text != ")":
            continue
        at = place - 2
        while at > 0 and words[at].kind == "name" and words[at - 1].text in (",", ";"):
            at -= 2
        if at > 1 and words[at].kind == words[at - 2].kind == "name" and words[at - 1].text == "(":
            found[words[at - 2].text] = (place - at) // 2
    return found


def _between_digits(words: Sequence[Token], place: int) -> _Comma | None:
    """The comma that stands there, if it may be a decimal one: in 1,234,567 none is."""
    around = [words[at] if 0 <= at < len(words) else Token("end", "", -1, -1) for at in range(place - 2, place + 4)]
    earlier, whole, comma, part, later, last = around
    digits = part.text.lower().partition("e")[0]
    is_whole = whole.text.isdigit() or bool(_GROUPED.fullmatch(whole.text))
    if not (whole.kind == part.kind == "number" and is_whole and digits.isdigit()):
        return None
    is_one = whole.past == comma.at and comma.past == part.at
    goes_on = later.text == "," and last.kind == "number" and (part.past, later.past) == (later.at, last.at)
    is_behind = earlier.text == "," and earlier.past == whole.at
    return _Comma(whole.text, digits, comma.at) if is_one and not goes_on and not is_behind else None
