"""A table of one's own as points of the plane: two columns of numbers and a target, standardised, with the scale remembered.

settings = new_settings(**points_of_table("flowers.csv", target="species"))
table_columns("flowers.csv")          # what there is to choose from, and the usual choice
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from profundo.data.dataset_names import Reading
from profundo.data.loading import collect
from profundo.data.recognising import is_number
from profundo.data.splits.splits import Collection
from profundo.data.tables.table_files import read_table
from profundo.languages import Said
from profundo.playground.playground_settings import FIELDS, MOST_CLASSES, OWN
from profundo.playground.setting_kinds import Points
from profundo.records import ProfundoError, Samples

if TYPE_CHECKING:
    import polars

__all__ = ["MOST_ROWS", "SPREAD", "TableColumns", "points_of_table", "table_columns"]

MOST_ROWS = 1000  # that are drawn of a table, unless told otherwise
SPREAD = 2.0  # units of the plane that a column's deviation becomes: three deviations are its half width


@dataclass(frozen=True, slots=True)
class TableColumns:
    """numbers: those that may be looked at; targets: those that may be predicted, classes and numbers; target: the usual one;
    rows: how many the table has."""

    numbers: tuple[str, ...]
    targets: tuple[str, ...]
    target: str
    rows: int


def table_columns(path: str | Path) -> TableColumns:
    """What a table has for the plane. The usual target is its last column of 2 to 8 words or whole numbers, else its last one of
    numbers. Raises ProfundoError for a table without a column that could be one."""
    frame = read_table(Path(path)).frame
    numbers = [one.name for one in frame if one.dtype.is_numeric() and one.n_unique() > 1]
    classes = [one.name for one in frame if is_of_classes(one)]
    targets = [name for name in frame.columns if name in {*numbers, *classes}]
    if not targets:
        raise ProfundoError(
            f"{path}: expected a column of 2 to {MOST_CLASSES} classes or of numbers to predict, it has: "
            f"{', '.join(frame.columns[:10])}",
            told=Said("refusals.table_targets", most=MOST_CLASSES, columns=tuple(frame.columns[:10])),
        )
    return TableColumns(tuple(numbers), tuple(targets), (classes or targets)[-1], len(frame))


def is_of_classes(series: polars.Series) -> bool:
    """Words or whole numbers, 2 to 8 different ones."""
    present = series.drop_nulls()
    if not 2 <= present.n_unique() <= MOST_CLASSES:
        return False
    return not present.dtype.is_float() or bool((present == present.floor()).all())


def points_of_table(
    path: str | Path, target: str | None = None, columns: Sequence[str] = (), rows: int = MOST_ROWS, seed: int = 0
) -> dict[str, Any]:
    """The settings of a session on a table's rows: data, points, columns, labels, scale, task.

    columns: the two to look at, by default the first two of numbers. target: the column to predict, the usual one of
    `table_columns` unless told; whole numbers are classes where they are few, else numbers.
    rows: at most so many, drawn evenly by `seed`. A row with a hole is left out.
    Raises ProfundoError for a table without two columns of numbers, or with more than eight classes."""
    target = target or table_columns(path).target
    found = collected(Path(path), Reading(target=target, only=tuple(columns)))
    targets, names = found.targets, found.inputs.names
    plain = [one.name for one in found.inputs.columns if one.kind == "number"]
    wanted = list(columns) or plain[:2]
    if len(wanted) != 2 or wanted[0] == wanted[1] or any(one not in plain for one in wanted):
        raise ProfundoError(
            f"{path}: expected two columns of numbers to look at, got {', '.join(wanted) or 'none'}; it has: "
            f"{', '.join(plain) or 'none'}",
            told=Said("refusals.table_inputs", wanted=", ".join(wanted) or "–", columns=", ".join(plain) or "–"),
        )
    if (
        targets.kind not in ("binary", "classes", "real")
        or len(targets.classes) > MOST_CLASSES
        or len(targets.names) > 1
    ):
        several = Said("refusals.got_classes", count=len(targets.classes))
        got = several if targets.classes else Said("refusals.got_targets", kind=targets.kind)
        told = Said("refusals.table_target_kind", most=MOST_CLASSES, got=got)
        raise ProfundoError(
            f"{path}: expected a target of 2 to {MOST_CLASSES} classes or one number, got {got}", told=told
        )
    parts = [one for one in (found.train, found.validation, found.test) if one is not None]
    places = [names.index(one) for one in wanted]
    table = torch.cat([joined(one, places) for one in parts])
    table = some(table[table.isfinite().all(1)], rows, seed)
    if len(table) < 2:
        raise ProfundoError(
            f"{path}: expected two rows or more with numbers in {', '.join(wanted)}, got {len(table)}",
            told=Said("refusals.table_rows", columns=tuple(wanted), many=len(table)),
        )
    scale = [standard(column, name) for column, name in zip(table.T[:2], wanted, strict=True)]
    scale += [standard(table[:, 2], "the target")] if not targets.classes else []
    return {
        "data": OWN,
        "task": "classification" if targets.classes else "regression",
        "points": tuple(map(tuple, in_plane(table, scale).tolist())),
        "columns": (*wanted, target),
        "labels": targets.classes,
        "scale": tuple(scale),
    }


def collected(path: Path, how: Reading) -> Collection:
    """As `load` reads it, but more whole numbers than the plane has classes are numbers."""
    result = collect(path, how)
    if len(result.targets.classes) > MOST_CLASSES and all(map(is_number, result.targets.classes)):
        return collect(path, replace(how, task="real"))
    return result


def joined(samples: Samples, places: list[int]) -> Tensor:
    """float64 (samples, 3)."""
    if not isinstance(samples.inputs, Tensor):
        raise ProfundoError("playground: expected a table that fits into memory", told=Said("refusals.table_large"))
    return torch.cat((samples.inputs[:, places].double(), samples.targets.double().reshape(len(samples), 1)), 1)


def some(table: Tensor, rows: int, seed: int) -> Tensor:
    most = FIELDS["points"].kind
    assert isinstance(most, Points)
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(seed))
    return table[order[: min(max(2, rows), most.most)].sort().values]


def standard(column: Tensor, name: str) -> tuple[float, float]:
    """Mean and deviation. Raises ProfundoError for a column of one value."""
    mean, deviation = float(column.mean()), float(column.std(correction=0))
    if not deviation > 0:
        raise ProfundoError(
            f"playground: {name}: expected numbers that differ, all {len(column)} are {mean:g}",
            told=Said("refusals.table_same", name=name, many=len(column), value=float(mean)),
        )
    return mean, deviation


def in_plane(table: Tensor, scale: list[tuple[float, float]]) -> Tensor:
    """x and y with deviation SPREAD about 0, a value with deviation 1/2; classes stay."""
    result = table.clone()
    for place, (mean, deviation) in enumerate(scale):
        result[:, place] = (table[:, place] - mean) / deviation * (SPREAD if place < 2 else 0.5)
    return result.clamp(-1000, 1000)
