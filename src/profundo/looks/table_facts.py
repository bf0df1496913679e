"""Figures of each column of a table, and what preprocessing would make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from profundo.data.tables.column_kinds import recognised
from profundo.data.tables.columns import feature_names, learned
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.text.text_ids import normalised, words_of
from profundo.languages import Said
from profundo.looks.relations import relation
from profundo.looks.telling import telling
from profundo.records import Column, ColumnReading

if TYPE_CHECKING:
    import polars

__all__ = ["ColumnFacts", "Spread", "column_facts", "spread_of"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 30
MOST_SHOWN = 12  # categories
MOST_CUT = 0.02  # of the numbers may be left out of a histogram
FAR = 3.0  # interquartile ranges beyond a quartile (Tukey's "far out", 1977)


@dataclass(frozen=True, slots=True)
class Spread:
    """Of the finite numbers of a column. quantiles: at 5, 25, 50, 75 and 95 %; far: numbers more than three interquartile
    ranges beyond the quartiles; edges, counts: of a histogram; cut: whether it leaves out the far ones, so that the
    others do not stand all in one bar."""

    low: float
    high: float
    mean: float
    std: float
    quantiles: tuple[float, ...]
    far: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """kind: number, category, date, text, empty or other, whatever the column is used for.

    missing: rows without a value, infinite numbers included; different: values that occur; use: what training would
    make of it; features: how many inputs of a net; common: the most frequent values and their rows; first, last: of
    dates; relation: with the target, see relations.py, None where there is none;
    tells: how much of it by order, see telling.py.
    """

    name: str
    kind: str
    missing: int
    different: int
    use: str
    features: int
    spread: Spread | None = None
    common: tuple[tuple[str, int], ...] = ()
    first: str = ""
    last: str = ""
    relation: float | None = None
    tells: float | None = None
    is_target: bool = False


def column_facts(
    frame: polars.DataFrame,
    targets: Sequence[str],
    kind: str | None,
    readings: Mapping[str, ColumnReading] | None = None,
) -> tuple[ColumnFacts, ...]:
    """Of each column, those to be predicted last. kind: of the target, as Targets has it; None where there is none; readings:
    what columns were taken for."""
    target = (
        _target_values(frame[targets[0]], kind) if len(targets) == 1 and kind in ("classes", "binary", "real") else None
    )
    readings = readings or {}
    inputs = [_input(frame[name], target, kind, readings.get(name)) for name in frame.columns if name not in targets]
    return (*inputs, *(_described(frame[name], Said("readings.to_predict"), 0, is_target=True) for name in targets))


def _input(
    series: polars.Series, target: np.ndarray | None, kind: str | None, reading: ColumnReading | None
) -> ColumnFacts:
    if reading is not None and reading.use.startswith("left out"):  # by a person
        return _described(series, reading.use, 0)
    result = recognised(series, reading)
    if isinstance(result, str):
        return _described(series, Said("readings.left_out", why=result), 0)
    if series.dtype.is_float():
        series = series.replace([float("inf"), float("-inf")], None)  # at which training stops
    raw = raw_rows(series.to_frame(), [result])
    (taught,), _ = learned([result], raw)
    number = len(feature_names((taught,)))
    if taught.kind == "text":
        return _of_texts(_described(series, "", number), series, taught, number)
    described = _described(series, _use(taught, number), number)
    if target is None:
        return described
    values, is_category = raw[:, 0].numpy(), result.kind == "category"
    related = relation(values, is_category, target, kind != "real")
    if result.kind == "date" and kind == "real":  # known before, whatever is measured on that day
        return replace(described, relation=related)
    return replace(described, relation=related, tells=telling(values, is_category, target, kind != "real"))


def _of_texts(facts: ColumnFacts, texts: polars.Series, taught: Column, features: int) -> ColumnFacts:
    """The figures of a column of texts. taught: as these rows teach; spread: of the words in a text; common: words, and in
    how many different texts each is."""
    there = [normalised(text) for text in texts.drop_nulls().to_list()]
    words = words_of(there)
    often = (
        words_of(sorted(set(there)))
        .list.unique()
        .explode()
        .drop_nulls()
        .value_counts(sort=True, name="texts")
        .head(MOST_SHOWN)
    )
    kept, characters = taught.lengths
    return replace(
        facts,
        kind="text",
        use=Said("readings.ids", count=features, kept=kept, known=len(taught.levels), characters=characters),
        features=features,
        spread=spread_of(words.list.len().to_numpy().astype(float)) if len(words) else None,
        common=tuple((str(word), int(count)) for word, count in often.iter_rows()),
    )


def _use(column: Column, number: int) -> Said:
    gaps = "_gaps" if column.has_gaps else ""
    if column.kind == "number":
        return Said(f"readings.standardised{gaps}", count=number)
    if column.kind == "category":
        return Said(f"readings.one_a_category{gaps}" if number > 1 else "readings.either_category", count=number)
    return Said(f"readings.in_time{'_day' if column.has_time else ''}{gaps}", count=number)


def _described(series: polars.Series, use: str, features: int, is_target: bool = False) -> ColumnFacts:
    """What a column holds, from its type alone."""
    there = series.drop_nulls()
    facts = ColumnFacts(series.name, "other", series.null_count(), there.n_unique(), use, features, is_target=is_target)
    if not len(there):
        return replace(facts, kind="empty")
    if series.dtype.is_numeric():
        numbers = there.cast(float).to_numpy()
        finite = numbers[np.isfinite(numbers)]
        missing = len(series) - len(finite)
        common = _common(there) if facts.different <= MOST_SHOWN else ()
        return replace(
            facts, kind="number", missing=missing, spread=spread_of(finite) if len(finite) else None, common=common
        )
    if series.dtype.is_temporal():
        first, last = (str(moment).removesuffix(" 00:00:00") for moment in (there.min(), there.max()))
        return replace(facts, kind="date", first=first, last=last, spread=_over_time(there))
    if not str(series.dtype).startswith(("String", "Boolean", "Categorical", "Enum")):
        return facts
    is_text = facts.different > max(20, len(there) // 10)
    return replace(facts, kind="text" if is_text else "category", common=_common(there))


def _common(there: polars.Series) -> tuple[tuple[str, int], ...]:
    """The most frequent values, as words; those of a number or truth value in their order."""
    import polars

    counts = there.cast(polars.String).value_counts(sort=True, name="rows")
    results = [(str(value), int(rows)) for value, rows in counts.head(MOST_SHOWN).iter_rows()]
    if not there.dtype.is_numeric():
        return tuple(results)
    return tuple((f"{float(value):.6g}", rows) for value, rows in sorted(results, key=lambda pair: float(pair[0])))


def _over_time(there: polars.Series) -> Spread | None:
    """Dates as seconds since 1970; None for times of day."""
    import polars

    if not str(there.dtype).startswith(("Date", "Datetime")):
        return None
    return spread_of(there.cast(polars.Datetime("us")).dt.epoch("us").cast(float).to_numpy() / 1e6)


def spread_of(numbers: np.ndarray) -> Spread:
    """Of finite float64 numbers, at least one."""
    low, high = float(numbers.min()), float(numbers.max())
    quantiles = 2 * np.quantile(numbers / 2, QUANTILES)  # halves: no difference of two overflows
    with np.errstate(over="ignore"):  # what is too large to be told is infinite: nothing lies beyond it
        reach = FAR * (quantiles[3] - quantiles[1])
        near = (numbers >= quantiles[1] - reach) & (numbers <= quantiles[3] + reach)
    far = int((~near).sum()) if reach > 0 else 0
    cut = 0 < far <= MOST_CUT * len(numbers)
    drawn = numbers[near] if cut else numbers
    counts, edges = _histogram(drawn, float(drawn.min()), float(drawn.max()))
    size = max(abs(low), abs(high)) or 1.0  # by which squares stay finite
    mean, std = size * float((numbers / size).mean()), size * float((numbers / size).std())
    result = (tuple(map(float, values)) for values in (quantiles, edges))
    return Spread(low, high, mean, std, next(result), far, next(result), tuple(map(int, counts)), cut)


def _histogram(numbers: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Of whole numbers in few steps, a bin for each; else 30 bins."""
    if high - low <= BINS and np.all(numbers == np.round(numbers)):
        edges = np.arange(low, high + 2) - 0.5
        return np.bincount((numbers - low).astype(np.int64), minlength=len(edges) - 1), edges
    if high / 2 - low / 2 > np.finfo(float).max / 4 or high - low < 1e-12 * max(abs(low), abs(high)):
        return np.array([len(numbers)]), np.array([low, high])
    return np.histogram(numbers, BINS, (low, high))


def _target_values(series: polars.Series, kind: str | None) -> np.ndarray:
    """float64 (rows,), NaN where missing: the number, or the index of the class."""
    import polars

    if kind == "real":
        values = series.cast(polars.Float64, strict=False).fill_null(float("nan")).to_numpy()
        return np.where(np.isfinite(values), values, np.nan)
    words = series.cast(polars.String)
    places = {word: float(place) for place, word in enumerate(words.drop_nulls().unique().to_list())}
    return torch.tensor([places.get(word, float("nan")) for word in words.to_list()], dtype=torch.float64).numpy()
