"""How the columns of a table were read, a row each: what a column was taken for and why, a cell and its value, what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from profundo.pictures.tables import Grid
from profundo.records import ColumnReading

__all__ = ["HEAD", "OVERRULE", "readings_grid", "rows_of_readings"]

HEAD = ("column", "taken for", "because", "a cell, its value", "missing", "use")
OVERRULE = "Say otherwise with --column NAME=KIND, --missing, --encoding, --header, --drop, --only or --id."
NAMES = {"code": "category (codes)"}


def rows_of_readings(readings: Sequence[ColumnReading]) -> list[tuple[str, str, str, str, str, str]]:
    return [
        (
            one.name,
            NAMES.get(one.kind, one.kind),
            one.why.removeprefix("numbers: ").removeprefix("dates: ") + (f"; {one.doubt}" if one.doubt else ""),
            one.example[0] if one.example[0] == one.example[1] else " → ".join(one.example),
            f"{one.missing:,}" + (f" ({one.unread:,} unread)" if one.unread else "") if one.missing else "",
            one.use,
        )
        for one in readings
    ]


def readings_grid(readings: Sequence[ColumnReading]) -> Grid:
    return Grid(f"How the columns were read. {OVERRULE}", HEAD, rows_of_readings(readings), look="names free")
