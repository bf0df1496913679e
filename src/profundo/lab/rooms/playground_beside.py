"""What takes long, on sessions of its own beside the one that the page plays with: a race, a proof, a run to keep."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from profundo.files import write_text
from profundo.lab.calls import Call, Question
from profundo.lab.desks import Desk
from profundo.lab.rooms.playground_frames import shown
from profundo.lab.rooms.playground_thread import as_begun, paused, playing
from profundo.lab.rooms.presenting import show_along
from profundo.playground.kept_run import examined, run_of
from profundo.playground.playground_settings import changed
from profundo.playground.session import Session, replayed
from profundo.playground.side_by_side_run import Race
from profundo.playground.source_code import as_source
from profundo.runs.health.health_record import diagnosis

__all__ = ["CALLS"]

RACE_MAP = 40  # cells of a side


class Budget(Question):
    seconds: Annotated[float, Field(ge=1, le=60)] = 15.0


class RaceQuestion(Budget):
    """rates: the learning rate of each optimizer that runs, by its name."""

    rates: Annotated[
        dict[Annotated[str, Field(max_length=40)], Annotated[float, Field(gt=0, le=1000)]],
        Field(min_length=1, max_length=8),
    ]
    epochs: Annotated[int, Field(ge=1, le=200)] = 40


class Export(Question):
    kind: Literal["source", "run"]


def examine(desk: Desk, asked: Budget) -> dict[str, Any]:
    """What the doctor proves of the training from its beginning, on a session of its own; the page's goes on meanwhile."""
    report = examined(Session(as_begun(playing(desk)).settings), asked.seconds)
    return {"healthy": report.healthy, "findings": [diagnosis(one, {}, 0).told for one in report.findings]}


def race(desk: Desk, asked: RaceQuestion) -> dict[str, Any]:
    """Each optimizer from the same first weights over the same batches, for so many epochs or as many as the seconds allow."""
    found = playing(desk)
    settings, until = paused(found).settings, time.monotonic() + asked.seconds
    runners = Race(changed(settings, epochs=max(settings.epochs, asked.epochs)), [*asked.rates], asked.rates)
    losses = [training_losses(runners)]
    while len(losses) <= asked.epochs and time.monotonic() < until and not found.has_ended:
        runners.epochs(1)
        losses.append(training_losses(runners))
    courses = np.array(losses, np.float32).T
    lanes = [
        {
            "optimizer": name,
            "rate": session.settings.learning_rate,
            "epochs": session.epoch,
            "stopped": session.stopped,
            "losses": course,
            "output": shown(session.maps(RACE_MAP, RACE_MAP).as_bytes().output),
            "scores": session.scores()["train"].as_plain_data(),
        }
        for (name, session), course in zip(runners.sessions.items(), courses, strict=True)
    ]
    show_along(desk, "race", {"lanes": lanes})
    return {"lanes": lanes}


def training_losses(runners: Race) -> list[float]:
    return [session.scores()["train"].loss for session in runners.sessions.values()]


def export(desk: Desk, asked: Export) -> dict[str, Any]:
    """A program to download, or a folder among the runs."""
    found = playing(desk)
    if asked.kind == "run":
        begun = paused(found)
        kept = run_of(replayed(begun.first_settings, begun.steps, begun.edits)).save(free_folder(desk))
        return {"name": kept.name, "place": ""}
    name = f"{secrets.token_urlsafe(12)}.py"
    with found.lock:
        found.run(False)
        source = as_source(found.session)
    write_text(desk.lab.uploads / name, source)
    return {"name": name, "place": f"/files/downloads/{name}"}


def free_folder(desk: Desk) -> Path:
    return next(path for count in itertools.count(1) if not (path := desk.lab.runs / f"playground-{count}").exists())


CALLS: Mapping[str, Call] = {
    "examine": Call(Budget, examine, changes=True, slow=True),
    "race": Call(RaceQuestion, race, changes=True, slow=True),
    "export": Call(Export, export, changes=True, slow=True),
}
