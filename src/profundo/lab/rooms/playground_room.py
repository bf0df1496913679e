"""The playground: a small net that trains while its page watches, edits and asks (`profundo.playground`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from profundo.data.sets.plane_points import PLANE_SETS, draw_points
from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk
from profundo.lab.rooms import playground_beside
from profundo.lab.rooms.playground_frames import View
from profundo.lab.rooms.playground_thread import Playing, Speed, playing
from profundo.lab.uploads import upload_path
from profundo.languages import Said, told_by
from profundo.playground.command_words import command_line
from profundo.playground.own_points import MOST_ROWS, points_of_table, table_columns
from profundo.playground.playground_settings import ALL, FIELDS, changed, fitting_losses, new_settings
from profundo.playground.presets import PRESETS
from profundo.playground.queries import LONGEST, kept_of_query, to_query
from profundo.records import ProfundoError

__all__ = ["CALLS"]

SETUP = "playground.setup"
MOST_EPOCHS = 1_000_000
THUMBNAIL = 80  # points
CURVE_HEIGHT = 4.0  # of a value of 1 in a thumbnail of the plane, which reaches 6 up
MOST_COLUMNS = 200  # of a table, to choose from
MOST_FAULTS = 5  # of an address, that are told

ColumnName = Annotated[str, Field(max_length=1000)]


class Opening(Question):
    """query: settings as an address holds them, of which the wrong ones are left out; None for what the desk has. lesson: whose
    settings they are, or were before they were changed. again: begin anew even where it has these already."""

    query: Annotated[str, Field(max_length=LONGEST)] | None = None
    lesson: Annotated[str, Field(max_length=200)] = ""
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


class Upload(Question):
    """upload: a table, by the name that it got here."""

    upload: Annotated[str, Field(max_length=100)]


class Columns(Upload):
    """target, columns: what to predict and the two to look at; the usual ones where they are empty."""

    target: ColumnName = ""
    columns: Annotated[list[ColumnName], Field(max_length=2)] = Field(default_factory=list)


# ---------------------------------------------------------------------------------------------------------------- answers
def form(_: Desk, __: Nothing) -> dict[str, Any]:
    """What there is to choose: settings with their usual words, data as small pictures, presets as addresses."""
    usual = new_settings()
    return {
        "usual": {name: about.kind.write(getattr(usual, name)) for name, about in FIELDS.items()},
        "options": {name: list(options) for name, about in FIELDS.items() if (options := options_of(about.kind))},
        "all": ALL,
        "thumbnails": {name: thumbnail(name) for name in PLANE_SETS},
        "presets": [
            {"name": name, "query": to_query(one.settings), "shows": one.shows} for name, one in PRESETS.items()
        ],
    }


def options_of(kind: Any) -> Mapping[str, str] | None:
    """Names of a choice, or of a choice of several."""
    found = getattr(kind, "options", None) or getattr(getattr(kind, "of", None), "options", None)
    return found if isinstance(found, Mapping) else None


def thumbnail(name: str) -> dict[str, Any]:
    """Points of the plane; of a curve its places and values, which are up to 1, at the plane's size."""
    points, targets = draw_points(name, THUMBNAIL, 0.0, 0, 3)
    drawn = PLANE_SETS[name]
    if drawn.curve:
        points[:, 1] = CURVE_HEIGHT * targets
    return {"task": drawn.task, "points": points, "targets": targets.float(), "curve": drawn.curve}


def opened(desk: Desk, asked: Opening) -> dict[str, Any]:
    if desk.role == "visitor":
        with desk.lab.lock:  # first of all: who comes before anybody plays is shown it then
            desk.lab.watchers = [*(one for one in desk.lab.watchers if one is not desk), desk]
    found = playing(desk)
    if desk.role == "owner" and asked.query is not None:
        settings, faults = kept_of_query(asked.query)
        if asked.again or to_query(found.session.settings) != to_query(settings):
            found.begin(settings)
        found.lesson = asked.lesson if asked.lesson in PRESETS else ""
        if asked.lesson != found.lesson:
            faults = [*faults, ProfundoError(Said("refusals.no_lesson", name=repr(asked.lesson[:60])))]
        return state_and_frame(found) | {"left_out": [told_by(fault) for fault in faults[:MOST_FAULTS]]}
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
    repeated = settings if found.running else session.so_far
    return {
        "query": to_query(settings),
        "lesson": found.lesson,
        "words": {name: about.kind.write(getattr(settings, name)) for name, about in FIELDS.items()},
        "regression": settings.is_regression,
        "curve": settings.is_curve,
        "classes": list(data.spec.targets.classes),
        "objective": settings.objective,
        "losses": ("auto", *fitting_losses(settings)),
        "activations": settings.activations,
        "train": {"points": data.train.inputs, "targets": data.train.targets.float().flatten()},
        "test": {"points": data.test.inputs, "targets": data.test.targets.float().flatten()},
        "edits": len(session.by_hand),
        "speed": found.speed,
        "running": found.running,
        "command": command_line(repeated),
        "until": repeated.epochs,
    }


def change(desk: Desk, asked: Changes) -> dict[str, Any]:
    found = playing(desk)
    with found.lock:
        given = {name: read_word(name, word) for name, word in asked.words.items()}
        if given.get("data", found.session.settings.data) != found.session.settings.data:
            found.lesson = ""  # it is of other points
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


def columns(desk: Desk, asked: Upload) -> dict[str, Any]:
    """What there is to choose from in a table of one's own."""
    told = table_columns(upload_path(desk.lab, asked.upload))
    listed = {"numbers": told.numbers[:MOST_COLUMNS], "targets": told.targets[-MOST_COLUMNS:]}
    return listed | {"target": told.target, "rows": told.rows, "most": MOST_ROWS}


def table(desk: Desk, asked: Columns) -> dict[str, Any]:
    """Begin with a table of one's own."""
    found = playing(desk)
    given = points_of_table(upload_path(desk.lab, asked.upload), asked.target or None, asked.columns)
    with found.lock:
        found.begin(changed(found.session.settings, stop_accuracy=None, loss="auto", **given))
        found.lesson = ""
        return state_and_frame(found)


CALLS: Mapping[str, Call] = {
    "form": Call(Nothing, form),
    "open": Call(Opening, opened),
    "change": Call(Changes, change, changes=True),
    "act": Call(Action, act, changes=True),
    "pace": Call(Pace, pace, changes=True),
    "view": Call(View, look, changes=True),
    "edit": Call(EditQuestion, edit, changes=True),
    "columns": Call(Upload, columns, changes=True, slow=True),
    **playground_beside.CALLS,
    "table": Call(Columns, table, changes=True, slow=True),
}
