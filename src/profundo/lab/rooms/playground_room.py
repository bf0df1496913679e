"""The playground: a small net that trains in a thread while its page watches, edits and asks (`profundo.playground`)."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import Field
from torch import Tensor

from profundo.data.sets.plane_points import PLANE_SETS, draw_points
from profundo.doctor.verdicts import advice
from profundo.files import write_text
from profundo.lab.calls import Call, Nothing, Question, refused, without
from profundo.lab.desks import Desk
from profundo.lab.uploads import upload_path
from profundo.languages import Said, everywhere
from profundo.playground.command_words import command_line
from profundo.playground.early_signs import early_signs
from profundo.playground.kept_run import examined, run_of
from profundo.playground.own_points import points_of_table, table_columns
from profundo.playground.playground_settings import ALL, FIELDS, PlaygroundSettings, changed, new_settings
from profundo.playground.presets import PRESETS
from profundo.playground.queries import LONGEST, from_query, to_query
from profundo.playground.session import Edit, Session, replayed
from profundo.playground.side_by_side_run import Race
from profundo.playground.source_code import as_source
from profundo.records import ProfundoError

__all__ = ["CALLS", "Playing"]

Result = TypeVar("Result")
ROOM, SETUP = "playground", "playground.setup"
FRAME = 1 / 60  # seconds that a frame takes at least
BUSY = 0.025  # seconds of training between two frames of a fast course
SLOW = 0.1  # seconds between two updates of a slow one
FINDINGS_EVERY = 0.5  # seconds
PATIENCE = 0.2  # seconds that a thread waits for its page before it looks whether it shall end
MOST_EPOCHS = 1_000_000
THUMBNAIL = 80  # points
RACE_MAP = 40  # cells of a side
MOST_COLUMNS = 200  # of a table, to choose from

Speed = Literal["slow", "epoch", "fast"]
ColumnName = Annotated[str, Field(max_length=1000)]


class Playing:
    """A session and the thread that lets it run. All that touches the session holds the lock."""

    def __init__(self, desk: Desk, settings: PlaygroundSettings) -> None:
        self.desk, self.session = desk, Session(settings)
        self.lock = threading.RLock()
        self.speed: Speed = "epoch"
        self.running = self.closed = False
        self.view = View()
        self._findings: list[dict[str, Any]] = []
        self._looked = 0.0
        self._wake = threading.Event()
        desk.lab.begin(self._run, ROOM)

    def run(self, on: bool) -> None:
        self.running = on and not self.session.stopped
        self._wake.set()

    def close(self) -> None:
        self.closed, self.running = True, False
        self._wake.set()

    @property
    def has_ended(self) -> bool:
        return self.closed or self.desk.lab.closed.is_set()

    def begin(self, settings: PlaygroundSettings) -> None:
        with self.lock:
            self.running = False
            self.session.begin(settings)
            self._looked = 0.0

    def show(self) -> None:
        """A frame of what is now, to whoever looks."""
        channels = [channel for desk in (self.desk, *self.visitors()) if (channel := desk.channel(ROOM)) is not None]
        if channels:
            message = channels[0].message(self.frame())
            for channel in channels:
                channel.offer_message(message)

    def visitors(self) -> list[Desk]:
        """Who looks on, where this is the desk that is presented."""
        lab = self.desk.lab
        if lab.presented is not self.desk:
            return []
        with lab.lock:
            lab.watchers = [desk for desk in lab.watchers if desk.is_open]
            return list(lab.watchers)

    def frame(self) -> dict[str, Any]:
        with self.lock:
            self._look()
            return {
                "running": self.running,
                "findings": self._findings,
                **frame_of(self.session, self.view),
            }

    def _run(self) -> None:
        while not self.has_ended:
            channel = self.desk.channel(ROOM)
            if not self.running or channel is None:
                self._wake.wait(PATIENCE)
                self._wake.clear()
            elif channel.wait(PATIENCE):
                begin = time.perf_counter()
                self._advance(begin)
                self.show()
                least = SLOW if self.speed == "slow" else FRAME
                time.sleep(max(0.0, least - (time.perf_counter() - begin)))

    def _advance(self, begin: float) -> None:
        with self.lock:
            if not self.running:
                return
            if self.speed == "slow":
                self.session.step()
            else:
                self.session.epochs(1)
                while self.speed == "fast" and not self.session.stopped and time.perf_counter() - begin < BUSY:
                    self.session.epochs(1)
            self.running = self.running and not self.session.stopped

    def _look(self) -> None:
        """What may be wrong, now and then: it changes slower than frames do."""
        if time.monotonic() - self._looked < FINDINGS_EVERY and self.running:
            return
        self._looked = time.monotonic()
        self._findings = [finding_of(one) for one in early_signs(self.session)]


class View(Question):
    """What a frame holds beside the figures. output: cells of a side of its map; warped: a hidden layer's number, or none."""

    output: Annotated[int, Field(ge=10, le=200)] = 100
    neurons: Annotated[int, Field(ge=10, le=40)] = 20
    gradients: bool = False
    warped: Annotated[int, Field(ge=-1, le=5)] | None = None


