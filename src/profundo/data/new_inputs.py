"""What a saved net is to predict, read from files: images or sounds, folders and archives of them, tables, arrays, standard input.

Inputs come one by one, so that a million of them need no more memory than a few; of a table all rows are read together.
Whatever cannot be read comes as a fault with its reason, and the next input follows.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from profundo.data.arrays import read_inputs
from profundo.data.dataset_names import SUFFIXES
from profundo.data.images.image_tables import Listed, listed_files
from profundo.data.images.pixels import WHOLE, decode, fitted
from profundo.data.series.filling import filled_series
from profundo.data.series.forecast_rows import endings_of_frame, row_inputs, written
from profundo.data.series.forecast_windows import Ending
from profundo.data.series.series_rows import series_of_frame
from profundo.data.series.ts_files import of_length, read_ts
from profundo.data.sound.sound_folders import sound_of
from profundo.data.streams.archives import is_one_of, open_files, printable, read_whole
from profundo.data.tables.new_rows import Features, features_of_frame, keys_of, needed_names, plain_numbers
from profundo.data.tables.table_files import read_rows_as_text
from profundo.data.text.text_files import read_text, read_texts
from profundo.kinds import InputKind
from profundo.languages import Said, told_by, within
from profundo.records import Inputs, ProfundoError

if TYPE_CHECKING:
    import polars

__all__ = [
    "Entry",
    "TableRows",
    "array_of",
    "ending_entries",
    "entries",
    "frame_series",
    "is_table",
    "media_of",
    "nothing_in",
    "one_of",
    "read_image",
    "read_rows",
    "table_rows",
]

LARGEST_FILE = 64 << 20
LARGEST_TEXT = 4 << 30  # bytes on standard input
ROWS = 1 << 15  # of a table that become features together
STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Entry:
    """One input. values: raw, float64 (features,), uint8 (channels, height, width) or int16 (1, samples); None if it could not
    be read.

    fault: why not, in one line that names the input; notices: what it lacked; ids: of a row, the columns that say which it is;
    moments: of a series to be predicted further, those to come, in words.
    """

    name: str
    values: Tensor | None
    fault: str = ""
    notices: tuple[str, ...] = ()
    ids: Mapping[str, object] = field(default_factory=dict)
    moments: tuple[str, ...] = ()


def entries(files: Iterable[Path], inputs: Inputs) -> Iterator[Entry]:
    """All inputs in these files, in their order; in folders and archives in the order of their names."""
    for path in files:
        try:
            if path.suffix.lower() == ".npz":
                yield from _array(path, inputs)
            else:
                yield from READERS.get(inputs.kind, _arrays_only)(path, inputs)
        except ProfundoError as error:
            yield Entry(printable(str(path)), None, on_a_line(told_by(error)))


def on_a_line(fault: str) -> str:
    return fault.mapped(printable) if isinstance(fault, Said) else printable(fault)


# --------------------------------------------------------------------------------------------------- images and sounds
def read_image(path: Path, inputs: Inputs) -> Tensor:
    """uint8 (channels, height, width), scaled to cover the net's size and cut about the centre when it differs; of a sound,
    int16 (1, samples), at the net's rate and of its length."""
    one = one_of(inputs)
    content = read_whole(path, one, LARGEST_FILE, MEDIA[inputs.kind][2])
    try:
        return media_of(content, inputs)
    except (OSError, ValueError) as error:
        raise ProfundoError(unread(printable(str(path)), inputs, error)) from None


def nothing_in(where: str, inputs: Inputs) -> Said:
    """What is said of a place where none of what the net takes are."""
    return Said("refusals.nothing_in", where=where, things=Said(f"refusals.of_{inputs.things}"))


def one_of(inputs: Inputs) -> str:
    return MEDIA[inputs.kind][1]


def unread(where: str, inputs: Inputs, error: Exception) -> Said:
    return Said(f"refusals.unread_{inputs.kind}_in", where=where, reason=str(error))


def media_of(content: bytes, inputs: Inputs) -> Tensor:
    """An image or a sound from a file's bytes, made like those of training. Raises ValueError with the reason when they are
    none."""
    return MEDIA[inputs.kind][0](content, inputs)


