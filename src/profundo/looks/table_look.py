"""A look at a table: rows in a file, or in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading
from profundo.data.splits.split_by import target_names
from profundo.data.splits.splits import Collection
from profundo.data.streams.blocks import gather
from profundo.data.tables.order_and_groups import unlike_chance
from profundo.languages import Said
from profundo.looks.class_findings import class_findings, real_findings
from profundo.looks.data_facts import (
    DataFacts,
    class_counts,
    label_counts,
    prepared,
    split_sizes,
    stopped,
    target_in_words,
)
from profundo.looks.findings import DataFinding
from profundo.looks.image_look import look_at_images
from profundo.looks.series_look import course_findings, look_at_series
from profundo.looks.sound_look import look_at_sounds
from profundo.looks.survey import SPLITS, Tell
from profundo.looks.table_facts import column_facts
from profundo.looks.table_findings import row_findings, table_findings
from profundo.looks.text_findings import text_findings
from profundo.records import Column, ColumnReading, ProfundoError, Samples, Targets

if TYPE_CHECKING:
    import polars

__all__ = ["look_at_rows", "look_at_table"]

MOST_COLUMNS = 1000
"""Of a table that are looked at."""
MOST_ROWS = 200_000
"""Of a table that is not in memory."""


def look_at_table(path: Path, how: Reading, tell: Tell) -> DataFacts:
    """At the rows of a file, or the images that they name; without a target, at the columns alone."""
    from profundo.data.images.image_tables import files_of_table, listed_files
    from profundo.data.series.forecast_windows import forecast_collection
    from profundo.data.series.series_rows import labelled_collection
    from profundo.data.tables.frames import doubts, frame_collection
    from profundo.data.tables.split_column import by_column, by_text, divided_by, learned_from
    from profundo.data.tables.table_files import is_parquet, read_table

    table, target = read_table(path, how), how.target
    frame = table.frame
    if target is not None and (media := files_of_table(table, path, how)) is not None:
        files = listed_files(path, "sounds") if media.inputs.kind == "sound" else None
        return look_at_images(media, tell) if files is None else look_at_sounds(files, path, how, tell, media)
    if target is not None and how.series is not None and how.horizon is None:
        series = labelled_collection(table, path.stem, str(path), how)
        return replace(look_at_series(series), readings=() if is_parquet(path) else series.readings)
    result, findings = None, []
    wanted = target_names(target, frame.columns)
    if target is not None:
        try:
            if how.horizon is not None:
                result = forecast_collection(table, path.stem, str(path), how)
                assert result.inputs.forecast is not None
                findings += course_findings(frame, result.inputs.forecast, str(path))
            else:
                by = by_column(how.split_by, frame, wanted, str(path)) if how.split_by is not None else None
                result = frame_collection(table, path.stem, str(path), learned_from(how, frame, table.readings))
                result = replace(result, split_by=by_text(result)) if by is None else divided_by(result, by)
        except ProfundoError as error:
            if not set(wanted) <= set(frame.columns):
                raise
            findings.append(stopped(error))
    else:
        last = frame.columns[-1]
        findings.append(
            DataFinding(
                "note",
                Said("readings.no_target_yet"),
                Said("readings.say_which", name=repr(last)),
            )
        )
    findings += [
        DataFinding("warning", what, Said("looks.doubt_do"))
        for reading in table.readings.values()
        for what in doubts(reading)
    ]
    seen = _look_at_frame(
        path.stem,
        frame,
        wanted,
        result,
        np.zeros(len(frame), np.int8),
        findings,
        table.readings if result is None else {one.name: one for one in result.readings},
        how.horizon is not None,
    )
    readings = result.readings if result is not None else tuple(table.readings.values())
    return replace(seen, readings=() if is_parquet(path) else readings)


def look_at_rows(collection: Collection) -> DataFacts:
    """At rows in memory, or read as they are asked for, by way of a table with the targets as its last columns.

    Of very many that are not in memory, some are looked at, evenly spread.
    """
    import polars

    parts = [
        (split, getattr(collection, name)) for split, name in enumerate(SPLITS) if getattr(collection, name) is not None
    ]
    whole = sum(len(part) for _, part in parts)
    taken = [_some(part, whole) for _, part in parts]
    rows = torch.cat(
        [gather(part.inputs, places.tolist()) for (_, part), places in zip(parts, taken, strict=True)]
    ).flatten(1)
    targets = torch.cat([part.targets[places] for (_, part), places in zip(parts, taken, strict=True)])
    numbers = np.array([number for number, _ in parts], np.int8)
    split = numbers.repeat([len(places) for places in taken])
    heads = list(collection.inputs.names or (f"x{place + 1}" for place in range(rows.shape[1])))
    wanted = [name if name not in heads else f"{name} (target)" for name in _target_names(collection.targets)]
    columns = collection.inputs.columns or tuple(Column(name, "number") for name in heads)
    inputs = [_as_column(column, values) for column, values in zip(columns, rows.T, strict=True)]
    frame = polars.DataFrame([*inputs, *_as_series(collection.targets, targets, wanted)])
    findings = []
    if len(frame) < whole:
        what = Said("looks.some_rows", some=len(frame), whole=whole)
        findings.append(DataFinding("note", what, Said("looks.some_rows_do")))
    return _look_at_frame(collection.name, frame, wanted, collection, split, findings)


def _some(samples: Samples, whole: int) -> Tensor:
    """Places of samples to look at: all, or evenly spread ones where they would have to be read."""
    if isinstance(samples.inputs, Tensor) or whole <= MOST_ROWS:
        return torch.arange(len(samples))
    places = np.linspace(0, len(samples) - 1, max(1, MOST_ROWS * len(samples) // whole))
    return torch.from_numpy(np.unique(places.round().astype(np.int64)))


def _as_column(column: Column, values: Tensor) -> polars.Series:
    """What a column held, of its raw numbers; see data/tables/columns.py."""
    import polars

    numbers = polars.Series(column.name, values.numpy()).fill_nan(None)
    if column.kind == "number":
        return numbers
    if column.kind == "date":
        moments = (1e6 * numbers).cast(polars.Int64).cast(polars.Datetime("us")).alias(column.name)
        return moments if column.has_time else moments.cast(polars.Date)
    words = [None if place is None else column.levels[int(place)] for place in numbers.to_list()]
    return polars.Series(column.name, words, dtype=polars.String)


def _look_at_frame(
    name: str,
    frame: polars.DataFrame,
    wanted: list[str],
    collection: Collection | None,
    split: np.ndarray,
    findings: Sequence[DataFinding] = (),
    readings: Mapping[str, ColumnReading] | None = None,
    is_course: bool = False,
) -> DataFacts:
    findings = list(findings)
    kind = collection.targets.kind if collection is not None else None
    inputs = [column for column in frame.columns if column not in wanted]
    if len(inputs) > MOST_COLUMNS:
        what = Said("looks.first_columns", most=MOST_COLUMNS, count=len(inputs))
        findings.append(DataFinding("note", what, Said("looks.first_columns_do")))
        frame = frame.select([*inputs[:MOST_COLUMNS], *wanted])
    seen = frame.filter(split != 2) if (split == 2).any() and (split != 2).any() else frame
    columns = column_facts(seen, wanted, kind, readings)
    as_told = {name for name, one in (readings or {}).items() if one.why == Said("readings.as_told")}
    findings += table_findings(seen, columns, as_told)
    label = (
        _labels(frame[wanted[0]], collection.targets.classes) if collection and kind in ("classes", "binary") else None
    )
    counts = label_counts(collection) if collection is not None else {}
    if label is not None and collection is not None:
        counts = class_counts(label, split, len(collection.targets.classes))
    findings += _target_findings(collection, counts, wanted)
    together = collection is not None and collection.split_by is not None and collection.split_by.is_input
    forecast = collection is not None and collection.inputs.forecast is not None
    findings += row_findings(frame, columns, split, label, together)
    findings += text_findings(frame, columns, split)
    if not (split.any() or forecast or is_course) and (collection is None or collection.split_by is None or together):
        findings += [DataFinding("warning", what, advice) for what, advice in unlike_chance(frame, wanted)]
    shape, training, stops = prepared(collection)
    if (
        collection is not None and collection.inputs.columns and shape == collection.inputs.shape
    ):  # not yet told as features
        shape = (sum(column.features for column in columns),)
    return DataFacts(
        name,
        "table",
        (*stops, *findings),
        split_sizes(split),
        training,
        shape,
        _predicted(collection) if collection is not None else "",
        collection.targets.classes if collection is not None else (),
        counts,
        columns=columns,
        notes=tuple(note for note in collection.notes if not note.startswith("column "))
        if collection is not None
        else (),
    )


def _predicted(collection: Collection) -> str:
    forecast = collection.inputs.forecast
    return (
        target_in_words(collection.targets)
        if forecast is None
        else Said("looks.next_steps", count=forecast.horizon, name=repr(forecast.target))
    )


def _target_findings(
    collection: Collection | None, counts: dict[str, list[int]], wanted: Sequence[str]
) -> list[DataFinding]:
    if collection is None or collection.targets.kind == "labels" or collection.inputs.forecast is not None:
        return []
    if collection.targets.kind != "real":
        return class_findings(collection.targets.classes, counts)
    numbers = collection.train.targets.double().numpy()
    return [finding for place, name in enumerate(wanted) for finding in real_findings(name, numbers[:, place])]


def _target_names(targets: Targets) -> list[str]:
    if targets.kind == "labels":
        return list(targets.classes)
    return list(targets.names) or ["target"]


def _as_series(targets: Targets, values: torch.Tensor, wanted: list[str]) -> list[polars.Series]:
    import polars

    if targets.traits.one_class:
        return [polars.Series(wanted[0], [targets.classes[index] for index in values.tolist()])]
    return [polars.Series(name, column.numpy()) for name, column in zip(wanted, values.T, strict=True)]


def _labels(series: polars.Series, classes: Sequence[str]) -> np.ndarray:
    """int64 (rows,): the index of each row's class, −1 where it has none."""
    import polars

    places = {name: place for place, name in enumerate(classes)}
    return np.array([places.get(word, -1) for word in series.cast(polars.String).to_list()])
