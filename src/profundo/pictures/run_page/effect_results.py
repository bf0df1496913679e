"""What a network goes by: importance of columns and words, and how the answer depends on them."""

from __future__ import annotations

from profundo.languages import local, say, term
from profundo.pictures import numbers
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.run_page.report_content import Effects
from profundo.pictures.tables import Cell, Figure, Grid, Row, bars
from profundo.pictures.verdict import is_share

__all__ = ["dependence_charts", "dependence_tables", "importance_grid"]

MOST_IMPORTANCES = 25  # rows


def importance_grid(effects: Effects) -> Grid:
    """The columns whose shuffling does most harm."""
    shown = effects.importances[:MOST_IMPORTANCES]
    cells = bars([max(0.0, one.change) for one in shown], [_change(effects.figure, one.change) for one in shown])
    between = [
        Cell(
            say("report.span", low=_change(effects.figure, one.low), high=_change(effects.figure, one.high)),
            look="muted",
        )
        for one in shown
    ]
    rows = list(zip([one.name for one in shown], cells, between, strict=True))
    head = [say("report.column"), say("report.worse_by"), say("report.interval_95")]
    return Grid(_importance_caption(effects, len(shown)), head, rows, look="time names")


def _importance_caption(effects: Effects, shown: int) -> str:
    unit = say("report.in_points") if is_share(effects.figure) else ""
    figure, samples, tried = term(effects.figure), numbers.count(effects.samples), len(effects.importances)
    words = [say("report.importance", figure=figure, samples=samples, unit=unit)]
    if tried < effects.columns:
        words.append(say("report.importance_tried", columns=numbers.count(effects.columns), tried=tried))
    if shown < tried:
        words.append(say("report.importance_more", number=numbers.count(tried - shown)))
    return " ".join(words)


def _change(name: str, value: float) -> str:
    text = local(f"{100 * value:.2f}") if is_share(name) else numbers.plain(value)
    return text.replace("-", "−")


def dependence_charts(effects: Effects, kind: str) -> list[Figure]:
    """How the mean answer changes with each of the numbers and dates that count most."""
    answer, figures = say("report.predicted_value" if kind == "real" else "report.probability"), []
    for one in effects.dependences:
        if not one.labels:
            lines = [Line(name, one.x, y) for name, y in zip(one.lines, one.y, strict=True)]
            label = say("report.answer_of", answer=answer, name=one.lines[0]) if len(one.lines) == 1 else answer
            chart = lines_svg(lines, x_label=one.name, y_label=label, percent=kind != "real", log_y=False)
            figures.append(Figure(chart, _dependence_caption(one.name, kind)))
    return figures


def dependence_tables(effects: Effects, kind: str) -> list[Grid]:
    """The same of each column of categories."""
    tables = []
    for one in effects.dependences:
        if one.labels:
            written = numbers.plain if kind == "real" else numbers.percent
            each = [[Cell(written(y)) for y in line] for line in one.y]
            rows: list[Row] = [[label, *cells] for label, *cells in zip(one.labels, *each, strict=True)]
            tables.append(Grid(_dependence_caption(one.name, kind), [one.name, *one.lines], rows, look="names"))
    return tables


def words_grid(effects: Effects, kind: str) -> Grid | None:
    """The words that speak most for each class, or for larger numbers."""
    if not effects.words:
        return None
    what = say("report.value" if kind == "real" else "report.log_odds")
    rows: list[Row] = [
        [one.output, one.word, Cell(numbers.plain(one.change)), Cell(numbers.count(one.texts), look="muted")]
        for one in effects.words
    ]
    head = [say("report.speaks_for"), say("report.word"), say("report.adds_to", what=what), say("report.texts")]
    return Grid(say("report.telling_words", what=what), head, rows, look="names")


def _dependence_caption(name: str, kind: str) -> str:
    return say("report.dependence_value" if kind == "real" else "report.dependence_probability", name=name)