def image_of(content: bytes, inputs: Inputs) -> Tensor:
    """The same of a file's bytes, decoded as for training; of its own size where each pixel gets an answer. Raises ValueError
    with the reason when they are no image."""
    (channels, height, width), (low, high) = inputs.shape, inputs.window or WHOLE
    pixels = decode(content, (low, high))
    height, width = (height, width) if inputs.longest is None else pixels.shape[:2]
    return torch.from_numpy(fitted(pixels, (channels, height, width)).transpose(2, 0, 1).copy())


MEDIA: Mapping[InputKind, tuple[Callable[[bytes, Inputs], Tensor], str, str]] = {
    "image": (image_of, "an image", "scale it down"),
    "sound": (sound_of, "a sound", "cut it"),
}
"""What makes one of a file's bytes, what one is called, and what to do about a file that is too large."""


def _media(path: Path, inputs: Inputs) -> Iterator[Entry]:
    suffix = path.suffix.lower()
    is_list = suffix in SUFFIXES and not path.is_dir()
    if not path.is_dir() and suffix != ".zip" and not is_list:
        yield Entry(printable(str(path)), read_image(path, inputs))
        return
    files = _listed(path, inputs.things) if is_list else open_files(path, inputs.things)
    if not files.paths:
        raise ProfundoError(nothing_in(printable(str(path)), inputs))
    order = range(len(files.paths)) if is_list else sorted(range(len(files.paths)), key=files.paths.__getitem__)
    for index in order:
        name = f"{path}, {files.name(index)}" if is_list else printable(str(path.joinpath(*files.paths[index])))
        try:
            yield Entry(name, media_of(files.read(index), inputs))
        except (OSError, ValueError) as error:
            yield Entry(name, None, unread(name, inputs, error))


def _listed(path: Path, things: str) -> Listed:
    files = listed_files(path, things)
    if files is None:
        raise ProfundoError(
            f"{printable(str(path))}: expected a column that names {things}, found none; the net takes {things}"
        )
    return files


# ---------------------------------------------------------------------------------------------------------------- rows
def read_rows(path: Path, inputs: Inputs) -> Tensor:
    """float32 (rows, features) of a table; columns are found by name, or taken in order where the net knows no names.

    Raises ProfundoError for the first row that cannot be used.
    """
    rows = [row for some in table_rows(path, inputs) for row in some]
    for row in rows:
        if row.values is None:
            raise ProfundoError(row.fault)
    return torch.stack([row.values for row in rows if row.values is not None])


@dataclass(frozen=True, slots=True)
class TableRows:
    """Some rows of a table. names: of each; ids: the columns that say which row it is."""

    names: Sequence[str]
    features: Features
    ids: Mapping[str, list[object]]

    def __iter__(self) -> Iterator[Entry]:
        for place, (name, values) in enumerate(zip(self.names, self.features.values, strict=True)):
            ids = {key: column[place] for key, column in self.ids.items()}
            if place in self.features.faults:
                yield Entry(name, None, f"{name}: {self.features.faults[place]}", ids=ids)
            else:
                yield Entry(name, values, notices=self.features.notices[place], ids=ids)


def table_rows(path: Path, inputs: Inputs) -> Iterator[TableRows]:
    """The rows of a table, or of standard input, some thousands at a time. Raises ProfundoError where none can be used."""
    import polars

    where = "standard input" if path == STANDARD_INPUT else printable(str(path))
    files: list[str] = []
    if path == STANDARD_INPUT:
        frame = _standard_input(inputs)
    elif inputs.texts and (is_one_of(path.name, "texts") or path.is_dir() or path.suffix.lower() == ".zip"):
        files, frame = _text_files(path, inputs)
    else:
        frame = _rows_of(path, inputs)
    try:
        keys_of(frame.columns, inputs)
    except ProfundoError as error:
        raise ProfundoError(f"{where}: {error}", told=within(where, told_by(error))) from None
    frame = frame if files else _without_blank_end(frame)
    for begin in range(0, frame.height, ROWS):
        rows = frame.slice(begin, ROWS)
        names: Sequence[str] = files[begin : begin + ROWS]
        if not names:
            numbers = polars.int_range(begin + 1, begin + rows.height + 1)
            names = cast(
                "Sequence[str]", polars.select(polars.format("{}, row {}", polars.lit(where), numbers)).to_series()
            )
        ids = {key: rows[key].to_list() for key in inputs.form.ids if key in rows.columns}
        yield TableRows(names, features_of_frame(rows, inputs), ids)


