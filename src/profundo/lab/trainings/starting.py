"""Trainings as processes of their own, which the lab's end does not touch: started, interrupted, gone on with, removed.

runs/.started/NAME.yaml   the settings that a training was started with
runs/.started/NAME.json   its process, and whether it was paused before its folder was made
runs/.started/NAME.txt    what it said on stderr: all that is known of one that ended before its folder was made

A training is `profundo train --config NAME.yaml --out runs/NAME`, never a word for a shell, in a session of its own, so that
Ctrl-C in the lab's terminal does not reach it. It is paused by SIGTERM, upon which it saves its state and ends, and gone on
with by `profundo resume`, to the same bits: that holds whoever was stopped meanwhile, the lab or the machine. One that is paused
before it has made its folder has no state to save, and is gone on with by being started anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from profundo.data.dataset_names import names as dataset_names
from profundo.files import erase, open_place, write_bytes, write_json
from profundo.languages import Said, recalled
from profundo.records import TOLD_AS, ProfundoError
from profundo.runs.experiment import Experiment, write_experiment
from profundo.runs.live.holder import Holder, interrupt, is_at_work, moment_of
from profundo.runs.live.live_progress import MOST_TOLD
from profundo.runs.live.live_reading import RunRow, run_row, writer_of
from profundo.runs.settings.plain_yaml import plain_mapping

__all__ = [
    "free_name",
    "go_on",
    "named_row",
    "pause",
    "remove",
    "start",
    "started_names",
    "started_rows",
    "state_of",
    "stop",
    "told",
]

STARTED = ".started"
NAME = re.compile(r"[\w][\w.-]{0,79}")
PROGRAM = (sys.executable, "-m", "profundo")
MOST_STARTED, MOST_KEPT = 500, 1 << 16  # records; bytes of one that are read
SIGN = "profundo: "  # before the line that says why a command failed
LAST, LONGEST = 8, 8000  # lines of what was said, the last of which tell why; characters of one that are shown
LEAVING = 10.0  # seconds that a process may take to end after all is written
SECONDS = 180.0  # that something that is only asked may take
children: list[subprocess.Popen[bytes]] = []


def start(runs: Path, name: str, experiment: Experiment) -> None:
    """Train in runs/NAME. Raises ProfundoError where that name is taken or is none."""
    check_name(name)
    if (runs / name).exists() or (runs / STARTED / f"{name}.json").exists():
        raise ProfundoError(Said("refusals.taken_name", name=name))
    record = record_folder(runs)
    write_experiment(record / f"{name}.yaml", experiment)
    launch(runs, name, words_to_train(runs, name))


def words_to_train(runs: Path, name: str) -> list[str]:
    return ["train", "--config", str(runs / STARTED / f"{name}.yaml"), "--out", str(runs / name)]


def go_on(runs: Path, name: str) -> None:
    """Resume a run that was paused or stopped. Raises ProfundoError for any other."""
    row = named_row(runs, name)
    if not row.may_resume or row.state == "starting":
        raise ProfundoError(Said("refusals.not_interrupted", name=name, state=state_of(row)))
    launch(runs, name, ["resume", str(runs / name)] if (runs / name).exists() else words_to_train(runs, name))


def launch(runs: Path, name: str, words: Sequence[str]) -> None:
    """Start the process, and keep which one it is."""
    record = record_folder(runs)
    write_bytes(record / f"{name}.txt", b"")
    with open_place(record) as here, here.append(f"{name}.txt") as said:
        child = subprocess.Popen(
            [*PROGRAM, *words],
            env=asking(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
    children.append(child)
    write_json(record / f"{name}.json", {"pid": child.pid, "began": moment_of(child.pid), "at": time.time()})


def pause(runs: Path, name: str) -> None:
    """Interrupt the process that writes in a run, or is about to: it saves its state. Raises ProfundoError where there is none
    of which that is certain."""
    check_name(name)
    holder = kept_holder(runs, name)
    with suppress(ProfundoError):
        holder = writer_of(runs, name) or holder
    if not (runs / name).exists() and is_at_work(holder):
        write_json(runs / STARTED / f"{name}.json", {**record_of(runs, name), "paused": True})
    if not interrupt(holder):
        raise ProfundoError(Said("refusals.no_process", name=name))


def stop(runs: Path, name: str) -> None:
    """Let a training end with its epoch, to be judged and reported as it is then; one that is paused ends with the epoch where it
    was. Raises ProfundoError for a run that has not begun, or has ended."""
    check_name(name)
    row = named_row(runs, name)
    if not (runs / name).exists() or (row.state != "running" and not row.may_resume):
        raise ProfundoError(Said("refusals.not_stoppable", name=name, state=state_of(row)))
    write_bytes(runs / name / "stop", b"", within=runs)
    if row.state != "running":
        go_on(runs, name)


def remove(runs: Path, name: str) -> None:
    """Erase a run's folder with all in it, and what is kept of its start. Raises ProfundoError while a process writes there."""
    check_name(name)
    if (runs / name).is_symlink():
        raise ProfundoError(Said("refusals.run_is_link", name=name))
    holder, state = kept_holder(runs, name), run_row(runs, name).state if (runs / name).is_dir() else ""
    if state == "finished":
        wait_for_end(holder)
    if is_at_work(holder) or state == "running":
        raise ProfundoError(Said("refusals.run_at_work", name=name))
    if (runs / name).exists() and not (runs / name / "experiment.yaml").is_file():
        raise ProfundoError(Said("refusals.run_is_none", name=name))
    erase(runs / name)
    forget(runs, name)
    if (runs / name).exists():
        raise ProfundoError(Said("refusals.run_remains", name=name))


