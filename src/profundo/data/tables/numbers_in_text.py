"""Numbers as people write them: 1.234,50 € or $1,234.50, 45 %, (12), 3 km. How a column writes them is learned from all of it.

a sign twice in a cell         it stands between thousands: 1.234.567
two signs                      the last is the decimal one: 1.234,5
one sign, three digits after   thousands if every cell can be read so and the file has the other sign for decimals,
it in every cell               or if it is a comma in a file of commas; otherwise decimals, and this is said
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from profundo.languages import Said, listed
from profundo.records import Writing

if TYPE_CHECKING:
    import polars

__all__ = [
    "NumberForm",
    "are_codes",
    "currency_of",
    "decimal_marks",
    "learned_numbers",
    "may_have_codes",
    "read_numbers",
]

SPACES = "\u0020\u00a0\u2009\u202f"
CURRENCIES = "€$£¥₹₽₩₺₪₫₴₦฿¢¤"
CURRENCY_WORDS = ("R$", "US$", "kr", "Kč", "zł", "Ft", "Rs", "Rs.", "CHF", "EUR", "USD", "GBP", "BRL", "JPY", "MXN")
LONGEST_UNIT = 8
ENOUGH = 0.9  # of the different cells, for a column to be one of numbers
BETWEEN = {
    ",": ",",
    ".": r"\.",
    " ": f"[{SPACES}]",
    "'": "['’]",
    "": "",
}  # signs between digits, as regular expressions
PARTS = re.compile(
    rf"[+-]?(?P<before>[^\d+\-.,'’]{{0,16}})[+-]?\s{{0,3}}"
    rf"(?P<digits>(?:\d[\d.,'’{SPACES}]*\d|\d)(?![.,][^\W\d_])[.,]?|[.,]\d+)(?P<power>[eE][+-]?\d+)?(?P<after>[^\d]{{0,16}})"
)
LONGEST = 64  # characters of a number
PIECE = 1 << 18  # bytes, which stay near the processor


class NumberForm(NamedTuple):
    """How the numbers of a column are written, what stands for it, and what another reader may doubt ("" for nothing)."""

    writing: Writing
    why: str
    doubt: str = ""


def learned_numbers(cells: Iterable[str], decimal: str = "", separator: str = ",") -> NumberForm | None:
    """How these different cells write numbers; None where they are none, or are written in several ways.

    decimal: the sign that other columns of the file have, "" where none tells; separator: of the file.
    """
    parts = [_parts(cell) for cell in cells]
    matched = [part for part in parts if part is not None]
    if not matched or len(matched) < ENOUGH * len(parts):
        return None
    affixes = _affixes(matched)
    if affixes is None:
        return None
    digits = [part["digits"] for part in matched]
    ways = [way for way in product(".,", ("", ",", ".", " ", "'")) if way[0] != way[1] and _fits(digits, *way)]
    ways = [
        (point, between)
        for point, between in ways
        if not between or any(re.search(BETWEEN[between], d) for d in digits)
    ]
    used = [way for way in ways if way[1]] or ways
    if not ways:
        return None
    doubt, why = "", ""
    plain = [way for way in ways if not way[1]]
    if used != plain and plain and len({way[1] for way in used}) == 1 and used[0][1] in ".,":
        point, between, why, doubt = _thousands_or_decimals(digits, used[0][1], decimal, separator)
    else:
        candidates = [way for way in used if way[0] == decimal] or [way for way in used if way[0] == "."] or used
        with_decimals = [way for way in used if any(way[0] in d for d in digits)]
        point, between = (with_decimals or candidates)[0]
    words = [Said(f"readings.decimal_{_name(point)}")] if any(point in d for d in digits) else []
    words += [Said(f"readings.thousands_{_name(between)}")] if between else []
    words += [Said("readings.without", affixes=" + ".join(map(repr, affixes)))] if affixes else []
    why = why or listed(words)
    return NumberForm(Writing(point, between, affixes), why, doubt)


def decimal_marks(cells: Iterable[str]) -> set[str]:
    """The signs before decimals that these cells leave no doubt of."""
    marks = set()
    for cell in cells:
        part = _parts(cell)
        signs = re.sub(r"[^.,]", "", part["digits"]) if part else ""
        if len(set(signs)) == 2 or (len(signs) == 1 and not re.search(r"[.,]\d{3}$", part["digits"])):  # type: ignore[index]
            marks.add(signs[-1])
    return marks


def are_codes(series: polars.Series) -> bool:
    """Whether whole numbers among the cells begin with a zero, as those of no quantity do: 007, 01067."""
    zeros = series.filter(series.str.starts_with("0") & (series.str.len_bytes() > 1))
    return bool(len(zeros)) and bool(zeros.str.contains(r"^\d+$").any())


def may_have_codes(content: bytes, separator: str) -> bool:
    """Whether a cell without quotation marks may be such a code."""
    for start in range(0, len(content), PIECE):
        ends = b"\n" * (start == 0), b"\n" * (start + PIECE >= len(content))
        piece = np.frombuffer(content[max(0, start - 3) : start + PIECE].join(ends), np.uint8)
        edge, digit = (piece <= ord(" ")) | (piece == ord(separator)), piece - ord("0") < 10
        begins = edge[:-3] & (piece[1:-2] == ord("0")) & digit[2:-1]
        if (begins & (edge[3:] | digit[3:])).any():
            return True
    return False


def read_numbers(series: polars.Series, writing: Writing) -> polars.Series:
    """Float64 of cells without blanks at their edges; null where there is none, or none so written."""
    import polars

    plain = series.cast(polars.Float64, strict=False)
    if writing == Writing(missing=writing.missing):
        return plain.set(plain.is_infinite() | plain.is_nan(), None)
    return _written(series, writing).cast(polars.Float64, strict=False)


def currency_of(cell: str) -> str:
    """The currency that stands before or after a number, "" for none."""
    parts = _parts(cell.strip()) or {}
    return next((parts[side] for side in ("before", "after") if _is_currency(parts.get(side, ""))), "")


def _written(series: polars.Series, writing: Writing) -> polars.Series:
    """The cells as programs write numbers; null where they are not written so."""
    import polars

    cells = series.str.replace_all("−", "-", literal=True).str.replace(r"^\((.*)\)$", "-${1}")
    for affix in writing.affixes:
        cells = cells.str.replace(affix, "", literal=True)
    cells = cells.str.replace_all(rf"^([+-]?)[{SPACES}]+|[{SPACES}]+$", "${1}")
    right = cells.str.contains(rf"^[+-]?{_pattern(writing.decimal, writing.thousands)}(?:[eE][+-]?\d+)?$")
    if writing.thousands:
        cells = cells.str.replace_all(BETWEEN[writing.thousands], "")
    cells = cells.str.replace(writing.decimal, ".", literal=True)
    return polars.select(polars.when(right).then(cells)).to_series()


def _pattern(decimal: str, thousands: str) -> str:
    """A regular expression of the digits of one number. Groups of two are India's: 12,34,567."""
    point, between = BETWEEN[decimal], BETWEEN[thousands]
    whole = rf"(?:\d{{1,3}}(?:{between}\d{{2,3}})*{between}\d{{3}}|\d+)" if thousands else r"\d+"
    return rf"(?:{whole}(?:{point}\d*)?|{point}\d+)"


