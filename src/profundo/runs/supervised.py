"""From data to a trained, evaluated, explained network: the spine that joins the rooms.

run = train(experiment(data="digits"))          # what `profundo train digits` does
run = fit(net, data, epochs=10)                 # the same with a net and data of one's own
run = resume("runs/digits-1")                   # go on after an interruption, to the same bits
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from profundo import nets, objectives
from profundo.data import load
from profundo.data.batches import in_order, shared_batch_size
from profundo.data.streams.places import check_place, remember_place
from profundo.evaluate import Answers, answers_of_all, evaluating, figures, scores
from profundo.files import in_words, read_object, write_json
from profundo.records import Dataset, Interrupted, ProfundoError, Samples, Scores
from profundo.runs.experiment import Experiment, completed, experiment, read_experiment, write_experiment
from profundo.runs.folder import Folder, environment, read_result, write_history
from profundo.runs.linear_baseline import yardstick
from profundo.runs.preparing import Prepared, objective_of, precision_of, training
from profundo.runs.resumable import Keeping, State, learn, where
from profundo.runs.saved_model import build_net, load_model, save_model
from profundo.runs.tensorboard import EventFiles, check_log
from profundo.runs.voice import Quiet, Voice, figure
from profundo.train import History
from profundo.train.checkpoints import newest_checkpoint
from profundo.train.distributed import Group, group
from profundo.train.hardware import choose_device, normalised, repeatable
from profundo.train.randomness import seeded

__all__ = ["Run", "evaluate_split", "fit", "open_run", "prepare", "resume", "score_lines", "train"]


@dataclass
class Run:
    """One training: its network, what happened and how well it does. folder is None where nothing was to be kept."""

    experiment: Experiment
    data: Dataset
    net: nn.Module
    history: History
    scores: Scores | None = None
    folder: Folder | None = None
    best_epoch: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    said: Answers | None = None

    def predict(self, inputs: Tensor) -> Tensor:
        """Class probabilities (batch, K), P(y = 1) (batch,), or values in their own units, of raw inputs (batch, *shape)."""
        from profundo.runs.saved_model import predict

        return predict(self.net, self.data.spec, inputs, objective_of(self.experiment, self.data))

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report, into the run's folder unless told where. Returns its path."""
        from profundo.runs.report_facts import write_report

        return write_report(self, Path(path) if path else None)

    def _repr_html_(self) -> str:
        from profundo.runs.report_facts import summary_html

        return summary_html(self)


def train(asked: Experiment, *, out: str | Path | None = None, voice: Voice | None = None) -> Run:
    """Train what the experiment asks for, in a new folder; under torchrun, with the other processes."""
    voice = voice or Quiet()
    with group(asked.device) as processes, seeded(asked.seed):
        started = time.perf_counter()
        remember_place(asked.data)
        prepared = prepare(asked, processes.size)
        seconds = {"data": time.perf_counter() - started}
        folder = Folder.create(asked.data, out) if processes.chief else None
        with _locked(folder):
            return _train(prepared, folder, processes, voice if processes.chief else Quiet(), seconds)


def prepare(asked: Experiment, processes: int = 1) -> Prepared:
    """Load the data, build the net and make every choice. Raises ProfundoError for whatever cannot work."""
    device = choose_device(asked.device)
    data = load_data(asked)
    name = asked.net or nets.default(data.spec)
    net = build_net(name, data.spec, asked.net_options, asked.seed)
    chosen = completed(asked, data.spec, len(data.train), name, normalised(net))
    chosen = chosen.model_copy(update={"stream": not isinstance(data.train.inputs, Tensor)})
    check_choices(chosen, data)
    shared_batch_size(chosen.batch_size or 1, len(data.train), processes)
    return Prepared(chosen, data, net, device, precision_of(chosen, net, data, device), processes)


def load_data(asked: Experiment) -> Dataset:
    return load(
        asked.data,
        data_dir=asked.data_dir,
        validation=asked.validation,
        seed=asked.seed,
        stream="auto" if asked.stream is None else asked.stream,
        skip_bad=asked.skip_bad,
        target=asked.target,
        task=asked.task,
        image_size=asked.image_size,
    )


