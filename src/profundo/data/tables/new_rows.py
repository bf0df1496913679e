"""Rows to come as the features that a saved net takes, by what its columns learned from the training rows.

A cell is read as its column is written (`Column.writing`), whatever other rows its file has. Whatever a row lacks is treated
as in training, and told: a hole is filled by the median of the training rows, a category that training never saw counts as
none of those it saw. A number or date outside of all that training saw is taken as it is, and told with their range. A cell
that cannot be read is the fault of its row alone. A column that is not there at all is a mistake; columns that the net does
not know are passed over.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from profundo.data.tables.columns import DAY, YEAR, YEAR_2000, column_slices, encoded, feature_names
from profundo.data.tables.raw_rows import LARGEST
from profundo.data.tables.reading import TRUTH, read_cells, words_for_nothing
from profundo.data.tables.typed_numbers import typed_numbers
from profundo.data.text.text_ids import UNKNOWN
from profundo.languages import Said
from profundo.records import Column, Inputs, ProfundoError, TableForm, Writing

if TYPE_CHECKING:
    import polars

__all__ = [
    "BadInputError",
    "Features",
    "UnlikeTraining",
    "columns_of",
    "features_of_frame",
    "features_of_rows",
    "keys_of",
    "needed_names",
    "plain_numbers",
    "plain_values",
    "raw_of_frame",
    "raw_of_rows",
]

AS_WRITTEN = {"ymd": "2024-05-31", "dmy": "31/05/2024", "mdy": "05/31/2024"}


class BadInputError(ProfundoError):
    """One of several inputs cannot be used. index: which, from 0."""

    def __init__(self, index: int, said: str, told: str = "") -> None:
        super().__init__(said, told=told)
        self.index = index


class UnlikeTraining(Said):
    """A notice of a row such as training had none: what was measured on others promises nothing of it."""


@dataclass(frozen=True, slots=True)
class Features:
    """values: float64 (rows, features); notices: for each row, sentences about what it lacked; faults: for the place of each
    row that cannot be used, why not."""

    values: Tensor
    notices: list[tuple[str, ...]]
    faults: dict[int, str] = field(default_factory=dict)


def columns_of(inputs: Inputs) -> tuple[Column, ...]:
    """The columns that a row must have: those learned from a table, or one number for each feature."""
    names = inputs.names or tuple(f"x{place + 1}" for place in range(inputs.shape[0]))
    means = inputs.mean or (0.0,) * len(names)
    return inputs.columns or tuple(Column(name, "number", fill=mean) for name, mean in zip(names, means, strict=True))


def needed_names(inputs: Inputs) -> frozenset[str] | None:
    """The names of columns that are looked for in a file; None where the net knows none and takes them by their place."""
    return frozenset((*(column.name for column in columns_of(inputs)), *inputs.form.ids)) if inputs.names else None


def plain_numbers(inputs: Inputs) -> list[str]:
    """The columns in which a cell that a program reads as a number is that number, and no word for nothing."""
    return [column.name for column in columns_of(inputs) if _is_plain(column, inputs.form)]


def keys_of(there: Sequence[str], inputs: Inputs) -> list[str]:
    """Of the names that are there, those of the net's columns, in its order; by their place where it knows no names.

    Raises ProfundoError that names the columns that are missing.
    """
    wanted, known = [column.name for column in columns_of(inputs)], set(there)
    missing = [name for name in wanted if name not in known]
    if not missing:
        return wanted
    if not inputs.names and not inputs.columns:
        if len(there) == len(wanted):
            return list(there)
        raise ProfundoError(
            f"expected {len(wanted)} columns, x1 to x{len(wanted)} or any in that order, got {len(there)}"
        )
    raise ProfundoError(Said("refusals.columns_missing", wanted=_some(wanted), missing=_some(missing)))


def features_of_frame(frame: polars.DataFrame, inputs: Inputs) -> Features:
    """The rows of a table: cells of text, or the values of a file that says what they are.

    Raises ProfundoError for missing columns.
    """
    keys = keys_of(frame.columns, inputs)
    parts = [_of_series(frame[key], column, inputs.form) for key, column in zip(keys, columns_of(inputs), strict=True)]
    return _features(parts, inputs)


def features_of_rows(rows: Sequence[Mapping[str, Any]], inputs: Inputs, typed: bool = False) -> Features:
    """Rows of plain values by column name: numbers, words, truth values, dates as text, None for nothing.

    typed: by a person, so that a number may be written otherwise than in the column (typed_numbers.py).
    Raises BadInputError with the row's index for columns that are missing and for a value that cannot be read.
    """
    columns = columns_of(inputs)
    keys = []
    for index, row in enumerate(rows):
        try:
            keys.append(keys_of(list(row), inputs))
        except ProfundoError as error:
            raise BadInputError(index, str(error)) from None
    values = [[row[own[place]] for row, own in zip(rows, keys, strict=True)] for place in range(len(columns))]
    read = _of_typed if typed else _of_values
    features = _features([read(*one, inputs.form) for one in zip(values, columns, strict=True)], inputs)
    if features.faults:
        index = min(features.faults)
        raise BadInputError(index, features.faults[index], features.faults[index])
    return features


def raw_of_frame(frame: polars.DataFrame, columns: Sequence[Column], form: TableForm) -> tuple[Tensor, dict[int, str]]:
    """float64 (rows, columns) of numbers and dates, NaN for nothing; and of the place of each row that cannot be used, why not."""
    parts = [_of_series(frame[column.name], column, form) for column in columns]
    faults = {row: fault for part in reversed(parts) for row, fault in part.faults.items()}
    return torch.stack([part.raw for part in parts]).T, faults


def raw_of_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], form: TableForm
) -> tuple[Tensor, dict[int, str]]:
    """The same of rows of plain values by column name."""
    parts = [_of_values([row[column.name] for row in rows], column, form) for column in columns]
    faults = {row: fault for part in reversed(parts) for row, fault in part.faults.items()}
    return torch.stack([part.raw for part in parts]).T, faults


# ------------------------------------------------------------------------------------------------------------ one column
@dataclass(frozen=True, slots=True)
class _Part:
    """A column of rows. raw: float64 (rows,) as columns.py takes it; levels: what its numbers stand for, of categories;
    faults: what could not be read, by row; notices: how others were read."""

    raw: Tensor
    levels: tuple[str, ...] = ()
    faults: Mapping[int, str] = field(default_factory=dict)
    notices: Mapping[int, str] = field(default_factory=dict)


def _of_series(series: polars.Series, column: Column, form: TableForm) -> _Part:
    import polars

    if series.dtype in (polars.Categorical, polars.Enum):  # as words, which as numbers would be places among them
        series = series.cast(polars.String)
    if column.kind == "text":
        return _texts(series, column, form)
    if column.kind == "category":
        return _categories(series, column, form)
    if (plain := _plain_numbers(series, column, form)) is not None:
        return _Part(plain)
    wrong = polars.repeat(False, len(series), eager=True)
    if series.dtype == polars.String:
        texts = series.str.strip_chars()
        there = texts.set(texts.is_in(words_for_nothing(column.writing, form.missing)), None)
        values = read_cells(there, column.kind, column.writing)
        if column.kind == "date":
            values = values.fill_null(read_cells(there.set(values.is_not_null(), None), "date", Writing()))
        wrong = there.is_not_null() & values.is_null()
    else:
        values = series
    try:
        numbers = _as_numbers(values, column)
    except (polars.exceptions.PolarsError, TypeError):
        numbers = polars.Series(values=[None] * len(series), dtype=polars.Float64)
        wrong = series.is_not_null()
    large = (numbers.abs() > LARGEST).fill_null(False) & numbers.is_finite().fill_null(False)
    faults = {int(row): _fault(series[int(row)], column) for row in (wrong | large).arg_true()}
    raw = torch.from_numpy(numbers.fill_null(nan).to_numpy().copy())
    return _Part(torch.where(raw.isfinite(), raw, nan), (), faults)


def _plain_numbers(series: polars.Series, column: Column, form: TableForm) -> Tensor | None:
    """Cells of text that all are plain numbers or empty, as most columns are; None where one has to be looked at."""
    import polars

    if series.dtype not in (polars.String, polars.Float64) or not _is_plain(column, form):
        return None
    raw = torch.from_numpy(series.cast(polars.Float64, strict=False).to_numpy(writable=True))
    if all(abs(end) <= LARGEST for end in (raw.aminmax() if len(raw) else ())):  # NaN if one is: then they are counted
        return raw
    usable = int((raw.abs() <= LARGEST).sum())
    return raw if usable == len(series) - series.null_count() else None


def _is_plain(column: Column, form: TableForm) -> bool:
    words = words_for_nothing(column.writing, form.missing)
    is_plain = column.kind == "number" and column.writing == Writing(missing=column.writing.missing)
    return is_plain and not any(isfinite(_number(word)) for word in words)


def _as_numbers(values: polars.Series, column: Column) -> polars.Series:
    import polars

    if column.kind == "date":
        if not values.dtype.is_temporal():
            raise TypeError
        return values.cast(polars.Datetime("us")).dt.epoch("us").cast(polars.Float64) / 1e6
    if values.dtype.is_temporal():
        raise TypeError
    return values.cast(polars.Float64)


def _categories(series: polars.Series, column: Column, form: TableForm) -> _Part:
    import polars

    different = series.drop_nulls().unique()
    texts = different.str.strip_chars() if series.dtype == polars.String else different
    levels = list(column.levels)
    places: dict[Any, float] = {}
    for value, text in zip(different.to_list(), texts.to_list(), strict=True):
        word = _word(text, column)
        if not _is_there(word, column, form):
            places[value] = nan
            continue
        if word not in levels:
            levels.append(word)
        places[value] = float(levels.index(word))
    raw = series.replace_strict(list(places), list(places.values()), default=None, return_dtype=polars.Float64)
    return _Part(torch.from_numpy(raw.fill_null(nan).to_numpy().copy()), tuple(levels))


def _texts(series: polars.Series, column: Column, form: TableForm) -> _Part:
    import polars

    text = series.cast(polars.String).str.strip_chars()
    text = text.set(text.is_in(words_for_nothing(column.writing, form.missing)), None)
    levels = text.drop_nulls().unique(maintain_order=True).to_list()
    places = list(map(float, range(len(levels))))
    raw = text.replace_strict(levels, places, default=None, return_dtype=polars.Float64)
    return _Part(torch.from_numpy(raw.fill_null(nan).to_numpy().copy()), tuple(levels))


def _of_values(values: Sequence[Any], column: Column, form: TableForm) -> _Part:
    """Plain values: text as cells of text, all together; the others one by one."""
    import polars

    texts = [unicodedata.normalize("NFC", value) if isinstance(value, str) else None for value in values]
    part = _Part(torch.full((len(values),), nan, dtype=torch.float64), () if column.kind == "text" else column.levels)
    if any(text is not None for text in texts):
        part = _of_series(polars.Series(texts, dtype=polars.String), column, form)
    levels, faults = list(part.levels), dict(part.faults)
    for place, value in enumerate(values):
        if isinstance(value, str) or _is_nothing(value):
            continue
        try:
            part.raw[place] = _plain(value, column, levels)
        except (TypeError, ValueError, OverflowError):
            faults[place] = _fault(value, column)
        except ProfundoError as error:
            faults[place] = str(error)
    return _Part(part.raw, tuple(levels), faults)


def _of_typed(values: Sequence[Any], column: Column, form: TableForm) -> _Part:
    """Plain values of which a person typed the texts; a word for nothing is nothing, also where it looks like a number."""
    if column.kind != "number":
        return _of_values(values, column, form)
    nothing = {
        _with_minus(word) for word in words_for_nothing(column.writing, form.missing)
    }  # some may be numbers: -99
    texts = {place: _with_minus(value) for place, value in enumerate(values) if isinstance(value, str)}
    read = [None if texts.get(place) in nothing else value for place, value in enumerate(values)]
    notices: dict[int, str] = {}
    faults: dict[int, str] = {}
    places = [place for place, text in texts.items() if text not in nothing]
    for place, one in zip(places, typed_numbers([texts[place] for place in places], column), strict=True):
        if isinstance(one, Said):
            faults[place] = one
        elif one is not None:
            read[place] = one.value
            notices |= {place: one.notice} if one.notice else {}
    part = _of_values(read, column, form)
    return replace(part, faults={**part.faults, **faults}, notices=notices)


def _with_minus(text: str) -> str:
    """Without blanks at its edges, and with the hyphen that programs read where pages write the sign for minus."""
    return text.strip().replace("\u2212", "-")


def _plain(value: Any, column: Column, levels: list[str]) -> float:
    """A value that is no text. levels: gets a category or text that it lacks. Raises TypeError or ValueError for one of another
    kind."""
    if column.kind in ("category", "text"):
        word = _word(value, column)
        if word not in levels:
            levels.append(word)
        return float(levels.index(word))
    number = float(value) if column.kind == "number" else _seconds(value)
    if LARGEST < abs(number) < inf:
        raise ValueError
    return number if abs(number) < inf else nan


def _fault(value: Any, column: Column) -> str:
    """Why a value cannot be used."""
    written = column.writing
    if column.kind == "date":
        expected = Said("readings.expect_date", example=AS_WRITTEN.get(written.dates, written.dates))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        expected = Said("readings.expect_number_to", most=f"{LARGEST:.3g}")
    elif (written.decimal, written.thousands) == (".", ""):
        expected = Said("refusals.expect_number")
    else:
        expected = Said("readings.expect_number_as", example=f"1{written.thousands}234{written.decimal}5")
    return Said("readings.cell_fault", name=repr(column.name), expected=expected, got=_shown(value))


def _word(value: Any, column: Column) -> str:
    """A category as the training table wrote it; text is itself, true may be True, yes or 1 there, and 1 may be 01.

    Raises ProfundoError for lists and other things that are no word.
    """
    if isinstance(value, str) and value.lower() not in ("true", "false"):
        return value
    if isinstance(value, bool) or (isinstance(value, str) and value not in column.levels):
        truth = value if isinstance(value, bool) else value.lower() == "true"
        return next(
            (level for word in TRUTH[truth] for level in column.levels if level.lower() == word), str(truth).lower()
        )
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return str(value)
    if not isinstance(value, int | float):
        raise ProfundoError(Said("refusals.expect_category", name=repr(column.name), got=_shown(value)))
    text = str(int(value)) if value == value and abs(value) < 2**53 and value == int(value) else str(value)
    equal = [level for level in column.levels if _number(level) == value]
    return text if text in column.levels or len(equal) != 1 else equal[0]


def _number(level: str) -> float:
    try:
        return float(level)
    except ValueError:
        return nan


def _is_there(word: str, column: Column, form: TableForm) -> bool:
    """A word for nothing is one, unless training knew it as a category."""
    return word not in words_for_nothing(column.writing, form.missing, column.levels)


# -------------------------------------------------------------------------------------------------------------- features
def _features(parts: Sequence[_Part], inputs: Inputs) -> Features:
    raw = torch.stack([part.raw for part in parts]).T
    faults: dict[int, str] = {}
    told: dict[int, list[str]] = {}
    for part in parts:
        faults = {**part.faults, **faults}
    features = raw
    if inputs.columns:
        levels = [part.levels for part in parts]
        features = encoded(inputs.columns, raw, levels)
        told = _notices(raw, levels, inputs.columns, features)
    for index, beyond in _outside(features, inputs):
        told.setdefault(index, []).append(beyond)
    for index, notice in (one for part in parts for one in part.notices.items()):
        told.setdefault(index, []).append(notice)
    notices: list[tuple[str, ...]] = [()] * len(raw)
    for index, sentences in told.items():
        notices[index] = tuple(sentences)
    if inputs.columns:
        return Features(features, notices, faults)
    for index, place in (~raw.float().isfinite()).nonzero().tolist():
        name = columns_of(inputs)[place].name
        faults.setdefault(index, f"column {name!r}: expected a number, got {_shown(float(raw[index, place]))}")
    return Features(raw, notices, faults)


def _notices(
    raw: Tensor, levels: Sequence[tuple[str, ...]], columns: Sequence[Column], features: Tensor
) -> dict[int, list[str]]:
    """Row → what it lacked."""
    told: dict[int, list[str]] = {}
    for place, (column, own) in enumerate(zip(columns, levels, strict=True)):
        values, name = raw[:, place], repr(column.name)
        missing = _missing(column) if values.isnan().any() else ""
        for index in values.isnan().nonzero().flatten().tolist():
            told.setdefault(index, []).append(missing)
        if column.kind == "text":
            at = feature_names(columns).index(f"{column.name}, word 1")
            for index, notice in _about_texts(column, values, own, features[:, at : at + column.lengths[0]]):
                told.setdefault(index, []).append(notice)
        if column.kind == "category":
            for index in (values >= len(column.levels)).nonzero().flatten().tolist():
                level = repr(own[int(values[index])])
                unseen = UnlikeTraining("readings.not_seen", name=name, level=level, counts=_counts_as(column))
                told.setdefault(index, []).append(unseen)
    return told


def _about_texts(column: Column, values: Tensor, texts: Sequence[str], words: Tensor) -> Iterator[tuple[int, Said]]:
    """(row, what is unusual of its text). words: the ids of each row's words (rows, words)."""
    unknown = (words == UNKNOWN).any(1) & (words <= UNKNOWN).all(1)
    for index in unknown.nonzero().flatten().tolist():
        yield index, UnlikeTraining("readings.of_column", name=repr(column.name), what=Said("readings.no_known_word"))
    too_long = torch.tensor([len(text) > column.lengths[1] for text in texts], dtype=torch.bool)
    there = (~values.isnan()).nonzero().flatten()
    for index in there[too_long[values[there].long()]].tolist() if len(texts) else ():
        length = len(texts[int(values[index])])
        cut = Said("readings.text_cut", length=length, most=column.lengths[1])
        yield index, Said("readings.of_column", name=repr(column.name), what=cut)


