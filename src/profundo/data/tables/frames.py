"""Tables that people have: CSV, TSV and Parquet files, with numbers, categories, dates and holes.

Polars reads them: one library without dependencies of its own for all three, and it parses in parallel. What a column
holds is recognised here, and every decision that somebody might want to know of becomes a note.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from profundo.data.dataset_names import Reading, Task, nearest
from profundo.data.splits.splits import Collection
from profundo.data.streams.addresses import Stored
from profundo.data.streams.archives import SMALL, TIGHT, printable
from profundo.data.tables.delimited import Cells, read_delimited
from profundo.data.tables.parquet_footers import unpacked_bytes
from profundo.data.tables.reading import Table, ToldError, interpreted, typed_table
from profundo.data.tables.several_targets import TargetValues, are_lists, listed_labels, several_targets
from profundo.data.text.text_files import is_json, read_json_rows
from profundo.data.text.text_ids import reads_as_text
from profundo.files import what_is_at
from profundo.records import Column, ColumnReading, Inputs, ProfundoError, Samples, TableForm, Targets

if TYPE_CHECKING:
    import polars

__all__ = [
    "frame_collection",
    "levels_of",
    "raw_rows",
    "read_frame",
    "read_rows_as_text",
    "read_table",
    "recognised",
    "table_collection",
]

Read = TypeVar("Read", bound="polars.DataFrame | Cells")


LARGEST_FILE = 4 << 30
MOST_CLASSES = 100
WITH_UNIT = r"^\s*[\p{Sc}~<>+-]*\s*\d[\d\s.,']*\D{0,12}$"  # "12.50 €", "$3", "1 200 kg"
LARGEST = torch.finfo(torch.float32).max
ANSWERS = ("String", "Boolean", "Categorical", "Enum", "Date")  # kinds of columns that may be targets, beside numbers
MOST_TOLD = 5  # columns that an error tells of
AS_TOLD, WHICH_ROW = "left out, as told", "says which row it is"
FEW = 20  # distinct whole numbers that still may be classes


def table_collection(path: Path, how: Reading) -> Collection:
    """The rows of a table, their target the column `how.target`, or the columns of several names with commas.

    how.task: "classes" or "real" where the target could be either; "auto" takes words, truth values and up to 20 different
    whole numbers for classes. Several columns of 0 and 1 are labels, of other numbers as many real targets; "labels"
    reads the words of one column, with semicolons, bars or commas between them, as labels.
    Raises ProfundoError for files that do not read and targets that are not there.
    """
    return frame_collection(read_table(path, how), path.stem, str(path), how)


def frame_collection(table: Table, name: str, where: str, how: Reading) -> Collection:
    """The same of a table that was read already, from `where`."""
    import polars

    frame, target = table.frame, how.target
    wanted = target_columns(frame.columns, target, where)
    inputs_of, set_aside = inputs_among(frame.columns, wanted, how, where)
    there = ~frame.select(polars.any_horizontal(polars.col(wanted).is_null())).to_series()
    labelled = frame if there.all() else frame.filter(there)
    if len(labelled) == 0:
        raise ProfundoError(f"{where}: column {target!r} is empty; choose another target")
    texts = {column: cells.filter(there) for column, cells in table.texts.items()}
    targets, values, outputs = target_values(labelled.select(wanted), how.task, where, texts)
    columns, left_out = recognised_columns(frame.select(inputs_of), table.readings)  # of all rows: a count has no gaps
    if not columns:
        raise ProfundoError(f"{where}: no column is left to predict {target!r} from: {none_left(left_out)}")
    try:
        rows = raw_rows(frame, columns)  # of all, for errors tell their numbers
    except ProfundoError as error:
        raise ProfundoError(f"{where}: {error}") from None
    if len(labelled) < len(frame):
        rows = rows[torch.from_numpy(there.to_numpy().copy())]
    inputs = Inputs(
        (len(columns),),
        "features",
        names=tuple(column.name for column in columns),
        columns=columns,
        form=replace(form_of(how), ids=tuple(column for column, use in set_aside.items() if use == WHICH_ROW)),
    )
    lost = lost_rows(len(frame) - len(labelled), str(target))
    if lost and targets.kind == "labels" and len(wanted) == 1:
        lost = (f"{lost[0]}; where none applies, write the sign that stands between labels, alone",)
    uses = (
        set_aside | {column: f"left out: {why}" for column, why in left_out.items()} | dict.fromkeys(wanted, "target")
    )
    texts_read = {column.name for column in columns if column.kind == "text"}
    readings = tuple(
        replace(reading, use=uses.get(name, "input"), kind="text" if name in texts_read else reading.kind)
        for name, reading in table.readings.items()
    )
    notes = (*table.notes, *lost, *outputs, *decisions(readings))
    samples = Samples(rows, values, numbers=torch.from_numpy(there.to_numpy().nonzero()[0]))
    ids = {column: frame[column].cast(polars.String).fill_null("").to_list() for column in inputs.form.ids}
    return Collection(name, inputs, targets, samples, notes=notes, readings=readings, ids=ids)


def inputs_among(
    columns: Sequence[str], wanted: Sequence[str], how: Reading, where: str
) -> tuple[list[str], dict[str, str]]:
    """The columns that may be learned from, and what becomes of those that a person set aside.

    Raises ProfundoError for a name that is not there.
    """
    drop, only, ids = (
        [column for name in names for column in named_columns(name, columns, where, option)]
        for option, names in (("drop", how.drop), ("only", how.only), ("id", how.id_columns))
    )
    uses = {name: AS_TOLD for name in columns if only and name not in (*only, *wanted)}
    uses |= dict.fromkeys(drop, AS_TOLD) | dict.fromkeys(ids, WHICH_ROW)
    return [name for name in columns if name not in uses and name not in wanted], uses


def named_columns(names: str, columns: Sequence[str], where: str, option: str) -> list[str]:
    """The column of that name, or of each name between commas. Raises ProfundoError for one that is not there."""
    wanted = [names] if names in columns else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in columns:
            raise ProfundoError(f"{where} has no column {name!r} for --{option}; {nearest(name, columns)}")
    return wanted


def decisions(readings: Sequence[ColumnReading]) -> tuple[str, ...]:
    """Sentences on what a person might not expect of how columns were read."""
    notes = []
    for reading in readings:
        name = f"column {reading.name!r}"
        if reading.use.startswith("left out: "):
            notes.append(f"{name} is {reading.use}")
            continue
        if reading.use not in ("input", "target"):
            continue
        notes += doubts(reading)
        if reading.kind == "date" and reading.writing.dates != "ymd":
            notes.append(f"{name}: {reading.why}, such as {reading.example[0]!r} for {reading.example[1]}")
    return tuple(notes)


def doubts(reading: ColumnReading) -> Iterator[str]:
    """Sentences on what another reader may take a column for, and on its cells that could not be read."""
    if reading.doubt:
        yield f"column {reading.name!r}: {reading.doubt}; {_remedy(reading)}"
    if reading.unread:
        row, cell = reading.first_unread
        kind = "numbers" if reading.kind == "number" else "dates"
        are = "cell is" if reading.unread == 1 else "cells are"
        yield (
            f"column {reading.name!r}: {reading.unread:,} {are} no {kind}, such as {cell!r} in row {row}, and taken as missing"
        )


def _remedy(reading: ColumnReading) -> str:
    return f"--column {shlex.quote(f'{reading.name}={_other(reading)}')} reads it so"


def _other(reading: ColumnReading) -> str:
    """What a person may say of a column that leaves a doubt."""
    if reading.kind == "date":
        return f"date:{'dmy' if reading.writing.dates == 'mdy' else 'mdy'}"
    return f"number:{',' if reading.writing.decimal == '.' else '.'}"


def none_left(left_out: Mapping[str, str]) -> str:
    """Why, in a few words."""
    more = len(left_out) - MOST_TOLD
    sentences = [f"column {name!r} is left out: {why}" for name, why in islice(left_out.items(), MOST_TOLD)]
    told = "; ".join(sentences) or "it has no other column"
    return f"{told}; and so are {more:,} more" if more > 0 else told


def target_columns(columns: Sequence[str], target: str | None, where: str) -> list[str]:
    """The columns to be predicted. Raises ProfundoError when none was named, or one that is not there or comes twice."""
    if target is None:
        raise ProfundoError(f"{where}: say which column is to be predicted, such as --target {columns[-1]!r}")
    wanted = named_columns(target, columns, where, "target")
    if len(set(wanted)) < len(wanted):
        raise ProfundoError(f"{where}: expected each target once, got {', '.join(wanted)}")
    return wanted


def target_values(
    frame: polars.DataFrame, task: Task, where: str, texts: Mapping[str, polars.Series] | None = None
) -> TargetValues:
    """What is to be predicted, its values, and what to know about it, from columns without missing values.

    texts: the cells of the columns as a file has them, from which classes get their names.
    """
    if frame.width > 1:
        return several_targets(frame, task, where)
    series = frame.to_series()
    if task == "labels" and str(series.dtype) == "String":
        return listed_labels(series, where)
    if task == "labels":
        return several_targets(frame, task, where)
    return _one_target(series, (texts or {}).get(series.name), task, where)


# ------------------------------------------------------------------------------------------------------------- reading
def read_frame(path: Path, how: Reading = Reading()) -> polars.DataFrame:  # noqa: B008
    """The values in the file of a table: numbers, moments and words; see `read_table`."""
    return read_table(path, how).frame


def read_table(path: Path, how: Reading = Reading()) -> Table:  # noqa: B008
    """The table in a file: its values, and what each column was taken for."""
    try:
        if is_parquet(path):
            check_typed(how, str(path))
            return typed_table(_readable(path, _read_parquet), how.columns)
        if is_json(path):
            return typed_table(_readable(path, read_json_rows), how.columns, how.missing)
        form = form_of(how)
        cells = _readable(path, lambda path: read_delimited(path, form))
        target = how.target or ""
        keep = [target, *(name.strip() for name in target.split(","))]
        table = interpreted(cells.frame, cells.separator, how.missing, how.columns, keep)
    except ToldError as error:
        raise ProfundoError(f"{path}: {error}") from None
    return replace(table, notes=cells.notes)


def check_typed(how: Reading, where: str, streamed: bool = False) -> None:
    """Raises ProfundoError for options on how cells are written, where files say it themselves: nothing would heed them."""
    for option in ("missing", "encoding", "header", *(["columns"] if streamed else [])):
        if option in how.of_tables():
            name = {"columns": "column"}.get(option, option)
            why = "is for tables that are read whole, this is read while training" if streamed else "is for text"
            raise ProfundoError(f"{where}: --{name} {why}; Parquet says what its cells are; leave it out")


def read_rows_as_text(path: Path, form: TableForm, needed: frozenset[str] | None) -> polars.DataFrame:
    """The rows of a file for a net that knows how its columns are written: cells as text, or the values of Parquet."""
    if is_parquet(path) or is_json(path):
        return _readable(path, _read_parquet if is_parquet(path) else read_json_rows)
    return _readable(path, lambda path: read_delimited(path, form, needed)).frame


def form_of(how: Reading) -> TableForm:
    return TableForm(how.encoding or "", None if how.missing is None else tuple(how.missing), how.header == "first")


def is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _readable(path: Path, read: Callable[[Path], Read]) -> Read:
    """What a file holds. Raises ProfundoError for one that does not read, or holds no row."""
    import polars

    try:
        if not path.is_file():
            raise ProfundoError(f"{path}: expected a table, found {what_is_at(path)}")
        if path.stat().st_size > LARGEST_FILE:
            raise ProfundoError(f"{path}: expected a table of at most {LARGEST_FILE >> 30} GB")
        result = read(path)
    except (OSError, ValueError, polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        raise ProfundoError(f"{path}: expected a table with a header, but it does not read: {_first(error)}") from None
    frame = result.frame if isinstance(result, Cells) else result
    if frame.width == 0 or frame.height == 0:
        raise ProfundoError(f"{path}: expected a header and at least one row, found {frame.height} rows")
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
            "the size of the file; --stream reads it piece by piece"
        )
    return polars.read_parquet(path).fill_nan(None)


def _first(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())[:300]


def lost_rows(count: int, target: str) -> tuple[str, ...]:
    if not count:
        return ()
    return (
        f"{count:,} {'row' if count == 1 else 'rows'} without a value of {target!r} {'is' if count == 1 else 'are'} left out",
    )


# --------------------------------------------------------------------------------------------------------- recognising
def recognised_columns(
    frame: polars.DataFrame, readings: Mapping[str, ColumnReading] | None = None
) -> tuple[tuple[Column, ...], dict[str, str]]:
    """The columns that can be learned from, and of each of the others why not."""
    columns, left_out = [], {}
    for name in frame.columns:
        result = recognised(frame[name], (readings or {}).get(name))
        if isinstance(result, Column):
            columns.append(result)
        else:
            left_out[name] = result
    return tuple(columns), left_out


def recognised(series: polars.Series, reading: ColumnReading | None = None) -> Column | str:
    """How a column can be used as an input, or why not."""
    result = _recognised(
        series, reading.kind if reading is not None else "", reading is not None and reading.why == "as told"
    )
    return replace(result, writing=reading.writing) if reading is not None and isinstance(result, Column) else result


def _recognised(series: polars.Series, kind: str, told: bool) -> Column | str:
    there = len(series) - series.null_count()
    dtype = series.dtype
    if there == 0:
        return "it is empty"
    if there == len(series) and (series.min() == series.max() if dtype.is_numeric() else series.n_unique() == 1):
        return "it has one value only"
    if dtype.is_numeric():
        return "it numbers the rows" if _counts_up(series) else Column(series.name, "number")
    if dtype.is_temporal():
        if str(dtype).startswith(("Date", "Datetime")):
            return Column(series.name, "date", has_time=_has_time(series))
        return f"times of the kind {dtype} are not understood"
    if str(dtype) not in ("String", "Boolean", "Categorical", "Enum") and not str(dtype).startswith(
        ("Categorical", "Enum")
    ):
        return f"values of the kind {dtype} are not understood"
    different = series.drop_nulls().n_unique()
    if kind == "text" or (different > max(20, there // (2 if kind == "code" else 10)) and not told):
        levels = levels_of(series)
        if kind == "text" or (kind != "code" and reads_as_text(series.drop_nulls().unique(maintain_order=True))):
            return Column(series.name, "text", levels=levels)
        option = f"--column {shlex.quote(f'{series.name}=text')}"
        return f"names or codes, {different:,} different ones in {there:,} rows; {option} reads it as text"
    return Column(series.name, "category", levels=levels_of(series))


def _counts_up(series: polars.Series) -> bool:
    """Whether it is 0, 1, 2 … or 1, 2, 3 … down the rows: an identifier says nothing of what it identifies."""
    if not series.dtype.is_integer() or series.null_count() or len(series) < 3 or series[0] not in (0, 1):
        return False
    return bool((series.diff().drop_nulls() == 1).all())


def _has_time(series: polars.Series) -> bool:
    return str(series.dtype).startswith("Datetime") and bool((series.dt.time().drop_nulls() != _midnight()).any())


def _midnight() -> Any:
    from datetime import time

    return time(0, 0)


def levels_of(series: polars.Series) -> tuple[str, ...]:
    import polars

    return tuple(sorted(series.drop_nulls().cast(polars.String).unique().to_list()))


def _one_target(series: polars.Series, texts: polars.Series | None, task: Task, where: str) -> TargetValues:
    """What is to be predicted, its values, and what to know about it. Classes have the file's own words for names."""
    import polars

    is_number = series.dtype.is_numeric()
    if not (is_number or str(series.dtype).startswith(ANSWERS)):
        raise ProfundoError(
            f"{where}: column {series.name!r} holds values of the kind {series.dtype}; a target is a number or a word"
        )
    if series.dtype.is_float() and bool(series.is_infinite().any()):
        raise ProfundoError(f"{where}: column {series.name!r} holds infinite values; a target is a finite number")
    different = series.n_unique()
    if task == "real" or (task == "auto" and is_number and (different > FEW or not _is_whole(series))):
        if not is_number:
            raise ProfundoError(
                f"{where}: column {series.name!r} holds {series.dtype} values; --task real needs numbers"
            )
        values = torch.from_numpy(series.cast(polars.Float64).to_numpy().copy()).unsqueeze(1)
        if not values.isfinite().all():
            raise ProfundoError(f"{where}: column {series.name!r} holds infinite values; a target is a finite number")
        return Targets("real", names=(series.name,)), values, ()
    if different < 2:
        raise ProfundoError(
            f"{where}: column {series.name!r} has one value only ({series[0]}); there is nothing to learn"
        )
    if different > MOST_CLASSES:
        hint = "--task real predicts it as a number" if is_number else "choose another target"
        if not is_number and bool(series.cast(polars.String).str.contains(WITH_UNIT).all()):
            hint = f"where {str(series[0])[:30]!r} is meant as a number, leave its unit out; else choose another target"
        raise ProfundoError(f"{where}: column {series.name!r} has {different:,} different values; {hint}")
    ordered = series.unique().sort()
    values = torch.from_numpy(
        series.replace_strict(ordered, list(range(len(ordered))), return_dtype=polars.Int64).to_numpy().copy()
    )
    words = ordered.cast(polars.String).to_list()
    if texts is not None:
        pairs = polars.DataFrame({"value": series, "text": texts}).unique("value", keep="first", maintain_order=True)
        words = pairs.sort("value")["text"].to_list()
    names = tuple(map(printable, words))
    notes = _other_tasks(series.name, words, is_number) if task == "auto" else ()
    return Targets("classes" if different > 2 else "binary", names), values, notes


