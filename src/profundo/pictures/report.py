"""A finished experiment → one HTML page that needs no network, no script and no other file.

The page answers in the order a reader asks: how good is it, how did it get there, what does it confuse, where is it
most wrong, what were the data, what is the net, what was asked, where did it run, how do I repeat it. Everything that
came from outside (class names, settings, paths) is escaped, and a content security policy forbids scripts and network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import isfinite
from typing import TYPE_CHECKING, Any

from profundo.pictures import numbers
from profundo.pictures.curves import curves_svg, scatter_svg
from profundo.pictures.images import image_grid
from profundo.pictures.rendering import rendered
from profundo.records import LayerRow, Scores, Spec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Report", "Worst", "report_html"]

LARGEST_MATRIX = 20  # classes; above, only the most confused pairs are listed
MOST_PAIRS = 15
MOST_CLASS_STRIPS = 12  # distinct labels up to which examples are shown in one strip a class
MOST_IN_A_STRIP = 12
MOST_TILES = 48
IN_A_ROW = 8  # augmented images
MOST_EPOCH_ROWS = 200
MOST_COLUMNS = 12  # features shown of a mistaken row
LONG_TABLE = 25  # rows; longer ones begin folded
SHARES = {"accuracy", "balanced accuracy", "precision", "recall", "top-5 accuracy", "error"}
ORDER = {"loss": 0, "error": 1, "accuracy": 2}  # of the pictures that are seen at once; the rest comes after, folded
SPLITS = ("training", "validation", "test")
WHOLE_RUN = "whole run"  # what belongs to no split, such as the learning rate
NOT_CURVES = {"epoch", "seconds", "samples"}


@dataclass(frozen=True, slots=True)
class Worst:
    """One sample with a large loss. image: uint8 (channels, height, width); row: its features in raw units;
    confidence: the probability that the network gave to its prediction."""

    truth: str
    prediction: str
    loss: float
    confidence: float | None = None
    image: Tensor | None = None
    row: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page tells. What is empty or None is left out.

    scores, validation_scores: of the kept network on the test and validation split.
    history: one value per epoch by name; "x" and "validation x" are drawn in one picture. best_epoch counts from 0;
    best_kept: whether its weights are those of the network, not the last epoch's.
    counts: samples per class of each split; one number for real targets.
    examples: raw uint8 images (images, channels, height, width) with one label each.
    augmented: raw uint8 images by rows of 8, a training image as it is and as it comes in 7 steps.
    seconds: by phase. asked: the settings of the experiment, nested or flat. command: repeats the run.
    scatter: true and predicted values of a real target on the test split.
    """

    title: str
    spec: Spec
    scores: Scores
    command: str
    validation_scores: Scores | None = None
    asked: Mapping[str, object] = field(default_factory=dict)
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    examples: Tensor | None = None
    example_labels: Sequence[str] = ()
    augmented: Tensor | None = None
    layers: Sequence[LayerRow] = ()
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    best_kept: bool = True
    worst: Sequence[Worst] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    scatter: tuple[Sequence[float], Sequence[float]] | None = None


def report_html(report: Report) -> str:
    """The whole page as text. The same report gives the same page, byte for byte."""
    return rendered(
        "report.html.j2",
        report=report,
        main=_main(report),
        scores=_score_rows(report),
        charts=_charts(report),
        epochs=_epoch_table(report),
        matrix=_matrix(report),
        pairs=_pairs(report),
        mistakes=[_mistake(worst, report) for worst in report.worst],
        columns=_columns(report),
        strips=_strips(report),
        tiles=_tiles(report),
        augmented=_augmented(report),
        counts=_counts(report),
        inputs=_inputs(report),
        phases=_phases(report.seconds),
        asked=numbers.flat(report.asked),
        environment=numbers.flat(report.environment),
        scatter=_scatter(report),
        parameters=sum(layer.parameters for layer in report.layers),
        flops=sum(layer.flops for layer in report.layers),
        long=LONG_TABLE,
    )


def _main(report: Report) -> dict[str, Any]:
    """The figure that the reader came for, beside the constant predictor's."""
    values, baseline = report.scores.values, report.scores.baseline
    name = next((n for n in ("accuracy", "RMSE", "MAE", "log loss") if n in values), next(iter(values), ""))
    value, constant = values.get(name, float("nan")), baseline.get(name)
    rising = name in SHARES - {"error"} or name == "R²"
    better = constant is not None and (value > constant if rising else value < constant)
    return {
        "name": name,
        "text": _score(name, value),
        "constant": None if constant is None else _score(name, constant),
        "right": round(value * report.scores.samples) if name == "accuracy" and 0 <= value <= 1 else None,
        "better": better,
        "rule": "the mean of the training targets" if report.spec.targets.kind == "real" else "the most frequent class",
        "thing": "images" if report.spec.inputs.kind == "image" else "rows",
    }


