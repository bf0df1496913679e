"""Predictions of a finished run for images and rows, with nothing but its folder.

predictor("runs/digits-1").images([content])          # bytes of image files; sounds([content]) of sound files
predictor("runs/iris-1").rows([{"petal width (cm)": 0.2, …}])
predict_files("runs/digits-1", [Path("photos"), Path("one.png")])
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from profundo.data.new_inputs import Entry, array_of, ending_entries, entries, is_table, media_of, one_of, table_rows
from profundo.data.series.forecast_rows import endings_of_rows
from profundo.data.streams.archives import printable
from profundo.data.tables.new_rows import BadInputError, UnlikeTraining, features_of_rows
from profundo.evaluate.scores import PROBABILITIES
from profundo.kinds import InputKind
from profundo.languages import Said
from profundo.objectives import Objective
from profundo.records import ProfundoError, Spec
from profundo.runs.folder import Folder
from profundo.runs.manifest import check_files
from profundo.runs.opening import finished_training
from profundo.runs.prediction_record import described, in_columns
from profundo.runs.saved_model import load_model, load_objective, predict

__all__ = [
    "Answers",
    "BadInputError",
    "Predictor",
    "is_like_training",
    "predict_files",
    "predictions",
    "predictor",
]

MOST_VALUES = 2**22  # of one batch through the net: 16 MB as float32
MOST_INPUTS = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Predictor:
    """A saved net ready for use, on the CPU. Its methods may be called from several threads at once."""

    folder: Folder
    net: nn.Module
    spec: Spec
    objective: Objective
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def card(self) -> dict[str, Any]:
        """The model card as plain data: what the net is for, its data, scores, limits."""
        from profundo.use.model_card import card

        return card(self.folder)

    def telling_from(self, least: float) -> Predictor:
        """The same net, which tells of objects with a score of `least` or more. Raises ProfundoError for a net of other answers."""
        if self.spec.targets.traits.per != "object":
            raise ProfundoError(
                f"{self.folder.path}: --least, --coco and --draw are for nets that find objects, this one answers otherwise; leave "
                "it out"
            )
        if not 0 <= least <= 1:
            raise ProfundoError(f"score: expected a number from 0 to 1, got {least:g}")
        return replace(self, spec=replace(self.spec, targets=replace(self.spec.targets, threshold=least)))

    def images(self, contents: Sequence[bytes]) -> list[dict[str, Any]]:
        """What each image shows, given as the bytes of a file. Raises BadInputError with its index for what is no image."""
        return self._media("image", contents)

    def sounds(self, contents: Sequence[bytes]) -> list[dict[str, Any]]:
        """What is heard in each sound, given as the bytes of a file. Raises BadInputError with its index for what is none."""
        return self._media("sound", contents)

    def _media(self, kind: InputKind, contents: Sequence[bytes]) -> list[dict[str, Any]]:
        if self.spec.inputs.kind != kind:
            given = "rows with columns" if self.spec.inputs.kind == "features" else self.spec.inputs.things
            raise ProfundoError(
                f"{self.folder.path}: expected {given}, its net takes no {kind}s",
                told=Said(
                    "refusals.takes_none", where=self.folder.path, given=Said(f"refusals.of_{self.spec.inputs.things}")
                ),
            )
        names = [f"{kind} {number}" for number in range(1, len(contents) + 1)]
        values = []
        for index, content in enumerate(contents):
            try:
                values.append(media_of(content, self.spec.inputs))
            except (OSError, ValueError) as error:
                outputs = f"{names[index]}: expected {one_of(self.spec.inputs)}, but it does not read: {error}"
                reason = f": {error}" if str(error) else ""
                raise BadInputError(index, outputs, Said(f"refusals.unread_{kind}", reason=reason)) from None
        return self.described([Entry(name, one) for name, one in zip(names, values, strict=True)])

    def rows(self, rows: Sequence[Mapping[str, Any]], typed: bool = False) -> list[dict[str, Any]]:
        """What follows from each row, given by column name: numbers, words, truth values, dates as text, None for nothing.

        typed: texts are what a person typed: numbers in them may be written otherwise than in the training table.
        Raises BadInputError with the row's index for a column that is missing and a value of the wrong kind.
        """
        if self.spec.inputs.forecast is not None:
            return self.forecasts(rows)
        if self.spec.inputs.kind != "features":
            raise ProfundoError(f"{self.folder.path}: expected {self.spec.inputs.things}, its net takes no rows")
        try:
            features = features_of_rows(rows, self.spec.inputs, typed)
        except BadInputError as error:
            raise BadInputError(error.index, f"row {error.index + 1}: {error}", error.told) from None
        ids = [{name: row[name] for name in self.spec.inputs.form.ids if name in row} for row in rows]
        results = [
            Entry(f"row {place}", values, notices=notices, ids=own)
            for place, (values, notices, own) in enumerate(zip(features.values, features.notices, ids, strict=True), 1)
        ]
        return self.described(results)

    def forecasts(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """How the series in rows of a table go on. Raises BadInputError for a row, or a series, that cannot be used."""
        coming = list(ending_entries(endings_of_rows(rows, self.spec.inputs), self.spec.inputs, "rows"))
        for entry in coming:
            if entry.values is None:
                raise BadInputError(len(rows) - 1, entry.fault)
        return self.described(coming)

    def arrays(self, arrays: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """What follows from each array or series, given as nested lists of numbers in the net's shape; null in a series is a
        hole, which is filled. Raises BadInputError with its index for another shape."""
        inputs, entries = self.spec.inputs, []
        if inputs.kind in ("image", "features"):
            raise ProfundoError(f"{self.folder.path}: expected {inputs.things}, its net takes no arrays")
        for index, one in enumerate(arrays):
            name = f"{inputs.traits.one} {index + 1}"
            try:
                values, notices = array_of(one, inputs, name)
            except ProfundoError as error:
                raise BadInputError(index, str(error)) from None
            entries.append(Entry(name, values, notices=notices))
        return self.described(entries)

    def described(self, inputs: Sequence[Entry]) -> list[dict[str, Any]]:
        """Of inputs that could be read: "input", "prediction" and what `describe` tells; "id" where columns say which row it
        is, "notices" where one lacked something."""
        values = [entry.values for entry in inputs if entry.values is not None]
        if not values:
            return []
        names = [entry.name for entry in inputs]
        if self.spec.targets.traits.per != "sample":  # each of its own size
            each = zip(names, values, strict=True)
            records = [one for name, own in each for one in self.recorded([name], own.unsqueeze(0))]
        else:
            records = self.recorded(names, torch.stack(values))
        for one, entry in zip(records, inputs, strict=True):
            if entry.ids:
                one["id"] = dict(entry.ids)
            if entry.notices:
                one["notices"] = list(with_promise(entry.notices, self.spec))
            if entry.moments:
                one |= course(one, entry.moments)
        return records

    def recorded(self, names: Sequence[str], values: torch.Tensor) -> list[dict[str, Any]]:
        return described(names, self.outputs(values), self.spec, self.probable)

    def outputs(self, values: torch.Tensor) -> Any:
        """What `predict` gives for raw inputs (batch, *shape)."""
        with self._one_at_a_time:  # a net may keep what it computed first for later calls
            return predict(self.net, self.spec, values, self.objective)

    @property
    def probable(self) -> bool:
        """Whether outputs of classes are probabilities."""
        return self.objective.quantity == PROBABILITIES


def with_promise(notices: tuple[str, ...], spec: Spec) -> tuple[str, ...]:
    """Notices about a row; of one such as training had none also that its interval promises nothing."""
    if not spec.targets.margins or is_like_training(notices):
        return notices
    return (*notices, Said("readings.not_promised"))


def is_like_training(notices: Iterable[str]) -> bool:
    """Whether nothing in them says that training had no such row."""
    return not any(isinstance(notice, UnlikeTraining) for notice in notices)


def course(record: Mapping[str, Any], moments: Sequence[str]) -> dict[str, Any]:
    """Of a forecast its "times", and a list of what is said of each step, be it one."""
    steps = {name: record[name] for name in ("prediction", "low", "high") if name in record}
    return {"times": list(moments)} | {name: one if isinstance(one, list) else [one] for name, one in steps.items()}


def predictor(run: str | Path) -> Predictor:
    """The net of a finished run. Raises ProfundoError when there is none, or a file of it is damaged."""
    folder = finished_training(run)
    net, spec = load_model(folder)
    ready = Predictor(folder, net, spec, load_objective(folder, spec))
    check_files(folder)  # a notice is enough: the model's own files vouch for each other. After what may be refused
    return ready


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions of many rows of a table, column by column: all of them, or those without a fault.

    columns: as `in_columns` has them; ids: the columns that say which row it is; notices: sentences about what rows lacked.
    """

    names: Sequence[str]
    columns: Mapping[str, list[Any]]
    ids: Mapping[str, Sequence[object]]
    notices: Sequence[tuple[str, ...]]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def records(self) -> Iterator[dict[str, Any]]:
        """Each as `described` tells it."""
        columns = dict(self.columns)
        shares = zip(*columns.pop("probabilities", [[]] * len(self)), strict=True)
        for place, name in enumerate(self.names):
            record = {"input": name, **{key: values[place] for key, values in columns.items()}}
            if "probabilities" in self.columns:
                record["probabilities"] = dict(zip(self.classes, next(shares), strict=True))
            if self.ids:
                record["id"] = {key: values[place] for key, values in self.ids.items()}
            if self.notices[place]:
                record["notices"] = list(self.notices[place])
            yield record


