"""The page of a learning curve: both errors by the number of training samples, and the power law where there is one."""

from __future__ import annotations

import math

from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.sheet import Figure, Grid, Part, Sheet
from profundo.studies.learning_curve_result import SPLITS, LearningCurve
from profundo.studies.study import is_share

__all__ = ["chart", "page"]


def page(curve: LearningCurve) -> Sheet:
    how = f"{curve.repeats} repetitions" if curve.repeats > 1 else "one repetition"
    parts = [
        Part(
            "Error by the number of training samples",
            [HOW_TO_READ, curve.outlook, *curve.notes],
            charts(curve),
            grid(curve),
        )
    ]
    return Sheet(f"{curve.net} on {curve.name}", f"Learning curve, {how}", curve.verdict, parts)


HOW_TO_READ = (
    "Training and test error close together and both high: the net is too simple or trained too little, and more data "
    "cannot help (underfitting). A training error far below the test error: it learns the samples by heart (overfitting), "
    "and more data can help, as can a simpler net or regularisation. The same validation and test samples judge every "
    "training, so the band shows the spread over training samples and weights, not that of another test; with all samples, "
    "repetitions differ in their weights alone."
)


def charts(curve: LearningCurve) -> list[Figure]:
    about = f"Error (1 − {curve.metric})" if is_share(curve.metric) else curve.metric
    caption = (
        f"{about} by the number of training samples, mean ± one standard deviation of {curve.repeats} repetitions; validation on "
        f"{curve.judged_by['validation']:,}, test on {curve.judged_by['test']:,} samples."
    )
    return [Figure(chart(curve), caption)]


def chart(curve: LearningCurve) -> str:
    lines = []
    for split in SPLITS:
        found = curve.spreads(split)
        means = [one.mean for one in found]
        lows = [max(0.0, one.mean - one.deviation) for one in found]
        lines.append(Line(split, curve.sizes, means, lows, [one.mean + one.deviation for one in found]))
    law = curve.law
    if law is not None and not law.unsound:
        first, last = math.log(curve.sizes[0]), math.log(2 * curve.sizes[-1])
        x = [math.exp(first + (last - first) * at / 60) for at in range(61)]
        low, high = zip(*(law.between(size) for size in x), strict=True)
        lines.append(Line("power law, 95 %", x, [law.at(size) for size in x], low, high))
    name = "error" if is_share(curve.metric) else curve.metric
    return lines_svg(
        lines, x_label="training samples", y_label=name, log_x=True, log_y=False, percent=is_share(curve.metric)
    )


def grid(curve: LearningCurve) -> Grid:
    rows = curve.rows()
    return Grid("Errors, mean ± standard deviation.", list(rows[0]), [list(row.values()) for row in rows])
