"""A run → the plain facts that its report shows."""

from __future__ import annotations

import shlex
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from profundo.files import read_json, write_text
from profundo.nets.summary import summary
from profundo.pictures.report import Report, Worst, report_html
from profundo.recipes.display import figure
from profundo.recipes.folder import environment
from profundo.records import Dataset, ProfundoError, Samples

if TYPE_CHECKING:
    from profundo.recipes.supervised import Run

__all__ = ["report_of", "summary_html", "write_report"]

EXAMPLES = 40


def write_report(run: Run, path: Path | None) -> Path:
    """Write the page of a run. Returns its path. Raises ProfundoError for a run without folder when no path is given."""
    if path is None:
        if run.folder is None:
            raise ProfundoError("report: this run keeps no folder; say where: run.report('report.html')")
        path = run.folder.report
    write_text(path, report_html(report_of(run)))
    return path


def report_of(run: Run) -> Report:
    data, said = run.data, run.said
    if run.scores is None or said is None:
        raise ProfundoError("report: expected a run that was evaluated")
    examples, labels = _examples(data)
    names = [name for name in run.history.names if name not in ("epoch", "rate")]
    real = data.spec.targets.kind == "real"
    return Report(
        title=run.folder.path.name if run.folder else data.name,
        spec=data.spec,
        scores=run.scores,
        command=_command(run),
        asked={name: value for name, value in run.experiment.settings().items() if value not in (None, {}, [])},
        counts={name: _counts(split, data) for name, split in _splits(data).items()},
        notes=data.notes,
        examples=examples,
        example_labels=labels,
        augmented=_augmented(run),
        layers=summary(run.net, data.spec.inputs),
        history={**{name: run.history[name] for name in names}, "learning rate": _rates(run)},
        best_epoch=run.best_epoch,
        best_kept=run.experiment.early_stop is not None,
        worst=_worst(run),
        environment=_environment(run),
        seconds=run.seconds,
        scatter=(said.targets[:, 0].tolist(), said.predictions[:, 0].tolist()) if real else None,
    )


def _splits(data: Dataset) -> dict[str, Samples]:
    return {"training": data.train, "validation": data.validation, "test": data.test}


def _counts(split: Samples, data: Dataset) -> list[int]:
    classes = data.spec.targets.classes
    if not classes:
        return [len(split)]
    counts: list[int] = torch.bincount(split.targets, minlength=len(classes)).tolist()
    return counts


def _rates(run: Run) -> list[float]:
    return [rate * (run.experiment.learning_rate or 0) for rate in run.history["rate"]]


def _environment(run: Run) -> dict[str, str]:
    if run.folder is not None and run.folder.environment.is_file():
        kept = read_json(run.folder.environment)
        return {name: str(value) for name, value in kept.items() if name != "data"}
    device = next((p.device for p in run.net.parameters()), torch.device("cpu"))
    return environment(device, 1)


def _command(run: Run) -> str:
    if str(run.experiment.net).startswith("own:"):
        asked = run.experiment.settings()
        decided = (
            "data",
            "net",
            "net_options",
            "validation",
            "stream",
            "skip_bad",
            "data_dir",
            "workers",
            "checkpoint_seconds",
        )
        settings = ", ".join(
            f"{name}={value!r}" for name, value in asked.items() if name not in decided and value is not None
        )
        return f"profundo.fit(net, profundo.load({run.data.name!r}), {settings})"
    if run.folder is None:
        return f"profundo train {run.experiment.data} --net {run.experiment.net} --seed {run.experiment.seed}"
    return f"profundo train --config {shlex.quote(str(run.folder.experiment))}"


def _raw(split: Samples, indices: list[int]) -> Tensor:
    if isinstance(split.inputs, Tensor):
        return split.inputs[indices]
    return torch.stack([split.inputs[index] for index in indices])


def _displayable(images: Tensor) -> Tensor:
    """uint8 for the eye."""
    if images.dtype == torch.uint8:
        return images
    low, high = images.amin(), images.amax()
    return ((images - low) / (high - low).clamp_min(1e-12) * 255).to(torch.uint8)


def _examples(data: Dataset) -> tuple[Tensor | None, list[str]]:
    """The first training images, as many of each class; none for rows."""
    if data.spec.inputs.kind != "image":
        return None, []
    classes = data.spec.targets.classes
    each = max(1, EXAMPLES // max(1, len(classes)))
    chosen = [
        int(index)
        for label in range(min(len(classes), EXAMPLES))
        for index in (data.train.targets == label).nonzero()[:each, 0]
    ]
    return _displayable(_raw(data.train, chosen)), [classes[int(data.train.targets[index])] for index in chosen]


def _augmented(run: Run) -> Tensor | None:
    from profundo.recipes.augmenting import augmented_images

    asked, image = run.experiment.augment, run.data.spec.inputs.kind == "image"
    return augmented_images(run.data, asked, run.experiment.seed) if asked and image else None


def _worst(run: Run) -> list[Worst]:
    data, said, scores = run.data, run.said, run.scores
    assert said is not None
    assert scores is not None
    if not scores.worst:
        return []
    raw = _raw(data.test, list(scores.worst))
    image = data.spec.inputs.kind == "image"
    shown: Any = _displayable(raw) if image else raw
    names = data.spec.inputs.names or tuple(f"x{i + 1}" for i in range(raw.shape[1]))
    return [
        Worst(
            *_said(run, index),
            loss=float(said.costs[index]),
            confidence=_confidence(run, index),
            image=shown[place] if image else None,
            row=None if image else dict(zip(names, raw[place].flatten().tolist(), strict=False)),
        )
        for place, index in enumerate(scores.worst)
    ]


def _said(run: Run, index: int) -> tuple[str, str]:
    """(truth, prediction) of one test sample, for the eye."""
    said, classes = run.said, run.data.spec.targets.classes
    assert said is not None
    if classes:
        return classes[int(said.targets[index])], classes[int(said.chosen[index])]
    return (
        ", ".join(f"{value:.4g}" for value in said.targets[index].tolist()),
        ", ".join(f"{value:.4g}" for value in said.predictions[index].tolist()),
    )


def _confidence(run: Run, index: int) -> float | None:
    said = run.said
    assert said is not None
    if not run.data.spec.targets.classes:
        return None
    p = said.predictions[index]
    return float(p.max()) if p.ndim else float(torch.maximum(p, 1 - p))


def summary_html(run: Run) -> str:
    """A few lines for a notebook."""
    if run.scores is None:
        return f"<b>{escape(run.data.name)}</b>: not evaluated"
    rows = "".join(
        f"<tr><td>test {escape(name)}</td><td>{figure(name, value)}</td>"
        f"<td>{figure(name, run.scores.baseline[name])}</td></tr>"
        for name, value in run.scores.values.items()
    )
    where = f"<p>report: {escape(str(run.folder.report))}</p>" if run.folder else ""
    head = "<tr><th></th><th>network</th><th>constant</th></tr>"
    return f"<b>{escape(run.data.name)}</b>, {len(run.history)} epochs<table>{head}{rows}</table>{where}"
