"""Text with separators, CSV and its kin, as a table: what is wrong with it is told with the number of its row.

Any of comma, semicolon, tab and bar separates, whichever the header has most; UTF-8 with or without a mark, UTF-16 with
one, and the old encoding of Windows. Numbers may have a decimal comma where commas do not separate. Every row must have as
many values as the header.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from profundo.data.streams.archives import printable
from profundo.records import ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["MISSING", "read_delimited"]

MISSING = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "?"]  # "none" may be an answer
LONGEST_LINE = 1 << 20  # characters
MOST_COLUMNS = 20_000
SIGNS = ",;\t|"
DECIMAL_COMMA = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$"


def read_delimited(path: Path) -> polars.DataFrame:
    """The table in a text file, its values parsed as numbers, truth values, dates or words.

    Raises ProfundoError for what is no text, names that are missing or twice in the header, and uneven rows; ValueError
    and Polars' errors for the rest.
    """
    import polars

    text = decoded(path)
    text = text if "\n" in text else text.replace("\r", "\n")  # as a Macintosh once ended lines
    check_lines(text, path)
    header = next((line for line in io.StringIO(text) if line.strip()), "")
    separator = (
        "\t" if path.suffix.lower() == ".tsv" else max(SIGNS, key=lambda sign: (header.count(sign), sign == ","))
    )
    names = header_names(text, separator, path)
    check_rows(text, separator, len(names), path)
    frame = polars.read_csv(
        io.StringIO(text),
        separator=separator,
        infer_schema_length=None,  # all rows: a word in the last one makes it a column of words
        try_parse_dates=True,
        null_values=MISSING,
    )
    frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
    return frame if separator == "," else with_points(frame)


def with_points(frame: polars.DataFrame) -> polars.DataFrame:
    """Columns of numbers that are written as 3,5 or 1.234,5 as numbers, where commas do not separate.

    If three digits follow every comma, 1,234 may as well be a thousand and more: then they stay words.
    """
    import polars

    changed = []
    for series in frame:
        if series.dtype != polars.String:
            continue
        words = series.drop_nulls()
        commas = words.filter(words.str.contains(",", literal=True))
        if (
            len(commas)
            and bool(words.str.contains(DECIMAL_COMMA).all())
            and not bool(commas.str.contains(r",\d{3}$").all())
        ):
            points = series.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
            changed.append(points.cast(polars.Float64))
    return frame.with_columns(changed)


def decoded(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LONGEST_LINE)
        is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        if is_wide or b"\0" not in content:  # gigabytes of something else are not fetched to be refused
            content += file.read()
    if b"\0" in content and not is_wide:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise ProfundoError(f"{path}, line {line}: expected text, found a zero byte; is it a CSV file?")
    for encoding in ("utf-16",) if is_wide else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ProfundoError(f"{path}: expected text in UTF-8; save it so")


def header_names(text: str, separator: str, path: Path) -> list[str]:
    """The words of the header: each there, and once."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = next(([name.strip() for name in row] for row in rows if len(row) > 1 or any(map(str.strip, row))), [])
    except csv.Error as error:
        raise ProfundoError(f"{path}: expected a name for each column in the first line: {error}") from None
    if len(names) > MOST_COLUMNS:
        raise ProfundoError(f"{path}: expected at most {MOST_COLUMNS:,} columns, found {len(names):,}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not all(names) or twice:
        wrong = f"{printable(twice[0])} is there twice" if all(names) else "one is empty"
        raise ProfundoError(f"{path}: expected a name for each column in the first line, each once; {wrong}")
    return names


def check_lines(text: str, path: Path) -> None:
    """Raises ProfundoError for a line so long that it can hardly be one row."""
    start, number = 0, 1
    while len(text) - start > LONGEST_LINE:
        end = text.rfind("\n", start, start + LONGEST_LINE)
        if end < 0:
            number += text.count("\n", 0, start)
            raise ProfundoError(
                f"{path}, line {number}: expected a row, found more than {LONGEST_LINE:,} characters without an end; "
                "is a line break or a quotation mark missing?"
            )
        start = end + 1


def check_rows(text: str, separator: str, columns: int, path: Path) -> None:
    """Raises ProfundoError that names the first row with more or fewer values than the header."""
    uneven = uneven_quoted(text, separator, columns) if '"' in text else uneven_plain(text, separator, columns)
    if uneven is not None:
        row, line, values = uneven
        raise ProfundoError(
            f"{path}, row {row} (line {line}): expected {columns} values, as in the header, found {values}; "
            "is a separator missing, or a quotation mark?"
        )


Uneven = tuple[int, int, int]  # the row, from 1 below the header, its line, how many values it has


def uneven_plain(text: str, separator: str, columns: int) -> Uneven | None:
    """The first uneven row of a text in which nothing is quoted. Empty lines are no rows."""
    signs = np.frombuffer(text.replace("\r\n", "\n").replace("\r", "\n").encode() + b"\n", np.uint8)
    ends = np.flatnonzero(signs == ord("\n"))
    before = np.searchsorted(np.flatnonzero(signs == ord(separator)), ends)
    values = np.diff(before, prepend=0) + 1
    rows = np.flatnonzero(np.diff(ends, prepend=-1) > 1)
    uneven = np.flatnonzero(values[rows] != columns)
    if not len(uneven):
        return None
    row = int(uneven[0])
    return row, int(rows[row]) + 1, int(values[rows[row]])


def uneven_quoted(text: str, separator: str, columns: int) -> Uneven | None:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for number, row in enumerate(row for row in reader if row):
            if len(row) != columns:
                return number, reader.line_num, len(row)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
    return None
