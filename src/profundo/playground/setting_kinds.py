"""What a setting of the playground may hold: how it is checked, read from a word and written as one.

Each kind is total: whatever it is given, it answers with a value in its one form, or with a ProfundoError of one line. Pages,
the command line and addresses are made from these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Protocol
from urllib.parse import quote, unquote

from profundo.data.dataset_names import nearest
from profundo.languages import Said, words
from profundo.records import ProfundoError

__all__ = ["Choice", "Kind", "Number", "Pairs", "Points", "Several", "Words"]

SHOWN = 60  # characters of a wrong value that are repeated
PLACES = 3  # decimals of a point: a thousandth of a unit of the plane


class Kind(Protocol):
    def check(self, name: str, value: Any) -> Any:
        """The value in its one form. Raises ProfundoError that names the setting."""

    def read(self, name: str, text: str) -> Any:
        """The value of a word. Raises ProfundoError."""

    def write(self, value: Any) -> str:
        """The word that is read as this value."""

    @property
    def form(self) -> str:
        """How it is written, for help."""


def wrong(name: str, expected: str, got: Any) -> ProfundoError:
    shown = repr(got)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
    told = Said("refusals.expected_got", name=labelled(name), expected=expected, got=shown)
    return ProfundoError(f"playground: {name}: expected {expected}; got {shown}", told=told)


def labelled(name: str) -> str:
    """A setting as its page calls it; by its own name where the page has none."""
    return Said(f"playground.{name}") if name in words("playground", "en") else name


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some names, each with what it means."""

    options: Mapping[str, str]

    def check(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in self.options:
            hint = nearest(value if isinstance(value, str) else "", self.options)
            raise wrong(name, Said("refusals.expect_name", hint=hint), value)
        return value

    def read(self, name: str, text: str) -> str:
        return self.check(name, text)

    def write(self, value: Any) -> str:
        return str(value)

    @property
    def form(self) -> str:
        return "|".join(self.options)


@dataclass(frozen=True, slots=True)
class Number:
    """From low to high; without low itself where `above`. words: names of some values, such as {"all": 1_000_000}; or, where
    `optional`, none for None."""

    low: float
    high: float
    whole: bool = False
    above: bool = False
    optional: bool = False
    words: Mapping[str, float] = field(default_factory=dict)

    @property
    def expected(self) -> Said:
        key = f"expect_{'whole' if self.whole else 'number'}_{'above' if self.above else 'span'}"
        result = Said(f"refusals.{key}", low=self.low, high=self.high)
        for word in (*self.words, *(("none",) if self.optional else ())):
            result = Said("refusals.expect_or", first=result, word=word)
        return result

    def check(self, name: str, value: Any) -> float | int | None:
        if value is None and self.optional:
            return None
        if isinstance(value, str) and value in self.words:
            value = self.words[value]
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            raise wrong(name, self.expected, value)
        number = int(value) if isinstance(value, Integral) and self.whole else float(value)
        if not self.low <= number <= self.high or (self.above and number == self.low):  # NaN is in no span
            raise wrong(name, self.expected, value)
        return number + 0  # without the sign of −0

    def read(self, name: str, text: str) -> float | int | None:
        if text == "none" and self.optional:
            return None
        if text in self.words:
            return self.check(name, text)
        try:
            number: float | int = int(text) if self.whole else float(text)
        except ValueError:
            raise wrong(name, self.expected, text) from None
        return self.check(name, number)

    def write(self, value: Any) -> str:
        word = next((word for word, number in self.words.items() if number == value), None)
        return word or ("none" if value is None else repr(value).removesuffix(".0"))

    @property
    def form(self) -> str:
        return "|".join(["N", *self.words])


@dataclass(frozen=True, slots=True)
class Several:
    """A few of one kind, with commas between them; `none` for none. distinct: each at most once."""

    of: Choice | Number
    least: int = 0
    most: int = 64
    distinct: bool = False

    def check(self, name: str, value: Any) -> tuple[Any, ...]:
        items = (value,) if isinstance(value, str | int) and not isinstance(value, bool) else value
        if not isinstance(items, tuple | list):
            raise wrong(name, Said("refusals.expect_values_list", least=self.least, most=self.most), value)
        if not self.least <= len(items) <= self.most:
            raise wrong(name, self.expected, value)
        checked = tuple(self.of.check(name, item) for item in items)
        if self.distinct and len(set(checked)) < len(checked):
            raise wrong(name, Said("refusals.expect_once"), value)
        return checked

    @property
    def expected(self) -> Said:
        return Said("refusals.expect_values", least=self.least, most=self.most)

    def read(self, name: str, text: str) -> tuple[Any, ...]:
        words = [] if text == "none" else text.split(",")
        return self.check(name, tuple(self.of.read(name, word.strip()) for word in words[: self.most + 1]))

    def write(self, value: Any) -> str:
        return ",".join(self.of.write(item) for item in value) or "none"

    @property
    def form(self) -> str:
        return f"{self.of.form if isinstance(self.of, Number) else 'NAME'},…"


@dataclass(frozen=True, slots=True)
class Points:
    """Own points (x, y, class or value), written x:y:t;x:y:t, to a thousandth."""

    most: int = 5000
    reach: float = 1000.0

    def check(self, name: str, value: Any) -> tuple[tuple[float, float, float], ...]:
        if not isinstance(value, tuple | list) or len(value) > self.most:
            raise wrong(name, Said("refusals.expect_points", most=self.most), value)
        return tuple(self.point(name, one) for one in value)

    def point(self, name: str, one: Any) -> tuple[float, float, float]:
        if not isinstance(one, tuple | list) or len(one) != 3:
            raise wrong(name, Said("refusals.expect_point"), one)
        numbers = Number(-self.reach, self.reach)
        x, y, target = (round(float(numbers.check(name, part) or 0.0), PLACES) + 0.0 for part in one)
        return x, y, target

    def read(self, name: str, text: str) -> tuple[tuple[float, float, float], ...]:
        if text == "none":
            return ()
        words = [one.split(":") for one in text.split(";")]
        numbers = Number(-self.reach, self.reach)
        return self.check(name, [[numbers.read(name, part) for part in one] for one in words])

    def write(self, value: Any) -> str:
        number = Number(-self.reach, self.reach)
        return ";".join(":".join(number.write(part) for part in one) for one in value) or "none"

    @property
    def form(self) -> str:
        return "X:Y:CLASS;…"


@dataclass(frozen=True, slots=True)
class Words:
    """Names of columns or classes, in any letters; between commas each is written as in an address."""

    most: int
    longest: int = 100

    def check(self, name: str, value: Any) -> tuple[str, ...]:
        expected = Said("refusals.expect_words", most=self.most, longest=self.longest)
        if not isinstance(value, tuple | list) or len(value) > self.most:
            raise wrong(name, expected, value)
        for one in value:
            if not isinstance(one, str) or not 0 < len(one) <= self.longest or not one.isprintable():
                raise wrong(name, expected, one)
        return tuple(value)

    def read(self, name: str, text: str) -> tuple[str, ...]:
        return self.check(name, [] if text == "" else [unquote(word) for word in text.split(",")])

    def write(self, value: Any) -> str:
        return ",".join(quote(word, safe=" ") for word in value)

    @property
    def form(self) -> str:
        return "NAME,…"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Mean and deviation of each of some columns, written m:s,m:s."""

    most: int

    def check(self, name: str, value: Any) -> tuple[tuple[float, float], ...]:
        if not isinstance(value, tuple | list) or len(value) > self.most:
            raise wrong(name, Said("refusals.expect_pairs", most=self.most), value)
        return tuple(self.pair(name, one) for one in value)

    def pair(self, name: str, one: Any) -> tuple[float, float]:
        if not isinstance(one, tuple | list) or len(one) != 2:
            raise wrong(name, Said("refusals.expect_pair"), one)
        mean = Number(-1e300, 1e300).check(name, one[0])
        deviation = Number(0, 1e300, above=True).check(name, one[1])
        assert mean is not None
        assert deviation is not None
        return float(mean), float(deviation)

    def read(self, name: str, text: str) -> tuple[tuple[float, float], ...]:
        numbers = Number(-math.inf, math.inf)
        words = [] if text == "none" else [one.split(":") for one in text.split(",")]
        return self.check(name, [[numbers.read(name, part) for part in one] for one in words])

    def write(self, value: Any) -> str:
        number = Number(-math.inf, math.inf)
        return ",".join(":".join(number.write(part) for part in one) for one in value) or "none"

    @property
    def form(self) -> str:
        return "MEAN:DEVIATION,…"