def _fits(digits: Iterable[str], decimal: str, thousands: str) -> bool:
    pattern = re.compile(_pattern(decimal, thousands))
    return all(pattern.fullmatch(one) for one in digits)


def _parts(cell: str) -> dict[str, str] | None:
    if len(cell) > LONGEST:
        return None
    cell = cell.replace("−", "-")
    cell = "-" + cell[1:-1] if cell.startswith("(") and cell.endswith(")") else cell
    match = PARTS.fullmatch(cell)
    return {name: (part or "").strip() for name, part in match.groupdict().items()} if match else None


def _affixes(parts: list[dict[str, str]]) -> tuple[str, ...] | None:
    """What stands before and after the numbers; None where it may tell something."""
    before = {part["before"] for part in parts} - {""}
    after = {part["after"] for part in parts} - {""}
    units = {word for word in after if not _is_currency(word)}
    strange = (
        any(not _is_currency(word) for word in before) or len(units) > 1 or any(len(u) > LONGEST_UNIT for u in units)
    )
    has_both = any(part["before"] and part["after"] for part in parts)
    if strange or has_both or (units and (before or (any(not part["after"] for part in parts) and units != {"%"}))):
        return None
    return tuple(sorted(before | after, key=lambda word: (-len(word), word)))


def _is_currency(word: str) -> bool:
    return word in CURRENCY_WORDS or (len(word) == 1 and word in CURRENCIES)


def _thousands_or_decimals(digits: list[str], sign: str, decimal: str, separator: str) -> tuple[str, str, str, str]:
    """(decimal, thousands, why, doubt) of numbers that have one sign at most, three digits after it."""
    other = "." if sign == "," else ","
    as_thousands, as_decimals = (other, sign), (sign, "")
    example = next(d for d in digits if sign in d)
    unmarked = next((d for d in digits if re.match(r"\d{4}", d)), None)
    if any(re.match(rf"0+{BETWEEN[sign]}", d) for d in digits) or (unmarked and separator != sign):
        return *as_decimals, Said(f"readings.{_name(sign)}_decimals"), ""
    if unmarked:
        value = example.replace(sign, "")
        doubt = Said("readings.doubt_thousands", cell=repr(example), value=value, other=repr(unmarked))
        return *as_thousands, Said("readings.comma_thousands"), doubt
    if decimal == other:
        return *as_thousands, Said(f"readings.{_name(sign)}_thousands_others"), ""
    if decimal == sign:
        return *as_decimals, Said(f"readings.{_name(sign)}_decimals_others"), ""
    if sign == "," and separator == ",":
        return *as_thousands, Said("readings.comma_thousands_all"), ""
    doubt = Said("readings.doubt_decimals", cell=repr(example), value=example.replace(sign, ""))
    return *as_decimals, Said(f"readings.{_name(sign)}_decimals"), doubt


def _name(sign: str) -> str:
    return {",": "comma", ".": "point", " ": "blank", "'": "apostrophe"}[sign]
