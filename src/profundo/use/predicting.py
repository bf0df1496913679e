"""Predictions of a finished run for images and rows, with nothing but its folder.

predictor("runs/digits-1").images([content])          # bytes of image files
predictor("runs/iris-1").rows([{"petal width (cm)": 0.2, …}])
predict_files("runs/digits-1", [Path("photos"), Path("one.png")])
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from profundo.data.new_inputs import Entry, entries, image_of
from profundo.data.tables.new_rows import BadInputError, features_of_rows
from profundo.evaluate.scores import PROBABILITIES
from profundo.objectives import Objective
from profundo.records import ProfundoError, Spec
from profundo.runs.folder import Folder
from profundo.runs.manifest import check_files
from profundo.runs.opening import finished_training
from profundo.runs.prediction_record import describe
from profundo.runs.saved_model import load_model, load_objective, predict

__all__ = [
    "BadInputError",
    "Predictor",
    "predict_files",
    "predictions",
    "predictor",
]

MOST_VALUES = 2**22  # of one batch through the net: 16 MB as float32
MOST_INPUTS = 1000


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

    def images(self, contents: Sequence[bytes]) -> list[dict[str, Any]]:
        """What each image shows, given as the bytes of a file. Raises BadInputError with its index for what is no image."""
        if self.spec.inputs.kind != "image":
            raise ProfundoError(f"{self.folder.path}: expected rows with columns, its net takes no images")
        names = [f"image {number}" for number in range(1, len(contents) + 1)]
        values = []
        for index, content in enumerate(contents):
            try:
                values.append(image_of(content, self.spec.inputs))
            except (OSError, ValueError) as error:
                outputs = f"{names[index]}: expected an image, but it does not read: {error}"
                raise BadInputError(index, outputs) from None
        return self.described([Entry(name, one) for name, one in zip(names, values, strict=True)])

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What follows from each row, given by column name: numbers, words, truth values, dates as text, None for nothing.

        Raises BadInputError with the row's index for a column that is missing and a value of the wrong kind.
        """
        if self.spec.inputs.kind == "image":
            raise ProfundoError(f"{self.folder.path}: expected images, its net takes no rows")
        try:
            features = features_of_rows(rows, self.spec.inputs)
        except BadInputError as error:
            raise BadInputError(error.index, f"row {error.index + 1}: {error}") from None
        ids = [{name: row[name] for name in self.spec.inputs.form.ids if name in row} for row in rows]
        results = [
            Entry(f"row {place}", values, notices=notices, ids=own)
            for place, (values, notices, own) in enumerate(zip(features.values, features.notices, ids, strict=True), 1)
        ]
        return self.described(results)

    def described(self, inputs: Sequence[Entry]) -> list[dict[str, Any]]:
        """Of inputs that could be read: "input", "prediction" and what `describe` tells; "id" where columns say which row it
        is, "notices" where one lacked something."""
        values = [entry.values for entry in inputs if entry.values is not None]
        if not values:
            return []
        with self._one_at_a_time:  # a net may keep what it computed first for later calls
            outputs = predict(self.net, self.spec, torch.stack(values), self.objective)
        probable = self.objective.quantity == PROBABILITIES
        told = [
            describe(entry.name, row, self.spec, probable=probable) for entry, row in zip(inputs, outputs, strict=True)
        ]
        for one, entry in zip(told, inputs, strict=True):
            if entry.ids:
                one["id"] = dict(entry.ids)
            if entry.notices:
                one["notices"] = list(entry.notices)
        return told


def predictor(run: str | Path) -> Predictor:
    """The net of a finished run. Raises ProfundoError when there is none, or a file of it is damaged."""
    folder = finished_training(run)
    net, spec = load_model(folder)
    ready = Predictor(folder, net, spec, load_objective(folder, spec))
    check_files(folder)  # a notice is enough: the model's own files vouch for each other. After what may be refused
    return ready


def predictions(ready: Predictor, files: Sequence[Path]) -> Iterator[dict[str, Any] | Entry]:
    """For each image or row in the files, in their order, what `describe` tells; the Entry itself where it has a fault.

    Reads a batch at a time, so that the number of files does not matter; the faults of a batch come before the rest of it.
    """
    coming = entries(files, ready.spec.inputs)
    size = max(1, min(MOST_INPUTS, MOST_VALUES // math.prod(ready.spec.inputs.shape)))
    while batch := list(islice(coming, size)):
        yield from (entry for entry in batch if entry.values is None)
        yield from ready.described([entry for entry in batch if entry.values is not None])


def predict_files(run: str | Path, files: Sequence[Path]) -> list[dict[str, Any]]:
    """All predictions for the files. Raises ProfundoError for the first input that cannot be read.

    Images are made grey or colour and resized as the net expects.
    """
    told = []
    for one in predictions(predictor(run), files):
        if isinstance(one, Entry):
            raise ProfundoError(one.fault)
        told.append(one)
    return told