def _has_header(path: Path, column: str) -> bool:
    """Whether the first line of a table names that column."""
    with path.open("rb") as file:
        first = read_text(file.readline(1 << 16))
    return any(
        column in (name.strip() for name in row) for sign in ",;\t" for row in csv.reader([first], delimiter=sign)
    )


def is_table(path: Path, inputs: Inputs) -> bool:
    """Whether a file is read by `table_rows`."""
    return inputs.kind == "features" and path.suffix.lower() != ".npz"


def _rows_of(path: Path, inputs: Inputs) -> polars.DataFrame:
    return read_rows_as_text(path, inputs.form, needed_names(inputs), plain_numbers(inputs))


def _without_blank_end(frame: polars.DataFrame) -> polars.DataFrame:
    """Without the empty lines that many programs end a file with."""
    height = frame.height
    while height and all(value is None for value in frame.row(height - 1)):
        height -= 1
    return frame.head(height)


def _text_files(path: Path, inputs: Inputs) -> tuple[list[str], polars.DataFrame]:
    """Files of text as rows of the one column of text."""
    import polars

    if len(inputs.texts) > 1:
        raise ProfundoError(f"{path}: expected a table, for the net reads {len(inputs.texts)} texts in a row")
    names, texts = read_texts(path)
    return names, polars.DataFrame({inputs.texts[0].name: texts}, schema={inputs.texts[0].name: polars.String})


def _standard_input(inputs: Inputs) -> polars.DataFrame:
    """The CSV that comes there, by way of a file; of a net that reads a text and nothing else, also a text on each line."""
    import polars

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.csv"
        with path.open("wb") as file:
            while part := sys.stdin.buffer.read(1 << 20):
                if file.write(part) and file.tell() > LARGEST_TEXT:
                    raise ProfundoError(f"standard input: expected at most {LARGEST_TEXT >> 30} GB; give files")
        try:
            if len(inputs.columns) == len(inputs.texts) == 1 and not _has_header(path, inputs.texts[0].name):
                lines = [line for line in read_text(path.read_bytes()).splitlines() if line.strip()]
                return polars.DataFrame({inputs.texts[0].name: lines}, schema={inputs.texts[0].name: polars.String})
            return _rows_of(path, inputs)
        except ProfundoError as error:
            raise ProfundoError(str(error).replace(str(path), "standard input")) from None


# -------------------------------------------------------------------------------------------------------------- arrays
def series_entries(path: Path, inputs: Inputs) -> Iterator[Entry]:
    """The series in the rows of a table, or of standard input."""
    rows, piped = row_inputs(inputs), path == STANDARD_INPUT
    frame = _standard_input(rows) if piped else _rows_of(path, rows)
    yield from frame_series(frame, inputs, "standard input" if piped else printable(str(path)))


def frame_series(frame: polars.DataFrame, inputs: Inputs, where: str) -> Iterator[Entry]:
    """Of each series what is to be predicted further, or what it is as a sample. Raises ProfundoError for columns that are not
    there."""
    if inputs.rows is None:
        yield from ending_entries(endings_of_frame(frame, inputs, where), inputs, where)
        return
    try:
        found = series_of_frame(frame, inputs.rows)
    except ProfundoError as error:
        raise ProfundoError(f"{where}: {error}", told=within(where, told_by(error))) from None
    for one in found:
        name = f"{where}, {inputs.rows.series} {printable(one.name)}"
        entry = Entry(name, None, f"{where}, {one.fault}") if one.fault else _fitted_series(one.values, inputs, name)
        yield replace(entry, name=where, ids={inputs.rows.series: one.name})


def ending_entries(found: Iterable[Ending | str], inputs: Inputs, name: str) -> Iterator[Entry]:
    """name: of where they come from."""
    forecast = inputs.forecast
    assert forecast is not None
    for one in found:
        if isinstance(one, str):
            yield Entry(name, None, one)
            continue
        ids = {forecast.series: one.name} if forecast.series else {}
        moments = tuple(written(moment, forecast) for moment in one.moments)
        yield Entry(name, one.window, notices=one.notices, ids=ids, moments=moments)


def _labelled(path: Path, inputs: Inputs) -> Iterator[Entry]:
    """The series of a .ts file, whose labels are passed over."""
    for number, one in enumerate(read_ts(path).series, 1):
        yield _fitted_series(one, inputs, f"{printable(str(path))}, series {number}")


