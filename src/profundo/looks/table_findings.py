"""What the columns and rows of a table mean for training."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from profundo.data.tables.columns import MOST_LEVELS
from profundo.languages import Said
from profundo.looks.copies import Copies, copies_of
from profundo.looks.findings import DataFinding, rows_told, some
from profundo.looks.table_facts import MOST_SHOWN, ColumnFacts, Spread

if TYPE_CHECKING:
    import polars

__all__ = ["row_findings", "table_findings"]

MANY_MISSING = 0.5
TELLS_ALL = 0.98
SAME = 0.9999  # correlation of two columns from which they say the same
MOST_COMPARED = 200  # columns
MOST_FAR = 0.02  # of the values
MOST_ROWS = 6  # with such values that are named
NORMAL = 1.349  # interquartile range of a normal distribution in its deviations
VERY_FAR = 10.0  # interquartile ranges beyond a quartile
BELL_FAR = 2.3e-6  # the share of a normal distribution beyond three
FEWEST = 20  # rows from which a column that fits too well, or whose numbers all differ, is suspicious
IDENTIFIER = re.compile(r"(^|[\W_])(id|key|index|nr|no|number|code)$|^unnamed", re.IGNORECASE)
# Numbers as people write them: a currency, separators, a unit.
NUMBER = re.compile(r"[€$£¥]?\s*[-+−]?\d[\d.,'\s]*(e[-+]?\d+)?\s*([%€$£¥°]|[a-zA-Zµ]{1,3}[²³]?)?", re.IGNORECASE)


def table_findings(
    frame: polars.DataFrame, columns: Sequence[ColumnFacts], as_told: Collection[str] = ()
) -> list[DataFinding]:
    """as_told: the columns of which a person said what they are; nobody is warned of that."""
    inputs = [column for column in columns if not column.is_target]
    return [
        *_infinite(frame, inputs),
        *_telling_all(inputs),
        *_many_categories(inputs),
        *_identifiers(frame, inputs),
        *_numbers_as_words(frame, [column for column in inputs if column.name not in as_told]),
        *_spellings(frame, columns),
        *_missing(frame, inputs),
        *_far(frame, inputs),
        *_twins(frame, inputs),
        *_left_out(inputs),
    ]


def row_findings(
    frame: polars.DataFrame,
    columns: Sequence[ColumnFacts],
    split: np.ndarray,
    label: np.ndarray | None,
    together: bool = False,
) -> list[DataFinding]:
    """Rows that are there more than once. split: 0 for training, above for others; label: the class of each row, −1 where
    it has none; None where classes are not what is predicted. together: whether copies stay on one side of a split."""
    used = [column.name for column in columns if column.features] or [c.name for c in columns if not c.is_target]
    if not used:
        return []
    labels = np.zeros(len(frame), np.int64) if label is None else label
    usable = None if label is None else label >= 0
    same_inputs = copies_of(frame.select(used).hash_rows().to_list(), split, labels, usable)
    counted = {column.name for column in columns if column.use.endswith(Said("readings.numbers_rows"))}
    whole = [name for name in frame.columns if name not in counted]
    same_rows = copies_of(frame.select(whole).hash_rows().to_list(), split, labels)
    return [*_leaked(same_inputs, split), *_copied(same_rows, split, together), *_quarrels(same_inputs, label)]


def _leaked(copies: Copies, split: np.ndarray) -> Iterator[DataFinding]:
    if not copies.leaked:
        return
    held = int((split > 0).sum())
    share = len(copies.leaked) / held
    yield DataFinding(
        "warning" if share > 0.01 else "note",
        Said("looks.leaked", count=len(copies.leaked), held=held),
        Said("looks.leaked_do"),
        some([rows_told(pair, "equal") for pair in copies.leaked]),
    )


def _copied(copies: Copies, split: np.ndarray, together: bool) -> Iterator[DataFinding]:
    leaked = {number for pair in copies.leaked for number in pair}
    others = [group for group in copies.groups if not leaked.intersection(group)]
    if not others:
        return
    extra = sum(len(group) - 1 for group in others)
    has_test = bool((split > 0).any())
    serious = not has_test and not together and extra > 0.01 * len(split)
    yield DataFinding(
        "warning" if serious else "note",
        Said(f"looks.copied{'_both' if serious else '_together' if together else ''}", count=extra),
        Said("looks.copied_do"),
        some([rows_told(group[:4], "equal") for group in others]),
    )


def _quarrels(copies: Copies, label: np.ndarray | None) -> Iterator[DataFinding]:
    if label is None or not copies.quarrels:
        return
    rows = sum(len(group) for group in copies.quarrels)
    right = sum(int(np.bincount(label[list(group)]).max()) for group in copies.quarrels)
    best = 1 - (rows - right) / int((label >= 0).sum())
    yield DataFinding(
        "warning" if best < 0.99 else "note",
        Said("looks.quarrels", count=rows, share=round(100 * best, 1)),
        Said("looks.quarrels_do"),
        some([rows_told(group[:4], "unequal") for group in copies.quarrels]),
    )


def _infinite(frame: polars.DataFrame, columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    names = [c.name for c in columns if c.features and frame[c.name].dtype.is_float()]
    counts = {name: int(frame[name].is_infinite().sum()) for name in names}
    told = [f"{name} ({count:,})" for name, count in counts.items() if count]
    if told:
        yield DataFinding(
            "error",
            Said("looks.infinite", count=len(told)),
            Said("looks.infinite_do"),
            some(told),
        )


def _telling_all(columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    for column in columns:
        if column.features and column.tells is not None and column.tells >= TELLS_ALL:
            yield DataFinding(
                "warning",
                Said("looks.tells_all", name=repr(column.name), share=round(column.tells, 3)),
                Said("looks.tells_all_do"),
            )


def _many_categories(columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    many = [c for c in columns if c.kind == "category" and c.features and c.different > MOST_LEVELS]
    if many:
        yield DataFinding(
            "note",
            Said("looks.many_categories", count=len(many), most=MOST_LEVELS),
            Said("looks.many_categories_do"),
            some([f"{column.name} ({column.different:,})" for column in many]),
        )


def _identifiers(frame: polars.DataFrame, columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    """Columns that are named as numbers of cases are, and differ in almost every row."""
    for column in columns:
        is_quantity = column.features and column.kind == "number"
        if is_quantity and column.different > 0.9 * len(frame) > FEWEST and IDENTIFIER.search(column.name):
            yield DataFinding(
                "warning",
                Said("looks.identifier", name=repr(column.name)),
                Said("looks.identifier_do"),
            )


def _numbers_as_words(frame: polars.DataFrame, columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    for column in columns:
        if column.kind not in ("text", "category") or str(frame[column.name].dtype) != "String":
            continue
        words = frame[column.name].drop_nulls().unique(maintain_order=True).head(1000).to_list()
        strange = [word for word in words if not NUMBER.fullmatch(word.strip()) or len(word) > 40]
        if len(words) > 2 and len(strange) <= 0.1 * len(words):
            like = next((word for word in words if word not in strange), words[0])
            yield DataFinding(
                "warning",
                Said("looks.as_words", name=repr(column.name), example=repr(like)),
                Said(f"looks.as_words_do{'_empty' if strange else ''}"),
                some([repr(word) for word in strange]),
            )


def _spellings(frame: polars.DataFrame, columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    """Categories that differ by capitals or spaces only."""
    for column in columns:
        if column.kind != "category" or str(frame[column.name].dtype) != "String":
            continue
        alike: dict[str, list[str]] = defaultdict(list)
        for word in frame[column.name].drop_nulls().unique().sort().to_list():
            alike[" ".join(word.split()).casefold()].append(word)
        twice = [words for words in alike.values() if len(words) > 1]
        if twice:
            yield DataFinding(
                "warning",
                Said("looks.spellings", name=repr(column.name)),
                Said("looks.spellings_do"),
                some([" / ".join(map(repr, words)) for words in twice]),
            )


def _missing(frame: polars.DataFrame, columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    empty = [(c.name, c.missing / len(frame)) for c in columns if c.features and c.missing > MANY_MISSING * len(frame)]
    if empty:
        yield DataFinding(
            "warning",
            Said("looks.empty_columns", count=len(empty)),
            Said("looks.empty_columns_do"),
            some([f"{name} ({100 * share:.0f} %)" for name, share in empty]),
        )


def _far(frame: polars.DataFrame, columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    """Columns of which few values lie far out; where many do, that is how they are spread."""
    places = []
    for column in columns:
        spread = column.spread
        if column.kind != "number" or not column.features or spread is None or not _is_odd(spread):
            continue
        low, high = spread.quantiles[1], spread.quantiles[3]
        apart = frame[column.name].cast(float).fill_null(float("nan")).to_numpy() - spread.quantiles[2]
        z = NORMAL * np.abs(np.where(np.isfinite(apart), apart, 0)) / (high - low)
        rows = np.argsort(-z, kind="stable")[: min(MOST_ROWS, spread.far)]
        cells = ", ".join(f"{frame[column.name][int(row)]:,.10g} in row {row + 1:,}" for row in rows)
        more = f" and {spread.far - len(rows):,} more" if spread.far > len(rows) else ""
        usual = f"90 % lie from {spread.quantiles[0]:,.6g} to {spread.quantiles[4]:,.6g}"
        places.append(f"{column.name}: {cells}{more}, up to {z.max():,.0f} deviations from the median ({usual})")
    if places:
        yield DataFinding(
            "warning",
            Said("looks.far", count=len(places)),
            Said("looks.far_do"),
            some(places),
        )


def _is_odd(spread: Spread) -> bool:
    """Whether a few are far out, and more or farther than a bell curve has them."""
    number = sum(spread.counts)
    reach = VERY_FAR * (spread.quantiles[3] - spread.quantiles[1])
    farthest = max(spread.quantiles[1] - spread.low, spread.high - spread.quantiles[3])
    surprising = spread.far > 10 * BELL_FAR * number or farthest > reach
    return 0 < spread.far <= max(1, MOST_FAR * number) and surprising


def _twins(frame: polars.DataFrame, columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    """Columns of numbers of which one says what the other says."""
    names = [c.name for c in columns if c.kind == "number" and c.features and c.spread is not None and c.spread.std > 0]
    if not 2 <= len(names) <= MOST_COMPARED:
        return
    import polars

    values = frame.select(names).cast(polars.Float64).fill_null(float("nan")).to_numpy()
    whole = np.isfinite(values).all(1)
    if whole.sum() < 10:
        return
    sizes = np.abs(values[whole]).max(0)
    centred = values[whole] / np.where(sizes > 0, sizes, 1)
    centred -= centred.mean(0)
    largest = np.abs(centred).max(0)
    kept = largest > 0
    scaled = centred[:, kept] / largest[kept]
    scaled /= np.linalg.norm(scaled, axis=0)
    likeness = np.triu(np.abs(scaled.T @ scaled), 1)
    of = np.array(names)[kept]
    pairs = [f"{of[a]} and {of[b]}" for a, b in np.argwhere(likeness >= SAME)]
    if pairs:
        yield DataFinding(
            "note",
            Said("looks.twins", count=len(pairs), same=SAME),
            Said("looks.twins_do"),
            some(pairs),
        )


def _why(use: str) -> str:
    """Without the words that it is left out."""
    why = use.values.get("why") if isinstance(use, Said) else None
    return why if isinstance(why, str) else use


def _left_out(columns: Sequence[ColumnFacts]) -> Iterator[DataFinding]:
    left = [Said("looks.of", name=column.name, what=_why(column.use)) for column in columns if not column.features]
    if left:
        yield DataFinding(
            "note",
            Said("looks.left_out", count=len(left)),
            Said("looks.left_out_do"),
            some(left, most=MOST_SHOWN),
        )