def wait_for_end(holder: Holder | None) -> None:
    """Of a process whose work is done: it leaves in a moment, or is not waited for."""
    patience = time.monotonic() + LEAVING
    while is_at_work(holder) and time.monotonic() < patience:
        time.sleep(0.05)


def forget(runs: Path, name: str) -> None:
    if (runs / STARTED).is_dir() and not (runs / STARTED).is_symlink():
        for ending in (".json", ".yaml", ".txt"):
            erase(runs / STARTED / f"{name}{ending}")


def free_name(runs: Path, data: str) -> str:
    """NAME-1, NAME-2 …, after the data."""
    stem = data if data in dataset_names() else Path(data).stem
    stem = re.sub(r"[^\w.-]+", "-", stem).strip("-._")[:60] or "run"
    number = 1
    while (runs / f"{stem}-{number}").exists() or (runs / STARTED / f"{stem}-{number}.json").exists():
        number += 1
    return f"{stem}-{number}"


def state_of(row: RunRow) -> Said:
    """In the words of the page."""
    return Said(f"training.{row.state}")


def check_name(name: str) -> None:
    if not NAME.fullmatch(name) or name.endswith("."):
        raise ProfundoError(Said("refusals.bad_name", name=repr(name[:80])))


def record_folder(runs: Path) -> Path:
    with open_place(runs / STARTED, runs, make=True):
        return runs / STARTED


# ------------------------------------------------------------------------------------------------- what has no folder yet
def started_rows(runs: Path, rows: Sequence[RunRow]) -> list[RunRow]:
    """The runs, with trainings before them that were started and have made no folder: under way to it, or failed before; and
    with why they could not be gone on with. What is kept of starts that went well is forgotten."""
    reap()
    known, fresh = {row.name: row for row in rows}, []
    for name in started_names(runs):
        at_work = is_at_work(kept_holder(runs, name))
        if name not in known:
            fresh.append(started_row(runs, name, at_work))
        elif at_work and known[name].state not in ("running", "finished"):
            known[name] = replace(known[name], state="running" if has_begun(runs, name) else "starting", fault="")
        elif not at_work and known[name].may_resume and (refused := refused_in(said_of(runs, name))):
            known[name] = replace(known[name], fault=refused)
        elif not at_work:
            forget(runs, name)
    return [*sorted(fresh, key=lambda row: -row.begun), *known.values()]


def named_row(runs: Path, name: str) -> RunRow:
    """Of one training, be its folder made already or not. Raises ProfundoError where there is none."""
    check_name(name)
    reap()
    at_work = is_at_work(kept_holder(runs, name))
    try:
        row = run_row(runs, name)
    except ProfundoError:
        if not record_of(runs, name):
            raise
        return started_row(runs, name, at_work)
    return replace(row, state="starting") if at_work and row.state not in ("running", "finished") else row


def started_names(runs: Path) -> list[str]:
    try:
        with open_place(runs / STARTED, runs) as here:
            found = [name.removesuffix(".json") for name in here.names() if name.endswith(".json")]
    except (OSError, ProfundoError):
        return []
    return [name for name in found if NAME.fullmatch(name)][-MOST_STARTED:]


