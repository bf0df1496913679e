"""Curves and tables of how a training went, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from profundo.pictures import numbers
from profundo.pictures.charts import curves_svg
from profundo.pictures.tables import Cell, Figure, Grid, Row, bars
from profundo.pictures.verdict import is_share, score

__all__ = ["ORDER", "WHOLE_RUN", "by_quantity", "charts", "epochs_grid", "phases_grid", "training_words"]

MOST_EPOCH_ROWS = 200
ORDER = {"loss": 0, "error": 1, "accuracy": 2, "balanced accuracy": 2, "exact match": 2, "mean IoU": 2, "RMSE": 2}
LAST = {"learning rate": 8, "gradient norm": 9}
SPLITS = ("training", "validation", "test")
OVERTRAINED = 1.05  # times the lowest validation loss
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


def charts(history: Mapping[str, Sequence[float]], best: int | None) -> tuple[list[Figure], list[Figure]]:
    """One picture per quantity, training and validation together: what everybody looks at, and the rest."""
    ranked = sorted(by_quantity(history).items(), key=lambda item: ORDER.get(item[0], LAST.get(item[0], 5)))
    first = [quantity in ORDER or quantity in LAST or at == 0 for at, (quantity, _) in enumerate(ranked)]
    figures = [Figure(_chart(*item, best), _caption(*item, best)) for item in ranked]
    shown, others = (
        [one for one, is_first in zip(figures, first, strict=True) if is_first == side] for side in (True, False)
    )
    return shown, others


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
    marked = best if "validation" in curves else None
    share = is_share(quantity)
    log = False if share else None  # percents are read on a straight scale
    return curves_svg(curves, x_label="epoch", y_label=label, best=marked, percent=share, log=log)


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


def epochs_grid(history: Mapping[str, Sequence[float]], best: int | None) -> Grid:
    """The same figures as a table; of many epochs, evenly spaced ones, the best and the last."""
    history = {key: values for key, values in history.items() if key != "epoch" and len(values)}
    length = max(map(len, history.values()), default=0)
    step = max(1, -(-length // MOST_EPOCH_ROWS))
    caption = "Evenly spaced epochs, the best and the last." if step > 1 else "All epochs."
    if length == 1:
        caption = "What the one epoch ended with: one point makes no curve."
    rows: list[Row] = [
        [
            Cell(str(epoch + 1), remark="best", look="best") if epoch == best else Cell(str(epoch + 1)),
            *(Cell(_written(key, values[epoch]) if epoch < len(values) else "–") for key, values in history.items()),
        ]
        for epoch in range(length)
        if epoch % step == 0 or epoch in (length - 1, best)
    ]
    return Grid(caption, ["epoch", *history], rows, look="dense")


def training_words(history: Mapping[str, Sequence[float]], best: int | None, best_kept: bool) -> str:
    """How long it trained, which epoch's network is kept, and whether fewer epochs would have done better."""
    losses = history.get("validation loss", ())
    length = max((len(values) for key, values in history.items() if key != "epoch"), default=0)
    words = f"{length:,} {'epoch' if length == 1 else 'epochs'} of training"
    if best is None or not losses:
        return f"{words}; no validation split watched it, so the network kept is that of the last."
    if best_kept:
        return f"{words}; the network kept is that of epoch {best + 1}, where the validation loss was lowest."
    risen = losses[-1] > OVERTRAINED * losses[best] > 0
    advice = (
        f" Since epoch {best + 1} the validation loss has risen from {numbers.plain(losses[best])} to "
        f"{numbers.plain(losses[-1])}: this was too long, and early stopping (--early-stop 10) would have kept a better one."
    )
    return f"{words}; the network kept is that of the last.{advice if risen else ''}"


def _written(key: str, value: float) -> str:
    split, _, quantity = key.partition(" ")
    return score(quantity if split in SPLITS else key, value)


def phases_grid(seconds: Mapping[str, float]) -> Grid:
    cells = bars(list(seconds.values()), [numbers.duration(s) for s in seconds.values()])
    caption = "Where the time went; a bar is as long as its phase took."
    return Grid(caption, ["phase", "time"], list(zip(seconds, cells, strict=True)), look="time")
