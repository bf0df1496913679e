"""Which classes a network knows: their figures, what it takes them for, how well it ranks them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isfinite
from typing import Any

from profundo.languages import local, say, term
from profundo.pictures import numbers
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.run_page.report_content import Ranking
from profundo.pictures.tables import Cell, Figure, Grid, Row
from profundo.pictures.verdict import score
from profundo.records import ClassScores

__all__ = ["classes_grid", "matrix", "pairs_grid", "ranking_figures", "weakest"]

LARGEST_MATRIX = 20  # classes; above, only the most confused pairs are listed
MOST_PAIRS = 15
FEW_CLASSES = 25  # rows of a table that is seen at once
WEAKEST = 12  # classes shown of many
MOST_RANKINGS = 6  # classes drawn in one chart


def classes_grid(per_class: Sequence[ClassScores], kind: str, caption: str) -> Grid:
    """Precision, recall, F1 and, where it was measured, AUC of each class or label."""
    auc = any(scores.auc is not None for scores in per_class)
    pixels = any(scores.iou is not None for scores in per_class)
    counted, f1 = ("pixels", "Dice") if pixels else ("samples", "F1")
    words = [term(word) for word in ("label" if kind == "labels" else "class", counted, "precision", "recall")]
    more = say("report.reading_auc") if auc else ""
    reading = say("report.reading_pixels") if pixels else say("report.reading_samples", more=more)
    columns = [*words, f1, *(["AUC"] if auc else []), *(["IoU"] if pixels else [])]
    return Grid(f"{caption} {reading}", columns, [_class_row(scores, auc) for scores in per_class], look="names")


def _class_row(one: ClassScores, with_auc: bool) -> Row:
    recall = numbers.percent(one.recall) if one.samples else "–"
    f1 = Cell(local(f"{one.f1:.3f}"), 100 * one.f1 if isfinite(one.f1) else 0.0)
    auc = Cell("–" if one.auc is None else local(f"{one.auc:.3f}"))
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
    caption = say("report.pairs", number=len(rows), classes=numbers.count(len(names)))
    head = [say("report.true_class"), say("report.predicted_as"), term("samples"), term("share")]
    return Grid(caption, head, rows, look="pairs names")


def ranking_figures(rankings: Sequence[Ranking]) -> list[Figure]:
    """The ROC curve and the precision–recall curve; of many classes those that are told apart worst."""
    if not rankings:
        return []
    shown = sorted(rankings, key=lambda one: one.auc)[:MOST_RANKINGS] if len(rankings) > MOST_RANKINGS else rankings
    which = ""
    if len(shown) < len(rankings):
        which = say("report.roc_which", number=len(shown), classes=numbers.count(len(rankings)))
    alone = shown[0] if len(shown) == 1 else None
    chance, in_use = Line(term("chance"), [0.0, 1.0], [0.0, 1.0], style=5), term("threshold in use")
    roc = [Line(one.name, one.alarms, one.recall, style=place) for place, one in enumerate(shown)]
    precision = [Line(one.name, one.recall[1:], one.precision[1:], style=place) for place, one in enumerate(shown)]
    if alone is not None:
        precision.append(Line(chance.name, [0.0, 1.0], [alone.share] * 2, style=5))
        if alone.place is not None:
            recall, alarms, exact = alone.place
            roc.append(Line(in_use, [alarms], [recall], dots=True, style=1))
            precision.append(Line(in_use, [recall], [exact], dots=True, style=1))
    draw = partial(lines_svg, percent=True, log_y=False)
    return [
        Figure(
            draw([*roc, chance], x_label=term("false alarms, share of the others"), y_label=term("recall")),
            say("report.roc", which=which),
        ),
        Figure(
            draw(precision, x_label=term("recall"), y_label=term("precision")),
            say("report.precision_recall", areas="; ".join(map(_areas, shown))),
        ),
    ]


def _areas(one: Ranking) -> str:
    auc, precision = score("ROC-AUC", one.auc), numbers.percent(one.average_precision)
    return say("report.area_pair", name=one.name, auc=auc, precision=precision)