def frame_of(session: Session, view: View) -> dict[str, Any]:
    maps = session.maps(view.output, view.neurons).as_bytes()
    output = shown(maps.output)
    told: dict[str, Any] = {
        "epoch": session.epoch,
        "step": session.steps,
        "stopped": session.stopped,
        "scores": {name: figures.as_plain_data() for name, figures in session.scores().items()},
        "curves": np.stack([*session.curves().values()]).astype(np.float32),
        "output": output,
        "features": maps.features,
        "neurons": maps.neurons,
        "weights": session.weights(),
        "biases": session.biases(),
        "units": session.units(),
    }
    if view.gradients:
        told["gradients"], told["bias_gradients"] = session.gradients()
    if view.warped is not None and session.settings.hidden:
        told["warped"] = session.warped(min(view.warped, len(session.settings.hidden) - 1))
    return told


def shown(output: Tensor) -> np.ndarray:
    """(side, side) as it is; (classes, side, side) → (2, side, side): the likeliest class, and its probability of 255."""
    shares: np.ndarray = output.numpy()
    return shares if shares.ndim == 2 else np.stack([shares.argmax(0).astype(np.uint8), shares.max(0)])


def finding_of(one: Any) -> dict[str, Any]:
    return {
        "cause": one.cause,
        "where": one.where,
        "remedy": everywhere(lambda: advice(one.cause, one.remedy)),
        "severity": one.severity,
        "evidence": {
            name: value if isinstance(value, int | float) else str(value) for name, value in one.evidence.items()
        },
    }


# -------------------------------------------------------------------------------------------------------------- questions
class Opening(Question):
    """query: settings as an address holds them; None for what the desk has. again: begin anew even where it has these already."""

    query: Annotated[str, Field(max_length=LONGEST)] | None = None
    again: bool = False


class Changes(Question):
    """Settings by name, each as the word that an address holds."""

    words: Annotated[dict[str, Annotated[str, Field(max_length=LONGEST)]], Field(max_length=40)]


class Action(Question):
    what: Literal["run", "pause", "step", "epoch", "reset", "regenerate"]


class Pace(Question):
    speed: Speed


class EditQuestion(Question):
    what: Literal["weight", "bias"]
    at: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=2, max_length=3)]
    value: Annotated[float, Field(ge=-1e6, le=1e6)]


class Budget(Question):
    seconds: Annotated[float, Field(ge=1, le=60)] = 15.0


class Upload(Question):
    """upload: a table, by the name that it got here."""

    upload: Annotated[str, Field(max_length=100)]


class Columns(Upload):
    """target, columns: what to predict and the two to look at; the usual ones where they are empty."""

    target: ColumnName = ""
    columns: Annotated[list[ColumnName], Field(max_length=2)] = Field(default_factory=list)


class Export(Question):
    kind: Literal["source", "run"]


class RaceQuestion(Budget):
    """rates: the learning rate of each optimizer that runs, by its name."""

    rates: Annotated[
        dict[Annotated[str, Field(max_length=40)], Annotated[float, Field(gt=0, le=1000)]],
        Field(min_length=1, max_length=8),
    ]
    epochs: Annotated[int, Field(ge=1, le=200)] = 40


