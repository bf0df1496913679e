"""How the columns of a table were read, a row each: what a column was taken for and why, a cell and its value, what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from profundo.languages import Said, local, say, term, worded
from profundo.pictures.numbers import count
from profundo.pictures.tables import Grid
from profundo.records import ColumnReading

__all__ = ["head_of_readings", "readings_grid", "rows_of_readings"]

HEAD = ("column", "taken_as", "because", "a_cell", "missing_head", "use")
NAMES = {"code": "category (codes)"}


def head_of_readings() -> list[str]:
    return [say(f"report.{one}") for one in HEAD]


def rows_of_readings(readings: Sequence[ColumnReading]) -> list[tuple[str, str, str, str, str, str]]:
    return [
        (
            one.name,
            term(NAMES.get(one.kind, one.kind)),
            _why(one),
            _example(one),
            _missing(one),
            str(worded(one.use)) if isinstance(one.use, Said) else term(one.use),
        )
        for one in readings
    ]


def _why(one: ColumnReading) -> str:
    """In the language that is spoken, where it was not put into English before, as in a file."""
    why = (
        one.why.values.get("how", one.why)
        if isinstance(one.why, Said)
        else term(one.why.removeprefix("numbers: ").removeprefix("dates: "))
    )
    return "; ".join(str(worded(part)) for part in (why, one.doubt) if part)


def _example(one: ColumnReading) -> str:
    """The cell as the file has it; a number's value as the language writes it."""
    cell, value = one.example
    return cell if cell == value else f"{cell} → {local(value) if one.kind == 'number' else value}"


def _missing(one: ColumnReading) -> str:
    if not one.unread:
        return count(one.missing) if one.missing else ""
    return say("report.missing_unread", missing=count(one.missing), unread=count(one.unread)) if one.missing else ""


def readings_grid(readings: Sequence[ColumnReading]) -> Grid:
    caption = say("report.readings", overrule=say("report.overrule"))
    return Grid(caption, head_of_readings(), rows_of_readings(readings), look="names free")
