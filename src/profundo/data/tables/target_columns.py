"""Columns to be predicted: which they are, and whether they hold classes, labels or numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from profundo.data.dataset_names import Task, nearest
from profundo.data.streams.archives import printable
from profundo.data.tables.several_targets import TargetValues, are_lists, listed_labels, several_targets
from profundo.languages import Said
from profundo.records import ProfundoError, Targets

if TYPE_CHECKING:
    import polars

__all__ = ["lost_rows", "named_columns", "target_columns", "target_values"]

MOST_CLASSES = 100
FEW = 20  # distinct whole numbers that still may be classes
ANSWERS = ("String", "Boolean", "Categorical", "Enum", "Date")  # kinds of columns that may be targets, beside numbers
WITH_UNIT = r"^\s*[\p{Sc}~<>+-]*\s*\d[\d\s.,']*\D{0,12}$"  # "12.50 €", "$3", "1 200 kg"


def target_columns(columns: Sequence[str], target: str | None, where: str) -> list[str]:
    """The columns to be predicted. Raises ProfundoError when none was named, or one that is not there or comes twice."""
    if target is None:
        raise ProfundoError(
            f"{where}: say which column is to be predicted, such as --target {columns[-1]!r}",
            told=Said("refusals.say_target", where=where, name=repr(columns[-1])),
        )
    wanted = named_columns(target, columns, where, "target")
    if len(set(wanted)) < len(wanted):
        raise ProfundoError(Said("refusals.targets_once", where=where, got=", ".join(wanted)))
    return wanted


def named_columns(names: str, columns: Sequence[str], where: str, option: str) -> list[str]:
    """The column of that name, or of each name between commas. Raises ProfundoError for one that is not there."""
    wanted = [names] if names in columns else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in columns:
            hint = nearest(name, columns)
            raise ProfundoError(
                f"{where} has no column {name!r} for --{option}; {hint}",
                told=Said("refusals.no_column", where=where, name=repr(name), hint=hint),
            )
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


def lost_rows(count: int, target: str) -> tuple[str, ...]:
    if not count:
        return ()
    return (Said("readings.no_target_rows", count=count, target=repr(target)),)


def _one_target(series: polars.Series, texts: polars.Series | None, task: Task, where: str) -> TargetValues:
    """What is to be predicted, its values, and what to know about it. Classes have the file's own words for names."""
    import polars

    is_number = series.dtype.is_numeric()
    if not (is_number or str(series.dtype).startswith(ANSWERS)):
        raise ProfundoError(Said("refusals.target_kind", where=where, name=repr(series.name), kind=series.dtype))
    if series.dtype.is_float() and bool(series.is_infinite().any()):
        raise ProfundoError(Said("refusals.infinite_target", where=where, name=repr(series.name)))
    different = series.n_unique()
    if task == "real" or (task == "auto" and is_number and (different > FEW or not _is_whole(series))):
        if not is_number:
            raise ProfundoError(
                f"{where}: column {series.name!r} holds {series.dtype} values; --task real needs numbers",
                told=Said("refusals.real_needs_numbers", where=where, name=repr(series.name), kind=series.dtype),
            )
        values = torch.from_numpy(series.cast(polars.Float64).to_numpy().copy()).unsqueeze(1)
        if not values.isfinite().all():
            raise ProfundoError(Said("refusals.infinite_target", where=where, name=repr(series.name)))
        return Targets("real", names=(series.name,)), values, ()
    if different < 2:
        raise ProfundoError(Said("refusals.one_value", where=where, name=repr(series.name), value=series[0]))
    if different > MOST_CLASSES:
        hint = Said("refusals.hint_number" if is_number else "refusals.hint_target")
        if not is_number and bool(series.cast(polars.String).str.contains(WITH_UNIT).all()):
            hint = Said("refusals.hint_unit", example=repr(str(series[0])[:30]))
        raise ProfundoError(
            Said("refusals.many_values", where=where, name=repr(series.name), count=different, hint=hint)
        )
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
        return (Said("readings.numbers_as_classes", count=len(words), name=repr(name)),)
    if are_lists(words):
        return (Said("readings.lists_as_classes", name=repr(name)),)
    return ()


def _is_whole(series: polars.Series) -> bool:
    return series.dtype.is_integer() or bool((series == series.round()).all())
