"""Predictions as records that people and programs read: the input, the answer, its probabilities by name."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.grids.mask_codes import mask_png
from profundo.evaluate.conformal import ends
from profundo.kinds import TargetKind
from profundo.records import Spec, Targets
from profundo.runs.found.object_record import of_objects

__all__ = ["described", "in_columns"]

Columns = dict[str, list[Any]]


def in_columns(predictions: Any, spec: Spec, probable: bool = True) -> Columns:
    """What `predict` gives for a batch: the "prediction" of each, and for classes its "probability" and "probabilities", a
    list for each class or label. Of real targets also the ends of their intervals, "low" and "high", where there are any. Of a
    mask the classes that are there, the largest first, their "shares" of the pixels, and the "mask" as a PNG in base64; of a
    map its mean, "least" and "greatest", and the "map" as a .npy in base64. Of objects see object_record.py.

    probable: whether these are probabilities, or bare answers (hinge).
    """
    values = predictions.double() if isinstance(predictions, Tensor) else predictions
    return COLUMNS[spec.targets.kind](values, spec.targets, probable)


def of_numbers(predictions: Tensor, targets: Targets, _probable: bool) -> Columns:
    values = {"prediction": predictions.reshape(len(predictions), -1)}
    if targets.margins:
        values["low"], values["high"] = ends(values["prediction"], targets)
    return {name: one[:, 0].tolist() if one.shape[1] == 1 else one.tolist() for name, one in values.items()}


def of_labels(predictions: Tensor, targets: Targets, _probable: bool) -> Columns:
    there = [[targets.classes[at] for at in row.nonzero().flatten().tolist()] for row in predictions >= 0.5]
    return {"prediction": there, "probabilities": predictions.T.tolist()}


def of_classes(predictions: Tensor, targets: Targets, probable: bool) -> Columns:
    shares = predictions if targets.kind == "classes" else torch.stack([1 - predictions, predictions], 1)
    best = (shares[:, 1] >= targets.threshold).long() if targets.kind == "binary" else shares.argmax(1)
    names = list(map(targets.classes.__getitem__, best.tolist()))
    if not probable:
        return {"prediction": names}
    probability = shares.gather(1, best.unsqueeze(1)).squeeze(1).tolist()
    return {"prediction": names, "probability": probability, "probabilities": shares.T.tolist()}


def of_masks(predictions: Tensor, targets: Targets, _probable: bool) -> Columns:
    best = predictions.argmax(1)
    counts = [torch.bincount(one.flatten(), minlength=len(targets.classes)).double() for one in best]
    shares = [dict(zip(targets.classes, (own / own.sum()).tolist(), strict=True)) for own in counts]
    there = [sorted((name for name, share in own.items() if share), key=lambda name: -own[name]) for own in shares]
    masks = [in_base64(mask_png(one.numpy(), targets.codes or range(len(targets.classes)))) for one in best]
    return {"prediction": there, "shares": shares, "mask": masks}


def of_maps(predictions: Tensor, _targets: Targets, _probable: bool) -> Columns:
    values = predictions.flatten(1)
    ends = {"least": values.amin(1).tolist(), "greatest": values.amax(1).tolist()}
    return {"prediction": values.mean(1).tolist(), **ends, "map": [in_base64(npy(one.numpy())) for one in predictions]}


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values.astype(np.float32), allow_pickle=False)
    return file.getvalue()


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


COLUMNS: Mapping[TargetKind, Callable[[Any, Targets, bool], Columns]] = {
    "real": of_numbers,
    "labels": of_labels,
    "classes": of_classes,
    "binary": of_classes,
    "mask": of_masks,
    "map": of_maps,
    "objects": of_objects,
}


def described(names: Sequence[str], predictions: Any, spec: Spec, probable: bool = True) -> list[dict[str, Any]]:
    """For each image or row a record: what it is ("input"), and what `in_columns` says of it by name."""
    columns = in_columns(predictions, spec, probable)
    by_name = columns.pop("probabilities", None)
    records = [
        {"input": name, **dict(zip(columns, values, strict=True))}
        for name, *values in zip(names, *columns.values(), strict=True)
    ]
    if by_name is not None:
        for record, shares in zip(records, zip(*by_name, strict=True), strict=True):
            record["probabilities"] = dict(zip(spec.targets.classes, shares, strict=True))
    return records
