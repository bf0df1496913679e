"""One training as an object: its network, what happened and how well it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from profundo.evaluate import Answers
from profundo.nets.summary import summary as layers_of
from profundo.records import Dataset, NoSuchNameError, Scores, at_the_door, no_such_name
from profundo.runs.experiment import Experiment
from profundo.runs.folder import Folder
from profundo.runs.found.object_record import found_in
from profundo.runs.given.asking import inputs_for
from profundo.runs.given.own import NOTHING, Own
from profundo.runs.health.health_record import Health
from profundo.runs.preparing import objective_of
from profundo.runs.saved_model import predict
from profundo.runs.voice import figure
from profundo.train import History
from profundo.trees import mapped

__all__ = ["Run", "Tools"]


_CLASSES = "run.predict(x) gives probabilities (samples, classes), of one output P(the second class) (samples,)"
_FIGURES = "run.scores has the figures of the test split, run.evaluate(data) those of others"
_AGAIN = "a run is finished: fit(run.net, data) trains its net further"
_CURVES = "run.history.plot() shows the curves, run.history['loss'] has the values"
_KEPT = "run.save('folder') keeps it, profundo.export(run) writes ONNX, run.net.state_dict() has the weights"
FOREIGN = {
    **dict.fromkeys(("model", "module", "module_", "learner"), "the name here is run.net"),
    **dict.fromkeys(("predict_proba", "forward", "get_preds", "predict_classes"), _CLASSES),
    **dict.fromkeys(("score", "metrics", "test", "validate", "loss"), _FIGURES),
    **dict.fromkeys(("fit", "fit_one_cycle", "fine_tune", "compile", "train"), _AGAIN),
    **dict.fromkeys(
        ("freeze", "unfreeze", "trainable", "freeze_to"),
        "run.net is a torch.nn.Module: run.net.requires_grad_(False) freezes it; fit(run.net, data) trains its net further",
    ),
    **dict.fromkeys(
        ("confusion_matrix", "plot_confusion_matrix", "plot_top_losses", "show_results", "interpret", "most_confused"),
        "run.report() writes a page with the confusions and the worst mistakes; run.scores has the figures of every class",
    ),
    **dict.fromkeys(("lr_find", "find_lr"), "profundo.lr_find(net, data).suggestion finds a learning rate"),
    **dict.fromkeys(("dls", "dataset", "spec"), "run.data has the samples, run.data.spec what they are"),
    **dict.fromkeys(("layers", "parameters", "get_layer", "weights", "get_weights"), "run.net is the torch.nn.Module"),
    **dict.fromkeys(("plot", "plot_losses", "plot_history", "recorder", "losses", "losses_"), _CURVES),
    **dict.fromkeys(("export", "to_onnx", "save_weights", "state_dict"), _KEPT),
    "classes_": "run.data.spec.targets.classes are their names",
    "params": "run.experiment has every setting",
    "history_": "the name here is run.history",
}
"""What runs are asked for elsewhere."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What is done with a run by those that know runs: its page, its figures on other samples, its copy in a folder."""

    write_report: Callable[[Run, Path | None, str | None], Path]
    evaluate: Callable[[Run, Any], Scores]
    save: Callable[[Run, str | Path], Path]


@dataclass
class Run:
    """One training: its network, what happened and how well it does. folder is None where nothing was to be kept.

    tools: handed in, for they know runs, which know no pages. own: the loss, metrics and the like that have no name here.
    said, held: what the net says about the test split and about the samples it was watched on, where they were looked at.
    doctor: what it found and changed, None where it did not watch; vital_signs: what it saw, by name (doctor/vital_signs.py).
    """

    experiment: Experiment
    data: Dataset
    net: nn.Module
    history: History
    tools: Tools = field(repr=False, compare=False)
    own: Own = field(default=NOTHING, repr=False, compare=False)
    scores: Scores | None = None
    folder: Folder | None = None
    best_epoch: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    said: Answers | None = None
    held: Answers | None = field(default=None, repr=False, compare=False)
    doctor: Health | None = None
    vital_signs: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @at_the_door
    def predict(self, inputs: Any, *more: Any) -> Any:
        """Class probabilities (batch, K), P(y = 1) (batch,), or values in their own units, of raw inputs (batch, *shape); of objects
        a list of Detections in the pixels of each image, those that are sure enough to be told.

        inputs: arrays, lists, a table or rows as dicts, images, paths, a loader; of one sample its answer alone. more: the
            other inputs of a net that takes several, predict(a, b).
        """
        inputs = (inputs, *more) if more else inputs
        raw, alone = inputs_for(inputs, self.data.spec.inputs)
        objective = objective_of(self.experiment, self.data, self.own).likelihood
        answers = predict(self.net, self.data.spec, raw, objective)
        if self.data.spec.targets.traits.per == "object":
            found = [found_in(answers, at, self.data.spec.targets.threshold) for at in range(len(answers["size"]))]
            return found[0] if alone else found
        return mapped(lambda leaf: leaf[0], answers) if alone else answers

    @at_the_door
    def evaluate(self, data: Any = "test", targets: Any = None, weights: Any = None) -> Scores:
        """The figures on other samples, (X, y), (X, y, weights), a table, a loader, a path; or on its own "train", "validation" or
        "test". targets, weights: those of the inputs `data`, where they are not given together."""
        together = (data, targets) if weights is None else (data, targets, weights)
        return self.tools.evaluate(self, data if targets is None else together)

    @at_the_door
    def summary(self) -> str:
        """The layers of the net, their output's shape and parameters, as text."""
        rows = [("layer", "kind", "output", "parameters")]
        rows += [
            (row.name, row.kind, " × ".join(map(str, row.shape)), f"{row.parameters:,}")
            for row in layers_of(self.net, self.data.spec.inputs)
        ]
        total = sum(parameter.numel() for parameter in self.net.parameters())
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, f"{total:,} parameters"])

    @at_the_door
    def save(self, path: str | Path) -> Path:
        """Write the run into a new folder, which `open_run`, `profundo report` and `profundo predict` open."""
        return self.tools.save(self, path)

    @at_the_door
    def report(self, path: str | Path | None = None, *, lang: str | None = None) -> Path:
        """Write the HTML report, into the run's folder unless told where. Returns its path.

        lang: "en", "es", "ca" or "pt"; by default what the run was given, else English.
        """
        return self.tools.write_report(self, Path(path) if path else None, lang)

    def __getattr__(self, name: str) -> Any:
        """Only of names that are not there. Raises NoSuchNameError with the name here."""
        if self.scores is not None and (figure := name.replace("_", " ")) in self.scores.values:
            raise NoSuchNameError(f"a run has no {name!r}; run.scores[{figure!r}]")
        known = (*self.__dataclass_fields__, "predict", "evaluate", "summary", "save", "report")
        raise no_such_name("a run", name, known, FOREIGN)

    def __repr__(self) -> str:
        """Three lines: what was trained, how it came out, where it is kept."""
        experiment = self.experiment
        parameters = sum(parameter.numel() for parameter in self.net.parameters())
        name = str(experiment.net).removeprefix("own:")
        first = f"{name} on {self.data.name}: {parameters:,} parameters, {len(self.history)} epoch{'s' * (len(self.history) != 1)}"
        values = self.scores.values if self.scores is not None else {}
        second = ", ".join(f"{name} {figure(name, value)}" for name, value in list(values.items())[:3])
        where = f"in {self.folder.path}" if self.folder is not None else "not kept: run.save('folder') keeps it"
        return f"{first}\n{f'test {second}' if second else 'not evaluated'}\n{where}"

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
