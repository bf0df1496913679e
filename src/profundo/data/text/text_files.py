"""Texts in files as tables: .txt files in one folder per class, and JSON, one object a line or a list of them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from profundo.data.streams.archives import check_file, open_files, printable, read_whole
from profundo.data.text.text_ids import TOGETHER
from profundo.languages import Said
from profundo.records import ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = [
    "TEXT",
    "is_json",
    "is_json_list",
    "json_object",
    "kind_of",
    "kinds_among",
    "read_json_rows",
    "read_text",
    "read_texts",
    "series_of",
    "text_of",
]

TEXT = "text"  # the column that a file of text becomes
LARGEST_TEXT = 64 << 20
LARGEST_JSON = 4 << 30
LARGEST_FLOAT = 2**1023  # in whole numbers, of those that a float surely holds


def is_json(path: Path) -> bool:
    return path.suffix.lower() in (".json", ".jsonl", ".ndjson")


def read_text(content: bytes) -> str:
    """As UTF-8, or UTF-16 with its mark, else as Windows-1252, in which every byte is something."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def text_of(content: bytes, where: str) -> str:
    """The text of a file. Raises ProfundoError for one that holds NUL, as programs, images and archives do, and no text does."""
    text = read_text(content)
    if (place := text.find("\0")) >= 0:
        raise ProfundoError(Said("refusals.text_nul", where=where, place=place + 1))
    return text


def read_texts(path: Path) -> tuple[list[str], list[str]]:
    """The names and the texts of a file, or of all files of text in a folder or .zip, in the order of their names.

    Raises ProfundoError for what does not read.
    """
    if not path.is_dir() and path.suffix.lower() != ".zip":
        name = printable(str(path))
        return [name], [text_of(read_whole(path, "a text", LARGEST_TEXT, "cut it"), name)]
    files = open_files(path, "texts")
    if not files.paths:
        raise ProfundoError(Said("refusals.no_texts", where=printable(str(path))))
    order = sorted(range(len(files.paths)), key=files.paths.__getitem__)
    names = [printable(str(path.joinpath(*files.paths[index]))) for index in order]
    try:
        texts = [text_of(files.read(index), name) for index, name in zip(order, names, strict=True)]
    except (OSError, ValueError) as error:
        raise ProfundoError(Said("refusals.text_unread", where=printable(str(path)), reason=error)) from None
    return names, texts


def is_json_list(begin: str) -> bool:
    return begin.lstrip("\ufeff \t\r\n").startswith("[")


def read_json_rows(path: Path, pieces: int | None = None) -> polars.DataFrame:
    """The objects of a file as rows: numbers, truth values and texts; what is nested is written as JSON again.

    pieces: read no more than so many times 4,096 lines, of a file of any size. Raises ProfundoError that names the first line
    that is no object.
    """
    import polars

    where = printable(str(path))
    if pieces is None:
        check_file(path, "JSON", LARGEST_JSON, "cut it, or write it as Parquet")
    try:
        columns = _columns(islice(_pieces(path, where, "utf-8-sig", "strict"), pieces))
    except UnicodeDecodeError:
        columns = _columns(islice(_pieces(path, where, "cp1252", "replace"), pieces))
    if not columns:
        raise ProfundoError(Said("refusals.no_objects", where=where))
    return polars.DataFrame([_joined(name, parts) for name, parts in columns.items()])


Part = Any
"""Values of some rows: a Series of texts, or a list with others among them."""


def _pieces(path: Path, where: str, encoding: str, errors: str) -> Iterator[list[dict[str, Any]]]:
    """The objects of a list together, those of lines some at a time."""
    with open(path, encoding=encoding, errors=errors, newline="\n") as file:
        is_list = is_json_list(file.read(1024))
        file.seek(0)
        if is_list:
            yield _listed(file.read(), where)
            return
        lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
        while some := list(islice(lines, TOGETHER)):
            yield [json_object(line, f"{where}, line {number}") for number, line in some]


def _columns(pieces: Iterator[list[dict[str, Any]]]) -> dict[str, list[Part]]:
    """By name, the parts of each column; what comes up later was missing before."""
    columns: dict[str, list[Part]] = {}
    sizes: list[int] = []
    for rows in pieces:
        for name in dict.fromkeys(name for row in rows for name in row):
            columns.setdefault(name, [[None] * size for size in sizes])
        for name, parts in columns.items():
            values = [row.get(name) for row in rows]
            are_texts = all(value is None or isinstance(value, str) for value in values) and values != [None] * len(
                rows
            )
            parts.append(series_of(name, values, "text") if are_texts else values)
        sizes.append(len(rows))
    return columns


def _joined(name: str, parts: list[Part]) -> polars.Series:
    import polars

    if any(isinstance(part, list) and any(value is not None for value in part) for part in parts):
        return _series(name, [value for part in parts for value in part])
    texts = [polars.Series(name, part, dtype=polars.String) for part in parts]
    return polars.concat(texts)


def _listed(text: str, where: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProfundoError(Said("refusals.json_list", where=where, reason=error)) from None
    for number, row in enumerate(rows, 1):
        _check(row, f"{where}, entry {number}")
    return rows  # type: ignore[no-any-return]


def json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProfundoError(Said("refusals.json_object", where=where, reason=error)) from None
    _check(row, where)
    return row  # type: ignore[no-any-return]


def _check(row: Any, where: str) -> None:
    if not isinstance(row, dict):
        raise ProfundoError(Said("refusals.json_row", where=where, got=repr(str(row)[:40])))


def _series(name: str, values: Sequence[Any]) -> polars.Series:
    return series_of(name, values, kind_of(kinds_among(values)))


Kind = Literal["truth", "whole", "number", "text"]
"""Of values in JSON; "whole" is of numbers that int64 and float64 hold exactly."""


def kinds_among(values: Iterable[Any]) -> set[Kind]:
    """What there is but null."""
    return {_kind(value) for value in values if value is not None}


def _kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int) and abs(value) < 2**53:
        return "whole"
    is_number = isinstance(value, float) or (isinstance(value, int) and abs(value) < LARGEST_FLOAT)
    return "number" if is_number else "text"


def kind_of(kinds: set[Kind]) -> Kind:
    """Of a column that has values of these kinds: numbers where all values are, truth values, else texts."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return "number" if kinds == {"whole", "number"} else "text"


def series_of(name: str, values: Sequence[Any], kind: Kind) -> polars.Series:
    """Texts are those that Unicode holds; what else stands among them is written as JSON again."""
    import polars

    if kind == "truth":
        return polars.Series(name, values, dtype=polars.Boolean)
    if kind == "whole":
        return polars.Series(name, values, dtype=polars.Int64)
    if kind == "number":
        return polars.Series(name, [None if value is None else float(value) for value in values], dtype=polars.Float64)
    texts = [
        value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values
    ]
    valid = [None if text is None else text.encode("utf-8", "replace").decode() for text in texts]
    return polars.Series(name, valid, dtype=polars.String)