def fit(
    net: nn.Module,
    data: Dataset,
    *,
    out: str | Path | bool | None = None,
    resume: bool = False,
    voice: Voice | None = None,
    **settings: Any,
) -> Run:
    """Train a net of one's own on data: `fit(net, data, epochs=10, seed=0)`.

    net: any module that gives (batch, data.spec.outputs) for standardised inputs (batch, *data.spec.inputs.shape); it is
    trained in place, and moved to the device. out: the run's folder, False to keep nothing, runs/<data>-<n> by default.
    resume: go on with the interrupted run in `out`, with the same net, data and settings; to the same bits.
    settings: those of Experiment, such as batch_size, learning_rate, early_stop; capture=True records the step once and
    replays it, for nets that keep nothing in Python from one call to the next (train/capture.py). Raises ProfundoError for a setting
    that is unknown or cannot work. The caller's random state is left as it was.
    """
    from profundo.runs.voice import for_python

    for name in (
        "data",
        "net",
        "net_options",
        "validation",
        "stream",
        "skip_bad",
        "data_dir",
        "target",
        "task",
        "image_size",
    ):
        if name in settings:
            raise ProfundoError(
                f"fit: {name!r} is decided where data and net are made; give it to load(…) or to the net"
            )
    device = choose_device(settings.get("device", "auto"))
    asked = experiment(data=data.name, net=f"own:{type(net).__name__}", **settings)
    check_data(data)
    chosen = completed(asked, data.spec, len(data.train), str(asked.net), normalised(net))
    check_choices(chosen, data)
    if chosen.log is not None and out is False:
        raise ProfundoError(f"fit: log={chosen.log!r} writes into the run's folder; leave out one of log and out=False")
    check_outputs(net, data)
    prepared = Prepared(chosen, data, net, device, precision_of(chosen, net, data, device))
    voice, alone, state = voice or for_python(), Group(), None
    if resume:
        folder: Folder | None = Folder.open(out if isinstance(out, str | Path) else "")
    else:
        folder = None if out is False else Folder.create(data.name, None if out is True else out)
    with seeded(chosen.seed), _locked(folder):
        if resume and folder is not None:
            _check_unfinished(folder)
            state = newest_checkpoint(folder.checkpoints, voice.notice)
            _check_unchanged(folder, prepared, state, alone, voice)
        return _train(prepared, folder, alone, voice, {}, state)


def check_choices(chosen: Experiment, data: Dataset) -> None:
    """Raises ProfundoError for an objective, early stopping or a log that cannot be with these data on this machine."""
    objective_of(chosen, data)
    if chosen.early_stop is not None and not len(data.validation):
        raise ProfundoError(
            f"early-stop: expected a validation split to look at, that of {data.name} is empty; leave it out"
        )
    check_log(chosen.log)


def check_data(data: Dataset) -> None:
    """Raises ProfundoError when a split's targets do not fit its inputs, or its values are not what the spec says."""
    spec = data.spec
    for name, split in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        inputs, targets = split.inputs, split.targets
        if len(inputs) != len(targets):
            raise ProfundoError(
                f"{data.name}: {name} has {len(inputs)} inputs and {len(targets)} targets; expected as many"
            )
        if isinstance(inputs, Tensor) and tuple(inputs.shape[1:]) != spec.inputs.shape:
            raise ProfundoError(
                f"{data.name}: {name} inputs are {tuple(inputs.shape[1:])}, the spec says {spec.inputs.shape}"
            )
        if isinstance(inputs, Tensor) and inputs.is_floating_point() and not bool(inputs.isfinite().all()):
            raise ProfundoError(f"{data.name}: {name} inputs hold NaN or infinite values; clean them")
        if spec.targets.kind in ("real", "labels"):
            right = targets.is_floating_point() and targets.ndim == 2 and targets.shape[1] == spec.outputs
            wanted = f"float (samples, {spec.outputs})"
            if spec.targets.kind == "labels":
                right, wanted = right and bool(((targets == 0) | (targets == 1)).all()), f"{wanted} of 0 and 1"
        else:
            right = targets.dtype == torch.int64 and targets.ndim == 1
            wanted = f"int64 (samples,) from 0 to {len(spec.targets.classes) - 1}"
            right = right and (
                not len(targets) or 0 <= int(targets.min()) <= int(targets.max()) < len(spec.targets.classes)
            )
        if not right:
            raise ProfundoError(
                f"{data.name}: {name} targets: expected {wanted}, got {targets.dtype} {tuple(targets.shape)}"
            )