def _outside(features: Tensor, inputs: Inputs) -> Iterator[tuple[int, UnlikeTraining]]:
    """(row, which number or date lies outside of what training saw). One sentence a column, whatever the value is: those of a
    million rows are counted by it. Compared in the precision that training had."""
    if not inputs.ranges:
        return
    columns = _quantities(inputs)
    places = [place for _, place in columns]
    least, most = torch.tensor([inputs.ranges[place] for place in places]).view(-1, 2).float().T
    values = features[:, places].float()
    for (column, place), beyond in zip(columns, ((values < least) | (values > most)).T, strict=True):
        if rows := beyond.nonzero().flatten().tolist():
            low, high = (_shown_end(end, column) for end in inputs.ranges[place])
            notice = UnlikeTraining("readings.outside", name=repr(column.name), least=low, most=high)
            yield from ((index, notice) for index in rows)


def _quantities(inputs: Inputs) -> list[tuple[Column, int]]:
    """The columns of numbers and dates, each with the feature that grows with it."""
    if not inputs.columns:
        return [(column, place) for place, column in enumerate(columns_of(inputs))]
    return [(column, at.start) for column, at in column_slices(inputs) if column.kind in ("number", "date")]


def _shown_end(end: float, column: Column) -> float | str:
    """Of a range: the number, or the day; float32 may have it seconds too early."""
    if column.kind == "number":
        return end
    return str(datetime.fromtimestamp(YEAR_2000 + end * YEAR + (0 if column.has_time else DAY / 2), UTC).date())