def started_row(runs: Path, name: str, at_work: bool) -> RunRow:
    kept = record_of(runs, name)
    begun = kept.get("at")
    is_paused = not at_work and kept.get("paused") is True and not refused_in(said_of(runs, name))
    return RunRow(
        name,
        "starting" if at_work else "paused" if is_paused else "failed",
        fault="" if at_work or is_paused else last_word(said_of(runs, name)),
        may_resume=is_paused,
        settings=kept_settings(runs, name),
        begun=begun if isinstance(begun, float) else 0.0,
    )


def has_begun(runs: Path, name: str) -> bool:
    """Whether the process that was started last has told how far it is: what it says there of its end is true once it is gone."""
    at = record_of(runs, name).get("at")
    try:
        with open_place(runs / name, runs) as here:
            status = here.status("progress.json")
    except (OSError, ProfundoError):
        return False
    return isinstance(at, float) and status is not None and status.st_mtime > at


def kept_settings(runs: Path, name: str) -> Mapping[str, Any]:
    try:
        with open_place(runs / STARTED, runs) as here:
            return plain_mapping(here.read(f"{name}.yaml", MOST_KEPT) or b"{}", name)
    except (OSError, ProfundoError):
        return {}


def record_of(runs: Path, name: str) -> dict[str, Any]:
    try:
        with open_place(runs / STARTED, runs) as here:
            kept = json.loads(here.read(f"{name}.json", MOST_KEPT) or b"{}")
    except (OSError, ValueError, RecursionError, ProfundoError):
        return {}
    return kept if isinstance(kept, dict) else {}


def kept_holder(runs: Path, name: str) -> Holder | None:
    kept = record_of(runs, name)
    pid, began = kept.get("pid"), kept.get("began")
    return Holder(pid, began) if isinstance(pid, int) and isinstance(began, str) and pid > 0 else None


def said_of(runs: Path, name: str) -> bytes:
    """What a training said on stderr."""
    try:
        with open_place(runs / STARTED, runs) as here:
            return here.read(f"{name}.txt", 1 << 24) or b""
    except (OSError, ProfundoError):
        return b""


def last_word(said: bytes) -> str:
    """Why a process ended, as far as it told."""
    lines = lines_of(said)
    return refused_in(said) or (lines[-1][:LONGEST] if lines else Said("refusals.without_word"))


def refused_in(said: bytes) -> str:
    """What the command refused at its end; "" where it ended otherwise. In English where what follows for the other languages is
    too long, or none of our texts."""
    before, last = ["", "", *lines_of(said)][-2:]
    if not (before.startswith(SIGN) and last.startswith("{")):
        return last.removeprefix(SIGN)[:LONGEST] if last.startswith(SIGN) else ""
    told = None
    with suppress(ValueError, RecursionError):
        told = recalled(json.loads(last)) if len(last) <= MOST_TOLD else None
    return told or before.removeprefix(SIGN)[:LONGEST]


def lines_of(said: bytes) -> list[str]:
    """The last ones, each whole however long, for it is by its beginning that one is known."""
    lines = [line.decode("utf-8", "replace").strip() for line in said.rstrip().splitlines()[-LAST:]]
    return [line for line in lines if line]


def asking() -> dict[str, str]:
    """The environment of a command that is to say in every language what it refuses."""
    return {**os.environ, TOLD_AS: "json"}


def reap() -> None:
    """Of trainings that ended while the lab, their parent, is at work."""
    children[:] = [child for child in children if child.poll() is None]


# ------------------------------------------------------------------------------------------------------ asked of a process
def told(words: Sequence[str], experiment: Experiment, folder: Path, seconds: float = SECONDS) -> dict[str, Any]:
    """What a command answers in JSON for these settings. In a process of its own, for it draws at random and trains, which
    would disturb what else the lab computes. folder: for the settings. Raises ProfundoError with its one line."""
    file = folder / f"asked-{os.urandom(8).hex()}.yaml"
    write_experiment(file, experiment)
    try:
        done = subprocess.run(
            [*PROGRAM, *words, "--config", str(file), "--json"],
            env=asking(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            start_new_session=True,
        )
        value = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise ProfundoError(Said("refusals.took_long", seconds=seconds)) from None
    except ValueError:
        raise ProfundoError(last_word(done.stderr)) from None
    finally:
        erase(file)
    return dict(value)
