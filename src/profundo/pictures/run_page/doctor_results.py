"""What the doctor found in a training, and its vital signs as pictures: depth by time, and curves over the steps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from profundo.languages import counted, say, term
from profundo.pictures import numbers
from profundo.pictures.charts import Line, heat_svg, lines_svg
from profundo.pictures.run_page.report_content import Checkup
from profundo.pictures.tables import Figure
from profundo.ranks_and_places import evenly

if TYPE_CHECKING:
    import numpy as np

__all__ = ["doctor_figures", "doctor_words"]

MOST_COLUMNS, MOST_LINES = 20, 5  # of a heat map; of a chart
FEWEST = 3  # looks that make a curve
SMALL = 1e-12
FEW = 0.01  # of units: dead or saturated ones that need no picture


def doctor_words(checkup: Checkup) -> str:
    looks, steps, number = numbers.count(checkup.looks), numbers.count(checkup.steps), len(checkup.findings)
    if number:
        return counted("report.looked_found", number, looks=looks, steps=steps, number=number)
    return say("report.looked_nothing", looks=looks, steps=steps)


def doctor_figures(checkup: Checkup, history: Mapping[str, Sequence[float]], batch: int) -> list[Figure]:
    import numpy as np

    signs = checkup.signs
    if not signs:
        return []
    figures = [_losses(signs)] if len(signs["loss"]) >= FEWEST else []
    if len(signs["step"]) >= FEWEST:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):  # of a training that blew up
            figures += _depth_by_time(signs) + _curves(signs, batch)
    gap = _gap(history)
    return [*figures, *([gap] if gap else [])]


def _losses(signs: Mapping[str, Any]) -> Figure:
    block, spikes = int(signs["steps of a loss"]), signs["spikes"]
    at = [block * (place + 1) for place in range(len(signs["loss"]))]
    lines = [Line(term("loss"), at, signs["loss"].tolist())]
    if len(spikes):
        lines.append(Line(term("spikes"), spikes[:, 0].tolist(), spikes[:, 1].tolist(), dots=True))
    caption = say("report.losses_each") if block == 1 else say("report.losses_mean", block=block)
    return Figure(lines_svg(lines, x_label=term("step"), y_label=term("loss")), caption)


def _depth_by_time(signs: Mapping[str, Any]) -> list[Figure]:
    """Heat maps: layers from the input downwards, steps from left to right, powers of ten."""
    import numpy as np

    figures = []
    columns = evenly(len(signs["step"]), MOST_COLUMNS)
    steps = [numbers.count(int(signs["step"][place])) for place in columns]
    if signs["activations"].ndim == 3:
        figures.append(
            _heat(
                np.log10(np.maximum(signs["activations"][columns, :, 1], SMALL)),
                signs["layer"],
                steps,
                say("report.sign_activations"),
            )
        )
    if signs["gradient"].ndim == 2 and signs["gradient"].shape[1]:
        sizes = np.log10(np.maximum(signs["gradient"][columns], SMALL))
        usual = np.nanmedian(sizes)
        figures.append(
            _heat(
                sizes - usual,
                signs["weight"],
                steps,
                say("report.sign_gradients", median=numbers.plain(10.0**usual)),
            )
        )
    return figures


def _heat(values: np.ndarray, names: Sequence[str], steps: Sequence[str], caption: str) -> Figure:
    """values: (looks, layers), which are turned."""
    rows = [[round(float(value), 1) for value in row] for row in values.T]
    return Figure(heat_svg(rows, row_labels=list(map(str, names)), column_labels=steps, x_label=term("step")), caption)


def _curves(signs: Mapping[str, Any], batch: int) -> list[Figure]:
    import numpy as np

    steps = signs["step"].tolist()
    figures = []
    ratios = signs["update ratio"]
    if ratios.ndim == 2 and ratios.shape[1]:
        some = evenly(ratios.shape[1], MOST_LINES)
        lines = [Line(str(signs["weight"][place]), steps, ratios[:, place].tolist()) for place in some]
        chart = lines_svg(lines, x_label=term("step"), y_label=term("move / weight"), log_y=True)
        figures.append(Figure(chart, say("report.sign_moves")))
    if signs["activations"].ndim == 3:
        dead, ends = signs["activations"][:, :, 2], signs["activations"][:, :, 3]
        lines = [Line(term("dead"), steps, dead.max(1).tolist()), Line(term("saturated"), steps, ends.max(1).tolist())]
        if np.nanmax([dead, ends]) > FEW:
            chart = lines_svg(lines, x_label=term("step"), y_label=term("share"), percent=True, log_y=False)
            figures.append(Figure(chart, say("report.sign_dead")))
    if np.isfinite(signs["noise scale"]).any():
        lines = [
            Line(term("noise scale"), steps, signs["noise scale"].tolist()),
            Line(term("batch"), steps, [batch] * len(steps)),
        ]
        chart = lines_svg(lines, x_label=term("step"), y_label=term("samples"))
        figures.append(Figure(chart, say("report.sign_noise")))
    if np.isfinite(signs["curvature"]).any():
        lines = [
            Line(term("curvature"), steps, signs["curvature"].tolist()),
            Line(term("uphill from"), steps, [2] * len(steps)),
        ]
        chart = lines_svg(lines, x_label=term("step"), y_label=term("curvature"), log_y=False)
        figures.append(Figure(chart, say("report.sign_curvature")))
    return figures


def _gap(history: Mapping[str, Sequence[float]]) -> Figure | None:
    training, held = history.get("loss", ()), history.get("validation loss", ())
    if len(held) < FEWEST or len(training) != len(held):
        return None
    gap = [b - a for a, b in zip(training, held, strict=True)]
    line = Line(term("gap"), range(1, len(gap) + 1), gap)
    chart = lines_svg([line], x_label=term("epoch"), y_label=term("gap of the losses"))
    return Figure(chart, say("report.sign_gap"))
