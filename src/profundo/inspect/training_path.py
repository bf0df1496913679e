"""The weights along a training: as `--keep-epochs` kept them, or by training again, which gives the same bits on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from profundo.languages import Said
from profundo.ranks_and_places import evenly
from profundo.records import ProfundoError
from profundo.runs.choices import prepare
from profundo.runs.preparing import rounds_of, training
from profundo.runs.resumable import learn
from profundo.runs.run import Run
from profundo.runs.voice import Quiet
from profundo.train import History
from profundo.train.distributed import Group
from profundo.train.kept_epochs import kept_epochs, read_epoch
from profundo.train.randomness import seeded

__all__ = ["TrainingPath", "training_path"]

MOST = 50  # places of a path
MOST_FLOATS = 1 << 27  # of all of them: 0.5 GB
LONGEST = 60.0  # seconds of a training that is done again


@dataclass(frozen=True, slots=True)
class TrainingPath:
    """epochs: after which; 0 is before training. states: the net's, by name. how: where they come from, in words."""

    epochs: tuple[int, ...]
    states: tuple[Mapping[str, Tensor], ...]
    how: str


def training_path(run: Run, most: int = MOST) -> TrainingPath:
    """At most so many places, evenly. Raises ProfundoError, with what to do, where there is no way to have them."""
    most = max(3, min(most, MOST_FLOATS // max(1, sum(value.numel() for value in run.net.parameters()))))
    first, last = span(run)
    files = kept_epochs(run.folder.epochs) if run.folder is not None else {}
    files = {epoch: file for epoch, file in files.items() if epoch == 0 or first < epoch <= last}
    if len(files) > 1:
        few = tuple(list(files)[at] for at in evenly(len(files), most))
        return TrainingPath(few, tuple(read_epoch(files[epoch]) for epoch in few), "kept after each epoch")
    name = run.folder.path if run.folder is not None else run.data.name
    experiment = run.experiment
    is_own = experiment.data.startswith("own:") or str(experiment.net).startswith("own:") or bool(experiment.own)
    if is_own or experiment.pretrained is not None or run.seconds.get("training", LONGEST + 1) > LONGEST:
        raise ProfundoError(
            f"{name}: the way of its training is not known, and "
            f"{'its settings alone do not train it' if is_own else 'it is too long to be trained'} again: {keeping(run, is_own)}",
            told=Said("refusals.unknown_way", name=name),
        )
    return again(run, most)


def span(run: Run) -> tuple[int, int]:
    """The epochs between which the weights that are kept were learned: of two trainings those of one, which begins with the same
    weights as the other."""
    rounds, epochs = rounds_of(run.experiment), len(run.history)
    first, _ = rounds.place(epochs - 1 if run.best_epoch is None else run.best_epoch)
    return first, epochs if first or epochs <= rounds.epochs else rounds.epochs


def keeping(run: Run, is_own: bool) -> str:
    """What to do, in words, to know the way another time; of a recipe's net, which has no history, nothing."""
    if not len(run.history):
        return "a recipe keeps its last weights alone, around which planes in random directions are measured"
    if is_own:
        return "fit(…, keep_epochs=True, out='…') with the same net and data keeps it in the run's folder"
    return "`profundo train … --keep-epochs`, or fit(…, keep_epochs=True), keeps it in the run's folder"


def again(run: Run, most: int) -> TrainingPath:
    """Train a new net as the run was trained, and write down its weights after each epoch."""
    with seeded(run.experiment.seed):
        prepared = prepare(run.experiment)  # refuses what no file can name, in one line
        history = History()
        what = training(prepared, history, Group())
        first, until = span(run)
        few = {first + at for at in evenly(until - first + 1, most)}
        states = {first: copied(prepared.net.state_dict())}

        def note() -> None:
            if len(history) in few and len(history) > first:
                states[len(history)] = copied(prepared.net.state_dict())

        learn(replace(what, consult=note), None, Group(), Quiet(), None)
    last, own = dict(prepared.net.named_parameters()), dict(run.net.named_parameters())  # no counts of batches
    with torch.no_grad():
        apart = sum(float((last[name] - own[name].to(last[name])).double().square().sum()) for name in own)
        size = sum(float(value.double().square().sum()) for value in own.values())
    if apart > 1e-4 * size:
        raise ProfundoError(
            f"{run.data.name}: trained again, it came to other weights (a hundredth of their length away or more): its way is not "
            "known; `profundo train … --keep-epochs` keeps it",
            told=Said("refusals.other_way", name=run.data.name),
        )
    return TrainingPath(tuple(states), tuple(states.values()), "trained again for this page, to the same weights")


def copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in state.items()
    }