def _score(name: str, value: float) -> str:
    return numbers.percent(value) if name in SHARES else numbers.plain(value)


def _score_rows(report: Report) -> list[tuple[str, list[str]]]:
    """(metric, [test, validation, constant]) with a dash for what was not measured."""
    validation = report.validation_scores.values if report.validation_scores else {}
    sources = [report.scores.values, *([validation] if validation else []), report.scores.baseline]
    return [
        (name, [_score(name, source[name]) if name in source else "–" for source in sources])
        for name in report.scores.values
    ]


def _charts(report: Report) -> list[dict[str, Any]]:
    """One picture per quantity: training and validation together, losses first, then accuracies, then the rest."""
    from markupsafe import Markup

    grouped: dict[str, dict[str, Sequence[float]]] = {}
    for key, values in report.history.items():
        if key in NOT_CURVES or not len(values):
            continue
        split, _, quantity = key.partition(" ")
        if split not in SPLITS:
            split, quantity = "training" if key in ORDER or f"validation {key}" in report.history else WHOLE_RUN, key
        grouped.setdefault(quantity, {})[split] = values
    ranked = sorted(grouped.items(), key=lambda item: ORDER.get(item[0], 3))
    return [
        {
            "svg": Markup(_chart(quantity, curves, report.best_epoch)),
            "caption": _caption(quantity, curves, report.best_epoch),
            "first": quantity in ORDER or index == 0,
        }
        for index, (quantity, curves) in enumerate(ranked)
    ]


def _chart(quantity: str, curves: Mapping[str, Sequence[float]], best: int | None) -> str:
    label = f"{next(iter(curves))} {quantity}" if len(curves) == 1 and WHOLE_RUN not in curves else quantity
    mark = best if "validation" in curves else None
    return curves_svg(curves, x_label="epoch", y_label=label, mark=mark, percent=quantity in SHARES)


def _caption(quantity: str, curves: Mapping[str, Sequence[float]], best: int | None) -> str:
    split = "" if WHOLE_RUN in curves else f", on the {' and the '.join(curves)} split"
    marked = "; dotted: the best epoch" if best is not None and "validation" in curves else ""
    gaps = " Gaps are epochs without a finite value." if any(not all(map(isfinite, c)) for c in curves.values()) else ""
    return f"{quantity[:1].upper()}{quantity[1:]} after each epoch{split}{marked}.{gaps}"


