"""A session as a run: a folder of the usual form, and a program that the doctor examines.

run_of(session).save("runs/spiral")        # then open_run, `profundo predict` and `profundo report` work on it
examined(session, budget=20)               # what is wrong with the training, proved by experiment
"""

from __future__ import annotations

import copy
import math

import torch

from profundo.doctor import Report, examine
from profundo.languages import Said
from profundo.playground.playground_settings import PlaygroundSettings
from profundo.playground.session import DIVERGED, Session, net_of, net_options, replayed
from profundo.records import Dataset, ProfundoError
from profundo.runs.experiment import Experiment, new_experiment
from profundo.runs.given.keeping import TOOLS
from profundo.runs.health.training_program import program_of
from profundo.runs.preparing import Prepared
from profundo.runs.run import Run
from profundo.runs.scoring import evaluate_run
from profundo.train import History

__all__ = ["examined", "experiment_of", "run_of"]


def run_of(session: Session) -> Run:
    """The session as it is now, judged on its test points, or on its training points where it has no others.

    Its history has a row for each epoch; edits by hand are in the notes. Raises ProfundoError for a training
    that blew up."""
    if not session.steps:
        raise ProfundoError(
            "playground: expected a net that was trained, to keep; step(), or run(), trains it",
            told=Said("refusals.keep_trained"),
        )
    if session.stopped == DIVERGED or not math.isfinite(session.scores()["train"].loss):
        raise ProfundoError(
            "playground: expected a loss that is a finite number, to keep; reset, and lower the learning rate",
            told=Said("refusals.keep_finite"),
        )
    net = copy.deepcopy(session.net).eval()
    run = Run(experiment_of(session.settings, session.epoch), dataset_of(session), net, history_of(session), TOOLS)
    evaluate_run(run, lambda _: None)
    return run


def examined(session: Session, budget: float = 20.0, seed: int = 0) -> Report:
    """What the doctor proves of the training from its first weights on. budget: seconds. The session is not touched."""
    asked = session.settings
    net = net_of(asked, session.data.spec)
    experiment = experiment_of(asked, min(asked.epochs, MOST_EPOCHS))
    prepared = Prepared(experiment, dataset_of(session), net, torch.device("cpu"), "float32")
    return examine(program_of(prepared), seed=seed, budget=budget)


MOST_EPOCHS = 300  # of a training that is examined


def experiment_of(asked: PlaygroundSettings, epochs: int) -> Experiment:
    """The settings in the words of a training."""
    return new_experiment(
        data=f"own:{asked.data}",
        net="plane_mlp",
        net_options=net_options(asked),
        epochs=max(1, epochs),
        batch_size=min(asked.batch_size, asked.train_count),
        optimizer=asked.optimizer,
        learning_rate=asked.learning_rate,
        schedule=asked.schedule,
        weight_decay=asked.l2,
        l1=asked.l1,
        objective=asked.objective,
        seed=asked.seed,
        split_seed=asked.data_seed,
        device="cpu",
        precision="float32",
    )


def dataset_of(session: Session) -> Dataset:
    """The session's points; those to test are for validation, too."""
    data = session.data
    held = data.test if len(data.test) else data.train
    notes = ["Points of the playground; those to test are those that were looked at on the way."]
    notes += [] if len(data.test) else ["There are no points to test: the figures are of those trained on."]
    notes += [f"{len(session.by_hand)} edits by hand on the way."] if session.by_hand else []
    return Dataset(session.settings.data, data.spec, data.train, held, held, notes=tuple(notes))


def history_of(session: Session) -> History:
    """A row for each epoch, from the session run once more: what it keeps itself is sparser. An epoch that was not finished has
    one, too."""
    history = History()

    def note(now: Session) -> None:
        history.rows.append({"epoch": len(history.rows) + 1, **figures_now(now)})

    again = replayed(session.first_settings, session.steps, session.edits, note)
    if again.steps % again.per_epoch:
        note(again)
    return history


def figures_now(session: Session) -> dict[str, float]:
    train, test = session.scores().values()
    score = "R²" if session.settings.is_regression else "accuracy"
    held = test if test.samples else train
    return {"loss": train.loss, "validation loss": held.loss, f"validation {score}": held.score, "rate": session.rate()}
