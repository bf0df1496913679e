"""Files of tables: CSV and the like as text that is then interpreted, Parquet and JSON lines as the values they hold."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from profundo.data.dataset_names import Reading
from profundo.data.streams.addresses import Stored
from profundo.data.streams.archives import SMALL, TIGHT
from profundo.data.tables.delimited import NONE, Cells, read_delimited
from profundo.data.tables.parquet_footers import unpacked_bytes
from profundo.data.tables.reading import Table, ToldError, interpreted, sure_numbers, typed_table
from profundo.data.tables.spreadsheets import check_no_spreadsheet
from profundo.data.text.text_files import is_json, read_json_rows
from profundo.files import what_is_at
from profundo.languages import Said, told_by, within
from profundo.records import ProfundoError, TableForm

if TYPE_CHECKING:
    import polars

__all__ = ["check_typed", "form_of", "is_parquet", "read_frame", "read_rows_as_text", "read_table", "read_texts"]

Read = TypeVar("Read", bound="polars.DataFrame | Cells")

LARGEST_FILE = 4 << 30


def read_frame(path: Path, how: Reading = Reading()) -> polars.DataFrame:  # noqa: B008
    """The values in the file of a table: numbers, moments and words; see `read_table`."""
    return read_table(path, how).frame


def read_table(path: Path, how: Reading = Reading()) -> Table:  # noqa: B008
    """The table in a file: its values, and what each column was taken for."""
    check_no_spreadsheet(path)
    try:
        if is_parquet(path):
            check_typed(how, str(path))
            return typed_table(_readable(path, _read_parquet), how.columns)
        if is_json(path):
            return typed_table(_readable(path, read_json_rows), how.columns, how.missing)
        form = form_of(how)
        target = how.target or ""
        keep = [target, *(name.strip() for name in target.split(","))]
        numbers = partial(sure_numbers, but=[*keep, *how.columns]) if how.missing is None else NONE
        cells = _readable(path, lambda path: read_delimited(path, form, None, numbers))
        table = interpreted(cells.frame, cells.separator, how.missing, how.columns, keep, cells.head)
    except ToldError as error:
        raise ProfundoError(f"{path}: {error}", told=within(path, told_by(error))) from None
    return replace(table, notes=cells.notes)


def check_typed(how: Reading, where: str, streamed: bool = False) -> None:
    """Raises ProfundoError for options on how cells are written, where files say it themselves: nothing would heed them."""
    interprets = streamed and not set(how.columns.values()) <= {"text"}
    for option in ("missing", "encoding", "header", *(["columns"] if interprets else [])):
        if option in how.of_tables():
            name = {"columns": "column"}.get(option, option)
            why = "is for tables that are read whole, this is read while training" if streamed else "is for text"
            raise ProfundoError(f"{where}: --{name} {why}; its files say what their cells are; leave it out")


def read_rows_as_text(
    path: Path, form: TableForm, needed: frozenset[str] | None, numbers: Collection[str] = ()
) -> polars.DataFrame:
    """The rows of a file for a net that knows how its columns are written: cells as text, or the values of Parquet.

    numbers: columns in which whatever a program reads as a number is that number.
    """
    return read_texts(path, form, needed, numbers)[0]


def read_texts(
    path: Path, form: TableForm, needed: frozenset[str] | None = None, numbers: Collection[str] = ()
) -> tuple[polars.DataFrame, tuple[str, ...]]:
    """The same, and what was decided about how the file is written."""
    if is_parquet(path) or is_json(path):
        return _readable(path, _read_parquet if is_parquet(path) else read_json_rows), ()
    cells = _readable(
        path,
        lambda path: read_delimited(
            path, form, needed, lambda head, *_: [name for name in numbers if name in head.columns]
        ),
    )
    return cells.frame, cells.notes


def form_of(how: Reading) -> TableForm:
    return TableForm(how.encoding or "", None if how.missing is None else tuple(how.missing), how.header == "first")


def is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _readable(path: Path, read: Callable[[Path], Read]) -> Read:
    """What a file holds. Raises ProfundoError for one that does not read, or holds no row."""
    import polars

    try:
        if not path.is_file():
            raise ProfundoError(
                f"{path}: expected a table, found {what_is_at(path)}", told=Said("refusals.no_table", where=path)
            )
        if path.stat().st_size == 0 and not is_parquet(path):  # which has no text to be without a header
            raise ProfundoError(Said("refusals.no_rows", where=path, rows=0))
        if path.stat().st_size > LARGEST_FILE:
            raise ProfundoError(Said("refusals.table_size", where=path, most=LARGEST_FILE >> 30))
        result = read(path)
    except (OSError, ValueError, polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        raise ProfundoError(Said("refusals.table_unread", where=path, reason=_first(error))) from None
    frame = result.frame if isinstance(result, Cells) else result
    if frame.width == 0 or frame.height == 0:
        raise ProfundoError(Said("refusals.no_rows", where=path, rows=frame.height))
    return result


def _read_parquet(path: Path) -> polars.DataFrame:
    """Raises ProfundoError for a small file that would fill the memory."""
    import polars

    rows, width = polars.scan_parquet(path).select(polars.len()).collect().item(), len(polars.read_parquet_schema(path))
    size = path.stat().st_size
    unpacked = max(8 * rows * width, unpacked_bytes(Stored(str(path), size, "")))
    if unpacked > max(SMALL, TIGHT * size):
        raise ProfundoError(
            f"{path}: {rows:,} rows of {width} columns in {size:,} bytes; expected at most {TIGHT} times "
            "the size of the file; --stream reads it piece by piece",
            told=Said("refusals.table_unpacks", where=path, rows=rows, width=width, size=size, most=TIGHT),
        )
    return polars.read_parquet(path).fill_nan(None)


def _first(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())[:300]
