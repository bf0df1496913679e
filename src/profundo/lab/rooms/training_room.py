"""Trainings: started on named data or an upload, watched on their way, compared, tried. What a page asks of `profundo.runs`.

Two channels push what changed: `training.runs`, the table, and `training.courses`, how the chosen runs go
(lab/trainings/run_watch.py).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from profundo.data.dataset_names import names as dataset_names
from profundo.data.tables.new_rows import columns_of
from profundo.doctor.verdicts import settings_told
from profundo.files import erase
from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk, Lab
from profundo.lab.trainings import starting
from profundo.lab.trainings.own_uploads import data_path, keep_upload, source_of
from profundo.lab.trainings.run_watch import RunWatch
from profundo.lab.trainings.trying import Tried, takes, tried_files, tried_row
from profundo.lab.uploads import upload_path
from profundo.languages import Said
from profundo.looks.data_look import is_table, look
from profundo.nets.net_names import NETS
from profundo.pictures.training_curves import overtrained
from profundo.records import ProfundoError
from profundo.runs.experiment import SETTINGS, Experiment, new_experiment
from profundo.runs.health.health_record import Cured, Diagnosis, cause_in_words
from profundo.runs.live.live_reading import Course, RunRow, run_row, run_settings
from profundo.runs.opening import open_run, with_samples
from profundo.runs.report_facts import examples_of, mistakes_of
from profundo.runs.run import Run
from profundo.runs.settings.setting_fields import setting_fields, settings_of_words, words_of_settings

__all__ = ["CALLS"]

RunName = Annotated[str, Field(max_length=255)]
Words = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=20_000)]], Field(max_length=80)
]
Data = Annotated[str, Field(min_length=1, max_length=200)]
MOST_COLUMNS = 300  # of a reading table
MOST_VALUES = 40  # of a mistaken row
LARGEST_INPUT = 16_000_000  # bytes of an image or a sound to be tried
HIDDEN = ("data_dir", "split_seed", "stream", "workers", "skip_bad", "capture", "log", "checkpoint_seconds")
"""Settings that the page does not offer: paths of this machine, and what only the machine cares for."""
OF_LOOK = ("target", "task", "image_size", "sound_rate", "sound_seconds", "split_by", "drop", "only", "id_columns")
READ_AS = (*OF_LOOK, "columns", "missing", "encoding", "header", "horizon", "lookback", "series")


class Watched(Question):
    """chosen: runs whose course is followed."""

    chosen: list[RunName] = Field(default_factory=list, max_length=8)


class Uploaded(Question):
    """called: what the file is called where it comes from."""

    upload: Annotated[str, Field(max_length=100)]
    called: Annotated[str, Field(max_length=500)]


class Planned(Question):
    """settings: as words, as on the command line."""

    data: Data
    settings: Words = Field(default_factory=dict)


class Started(Planned):
    """name: of the run; empty for the data's name with a number."""

    name: Annotated[str, Field(max_length=80)] = ""


class OfRun(Question):
    run: RunName


class TriedFile(OfRun):
    """upload: a file; or drawn: the bytes of an image, in base64."""

    upload: Annotated[str, Field(max_length=100)] = ""
    drawn: Annotated[str, Field(max_length=400_000)] = ""


class TriedRow(OfRun):
    row: Annotated[
        dict[Annotated[str, Field(max_length=1000)], Annotated[str, Field(max_length=10_000)]], Field(max_length=200)
    ]


# ---------------------------------------------------------------------------------------------------------------- watching
def watch_of(lab: Lab) -> RunWatch:
    watch: RunWatch = lab.state("training", lambda: RunWatch(lab, rows_told, courses_told))
    return watch


