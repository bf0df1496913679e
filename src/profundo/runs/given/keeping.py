"""What came out of a training, written into a folder: its own, or one that is asked for afterwards."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from profundo.data.dataset_names import Reading
from profundo.files import write_json
from profundo.records import ProfundoError, Scores
from profundo.runs.experiment import write_experiment
from profundo.runs.folder import Folder, environment, write_history
from profundo.runs.given.asking import samples_at, samples_for
from profundo.runs.health.health_record import write_vital_signs
from profundo.runs.manifest import finish
from profundo.runs.report_facts import write_report
from profundo.runs.run import Run, Tools
from profundo.runs.saved_model import save_model
from profundo.runs.scoring import evaluate_split
from profundo.runs.voice import Quiet, Voice, note

__all__ = ["TOOLS", "keep_result", "save_run"]


def keep_result(run: Run, folder: Folder, voice: Voice) -> None:
    """Write the page and what came out; the scores last, for they mark the run as finished."""
    scores = run.scores
    assert scores is not None
    try:
        run.report()
    except Exception as error:  # noqa: BLE001 - the scores of a long training matter more than their picture
        voice.notice(f"the report could not be written: {' '.join(str(error).split())}")
    finish(
        folder,
        run.experiment.settings(),
        run.data.facts,
        {
            "test": dict(scores.values),
            "baseline": dict(scores.baseline),
            "baseline_name": scores.baseline_name,
            "linear": dict(scores.linear),
            "linear_name": scores.linear_name,
            "intervals": {name: list(edges) for name, edges in scores.intervals.items()},
            "leads_for": scores.leads_for,
            "calibration_by_chance": scores.chance,
            "threshold": run.data.spec.targets.threshold if run.experiment.threshold else None,
            "per_class": [asdict(one) for one in scores.per_class],
            "calibration": [asdict(one) for one in scores.calibration],
            "steps": [asdict(one) for one in scores.steps],
            "confusion": [list(row) for row in scores.confusion],
            "notes": list(run.data.notes),
            "samples": scores.samples,
            "epochs": len(run.history),
            "best_epoch": run.best_epoch,
            "seconds": run.seconds,
            "history": run.history.rows,
        },
        folder.doctor,
        folder.vital_signs,
    )


def save_run(run: Run, path: str | Path) -> Path:
    """Write a run that was evaluated into a new folder, as if it had been kept from the beginning. Returns the folder."""
    if run.scores is None:
        raise ProfundoError("save: expected a run that was evaluated")
    folder = Folder.create(run.data.name, path)
    with folder.locked():
        device = next((p.device for p in run.net.parameters()), torch.device("cpu"))
        write_json(folder.environment, {**environment(device, 1), "data": dict(run.data.facts)})
        write_experiment(folder.experiment, run.experiment)
        problems = save_model(folder, run.net, run.experiment, run.data.spec, run.own)
        if problems:
            raise ProfundoError(f"{folder.path}: {problems[0]}")
        write_history(folder, run.history.to_csv())
        if run.doctor is not None:
            write_json(folder.doctor, run.doctor.model_dump(mode="json"))
            write_vital_signs(folder.vital_signs, run.vital_signs)
        keep_result(replace(run, folder=folder), folder, Quiet())
    return folder.path


def evaluate_on(run: Run, data: Any) -> Scores:
    """The figures of a run on other samples: (X, y), a table, a loader, a path; or of one of its own splits by name."""
    if isinstance(data, str) and data in ("train", "training", "validation", "test"):
        split = getattr(run.data, data.removesuffix("ing"))
    elif hasattr(data, "spec") and hasattr(data, "test"):
        if data.spec.inputs.shape != run.data.spec.inputs.shape:
            raise ProfundoError(
                f"evaluate: expected inputs {run.data.spec.inputs.shape}, the data have {data.spec.inputs.shape}"
            )
        split = data.test
    elif isinstance(data, str | Path):
        if not Path(data).exists():
            raise ProfundoError(
                f"evaluate: expected 'train', 'validation', 'test', or samples with targets; {str(data)!r} is none, and no path"
            )
        split = samples_at(Path(data), run.data.spec, Reading(**run.experiment.reading()))
    else:
        split = samples_for(data, run.data.spec, run.experiment.target)
    return evaluate_split(run.net, run.data, split, run.experiment, note, run.own)[1]


TOOLS = Tools(write_report, evaluate_on, save_run)
