"""Rows of a table as features: categories one-hot, dates as their place in year, week and day, gaps filled and told; texts as
the ids of their words and characters (text/text_ids.py), which are no quantities and stay as they are.

A raw row is float64 with one entry a column: the number, the index of the category or text among those of the file, the
seconds since 1970 of a date; NaN where there is nothing. What has to be learned (which categories there are, what fills
a gap) is learned from the training rows alone and kept in `Column`s, so that rows to come are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.text.text_ids import learned_words, text_ids
from profundo.languages import Said
from profundo.records import Column, Inputs, ProfundoError, Samples

if TYPE_CHECKING:
    import polars

__all__ = [
    "DAY",
    "MOST_LEVELS",
    "YEAR",
    "YEAR_2000",
    "as_features",
    "column_slices",
    "encoded",
    "feature_names",
    "learned",
    "text_places",
]

MOST_LEVELS = 50
"""Categories of a column that get a feature each: the most frequent ones. All others have none."""

DAY, YEAR = 86_400.0, 365.2425 * 86_400.0
YEAR_2000 = 946_684_800.0  # seconds since 1970
EPOCH_WEEKDAY = 3 * DAY  # 1 January 1970 was a Thursday, three days after a Monday


def learned(columns: Sequence[Column], raw: Tensor) -> tuple[tuple[Column, ...], Tensor]:
    """The columns with what these training rows (float64, (rows, columns)) teach, and which of them tell anything.

    columns: as read, their levels being all categories of the file in the order of their indices.
    Returns the columns and, for each, whether to keep it: one with a single value in training tells nothing.
    """
    taught, kept = [], []
    for column, values in zip(
        columns, raw.T.contiguous(), strict=True
    ):  # a row after the other, a column is slow to read
        has_gaps = _has_gaps(values)
        there = values[~values.isnan()] if has_gaps else values
        if column.kind == "text":
            taught.append(_with_words(column, there))
            kept.append(_vary(there) or (has_gaps and len(there) > 0))
        elif column.kind == "category":
            taught.append(replace(column, levels=_frequent(column.levels, there), has_gaps=has_gaps))
            kept.append(_vary(there) or (has_gaps and len(there) > 0))
        else:
            fill = _median(there.numpy()) if len(there) else 0.0
            taught.append(replace(column, fill=fill, has_gaps=has_gaps and len(there) > 0))
            kept.append(_vary(there))
    return tuple(taught), torch.tensor(kept, dtype=torch.bool)


def as_features(inputs: Inputs, *splits: Samples) -> tuple[Inputs, tuple[Samples, ...], tuple[str, ...]]:
    """The splits of raw rows as features, by what the first of them teaches; and what was left out for it.

    Raises ProfundoError if no column of the training rows tells anything.
    """
    raw = [split.inputs for split in splits]
    assert all(isinstance(rows, Tensor) for rows in raw)
    taught, kept = learned(inputs.columns, raw[0])  # type: ignore[arg-type]
    columns = tuple(column for column, keep in zip(taught, kept.tolist(), strict=True) if keep)
    levels = [column.levels for column, keep in zip(inputs.columns, kept.tolist(), strict=True) if keep]
    if not columns:
        raise ProfundoError(Said("refusals.nothing_varies"))
    notes = tuple(
        Said("readings.column_constant", name=repr(column.name))
        for column, keep in zip(taught, kept.tolist(), strict=True)
        if not keep
    )
    names = feature_names(columns)
    encodings = [encoded(columns, rows if kept.all() else rows[:, kept], levels) for rows in raw]  # type: ignore[index,arg-type]
    made = tuple(Samples(rows, split.targets) for rows, split in zip(encodings, splits, strict=True))
    return replace(inputs, shape=(len(names),), names=names, columns=columns), made, notes


def text_places(columns: Sequence[Column]) -> list[bool]:
    """Of each feature, in the order of `encoded`, whether it is an id of a text."""
    return [column.kind == "text" for column in columns for _ in _names(column)]


def _with_words(column: Column, indices: Tensor) -> Column:
    """With the vocabulary and the lengths of these texts, each of which counts once however often it is there."""
    vocabulary, lengths = learned_words(_texts(column.levels, torch.unique(indices.long())))
    return replace(column, levels=vocabulary, lengths=lengths)


def _texts(levels: Any, indices: Tensor) -> polars.Series:
    """Those at these places, "" at −1; of a Series without a copy."""
    import polars

    known = levels if isinstance(levels, polars.Series) else polars.Series(levels, dtype=polars.String)
    return polars.concat([polars.Series([""]), known]).gather(indices.numpy() + 1)


def _frequent(levels: Sequence[str], indices: Tensor) -> tuple[str, ...]:
    """Those that occur, the most frequent ones if they are too many, in the order of the file."""
    counts = torch.bincount(indices.long(), minlength=len(levels)).tolist()
    order = sorted(range(len(levels)), key=lambda level: (-counts[level], level))[:MOST_LEVELS]
    return tuple(levels[level] for level in sorted(order) if counts[level])


def _median(values: np.ndarray) -> float:
    """As of NumPy, which looks for several places at once, and takes five times as long."""
    half = len(values) // 2
    parted = np.partition(values, half)
    return float(parted[half] if len(values) % 2 else (parted[:half].max() + parted[half]) / 2)


def _vary(values: Tensor) -> bool:
    return len(values) > 0 and bool(torch.lt(*values.aminmax()))


def _has_gaps(values: Tensor) -> bool:
    """Whether any is NaN: so is the sum then, and never of finite numbers of float32's range."""
    return bool(values.sum().isnan())


