"""What the columns of a table are, learned from their cells as text; every decision in a line that can be overruled.

Number, date or words, and how they are written (`Writing`), is decided by the whole column, and by other columns of the
file where it leaves a doubt. What a net learned from a column is kept with it, so that later files are read likewise
(new_rows.py); nothing is guessed anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from profundo.data.dataset_names import nearest
from profundo.data.tables.dates_in_text import ORDERS, DateForm, learned_dates, read_dates
from profundo.data.tables.numbers_in_text import (
    NumberForm,
    are_codes,
    decimal_marks,
    learned_numbers,
    may_have_codes,
    read_numbers,
)
from profundo.languages import Said
from profundo.records import ColumnReading, ProfundoError, Writing
from profundo.threads import share

if TYPE_CHECKING:
    import polars

__all__ = [
    "MISSING",
    "TRUTH",
    "Table",
    "ToldError",
    "as_truth",
    "interpreted",
    "read_cells",
    "stripped",
    "sure_numbers",
    "typed_table",
    "words_for_nothing",
]

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "?")  # "none" may be an answer
NOTHING = (  # among numbers and dates only
    "-", "--", "–", "—", ".", "..", "...", "none", "None", "NONE", "Null", "na", "Na", "nil", "n.a.", "N.A.", "n/d", "N/D", "s/d",
    "S/D", "nd", "unknown", "Unknown", "desconocido", "missing", "*", "#N/D", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!",
    "#NAME?", "0000-00-00", "00/00/0000",
)  # fmt: skip
TRUTH = {
    True: ("true", "yes", "y", "t", "1", "sí", "si", "sim", "ja"),
    False: ("false", "no", "n", "f", "0", "não", "nein"),
}
LEARNING = 10_000  # different cells of a column, from which is learned how they are written
SOME = 1000  # cells of a column, from which is learned which sign it has before decimals
FEW = 20  # different numbers: so few may be names of categories, beside a word
MOST_UNREAD = 0.1  # of the cells of a column of numbers or dates
RECURS = 3  # rows with the same word among numbers: it stands for nothing
Kind = Literal["number", "date", "category", "text"]
KINDS = ("number", "date", "category", "text")


class ToldError(ProfundoError):
    """What a person says of a column does not hold."""


@dataclass(frozen=True, slots=True)
class Table:
    """frame: columns of numbers, moments (UTC) and words; texts: the cells of some columns of no words as the file has them, without
    blanks at their edges; notes: what was decided about the file as a whole."""

    frame: polars.DataFrame
    readings: Mapping[str, ColumnReading]
    texts: Mapping[str, polars.Series] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manner:
    """How the cells of a file are taken. missing: words for nothing; decimal, order: what columns without doubt have."""

    separator: str
    missing: Sequence[str]
    decimal: str = ""
    order: str = ""


def interpreted(
    cells: polars.DataFrame,
    separator: str,
    missing: Sequence[str] | None = None,
    told: Mapping[str, str] | None = None,
    keep: Iterable[str] = (),
    head: polars.DataFrame | None = None,
) -> Table:
    """The table in cells of text. told: for some columns what they are, such as "date:dmy"; keep: columns whose texts are
    kept; head: the first rows as text, where columns are `sure_numbers`. Raises ProfundoError for a column that cannot be what
    it was told to be."""
    import polars

    manner = Manner(separator, MISSING if missing is None else ("", *missing))
    told = known_columns(told, cells.columns)
    if missing is not None:  # they may look like numbers: -99
        everything = polars.all()
        cells = cells.select(
            polars.when(~everything.str.strip_chars().is_in(manner.missing)).then(everything).name.keep()
        )
    quick = cells.select(polars.all().cast(polars.Float64, strict=False))
    texts = {
        series.name: series if series.dtype == polars.String or head is None else head[series.name] for series in cells
    }
    with ThreadPoolExecutor(share()) as pool:  # Polars releases the interpreter lock
        learned = pool.map(
            lambda name: (
                _told(cells[name], told[name], manner)
                if name in told
                else _sure(quick[name], texts[name])
                if cells[name].dtype == polars.Float64
                else _learned(cells[name], quick[name], manner)
            ),
            cells.columns,
        )
        results = dict(zip(cells.columns, learned, strict=True))
    usual = replace(manner, decimal=_usual_decimal(texts, results.values()), order=_usual_order(results.values()))
    if usual.decimal or usual.order:
        for name in cells.columns:
            if name not in told and _may_differ(results[name][1], texts[name], usual):
                results[name] = _learned(cells[name], quick[name], usual)
    frame = polars.DataFrame([series.alias(name) for name, (series, _) in results.items()])
    kept = {
        name: stripped(cells[name]) for name in keep if name in frame.columns and frame[name].dtype != polars.String
    }
    return Table(frame, {name: reading for name, (_, reading) in results.items()}, kept)


def sure_numbers(head: polars.DataFrame, separator: str, content: bytes, but: Iterable[str]) -> list[str]:
    """The columns of whose texts nothing is to be learned if all of their cells are numbers, by the first rows as text.

    Codes, dates of eight digits and thousands look like numbers too; other columns decide of the last, with a comma in quotes.
    """
    import polars

    quick = head.select(polars.all().exclude(*but).cast(polars.Float64, strict=False))
    plain = [
        series.name
        for series in quick
        if series.null_count() == head[series.name].null_count() < len(series)
        and series.is_finite().all()
        and not _may_be_dates(series)
    ]
    return [] if not plain or separator != "," or b'"' in content or may_have_codes(content, separator) else plain


def typed_table(
    frame: polars.DataFrame,
    told: Mapping[str, str] | None = None,
    missing: Sequence[str] | None = None,
    *,
    as_text: bool = False,
    keep: Iterable[str] = (),
) -> Table:
    """Of what says itself what its columns are. told, missing, keep: as of `interpreted`; as_text: whether columns of text may hold
    anything, as those of a CSV file with commas do, and are read so."""
    import polars

    readings = {
        series.name: ColumnReading(
            series.name,
            _kind_of(series),
            f"stored as {series.dtype}",
            missing=series.null_count(),
            example=_example(series, series),
        )
        for series in frame
    }
    told = known_columns(told, frame.columns)
    cells = [one.cast(polars.String) for one in frame if one.name in told or (as_text and one.dtype == polars.String)]
    if not cells:
        return Table(frame, readings)
    read = interpreted(polars.DataFrame(cells), "," if as_text else "", missing, told, keep)
    return Table(frame.with_columns(read.frame), {**readings, **read.readings}, read.texts)


def known_columns(told: Mapping[str, str] | None, columns: Sequence[str]) -> Mapping[str, str]:
    """What is told of columns, once they are there. Raises ToldError."""
    for name in told or {}:
        if name not in columns:
            raise ToldError(Said("refusals.no_told_column", name=repr(name), hint=nearest(name, columns)))
    return told or {}


def stripped(series: polars.Series) -> polars.Series:
    """Without blanks at the edges of cells, of whatever kind."""
    return series.str.strip_chars()


def as_truth(series: polars.Series) -> polars.Series | None:
    """Words for true and false as 1 and 0, null for none; None for other words."""
    import polars

    different = series.drop_nulls().unique().to_list()
    truth = {word: value for word in different for value, words in TRUTH.items() if str(word).lower() in words}
    if len(truth) < len(different) or len(set(truth.values())) < len(truth):
        return None
    return series.replace_strict(list(truth), list(truth.values()), default=None, return_dtype=polars.Boolean).cast(
        polars.Int64
    )


def words_for_nothing(writing: Writing, missing: Sequence[str] | None, levels: Iterable[str] = ()) -> list[str]:
    """The words that stand for nothing in a column so written; missing: of the file, None for the usual ones."""
    return [
        word
        for word in (*(MISSING if missing is None else ("", *missing)), *writing.missing)
        if word not in set(levels)
    ]


def read_cells(series: polars.Series, kind: str, writing: Writing) -> polars.Series:
    """Cells without blanks at their edges as numbers, moments or words; null where there is none, or none so written."""
    if kind == "number":
        return read_numbers(series, writing)
    return read_dates(series, writing) if kind == "date" else series


# --------------------------------------------------------------------------------------------------------- one column
Result = tuple["polars.Series", ColumnReading]


def _learned(cells: polars.Series, quick: polars.Series, manner: Manner) -> Result:
    """The values of a column and what it was taken for. quick: what a program reads as numbers."""
    is_plain = (~quick.is_nan()).fill_null(False)
    others = cells.filter(~is_plain & cells.is_not_null()).unique().head(LEARNING)
    words = {word.strip() for word in others.to_list()}
    if words <= {*manner.missing, *NOTHING} and is_plain.any():
        return _plain_numbers(cells, quick.set(~is_plain, None), words - {*manner.missing}, manner)
    is_bare = len(others) < LEARNING and all(map(words.__contains__, others.to_list()))
    texts = cells if is_bare else stripped(cells)
    there = _without_words(texts, manner.missing)
    different = there.drop_nulls().unique(maintain_order=True).head(LEARNING)
    core = different.filter(~different.is_in(NOTHING))
    if len(core) and not are_codes(core):
        dates = learned_dates(core, manner.order, manner.separator)
        form: DateForm | NumberForm | None = dates or learned_numbers(core.to_list(), manner.decimal, manner.separator)
        if form is not None:
            result = _written(texts, there, "date" if dates else "number", form)
            if _is_convincing(result, there):
                return result
    return _words(cells.name, texts, there, manner, are_codes(core) if len(core) else False)


def _sure(numbers: polars.Series, head: polars.Series) -> Result:
    """A column of `sure_numbers`."""
    values = _whole(numbers)
    return values, ColumnReading(
        numbers.name,
        "number",
        Said("readings.numbers"),
        "",
        _example(head, values),
        values.null_count(),
        writing=Writing(),
    )


def _may_be_dates(numbers: polars.Series) -> bool:
    """Of eight digits."""
    return bool((numbers.min() or 0) >= 19_000_101 and (numbers.max() or 0) <= 21_001_231)  # type: ignore[operator]


def _plain_numbers(cells: polars.Series, numbers: polars.Series, words: set[str], manner: Manner) -> Result:
    """A column of what programs read as numbers, which may yet be codes, dates of eight digits, or have marked thousands."""
    whole = numbers == numbers.floor()
    if are_codes(cells.filter(whole)):
        texts = stripped(cells)
        return _words(cells.name, texts, _without_words(texts, manner.missing), manner, True)
    if _may_be_dates(numbers):
        texts = _without_words(stripped(cells), [*manner.missing, *words])
        dates = learned_dates(texts.drop_nulls().unique(maintain_order=True).head(LEARNING))
        if dates is not None:
            return _written(texts, texts, "date", dates)
    why, writing, doubt = Said("readings.numbers"), Writing(missing=tuple(sorted(words))), ""
    if (
        manner.separator != ","
        and (manner.decimal == "," or not manner.decimal)
        and bool(cells.str.contains(r"\.\d{3}$").any())
    ):
        texts = _without_words(stripped(cells), [*manner.missing, *words])
        form = learned_numbers(texts.drop_nulls().unique().head(LEARNING).to_list(), manner.decimal, manner.separator)
        if form is not None and form.writing.thousands:
            return _written(texts, texts, "number", form)
        doubt = form.doubt if form is not None else ""
    values = _whole(numbers) if whole.all() else numbers
    return values, ColumnReading(
        cells.name, "number", why, doubt, _example(cells, values), values.null_count(), writing=writing
    )


def _written(texts: polars.Series, there: polars.Series, kind: str, form: DateForm | NumberForm) -> Result:
    """The values of cells so written, and what was made of those that are not."""
    import polars

    values = read_cells(there, kind, form.writing)
    unread = there.is_not_null() & values.is_null() & ~there.is_in(NOTHING)
    strange = there.filter(there.is_not_null() & values.is_null())
    counts = strange.value_counts(name="rows") if len(strange) else polars.DataFrame({there.name: [], "rows": []})
    known = [word for word, rows in counts.iter_rows() if word in NOTHING or rows >= RECURS]
    first = int(unread.arg_true()[0]) if unread.any() else -1
    values = _whole(values) if kind == "number" else values
    return values, ColumnReading(
        texts.name,
        kind,
        Said(f"readings.as_{kind}s", how=form.why) if form.why else Said("readings.numbers"),
        form.doubt,
        _example(texts, values),
        values.null_count(),
        int(unread.sum()),
        (first + 1, str(texts[first])) if first >= 0 else (0, ""),
        replace(form.writing, missing=tuple(sorted(known))),
    )


def _is_convincing(result: Result, there: polars.Series) -> bool:
    """Whether the cells that could not be read are few, and those that could are no handful of categories."""
    values, reading = result
    if not reading.unread:
        return True
    return reading.unread <= MOST_UNREAD * (len(there) - there.null_count()) and values.n_unique() > FEW


def _words(name: str, texts: polars.Series, there: polars.Series, manner: Manner, codes: bool) -> Result:
    words, why = there, Said("readings.codes" if codes else "readings.words")
    if "NA" in manner.missing and bool((texts == "NA").any()):
        with_na = _without_words(texts, [word for word in manner.missing if word != "NA"])
        if _na_is_a_code(with_na):
            words, why = with_na, Said("readings.with_na", why=why)
    return words.alias(name), ColumnReading(
        name, "code" if codes else "category", why, "", _example(texts, words), words.null_count()
    )


def _na_is_a_code(words: polars.Series) -> bool:
    """Whether NA is one of several codes of two capitals, as of countries or continents, and no word for nothing."""
    different = words.drop_nulls().unique().head(LEARNING).to_list()
    return len(different) > 2 and "NA" in different and all(re.fullmatch(r"[A-Z]{2}", word) for word in different)


def _told(cells: polars.Series, told: str, manner: Manner) -> Result:
    """A column that somebody says what it is: number, number:, (decimal comma), date, date:dmy, date:%d.%m.%Y, category, text."""
    kind, _, how = told.partition(":")
    if kind not in KINDS or (how and kind not in ("number", "date")):
        raise ToldError(Said("refusals.told_kind", name=repr(cells.name), got=repr(told)))
    texts = stripped(cells)
    there = _without_words(texts, manner.missing)
    different = there.drop_nulls().unique(maintain_order=True).head(LEARNING)
    form: DateForm | NumberForm | None
    if kind == "number":
        form = learned_numbers(different.to_list(), how or manner.decimal, manner.separator) or NumberForm(
            Writing(), ""
        )
        if how and form.writing.decimal != how:
            form = NumberForm(replace(form.writing, decimal=how, thousands={",": ".", ".": ","}.get(how, "")), "")
    elif kind == "date":
        form = DateForm(Writing(dates=how), "") if how else learned_dates(different, manner.order, manner.separator)
        if form is None or not (how == "" or how in ORDERS or how.startswith("%")):
            example = different[0] if len(different) else "2024-05-31"
            raise ToldError(Said("refusals.told_dates", name=repr(cells.name), example=repr(example)))
    else:
        return there.alias(cells.name), ColumnReading(
            cells.name, kind, Said("readings.as_told"), "", _example(texts, there), there.null_count()
        )
    values, reading = _written(texts, there, kind, form)
    if values.null_count() == len(values):
        raise ToldError(Said("refusals.told_unread", name=repr(cells.name), told=told, example=repr(texts[0])))
    return values, replace(reading, why=Said("readings.as_told"), doubt="")


# ------------------------------------------------------------------------------------------------------ the whole file
def _usual_decimal(texts: Mapping[str, polars.Series], results: Iterable[Result]) -> str:
    """The sign before decimals of the columns of numbers that leave no doubt; "" where they disagree or there is none."""
    marks: set[str] = set()
    for _, reading in results:
        if reading.kind == "number" and not reading.doubt:
            cells = texts[reading.name]
            some = cells.gather_every(max(1, len(cells) // SOME)).drop_nulls().str.strip_chars()
            marks |= decimal_marks(some.str.replace_all(r"\d", "0").unique().to_list())  # whatever the digits are
    return marks.pop() if len(marks) == 1 else ""


def _usual_order(results: Iterable[Result]) -> str:
    orders = {
        reading.writing.dates
        for _, reading in results
        if reading.kind == "date" and not reading.doubt and reading.writing.dates != "ymd"
    }
    return orders.pop() if len(orders) == 1 else ""


def _may_differ(reading: ColumnReading, cells: polars.Series, manner: Manner) -> bool:
    """Whether what the other columns have may decide this one."""
    if reading.doubt:
        return True
    return reading.kind == "number" and manner.decimal == "," and bool(cells.str.contains(r"\.\d{3}\D*$").any())


def _without_words(texts: polars.Series, missing: Iterable[str]) -> polars.Series:
    return texts.set(texts.is_in(list(missing)), None)


def _whole(numbers: polars.Series) -> polars.Series:
    """As Int64 where all of them are whole, and exact."""
    import polars

    is_whole = all((some == some.floor()).all() for some in (numbers.head(SOME), numbers))  # few decide of most
    if not is_whole or float(numbers.abs().max() or 0) >= 2**53:  # type: ignore[arg-type]
        return numbers
    return numbers.cast(polars.Int64)


def _kind_of(series: polars.Series) -> str:
    if series.dtype.is_numeric():
        return "number"
    return "date" if series.dtype.is_temporal() else "category"


def _example(texts: polars.Series, values: polars.Series) -> tuple[str, str]:
    """The first cell that has a value, and the value in words."""
    place = next(iter(values.is_not_null().head(LEARNING).arg_true().to_list()), None)
    if place is None:
        return "", ""
    value: Any = values[place]
    if hasattr(value, "isoformat"):
        value = str(value).removesuffix(" 00:00:00")
    return str(texts[place]).strip()[:40], f"{value:,.12g}" if isinstance(value, float) else str(value)[:40]
