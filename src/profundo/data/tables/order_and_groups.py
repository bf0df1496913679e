"""Tables whose rows follow each other in time, or come several from one customer, patient or machine.

There a split made by chance asks too little: it tests on days between those that were trained on, on people whose other rows
were. What is meant cannot be known; so it is said, with the option that splits otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from profundo.languages import Said

if TYPE_CHECKING:
    import polars

__all__ = ["notes_of_chance", "time_column", "unlike_chance"]

FEWEST = 20  # rows
MOMENTS = 20  # different ones from which rows are called ordered by them
ONE_WAY = 0.95  # of the steps
ENTITIES, EACH = 10, 2  # different ones, and rows of each on average, from which they are called repeated
TIME = re.compile(
    r"(^|[\W_])(date|datetime|time|timestamp|year|month|week|day|hour|when|period)([\W_]|$)", re.IGNORECASE
)
THINGS = (
    "id|key|customer|client|patient|subject|participant|person|user|player|student|employee|driver|household|family|company|"
    "store|shop|firm|school|hospital|station|machine|device|sensor|unit|engine|vehicle|track|session|account|animal|plot|site|group"
)
ENTITY = re.compile(rf"(^|[\W_])({THINGS})([\W_]?(id|key|no|nr|number|code|name))?$", re.IGNORECASE)
CAPITALS = re.compile(r"[a-z](ID|Id|Key|No|Nr)$")


def unlike_chance(frame: polars.DataFrame, targets: Collection[str]) -> list[tuple[Said, Said]]:
    """(what, what to do) of the column by which the rows are ordered in time, and of each whose values come repeatedly."""
    if frame.height < FEWEST:
        return []
    columns = [frame[name] for name in frame.columns if name not in targets]
    ordered = next((column for column in columns if _is_time(column)), None)
    others = [column for column in columns if column is not ordered and _repeated(column)]
    return [*([_in_time(ordered)] if ordered is not None else []), *(_of_things(column) for column in others)]


def _in_time(column: polars.Series) -> tuple[Said, Said]:
    ends = {"first": str(column.min()), "last": str(column.max())}
    option = Said("readings.in_time_order_do", option=f"'time:{column.name}'")
    return Said("readings.in_time_order", name=repr(column.name), **ends), option


def _of_things(column: polars.Series) -> tuple[Said, Said]:
    counts = {"count": _repeated(column), "rows": len(column)}
    option = Said("readings.names_things_do", option=f"'group:{column.name}'")
    return Said("readings.names_things", name=repr(column.name), **counts), option


def notes_of_chance(frame: polars.DataFrame, targets: Collection[str]) -> tuple[Said, ...]:
    """The same as notes of a data set."""
    return tuple(Said("readings.two_sentences", first=what, second=do) for what, do in unlike_chance(frame, targets))


def time_column(frame: polars.DataFrame, but: Collection[str]) -> str | None:
    """The first column that tells the time: by which the rows are ordered, else the only one of dates."""
    columns = [frame[name] for name in frame.columns if name not in but]
    dates = [one.name for one in columns if str(one.dtype).startswith(("Date", "Datetime")) and not one.null_count()]
    ordered = next((one.name for one in columns if _is_time(one)), None)
    return ordered or (dates[0] if len(dates) == 1 else None)


def _is_time(column: polars.Series) -> bool:
    """Whether it is a date, or a number called like one, that goes one way down the rows, but for a few steps back, as where
    one series ends and another begins."""
    is_date = str(column.dtype).startswith(("Date", "Datetime"))
    if not is_date and not (column.dtype.is_numeric() and TIME.search(column.name)):
        return False
    if column.null_count() or column.n_unique() < MOMENTS:
        return False
    steps = np.sign(np.diff(column.to_physical().to_numpy().astype(np.float64)))
    return bool(max(np.mean(steps[steps != 0] > 0), np.mean(steps[steps != 0] < 0)) >= ONE_WAY)


def _repeated(column: polars.Series) -> int:
    """The number of different things, where a column is called as what names things is, and has them several times."""
    if column.dtype.is_float() or column.dtype.is_temporal():
        return 0
    if not (ENTITY.search(column.name) or CAPITALS.search(column.name)):
        return 0
    different = column.drop_nulls().n_unique()
    return different if different >= ENTITIES and EACH * different <= len(column) - column.null_count() else 0