def encoded(columns: Sequence[Column], raw: Tensor, levels: Sequence[Sequence[str]]) -> Tensor:
    """float64 (rows, features) of raw rows; float32, which holds every id, where all are texts. levels: for each column what the
    raw indices of categories stand for."""
    parts = [_encoded(*one) for one in zip(columns, raw.T.contiguous(), levels, strict=True)]
    if len(parts) == 1:  # without a copy: ids of texts are most of the memory
        return parts[0]
    return torch.cat(parts, dim=1) if parts else torch.empty(len(raw), 0, dtype=torch.float64)


def feature_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """One for each feature, in the order of `encoded`."""
    return tuple(name for column in columns for name in _names(column))


def column_slices(inputs: Inputs) -> list[tuple[Column, slice]]:
    """Each column with the features that it became."""
    widths = [len(feature_names([column])) for column in inputs.columns]
    ends = torch.tensor([0, *widths]).cumsum(0).tolist()
    return [(column, slice(*edges)) for column, edges in zip(inputs.columns, pairwise(ends), strict=True)]


def _encoded(column: Column, values: Tensor, levels: Sequence[str]) -> Tensor:
    if column.kind == "text":
        used, at = torch.unique(values.nan_to_num(-1).long(), return_inverse=True)
        ids = text_ids(_texts(levels, used), column.levels, column.lengths)
        return ids if torch.equal(at, torch.arange(len(used))) else ids[at]
    if column.kind == "category":
        wanted = {level: place for place, level in enumerate(column.levels)}
        places = torch.tensor([wanted.get(level, -1) for level in levels] or [-1])
        gaps = values.isnan()
        at = torch.where(gaps, -1, places[values.nan_to_num(0).long()])
        hot = (at.unsqueeze(1) == torch.arange(len(column.levels))).double()
        hot = hot[:, 1:] if _is_flag(column) else hot
        return torch.cat([hot, gaps.double().unsqueeze(1)], 1) if column.has_gaps else hot
    filled = torch.where(values.isnan(), column.fill, values) if _has_gaps(values) else values
    features = [filled] if column.kind == "number" else _phases(filled, column.has_time)
    features += [values.isnan().double()] if column.has_gaps else []
    return torch.stack(features, 1) if len(features) > 1 else filled.unsqueeze(1)


def _names(column: Column) -> list[str]:
    if column.kind == "text":
        words, characters = column.lengths
        names = [f"{column.name}, word {place}" for place in range(1, words + 1)]
        return names + [f"{column.name}, character {place}" for place in range(1, characters + 1)]
    if column.kind == "category":
        levels = column.levels[1:] if _is_flag(column) else column.levels
        names = [f"{column.name} = {level}" for level in levels]
    elif column.kind == "number":
        names = [column.name]
    else:
        cycles = ["year", "week", *(["day"] if column.has_time else [])]
        names = [f"{column.name}, years since 2000"]
        names += [f"{column.name}, {part} of the {cycle}" for cycle in cycles for part in ("sine", "cosine")]
    return [*names, *([f"{column.name} missing"] if column.has_gaps else [])]


def _is_flag(column: Column) -> bool:
    """Of two categories without gaps one says it all."""
    return len(column.levels) == 2 and not column.has_gaps


def _phases(seconds: Tensor, has_time: bool) -> list[Tensor]:
    """Years since 2000, and the place in the year, the week (and the day) as a point on a circle."""
    features = [(seconds - YEAR_2000) / YEAR]
    for period, begin in ((YEAR, 0.0), (7 * DAY, -EPOCH_WEEKDAY), *([(DAY, 0.0)] if has_time else [])):
        angle = 2 * math.pi * (seconds - begin) / period
        features += [angle.sin(), angle.cos()]
    return features
