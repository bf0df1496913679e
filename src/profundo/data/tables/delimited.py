"""Text with separators, CSV and its kin, as cells of text: what is wrong with it is told with the number of its row.

Any of comma, semicolon, tab and bar separates: the one that a line `sep=;` names, else the one of which the lines have equally
many, else the one of which the header has most. UTF-8 with or without a mark, UTF-16 with one, and the old encoding of
Windows. Every row must have as many values as the header.

Columns without a name are left out where they are empty or number the rows, as pandas and R write them; of columns with the
same name and cells one is read.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from profundo.data.streams.archives import printable
from profundo.data.tables.raw_rows import LARGEST
from profundo.languages import Said
from profundo.records import ProfundoError, TableForm

if TYPE_CHECKING:
    import polars

__all__ = ["HEAD", "NONE", "Cells", "read_delimited"]

LONGEST_LINE = 1 << 20  # bytes
MOST_COLUMNS = 20_000
MOST_NAMED = 10  # columns, in an error
SIGNS = ",;\t|"
LOOKED_AT = 50  # lines, for the sign that separates
PIECE = 1 << 24  # bytes looked at together
HEAD = 1000  # rows, from which is guessed what all are like


@dataclass(frozen=True, slots=True)
class Cells:
    """frame: a String for each cell, null for an empty one, or Float64 of columns that were read as numbers; separator: what
    stands between them; notes: what was decided; head: the first rows as text."""

    frame: polars.DataFrame
    separator: str
    notes: tuple[str, ...]
    head: polars.DataFrame


Numbers = Callable[["polars.DataFrame", str, bytes], Collection[str]]
"""Of the head of a file, its separator and its content: the columns that are to be read as numbers if all their cells are."""
NONE: Numbers = lambda *_: ()  # noqa: E731


def read_delimited(
    path: Path,
    form: TableForm = TableForm(),  # noqa: B008
    needed: frozenset[str] | None = None,
    numbers: Numbers = NONE,
) -> Cells:
    """The cells of a text file. needed: the columns that will be used, where it is known: others may be named as they like.

    numbers: what is known to be numbers is read as such, in two thirds of the time that texts and then numbers take.
    Raises ProfundoError for what is no text, names that are twice in the header, and uneven rows; ValueError and Polars'
    errors for the rest.
    """
    import polars

    content, notes = decoded(path, form.encoding)
    content, separator = without_separator_line(content)
    separator = separator or ("\t" if path.suffix.lower() == ".tsv" else likely_separator(content))
    check_lines(content, path)
    first = first_row(content, separator, path)
    names = first if form.header else [f"column {place}" for place in range(1, len(first) + 1)]
    read = partial(polars.read_csv, content, separator=separator, has_header=form.header, infer_schema=False)
    try:
        head = read(n_rows=HEAD)
        frame = with_numbers(read, head, names, lambda named: numbers(named, separator, content))
        frame = read() if frame is None else frame
    except polars.exceptions.PolarsError:
        check_rows(content, separator, len(first), path, closely=True)
        raise
    if frame.width != len(first) or frame.to_series(-1).null_count():  # as in rows that are too short
        check_rows(content, separator, len(first), path)
    if form.header and len(first) > 1 and all(re.fullmatch(r"[+-]?\d+([.,]\d+)?", name) for name in first):
        notes += (Said("readings.names_of_numbers"),)
    places = [f"\0{place}" for place in range(len(names))]
    frame, head = (some.rename(dict(zip(some.columns, places, strict=True))) for some in (frame, head))
    chosen, more = chosen_columns(frame, names, path, needed)
    frame, head = (some.select(polars.col(old).alias(new) for new, old in chosen.items()) for some in (frame, head))
    return Cells(frame, separator, (*notes, *more), head)


def with_numbers(
    read: Callable[..., polars.DataFrame],
    head: polars.DataFrame,
    names: list[str],
    numbers: Callable[[polars.DataFrame], Collection[str]],
) -> polars.DataFrame | None:
    """The whole with columns of numbers; None where there are none, or a cell of theirs is none or too large."""
    import polars

    if head.width != len(names):
        return None
    times = Counter(names)
    known = {name: old for name, old in zip(names, head.columns, strict=True) if name and times[name] == 1}
    plain = [known[name] for name in numbers(head.select(polars.col(old).alias(name) for name, old in known.items()))]
    try:
        frame = read(schema_overrides=dict.fromkeys(plain, polars.Float64)) if plain else None
    except polars.exceptions.PolarsError:
        return None
    if frame is None or not all(frame.select(polars.col(plain).is_between(-LARGEST, LARGEST).all()).row(0)):
        return None  # NaN is beyond all
    return frame


# ---------------------------------------------------------------------------------------------------------------- text
def decoded(path: Path, encoding: str) -> tuple[bytes, tuple[str, ...]]:
    """UTF-8 without a mark, with line feeds, in Unicode's composed form; and what was decided."""
    with path.open("rb") as file:
        content = file.read(LONGEST_LINE)
        is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or "16" in encoding
        if is_wide or b"\0" not in content:  # gigabytes of something else are not fetched to be refused
            file.seek(0)
            content = file.read()
    if not is_wide and (place := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, place) + 1
        raise ProfundoError(Said("refusals.zero_byte", where=path, line=line))
    notes: tuple[str, ...] = ()
    if not content.isascii():
        text, notes = _decoded(content, is_wide, encoding, path)
        content = (text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)).encode()
    if b"\r" in content:  # as Windows and old Macintoshes end lines
        content = content.replace(b"\r\n", b"\n") if b"\n" in content else content.replace(b"\r", b"\n")
    return content, notes


