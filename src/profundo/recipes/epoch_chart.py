"""What a recipe shows of its training over time: one line for each series, one value an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart

__all__ = ["by_epoch"]


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