def _epoch_table(report: Report) -> dict[str, Any]:
    """The same figures as a table; of many epochs, evenly spaced ones and the best."""
    history = {key: values for key, values in report.history.items() if key != "epoch" and len(values)}
    length = max(map(len, history.values()), default=0)
    step = max(1, -(-length // MOST_EPOCH_ROWS))
    shown = [epoch for epoch in range(length) if epoch % step == 0 or epoch in (length - 1, report.best_epoch)]
    rows = [
        (epoch, [_score(key.split(" ")[-1], v[epoch]) if epoch < len(v) else "–" for key, v in history.items()])
        for epoch in shown
    ]
    return {"names": list(history), "rows": rows, "length": length, "thinned": len(shown) < length}


def _matrix(report: Report) -> list[dict[str, Any]]:
    """Rows of the confusion matrix; each cell has its count and its heat, from 0 to 1 of its own colour."""
    confusion = report.scores.confusion
    if not 0 < len(confusion) <= LARGEST_MATRIX:
        return []
    names = _names(report)
    most = max((n for i, row in enumerate(confusion) for j, n in enumerate(row) if i != j), default=0)
    return [
        {
            "name": names[i],
            "samples": sum(row),
            "recall": row[i] / sum(row) if sum(row) else None,
            "cells": [
                {"count": n, "right": i == j, "heat": f"{n / max(1, sum(row) if i == j else most):.3f}"}
                for j, n in enumerate(row)
            ],
        }
        for i, row in enumerate(confusion)
    ]


def _pairs(report: Report) -> list[dict[str, Any]]:
    """The most confused pairs (true, predicted), most frequent first."""
    confusion, names = report.scores.confusion, _names(report)
    found = [(n, i, j) for i, row in enumerate(confusion) for j, n in enumerate(row) if i != j and n > 0]
    found.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return [
        {"truth": names[i], "prediction": names[j], "count": n, "share": n / sum(confusion[i])}
        for n, i, j in found[:MOST_PAIRS]
    ]


def _names(report: Report) -> list[str]:
    classes = report.spec.targets.classes
    return [classes[i] if i < len(classes) else f"class {i}" for i in range(len(report.scores.confusion))]


def _mistake(worst: Worst, report: Report) -> dict[str, Any]:
    right = report.spec.targets.kind != "real" and worst.truth == worst.prediction
    picture = None if worst.image is None else image_grid(worst.image[None], 1)
    return {"worst": worst, "right": right, "picture": picture, "pixelated": _small(worst.image)}


def _columns(report: Report) -> list[str]:
    """Feature columns shown beside the mistakes."""
    rows = [worst.row for worst in report.worst if worst.row]
    return list(rows[0])[:MOST_COLUMNS] if rows else []


def _small(images: Tensor | None) -> bool:
    """Whether single pixels should stay visible when the page enlarges the picture."""
    return images is not None and max(images.shape[-2:]) <= 96


def _strips(report: Report) -> list[dict[str, Any]]:
    """One strip of examples per class, while the classes are few; all strips have the same number of places."""
    images, labels = report.examples, report.example_labels
    if images is None or len(labels) != len(images) or len(set(labels)) > MOST_CLASS_STRIPS:
        return []
    classes = list(report.spec.targets.classes)
    place = {name: index for index, name in enumerate(classes)}
    order = sorted(range(len(labels)), key=lambda at: (place.get(labels[at], len(place)), labels[at]))
    groups = [(label, list(at)[:MOST_IN_A_STRIP]) for label, at in groupby(order, key=lambda at: labels[at])]
    columns = max(len(at) for _, at in groups)
    return [
        {"label": label, "number": len(at), "picture": image_grid(images[at], columns), "columns": columns}
        for label, at in groups
    ]


def _tiles(report: Report) -> dict[str, Any]:
    """Examples of many classes one by one with their labels; examples without labels as one grid."""
    images, labels = report.examples, report.example_labels
    if images is None or len(images) == 0:
        return {"grid": None, "each": [], "pixelated": False}
    if len(labels) != len(images):
        return {"grid": image_grid(images), "each": [], "pixelated": _small(images), "number": len(images)}
    many = len(set(labels)) > MOST_CLASS_STRIPS
    each = [(label, image_grid(images[at : at + 1], 1)) for at, label in enumerate(labels[:MOST_TILES])] if many else []
    return {"grid": None, "each": each, "pixelated": _small(images)}


def _augmented(report: Report) -> dict[str, Any] | None:
    images = report.augmented
    return None if images is None else {"picture": image_grid(images, IN_A_ROW), "pixelated": _small(images)}


def _counts(report: Report) -> dict[str, Any]:
    """Rows are classes, columns splits; each cell has its count and its length relative to the column's largest."""
    splits = list(report.counts)
    classes = report.spec.targets.classes
    totals = [sum(report.counts[split]) for split in splits]
    per_class = bool(classes) and all(len(report.counts[split]) == len(classes) for split in splits)
    most = [max((*report.counts[split], 1)) for split in splits]
    rows = [
        (
            name,
            [(report.counts[s][i], f"{100 * report.counts[s][i] / m:.1f}") for s, m in zip(splits, most, strict=True)],
        )
        for i, name in enumerate(classes)
    ]
    return {"splits": splits, "rows": rows if per_class else [], "totals": totals}


def _inputs(report: Report) -> list[tuple[str, str, str]]:
    """(name, mean, standard deviation) of each channel or feature."""
    inputs = report.spec.inputs
    if inputs.kind == "image":
        channels = {1: ("grey",), 3: ("red", "green", "blue")}
        names: Sequence[str] = channels.get(len(inputs.mean), tuple(f"channel {i}" for i in range(len(inputs.mean))))
    else:
        names = inputs.names or tuple(f"feature {i}" for i in range(len(inputs.mean)))
    return [
        (name, numbers.plain(mean), numbers.plain(std))
        for name, mean, std in zip(names, inputs.mean, inputs.std, strict=False)
    ]


def _phases(seconds: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """(phase, duration, length in percent of the longest)."""
    longest = max((s for s in seconds.values()), default=0) or 1
    return [(name, numbers.duration(s), f"{100 * s / longest:.1f}") for name, s in seconds.items()]


def _scatter(report: Report) -> Any:
    from markupsafe import Markup

    if report.scatter is None:
        return None
    name = report.spec.targets.names[0] if len(report.spec.targets.names) == 1 else "value"
    return Markup(scatter_svg(*report.scatter, name=name))
