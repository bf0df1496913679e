"""How far to trust a network: calibration, fit, and the error step by step of a forecast."""

from __future__ import annotations

from collections.abc import Sequence

from profundo.pictures import numbers
from profundo.pictures.bars import histogram_svg
from profundo.pictures.charts import Line, lines_svg, residuals_svg, scatter_svg
from profundo.pictures.reliability_chart import reliability_svg
from profundo.pictures.run_page.report_content import Course, Fit
from profundo.pictures.tables import Cell, Figure, Grid, Row
from profundo.records import Calibration, Scores

__all__ = [
    "calibration_grid",
    "calibration_words",
    "course_figures",
    "fit_figures",
    "reliability_figure",
    "step_figure",
]


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