def _decoded(content: bytes, is_wide: bool, encoding: str, path: Path) -> tuple[str, tuple[str, ...]]:
    usual = ("utf-16",) if is_wide else ("utf-8-sig", encoding or "cp1252")
    for name in usual:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        except LookupError:
            raise ProfundoError(Said("refusals.encoding", got=repr(name))) from None
        guessed = name == "cp1252" and not encoding
        return text, (Said("readings.western_text"),) if guessed else ()
    raise ProfundoError(
        f"{path}: expected text in UTF-8, and it is no {usual[-1]} either; save it so, or say its --encoding",
        told=Said("refusals.other_encoding", where=path, usual=usual[-1]),
    )


def without_separator_line(content: bytes) -> tuple[bytes, str]:
    """Without the line `sep=;` that Excel reads, and what it says; "" for none."""
    match = re.match(rb'"?sep=([,;\t|])"?\n', content)
    return (content[match.end() :], match[1].decode()) if match else (content, "")


def likely_separator(content: bytes) -> str:
    head = content[: LONGEST_LINE // 4].decode(errors="replace")
    lines = [re.sub(r'"[^"]*"', "", line) for line in head.split("\n") if line.strip()][:LOOKED_AT]
    if not lines:
        return ","
    counts = {sign: [line.count(sign) for line in lines] for sign in SIGNS}
    even = [sign for sign in SIGNS if counts[sign][0] and len(set(counts[sign])) == 1]
    if len(even) > 1 and "," in even:
        even.remove(",")  # before decimals
    if len(even) == 1:
        return even[0]
    return max(even or SIGNS, key=lambda sign: (counts[sign][0], sign == ","))


def check_lines(content: bytes, path: Path) -> None:
    """Raises ProfundoError for a line so long that it can hardly be one row."""
    start, number = 0, 1
    while len(content) - start > LONGEST_LINE:
        end = content.rfind(b"\n", start, start + LONGEST_LINE)
        if end < 0:
            number += content.count(b"\n", 0, start)
            raise ProfundoError(Said("refusals.long_line", where=path, line=number, most=LONGEST_LINE))
        start = end + 1


# --------------------------------------------------------------------------------------------------------------- names
def first_row(content: bytes, separator: str, path: Path) -> list[str]:
    """The values of the first row that is not empty, without blanks at their edges."""
    rows = csv.reader(_lines(content), delimiter=separator)
    try:
        first = next(([name.strip() for name in row] for row in rows if len(row) > 1 or any(map(str.strip, row))), [])
    except csv.Error as error:
        raise ProfundoError(Said("refusals.header_unread", where=path, reason=error)) from None
    if len(first) > MOST_COLUMNS:
        raise ProfundoError(Said("refusals.many_columns", where=path, most=MOST_COLUMNS, found=len(first)))
    return first


def chosen_columns(
    frame: polars.DataFrame, names: list[str], path: Path, needed: frozenset[str] | None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Of each name the column that has it, and what was left out."""
    chosen: dict[str, str] = {}
    notes = []
    for place, (name, column) in enumerate(zip(names, frame.columns, strict=True), 1):
        if needed is not None and name not in needed:
            continue
        if not name:
            why = _why_nameless(frame[column])
            if why:
                notes.append(Said("readings.nameless_column", place=place, why=why))
                continue
            raise ProfundoError(Said("refusals.header_empty", where=path, place=place))
        if name in chosen:
            if frame[chosen[name]].equals(frame[column], null_equal=True):
                notes.append(Said("readings.column_twice", name=repr(name)))
                continue
            raise ProfundoError(Said("refusals.header_twice", where=path, name=printable(name)))
        chosen[name] = column
    if needed and not chosen:
        there, wanted = (printable(", ".join(some[:MOST_NAMED])) for some in (names, sorted(needed)))
        raise ProfundoError(f"{path}: expected the columns {wanted}, the file has {there}; is it of the same kind?")
    return chosen, tuple(notes)


def _why_nameless(cells: polars.Series) -> str:
    """Why a column without a name may be left out; "" where it may not."""
    import polars

    if cells.str.strip_chars().fill_null("").eq("").all():
        return Said("readings.empty")
    numbers = cells.cast(polars.Int64, strict=False)
    if numbers.null_count() == 0 and numbers[0] in (0, 1) and bool((numbers.diff().drop_nulls() == 1).all()):
        return Said("readings.numbers_rows")
    names_rows = numbers.null_count() == len(cells) > 1 and cells.n_unique() == len(cells)
    return Said("readings.names_rows") if names_rows else ""


# ---------------------------------------------------------------------------------------------------------------- rows
def check_rows(content: bytes, separator: str, columns: int, path: Path, closely: bool = False) -> None:
    """Raises ProfundoError that names the first row with more or fewer values than the header.

    closely: as Python's reader has it, slowly, even where every quotation mark seems to have its fellow.
    """
    uneven = uneven_row(content, separator, columns)
    if b'"' in content and (uneven is not None or closely):  # a quotation mark inside of a value tells nothing
        uneven = uneven_quoted(content, separator, columns)
    if uneven is not None:
        row, line, values = uneven
        raise ProfundoError(
            f"{path}, row {row} (line {line}): expected {columns} values, as in the header, found {values}; "
            "is a separator missing, or a quotation mark?",
            told=Said("refusals.uneven_row", row=row, line=line, columns=columns, values=values),
        )


Uneven = tuple[int, int, int]  # the row, from 1 below the header, its line, how many values it has


def uneven_row(content: bytes, separator: str, columns: int) -> Uneven | None:
    """The first row with another number of values, if every quotation mark begins or ends a value. Empty lines are none.

    Piece by piece: what stands between an odd and an even quotation mark belongs to a value.
    """
    row, line, values, size, quoted = -1, 0, 1, 0, False
    for start in range(0, len(content) + 1, PIECE):
        piece = np.frombuffer(
            content[start : start + PIECE] + (b"\n" if start + PIECE > len(content) else b""), np.uint8
        )
        ends, signs = piece == ord("\n"), piece == ord(separator)
        breaks = ends
        marks = piece == ord('"')
        if quoted or marks.any():
            inside = (np.cumsum(marks, dtype=np.uint8) & 1).astype(bool) ^ quoted
            ends, signs, quoted = ends & ~inside, signs & ~inside, bool(inside[-1])
        places = np.flatnonzero(ends)
        before = np.searchsorted(np.flatnonzero(signs), places)
        counts = np.diff(before, prepend=0) + 1
        sizes = np.diff(places, prepend=-1) - 1
        if len(places):
            counts[0] += values - 1
            sizes[0] += size
            filled = sizes > 0
            uneven = np.flatnonzero(filled & (counts != columns))
            if len(uneven):
                place = int(uneven[0])
                rows = int(filled[: place + 1].sum())
                return row + rows, line + int(breaks[: places[place] + 1].sum()), int(counts[place])
            row, values, size = row + int(filled.sum()), 1, 0
        rest = int(places[-1]) + 1 if len(places) else 0
        values, size = values + int(signs[rest:].sum()), size + len(piece) - rest
        line += int(breaks.sum())
    return None


def uneven_quoted(content: bytes, separator: str, columns: int) -> Uneven | None:
    reader = csv.reader(_lines(content), delimiter=separator)
    try:
        for number, row in enumerate(row for row in reader if row):
            if len(row) != columns:
                return number, reader.line_num, len(row)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
    return None


def _lines(content: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
