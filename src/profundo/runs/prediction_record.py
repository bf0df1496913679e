"""Predictions as records that people and programs read: the input, the answer, its probabilities by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from profundo.records import Spec

__all__ = ["described", "in_columns"]


def in_columns(predictions: Tensor, spec: Spec, probable: bool = True) -> dict[str, list[Any]]:
    """What `predict` gives for a batch: the "prediction" of each, and for classes its "probability" and "probabilities", a
    list for each class or label.

    probable: whether these are probabilities, or bare answers (hinge).
    """
    targets, predictions = spec.targets, predictions.double()
    if targets.kind == "real":
        values = predictions.reshape(len(predictions), -1)
        return {"prediction": values[:, 0].tolist() if values.shape[1] == 1 else values.tolist()}
    if targets.kind == "labels":
        there = [[targets.classes[at] for at in row.nonzero().flatten().tolist()] for row in predictions >= 0.5]
        return {"prediction": there, "probabilities": predictions.T.tolist()}
    shares = predictions if targets.kind == "classes" else torch.stack([1 - predictions, predictions], 1)
    best = (shares[:, 1] >= targets.threshold).long() if targets.kind == "binary" else shares.argmax(1)
    names = [targets.classes[at] for at in best.tolist()]
    if not probable:
        return {"prediction": names}
    probability = shares.gather(1, best.unsqueeze(1)).squeeze(1).tolist()
    return {"prediction": names, "probability": probability, "probabilities": shares.T.tolist()}


def described(names: Sequence[str], predictions: Tensor, spec: Spec, probable: bool = True) -> list[dict[str, Any]]:
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
