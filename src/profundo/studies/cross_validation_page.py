"""The page of a cross-validation: figures with their spread, fold by fold, beside those of simpler predictors."""

from __future__ import annotations

import torch

from profundo.evaluate.spread import is_beyond_chance
from profundo.pictures.charts import Line, heat_svg, lines_svg
from profundo.pictures.numbers import count, percent, plain
from profundo.pictures.sheet import Figure, Grid, Part, Sheet
from profundo.studies.cross_validation_result import CrossValidation
from profundo.studies.study import deviation, is_share, spread_text

__all__ = ["chart", "main_chart", "page"]


def page(found: CrossValidation) -> Sheet:
    title = f"{found.net} on {found.name}"
    return Sheet(title, f"Cross-validation, {found.how}", f"{found}. {compared(found)}".strip(), [
        Part("Result", [HOW_TO_READ], charts(found), result_grid(found)),
        *confusions(found),
        every_fold(found),
    ])  # fmt: skip


HOW_TO_READ = (
    "The standard deviation says how far one training on such data may lie from the mean. The standard error says how well "
    "the mean is known; the folds share training samples, so it is the corrected one of Nadeau and Bengio (2003), larger "
    "than deviation / √number. Every figure is of samples that had no part in the training: neither in the weights nor in "
    "means, deviations, categories or the choice of the epoch. A difference is called more than chance where the 95 % interval "
    "of Student's t around it leaves out 0."
)


def compared(found: CrossValidation) -> str:
    """One sentence: the network beside the linear model, or the constant predictor, on the same folds."""
    metric = found.metrics[0]
    over = "linear" if found.linear_name else "baseline"
    gain = found.gain(metric, over)
    if not gain.number:
        return ""
    name = found.linear_name or "the constant predictor"
    unit = " percentage points" if is_share(metric) else ""
    sign = "−" if gain.mean < 0 else "+"
    sure = "more than chance" if is_beyond_chance(gain, gain.corrected_error) else "which may be chance"
    return (
        f"On the same folds {name} has {spread_text(metric, found.spread(metric, over))}: a difference of "
        f"{sign}{deviation(metric, abs(gain.mean))}{unit} with a standard error of {deviation(metric, gain.corrected_error)}, {sure}."
    )


def charts(found: CrossValidation) -> list[Figure]:
    return [
        Figure(chart(found, metric), f"{metric} of each fold; the band is the mean ± one standard deviation.")
        for metric in (found.metrics[0], found.metrics[-1])
    ]


def main_chart(found: CrossValidation) -> str:
    return chart(found, found.metrics[0])


def chart(found: CrossValidation, metric: str) -> str:
    """Figures of one kind, fold by fold, in the order of training."""
    x = list(range(1, len(found.results) + 1))
    own = found.spread(metric)
    values = [fold.values.get(metric, float("nan")) for fold in found.results]
    low, high = own.mean - own.deviation, own.mean + own.deviation
    high = min(high, 1.0) if is_share(metric) else high
    lines = [
        Line(found.net, x, values, dots=True),
        Line("mean", [x[0], x[-1]], [own.mean] * 2, [low] * 2, [high] * 2),
    ]
    if found.linear_name:
        linear = [fold.linear.get(metric, float("nan")) for fold in found.results]
        lines.append(Line(found.linear_name, x, linear, dots=True))
    return lines_svg(lines, x_label="fold", y_label=metric, percent=is_share(metric), log_y=False)


def result_grid(found: CrossValidation) -> Grid:
    rows = found.rows()
    caption = (
        f"Means over {len(found.results)} trainings ± standard deviation; the constant predictor knows the training targets and "
        "no input."
    )
    return Grid(caption, list(rows[0]), [list(row.values()) for row in rows])


def confusions(found: CrossValidation) -> list[Part]:
    """Which classes are taken for which, over all folds; not for more classes than can be read."""
    tables = [fold.confusion for fold in found.results if fold.confusion]
    if not tables or len(found.classes) > 30:
        return []
    total = torch.tensor(tables).sum(0)
    picture = heat_svg(
        total.tolist(),
        row_labels=found.classes,
        column_labels=found.classes,
        x_label="predicted",
        y_label="true class",
    )
    wrong = int(total.sum() - total.diagonal().sum())
    caption = f"{wrong:,} of {int(total.sum()):,} answers are wrong; each sample was asked {found.repeats} times."
    if found.repeats == 1:
        caption = f"{wrong:,} of {int(total.sum()):,} answers are wrong; each sample was asked once."
    return [Part("Which classes are confused", [], [Figure(picture, caption)])]


def every_fold(found: CrossValidation) -> Part:
    columns = ["repeat", "fold", "seed", "trained on", "kept aside", "held out", "epochs", *found.metrics]
    rows = [
        [
            str(fold.repeat), str(fold.fold), str(fold.seed), count(fold.samples["train"]), count(fold.samples["validation"]),
            count(fold.samples["held out"]),
            str(fold.epochs) if fold.best_epoch is None else f"{fold.best_epoch} of {fold.epochs}",
            *(cell(metric, fold.values.get(metric, float("nan"))) for metric in found.metrics),
        ]
        for fold in found.results
    ]  # fmt: skip
    stopped = " Of the epochs, those before the restored weights come first." if found.asked.early_stop else ""
    caption = f"Each training. The seed draws its weights, the order of its samples and what is kept aside.{stopped}"
    return Part("Every fold", found.notes, grid=Grid(caption, columns, rows))


def cell(metric: str, value: float) -> str:
    return percent(value) if is_share(metric) else plain(value)
