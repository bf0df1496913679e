"""Curves and tables of how a training went, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from profundo.languages import Said, counted, say, term, worded
from profundo.pictures import numbers
from profundo.pictures.charts import curves_svg
from profundo.pictures.tables import Cell, Figure, Grid, Row, bars
from profundo.pictures.verdict import is_share, score

__all__ = ["ORDER", "WHOLE_RUN", "by_quantity", "charts", "epochs_grid", "overtrained", "phases_grid", "training_words"]

MOST_EPOCH_ROWS = 200
ORDER = {"loss": 0, "error": 1, "accuracy": 2, "balanced accuracy": 2, "exact match": 2, "mean IoU": 2, "RMSE": 2}
LAST = {"learning rate": 8, "gradient norm": 9}
SPLITS = ("training", "validation", "test")
OVERTRAINED = 1.05  # times the lowest validation loss
WHOLE_RUN = "whole run"  # what belongs to no split, such as the learning rate
MEANS = ("loss", "gradient norm")  # over the updates of an epoch, where they are of training
NOT_CURVES = {"epoch", "seconds", "samples"}
READING = ("loss", "accuracy", "RMSE", "learning rate", "gradient norm")  # of which it is said how they are read


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
    label = term(quantity)
    if len(curves) == 1 and WHOLE_RUN not in curves:
        label = say(f"report.figure_{next(iter(curves))}", figure=label)
    marked = best if "validation" in curves else None
    share = is_share(quantity)
    log = False if share else None  # percents are read on a straight scale
    return curves_svg(curves, x_label=term("epoch"), y_label=label, best=marked, percent=share, log=log)


def _caption(quantity: str, curves: Mapping[str, Sequence[float]], best: int | None) -> str:
    named, watched, split = term(quantity), "validation" in curves, ""
    if WHOLE_RUN not in curves:
        split = say("report.curve_split", splits=say("report.and_the").join(map(term, curves)))
    words = say(
        "report.curve_updates" if quantity in MEANS and not watched else "report.curve_after",
        figure=named[:1].upper() + named[1:],
        split=split,
        mean=say("report.curve_mean") if quantity in MEANS and len(curves) > 1 else "",
        marked=say("report.curve_marked") if best is not None and watched else "",
    )
    if quantity in READING and (quantity != "loss" or len(curves) > 1):
        words += " " + say(f"report.reading_{quantity.replace(' ', '_')}")
    if any(not all(map(isfinite, curve)) for curve in curves.values()):
        words += " " + say("report.curve_gaps")
    return words


def epochs_grid(history: Mapping[str, Sequence[float]], best: int | None) -> Grid:
    """The same figures as a table; of many epochs, evenly spaced ones, the best and the last."""
    history = {key: values for key, values in history.items() if key != "epoch" and len(values)}
    length = max(map(len, history.values()), default=0)
    step = max(1, -(-length // MOST_EPOCH_ROWS))
    caption = say("report.epochs_some" if step > 1 else "report.epochs_all")
    if length == 1:
        caption = say("report.epochs_single")
    rows: list[Row] = [
        [
            Cell(str(epoch + 1), remark=say("report.best"), look="best") if epoch == best else Cell(str(epoch + 1)),
            *(Cell(_written(key, values[epoch]) if epoch < len(values) else "–") for key, values in history.items()),
        ]
        for epoch in range(length)
        if epoch % step == 0 or epoch in (length - 1, best)
    ]
    return Grid(caption, [term("epoch"), *map(_column_name, history)], rows, look="dense")


def training_words(
    history: Mapping[str, Sequence[float]], best: int | None, best_kept: bool, begun_again: int | None = None
) -> str:
    """How long it trained, which epoch's network is kept, and whether fewer epochs would have done better. begun_again: after so
    many epochs from the first weights."""
    losses = history.get("validation loss", ())
    length = max((len(values) for key, values in history.items() if key != "epoch"), default=0)
    epochs = counted("report.epochs", length, number=numbers.count(length))
    if best is None or not losses:
        return say("report.kept_unwatched", epochs=epochs)
    if best_kept:
        kept = say("report.kept_best", epochs=epochs, best=best + 1)
        return kept if begun_again is None else f"{kept} {say('report.begun_again', epoch=numbers.count(begun_again))}"
    return f"{say('report.kept_last', epochs=epochs)} {worded(overtrained(losses, best))}".rstrip()


def overtrained(losses: Sequence[float], best: int) -> str:
    """That the validation loss has risen since its best epoch (from 0); "" where it has not by much."""
    if not losses[-1] > OVERTRAINED * losses[best] > 0:
        return ""
    return Said("report.overtrained", best=best + 1, low=float(losses[best]), last=float(losses[-1]))


def _column_name(key: str) -> str:
    split, _, quantity = key.partition(" ")
    return say(f"report.figure_{split}", figure=term(quantity)) if split in SPLITS and quantity else term(key)


def _written(key: str, value: float) -> str:
    split, _, quantity = key.partition(" ")
    return score(quantity if split in SPLITS else key, value)


def phases_grid(seconds: Mapping[str, float]) -> Grid:
    cells = bars(list(seconds.values()), [numbers.duration(s) for s in seconds.values()])
    head = [say("report.phase"), say("report.time")]
    return Grid(say("report.phases"), head, list(zip(map(term, seconds), cells, strict=True)), look="time")
