"""Labelled series in .ts files, as the UEA and UCR archives have them (Bagnall et al. 2018; aeon, sktime).

    @classLabel true left right
    @data
    1.0,2.5,?:0.1,0.2,0.3:left        channels with colons between them, then the class; ? for nothing

NAME_TRAIN.ts finds NAME_TEST.ts beside it, which then is the test split. Shorter series are continued by their last value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from profundo.data.arrays import named_classes
from profundo.data.dataset_names import Task
from profundo.data.series.filling import filled_series
from profundo.data.splits.splits import Collection
from profundo.data.streams.archives import printable
from profundo.files import what_is_at
from profundo.languages import Said
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["LabelledSeries", "of_length", "read_ts", "ts_collection"]

LARGEST_FILE = 4 << 30
NOTHING = ("?", "nan", "NaN", "NA", "")
LABELS = ("@classlabel", "@targetlabel")


@dataclass(frozen=True, slots=True)
class LabelledSeries:
    """What a file holds. series: float64 (channels, steps) each; labels: as written, empty where there are none."""

    series: list[np.ndarray]
    labels: list[str]
    are_classes: bool

    @property
    def steps(self) -> int:
        """Of the longest."""
        return max(int(one.shape[1]) for one in self.series)


def ts_collection(path: Path, task: Task = "auto") -> Collection:
    """The series of a file, and of its partner if it is called NAME_TRAIN.ts: then that is the test split.

    Raises ProfundoError for what does not read, series without labels, and other channels in one part than in the other.
    """
    train, test = read_ts(path), None
    partner = path.with_name(path.name.replace("_TRAIN", "_TEST"))
    if partner != path and partner.is_file():
        test = read_ts(partner)
    parts = [part for part in (train, test) if part is not None]
    for part, where in zip(parts, (path, partner), strict=False):
        if not part.labels:
            raise ProfundoError(f"{where}: expected a label at the end of each series, as @classLabel true announces")
        if part.series[0].shape[0] != train.series[0].shape[0]:
            channels = f"{train.series[0].shape[0]} channels, as {path.name}, got {part.series[0].shape[0]}"
            raise ProfundoError(f"{where}: expected {channels}")
    steps = max(part.steps for part in parts)
    labels = [label for part in parts for label in part.labels]
    targets, values = _targets(labels, train.are_classes if task == "auto" else task != "real", path)
    short = sum(one.shape[1] < steps for part in parts for one in part.series)
    notes: tuple[str, ...] = (Said("readings.shorter_series_to", count=short, steps=steps),) if short else ()
    splits, begin = [], 0
    for part, where in zip(parts, (path, partner), strict=False):
        whole, more = filled_series(_stacked(part.series, steps), str(where))
        splits.append(Samples(whole.float(), values[begin : begin + len(whole)]))
        notes += more
        begin += len(whole)
    if test is not None:
        notes += (Said("readings.test_split_is", name=partner.name),)
        _check_classes(targets, splits, path)
    name = path.stem.removesuffix("_TRAIN")
    inputs = Inputs((train.series[0].shape[0], steps), "series")
    return Collection(name, inputs, targets, splits[0], None, splits[1] if test is not None else None, notes=notes)


def read_ts(path: Path) -> LabelledSeries:
    """Raises ProfundoError that names the line for what does not read."""
    series: list[np.ndarray] = []
    labels: list[str] = []
    has_label = are_classes = begun = False
    for number, line in enumerate(_lines(path), 1):
        words = line.split()
        if not words or line.lstrip().startswith(("#", "%")):
            continue
        where = f"{path}: line {number}"
        if not begun:
            head = words[0].lower()
            begun = head == "@data"
            if head in LABELS:
                has_label = words[1:2] != ["false"]
                are_classes = head == LABELS[0]
            if head == "@timestamps" and words[1:2] == ["true"]:
                raise ProfundoError(f"{where}: expected values at even steps, got time stamps; leave them out")
            if not head.startswith("@"):
                raise ProfundoError(Said("refusals.ts_line", where=where, got=repr(line.strip()[:40])))
            continue
        channels = line.strip().split(":")
        if has_label:
            labels.append(printable(channels.pop().strip()))
        series.append(_channels(channels, where))
        if series[-1].shape[0] != series[0].shape[0]:
            raise ProfundoError(f"{where}: expected {series[0].shape[0]} channels, got {series[-1].shape[0]}")
    if not series:
        raise ProfundoError(Said("refusals.ts_empty", where=path))
    return LabelledSeries(series, labels, are_classes)


def of_length(series: np.ndarray, steps: int) -> np.ndarray:
    """(channels, steps): cut, or continued by the last value of each channel."""
    longer = steps - series.shape[1]
    return np.pad(series, ((0, 0), (0, longer)), mode="edge") if longer > 0 else series[:, :steps]


def _stacked(series: Sequence[np.ndarray], steps: int) -> Tensor:
    whole = []
    for one in series:
        there = np.isfinite(one).any(0)  # what is missing at the end is no value to go on with
        last = int(there.nonzero()[0][-1]) + 1 if there.any() else one.shape[1]
        whole.append(of_length(one[:, :last], steps))
    return torch.from_numpy(np.stack(whole))


def _lines(path: Path) -> Iterator[str]:
    try:
        if not path.is_file():
            raise ProfundoError(f"{path}: expected a file of series, found {what_is_at(path)}")
        if path.stat().st_size > LARGEST_FILE:
            raise ProfundoError(f"{path}: expected at most {LARGEST_FILE >> 30} GB; save the series as .npz")
        with path.open(encoding="utf-8") as file:
            yield from file
    except (OSError, UnicodeDecodeError) as error:
        raise ProfundoError(f"{path}: expected text in UTF-8: {' '.join(str(error).split())}") from None


def _channels(texts: list[str], where: str) -> np.ndarray:
    """float64 (channels, steps), shorter channels ending with NaN."""
    rows = []
    for text in texts:
        cells = [cell.strip() for cell in text.split(",")]
        try:
            rows.append([float("nan") if cell in NOTHING else float(cell) for cell in cells])
        except ValueError:
            wrong = next(cell for cell in cells if cell not in NOTHING and not _is_number(cell))
            raise ProfundoError(Said("refusals.ts_numbers", where=where, got=repr(wrong[:40]))) from None
    if not rows:
        raise ProfundoError(f"{where}: expected values before the label, got none")
    values = np.full((len(rows), max(map(len, rows))), np.nan)
    for place, row in enumerate(rows):
        values[place, : len(row)] = row
    if np.isinf(values).any():
        raise ProfundoError(f"{where}: expected finite numbers, got an infinite one")
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _targets(labels: list[str], are_classes: bool, path: Path) -> tuple[Targets, Tensor]:
    if are_classes:
        return named_classes(np.array(labels), path)
    try:
        values = torch.tensor([float(label) for label in labels], dtype=torch.float64).unsqueeze(1)
    except ValueError:
        wrong = next(label for label in labels if not _is_number(label))
        raise ProfundoError(f"{path}: expected numbers as targets, got {wrong[:40]!r}") from None
    if not values.isfinite().all():
        raise ProfundoError(f"{path}: expected finite numbers as targets; leave the others out")
    return Targets("real", names=("y",)), values


def _check_classes(targets: Targets, splits: Sequence[Samples], path: Path) -> None:
    if targets.kind == "real":
        return
    unseen = set(splits[1].targets.tolist()) - set(splits[0].targets.tolist())
    if unseen:
        raise ProfundoError(
            f"{path}: class {targets.classes[min(unseen)]!r} has series in the test split but none to train on; add some there"
        )
