"""From data to a trained, evaluated, explained network: the spine that joins the rooms.

run = train(new_experiment(data="digits"))          # what `profundo train digits` does
run = fit(net, data, epochs=10)                 # the same with a net and data of one's own
run = resume("runs/digits-1")                   # go on after an interruption, to the same bits
run = open_run("runs/digits-1")                 # a finished one, from its folder
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from traceback import walk_tb
from typing import Any

from torch import nn

from profundo.data.streams.places import check_place, remember_place
from profundo.evaluate.kinds import net_answers
from profundo.files import in_words, read_object, write_json
from profundo.languages import Said, named
from profundo.nets.published_weights import published
from profundo.pictures.history_chart import history_chart
from profundo.records import Interrupted, ProfundoError
from profundo.runs.baselines.linear_baseline import Yardstick
from profundo.runs.checks import (
    check_data,
    check_outputs,
)
from profundo.runs.choices import check_named, load_data, prepare
from profundo.runs.experiment import WITHOUT_EFFECT, Experiment, new_experiment, write_experiment
from profundo.runs.folder import Folder, environment, write_history
from profundo.runs.given.arriving import net_and_data, prepare_own
from profundo.runs.given.foreign import without_gone
from profundo.runs.given.keeping import TOOLS, keep_result
from profundo.runs.health.care import Care, as_healed
from profundo.runs.health.training_program import check_known
from profundo.runs.live.clock import Clock
from profundo.runs.live.live_progress import Telling, telling
from profundo.runs.manifest import differences
from profundo.runs.opening import open_run
from profundo.runs.preparing import LOSS, Prepared, batch_size, monitored, training
from profundo.runs.resumable import Keeping, State, epochs_done, is_out_of_memory, learn, where
from profundo.runs.run import Run
from profundo.runs.saved_model import keepable, save_model
from profundo.runs.scoring import evaluate_run, evaluate_split, result_lines, score_lines, with_margins, with_threshold
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.tensorboard import EventFiles
from profundo.runs.voice import Quiet, Voice, for_python
from profundo.threads import using
from profundo.train import History, updates
from profundo.train.checkpoints import newest_checkpoint, numbered
from profundo.train.distributed import Group, group
from profundo.train.randomness import seeded

__all__ = [
    "Run",
    "check_data",
    "check_outputs",
    "evaluate_split",
    "fit",
    "load_data",
    "open_run",
    "prepare",
    "resume",
    "score_lines",
    "train",
]


def train(experiment: Experiment, *, out: str | Path | None = None, voice: Voice | None = None) -> Run:
    """Train what the experiment asks for, in a new folder; under torchrun, with the other processes."""
    voice = voice or Quiet()
    with group(experiment.device) as processes, seeded(experiment.seed):
        started = time.perf_counter()
        remember_place(experiment.data)
        prepared = prepare(experiment, processes.size)
        seconds = {"data": time.perf_counter() - started}
        folder = Folder.create(experiment.data, out) if processes.chief else None
        with folder.locked() if folder is not None else nullcontext():
            return train_prepared(prepared, folder, processes, voice if processes.chief else Quiet(), seconds)


def fit(
    net: Any = None,
    data: Any = None,
    targets: Any = None,
    *,
    validation: Any = None,
    test: Any = None,
    loss: Any = None,
    metrics: Any = None,
    optimizer: Any = None,
    schedule: Any = None,
    out: str | Path | bool | None = None,
    resume: bool = False,
    voice: Voice | None = None,
    **settings: Any,
) -> Run:
    """Train a net on data: `fit(net, (X, y), epochs=10, seed=0)`, `fit("mlp", frame, target="price")`, `fit("digits")`.

    net: any module, which is trained in place and moved to the device; a function that makes one of a Spec; or a name of
        `nets.NETS`, with net_options; left out, one that suits the data. It gives (batch, data.spec.outputs) for standardised
        inputs (batch, *data.spec.inputs.shape); several inputs are given as they came, net(a, b) or net(name=a).
    data: a Dataset of `load`, or anything that `load` takes: (X, y) or (X, y, weights) of arrays, a table and target=…, a
        Dataset or DataLoader, a name or path. Without targets the net learns to give back its inputs.
    validation, test: more of the same; or, validation, a share of the samples. Where validation samples were given and none
        to test, they are for both.
    loss: a name, or a function of (outputs, targets), a module or its class; real targets in their own units.
    metrics: functions of (predictions, targets) by name, for the history, the scores and the report.
    optimizer, schedule: names, or PyTorch's own: a class, an instance, a function; see train/own_optimizers.py.
    out: the run's folder, False to keep nothing, runs/<data>-<n> by default.
    resume: go on with the interrupted run in `out`, with the same net, data and settings; to the same bits.
    settings: those of Experiment, such as batch_size, learning_rate, early_stop; of how data are read, those of `load`;
        capture=True records the step once and replays it, for nets that keep nothing in Python from one call to the next
        (train/capture.py). Raises ProfundoError for what is unknown or cannot work, and a net whose state could not be saved.
        The caller's random state is left as it was.
    """
    net, data = net_and_data(net, data)
    if targets is not None and isinstance(data, str | Path):
        raise ProfundoError(
            f"data: {str(data)!r} has its targets within, such as target='column' of a table; leave out the others"
        )
    if targets is not None:
        data = (data, targets)
    ours = {"loss": loss, "metrics": metrics, "optimizer": optimizer, "schedule": schedule}
    prepared = prepare_own(net, data, settings, keeps=out is not False, validation=validation, test=test, **ours)
    remember_place(prepared.experiment.data)
    voice, alone, state = voice or for_python(), Group(), None
    if resume:
        if not isinstance(out, str | Path):
            raise ProfundoError("fit: resume=True goes on with the run in out=…, a folder; got none")
        folder: Folder | None = Folder.open(out)
    else:
        folder = None if out is False else Folder.create(prepared.data.name, None if out is True else out)
    with seeded(prepared.experiment.seed), folder.locked() if folder is not None else nullcontext():
        if resume and folder is not None:
            check_unfinished(folder)
            prepared = as_healed(prepared, folder)
            state = newest_checkpoint(folder.checkpoints, voice.notice)
            if state is None:
                voice.notice(f"{folder.path}: no state was saved yet; training begins anew, with the net as it is now")
            check_unchanged(folder, prepared, state, alone, voice)
        return train_prepared(prepared, folder, alone, voice, {}, state)


def resume(path: str | Path, *, voice: Voice | None = None) -> Run:
    """Go on with an interrupted run. It ends with the same bits as if it had never been interrupted.

    Raises ProfundoError when the experiment or the data changed meanwhile, naming what.
    """
    voice = voice or Quiet()
    folder = Folder.open(path)
    experiment = new_experiment(**read_experiment(folder.experiment))
    check_place(experiment.data, folder.experiment)
    check_unfinished(folder)
    check_named(experiment, f"with the same ones, {folder.resuming} goes on")
    with (
        group(experiment.device) as processes,
        seeded(experiment.seed),
        # before looking: a process at work prunes what we would read
        folder.locked() if processes.chief else nullcontext(),
    ):
        started = time.perf_counter()
        prepared = prepare(experiment, processes.size)
        seconds = {"data": time.perf_counter() - started}
        voice = voice if processes.chief else Quiet()
        state = newest_checkpoint(folder.checkpoints, voice.notice)
        check_unchanged(folder, prepared, state, processes, voice)
        return train_prepared(prepared, folder if processes.chief else None, processes, voice, seconds, state)


# ------------------------------------------------------------------------------------------------ may it be gone on with?
def check_unfinished(folder: Folder) -> None:
    if folder.scores.exists():
        raise ProfundoError(
            f"{folder.path}: this run is finished; profundo.open_run({str(folder.path)!r}), or `profundo report {folder.path}`, "
            "shows it, another folder holds another run"
        )


def check_unchanged(folder: Folder, prepared: Prepared, state: State | None, processes: Group, voice: Voice) -> None:
    """Raises ProfundoError for other settings, another device or other data than before the interruption."""
    changes = changed_settings(prepared.experiment, state, processes) if state is not None else []
    now = where(prepared.device, prepared.precision)
    for name, old in (state or {}).get("on", {}).items():
        if now.get(name) != old and name in ("device", "precision"):
            changes.append(Said("refusals.was_is", name=name, before=old, now=now.get(name)))
        elif now.get(name) != old and name != "threads":
            voice.notice(f"{name} was {old}, is {now.get(name)}: the result may differ in its last digits")
    before = read_object(folder.environment).get("data") if folder.environment.is_file() else None
    if isinstance(before, dict):
        changes += [
            Said("refusals.within", where=named("data"), what=change)
            for change in differences(before, prepared.data.facts)
        ]
    else:
        changes.append(f"{folder.environment.name} no longer says what the data were")
    if changes:
        raise ProfundoError(Said("refusals.things_changed", where=folder.path, changes=tuple(changes)))


def changed_settings(experiment: Experiment, state: State, processes: Group) -> list[str]:
    now = experiment.settings()
    try:
        before, size = without_gone(state["experiment"]), len(state["random"])
    except (LookupError, TypeError, ValueError) as error:
        raise ProfundoError(f"the newest checkpoint is not one of a training: {in_words(error)}; train anew") from None
    changes = differences(before, {name: now.get(name) for name in before}, WITHOUT_EFFECT)
    return changes if size == processes.size else [*changes, f"processes were {size}, are {processes.size}"]


# ---------------------------------------------------------------------------------------------------- one training
def train_prepared(
    prepared: Prepared,
    folder: Folder | None,
    processes: Group,
    voice: Voice,
    seconds: dict[str, float],
    state: State | None = None,
) -> Run:
    """Train, keep the weights, look at the test split once, and keep what came out."""
    history = History(processes.sum, history_chart)
    run = Run(
        *(prepared.experiment, prepared.data, prepared.net, history),
        *(TOOLS, prepared.own),
        folder=folder,
        seconds=seconds,
    )
    if folder is not None and state is None:
        facts = {**environment(prepared.device, processes.size), "data": dict(prepared.data.facts)}
        write_json(folder.environment, facts)
        write_experiment(folder.experiment, prepared.experiment)  # last, for it makes the folder a run
    voice.open(folder)
    introduce(prepared, voice, resumed=state is not None)
    with telling(folder.path if folder is not None else None) as live:
        live.tell()
        linear = trained(run, prepared, processes, voice, state, live)
        if processes.chief:
            live.tell(phase="evaluating")
            try:
                judge(run, voice, linear)
            except Exception as error:
                if isinstance(error, ProfundoError):
                    raise
                raise failed(prepared, "in evaluation", error) from error
    return run


def trained(
    run: Run, prepared: Prepared, processes: Group, voice: Voice, state: State | None, live: Telling
) -> Yardstick | None:
    """The training, with the doctor beside it where that was asked; the run has its seconds and its best epoch.

    Returns the linear model, where it was fitted to see whether the net does better.
    """
    live.clock, linear = Clock((state or {}).get("seconds")), None
    if prepared.experiment.doctor or prepared.experiment.heal:
        linear = watch(run, prepared, processes, voice, state, live)
    else:
        run.best_epoch = learn_prepared(prepared, run.history, run.folder, processes, voice, state, live)
    run.seconds |= live.clock.seconds()
    return linear


def watch(
    run: Run, prepared: Prepared, processes: Group, voice: Voice, state: State | None, live: Telling
) -> Yardstick | None:
    """The training with the doctor beside it; the run has what it came to."""
    try:
        if processes.size > 1:
            raise ProfundoError(Said("refusals.one_process"))
        check_known(prepared.data)
        care = Care(prepared, run.history, run.folder, voice, live)
        live.clock.beside = lambda: {"doctor": care.seconds, "evaluation": care.compared}
    except ProfundoError as error:
        voice.notice(f"without the doctor: {error}")
        run.best_epoch = learn_prepared(prepared, run.history, run.folder, processes, voice, state, live)
        return None

    def learns(one: Prepared, state: State | None) -> None:
        run.best_epoch = learn_prepared(one, run.history, run.folder, processes, voice, state, live, care)

    try:
        prepared = care.follow(state, learns)
    finally:
        if run.folder is not None and run.folder.experiment.exists():
            care.keep(run.folder)
    run.experiment, run.net = prepared.experiment, prepared.net
    run.doctor, run.vital_signs = care.result(), care.signs.arrays()
    return care.linear


def learn_prepared(
    prepared: Prepared,
    history: History,
    folder: Folder | None,
    processes: Group,
    voice: Voice,
    state: State | None,
    live: Telling | None = None,
    care: Care | None = None,
) -> int | None:
    """The training itself. Returns the epoch, from 0, whose weights are kept; without early stopping that of the best validation.

    Raises Interrupted, with its state saved, and ProfundoError where memory does not suffice.
    """
    keeping = None
    if folder is not None:
        facts = {"experiment": prepared.experiment.settings(), "on": where(prepared.device, prepared.precision)}
        asked = prepared.experiment
        often = asked.checkpoint_seconds
        keeping = Keeping(folder, folder.checkpoints, facts, often, epochs=asked.keep_epochs, live=live)
    what = training(prepared, history, processes)
    if care is not None:
        what = replace(what, signs=care.signs, consult=care.consult)
    if folder is not None and prepared.experiment.log:
        done = len(state["history"]["rows"]) if state is not None else 0
        what = replace(what, diary=EventFiles(folder.path / "tensorboard", len(what.batches), done))
    voice.start(what.epochs_from(epochs_done(state)), len(what.batches), processes.size)
    try:
        learn(what, keeping, processes, voice, state)
    except Interrupted:
        if folder is not None:
            voice.notice(f"interrupted, the state is saved; to go on: {folder.resuming.strip('`')}")
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise ProfundoError(
                f"batches of {prepared.experiment.batch_size} take more memory than {prepared.device} has; try half of it "
                "as --batch-size, or --accumulate 2, which takes them in two parts",
                told=Said("refusals.no_memory", size=prepared.experiment.batch_size, device=prepared.device),
            ) from None
        problems = [] if isinstance(error, ProfundoError) else keepable(prepared.net)[1]
        if not problems:
            if isinstance(error, ProfundoError):
                raise
            raise failed(prepared, "in training", error) from error
        raise keep_rest(prepared, folder, history, problems) from error
    finally:
        voice.stop()
    if what.stopper is not None:
        return what.stopper.best_epoch if what.stopper.best_epoch >= 0 else None
    return best_epoch(history, monitored(prepared.data.spec.targets))


def failed(prepared: Prepared, when: str, error: Exception) -> Exception:
    """What to raise where a program of somebody else failed, a net, a loss or an optimizer; else the error itself."""
    through = {frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__)}
    if not through & {updates.__file__, net_answers.__file__}:
        return error
    experiment = prepared.experiment
    own = [f"net {type(prepared.net).__name__}"] if str(experiment.net).startswith("own:") else []
    own += [f"{name} {experiment.own[name]}" for name in ("loss", "optimizer") if name in experiment.own]
    if not own:
        return error
    why = f"{type(error).__name__}: {' '.join(str(error).split())[:250]}"
    if "does not require grad" in why:
        why = "the cost does not follow from the parameters; leave out detach(), no_grad(), item(), numpy() and argmax"
    return ProfundoError(f"{', '.join(own)}: failed {when}: {why}")


def keep_rest(prepared: Prepared, folder: Folder | None, history: History, problems: list[str]) -> ProfundoError:
    """Of a training whose net can no longer be saved, write what can be; returns what to raise."""
    since = "when the training began"
    if folder is not None:
        folder.check()
        since = f"at update {int(last[-1].name)}" if (last := numbered(folder.checkpoints)) else since
        save_model(folder, prepared.net, prepared.experiment, prepared.data.spec, prepared.own)
        write_history(folder, history.to_csv())
    return no_longer_kept(prepared.net, folder, len(history), since, problems)


def no_longer_kept(
    net: nn.Module, folder: Folder | None, epochs: int, since: str, problems: list[str]
) -> ProfundoError:
    rest = f" The rest is in {folder.weights} and {folder.history.name}." if folder is not None else ""
    return ProfundoError(
        f"{type(net).__name__}: its state can no longer be saved after {epochs} epochs, as it could {since}: "
        f"{'; '.join(problems)}.{rest} Let the net keep the kinds of its state while it trains, or keep nothing: out=False, "
        "without early_stop"
    )


def judge(run: Run, voice: Voice, linear: Yardstick | None) -> None:
    """Evaluate the trained network beside the linear model, which is fitted unless it is there; keep what came out, and say it."""
    folder = run.folder
    run.data = with_threshold(run.net, run.data, run.experiment, run.own)
    run.data = with_margins(run)
    if folder is not None:  # the weights first: whatever fails from here on, they are there
        folder.check()
        problems = save_model(folder, run.net, run.experiment, run.data.spec, run.own)
        write_history(folder, run.history.to_csv())
        if problems:
            raise no_longer_kept(run.net, folder, len(run.history), "when the training began", problems)
    started = time.perf_counter()
    with using(1):  # figures are small work; what is not takes more by itself
        evaluate_run(run, voice.notice, fitted=linear)
        run.seconds["evaluation"] = run.seconds.get("evaluation", 0.0) + time.perf_counter() - started
        if folder is not None:
            keep_result(run, folder, voice)
    for line in result_lines(run):
        voice.say(line)


def introduce(prepared: Prepared, voice: Voice, resumed: bool) -> None:
    """Say what will be trained, on what and how."""
    experiment, data = prepared.experiment, prepared.data
    parameters = sum(parameter.numel() for parameter in prepared.net.parameters())
    voice.say(
        f"{data.name}: {len(data.train):,} to train on, {len(data.validation):,} to validate, {len(data.test):,} to test"
    )
    optimizer, schedule = (experiment.own.get(name) or getattr(experiment, name) for name in ("optimizer", "schedule"))
    how = f"{optimizer} at {experiment.learning_rate:g} ({schedule})"
    batch = batch_size(experiment, data)
    where = f"{prepared.precision} on {prepared.device}"
    name = str(experiment.net).removeprefix("own:")
    voice.say(f"{name}: {parameters:,} parameters, {how}, batches of {batch}, {where}")
    if experiment.pretrained:
        then = "the output layer is new, and all layers learn"
        if data.spec.targets.traits.per == "object":
            then = "as its backbone; what stands upon it is new, and all of it learns"
        if experiment.freeze:
            then = "which stays as it is; what stands upon it is new, and learns"
        source = published(experiment.pretrained).learned_from
        voice.say(f"begins with what {experiment.pretrained} learned from {source}; {then}")
    for notice in data.notes:
        voice.notice(notice)
    if resumed:
        voice.say("resumed from the newest checkpoint")


def best_epoch(history: History, name: str = LOSS) -> int | None:
    """The epoch, from 0, with the smallest validation loss, or the largest of another column; None where there is none."""
    values = history[name] if name in history.names else []
    best = min if name == LOSS else max
    return values.index(best(values)) if values else None
