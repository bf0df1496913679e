"""Texts in files as tables: .txt files in one folder per class, and JSON, one object a line or a list of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profundo.data.streams.archives import open_files, printable, read_whole
from profundo.records import ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = ["TEXT", "is_json", "read_json_rows", "read_text", "read_texts"]

TEXT = "text"  # the column that a file of text becomes
LARGEST_TEXT = 64 << 20
LARGEST_JSON = 4 << 30


def is_json(path: Path) -> bool:
    return path.suffix.lower() in (".json", ".jsonl", ".ndjson")


def read_text(content: bytes) -> str:
    """As UTF-8, else as Windows-1252, in which every byte is something."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def read_texts(path: Path) -> tuple[list[str], list[str]]:
    """The names and the texts of a file, or of all files of text in a folder or .zip, in the order of their names.

    Raises ProfundoError for what does not read.
    """
    if not path.is_dir() and path.suffix.lower() != ".zip":
        return [printable(str(path))], [read_text(read_whole(path, "a text", LARGEST_TEXT, "cut it"))]
    files = open_files(path, "texts")
    if not files.paths:
        raise ProfundoError(f"{printable(str(path))}: expected files of text (.txt) in it, found none")
    order = sorted(range(len(files.paths)), key=files.paths.__getitem__)
    try:
        texts = [read_text(files.read(index)) for index in order]
    except (OSError, ValueError) as error:
        raise ProfundoError(f"{printable(str(path))}: a text cannot be read: {error}") from None
    return [printable(str(path.joinpath(*files.paths[index]))) for index in order], texts


def read_json_rows(path: Path) -> polars.DataFrame:
    """The objects of a file as rows: numbers, truth values and texts; what is nested is written as JSON again.

    Raises ProfundoError that names the first line that is no object.
    """
    import polars

    where = printable(str(path))
    text = read_text(read_whole(path, "JSON", LARGEST_JSON, "cut it, or write it as Parquet"))
    rows = _listed(text, where) if text.lstrip().startswith("[") else _lines(text, where)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not rows or not names:
        raise ProfundoError(
            f'{where}: expected objects with a value for each column, such as {{"text": "…"}}, found none'
        )
    return polars.DataFrame([_series(name, [row.get(name) for row in rows]) for name in names])


def _listed(text: str, where: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProfundoError(f"{where}: expected a list of objects in JSON: {error}") from None
    for number, row in enumerate(rows, 1):
        _check(row, f"{where}, entry {number}")
    return rows  # type: ignore[no-any-return]


def _lines(text: str, where: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ProfundoError(f"{where}, line {number}: expected an object in JSON: {error}") from None
            _check(row, f"{where}, line {number}")
            rows.append(row)
    return rows


def _check(row: Any, where: str) -> None:
    if not isinstance(row, dict):
        raise ProfundoError(f'{where}: expected an object such as {{"text": "…"}}, found {str(row)[:40]!r}')


def _series(name: str, values: Sequence[Any]) -> polars.Series:
    """Numbers where all values are, truth values, else texts."""
    import polars

    there = [value for value in values if value is not None]
    if there and all(isinstance(value, bool) for value in there):
        return polars.Series(name, values, dtype=polars.Boolean)
    if there and all(isinstance(value, int | float) and not isinstance(value, bool) for value in there):
        exact = all(isinstance(value, int) and abs(value) < 2**53 for value in there)
        return polars.Series(name, values if exact else [None if v is None else float(v) for v in values], strict=False)
    texts = [
        value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values
    ]
    valid = [None if text is None else text.encode("utf-8", "replace").decode() for text in texts]
    return polars.Series(name, valid, dtype=polars.String)