# ---------------------------------------------------------------------------------------------------------------- answers
def form(_: Desk, __: Nothing) -> dict[str, Any]:
    """What there is to choose: settings with their usual words, data as small pictures, presets as addresses."""
    usual = new_settings()
    return {
        "usual": {name: about.kind.write(getattr(usual, name)) for name, about in FIELDS.items()},
        "live": [name for name, about in FIELDS.items() if about.live],
        "options": {name: list(options) for name, about in FIELDS.items() if (options := options_of(about.kind))},
        "all": ALL,
        "thumbnails": {name: thumbnail(name) for name in PLANE_SETS},
        "presets": [{"name": name, "query": to_query(one.settings)} for name, one in PRESETS.items()],
    }


def options_of(kind: Any) -> Mapping[str, str] | None:
    """Names of a choice, or of a choice of several."""
    found = getattr(kind, "options", None) or getattr(getattr(kind, "of", None), "options", None)
    return found if isinstance(found, Mapping) else None


def thumbnail(name: str) -> dict[str, Any]:
    points, targets = draw_points(name, THUMBNAIL, 0.0, 0, 3)
    return {"task": PLANE_SETS[name].task, "points": points, "targets": targets.float()}


def playing(desk: Desk) -> Playing:
    """What the desk plays with; the owner's, for a visitor."""
    if desk.role == "visitor":
        presented = desk.lab.presented
        if presented is None:
            raise ProfundoError(Said("refusals.nobody_plays"))
        desk = presented
    else:
        desk.present()
    found: Playing = desk.state(ROOM, lambda: Playing(desk, new_settings()))
    return found


def opened(desk: Desk, asked: Opening) -> dict[str, Any]:
    found = playing(desk)
    if desk.role == "visitor":
        with desk.lab.lock:
            desk.lab.watchers = [*(one for one in desk.lab.watchers if one is not desk), desk]
    elif asked.query is not None:
        settings = from_query(asked.query)
        if asked.again or to_query(found.session.settings) != to_query(settings):
            found.begin(settings)
    return state_and_frame(found)


def state_and_frame(found: Playing) -> dict[str, Any]:
    """Of what was chosen the page that asked gets it as the answer, those that look on through a channel of its own."""
    with found.lock:
        state = state_of(found)
        for desk in found.visitors():
            if (channel := desk.channel(SETUP)) is not None:
                channel.offer(state)
        found.show()
        return state


def state_of(found: Playing) -> dict[str, Any]:
    """What changes only when something is chosen: settings, points, sizes."""
    session = found.session
    settings, data = session.settings, session.data
    return {
        "query": to_query(settings),
        "words": {name: about.kind.write(getattr(settings, name)) for name, about in FIELDS.items()},
        "regression": settings.is_regression,
        "classes": list(data.spec.targets.classes),
        "objective": settings.objective,
        "activations": settings.activations,
        "train": {"points": data.train.inputs, "targets": data.train.targets.float().flatten()},
        "test": {"points": data.test.inputs, "targets": data.test.targets.float().flatten()},
        "per_epoch": session.per_epoch,
        "edits": len(session.edits),
        "speed": found.speed,
        "running": found.running,
        "command": command_line(settings),
    }


def change(desk: Desk, asked: Changes) -> dict[str, Any]:
    found = playing(desk)
    with found.lock:
        given = {name: read_word(name, word) for name, word in asked.words.items()}
        if found.session.change(**given) or found.session.stopped:
            found.running = False
        found._looked = 0.0
        return state_and_frame(found)


def read_word(name: str, word: str) -> Any:
    if name not in FIELDS:
        raise ProfundoError(Said("refusals.no_setting", name=repr(name[:60])))
    return FIELDS[name].kind.read(name, word)


def go_on(found: Playing) -> None:
    """Where only the epochs were over, for as many again."""
    if found.session.stopped == "epochs":
        found.session.change(epochs=min(2 * found.session.settings.epochs, MOST_EPOCHS))
    found.run(True)


