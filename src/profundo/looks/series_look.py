"""A look at series: labelled ones, and those in the rows of a table that are to be predicted further."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from profundo.data.series.forecast_rows import written
from profundo.data.series.forecast_windows import Stretch, series_rows, stretches
from profundo.data.series.steps import autocorrelation, moments_at, ranks, step_in_words
from profundo.data.splits.splits import Collection
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.tables.split_column import times
from profundo.languages import Said
from profundo.looks.class_findings import class_findings
from profundo.looks.data_facts import DataFacts, class_counts, label_counts, prepared, split_sizes, target_in_words
from profundo.looks.findings import DataFinding, Level, some
from profundo.looks.survey import SPLITS
from profundo.looks.table_facts import column_facts
from profundo.records import Forecast

if TYPE_CHECKING:
    import polars

__all__ = ["course_findings", "look_at_series"]

MOST_VALUES = 200_000  # of a channel, for its figures
STRAIGHT = 0.5  # share of the variance that a straight line explains, from which it is a trend
STILL = 10  # equal values in a row from which a series stands still
MANY = 0.05  # share of missing steps that is worth a warning


# ------------------------------------------------------------------------------------------------------------ labelled
def look_at_series(collection: Collection) -> DataFacts:
    """At series (samples, channels, steps) in memory: figures of each channel, flat ones, copies across splits."""
    import polars

    parts = {name: part for name in SPLITS if (part := getattr(collection, name)) is not None}
    series = torch.cat([part.inputs for part in parts.values()])
    numbers = torch.cat([torch.full((len(part),), SPLITS.index(name)) for name, part in parts.items()]).numpy()
    channels = series.transpose(0, 1).flatten(1)
    every = max(1, channels.shape[1] // MOST_VALUES)
    names = collection.inputs.names or [f"channel {at}" for at in range(1, len(channels) + 1)]
    frame = polars.DataFrame({name: one[::every].numpy() for name, one in zip(names, channels, strict=True)})
    targets, counts = collection.targets, label_counts(collection)
    findings = [*flat_findings(series), *copy_findings(series, numbers)]
    if targets.traits.one_class:
        labels = torch.cat([part.targets for part in parts.values()]).numpy()
        counts = class_counts(labels, numbers, len(targets.classes))
        findings += class_findings(targets.classes, counts)
    shape, training, stops = prepared(collection)
    return DataFacts(
        collection.name,
        "series",
        (*stops, *findings),
        split_sizes(numbers),
        training,
        shape,
        target_in_words(targets),
        targets.classes,
        counts,
        columns=column_facts(frame, [], targets.kind),
        notes=collection.notes,
    )


def flat_findings(series: Tensor) -> list[DataFinding]:
    """Series of which no channel ever changes."""
    flat = (series.amax(2) == series.amin(2)).all(1).nonzero().flatten().tolist()
    if not flat:
        return []
    places = some(flat, lambda at: Said("looks.series_at", number=at + 1))
    what = Said("looks.flat", count=len(flat), whole=len(series))
    return [DataFinding("warning", what, Said("looks.flat_do"), places)]


def copy_findings(series: Tensor, split: np.ndarray) -> list[DataFinding]:
    """Series that are in the test split and elsewhere, number for number."""
    contents = [one.numpy().tobytes() for one in series.contiguous()]
    known = Counter(content for content, where in zip(contents, split, strict=True) if where != 2)
    copies = [at for at, content in enumerate(contents) if split[at] == 2 and known[content]]
    if not copies:
        return []
    places = some(copies, lambda at: Said("looks.series_of_all", number=at + 1))
    what = Said("looks.series_copied", count=len(copies), whole=int((split == 2).sum()))
    return [DataFinding("error", what, Said("looks.series_copied_do"), places)]


# ------------------------------------------------------------------------------------------------------------ to predict
def course_findings(frame: polars.DataFrame, forecast: Forecast, where: str) -> list[DataFinding]:
    """Of the target of a table: gaps, season, trend, and where it stands still."""
    keys, _ = times(frame[forecast.time], where)
    raw = raw_rows(frame, [column for column in forecast.columns if column.name == forecast.target]).numpy()
    found = list(stretches(keys.numpy(), raw, series_rows(frame, forecast.series or None, where), forecast, where))
    longest = max(found, key=lambda one: len(one.there))
    return [
        *gap_findings(found, forecast),
        *still_findings(found, forecast),
        season_finding(longest, forecast),
        *trend_findings(longest, forecast),
    ]


def gap_findings(found: list[Stretch], forecast: Forecast) -> list[DataFinding]:
    steps, missing = sum(len(one.there) for one in found), sum(int((~one.there).sum()) for one in found)
    if not missing:
        return []
    length, begin, one = max((*longest_run(~one.there), number) for number, one in enumerate(found))
    since = written(float(moments_at(found[one].first, np.array([begin]), forecast)[0]), forecast)
    counts = {"missing": missing, "steps": steps, "step": step_in_words(forecast), "length": length}
    what = Said("looks.gaps", name=repr(forecast.target), since=since, **counts)
    level: Level = "warning" if missing > MANY * steps else "note"
    return [DataFinding(level, what, Said("looks.gaps_do"))]


def still_findings(found: list[Stretch], forecast: Forecast) -> list[DataFinding]:
    """Where a series has one value for long."""
    places = []
    for one in found:
        values = one.values[0]
        length, begin = longest_run(np.concatenate([[False], np.diff(values) == 0]))
        if length + 1 >= max(STILL, forecast.season):
            since = written(float(moments_at(one.first, np.array([begin - 1]), forecast)[0]), forecast)
            place = Said("looks.still_at", steps=length + 1, since=since, value=float(values[begin]))
            places.append(place if one.name is None else Said("looks.of", name=one.name, what=place))
    if not places:
        return []
    what = Said("looks.still", name=repr(forecast.target), steps=STILL)
    return [DataFinding("warning", what, Said("looks.still_do"), some(places))]


def season_finding(one: Stretch, forecast: Forecast) -> DataFinding:
    if forecast.season <= 1:
        return DataFinding("note", Said("looks.no_season", name=repr(forecast.target)), Said("looks.no_season_do"))
    strength = round(float(autocorrelation(ranks(one.values[0]))[forecast.season]), 2)
    what = Said("looks.season", name=repr(forecast.target), steps=forecast.season, strength=strength)
    return DataFinding("note", what, Said("looks.season_do"))


def trend_findings(one: Stretch, forecast: Forecast) -> list[DataFinding]:
    values = one.values[0]
    steps = np.arange(len(values))
    slope, level = np.polyfit(steps, values, 1)
    rest, whole = float(np.var(values - slope * steps - level)), float(np.var(values))
    if not whole > 0 or 1 - rest / whole < STRAIGHT:
        return []
    by, share = float(f"{abs(slope):.3g}"), round(100 * (1 - rest / whole))
    what = Said(f"looks.{'rises' if slope > 0 else 'falls'}", name=repr(forecast.target), slope=by, share=share)
    return [DataFinding("note", what, Said("looks.trend_do"))]


def longest_run(there: np.ndarray) -> tuple[int, int]:
    """(length, begin) of the longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(np.int8), [0]])))
    if not len(edges):
        return 0, 0
    begins, ends = edges[::2], edges[1::2]
    at = int((ends - begins).argmax())
    return int(ends[at] - begins[at]), int(begins[at])