def predictions(ready: Predictor, files: Sequence[Path]) -> Iterator[dict[str, Any] | Answers | Entry]:
    """For each image or row in the files, in their order, what `described` tells; rows of tables many at a time; the Entry
    itself where it has a fault.

    Reads a batch at a time, so that the number of files does not matter; the faults of a batch come before the rest of it.
    """
    inputs = ready.spec.inputs
    size = max(1, min(MOST_INPUTS, MOST_VALUES // math.prod(inputs.shape)))
    for is_rows, group in groupby(files, lambda path: is_table(path, inputs)):
        if is_rows:
            for path in group:
                yield from _of_table(ready, path)
            continue
        coming = entries(group, inputs)
        while batch := list(islice(coming, size)):
            yield from (entry for entry in batch if entry.values is None)
            yield from ready.described([entry for entry in batch if entry.values is not None])


def _of_table(ready: Predictor, path: Path) -> Iterator[Answers | Entry]:
    try:
        for rows in table_rows(path, ready.spec.inputs):
            faults = rows.features.faults
            if faults:
                yield from (entry for entry in rows if entry.values is None)
            places = [place for place in range(len(rows.names)) if place not in faults] if faults else None
            values = rows.features.values if places is None else rows.features.values[places]
            if len(values):
                columns = in_columns(ready.outputs(values), ready.spec, ready.probable)
                ids = {name: _some(own, places) for name, own in rows.ids.items()}
                told = _some(rows.features.notices, places)
                notices = [own and with_promise(own, ready.spec) for own in told] if any(told) else told
                yield Answers(_some(rows.names, places), columns, ids, notices, ready.spec.targets.classes)
    except ProfundoError as error:
        yield Entry(printable(str(path)), None, printable(str(error)))


def _some(values: Sequence[T], places: list[int] | None) -> Sequence[T]:
    return values if places is None else [values[place] for place in places]


def predict_files(run: str | Path, files: Sequence[Path]) -> list[dict[str, Any]]:
    """All predictions for the files. Raises ProfundoError for the first input that cannot be read.

    Images are made grey or colour and resized as the net expects.
    """
    told: list[dict[str, Any]] = []
    for one in predictions(predictor(run), files):
        if isinstance(one, Entry):
            raise ProfundoError(one.fault)
        told += one.records() if isinstance(one, Answers) else [one]
    return told
