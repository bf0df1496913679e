"""Predictions for files: images, or the rows of a CSV, with nothing but a run's folder."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from profundo.data.columns import encoded
from profundo.data.frames import raw_rows, read_frame
from profundo.data.images import decode, fitted
from profundo.recipes.folder import Folder
from profundo.recipes.models import load_model, predict
from profundo.records import Column, Inputs, ProfundoError, Spec

__all__ = ["predict_files"]

LARGEST_FILE = 64 << 20


def predict_files(run: str | Path, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each image or row: what it is ("input"), the "prediction", and for classes its "probability" and all of them.

    Images are made grey or colour and resized as the net expects. Raises ProfundoError for a file that does not read.
    """
    net, spec = load_model(Folder.open(run))
    if spec.inputs.kind == "image":
        names, inputs = [str(path) for path in files], torch.stack([read_image(path, spec.inputs) for path in files])
    else:
        names, parts = [], []
        for path in files:
            rows = read_rows(path, spec.inputs)
            names += [f"{path}, row {number}" for number in range(1, len(rows) + 1)]
            parts.append(rows)
        inputs = torch.cat(parts)
    return [describe(name, said, spec) for name, said in zip(names, predict(net, spec, inputs), strict=True)]


def describe(name: str, said: Tensor, spec: Spec) -> dict[str, Any]:
    targets = spec.targets
    if targets.kind == "real":
        values = said.tolist()
        return {"input": name, "prediction": values[0] if len(values) == 1 else values}
    shares = said.tolist() if targets.kind == "classes" else [1 - float(said), float(said)]
    best = max(range(len(shares)), key=shares.__getitem__)
    named = dict(zip(targets.classes, shares, strict=True))
    return {"input": name, "prediction": targets.classes[best], "probability": shares[best], "probabilities": named}


def read_image(path: Path, inputs: Inputs) -> Tensor:
    """uint8 (channels, height, width), scaled to cover the net's size and cut about the centre when it differs."""
    channels, height, width = inputs.shape
    try:
        if not path.is_file():
            raise ProfundoError(f"{path}: expected an image, found {'something else' if path.exists() else 'nothing'}")
        if path.stat().st_size > LARGEST_FILE:
            raise ProfundoError(f"{path}: expected an image of at most {LARGEST_FILE >> 20} MB; scale it down")
        pixels = decode(path.read_bytes())  # as for training
    except (OSError, ValueError) as error:
        raise ProfundoError(f"{path}: expected an image, but it does not read: {error}") from None
    return torch.from_numpy(fitted(pixels, (channels, height, width)).transpose(2, 0, 1).copy())


def read_columns(path: Path, columns: Sequence[Column]) -> Tensor:
    """float32 (rows, features) of a table as the net learned to see its columns. Unknown categories count as none."""
    frame = read_frame(path)
    missing = [column.name for column in columns if column.name not in frame.columns]
    if missing:
        raise ProfundoError(
            f"{path}: expected the columns {', '.join(column.name for column in columns)}; missing: {', '.join(missing)}"
        )
    return encoded(columns, raw_rows(frame, columns), [column.levels for column in columns])


def read_rows(path: Path, inputs: Inputs) -> Tensor:
    """float32 (rows, features) of a table with a header; columns are found by name, or taken in order without names."""
    if inputs.columns:
        return read_columns(path, inputs.columns)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise ProfundoError(f"{path}: expected a CSV with a header and rows: {error}") from None
    wanted = list(inputs.names) or header[: inputs.shape[0]]
    missing = [name for name in wanted if name not in header]
    if missing or len(wanted) != inputs.shape[0]:
        raise ProfundoError(
            f"{path}: expected the columns {', '.join(wanted)}; missing: {', '.join(missing) or 'some'}"
        )
    places = [header.index(name) for name in wanted]
    values = []
    for number, row in enumerate(rows, 1):
        try:
            numbers = [float(row[place]) for place in places]
            if not all(map(math.isfinite, numbers)):
                raise ValueError
        except (ValueError, IndexError):
            raise ProfundoError(f"{path}, row {number}: expected {len(header)} numbers, got {row}") from None
        values.append(numbers)
    if not values:
        raise ProfundoError(f"{path}: expected at least one row below the header")
    return torch.tensor(values)
