"""What a run's folder says at any moment, whoever wrote it: read within bounds, through no link, a fault told in one line.

    row = run_row(Path("runs"), "digits-1")       # of a table of runs
    course = run_course(Path("runs"), "digits-1")     # curves, vital signs, what the doctor found, what was said

Nothing is loaded that a training or a report would need, and nothing is locked: a look disturbs nobody.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from profundo.files import Place, in_words, open_place
from profundo.languages import Said, fault_of, recalled, within
from profundo.records import ProfundoError
from profundo.runs.health.health_record import Health, vital_signs_in
from profundo.runs.live.holder import Holder, holder_in, is_at_work
from profundo.runs.live.live_progress import Progress
from profundo.runs.manifest import flat
from profundo.runs.settings.plain_yaml import plain_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Course", "RunRow", "State", "run_course", "run_names", "run_row", "run_settings", "run_traces", "writer_of"]

State = Literal["starting", "running", "paused", "stopped", "failed", "finished", "damaged"]
"""starting: its process runs, and has made no folder yet; paused: ended by SIGINT or SIGTERM with its state saved; stopped: its
process is gone without a word."""

SMALL, LARGE = 1 << 16, 1 << 24  # bytes of a file of a few lines, and of one that grows with a training
SHOWN = ("experiment.yaml", "scores.json", "progress.json", ".holder", "checkpoints", "stop")
FOLLOWED = (*SHOWN, "history.csv", "log.txt", "doctor.json", "vital_signs.npz")
TAIL = 1 << 14  # bytes of the log that are shown
MOST_POINTS = 1000  # of a curve, which a screen has no more places for
UNSAID = -1


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a table. kind: "training" or "recipe"; scores: test figures, baseline and linear those of simpler predictors;
    settings: those of its experiment that are plain values; begun: seconds since 1970; seconds: of all its phases; fault:
    why it does not read. may_resume: whether it can be gone on with; pages: what can be opened of it. told_to_stop: whether
    somebody asked for its end before its last epoch (`Folder.stop`)."""

    name: str
    state: State
    fault: str = ""
    kind: str = "training"
    settings: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float | None] = field(default_factory=dict)
    baseline: Mapping[str, float | None] = field(default_factory=dict)
    linear: Mapping[str, float | None] = field(default_factory=dict)
    linear_name: str = ""
    begun: float = 0.0
    seconds: float | None = None
    epochs: int | None = None
    may_resume: bool = False
    pages: Sequence[str] = ()
    progress: Progress | None = None
    told_to_stop: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """How a run went so far. history: column → float32 (rows,), NaN where a row lacks it; signs: name → (looks, …) with the
    names of layers and weights beside them; faults: what does not read, a line each."""

    history: Mapping[str, np.ndarray]
    log: Sequence[str] = ()
    health: Health | None = None
    signs: Mapping[str, Any] = field(default_factory=dict)
    faults: Sequence[str] = ()


class KeptScores(BaseModel):
    """What a table shows of scores.json; a recipe has other figures beside them."""

    test: dict[str, float | None] = {}
    baseline: dict[str, float | None] = {}
    linear: dict[str, float | None] = {}
    linear_name: str = ""
    epochs: int | None = None
    seconds: dict[str, float] | float | None = None


def run_names(parent: Path) -> list[str]:
    """Folders of runs in a folder, the newest first; links are none of its own."""
    found: list[tuple[float, str]] = []
    try:
        with os.scandir(parent) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                    continue
                try:
                    status = os.stat(os.path.join(entry.path, "experiment.yaml"), follow_symlinks=False)
                except OSError:
                    continue
                found.append((status.st_mtime, entry.name))
    except OSError:
        return []
    return [name for _, name in sorted(found, reverse=True)]


def run_traces(parent: Path, name: str, whole: bool = False) -> tuple[Any, ...]:
    """What differs once something that is shown was written: of a row of the table, or of the whole course."""
    traces: list[Any] = []
    for file in FOLLOWED if whole else SHOWN:
        try:
            status = os.stat(parent / name / file, follow_symlinks=False)
        except (OSError, ValueError):  # of a name that no file can have
            traces.append(UNSAID)
        else:
            traces.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(traces)


