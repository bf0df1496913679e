"""One prediction as a record that people and programs read: the input, the answer, its probabilities by name."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from profundo.records import Spec

__all__ = ["describe"]


def describe(name: str, predictions: Tensor, spec: Spec, probable: bool = True) -> dict[str, Any]:
    """For each image or row: what it is ("input"), the "prediction", and for classes its "probability" and all of them.

    predictions: one row of what `predict` gives; probable: whether these are probabilities, or bare answers (hinge).
    """
    targets = spec.targets
    if targets.kind == "real":
        values = predictions.tolist()
        return {"input": name, "prediction": values[0] if len(values) == 1 else values}
    if targets.kind == "labels":
        by_label = dict(zip(targets.classes, predictions.tolist(), strict=True))
        there = [label for label, share in by_label.items() if share >= 0.5]
        return {"input": name, "prediction": there, "probabilities": by_label}
    shares = predictions.tolist() if targets.kind == "classes" else [1 - float(predictions), float(predictions)]
    best = max(range(len(shares)), key=shares.__getitem__)
    if targets.kind == "binary":
        best = int(shares[1] >= targets.threshold)
    if not probable:
        return {"input": name, "prediction": targets.classes[best]}
    named = dict(zip(targets.classes, shares, strict=True))
    return {"input": name, "prediction": targets.classes[best], "probability": shares[best], "probabilities": named}
