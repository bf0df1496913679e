"""What a network goes by: importance of columns and words, and how the answer depends on them."""

from __future__ import annotations

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
        Cell(f"{_change(effects.figure, one.low)} to {_change(effects.figure, one.high)}", look="muted")
        for one in shown
    ]
    unit = ", in percentage points" if is_share(effects.figure) else ""
    caption = (
        f"By how much the {effects.figure} becomes worse where a column’s values are shuffled among {effects.samples:,} test "
        f"rows{unit}. Where the interval holds 0, the network may do as well without. Of columns that tell the same, each "
        "looks less important than they are together."
    )
    tried = len(effects.importances)
    if tried < effects.columns:
        caption += f" Of {effects.columns:,} columns, the {tried} were tried to which the outputs are most sensitive."
    if len(shown) < tried:
        caption += f" And {tried - len(shown):,} columns that matter less."
    rows = list(zip([one.name for one in shown], cells, between, strict=True))
    return Grid(caption, ["column", "worse by", f"95{numbers.SPACE}% interval"], rows, look="time names")


def _change(name: str, value: float) -> str:
    text = f"{100 * value:.2f}" if is_share(name) else numbers.plain(value)
    return text.replace("-", "−")


def dependence_charts(effects: Effects, kind: str) -> list[Figure]:
    """How the mean answer changes with each of the numbers and dates that count most."""
    answer, figures = _answer(kind), []
    for one in effects.dependences:
        if not one.labels:
            lines = [Line(name, one.x, y) for name, y in zip(one.lines, one.y, strict=True)]
            label = f"{answer} of {one.lines[0]}" if len(one.lines) == 1 else answer
            chart = lines_svg(lines, x_label=one.name, y_label=label, percent=kind != "real", log_y=False)
            figures.append(Figure(chart, _dependence_caption(one.name, answer)))
    return figures


def dependence_tables(effects: Effects, kind: str) -> list[Grid]:
    """The same of each column of categories."""
    tables = []
    for one in effects.dependences:
        if one.labels:
            written = numbers.plain if kind == "real" else numbers.percent
            each = [[Cell(written(y)) for y in line] for line in one.y]
            rows: list[Row] = [[label, *cells] for label, *cells in zip(one.labels, *each, strict=True)]
            tables.append(
                Grid(_dependence_caption(one.name, _answer(kind)), [one.name, *one.lines], rows, look="names")
            )
    return tables


def words_grid(effects: Effects, kind: str) -> Grid | None:
    """The words that speak most for each class, or for larger numbers."""
    if not effects.words:
        return None
    what = "value" if kind == "real" else "log odds"
    caption = (
        f"The most telling words: what a word adds on average to the {what} where it is there and not left out, over the test "
        "texts that have it, three or more. One word at a time, so what two say together is counted twice or not at all."
    )
    rows: list[Row] = [
        [one.output, one.word, Cell(numbers.plain(one.change)), Cell(f"{one.texts:,}", look="muted")]
        for one in effects.words
    ]
    return Grid(caption, ["speaks for", "word", f"adds to the {what}", "texts"], rows, look="names")


def _answer(kind: str) -> str:
    return "predicted value" if kind == "real" else "probability"


def _dependence_caption(name: str, answer: str) -> str:
    return (
        f"Partial dependence: the mean {answer} where all rows have that value of {name} and all else is as it was. It says "
        "what the network does, not what causes what."
    )
