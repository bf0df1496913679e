"""What a run did, for its page: curves, classes, calibration, mistakes → what templates print. Names, order, thinning and
words; no figure is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from profundo.pictures import numbers
from profundo.pictures.bars import histogram_svg
from profundo.pictures.charts import curves_svg, residuals_svg, scatter_svg
from profundo.pictures.image_grid import image_grid
from profundo.pictures.reliability import Reliability, reliability_svg
from profundo.pictures.shown import Calibration, Fit, Value, Worst
from profundo.pictures.verdict import SHARES, score
from profundo.records import ClassScores

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "by_quantity",
    "calibration_part",
    "charts",
    "classes_part",
    "epoch_table",
    "fits_part",
    "matrix",
    "mistakes_part",
    "most_unusual",
    "pairs",
    "phases",
    "small",
]

LARGEST_MATRIX = 20  # classes; above, only the most confused pairs are listed
MOST_PAIRS = 15
MOST_EPOCH_ROWS = 200
MOST_COLUMNS = 7  # of a mistaken row, shown in full; of more, only the most unusual values
MOST_UNUSUAL = 4
UNUSUAL = 2.0  # standard deviations from which a value is marked
NOTABLE = 1.0  # and from which it is told at all, where there are too many to tell
FEW_CLASSES = 25  # rows of a table that is seen at once
WEAKEST = 12  # classes shown of many
MOST_FITS = 4  # real targets drawn
ORDER = {"loss": 0, "error": 1, "accuracy": 2, "exact match": 2, "label accuracy": 2, "RMSE": 2}
LAST = {"learning rate": 8, "gradient norm": 9}
SPLITS = ("training", "validation", "test")
WHOLE_RUN = "whole run"  # what belongs to no split, such as the learning rate
MEANS = ("loss", "gradient norm")  # over the updates of an epoch, where they are of training
NOT_CURVES = {"epoch", "seconds", "samples"}
READING = {
    "loss": "Both should fall; where validation turns up while training still falls, the network begins to learn by heart.",
    "accuracy": "The higher the better; a growing gap between training and validation is overfitting.",
    "RMSE": "The lower the better, in units of the target.",
    "learning rate": "How far each update may go, as the schedule had it.",
    "gradient norm": "Length of the gradient over all weights: steady or slowly falling is healthy, growth or spikes are not.",
}


# ------------------------------------------------------------------------------------------------ how it got there
def charts(history: Mapping[str, Sequence[float]], best: int | None) -> list[dict[str, Any]]:
    """One picture per quantity: training and validation together, losses first, then accuracies, then the rest."""
    from markupsafe import Markup

    ranked = sorted(by_quantity(history).items(), key=lambda item: ORDER.get(item[0], LAST.get(item[0], 5)))
    return [
        {
            "svg": Markup(_chart(quantity, curves, best)),
            "title": f"{quantity[:1].upper()}{quantity[1:]}",
            "caption": _caption(quantity, curves, best),
            "first": quantity in ORDER or quantity in LAST or index == 0,
        }
        for index, (quantity, curves) in enumerate(ranked)
    ]


def by_quantity(history: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Sequence[float]]]:
    """The curves of each quantity by split: "loss" and "validation loss" belong together."""
    grouped: dict[str, dict[str, Sequence[float]]] = {}
    for key, values in history.items():
        if key in NOT_CURVES or not len(values):
            continue
        split, _, quantity = key.partition(" ")
        if split not in SPLITS:
            split, quantity = "training" if key in ORDER or f"validation {key}" in history else WHOLE_RUN, key
        grouped.setdefault(quantity, {})[split] = values
    return grouped


def _chart(quantity: str, curves: Mapping[str, Sequence[float]], best: int | None) -> str:
    label = f"{next(iter(curves))} {quantity}" if len(curves) == 1 and WHOLE_RUN not in curves else quantity
    mark = best if "validation" in curves else None
    return curves_svg(curves, x_label="epoch", y_label=label, best=mark, percent=quantity in SHARES)


def _caption(quantity: str, curves: Mapping[str, Sequence[float]], best: int | None) -> str:
    split = "" if WHOLE_RUN in curves else f", on the {' and the '.join(curves)} split"
    marked = "; dotted: the best epoch" if best is not None and "validation" in curves else ""
    gaps = " Gaps are epochs without a finite value." if any(not all(map(isfinite, c)) for c in curves.values()) else ""
    reading = f" {READING[quantity]}" if quantity in READING and (quantity != "loss" or len(curves) > 1) else ""
    when = (
        "of each epoch, a mean over its updates"
        if quantity in MEANS and "validation" not in curves
        else "after each epoch"
    )
    mean = "; of training, the mean over the epoch’s updates" if quantity in MEANS and len(curves) > 1 else ""
    return f"{quantity[:1].upper()}{quantity[1:]} {when}{split}{mean}{marked}.{reading}{gaps}"


def epoch_table(history: Mapping[str, Sequence[float]], best: int | None) -> dict[str, Any]:
    """The same figures as a table; of many epochs, evenly spaced ones and the best."""
    history = {key: values for key, values in history.items() if key != "epoch" and len(values)}
    length = max(map(len, history.values()), default=0)
    step = max(1, -(-length // MOST_EPOCH_ROWS))
    shown = [epoch for epoch in range(length) if epoch % step == 0 or epoch in (length - 1, best)]
    rows = [(epoch, [_cell(key, v[epoch]) if epoch < len(v) else "–" for key, v in history.items()]) for epoch in shown]
    return {"names": list(history), "rows": rows, "length": length, "thinned": len(shown) < length}


def _cell(key: str, value: float) -> str:
    split, _, quantity = key.partition(" ")
    return score(quantity if split in SPLITS else key, value)


def phases(seconds: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """(phase, duration, length in percent of the longest)."""
    longest = max((s for s in seconds.values()), default=0) or 1
    return [(name, numbers.duration(s), f"{100 * s / longest:.1f}") for name, s in seconds.items()]


# ------------------------------------------------------------------------------------------------------- per class
def classes_part(per_class: Sequence[ClassScores]) -> dict[str, Any]:
    """Rows of the table of classes; of many, first those with the lowest F1."""
    rows = [_class_row(one) for one in per_class]
    many = len(rows) > FEW_CLASSES
    weakest = sorted(range(len(rows)), key=lambda at: (per_class[at].f1, at))[:WEAKEST] if many else []
    return {
        "rows": rows,
        "weakest": [rows[at] for at in weakest if per_class[at].samples],
        "auc": any(one.auc is not None for one in per_class),
    }


def _class_row(one: ClassScores) -> dict[str, Any]:
    auc = "–" if one.auc is None else f"{one.auc:.3f}"
    found = "–" if not one.samples else numbers.percent(one.recall)
    return {
        "name": one.name,
        "samples": one.samples,
        "precision": numbers.percent(one.precision),
        "recall": found,
        "f1": f"{one.f1:.3f}",
        "length": f"{100 * one.f1:.1f}" if isfinite(one.f1) else "0",
        "auc": auc,
    }


def matrix(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the confusion matrix; each cell has its count and its heat, from 0 to 1 of its own colour."""
    if not 0 < len(confusion) <= LARGEST_MATRIX:
        return []
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


