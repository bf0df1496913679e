"""A run's folder opened again: which kind of run it is, and a finished training with its net and its data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from profundo.data.streams.places import check_place
from profundo.records import ProfundoError
from profundo.runs.choices import load_data
from profundo.runs.experiment import new_experiment, read_experiment
from profundo.runs.folder import Folder, read_result
from profundo.runs.manifest import MAY_MOVE, check_data_facts, check_files
from profundo.runs.report_facts import write_report
from profundo.runs.run import Run
from profundo.runs.saved_model import load_model
from profundo.runs.scoring import as_learned, evaluate_run
from profundo.train import History

__all__ = ["finished", "finished_training", "kind_of", "open_run"]


def kind_of(path: str | Path) -> Literal["training", "recipe"]:
    """What a run's folder holds. Raises ProfundoError when there is no run."""
    return "recipe" if "recipe" in read_experiment(Folder.open(path).experiment) else "training"


def finished(path: str | Path) -> Folder:
    """The folder of a finished run, of either kind. Raises ProfundoError for any other."""
    folder = Folder.open(path)
    if not folder.scores.exists():
        raise ProfundoError(f"{path}: this run is not finished; {folder.resuming} ends it")
    return folder


def finished_training(path: str | Path) -> Folder:
    """The folder of a finished training. Raises ProfundoError for one that is not finished, and a recipe's run."""
    if kind_of(path) == "recipe":
        raise ProfundoError(
            f"{path}: is a run of a recipe, whose networks and figures are of its own kind; expected one of `profundo train`. "
            f"`profundo report {path}` shows it, `profundo predict` and `profundo generate` ask its networks"
        )
    return finished(path)


def open_run(path: str | Path, *, evaluate: bool = True) -> Run:
    """A finished training from its folder: net with its weights, history, and the data it was trained on.

    evaluate: look at the test split again, for what the report shows. Raises ProfundoError where the settings or the data
    are others than those of the training, and figures would not be the run's.
    """
    folder = finished_training(path)
    experiment = new_experiment(**read_experiment(folder.experiment))
    passed_on = (folder.experiment.name, *((folder.scores.name,) if evaluate else ()))
    net, spec = load_model(folder)
    kept = read_result(folder)
    check_files(folder, passed_on, ignored=MAY_MOVE)  # their facts decide; after what may be refused
    check_place(experiment.data, folder.experiment)
    data = as_learned(load_data(experiment), spec.targets)
    check_data_facts(folder, data.facts)
    history = History()
    history.rows = kept.history
    run = Run(
        experiment, data, net, history, write_report, folder=folder, best_epoch=kept.best_epoch, seconds=kept.seconds
    )
    if evaluate:
        evaluate_run(run, linear=(kept.linear, kept.linear_name) if kept.linear else None)
    return run