@contextmanager
def inside(parent: Path, name: str) -> Iterator[Place]:
    """The folder of a run, held open. Raises ProfundoError for a name that is none in there, and for a link."""
    if not name or name.startswith(".") or "/" in name or "\\" in name or "\0" in name or len(name) > 255:
        raise ProfundoError(Said("refusals.no_name", name=repr(name[:80])))
    try:
        with open_place(parent / name, parent) as here:
            yield here
    except OSError as error:
        raise ProfundoError(
            f"{name}: no such run: {error.strerror or error}", told=Said("refusals.no_such_run", name=name)
        ) from None


def run_row(parent: Path, name: str) -> RunRow:
    """Of a run whose files do not read, one that says so. Raises ProfundoError where there is no such folder."""
    with inside(parent, name) as here:
        try:
            return row_in(here, name)
        except ProfundoError as error:
            return RunRow(name, "damaged", fault=fault_of(error))


def run_settings(parent: Path, name: str) -> dict[str, Any]:
    """The settings of a run as its experiment.yaml has them. Raises ProfundoError where they do not read."""
    with inside(parent, name) as here:
        return plain_mapping(here.read("experiment.yaml", SMALL) or b"", "experiment.yaml")


def row_in(here: Place, name: str) -> RunRow:
    text = here.read("experiment.yaml", SMALL)
    if text is None:
        raise ProfundoError(Said("refusals.no_experiment"))
    asked = plain_mapping(text, "experiment.yaml")
    kept = checked(KeptScores, object_in(here, "scores.json", LARGE), "scores.json")
    progress = checked(Progress, object_in(here, "progress.json", SMALL), "progress.json")
    can_go_on = kept is None and is_folder(here, "checkpoints")
    state = state_of(kept is not None, writer_in(here), progress)
    status = here.status("experiment.yaml")
    seconds = kept.seconds if kept is not None else None
    return RunRow(
        name,
        state,
        fault=recalled(progress.told) or progress.why if progress is not None and state == "failed" else "",
        kind="recipe" if "recipe" in asked else "training",
        settings=shortened(asked),
        scores=kept.test if kept is not None else {},
        baseline=kept.baseline if kept is not None else {},
        linear=kept.linear if kept is not None else {},
        linear_name=kept.linear_name[:100] if kept is not None else "",
        begun=status.st_mtime if status is not None else 0.0,
        seconds=sum(seconds.values()) if isinstance(seconds, dict) else seconds,
        epochs=kept.epochs if kept is not None else None,
        may_resume=can_go_on and state not in ("running", "finished"),
        pages=[page for page in PAGES if is_file(here, page)],
        progress=progress if state == "running" else None,
        told_to_stop=is_file(here, "stop"),
    )


PAGES = ("report.html", "inside.html", "landscape.html")


def state_of(is_finished: bool, writer: Holder | None, progress: Progress | None) -> State:
    if is_at_work(writer):
        return "running"
    if is_finished:
        return "finished"
    if progress is not None and progress.phase == "failed":
        return "failed"
    return "paused" if progress is not None and progress.phase == "interrupted" else "stopped"