def check_outputs(net: nn.Module, data: Dataset) -> None:
    """Raises ProfundoError when the net does not take the data's inputs or does not give as many outputs as they need."""
    shape = data.spec.inputs.shape
    parameter = next(net.parameters(), torch.empty(0))
    try:
        with evaluating(net):
            outputs = net(torch.zeros(2, *shape, device=parameter.device))
    except (RuntimeError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise ProfundoError(
            f"{type(net).__name__}: expected to take inputs (batch, {', '.join(map(str, shape))}): {said}"
        ) from None
    if not isinstance(outputs, Tensor) or outputs.shape != (2, data.spec.outputs):
        arrived = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ProfundoError(
            f"{type(net).__name__}: expected outputs (batch, {data.spec.outputs}) for {data.name}, got {arrived} "
            "for a batch of 2; change the width of the last layer"
        )


def resume(path: str | Path, *, voice: Voice | None = None) -> Run:
    """Go on with an interrupted run. It ends with the same bits as if it had never been interrupted.

    Raises ProfundoError when the experiment or the data changed meanwhile, naming what.
    """
    voice = voice or Quiet()
    folder = Folder.open(path)
    asked = experiment(**read_experiment(folder.experiment))
    check_place(asked.data, folder.experiment)
    _check_unfinished(folder)
    with (
        group(asked.device) as processes,
        seeded(asked.seed),
        _locked(folder if processes.chief else None),  # before looking: a process at work prunes what we would read
    ):
        started = time.perf_counter()
        prepared = prepare(asked, processes.size)
        seconds = {"data": time.perf_counter() - started}
        voice = voice if processes.chief else Quiet()
        state = newest_checkpoint(folder.checkpoints, voice.notice)
        _check_unchanged(folder, prepared, state, processes, voice)
        return _train(prepared, folder if processes.chief else None, processes, voice, seconds, state)


def _check_unfinished(folder: Folder) -> None:
    if folder.scores.exists():
        raise ProfundoError(
            f"{folder.path}: this run is finished; `profundo report {folder.path}` shows it, `profundo train` starts another"
        )


WITHOUT_EFFECT = ("workers", "checkpoint_seconds", "data_dir")  # on the result, as the data are compared by themselves


def _check_unchanged(folder: Folder, prepared: Prepared, state: State | None, processes: Group, voice: Voice) -> None:
    data = prepared.data
    changes = _changed_settings(prepared.experiment, state, processes) if state is not None else []
    now = where(prepared.device, prepared.precision)
    for name, old in (state or {}).get("on", {}).items():
        if now.get(name) != old and name in ("device", "precision"):
            changes.append(f"{name} was {old}, is {now.get(name)}")
        elif now.get(name) != old:
            voice.notice(f"{name} was {old}, is {now.get(name)}: the result may differ in its last digits")
    kept = read_object(folder.environment).get("data") if folder.environment.is_file() else None
    before = kept if isinstance(kept, dict) else {}
    facts = dict(data.facts)
    changes += [
        f"data: {name} was {old!r}, is {facts.get(name)!r}" for name, old in before.items() if facts.get(name) != old
    ]
    if changes:
        raise ProfundoError(
            f"{folder.path}: cannot go on, for things changed: {'; '.join(changes)}. Undo that, or train anew"
        )


def _changed_settings(asked: Experiment, state: State, processes: Group) -> list[str]:
    now = asked.settings()
    try:
        before, size = state["experiment"].items(), len(state["random"])
    except (LookupError, TypeError, AttributeError) as error:
        raise ProfundoError(f"the newest checkpoint is not one of a training: {in_words(error)}; train anew") from None
    changes = [
        f"{name} was {old!r}, is {now.get(name)!r}"
        for name, old in before
        if now.get(name) != old and name not in WITHOUT_EFFECT
    ]
    return changes if size == processes.size else [*changes, f"processes were {size}, are {processes.size}"]


def open_run(path: str | Path, *, evaluate: bool = True) -> Run:
    """A finished run from its folder: net with its weights, history, and the data it was trained on.

    evaluate: look at the test split again, for what the report shows.
    """
    folder = Folder.open(path)
    asked = experiment(**read_experiment(folder.experiment))
    if not folder.scores.exists():
        raise ProfundoError(f"{path}: this run is not finished; `profundo resume {path}` ends it")
    check_place(asked.data, folder.experiment)
    data = load_data(asked)
    net, spec = load_model(folder)
    if (spec.inputs.shape, spec.inputs.names, spec.targets.kind, spec.outputs) != (
        data.spec.inputs.shape,
        data.spec.inputs.names,
        data.spec.targets.kind,
        data.spec.outputs,
    ):
        raise ProfundoError(
            f"{folder.experiment}: {asked.data!r} does not look like the data that the net learned from"
        )
    history, kept = History(), read_result(folder)
    history.rows = kept.history
    run = Run(asked, data, net, history, folder=folder, best_epoch=kept.best_epoch, seconds=kept.seconds)
    if evaluate:
        evaluate_run(run, linear=(kept.linear, kept.linear_name) if kept.linear else None)
    return run


# ---------------------------------------------------------------------------------------------------- one training
def _train(
    prepared: Prepared,
    folder: Folder | None,
    processes: Group,
    voice: Voice,
    seconds: dict[str, float],
    state: State | None = None,
) -> Run:
    run = Run(prepared.experiment, prepared.data, prepared.net, History(processes.sum), seconds=seconds)
    run.folder = folder
    if folder is not None and state is None:
        facts = {**environment(prepared.device, processes.size), "data": dict(prepared.data.facts)}
        write_json(folder.environment, facts)
        write_experiment(folder.experiment, prepared.experiment)  # last, for it makes the folder a run
    keeping = None
    if folder is not None:
        facts = {"experiment": prepared.experiment.settings(), "on": where(prepared.device, prepared.precision)}
        keeping = Keeping(folder, folder.checkpoints, facts, prepared.experiment.checkpoint_seconds)
    what = training(prepared, run.history, processes)
    if folder is not None and prepared.experiment.log:
        done = len(state["history"]["rows"]) if state is not None else 0
        what = replace(what, diary=EventFiles(folder.path / "tensorboard", len(what.batches), done))
    voice.open(folder)
    introduce(prepared, voice, resumed=state is not None)
    voice.start(what.plan.epochs, len(what.batches), processes.size)
    started = time.perf_counter()
    try:
        learn(what, keeping, processes, voice, state)
    except Interrupted:
        if folder is not None:
            voice.notice(f"interrupted, the state is saved; to go on: profundo resume {folder.path}")
        raise
    finally:
        voice.stop()
    run.seconds["training"] = time.perf_counter() - started
    run.best_epoch = best_epoch(run.history)
    if processes.chief:
        started = time.perf_counter()
        evaluate_run(run, voice.notice)
        run.seconds["evaluation"] = time.perf_counter() - started
        if folder is not None:
            _keep(run, voice)
    for line in result_lines(run) if run.scores is not None else []:
        voice.say(line)
    return run


def introduce(prepared: Prepared, voice: Voice, resumed: bool) -> None:
    """Say what will be trained, on what and how."""
    asked, data = prepared.experiment, prepared.data
    parameters = sum(parameter.numel() for parameter in prepared.net.parameters())
    voice.say(
        f"{data.name}: {len(data.train):,} to train on, {len(data.validation):,} to validate, {len(data.test):,} to test"
    )
    voice.say(
        f"{asked.net}: {parameters:,} parameters, {asked.optimizer} at {asked.learning_rate:g} ({asked.schedule}), "
        f"batches of {min(asked.batch_size or 1, len(data.train))}, {prepared.precision} on {prepared.device}"
    )
    for note in data.notes:
        voice.notice(note)
    if resumed:
        voice.say("resumed from the newest checkpoint")


def result_lines(run: Run) -> list[str]:
    """What a person wants to know at the end: the score beside the constant predictor's, and where the report is."""
    assert run.scores is not None
    lines = []
    if run.best_epoch is not None and run.experiment.early_stop:
        epochs = len(run.history)
        early = f"stopped after {epochs} epochs, " if epochs < (run.experiment.epochs or 0) else ""
        lines.append(f"{early}best weights of epoch {run.best_epoch + 1} restored")
    lines += score_lines(run.scores, "test")
    lines.append(f"{run.seconds.get('training', 0):.1f} s of training")
    if run.folder is not None and run.folder.report.is_file():
        lines.append(f"report: {run.folder.report}")
    return lines


def score_lines(scores: Scores, split: str) -> list[str]:
    """The main figure beside the yardsticks', and the others in one line."""
    (name, value), *rest = scores.values.items()
    yardsticks = [f"constant predictor: {figure(name, scores.baseline[name])}"]
    if name in scores.linear:
        yardsticks.append(f"{scores.linear_name.split(' on ')[0]}: {figure(name, scores.linear[name])}")
    others = ", ".join(f"{name} {figure(name, value)}" for name, value in rest)
    return [f"{split} {name}: {figure(name, value)}   ({', '.join(yardsticks)})", f"{split} {others}"]


def best_epoch(history: History) -> int | None:
    """The epoch, from 0, with the smallest validation loss; None without validation."""
    if "validation loss" not in history.names:
        return None
    losses = history["validation loss"]
    return losses.index(min(losses))


@contextmanager
def _locked(folder: Folder | None) -> Iterator[None]:
    if folder is None:
        yield
    else:
        with folder.locked():
            yield


def evaluate_run(
    run: Run, notice: Callable[[str], None] = lambda _: None, linear: tuple[Mapping[str, float], str] | None = None
) -> None:
    """The one look at the test split, in float32: what the saved weights give anywhere.

    linear: the linear model's figures and its name, where they are known; else it is fitted.
    """
    if linear is None:
        run.said, run.scores = evaluate_split(run.net, run.data, run.data.test, run.experiment, notice)
        return
    run.said = answers_to(run.net, run.data, run.data.test, run.experiment)[0]
    found = scores(run.said, run.data.spec.targets, run.data.train.targets)
    run.scores = replace(found, linear=linear[0], linear_name=linear[1])


def evaluate_split(
    net: nn.Module, data: Dataset, split: Samples, asked: Experiment, notice: Callable[[str], None] = lambda _: None
) -> tuple[Answers, Scores]:
    """What the net says about each sample of a split, and how well, beside a constant and a linear model.

    notice: is told why there is no linear model, where it could not be fitted.
    """
    targets = data.spec.targets
    try:
        linear, name = yardstick(data)
    except (RuntimeError, ValueError, OSError, MemoryError, ProfundoError) as error:
        notice(f"no linear model to compare with: {' '.join(str(error).split())}")
        (said,) = answers_to(net, data, split, asked)
        return said, scores(said, targets, data.train.targets)
    said, linear_said = answers_to(net, data, split, asked, linear)
    found = scores(said, targets, data.train.targets)
    return said, replace(found, linear=figures(linear_said, targets), linear_name=name)


def answers_to(
    net: nn.Module, data: Dataset, split: Samples, asked: Experiment, linear: nn.Module | None = None
) -> list[Answers]:
    """What the net, and the linear model if there is one, say about each sample of a split."""
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    judged: list[tuple[nn.Module, objectives.Objective]] = [(net, objective_of(asked, data).likelihood)]
    if linear is not None:
        judged.append((linear.to(device), objectives.default(data.spec.targets)))
    with repeatable(device, "float32"):
        ordered = in_order(split, data.spec, device=device, workers=asked.workers)
        return answers_of_all(judged, ordered, data.spec.targets)


def _keep(run: Run, voice: Voice) -> None:
    """Write what outlives the run; the scores last, for they mark it as finished."""
    folder, said = run.folder, run.scores
    assert folder is not None
    assert said is not None
    folder.check()
    save_model(folder, run.net, run.experiment, run.data.spec)
    write_history(folder, run.history.to_csv())
    try:
        run.report()
    except Exception as error:  # noqa: BLE001 - the scores of a long training matter more than their picture
        voice.notice(f"the report could not be written: {' '.join(str(error).split())}")
    write_json(
        folder.scores,
        {
            "test": dict(said.values),
            "baseline": dict(said.baseline),
            "linear": dict(said.linear),
            "linear_name": said.linear_name,
            "per_class": [asdict(one) for one in said.per_class],
            "calibration": [asdict(one) for one in said.calibration],
            "confusion": [list(row) for row in said.confusion],
            "notes": list(run.data.notes),
            "samples": said.samples,
            "epochs": len(run.history),
            "best_epoch": run.best_epoch,
            "seconds": run.seconds,
            "history": run.history.rows,
        },
    )
