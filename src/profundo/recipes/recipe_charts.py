"""Charts that several recipes show: curves over epochs, bands over repeats, confusions, maps of codes, two populations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from profundo.evaluate.clusters import tsne
from profundo.pictures.charts import Line, heat_svg, lines_svg, points_svg
from profundo.pictures.exhibits import Chart

__all__ = ["band", "by_epoch", "confusion_chart", "map_of_rows", "populations"]

BINS = 40


def by_epoch(
    title: str,
    caption: str,
    series: Mapping[str, Sequence[float]],
    *,
    y_label: str,
    x_label: str = "epoch",
    levels: Mapping[str, float] | None = None,
    log_y: bool | None = None,
    percent: bool = False,
) -> Chart:
    """series: values by name, the first one after epoch 1. levels: constants beside them, as horizontal lines."""
    last = max(len(values) for values in series.values())
    lines = [Line(name, range(1, len(values) + 1), values) for name, values in series.items()]
    lines += [Line(name, [1, last], [value, value]) for name, value in (levels or {}).items()]
    return Chart(title, caption, lines_svg(lines, x_label=x_label, y_label=y_label, log_y=log_y, percent=percent))


def band(name: str, x: Sequence[float], repeats: Sequence[Sequence[float]]) -> Line:
    """repeats: the values at each x. The line is their mean, its band goes from the least to the greatest."""
    return Line(name, x, [fmean(v) for v in repeats], [min(v) for v in repeats], [max(v) for v in repeats])


def confusion_chart(
    counts: Sequence[Sequence[float]], classes: Sequence[str], caption: str, *, x_label: str, y_label: str
) -> Chart:
    """counts: a row for each true class, a column for each answer."""
    svg = heat_svg(counts, row_labels=classes, column_labels=classes, x_label=x_label, y_label=y_label)
    return Chart("Confusion", caption, svg)


def map_of_rows(
    title: str, caption: str, rows: Tensor, labels: Sequence[int], names: Sequence[str], seed: int, **options: Any
) -> Chart:
    """Rows (samples, d) in the plane by t-SNE (van der Maaten & Hinton 2008), coloured by labels. options: of `tsne`."""
    x, y = tsne(rows, seed, **options).T.tolist()
    return Chart(title, caption, points_svg(x, y, labels, x_label="t-SNE 1", y_label="t-SNE 2", names=names))


def populations(
    title: str, caption: str, values: Mapping[str, Tensor], top: float, threshold: float, *, x_label: str, y_label: str
) -> Chart:
    """The share of each population (samples,) in 40 equal intervals from 0 to top, with a mark at the threshold."""
    middles = [(at + 0.5) * top / BINS for at in range(BINS)]
    lines = [
        Line(name, middles, (torch.histc(of.double(), BINS, 0, top) / len(of)).tolist()) for name, of in values.items()
    ]
    marks = {"threshold": threshold} if threshold <= top else None
    return Chart(
        title, caption, lines_svg(lines, x_label=x_label, y_label=y_label, log_y=False, marks=marks, percent=True)
    )
