"""Several things to be predicted of each row of a table: labels that are there or not, or numbers.

sun  rain  wind            genres
1    0     1               comedy; drama
0    1     1               drama
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from profundo.data.dataset_names import Task
from profundo.data.tables.reading import as_truth
from profundo.languages import Said
from profundo.records import ProfundoError, Targets

if TYPE_CHECKING:
    import polars

__all__ = ["TargetValues", "are_lists", "listed_labels", "several_targets"]

SIGNS = (";", "|", ",")  # between the labels of a cell; the first that occurs anywhere
MOST_LABELS = 1000

TargetValues = tuple[Targets, Tensor, tuple[str, ...]]


def several_targets(frame: polars.DataFrame, task: Task, where: str) -> TargetValues:
    """The columns, which have no missing values, as targets: numbers float64 (rows, columns), labels float32.

    Raises ProfundoError for columns of other things than numbers and truth values.
    """
    import polars

    words = [series for series in frame if series.dtype == polars.String]
    frame = frame.with_columns(truth for series in words if (truth := as_truth(series)) is not None)
    for series in frame:
        if not (series.dtype.is_numeric() or series.dtype == polars.Boolean):
            raise ProfundoError(Said("refusals.several_kind", where=where, name=repr(series.name), kind=series.dtype))
    values = torch.from_numpy(frame.cast(polars.Float64).to_numpy().copy())
    if not values.float().isfinite().all():
        raise ProfundoError(Said("refusals.infinite_targets", where=where, names=", ".join(frame.columns)))
    are_labels = bool(((values == 0) | (values == 1)).all())
    if task == "classes" or (task == "labels" and not are_labels):
        expected = "labels are columns of 0 and 1" if task == "labels" else "one class is in one column"
        raise ProfundoError(f"{where}: {expected}; --target names {', '.join(frame.columns)}")
    if task == "real" or not are_labels:
        return Targets("real", names=tuple(frame.columns)), values, ()
    return Targets("labels", tuple(frame.columns)), values.float(), _rare(frame.columns, values)


def listed_labels(series: polars.Series, where: str) -> TargetValues:
    """The words of each cell as labels, float32 (rows, labels) of 0 and 1; an empty word is none."""
    import polars

    cells = series.cast(polars.String).to_list()
    sign = next((sign for sign in SIGNS if any(sign in cell for cell in cells)), SIGNS[0])
    listed = [[word for word in (part.strip() for part in cell.split(sign)) if word] for cell in cells]
    names = sorted({word for words in listed for word in words})
    if not 1 < len(names) <= MOST_LABELS:
        raise ProfundoError(
            Said(
                "refusals.many_labels",
                where=where,
                name=repr(series.name),
                count=len(names),
                most=MOST_LABELS,
                signs=" ".join(SIGNS),
            )
        )
    places = {name: place for place, name in enumerate(names)}
    values = torch.zeros(len(listed), len(names))
    for row, words in enumerate(listed):
        values[row, [places[word] for word in words]] = 1
    return Targets("labels", tuple(names)), values, _rare(names, values)


def are_lists(words: Sequence[str]) -> bool:
    """Whether different answers seem to be lists of a few labels: taken apart they are no more. Commas stand in sentences, too."""
    for sign in SIGNS[:2]:
        parts = {part.strip() for word in words for part in word.split(sign)}
        if any(sign in word for word in words) and len(parts - {""}) <= len(words):
            return True
    return False


def _rare(names: list[str], values: Tensor) -> tuple[str, ...]:
    """A note on labels that every row has, or none: nothing can be learned about them."""
    counts = values.sum(0).tolist()
    same = [name for name, count in zip(names, counts, strict=True) if count in (0, len(values))]
    return (f"labels that are the same in every row: {', '.join(same)}",) if same else ()