def shortened(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, flat and of bounded length; those of a recipe stand one deeper."""
    plain = {
        name: value if isinstance(value, int | float | None) else str(value)[:300]
        for name, value in flat(asked).items()
    }
    return {name[:60]: plain[name] for name in list(plain)[:120]}


def writer_of(parent: Path, name: str) -> Holder | None:
    """The process that says it writes in a run. Raises ProfundoError where there is no such run."""
    with inside(parent, name) as here:
        return writer_in(here)


def writer_in(here: Place) -> Holder | None:
    text = here.read(".holder", SMALL)
    return None if text is None else holder_in(text.decode("ascii", "replace"))


# ------------------------------------------------------------------------------------------------------------- its course
def run_course(parent: Path, name: str) -> Course:
    """All that can be shown of a run on its way. Raises ProfundoError where there is no such folder."""
    faults: list[str] = []
    with inside(parent, name) as here:
        return Course(
            history=noted(faults, lambda: history_in(here), {}),
            log=noted(faults, lambda: log_in(here), []),
            health=noted(faults, lambda: checked(Health, object_in(here, "doctor.json", LARGE), "doctor.json"), None),
            signs=noted(faults, lambda: signs_in(here), {}),
            faults=faults,
        )


def noted(faults: list[str], read: Any, otherwise: Any) -> Any:
    try:
        return read()
    except ProfundoError as error:
        faults.append(fault_of(error))
        return otherwise


def history_in(here: Place) -> dict[str, np.ndarray]:
    """The columns of history.csv; of very many rows some, evenly spread, the last among them."""
    text = here.read("history.csv", LARGE)
    if text is None:
        return {}
    try:
        rows = list(csv.reader(io.StringIO(text.decode("utf-8"), newline="")))
        names = rows[0] if rows else []
        if len(names) > 50 or len(set(names)) < len(names):
            raise ValueError("a header of at most 50 different names is missing")
        body = [row for row in rows[1:] if len(row) == len(names)]  # the last one may be under way
        values = np.array([[float(cell) if cell else math.nan for cell in row] for row in thinned(body)], np.float32)
    except (ValueError, csv.Error) as error:
        raise ProfundoError(Said("refusals.history_rows", reason=in_words(error)[:200])) from None
    return {name[:60]: values[:, place] for place, name in enumerate(names)} if len(values) else {}


def thinned(rows: Sequence[Any], most: int = MOST_POINTS) -> Sequence[Any]:
    if len(rows) <= most:
        return rows
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def log_in(here: Place) -> list[str]:
    """The last lines of what was said."""
    text = here.read("log.txt", LARGE)
    lines = (text or b"")[-TAIL:].decode("utf-8", "replace").splitlines()
    return [line[:1000] for line in lines[1 if text and len(text) > TAIL else 0 :]]


GROUPS = {"update ratio": "weight", "gradient": "weight", "activations": "layer"}
MOST_LINES = 8  # layers or weights that a chart shows


def signs_in(here: Place) -> dict[str, Any]:
    """Steps of the looks; of some weights the update ratio and the gradient's norm; of some layers the dead share; and the
    noise scale and the curvature."""
    content = here.read("vital_signs.npz", LARGE)
    if content is None:
        return {}
    arrays = vital_signs_in(content, "vital_signs.npz")
    try:
        looks = len(arrays["step"])
        signs: dict[str, Any] = {"step": arrays["step"].astype(np.float32)}
        for name, rows in GROUPS.items():
            values = arrays[name]
            if looks and values.ndim > 1 and values.shape[1]:
                values = values[:, :, 2] if name == "activations" else values
                lines = list(thinned(range(values.shape[1]), MOST_LINES))
                signs[name] = values[:, lines].T.astype(np.float32)
                signs[f"{name} of"] = [str(arrays[rows][line])[:60] for line in lines]
        for name in ("noise scale", "curvature"):
            signs[name] = arrays[name].astype(np.float32)
    except (LookupError, ValueError, TypeError) as error:
        raise ProfundoError(Said("refusals.signs_unread", reason=in_words(error))) from None
    return signs


# -------------------------------------------------------------------------------------------------------------- its files
def object_in(here: Place, name: str, most: int) -> dict[str, Any] | None:
    """A JSON object; None where there is no such file. Raises ProfundoError for everything else."""
    content = here.read(name, most)
    if content is None:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ProfundoError(Said("refusals.json_file", name=name, reason=in_words(error)[:200])) from None
    if not isinstance(value, dict):
        raise ProfundoError(Said("refusals.json_no_object", name=name))
    return value


def checked(form: type[Any], value: Mapping[str, Any] | None, name: str) -> Any:
    try:
        return None if value is None else form.model_validate(value)
    except ValidationError as error:
        raise ProfundoError(within(name, Said("refusals.not_as_kept", reason=in_words(error)[:200]))) from None


def is_file(here: Place, name: str) -> bool:
    there = here.status(name)
    return there is not None and stat.S_ISREG(there.st_mode)


def is_folder(here: Place, name: str) -> bool:
    there = here.status(name)
    return there is not None and stat.S_ISDIR(there.st_mode)
