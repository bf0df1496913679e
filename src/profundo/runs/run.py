"""One training as an object: its network, what happened and how well it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from torch import Tensor, nn

from profundo.evaluate import Answers
from profundo.records import Dataset, Scores
from profundo.runs.experiment import Experiment
from profundo.runs.folder import Folder
from profundo.runs.preparing import objective_of
from profundo.runs.saved_model import predict
from profundo.runs.voice import figure
from profundo.train import History

__all__ = ["Run"]


@dataclass
class Run:
    """One training: its network, what happened and how well it does. folder is None where nothing was to be kept.

    write_report: makes its page. It is handed in, for a page knows its run, which knows no pages.
    """

    experiment: Experiment
    data: Dataset
    net: nn.Module
    history: History
    write_report: Callable[[Run, Path | None], Path] = field(repr=False, compare=False)
    scores: Scores | None = None
    folder: Folder | None = None
    best_epoch: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    said: Answers | None = None

    def predict(self, inputs: Tensor) -> Tensor:
        """Class probabilities (batch, K), P(y = 1) (batch,), or values in their own units, of raw inputs (batch, *shape)."""
        return predict(self.net, self.data.spec, inputs, objective_of(self.experiment, self.data))

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report, into the run's folder unless told where. Returns its path."""
        return self.write_report(self, Path(path) if path else None)

    def _repr_html_(self) -> str:
        """The test scores beside the yardsticks', for a notebook."""
        if self.scores is None:
            return f"<b>{escape(self.data.name)}</b>: not evaluated"
        others = [("constant", self.scores.baseline)]
        if self.scores.linear:
            others.insert(0, (self.scores.linear_name.split(" on ")[0], self.scores.linear))
        head = "".join(f"<th>{escape(title)}</th>" for title in ("", "network", *(title for title, _ in others)))
        rows = "".join(
            f"<tr><td>test {escape(name)}</td><td>{figure(name, value)}</td>"
            + "".join(f"<td>{figure(name, values[name]) if name in values else '–'}</td>" for _, values in others)
            + "</tr>"
            for name, value in self.scores.values.items()
        )
        where = (
            f"<p>report: {escape(str(self.folder.report))}</p>" if self.folder and self.folder.report.is_file() else ""
        )
        title = f"<b>{escape(self.data.name)}</b>, {len(self.history)} epochs"
        return f"{title}<table><tr>{head}</tr>{rows}</table>{where}"