class Looking:
    """That a desk looks on, until it is cleared away."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def close(self) -> None:
        watch_of(self.desk.lab).forget(self.desk)


def watch(desk: Desk, question: Watched) -> Mapping[str, Any]:
    desk.state("training", lambda: Looking(desk))
    seen = watch_of(desk.lab).look_on(desk, question.chosen)
    return {"runs": rows_told(desk.lab, seen.rows), "courses": courses_told(desk.lab, seen.courses)}


def rows_told(lab: Lab, rows: Sequence[RunRow]) -> list[dict[str, Any]]:
    return [row_told(lab, row) for row in rows]


def row_told(lab: Lab, row: RunRow) -> dict[str, Any]:
    """One run, without places on this machine."""
    settings = {key: lab.without_paths(one) if isinstance(one, str) else one for key, one in row.settings.items()}
    told = {field: getattr(row, field) for field in row.__dataclass_fields__}
    progress = None if row.progress is None else row.progress.model_dump(mode="json")
    source = source_of(lab, str(row.settings.get("data", "")))
    return {
        **told,
        "source": source,
        "settings": settings,
        "fault": lab.without_paths(row.fault),
        "progress": progress,
    }


def courses_told(lab: Lab, courses: Mapping[str, Course]) -> dict[str, Any]:
    return {name: course_told(lab, course) for name, course in courses.items()}


def course_told(lab: Lab, course: Course) -> dict[str, Any]:
    health = course.health
    findings = [] if health is None else [finding.told for finding in health.findings[:20]]
    return {
        "history": dict(course.history),
        "log": [lab.without_paths(line) for line in course.log],
        "signs": dict(course.signs),
        "findings": findings,
        "cures": [] if health is None else [cured_told(cure) for cure in health.cures[:20]],
        "notes": [] if health is None else health.notes[:20],
        "watched": health is not None,
        "overtrained": overtrained_told(course),
        "faults": [lab.without_paths(fault) for fault in course.faults],
    }


def overtrained_told(course: Course) -> str:
    """As the report tells it."""
    losses = course.history.get("validation loss", np.empty(0))
    return overtrained(losses.tolist(), int(np.nanargmin(losses))) if np.isfinite(losses).any() else ""


def cured_told(cure: Cured) -> Said:
    """What was changed, from where on."""
    since = Said("training.cured_from", epoch=cure.since + 1) if cure.since else Said("training.cured_start")
    told = {"cause": cause_in_words(cure.cause), "after": settings_told(cure.after), "since": since}
    return (
        Said("training.cured_instead", before=settings_told(cure.before), **told)
        if cure.before
        else Said("training.cured", **told)
    )


# ---------------------------------------------------------------------------------------------------------------- planning
def form(_: Desk, __: Nothing) -> Mapping[str, Any]:
    """What there is to choose from: data sets, nets and settings."""
    return {
        "sets": [{"name": name, "about": Said(f"catalogue.set_{name}")} for name in dataset_names()],
        "nets": [{"name": name, "about": Said(f"catalogue.net_{name}")} for name in NETS],
        "fields": [
            asdict(field) | {"help": Said(f"settings.{field.name}")}
            for field in setting_fields()
            if field.name not in HIDDEN
        ],
    }


def own(desk: Desk, question: Uploaded) -> Mapping[str, Any]:
    path = upload_path(desk.lab, question.upload)
    try:
        return {"data": keep_upload(desk.lab, question.upload, question.called)}
    finally:
        erase(path)


def experiment_of(desk: Desk, question: Planned) -> Experiment:
    """What is asked for, checked. Raises ProfundoError with the setting that cannot be."""
    hidden = next((name for name in question.settings if name in HIDDEN or name not in SETTINGS), None)
    if hidden is not None:
        raise ProfundoError(Said("refusals.not_here_setting", name=repr(hidden)))
    settings = settings_of_words(question.settings)
    return new_experiment(**{"doctor": True} | settings | {"data": data_path(desk.lab, question.data)})


def looked(desk: Desk, question: Planned) -> Mapping[str, Any]:
    """The data before training: how they were read, and what is suspicious."""
    asked = experiment_of(desk, question)
    given = {name: value for name in READ_AS if (value := getattr(asked, name)) not in (None, "auto")}
    seen = look(asked.data, **given)
    clean = desk.lab.without_paths
    return {
        "samples": seen.samples,
        "training": dict(seen.training),
        "shape": list(seen.shape),
        "target": clean(seen.target),
        "columns": [
            {"name": one.name, "kind": one.kind, "missing": one.missing, "use": one.use}
            for one in seen.columns[:MOST_COLUMNS]
        ],
        "readings": [asdict(one) for one in seen.readings[:MOST_COLUMNS]],
        "findings": [
            {
                "level": one.level,
                "what": clean(one.what),
                "advice": clean(one.advice),
                "examples": list(map(clean, one.examples[:5])),
            }
            for one in seen.findings[:30]
        ],
        "notes": [clean(note) for note in seen.notes[:20]],
        "free": starting.free_name(desk.lab.runs, asked.data),
    }


def check_target(asked: Experiment) -> None:
    """Before anything is started. Raises ProfundoError for a table of which nobody said what is to be predicted."""
    if asked.target is None and is_table(asked.data):
        raise ProfundoError(Said("refusals.no_target"))


def trained_of(desk: Desk, question: Planned) -> Experiment:
    """What is to be trained, checked as far as the settings tell."""
    asked = experiment_of(desk, question)
    check_target(asked)
    return asked


def suggest(desk: Desk, question: Planned) -> Mapping[str, Any]:
    """A learning rate, by a range test: the losses over the rates, in a process of its own."""
    asked = trained_of(desk, question)
    found = starting.told(["lr-find"], asked, desk.lab.uploads)
    curves = {name: np.array(found[name], np.float32) for name in ("rates", "losses", "smoothed")}
    return {"suggestion": found["suggestion"], "lowest": found["lowest"], "diverged": found["diverged"], **curves}


def check(desk: Desk, question: Planned) -> Mapping[str, Any]:
    """What would be trained: samples, parameters, seconds, every setting, and what the doctor sees before it begins."""
    asked = trained_of(desk, question)
    plan = starting.told(["train", "--dry-run"], asked, desk.lab.uploads)
    plan["findings"] = [Diagnosis.model_validate(one).told for one in plan["findings"]]
    plan["experiment"] = {name: str(value) for name, value in plan["experiment"].items() if name != "data"}
    return plan


# ------------------------------------------------------------------------------------------------------- starting, stopping
def start(desk: Desk, question: Started) -> Mapping[str, Any]:
    asked = trained_of(desk, question)
    name = question.name.strip() or starting.free_name(desk.lab.runs, asked.data)
    starting.start(desk.lab.runs, name, asked)
    return {"run": name}


def again(desk: Desk, question: OfRun) -> Mapping[str, Any]:
    """What a training was started with, as words of the form of a new one."""
    experiment = new_experiment(**settings_of(desk.lab.runs, question.run))
    words = words_of_settings(experiment)
    return {
        "data": source_of(desk.lab, experiment.data),
        "words": {name: one for name, one in words.items() if name not in HIDDEN},
    }


def settings_of(runs: Path, name: str) -> Mapping[str, Any]:
    """Of a run, or of a training that failed before it made its folder."""
    if name in starting.started_names(runs) and not (runs / name).exists():
        return starting.named_row(runs, name).settings
    return run_settings(runs, name)


def pause(desk: Desk, question: OfRun) -> Mapping[str, Any]:
    starting.pause(desk.lab.runs, question.run)
    return {}


def stop(desk: Desk, question: OfRun) -> Mapping[str, Any]:
    starting.stop(desk.lab.runs, question.run)
    return {}


def go_on(desk: Desk, question: OfRun) -> Mapping[str, Any]:
    starting.go_on(desk.lab.runs, question.run)
    return {}


def remove(desk: Desk, question: OfRun) -> Mapping[str, Any]:
    starting.remove(desk.lab.runs, question.run)
    return {}


# ------------------------------------------------------------------------------------------------------------------ trying
def tried_of(lab: Lab) -> Tried:
    tried: Tried = lab.state("trying", Tried)
    return tried


def takes_of(desk: Desk, question: OfRun) -> Mapping[str, Any]:
    return takes(tried_of(desk.lab).predictor(desk.lab.runs, question.run))


def try_file(desk: Desk, question: TriedFile) -> Mapping[str, Any]:
    content = content_of(desk, question)
    return tried_files(tried_of(desk.lab).predictor(desk.lab.runs, question.run), content)


def content_of(desk: Desk, question: TriedFile) -> bytes:
    if question.drawn:
        try:
            return base64.b64decode(question.drawn, validate=True)
        except (ValueError, binascii.Error):
            raise ProfundoError(Said("refusals.no_image_file")) from None
    path = upload_path(desk.lab, question.upload)
    try:
        if path.stat().st_size > LARGEST_INPUT:
            raise ProfundoError(Said("refusals.too_large_try", most=LARGEST_INPUT))
        return path.read_bytes()
    finally:
        erase(path)


def try_row(desk: Desk, question: TriedRow) -> Mapping[str, Any]:
    return tried_row(tried_of(desk.lab).predictor(desk.lab.runs, question.run), question.row)


def samples(desk: Desk, question: OfRun) -> Mapping[str, Any]:
    """Of a finished training the first samples of each class, and the worst mistakes. Reads the data again."""
    return samples_told(finished_run(desk.lab.runs, question.run))


def finished_run(runs: Path, name: str) -> Run:
    row = run_row(runs, name)
    if row.state != "finished" or row.kind != "training":
        raise ProfundoError(Said("refusals.unfinished_kind", name=name, state=starting.state_of(row), kind=row.kind))
    return with_samples(open_run(runs / name))


def samples_told(run: Run) -> dict[str, Any]:
    images, labels = examples_of(run.data)
    inputs = run.data.spec.inputs
    numeric = {one.name for one in columns_of(inputs) if one.kind == "number"} if inputs.kind == "features" else set()
    return {
        "numeric": run.data.spec.targets.traits.numeric,
        "examples": []
        if images is None
        else [{"image": image, "label": labels[place] if labels else ""} for place, image in enumerate(images)],
        "mistakes": [
            {
                "truth": one.truth,
                "prediction": one.prediction,
                "judged": one.judged,
                "confidence": one.confidence,
                "loss": one.loss,
                "image": one.image,
                "number": one.number,
                "row": [
                    {"name": value.name, "text": value.text[:300], "numeric": value.name in numeric}
                    for value in one.row[:MOST_VALUES]
                ],
            }
            for one in mistakes_of(run)
        ],
    }


CALLS: Mapping[str, Call] = {
    "watch": Call(Watched, watch, slow=True),
    "form": Call(Nothing, form),
    "own": Call(Uploaded, own, slow=True, changes=True),
    "look": Call(Planned, looked, slow=True, changes=True),
    "suggest": Call(Planned, suggest, slow=True, changes=True),
    "check": Call(Planned, check, slow=True, changes=True),
    "start": Call(Started, start, slow=True, changes=True),
    "again": Call(OfRun, again),
    "pause": Call(OfRun, pause, changes=True),
    "stop": Call(OfRun, stop, changes=True),
    "go_on": Call(OfRun, go_on, slow=True, changes=True),
    "remove": Call(OfRun, remove, slow=True, changes=True),
    "takes": Call(OfRun, takes_of, slow=True),
    "try_file": Call(TriedFile, try_file, slow=True),
    "try_row": Call(TriedRow, try_row, slow=True),
    "samples": Call(OfRun, samples, slow=True),
}