def _other_tasks(name: str, words: Sequence[str], is_number: bool) -> tuple[str, ...]:
    """What else a target that was taken for classes may be."""
    if is_number:
        return (f"the {len(words)} different numbers of {name!r} are taken as classes; --task real predicts a number",)
    if are_lists(words):
        return (f"the values of {name!r} look like lists, taken whole as classes; --task labels predicts each word",)
    return ()


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
        if column.kind == "number" and series.dtype.is_float() and bool(series.is_infinite().any()):
            row = int(series.is_infinite().arg_true()[0])
            raise ProfundoError(f"column {column.name!r}, row {row + 1}: expected a finite number, got {series[row]}")
        values = _raw(series, column)
        if bool((large := values.abs() > LARGEST).any()):
            row = int(large.nonzero()[0])
            raise ProfundoError(
                f"column {column.name!r}, row {row + 1}: expected a number up to {LARGEST:.3g}, got {series[row]}"
            )
        return values
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

    if column.kind in ("category", "text"):
        places = {level: float(place) for place, level in enumerate(column.levels)}
        result = series.cast(polars.String).replace_strict(  # never a word a row: a few long ones may be in millions
            list(places), list(places.values()), default=None, return_dtype=polars.Float64
        )
        return torch.from_numpy(result.fill_null(float("nan")).to_numpy().copy())
    if column.kind == "date":
        series = series.cast(polars.Datetime("us")).dt.epoch("us").cast(polars.Float64) / 1e6
    values = torch.from_numpy(series.cast(polars.Float64).to_numpy().copy())
    return torch.where(values.isfinite(), values, float("nan"))
