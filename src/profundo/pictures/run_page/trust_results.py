"""How far to trust a network: calibration, fit, and the error step by step of a forecast."""

from __future__ import annotations

from collections.abc import Sequence

from profundo.languages import local, say, term
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
    return Figure(reliability_svg(result.bins, result.intervals, kind=_right(kind)), say("report.reliability"))


def calibration_grid(result: Calibration, kind: str) -> Grid:
    """The bins of the diagram."""
    head = [say("report.probability"), term("answers"), say("report.stated"), _right(kind), say("report.interval_95")]
    rows: list[Row] = [
        [
            f"{100 * one.low:.0f}–{100 * one.high:.0f}{numbers.SPACE}%",
            one.samples,
            Cell(f"{_tenth(one.confidence)}{numbers.SPACE}%"),
            Cell(f"{_tenth(one.frequency)}{numbers.SPACE}%"),
            Cell(f"{_tenth(low)}–{_tenth(high)}{numbers.SPACE}%", look="muted"),
        ]
        for one, (low, high) in zip(result.bins, result.intervals, strict=True)
    ]
    return Grid(say("report.calibration_bins"), head, rows, look="dense")


def _tenth(share: float) -> str:
    """In percent, to one decimal."""
    return local(f"{100 * share:.1f}")


def _right(kind: str) -> str:
    return say("report.there" if kind == "labels" else "report.right")


def calibration_words(result: Calibration, kind: str) -> list[str]:
    """Sentences: the bin that tells most, the direction on the whole, the mean distance."""
    one, of = result.telling, "labels" if kind == "labels" else "right"
    right = numbers.percent(one.frequency) if kind == "labels" else _about(one.frequency)
    telling = say(
        f"report.telling_{of}", stated=_about(one.confidence), right=right, answers=numbers.count(one.samples)
    )
    stated, share = numbers.percent(result.stated), numbers.percent(result.right)
    leaning = say(f"report.leaning_{of}", stated=stated, right=share, leaning=_leaning(result, kind))
    mean = say("report.calibration_mean", error=_points(result.error))
    return [telling, leaning, mean + _by_chance(result)]


def _points(error: float) -> str:
    return _tenth(error) if error >= 0.001 else local(f"{100 * error:.2f}")


def _by_chance(result: Calibration) -> str:
    """What of the error would be there if all that is stated were true."""
    if result.chance is None:
        return ""
    usual, largest = map(_points, result.chance)
    verdict = say("report.by_chance_more" if result.error > result.chance[1] else "report.by_chance_luck")
    return f" {say('report.by_chance', usual=usual, largest=largest)} {verdict}"


def _leaning(result: Calibration, kind: str) -> str:
    """To which side the stated probabilities err. Of labels they may be too high and too low at once, and average out."""
    gap, of = result.stated - result.right, "high" if kind == "labels" else "confident"
    if not result.leaning:
        return say(f"report.neither_{of}_far")
    if abs(gap) < 0.002:
        return say(f"report.neither_{of}")
    leaning = say(f"report.{'over' if gap > 0 else 'under'}_{of}")
    return say("report.a_little", leaning=leaning) if abs(gap) < 0.02 else leaning


def _about(share: float) -> str:
    """A share with as many digits as one says aloud."""
    digits = 1 if 0 < share < 0.02 or 0.98 <= share < 1 else 0
    return local(f"{100 * share:.{digits}f}") + f"{numbers.SPACE}%"


def fit_figures(fit: Fit) -> list[Figure]:
    """Of a real target three pictures: predicted over true values, residuals, residuals over predictions."""
    residuals = [p - t for t, p in zip(fit.truth, fit.predicted, strict=True)]
    beyond = " " + say("report.fit_beyond", beyond=numbers.count(fit.beyond)) if fit.beyond else ""
    return [
        Figure(scatter_svg(fit.truth, fit.predicted, name=fit.name), say("report.fit_scatter")),
        Figure(
            histogram_svg(fit.edges, fit.counts, x_label=say("report.residual")),
            say("report.fit_residuals") + beyond,
        ),
        Figure(residuals_svg(fit.predicted, residuals, name=fit.name), say("report.fit_over")),
    ]


def step_figure(scores: Scores) -> Figure:
    """The error of a forecast by step."""
    ahead = range(1, len(scores.steps) + 1)
    lines = [
        Line(say("report.this_network"), ahead, [step.rmse for step in scores.steps]),
        Line(term(scores.baseline_name), ahead, [step.simple for step in scores.steps], style=2),
    ]
    held = sum(step.held for step in scores.steps) / len(scores.steps)
    chart = lines_svg(lines, x_label=say("report.steps_ahead"), y_label="RMSE", log_y=False)
    return Figure(chart, say("report.steps_error", held=_about(held)))


def course_figures(courses: Sequence[Course]) -> list[Figure]:
    """Forecasts beside how it went on."""
    figures = []
    for course in courses:
        before, ahead = range(1 - len(course.past), 1), range(1, len(course.truth) + 1)
        lines = [
            Line(say("report.what_was"), before, course.past, style=0),
            Line(say("report.went_on"), ahead, course.truth, style=2),
            Line(say("report.forecast"), ahead, course.predicted, course.low, course.high, style=1),
        ]
        chart = lines_svg(lines, x_label=term("steps"), y_label=term("value"), log_y=False)
        figures.append(Figure(chart, say("report.course", title=course.title)))
    return figures
