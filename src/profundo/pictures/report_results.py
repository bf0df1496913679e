"""What a run did, for its page: curves, classes, calibration, mistakes → figures, tables and words. Names, order and
thinning; no value is measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

from profundo.pictures import numbers
from profundo.pictures.bars import histogram_svg
from profundo.pictures.charts import Line, curves_svg, lines_svg, residuals_svg, scatter_svg
from profundo.pictures.image_grid import image_grid
from profundo.pictures.reliability_chart import reliability_svg
from profundo.pictures.report_content import Course, Effects, Fit, Ranking, Value, Worst
from profundo.pictures.tables import Cell, Figure, Grid, Row, bars
from profundo.pictures.verdict import is_share, score
from profundo.records import Calibration, ClassScores, Scores

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "by_quantity",
    "calibration_grid",
    "calibration_words",
    "charts",
    "classes_grid",
    "course_figures",
    "dependence_charts",
    "dependence_tables",
    "epochs_grid",
    "fit_figures",
    "importance_grid",
    "matrix",
    "mistakes",
    "most_unusual",
    "pairs_grid",
    "phases_grid",
    "ranking_figures",
    "reliability_figure",
    "small",
    "step_figure",
    "training_words",
    "weakest",
]

LARGEST_MATRIX = 20  # classes; above, only the most confused pairs are listed
MOST_PAIRS = 15
MOST_EPOCH_ROWS = 200
MOST_COLUMNS = 7  # of a mistaken row, shown in full; of more, only the most unusual values
LONG = 40  # characters of a value that is shown as prose
MOST_UNUSUAL = 4
UNUSUAL = 2.0  # standard deviations from which a value is marked
NOTABLE = 1.0  # and from which it is told at all, where there are too many to tell
FEW_CLASSES = 25  # rows of a table that is seen at once
WEAKEST = 12  # classes shown of many
ORDER = {"loss": 0, "error": 1, "accuracy": 2, "balanced accuracy": 2, "exact match": 2, "mean IoU": 2, "RMSE": 2}
LAST = {"learning rate": 8, "gradient norm": 9}
SPLITS = ("training", "validation", "test")
OVERTRAINED = 1.05  # times the lowest validation loss
MOST_IMPORTANCES = 25  # rows
MOST_RANKINGS = 6  # classes drawn in one chart
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


# ------------------------------------------------------------------------------------------------------- per class
def classes_grid(per_class: Sequence[ClassScores], kind: str, caption: str) -> Grid:
    """Precision, recall, F1 and, where it was measured, AUC of each class or label."""
    one = "label" if kind == "labels" else "class"
    auc = any(scores.auc is not None for scores in per_class)
    pixels = any(scores.iou is not None for scores in per_class)
    counted, f1 = ("pixels", "Dice") if pixels else ("samples", "F1")
    columns = [one, counted, "precision", "recall", f1, *(["AUC"] if auc else []), *(["IoU"] if pixels else [])]
    reading = f"Precision: of the {counted} taken for it, the share that is. Recall: of its {counted}, the share that was found. "
    reading += f"{f1}: both in one figure, 1 at best" + (
        "; AUC: how often one of its samples is ranked above one that is not" if auc else ""
    )
    reading += "; IoU: of all that is of it or was taken for it, the share that is both" if pixels else ""
    return Grid(f"{caption} {reading}.", columns, [_class_row(scores, auc) for scores in per_class], look="names")


def _class_row(one: ClassScores, with_auc: bool) -> Row:
    recall = numbers.percent(one.recall) if one.samples else "–"
    f1 = Cell(f"{one.f1:.3f}", 100 * one.f1 if isfinite(one.f1) else 0.0)
    auc = Cell("–" if one.auc is None else f"{one.auc:.3f}")
    iou = [] if one.iou is None else [Cell(numbers.percent(one.iou))]
    cells = [Cell(numbers.percent(one.precision)), Cell(recall), f1, *([auc] if with_auc else []), *iou]
    return [one.name, one.samples, *cells]


def weakest(per_class: Sequence[ClassScores]) -> list[ClassScores]:
    """Of many classes with samples, those with the lowest F1; of few, none."""
    if len(per_class) <= FEW_CLASSES:
        return []
    return [one for one in sorted(per_class, key=lambda one: one.f1)[:WEAKEST] if one.samples]


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


def pairs_grid(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> Grid:
    """The most confused pairs (true, predicted), most frequent first."""
    results = [(n, i, j) for i, row in enumerate(confusion) for j, n in enumerate(row) if i != j and n > 0]
    results.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    rows: list[Row] = [
        [names[i], names[j], n, Cell(numbers.percent(n / sum(confusion[i])))] for n, i, j in results[:MOST_PAIRS]
    ]
    caption = (
        f"The {len(rows)} most frequent confusions among {len(names):,} classes, and their share of the true class."
    )
    return Grid(caption, ["true class", "predicted as", "samples", "share"], rows, look="pairs names")


def ranking_figures(rankings: Sequence[Ranking]) -> list[Figure]:
    """The ROC curve and the precision–recall curve; of many classes those that are told apart worst."""
    if not rankings:
        return []
    shown = sorted(rankings, key=lambda one: one.auc)[:MOST_RANKINGS] if len(rankings) > MOST_RANKINGS else rankings
    which = (
        f"the {len(shown)} of {len(rankings):,} classes that are told apart worst" if len(shown) < len(rankings) else ""
    )
    alone = shown[0] if len(shown) == 1 else None
    chance = Line("chance", [0.0, 1.0], [0.0, 1.0], style=5)
    roc = [Line(one.name, one.alarms, one.recall, style=place) for place, one in enumerate(shown)]
    precision = [Line(one.name, one.recall[1:], one.precision[1:], style=place) for place, one in enumerate(shown)]
    if alone is not None:
        precision.append(Line("chance", [0.0, 1.0], [alone.share] * 2, style=5))
        if alone.place is not None:
            recall, alarms, exact = alone.place
            roc.append(Line("threshold in use", [alarms], [recall], dots=True, style=1))
            precision.append(Line("threshold in use", [recall], [exact], dots=True, style=1))
    areas = "; ".join(
        f"{one.name}: {score('ROC-AUC', one.auc)} and {numbers.percent(one.average_precision)}" for one in shown
    )
    draw = partial(lines_svg, percent=True, log_y=False)
    return [
        Figure(
            draw([*roc, chance], x_label="false alarms, share of the others", y_label="recall"),
            f"ROC curve{' of ' + which if which else ''}: what share of the class is found, at the price of which share of the "
            "others, as the threshold falls. Towards the upper left is better; on the diagonal it guesses.",
        ),
        Figure(
            draw(precision, x_label="recall", y_label="precision"),
            "Precision–recall curve: how many of those taken are of the class, at each share that is found. Where a class is "
            f"rare it says more than the ROC curve. Area under the first curve and average precision: {areas}.",
        ),
    ]


# ------------------------------------------------------------------------------------------------------ what it goes by
def importance_grid(effects: Effects) -> Grid:
    """The columns whose shuffling does most harm."""
    shown = effects.importances[:MOST_IMPORTANCES]
    cells = bars([max(0.0, one.change) for one in shown], [_change(effects.figure, one.change) for one in shown])
    between = [
        Cell(f"{_change(effects.figure, one.low)} to {_change(effects.figure, one.high)}", look="muted")
        for one in shown
    ]
    unit = ", in percentage points" if is_share(effects.figure) else ""
    caption = (
        f"By how much the {effects.figure} becomes worse where a column’s values are shuffled among {effects.samples:,} test "
        f"rows{unit}. Where the interval holds 0, the network may do as well without. Of columns that tell the same, each "
        "looks less important than they are together."
    )
    tried = len(effects.importances)
    if tried < effects.columns:
        caption += f" Of {effects.columns:,} columns, the {tried} were tried to which the outputs are most sensitive."
    if len(shown) < tried:
        caption += f" And {tried - len(shown):,} columns that matter less."
    rows = list(zip([one.name for one in shown], cells, between, strict=True))
    return Grid(caption, ["column", "worse by", f"95{numbers.SPACE}% interval"], rows, look="time names")


def _change(name: str, value: float) -> str:
    text = f"{100 * value:.2f}" if is_share(name) else numbers.plain(value)
    return text.replace("-", "−")


def dependence_charts(effects: Effects, kind: str) -> list[Figure]:
    """How the mean answer changes with each of the numbers and dates that count most."""
    answer, figures = _answer(kind), []
    for one in effects.dependences:
        if not one.labels:
            lines = [Line(name, one.x, y) for name, y in zip(one.lines, one.y, strict=True)]
            label = f"{answer} of {one.lines[0]}" if len(one.lines) == 1 else answer
            chart = lines_svg(lines, x_label=one.name, y_label=label, percent=kind != "real", log_y=False)
            figures.append(Figure(chart, _dependence_caption(one.name, answer)))
    return figures


def dependence_tables(effects: Effects, kind: str) -> list[Grid]:
    """The same of each column of categories."""
    tables = []
    for one in effects.dependences:
        if one.labels:
            written = numbers.plain if kind == "real" else numbers.percent
            each = [[Cell(written(y)) for y in line] for line in one.y]
            rows: list[Row] = [[label, *cells] for label, *cells in zip(one.labels, *each, strict=True)]
            tables.append(
                Grid(_dependence_caption(one.name, _answer(kind)), [one.name, *one.lines], rows, look="names")
            )
    return tables


def words_grid(effects: Effects, kind: str) -> Grid | None:
    """The words that speak most for each class, or for larger numbers."""
    if not effects.words:
        return None
    what = "value" if kind == "real" else "log odds"
    caption = (
        f"The most telling words: what a word adds on average to the {what} where it is there and not left out, over the test "
        "texts that have it, three or more. One word at a time, so what two say together is counted twice or not at all."
    )
    rows: list[Row] = [
        [one.output, one.word, Cell(numbers.plain(one.change)), Cell(f"{one.texts:,}", look="muted")]
        for one in effects.words
    ]
    return Grid(caption, ["speaks for", "word", f"adds to the {what}", "texts"], rows, look="names")


def _answer(kind: str) -> str:
    return "predicted value" if kind == "real" else "probability"


def _dependence_caption(name: str, answer: str) -> str:
    return (
        f"Partial dependence: the mean {answer} where all rows have that value of {name} and all else is as it was. It says "
        "what the network does, not what causes what."
    )


# ----------------------------------------------------------------------------------------------- how far to trust it
def reliability_figure(result: Calibration, kind: str) -> Figure:
    caption = (
        "Each dot gathers the answers of about the same stated probability. On the dashed diagonal the network keeps its "
        f"word; below it, it promises too much. The pale bars are 95{numbers.SPACE}% intervals, wide where there are few "
        "answers."
    )
    return Figure(reliability_svg(result.bins, result.intervals, kind=_right(kind)), caption)


def calibration_grid(result: Calibration, kind: str) -> Grid:
    """The bins of the diagram."""
    columns = ["probability", "answers", "stated on average", _right(kind), f"95{numbers.SPACE}% interval"]
    rows: list[Row] = [
        [
            f"{100 * one.low:.0f}–{100 * one.high:.0f}{numbers.SPACE}%",
            one.samples,
            Cell(f"{100 * one.confidence:.1f}{numbers.SPACE}%"),
            Cell(f"{100 * one.frequency:.1f}{numbers.SPACE}%"),
            Cell(f"{100 * low:.1f}–{100 * high:.1f}{numbers.SPACE}%", look="muted"),
        ]
        for one, (low, high) in zip(result.bins, result.intervals, strict=True)
    ]
    return Grid("Answers on the test split by the probability that the network stated.", columns, rows, look="dense")


def _right(kind: str) -> str:
    return "there" if kind == "labels" else "right"


def calibration_words(result: Calibration, kind: str) -> list[str]:
    """Sentences: the bin that tells most, the direction on the whole, the mean distance."""
    one, points = result.telling, f"percentage{numbers.SPACE}points"
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
    right = _right(kind)
    stated = f"states {numbers.percent(result.stated)} on average, and {numbers.percent(result.right)} are {right}"
    leaning = f"On the whole it {stated}: {_leaning(result, kind)}."
    mean = f"{100 * result.error:.1f}" if result.error >= 0.001 else f"{100 * result.error:.2f}"
    return [
        telling,
        leaning,
        f"The mean distance between what it states and what happens, the expected calibration error, is {mean} {points}."
        + _by_chance(result),
    ]


def _by_chance(result: Calibration) -> str:
    """What of the error would be there if all that is stated were true."""
    if result.chance is None:
        return ""
    usual, largest = (f"{100 * error:.1f}" if error >= 0.001 else f"{100 * error:.2f}" for error in result.chance)
    verdict = "This one does." if result.error > result.chance[1] else "So this one may be luck alone."
    return (
        f" A perfectly calibrated network would show {usual} on so few answers, and more than {largest} once in 20 times. "
        f"{verdict}"
    )


def _leaning(result: Calibration, kind: str) -> str:
    """To which side the stated probabilities err. Of labels they may be too high and too low at once, and average out."""
    gap = result.stated - result.right
    over, under = ("too high", "too low") if kind == "labels" else ("over-confident", "under-confident")
    if not result.leaning:
        return f"neither {over} nor {under}, as far as so many answers can tell"
    if abs(gap) < 0.002:
        return f"neither {over} nor {under}"
    return ("a little " if abs(gap) < 0.02 else "") + (over if gap > 0 else under)


def _about(share: float) -> str:
    """A share with as many digits as one says aloud."""
    digits = 1 if 0 < share < 0.02 or 0.98 <= share < 1 else 0
    return f"{100 * share:.{digits}f}{numbers.SPACE}%"


def fit_figures(fit: Fit) -> list[Figure]:
    """Of a real target three pictures: predicted over true values, residuals, residuals over predictions."""
    residuals = [p - t for t, p in zip(fit.truth, fit.predicted, strict=True)]
    return [
        Figure(
            scatter_svg(fit.truth, fit.predicted, name=fit.name),
            "Predicted over true values: each dot is a test sample; on the dashed diagonal the prediction equals the truth.",
        ),
        Figure(
            histogram_svg(fit.edges, fit.counts, x_label="residual (predicted − true)"),
            "Residuals: how far predictions are off. A hump about the dotted zero is good; one beside it means that the "
            "network guesses too high or too low on the whole."
            + (f" The outermost bars also hold {fit.beyond:,} that lie farther out." if fit.beyond else ""),
        ),
        Figure(
            residuals_svg(fit.predicted, residuals, name=fit.name),
            "Residuals over predictions: an even band is good; a slope or a bend is structure that the network missed, a "
            "funnel means that some predictions are less certain than others.",
        ),
    ]


def step_figure(scores: Scores) -> Figure:
    """The error of a forecast by step."""
    ahead = range(1, len(scores.steps) + 1)
    lines = [
        Line("this network", ahead, [step.rmse for step in scores.steps]),
        Line(scores.baseline_name, ahead, [step.simple for step in scores.steps], style=2),
    ]
    held = sum(step.held for step in scores.steps) / len(scores.steps)
    return Figure(
        lines_svg(lines, x_label="steps ahead", y_label="RMSE", log_y=False),
        f"Error by step of the horizon, on the test split. The intervals, made of validation errors to hold "
        f"90{numbers.SPACE}% of the values, hold {_about(held)} of the test’s.",
    )


def course_figures(courses: Sequence[Course]) -> list[Figure]:
    """Forecasts beside how it went on."""
    figures = []
    for course in courses:
        before, ahead = range(1 - len(course.past), 1), range(1, len(course.truth) + 1)
        lines = [
            Line("what was", before, course.past, style=0),
            Line("how it went on", ahead, course.truth, style=2),
            Line("forecast", ahead, course.predicted, course.low, course.high, style=1),
        ]
        caption = f"{course.title}. The band is the interval of each step."
        figures.append(Figure(lines_svg(lines, x_label="steps", y_label="value", log_y=False), caption))
    return figures


# -------------------------------------------------------------------------------------------------- worst mistakes
def mistakes(worst: Sequence[Worst], kind: str) -> dict[str, Any]:
    """Cards with images, or rows of a table: all their columns if they are few, else the most unusual values."""
    rows = [one.row for one in worst if one.row]
    few = bool(rows) and len(rows[0]) <= MOST_COLUMNS
    return {
        "each": [
            {
                "worst": one,
                "right": kind != "real" and one.judged and one.truth == one.prediction,
                "picture": None if one.image is None else image_grid(one.image[None], 1),
                "pixelated": small(one.image),
                "values": [{"of": value, "unusual": abs(value.deviations) >= UNUSUAL} for value in one.row],
                "unusual": most_unusual(one.row),
            }
            for one in worst
        ],
        "numbers": any(one.number is not None for one in worst),
        "ids": list(worst[0].ids) if worst else [],
        "drivers": any(one.drivers for one in worst),
        "texts": any(len(value.text) > LONG for row in rows for value in row),
        "long": LONG,
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
