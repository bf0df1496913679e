"""What the doctor found in a training, and its vital signs as pictures: depth by time, and curves over the steps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
    looked = f"It looked at {checkup.looks:,} of {checkup.steps:,} steps"
    if checkup.findings:
        count = len(checkup.findings)
        return f"{looked}, and found {'one cause' if count == 1 else f'{count} causes'} why the training did not learn as it could."
    return f"{looked} and saw no cause to doubt the training: nothing was found."


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
    lines = [Line("loss", at, signs["loss"].tolist())]
    if len(spikes):
        lines.append(Line("spikes", spikes[:, 0].tolist(), spikes[:, 1].tolist(), dots=True))
    each = "of each step" if block == 1 else f"a mean over {block} steps"
    caption = f"The training loss, {each}. Dots: more than four times the losses just before."
    return Figure(lines_svg(lines, x_label="step", y_label="loss"), caption)


def _depth_by_time(signs: Mapping[str, Any]) -> list[Figure]:
    """Heat maps: layers from the input downwards, steps from left to right, powers of ten."""
    import numpy as np

    figures = []
    columns = evenly(len(signs["step"]), MOST_COLUMNS)
    steps = [f"{signs['step'][place]:,}" for place in columns]
    if signs["activations"].ndim == 3:
        figures.append(
            _heat(
                np.log10(np.maximum(signs["activations"][columns, :, 1], SMALL)), signs["layer"], steps,
                "How far each layer’s values spread (their standard deviation), as powers of ten: 0 is a spread of 1, as it "
                "should be about everywhere; orange that deepens towards the output is a signal that fades, blue one that swells.",
            )
        )  # fmt: skip
    if signs["gradient"].ndim == 2 and signs["gradient"].shape[1]:
        sizes = np.log10(np.maximum(signs["gradient"][columns], SMALL))
        usual = np.nanmedian(sizes)
        figures.append(
            _heat(
                sizes - usual, signs["weight"], steps,
                f"The norm of each weight’s gradient, as powers of ten beside the median of all, {numbers.plain(10.0**usual)}. "
                "Orange rows near the input are gradients that vanish; blue ones, gradients that explode.",
            )
        )  # fmt: skip
    return figures


def _heat(values: np.ndarray, names: Sequence[str], steps: Sequence[str], caption: str) -> Figure:
    """values: (looks, layers), which are turned."""
    rows = [[round(float(value), 1) for value in row] for row in values.T]
    return Figure(heat_svg(rows, row_labels=list(map(str, names)), column_labels=steps, x_label="step"), caption)


def _curves(signs: Mapping[str, Any], batch: int) -> list[Figure]:
    import numpy as np

    steps = signs["step"].tolist()
    figures = []
    ratios = signs["update ratio"]
    if ratios.ndim == 2 and ratios.shape[1]:
        some = evenly(ratios.shape[1], MOST_LINES)
        lines = [Line(str(signs["weight"][place]), steps, ratios[:, place].tolist()) for place in some]
        caption = "How far a step moves each weight, in parts of its size: about 0.001 is usual; 0.1 throws away what was learned."
        figures.append(Figure(lines_svg(lines, x_label="step", y_label="move / weight", log_y=True), caption))
    if signs["activations"].ndim == 3:
        dead, ends = signs["activations"][:, :, 2], signs["activations"][:, :, 3]
        lines = [Line("dead", steps, dead.max(1).tolist()), Line("saturated", steps, ends.max(1).tolist())]
        caption = (
            "Of the layer that has most: units that are zero for every sample of the batch, and values at the ends of a "
            "bounded range. Neither learns."
        )
        if np.nanmax([dead, ends]) > FEW:
            figures.append(
                Figure(lines_svg(lines, x_label="step", y_label="share", percent=True, log_y=False), caption)
            )
    if np.isfinite(signs["noise scale"]).any():
        lines = [Line("noise scale", steps, signs["noise scale"].tolist()), Line("batch", steps, [batch] * len(steps))]
        caption = (
            "The gradient noise scale: the batch whose gradient is as much signal as noise. Far above the batch in use, larger "
            "batches would pay; far below, smaller ones would do (McCandlish et al. 2018)."
        )
        figures.append(Figure(lines_svg(lines, x_label="step", y_label="samples"), caption))
    if np.isfinite(signs["curvature"]).any():
        lines = [Line("curvature", steps, signs["curvature"].tolist()), Line("uphill from", steps, [2] * len(steps))]
        caption = (
            "How much the cost bends along the step: 0 is straight, 1 ends in the valley, above 2 a step goes uphill."
        )
        figures.append(Figure(lines_svg(lines, x_label="step", y_label="curvature", log_y=False), caption))
    return figures


def _gap(history: Mapping[str, Sequence[float]]) -> Figure | None:
    training, held = history.get("loss", ()), history.get("validation loss", ())
    if len(held) < FEWEST or len(training) != len(held):
        return None
    gap = [b - a for a, b in zip(training, held, strict=True)]
    caption = "The validation loss less the training loss: what grows here is learned by heart."
    return Figure(
        lines_svg([Line("gap", range(1, len(gap) + 1), gap)], x_label="epoch", y_label="gap of the losses"), caption
    )