def pairs(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> list[dict[str, Any]]:
    """The most confused pairs (true, predicted), most frequent first."""
    found = [(n, i, j) for i, row in enumerate(confusion) for j, n in enumerate(row) if i != j and n > 0]
    found.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return [
        {"truth": names[i], "prediction": names[j], "count": n, "share": n / sum(confusion[i])}
        for n, i, j in found[:MOST_PAIRS]
    ]


# ----------------------------------------------------------------------------------------------- how far to trust it
def calibration_part(found: Calibration | None, kind: str) -> dict[str, Any] | None:
    """The reliability diagram, its bins, and what they say in words."""
    from markupsafe import Markup

    if found is None:
        return None
    right = "there" if kind == "labels" else "right"
    return {
        "svg": Markup(reliability_svg([Reliability("this network", found.bins, found.intervals)], kind=right)),
        "words": _trust(found, kind),
        "right": right,
        "rows": [
            {
                "between": f"{100 * one.low:.0f}–{100 * one.high:.0f}{numbers.SPACE}%",
                "samples": one.samples,
                "stated": f"{100 * one.confidence:.1f}{numbers.SPACE}%",
                "right": f"{100 * one.frequency:.1f}{numbers.SPACE}%",
                "interval": f"{100 * low:.1f}–{100 * high:.1f}{numbers.SPACE}%",
            }
            for one, (low, high) in zip(found.bins, found.intervals, strict=True)
        ],
    }


def _trust(found: Calibration, kind: str) -> list[str]:
    """Sentences: the bin that tells most, the direction on the whole, the mean distance."""
    one, points = found.telling, f"percentage{numbers.SPACE}points"
    if kind == "labels":
        telling = (
            f"Of {one.samples:,} labels to which it gives {_about(one.confidence)} on average, "
            f"{numbers.percent(one.frequency)} are there."
        )
    else:
        telling = (
            f"When it says {_about(one.confidence)}, it is right {_about(one.frequency)} of the time "
            f"({one.samples:,} answers)."
        )
    right = "there" if kind == "labels" else "right"
    stated = f"states {numbers.percent(found.stated)} on average, and {numbers.percent(found.right)} are {right}"
    leaning = f"On the whole it {stated}: {_leaning(found, kind)}."
    mean = f"{100 * found.error:.1f}" if found.error >= 0.001 else f"{100 * found.error:.2f}"
    return [
        telling,
        leaning,
        f"The mean distance between what it states and what happens, the expected calibration error, is {mean} {points}.",
    ]


def _leaning(found: Calibration, kind: str) -> str:
    """To which side the stated probabilities err. Of labels they may be too high and too low at once, and average out."""
    gap = found.stated - found.right
    over, under = ("too high", "too low") if kind == "labels" else ("over-confident", "under-confident")
    if not found.leaning:
        return f"neither {over} nor {under}, as far as so many answers can tell"
    if abs(gap) < 0.002:
        return f"neither {over} nor {under}"
    return ("a little " if abs(gap) < 0.02 else "") + (over if gap > 0 else under)


def _about(share: float) -> str:
    """A share with as many digits as one says aloud."""
    digits = 1 if 0 < share < 0.02 or 0.98 <= share < 1 else 0
    return f"{100 * share:.{digits}f}{numbers.SPACE}%"


def fits_part(fits: Sequence[Fit]) -> list[dict[str, Any]]:
    """Of each real target three pictures: predicted over true values, residuals, residuals over predictions."""
    from markupsafe import Markup

    return [
        {
            "name": fit.name,
            "figures": [
                {
                    "svg": Markup(scatter_svg(fit.truth, fit.predicted, name=fit.name)),
                    "caption": "Predicted over true values: each dot is a test sample; on the dashed diagonal the "
                    "prediction equals the truth.",
                },
                {
                    "svg": Markup(histogram_svg(fit.edges, fit.counts, x_label="residual (predicted − true)")),
                    "caption": "Residuals: how far predictions are off. A hump about the dotted zero is good; one beside "
                    "it means that the network guesses too high or too low on the whole.",
                },
                {
                    "svg": Markup(
                        residuals_svg(
                            fit.predicted, [p - t for t, p in zip(fit.truth, fit.predicted, strict=True)], name=fit.name
                        )
                    ),
                    "caption": "Residuals over predictions: an even band is good; a slope or a bend is structure that the "
                    "network missed, a funnel means that some predictions are less certain than others.",
                },
            ],
        }
        for fit in fits[:MOST_FITS]
    ]


# -------------------------------------------------------------------------------------------------- worst mistakes
def mistakes_part(worst: Sequence[Worst], kind: str) -> dict[str, Any]:
    """Cards with images, or rows of a table: all their columns if they are few, else the most unusual values."""
    rows = [one.row for one in worst if one.row]
    few = bool(rows) and len(rows[0]) <= MOST_COLUMNS
    return {
        "each": [
            {
                "worst": one,
                "right": kind != "real" and one.truth == one.prediction,
                "picture": None if one.image is None else image_grid(one.image[None], 1),
                "pixelated": small(one.image),
                "values": [{"of": value, "unusual": abs(value.deviations) >= UNUSUAL} for value in one.row],
                "unusual": most_unusual(one.row),
            }
            for one in worst
        ],
        "pictures": any(one.image is not None for one in worst),
        "columns": [value.name for value in rows[0]] if few else [],
        "wide": bool(rows) and not few,
        "number": len(rows[0]) if rows else 0,
        "confidence": any(one.confidence is not None for one in worst),
    }


def most_unusual(row: Sequence[Value]) -> list[Value]:
    """The few values farthest from what is usual; at least one."""
    ranked = sorted(row, key=lambda value: -abs(value.deviations))
    return [value for value in ranked[:MOST_UNUSUAL] if abs(value.deviations) >= NOTABLE] or ranked[:1]


def small(images: Tensor | None) -> bool:
    """Whether single pixels should stay visible when the page enlarges the picture."""
    return images is not None and max(images.shape[-2:]) <= 96
