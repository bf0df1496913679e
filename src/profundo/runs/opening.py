"""A run's folder opened again: which kind of run it is, and a finished training with its net and its data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from profundo.data.grids.grid_arrays import as_grids
from profundo.data.streams.places import check_place
from profundo.files import read_object
from profundo.languages import Said
from profundo.objectives.own_losses import OwnLoss, main_error, place_entropy
from profundo.pictures.history_chart import history_chart
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Scores, Spec, at_the_door
from profundo.runs.choices import load_data
from profundo.runs.experiment import new_experiment
from profundo.runs.folder import Folder, read_result, read_scores
from profundo.runs.given.arriving import dataset_of, with_grids, with_several_outputs
from profundo.runs.given.keeping import TOOLS
from profundo.runs.given.own import Own, metrics_of
from profundo.runs.given.ways_to_train import loss_of
from profundo.runs.health.health_record import read_health, read_vital_signs
from profundo.runs.manifest import MAY_MOVE, check_data_facts, check_files
from profundo.runs.run import Run, Tools
from profundo.runs.saved_model import load_model
from profundo.runs.scoring import as_learned, evaluate_run
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.train import History

__all__ = ["finished", "finished_training", "kind_of", "open_run", "with_samples"]


def kind_of(path: str | Path) -> Literal["training", "recipe"]:
    """What a run's folder holds. Raises ProfundoError when there is no run."""
    return "recipe" if "recipe" in read_experiment(Folder.open(path).experiment) else "training"


def finished(path: str | Path) -> Folder:
    """The folder of a finished run, of either kind. Raises ProfundoError for any other."""
    folder = Folder.open(path)
    if not folder.scores.exists():
        raise ProfundoError(
            f"{path}: this run is not finished; {folder.resuming} ends it",
            told=Said("refusals.unfinished_run", where=path),
        )
    return folder


def finished_training(path: str | Path) -> Folder:
    """The folder of a finished training. Raises ProfundoError for one that is not finished, and a recipe's run."""
    if kind_of(path) == "recipe":
        raise ProfundoError(
            f"{path}: is a run of a recipe, whose networks and figures are of its own kind; expected one of `profundo train`. "
            f"`profundo report {path}` shows it, `profundo predict` and `profundo generate` ask its networks",
            told=Said("refusals.run_of_recipe", where=path),
        )
    return finished(path)


@at_the_door
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
    file can name, as `fit` took them; without its data such a run predicts, and has the scores that it was kept with. reading:
    how the data were read and divided, likewise (target, validation, test).
    Raises ProfundoError where the settings or the data are others than those of the training, and figures would not be the
    run's.
    """
    folder = finished_training(path)
    experiment = new_experiment(**read_experiment(folder.experiment))
    passed_on = (folder.experiment.name, *((folder.scores.name,) if evaluate else ()))
    net, spec = load_model(folder, net)
    kept = read_result(folder)
    check_files(folder, passed_on, ignored=MAY_MOVE)  # their facts decide; after what may be refused
    absent = data is None and experiment.data.startswith("own:")
    if absent:
        loaded, evaluate = stand_in(experiment.data[4:], spec), False
    elif data is None:
        check_place(experiment.data, folder.experiment)
        loaded = load_data(experiment)
    else:
        splits = {name: reading.pop(name, None) for name in ("validation", "test")}
        loaded = dataset_of(data, {"seed": experiment.splitting_seed, **reading}, **splits, net=net)
        if spec.targets.traits.per == "pixel":
            loaded = with_grids(net, loaded) if str(experiment.net).startswith("own:") else as_grids(loaded)
    loaded = replace(loaded, spec=replace(loaded.spec, targets=spec.targets)) if data is not None else loaded
    opened = as_learned(loaded, spec.targets)
    if not absent:
        check_data_facts(folder, opened.facts)
    if absent and loss is None and spec.targets.kind == "any":
        loss = main_error  # which predicts as any other: what the net gives
    own = Own(opened_loss(experiment.own.get("loss"), loss, net, opened), metrics_of(metrics, spec.targets.kind))
    if str(experiment.net).startswith("own:"):
        own, _ = with_several_outputs(net, opened, own)
    history = History(draw=history_chart)
    history.rows = kept.history
    run = Run(
        *(experiment, opened, net, history, WITHOUT_DATA if absent else TOOLS, own),
        scores=kept_scores(folder) if absent else None,
        folder=folder,
        best_epoch=kept.best_epoch,
        seconds=kept.seconds,
        doctor=read_health(folder.doctor),
        vital_signs=read_vital_signs(folder.vital_signs),
    )
    if evaluate and "loss" in experiment.own and own.loss is None:
        raise ProfundoError(
            f"{path}: its loss {experiment.own['loss']!r} is a function of your own: give it, profundo.open_run({str(path)!r}, "
            "loss=…), or evaluate=False"
        )
    if evaluate:
        evaluate_run(run, linear=(kept.linear, kept.linear_name) if kept.linear else None)
        if run.scores is not None and "metrics" in experiment.own and metrics is None:  # of the same net and samples
            run.scores = replace(run.scores, values={**read_scores(folder), **run.scores.values})
    return run


def stand_in(name: str, spec: Spec) -> Dataset:
    """In place of data that are not there: one sample of zeros, for what asks how samples look."""

    def zeros(one: Inputs) -> Tensor:
        kinds = {"image": torch.uint8, "any": torch.int64}
        return torch.zeros(1, *one.shape, dtype=kinds.get(one.kind, torch.float32))

    parts = tuple(map(zeros, spec.inputs.parts))
    inputs: Any = zeros(spec.inputs)
    if parts:
        inputs = dict(zip(spec.inputs.names, parts, strict=True)) if spec.inputs.names else parts
    of_classes = spec.targets.kind in ("classes", "binary")
    targets = torch.zeros(1, dtype=torch.int64) if of_classes else torch.zeros(1, spec.outputs)
    return Dataset(name, spec, *(Samples(inputs, targets),) * 3)


def kept_scores(folder: Folder) -> Scores:
    """The main figures as they were kept."""
    kept = read_object(folder.scores)
    names = ("baseline", "baseline_name", "linear", "linear_name", "intervals")
    return Scores(kept["samples"], kept["test"], **{name: kept[name] for name in names if name in kept})


def needs_data(run: Run, *_: Any) -> Any:
    path = str(run.folder.path) if run.folder is not None else "path"
    raise ProfundoError(
        f"{path}: its data were in memory: give them, profundo.open_run({path!r}, data=…), and net=…, if that is your own",
        told=Said("refusals.data_in_memory", where=path),
    )


WITHOUT_DATA = Tools(needs_data, needs_data, needs_data)


def with_samples(run: Run) -> Run:
    """The run, for what is computed on its samples. Raises ProfundoError where they are gone: those that stand in for them only
    say how samples look, and a figure of theirs would be none of the run's."""
    if run.tools is WITHOUT_DATA:
        path = str(run.folder.path) if run.folder is not None else "path"
        raise ProfundoError(
            f"{path}: its data were in memory and are gone, and what is shown here is computed on them; the net can be tried, it "
            "predicts; to look into it train one on named data or a file, or in Python give the data, open_run(path, data=…)"
        )
    return run


def opened_loss(name: str | None, loss: Any, net: nn.Module, data: Dataset) -> OwnLoss | None:
    """The loss of one's own that a run was trained with, where it is given or suits the shape of the targets."""
    if name is None:
        return None
    if loss is None and name not in (place_entropy.__name__, main_error.__name__):
        return None
    return loss_of(net, data, loss)[0]
