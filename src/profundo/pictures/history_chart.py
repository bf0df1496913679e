"""How a training went, as pictures to look at in a notebook or to write into a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from profundo.files import write_text
from profundo.pictures.sheet import Part, Sheet, sheet_html, standalone
from profundo.pictures.tables import Figure
from profundo.pictures.training_curves import charts
from profundo.records import ProfundoError

__all__ = ["HistoryChart", "history_chart"]


@dataclass(frozen=True, slots=True, repr=False)
class HistoryChart:
    """One figure a quantity, training and validation together; the loss first."""

    figures: Sequence[Figure]

    def __repr__(self) -> str:
        return f"{len(self.figures)} charts; .save('history.html') or .save('loss.svg') writes them"

    def _repr_html_(self) -> str:
        return "".join(f"<figure>{one.svg}<figcaption>{one.caption}</figcaption></figure>" for one in self.figures)

    def save(self, path: str | Path) -> Path:
        """All on one page, .html; the first alone, .svg. Returns the path."""
        path = Path(path)
        if path.suffix == ".svg":
            write_text(path, standalone(self.figures[0].svg))
        elif path.suffix in (".html", ".htm"):
            write_text(path, sheet_html(Sheet("How it went", "", "", [Part("Epochs", [], figures=list(self.figures))])))
        else:
            raise ProfundoError(f"{path}: expected a file that ends with .html or .svg")
        return path


def history_chart(history: Mapping[str, Sequence[float]]) -> HistoryChart:
    """Of the values of each column, one an epoch. Raises ProfundoError before the first epoch's end."""
    if not any(len(values) for values in history.values()):
        raise ProfundoError("plot: expected one epoch or more, the history is empty")
    first, others = charts(history, None)
    return HistoryChart([*first, *others])
