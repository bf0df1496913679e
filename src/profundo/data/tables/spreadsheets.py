"""Books of sheets, which are no tables: what to do with one."""

from __future__ import annotations

from pathlib import Path

from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["check_no_spreadsheet"]

SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")


def check_no_spreadsheet(path: Path) -> None:
    """Raises ProfundoError for a book of sheets, which may have several, with titles and sums between their rows."""
    if path.suffix.lower() in SPREADSHEETS:
        raise ProfundoError(Said("refusals.file_sheet", name=str(path)))
