"""Activations → one HTML page: of each its curve and derivative, formulas, range and advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.rendering import rendered

__all__ = ["Plate", "activations_html"]


@dataclass(frozen=True, slots=True)
class Plate:
    """One activation. a, values, slopes: its curve and its derivative's, point by point; what is not finite leaves a gap.

    formulas: (what, as text, in LaTeX), such as ("f(a)", "max(0, a)", …). facts: such as range and gain, by name.
    """

    name: str
    title: str
    formulas: Sequence[tuple[str, str, str]]
    facts: Sequence[tuple[str, str]]
    use: str
    beware: str
    a: Sequence[float]
    values: Sequence[float]
    slopes: Sequence[float]


def activations_html(plates: Sequence[Plate]) -> str:
    """The whole page as text. The same plates give the same page, byte for byte."""
    return rendered("activations.html.j2", plates=[(plate, curves(plate)) for plate in plates])


def curves(plate: Plate) -> str:
    """Both curves in one chart, as SVG."""
    lines = [Line("f(a)", plate.a, plate.values), Line("f′(a), the derivative", plate.a, plate.slopes)]
    return lines_svg(lines, x_label="a", y_label="", log_y=False)