def _missing(column: Column) -> Said:
    """Where training had gaps, it learned what they mean; of a text that is empty, that it has no words."""
    known = column.has_gaps or column.kind == "text"
    return (Said if known else UnlikeTraining)("readings.is_missing", name=repr(column.name), taken=_taken_for(column))


def _taken_for(column: Column) -> Said:
    if column.kind == "text":
        return Said("readings.no_words")
    if column.kind == "category":
        return Said("readings.as_in_training" if column.has_gaps else "readings.never_so", counts=_counts_as(column))
    fill = column.fill if column.kind == "number" else str(datetime.fromtimestamp(column.fill, UTC).date())
    return Said("readings.filled", fill=fill)


def _counts_as(column: Column) -> Said:
    """What a category without a feature of its own looks like to the net."""
    if len(column.levels) == 2 and not column.has_gaps:  # one feature tells the second from all else
        return Said("readings.counts_as", level=repr(column.levels[0]))
    return Said("readings.counts_none")


# ---------------------------------------------------------------------------------------------------------- plain values
def plain_values(values: Sequence[Any], column: Column, form: TableForm) -> list[float | str]:
    """Values of a column for a program that knows numbers and texts only: categories as texts, "" for none; numbers, or the
    seconds since 1970 (UTC) of dates, NaN for none. Raises ProfundoError for one of another kind."""
    part = _of_values(values, column, form)
    if part.faults:
        raise ProfundoError(part.faults[min(part.faults)])
    numbers: list[float] = part.raw.tolist()
    if column.kind in ("number", "date"):
        return list(numbers)
    return [part.levels[int(number)] if number == number else "" for number in numbers]


def _seconds(value: Any) -> float:
    """Since 1970, UTC. Raises TypeError for what is no date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise TypeError
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def _is_nothing(value: Any) -> bool:
    """None, NaN, and what pandas has for them: the missing value that is neither equal to itself nor not."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _shown(value: Any) -> str:
    if isinstance(value, float) and value != value:
        return "nothing"
    return repr(value)[:100]


def _some(names: Sequence[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
