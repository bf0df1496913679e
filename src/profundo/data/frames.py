"""Tables that people have: CSV, TSV and Parquet files, with numbers, categories, dates and holes.

Polars reads them: one library without dependencies of its own for all three, and it parses in parallel. What a column
holds is recognised here, and every decision that somebody might want to know of becomes a note.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from profundo.data.catalogue import Task, nearest
from profundo.data.splits import Collection
from profundo.records import Column, Inputs, ProfundoError, Samples, Targets

if TYPE_CHECKING:
    import polars

__all__ = ["raw_rows", "read_frame", "table_collection"]

MISSING = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "?"]  # "none" may be an answer
LARGEST_FILE = 4 << 30
MOST_CLASSES = 100
FEW = 20  # distinct whole numbers that still may be classes


def table_collection(path: Path, target: str | None, task: Task = "auto") -> Collection:
    """The rows of a table, their target the column of that name.

    task: "classes" or "real" where the target could be either; "auto" takes words, truth values and up to 20 different
    whole numbers for classes. Raises ProfundoError for files that do not read and targets that are not there.
    """
    frame = read_frame(path)
    if target is None:
        raise ProfundoError(f"{path}: say which column is to be predicted, such as --target {frame.columns[-1]!r}")
    if target not in frame.columns:
        raise ProfundoError(f"{path} has no column {target!r}; {nearest(target, frame.columns)}")
    told = frame.filter(frame[target].is_not_null())
    notes = _lost(len(frame) - len(told), target)
    if len(told) == 0:
        raise ProfundoError(f"{path}: column {target!r} is empty; choose another target")
    targets, values, said = _targets(told[target], task, path)
    columns, left_out = _columns(told.drop(target))
    if not columns:
        raise ProfundoError(f"{path}: no column is left to predict {target!r} from: {'; '.join(left_out)}")
    rows = raw_rows(told, columns)
    inputs = Inputs((len(columns),), "features", names=tuple(column.name for column in columns), columns=columns)
    return Collection(path.stem, inputs, targets, Samples(rows, values), notes=(*notes, *said, *left_out))


# ------------------------------------------------------------------------------------------------------------- reading
def read_frame(path: Path) -> polars.DataFrame:
    """The table in a file. Empty cells and the usual words for nothing are missing; dates are recognised."""
    import polars

    try:
        if not path.is_file():
            raise ProfundoError(f"{path}: expected a table, found {'a folder' if path.is_dir() else 'nothing'}")
        if path.stat().st_size > LARGEST_FILE:
            raise ProfundoError(f"{path}: expected a table of at most {LARGEST_FILE >> 30} GB")
        frame = polars.read_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _read_text(path)
    except (OSError, ValueError, polars.exceptions.PolarsError) as error:
        raise ProfundoError(f"{path}: expected a table with a header, but it does not read: {_first(error)}") from None
    if frame.width == 0 or frame.height == 0:
        raise ProfundoError(f"{path}: expected a header and at least one row, found {frame.height} rows")
    return frame


def _read_text(path: Path) -> polars.DataFrame:
    import polars

    text = _decoded(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = (
        "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=lambda sign: (header.count(sign), sign == ","))
    )
    options: dict[str, Any] = {
        "separator": separator,
        "infer_schema_length": None,  # all rows: a word in the last one makes it a column of words
        "try_parse_dates": True,
        "null_values": MISSING,
        "truncate_ragged_lines": False,
    }
    names = _names(header, separator, path)
    frame = polars.read_csv(io.StringIO(text), **options)
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _names(header: str, separator: str, path: Path) -> list[str]:
    """The words of the header: each there, and once."""
    import polars

    row = polars.read_csv(io.StringIO(header), separator=separator, has_header=False, infer_schema=False).row(0)
    names = [str(name or "").strip() for name in row]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not all(names) or twice:
        wrong = f"{', '.join(twice)} is there twice" if all(names) else "one is empty"
        raise ProfundoError(f"{path}: expected a name for each column in the first line, each once; {wrong}")
    return names


def _decoded(path: Path) -> str:
    content = path.read_bytes()
    if b"\0" in content[:4096] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ProfundoError(f"{path}: expected text, found other bytes; is it a CSV file?")
    for encoding in ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ProfundoError(f"{path}: expected text in UTF-8; save it so")


def _first(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())[:300]


def _lost(count: int, target: str) -> tuple[str, ...]:
    return (f"{count:,} rows without a value of {target!r} are left out",) if count else ()


# --------------------------------------------------------------------------------------------------------- recognising
@dataclass(frozen=True, slots=True)
class _Seen:
    """What decides the kind of a column: how many values are there, and how many different ones."""

    there: int
    different: int


def _columns(frame: polars.DataFrame) -> tuple[tuple[Column, ...], list[str]]:
    """The columns that can be learned from, and a note for each of the others."""
    columns, notes = [], []
    for name in frame.columns:
        found = _column(frame[name])
        if isinstance(found, Column):
            columns.append(found)
        else:
            notes.append(f"column {name!r} is left out: {found}")
    return tuple(columns), notes


def _column(series: polars.Series) -> Column | str:
    """How it can be used, or why not."""
    seen = _Seen(len(series) - series.null_count(), series.drop_nulls().n_unique())
    dtype = series.dtype
    if seen.there == 0:
        return "it is empty"
    if seen.different == 1 and seen.there == len(series):
        return "it has one value only"
    if dtype.is_numeric():
        return "it numbers the rows" if _counts_up(series, seen) else Column(series.name, "number")
    if dtype.is_temporal():
        if str(dtype).startswith(("Date", "Datetime")):
            return Column(series.name, "date", has_time=_has_time(series))
        return f"times of the kind {dtype} are not understood"
    if str(dtype) not in ("String", "Boolean", "Categorical", "Enum") and not str(dtype).startswith(
        ("Categorical", "Enum")
    ):
        return f"values of the kind {dtype} are not understood"
    if seen.different > max(20, seen.there // 10):
        return f"it is text, {seen.different:,} different values in {seen.there:,} rows"
    return Column(series.name, "category", levels=_levels(series))


def _counts_up(series: polars.Series, seen: _Seen) -> bool:
    """Whether it is 0, 1, 2 … or 1, 2, 3 … down the rows: an identifier says nothing of what it identifies."""
    if not series.dtype.is_integer() or seen.there < max(3, len(series)) or seen.different < seen.there:
        return False
    return bool((series.diff().drop_nulls() == 1).all()) and series[0] in (0, 1)


def _has_time(series: polars.Series) -> bool:
    return str(series.dtype).startswith("Datetime") and bool((series.dt.time().drop_nulls() != _midnight()).any())


def _midnight() -> Any:
    from datetime import time

    return time(0, 0)


def _levels(series: polars.Series) -> tuple[str, ...]:
    import polars

    return tuple(sorted(series.drop_nulls().cast(polars.String).unique().to_list()))


def _targets(series: polars.Series, task: Task, path: Path) -> tuple[Targets, Tensor, tuple[str, ...]]:
    """What is to be predicted, its values, and what to know about it."""
    import polars

    is_number = series.dtype.is_numeric()
    different = series.n_unique()
    if task == "real" or (task == "auto" and is_number and (different > FEW or not _is_whole(series))):
        if not is_number:
            raise ProfundoError(
                f"{path}: column {series.name!r} holds {series.dtype} values; --task real needs numbers"
            )
        values = torch.from_numpy(series.cast(polars.Float32).to_numpy().copy()).unsqueeze(1)
        if not values.isfinite().all():
            raise ProfundoError(f"{path}: column {series.name!r} holds infinite values; a target is a finite number")
        return Targets("real", names=(series.name,)), values, ()
    if different < 2:
        raise ProfundoError(
            f"{path}: column {series.name!r} has one value only ({series[0]}); there is nothing to learn"
        )
    if different > MOST_CLASSES:
        hint = "--task real predicts it as a number" if is_number else "choose another target"
        raise ProfundoError(f"{path}: column {series.name!r} has {different:,} different values; {hint}")
    ordered = series.unique().sort()
    places = {value: place for place, value in enumerate(ordered.to_list())}
    values = torch.tensor([places[value] for value in series.to_list()])
    note = f"the {different} different numbers of {series.name!r} are taken as classes; --task real predicts a number"
    names = tuple(ordered.cast(polars.String).to_list())
    return (
        Targets("classes" if different > 2 else "binary", names),
        values,
        (note,) if is_number and task == "auto" else (),
    )


def _is_whole(series: polars.Series) -> bool:
    return series.dtype.is_integer() or bool((series == series.round()).all())


# ------------------------------------------------------------------------------------------------------ rows as numbers
def raw_rows(frame: polars.DataFrame, columns: Sequence[Column]) -> Tensor:
    """float64 (rows, columns) as columns.py takes them; categories that a column does not know are missing."""
    parts = [_numbers(frame[column.name], column) for column in columns]
    return torch.stack(parts, 1) if parts else torch.empty(frame.height, 0, dtype=torch.float64)


def _numbers(series: polars.Series, column: Column) -> Tensor:
    """The column as numbers. Raises ProfundoError that names a value which is none."""
    import polars

    try:
        return _raw(series, column)
    except polars.exceptions.PolarsError:
        strange = next((value for value in series.to_list() if not _fits(value, series, column)), series[0])
        expected = "numbers" if column.kind == "number" else "dates such as 2024-05-31"
        raise ProfundoError(f"column {column.name!r}: expected {expected}, got {strange!r}") from None


def _fits(value: Any, series: polars.Series, column: Column) -> bool:
    import polars

    try:
        _raw(polars.Series(series.name, [value], dtype=series.dtype), column)
    except polars.exceptions.PolarsError:
        return False
    return True


def _raw(series: polars.Series, column: Column) -> Tensor:
    import polars

    if column.kind == "category":
        places = {level: float(place) for place, level in enumerate(column.levels)}
        words = series.cast(polars.String).to_list()
        return torch.tensor([places.get(word, float("nan")) for word in words], dtype=torch.float64)
    if column.kind == "date":
        series = series.cast(polars.Datetime("us")).dt.epoch("us").cast(polars.Float64) / 1e6
    values = torch.from_numpy(series.cast(polars.Float64).to_numpy().copy())
    return torch.where(values.isfinite(), values, float("nan"))
