"""A run's folder opened again: which kind of run it is, and a finished training with its net and its data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from profundo.data.grids.grid_arrays import as_grids
from profundo.data.streams.places import check_place
from profundo.objectives.own_losses import OwnLoss, main_error, place_entropy
from profundo.pictures.history_chart import history_chart
from profundo.records import Dataset, ProfundoError
from profundo.runs.choices import load_data
from profundo.runs.experiment import new_experiment, read_experiment
from profundo.runs.folder import Folder, read_result
from profundo.runs.given.arriving import dataset_of, loss_of, with_grids, with_several_outputs
from profundo.runs.given.keeping import TOOLS
from profundo.runs.given.own import Own, metrics_of
from profundo.runs.manifest import MAY_MOVE, check_data_facts, check_files
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


def open_run(
    path: str | Path,
    *,
    evaluate: bool = True,
    net: nn.Module | None = None,
    data: Any = None,
    loss: Any = None,
    metrics: Any = None,
    **reading: Any,
) -> Run:
    """A finished training from its folder: net with its weights, history, and the data it was trained on.

    evaluate: look at the test split again, for what the report shows. net, data, loss, metrics: those of one's own, which no
    file can name, as `fit` took them; reading: how the data were read and divided, likewise (target, validation, test).
    Raises ProfundoError where the settings or the data are others than those of the training, and figures would not be the
    run's.
    """
    folder = finished_training(path)
    experiment = new_experiment(**read_experiment(folder.experiment))
    passed_on = (folder.experiment.name, *((folder.scores.name,) if evaluate else ()))
    net, spec = load_model(folder, net)
    kept = read_result(folder)
    check_files(folder, passed_on, ignored=MAY_MOVE)  # their facts decide; after what may be refused
    if data is None:
        check_place(experiment.data, folder.experiment)
        loaded = load_data(experiment)
    else:
        splits = {name: reading.pop(name, None) for name in ("validation", "test")}
        loaded = dataset_of(data, {"seed": experiment.seed, **reading}, **splits, net=net)
        if spec.targets.traits.per == "pixel":
            loaded = with_grids(net, loaded) if str(experiment.net).startswith("own:") else as_grids(loaded)
    loaded = replace(loaded, spec=replace(loaded.spec, targets=spec.targets)) if data is not None else loaded
    opened = as_learned(loaded, spec.targets)
    check_data_facts(folder, opened.facts)
    own = Own(opened_loss(experiment.own.get("loss"), loss, net, opened), metrics_of(metrics, spec.targets.kind))
    if str(experiment.net).startswith("own:"):
        own, _ = with_several_outputs(net, opened, own)
    history = History(draw=history_chart)
    history.rows = kept.history
    run = Run(
        *(experiment, opened, net, history, TOOLS, own),
        folder=folder,
        best_epoch=kept.best_epoch,
        seconds=kept.seconds,
    )
    if evaluate and "loss" in experiment.own and own.loss is None:
        raise ProfundoError(
            f"{path}: its loss {experiment.own['loss']!r} is a function of your own: give it, loss=…, or evaluate=False"
        )
    if evaluate:
        evaluate_run(run, linear=(kept.linear, kept.linear_name) if kept.linear else None)
    return run


def opened_loss(name: str | None, loss: Any, net: nn.Module, data: Dataset) -> OwnLoss | None:
    """The loss of one's own that a run was trained with, where it is given or suits the shape of the targets."""
    if name is None:
        return None
    if loss is None and name not in (place_entropy.__name__, main_error.__name__):
        return None
    return loss_of(net, data, loss)[0]