def act(desk: Desk, asked: Action) -> dict[str, Any]:
    found = playing(desk)
    actions: Mapping[str, Callable[[], Any]] = {
        "run": lambda: go_on(found),
        "pause": lambda: found.run(False),
        "step": lambda: found.session.step(),
        "epoch": lambda: found.session.epochs(1),
        "reset": lambda: found.begin(found.session.settings),
        "regenerate": found.session.regenerate,
    }
    with found.lock:
        if asked.what not in ("run", "pause"):
            found.run(False)
        actions[asked.what]()
        return state_and_frame(found)


def pace(desk: Desk, asked: Pace) -> dict[str, Any]:
    playing(desk).speed = asked.speed
    return {}


def look(desk: Desk, asked: View) -> dict[str, Any]:
    found = playing(desk)
    found.view = asked
    found.show()
    return {}


def edit(desk: Desk, asked: EditQuestion) -> dict[str, Any]:
    found = playing(desk)
    with found.lock:
        found.session.put(asked.what, tuple(asked.at), asked.value)
        found._looked = 0.0
        return state_and_frame(found)


@dataclass(frozen=True, slots=True)
class Begun:
    """How a session came about: what takes long is done with another one like it, so that nobody waits for its lock."""

    settings: PlaygroundSettings
    first_settings: PlaygroundSettings
    steps: int
    edits: tuple[Edit, ...]


def paused(found: Playing) -> Begun:
    with found.lock:
        found.run(False)
        session = found.session
        return Begun(session.settings, session.first_settings, session.steps, tuple(session.edits))


def examine(desk: Desk, asked: Budget) -> dict[str, Any]:
    """What the doctor proves of the training from its beginning, on a session of its own; the page's can be played with."""
    report = examined(Session(paused(playing(desk)).settings), asked.seconds)
    return {"healthy": report.healthy, "findings": [finding_of(one) for one in report.findings]}


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
    return {
        "lanes": [
            {
                "optimizer": name,
                "rate": session.settings.learning_rate,
                "losses": course,
                "output": shown(session.maps(RACE_MAP, RACE_MAP).as_bytes().output),
                "scores": session.scores()["train"].as_plain_data(),
            }
            for (name, session), course in zip(runners.sessions.items(), courses, strict=True)
        ]
    }


def training_losses(runners: Race) -> list[float]:
    return [session.scores()["train"].loss for session in runners.sessions.values()]


def columns(desk: Desk, asked: Upload) -> dict[str, Any]:
    """What there is to choose from in a table of one's own."""
    told = of_upload(desk, asked, table_columns)
    return {"numbers": told.numbers[:MOST_COLUMNS], "targets": told.targets[-MOST_COLUMNS:], "target": told.target}


def of_upload(desk: Desk, asked: Upload, read: Callable[[Path], Result]) -> Result:
    """What is read from an upload; what is wrong with it is said without its place."""
    path = upload_path(desk.lab, asked.upload)
    if path is None:
        raise ProfundoError(Said("refusals.gone_upload"))
    try:
        return read(path)
    except ProfundoError as error:
        raise ProfundoError(without(refused(error), str(path), "the table")) from None


def table(desk: Desk, asked: Columns) -> dict[str, Any]:
    """Begin with a table of one's own."""
    found = playing(desk)
    given = of_upload(desk, asked, lambda path: points_of_table(path, asked.target or None, asked.columns))
    with found.lock:
        found.begin(changed(found.session.settings, stop_accuracy=None, loss="auto", **given))
        return state_and_frame(found)


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
    "form": Call(Nothing, form),
    "open": Call(Opening, opened),
    "change": Call(Changes, change, changes=True),
    "act": Call(Action, act, changes=True),
    "pace": Call(Pace, pace, changes=True),
    "view": Call(View, look, changes=True),
    "edit": Call(EditQuestion, edit, changes=True),
    "examine": Call(Budget, examine, changes=True, slow=True),
    "race": Call(RaceQuestion, race, changes=True, slow=True),
    "columns": Call(Upload, columns, changes=True, slow=True),
    "table": Call(Columns, table, changes=True, slow=True),
    "export": Call(Export, export, changes=True, slow=True),
}