def _fitted_series(one: np.ndarray, inputs: Inputs, name: str) -> Entry:
    """(channels, steps) without holes, brought to the length that the net takes."""
    channels, steps = inputs.shape
    if one.shape[0] != channels:
        return Entry(name, None, Said("refusals.channels", where=name, channels=channels, got=one.shape[0]))
    notices: tuple[str, ...] = ()
    if one.shape[1] != steps:
        what = "cut to its first" if one.shape[1] > steps else "continued by its last value to"
        notices = (f"a series of another length was {what} {steps:,} steps",)
    try:
        whole, more = filled_series(torch.from_numpy(of_length(one, steps))[None], name)
    except ProfundoError as error:
        return Entry(name, None, told_by(error))
    return Entry(name, whole[0].float(), notices=(*notices, *more))


def _rows(path: Path, inputs: Inputs) -> Iterator[Entry]:
    for rows in table_rows(path, inputs):
        yield from rows


def _series(path: Path, inputs: Inputs) -> Iterator[Entry]:
    if path.suffix.lower() == ".ts" and inputs.forecast is None:
        return _labelled(path, inputs)
    if inputs.forecast is None and inputs.rows is None:
        raise ProfundoError(f"{path}: expected {inputs.things} in an .npz file or a .ts file")
    return series_entries(path, inputs)


def _arrays_only(path: Path, inputs: Inputs) -> Iterator[Entry]:
    raise ProfundoError(Said("refusals.in_npz", where=path, things=Said(f"refusals.of_{inputs.things}")))


READERS: Mapping[InputKind, Callable[[Path, Inputs], Iterator[Entry]]] = {
    "image": _media,
    "sound": _media,
    "features": _rows,
    "series": _series,
}
"""Of what is no .npz, which holds inputs of any kind."""


def array_of(values: Sequence[Any], inputs: Inputs, name: str) -> tuple[Tensor, tuple[str, ...]]:
    """float64 (*shape) of nested lists of numbers, and notes. None is a hole of a series. Raises ProfundoError."""
    wanted = " × ".join(map(str, inputs.shape))
    try:
        array = np.array(values, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError):
        raise ProfundoError(
            f"{name}: expected nested lists of numbers, {wanted}, all of one depth and length"
        ) from None
    if array.shape != inputs.shape:
        raise ProfundoError(f"{name}: expected {wanted} numbers, got {' × '.join(map(str, array.shape)) or 'one'}")
    if np.isinf(array).any() or (np.isnan(array).any() and inputs.kind != "series"):
        raise ProfundoError(
            f"{name}: expected finite numbers, got {'an infinite one' if np.isinf(array).any() else 'null'}"
        )
    if inputs.kind != "series":
        return torch.from_numpy(array), ()
    whole, notices = filled_series(torch.from_numpy(array)[None], name)
    return whole[0], notices


def _array(path: Path, inputs: Inputs) -> Iterator[Entry]:
    """The array of inputs in an .npz file: images of any size, or rows of as many numbers as the net takes."""
    where = printable(str(path))
    raw = read_inputs(path)
    if len(inputs.shape) == 3 and raw.dim() == 3:  # images of one channel
        raw = raw.unsqueeze(1)
    is_image = raw.dtype == torch.uint8 and raw.dim() == 4
    if is_image != (inputs.kind == "image") or (not is_image and tuple(raw.shape[1:]) != inputs.shape):
        wanted = (
            "(n, channels, height, width) of 8-bit numbers"
            if inputs.kind == "image"
            else f"(n, {', '.join(map(str, inputs.shape))})"
        )
        got = f"{tuple(raw.shape)}, {str(raw.dtype)[6:]}"
        raise ProfundoError(Said("refusals.inputs_shape", where=where, wanted=wanted, got=got))
    if inputs.columns:
        raise ProfundoError(Said("refusals.own_columns", where=where))
    for number, values in enumerate(raw, 1):
        if is_image and tuple(values.shape) != inputs.shape and inputs.longest is None:
            values = torch.from_numpy(
                fitted(values.permute(1, 2, 0).numpy(), inputs.shape).transpose(2, 0, 1).copy()  # type: ignore[arg-type]
            )
        yield Entry(
            f"{where}, {'image' if is_image else 'row' if inputs.kind == 'features' else 'sample'} {number}", values
        )
