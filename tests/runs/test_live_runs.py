"""A run while it goes on: which process it is, how far it is, and a stranger's folder that is looked at without harm."""

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from profundo.files import Place
from profundo.languages import Said
from profundo.records import Interrupted, NotFiniteError, ProfundoError, Step
from profundo.runs.experiment import new_experiment
from profundo.runs.health import health_record
from profundo.runs.live import live_progress, live_reading
from profundo.runs.live.holder import Holder, holder_in, interrupt, is_at_work, may_be_at_work, this_process
from profundo.runs.live.live_progress import Pace, Telling, telling
from profundo.runs.live.live_reading import run_course, run_names, run_row, run_traces
from profundo.runs.settings.setting_fields import setting_fields, settings_of_words, words_of_settings
from profundo.runs.supervised import train
from profundo.train import History

SLEEPS = """
import signal, time

signal.signal(signal.SIGINT, signal.SIG_IGN)  # as of what a shell starts in the background
print(1, flush=True)
time.sleep(60)
"""


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", SLEEPS], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


# ----------------------------------------------------------------------------------------------------------- the process
def test_a_process_is_known_by_its_number_and_the_moment_it_began(sleeper):
    here = this_process()
    assert here.pid == os.getpid()
    assert is_at_work(here)
    assert holder_in(str(here)) == here
    fields = Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(")")[2].split()
    ticks = fields[19]  # starttime, field 22 of proc(5), counted from the third
    assert is_at_work(Holder(sleeper.pid, f"{here.began.split()[0]} {ticks}"))


def test_a_recycled_number_is_another_process_and_gets_no_signal(sleeper):
    boot, ticks = this_process().began.split()
    for began in ("", f"{boot} {int(ticks) - 1}", f"another-boot {ticks}"):
        recycled = Holder(sleeper.pid, began)
        assert not is_at_work(recycled)
        assert not interrupt(recycled)
    assert sleeper.poll() is None
    assert not may_be_at_work(Holder(sleeper.pid, f"another-boot {ticks}"))


def test_an_interrupt_reaches_what_does_not_hear_the_keyboard(sleeper):
    from profundo.runs.live.holder import moment_of

    assert interrupt(Holder(sleeper.pid, moment_of(sleeper.pid)))
    assert sleeper.wait(10) == -signal.SIGTERM


def test_a_process_that_ended_is_at_work_no_more_even_before_its_parent_has_heard():
    from profundo.runs.live.holder import moment_of

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = Holder(child.pid, moment_of(child.pid))
    assert is_at_work(holder)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert not is_at_work(holder)
    assert not interrupt(holder)
    child.wait()


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "9" * 30, "1.5", "\n12", "²"])
def test_what_names_no_process_is_none(text):
    assert holder_in(text) is None
    assert not interrupt(holder_in(text))


# --------------------------------------------------------------------------------------------------------- how far it is
def steps_of(epochs, in_epoch, loss=lambda done: 1.0 / (1 + done)):
    for done, (epoch, index) in enumerate(itertools.product(range(epochs), range(in_epoch))):
        yield Step(epoch, index, {"loss": torch.tensor(loss(done))}, 8, 0.5, index == in_epoch - 1)


def test_progress_tells_place_pace_and_time_left(tmp_path, monkeypatch):
    """Of a training whose every step takes a second by the clock that it is measured with."""
    clock = itertools.count()
    monkeypatch.setattr(live_progress.time, "perf_counter", lambda: float(now[0]))
    now = [next(clock)]
    (tmp_path / "experiment.yaml").write_text("data: iris\n")
    told = Telling(tmp_path)
    told.pace = Pace(0.0)
    told.start(4, 5)
    history = History()
    for done, step in enumerate(told.follow(ticking(steps_of(4, 5), now, clock), history), 1):
        seen = json.loads((tmp_path / "progress.json").read_text())
        assert (seen["epoch"], seen["step"]) == (step.epoch + 1, step.index + 1)
        assert seen["seconds"] == done
        assert seen["left"] == 20 - done
        assert seen["samples_per_second"] == 8
        assert seen["losses"] == {"loss": pytest.approx(1 / done)}
        assert seen["rate"] == 0.5


def ticking(steps, now, clock):
    for step in steps:
        now[0] = next(clock)
        yield step


def test_writing_takes_a_small_share_of_the_time(monkeypatch):
    """However slow the disk: a writing of a second is followed by fifty of training."""
    now = [0.0]
    monkeypatch.setattr(live_progress.time, "perf_counter", lambda: now[0])
    pace, written = Pace(), 0
    while now[0] < 10_000:
        if pace.due:
            with pace.spending():
                now[0] += 1.0
            written += 1
        now[0] += 0.1
    assert written == pytest.approx(10_000 / 51, abs=3)


def test_a_loss_that_is_no_number_is_told_as_none(tmp_path):
    (tmp_path / "experiment.yaml").write_text("data: iris\n")
    told = Telling(tmp_path)
    told.start(1, 1)
    list(told.follow(steps_of(1, 1, lambda _: float("nan")), History()))
    assert json.loads((tmp_path / "progress.json").read_text())["losses"] == {"loss": None}


def test_nothing_is_told_into_a_folder_that_was_removed(tmp_path):
    told = Telling(tmp_path / "gone")
    told.start(1, 2)
    list(told.follow(steps_of(1, 2), History()))
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    ("error", "phase", "why"),
    [
        (Interrupted(2), "interrupted", ""),
        (KeyboardInterrupt(), "interrupted", ""),
        (NotFiniteError("the loss\nbecame nan"), "failed", "the loss became nan"),
        (ZeroDivisionError("of a net"), "failed", "ZeroDivisionError: of a net"),
    ],
)
def test_how_a_run_ended_is_told(tmp_path, error, phase, why):
    (tmp_path / "experiment.yaml").write_text("data: iris\n")
    with pytest.raises(type(error)), telling(tmp_path):
        raise error
    kept = json.loads((tmp_path / "progress.json").read_text())
    assert (kept["phase"], kept["why"]) == (phase, why)


# ------------------------------------------------------------------------------------------------- what a folder tells
@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One finished run and one that failed, made by training."""
    parent = tmp_path_factory.mktemp("runs")
    done = train(new_experiment(data="iris", net="linear", epochs=4, batch_size=30, doctor=True), out=parent / "done")
    with pytest.raises(NotFiniteError):
        train(
            new_experiment(data="diabetes", net="mlp", epochs=3, optimizer="sgd", learning_rate=1e30),
            out=parent / "failed",
        )
    return parent, done


def test_a_finished_run_is_told_as_it_is(runs):
    parent, done = runs
    row = run_row(parent, "done")
    assert (row.state, row.kind, row.fault, row.epochs) == ("finished", "training", "", 4)
    assert row.scores == pytest.approx(dict(done.scores.values))
    assert row.baseline == pytest.approx(dict(done.scores.baseline))
    assert row.settings["net"] == "linear"
    assert row.seconds == pytest.approx(sum(done.seconds.values()))
    assert row.pages == ["report.html"]
    assert not row.may_resume
    course = run_course(parent, "done")
    assert list(course.history) == done.history.names
    for name, values in course.history.items():
        np.testing.assert_allclose(values, np.float32(done.history[name]))
    assert course.faults == []
    assert course.health is not None
    assert len(course.signs["step"]) == len(done.vital_signs["step"])
    np.testing.assert_allclose(course.signs["gradient"], done.vital_signs["gradient"].T, rtol=1e-6)


def test_a_run_that_failed_says_why(runs):
    parent, _ = runs
    row = run_row(parent, "failed")
    assert row.state == "failed"
    assert "became" in row.fault
    assert "smaller learning rate" in row.fault
    assert "una tasa de aprendizaje menor" in row.fault.everywhere["es"]  # across the process that wrote it


@pytest.mark.parametrize(("names", "everywhere"), [(12, True), (1_200, False)])
def test_a_reason_however_long_leaves_a_run_that_failed_and_says_why(names, everywhere, tmp_path):
    refused = Said("refusals.weights_empty", names=", ".join(f"красноперка {number}" for number in range(names)))
    (tmp_path / "r").mkdir()
    (tmp_path / "r/experiment.yaml").write_text("data: iris\n")
    with pytest.raises(ProfundoError), telling(tmp_path / "r"):
        raise ProfundoError(refused)
    row = run_row(tmp_path, "r")
    assert row.state == "failed"
    assert row.fault[:900] == refused[:900]
    assert isinstance(row.fault, Said) == everywhere


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({}, "stopped"),
        ({"progress.json": '{"phase": "training"}'}, "stopped"),
        ({"progress.json": '{"phase": "interrupted"}'}, "paused"),
        ({"scores.json": '{"test": {"accuracy": 1}}'}, "finished"),
        ({".holder": str(this_process())}, "running"),
        ({".holder": f"{os.getpid()}\n"}, "stopped"),
        ({".holder": str(this_process()), "scores.json": "{}"}, "running"),
    ],
)
def test_the_state_follows_from_the_files(tmp_path, files, state):
    make_run(tmp_path / "r", **files)
    assert run_row(tmp_path, "r").state == state


def make_run(path, **files):
    path.mkdir()
    (path / "experiment.yaml").write_text("data: iris\nnet: mlp\n")
    for name, content in files.items():
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())


DEEP = "[" * 100_000 + "]" * 100_000
DAMAGED = [
    ("experiment.yaml", "- a list"),
    ("experiment.yaml", "a: &x [1]\nb: *x"),
    ("experiment.yaml", b"\xff\xfe\x00"),
    ("experiment.yaml", "x: " + "y" * 70_000),
    ("scores.json", "[1, 2]"),
    ("scores.json", DEEP),
    ("scores.json", '{"test": {"accuracy": "<img src=x onerror=alert(1)>"}}'),
    ("scores.json", '{"test": 7}'),
    ("progress.json", '{"phase": "gone"}'),
    ("progress.json", '{"epoch": -1}'),
    ("progress.json", '{"epoch": ' + "9" * 5000 + "}"),
    ("progress.json", " " * 70_000),
]


@pytest.mark.parametrize(("name", "content"), DAMAGED)
def test_a_damaged_file_is_one_line_in_its_row(tmp_path, name, content):
    make_run(tmp_path / "r", **{name: content})
    row = run_row(tmp_path, "r")
    assert row.state == "damaged"
    assert name in row.fault
    assert "\n" not in row.fault
    assert len(row.fault) <= 300


def bomb():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("step.npy", bytes(20_000_000))
    return file.getvalue()


def other_arrays():
    file = io.BytesIO()
    np.savez(file, step=np.array(["a"]), gradient=np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.csv", "epoch,loss\n1,x\n"),
        ("history.csv", "a,a\n1,2\n"),
        ("history.csv", ",".join(map(str, range(60))) + "\n"),
        ("history.csv", b"\xff\xff"),
        ("doctor.json", '{"findings": 3}'),
        ("doctor.json", DEEP),
        ("vital_signs.npz", b"PK nothing"),
        ("vital_signs.npz", bomb()),
        ("vital_signs.npz", other_arrays()),
    ],
)
def test_a_damaged_part_of_a_course_is_a_line_beside_the_rest(tmp_path, name, content, monkeypatch):
    monkeypatch.setattr(health_record, "LARGEST_SIGNS", 10_000_000)
    make_run(tmp_path / "r", **{"log.txt": "was said\n", name: content})
    course = run_course(tmp_path, "r")
    (fault,) = course.faults
    assert name in fault
    assert course.log == ["was said"]


def test_a_history_with_more_rows_than_a_screen_has_places_keeps_its_ends(tmp_path):
    rows = "".join(f"{row},{row / 2}\n" for row in range(1, 4001))
    make_run(tmp_path / "r", **{"history.csv": "epoch,loss\n" + rows + "4001,"})  # the last one is under way
    history = run_course(tmp_path, "r").history
    assert len(history["epoch"]) == live_reading.MOST_POINTS
    assert history["epoch"][[0, -1]].tolist()[0] == 1
    np.testing.assert_array_equal(history["loss"][:-1], history["epoch"][:-1] / 2)
    assert (np.diff(history["epoch"]) > 0).all()


def test_links_are_followed_nowhere(tmp_path):
    runs, secret = tmp_path / "runs", tmp_path / "secret"
    runs.mkdir()
    make_run(secret, **{"log.txt": "private", "history.csv": "epoch,loss\n1,2\n"})
    (runs / "whole").symlink_to(secret)
    make_run(runs / "part")
    for name in ("log.txt", "history.csv", "scores.json"):
        (runs / "part" / name).symlink_to(secret / name)
    make_run(runs / "settings")
    (runs / "settings" / "experiment.yaml").unlink()
    (runs / "settings" / "experiment.yaml").symlink_to(secret / "experiment.yaml")
    assert set(run_names(runs)) == {"part", "settings"}
    with pytest.raises(ProfundoError, match="a link"):
        run_row(runs, "whole")
    assert run_row(runs, "part").state == "damaged"
    assert run_row(runs, "settings").state == "damaged"
    course = run_course(runs, "part")
    assert (course.log, course.history) == ([], {})
    assert len(course.faults) == 2


def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(tmp_path):
    make_run(tmp_path / "r")
    for name in ("log.txt", "scores.json"):
        os.mkfifo(tmp_path / "r" / name)
    assert run_row(tmp_path, "r").state == "damaged"
    assert run_course(tmp_path, "r").faults == ["log.txt: expected a file, found something else"]


@pytest.mark.parametrize("name", ["", ".", "..", "../r", "a/b", "a\\b", "\0", ".started", "/etc", "x" * 300, "nothing"])
def test_a_name_that_is_none_of_a_run_is_refused(tmp_path, name):
    (tmp_path / "runs").mkdir()
    make_run(tmp_path / "r")
    with pytest.raises(ProfundoError):
        run_row(tmp_path / "runs", name)
    with pytest.raises(ProfundoError):
        run_course(tmp_path / "runs", name)


def test_runs_are_listed_the_newest_first_and_folders_of_others_not_at_all(tmp_path):
    for place, name in enumerate(("b", "a", "c")):
        make_run(tmp_path / name)
        os.utime(tmp_path / name / "experiment.yaml", (place, place))
    (tmp_path / "other").mkdir()
    make_run(tmp_path / ".hidden")
    (tmp_path / "file").write_text("")
    assert run_names(tmp_path) == ["c", "a", "b"]
    assert run_names(tmp_path / "none") == []


def test_traces_differ_once_something_that_is_shown_was_written(tmp_path):
    make_run(tmp_path / "r")
    row, whole = (run_traces(tmp_path, "r", whole=whole) for whole in (False, True))
    (tmp_path / "r" / "log.txt").write_text("said")
    assert run_traces(tmp_path, "r") == row
    assert run_traces(tmp_path, "r", whole=True) != whole
    (tmp_path / "r" / "progress.json").write_text("{}")
    assert run_traces(tmp_path, "r") != row


def test_a_file_is_read_up_to_its_bound(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    with Place(tmp_path, os.open(tmp_path, os.O_RDONLY)) as here:
        assert here.read("a", 5) == b"12345"
        assert here.read("none", 5) is None
        with pytest.raises(ProfundoError, match="at most 4 bytes"):
            here.read("a", 4)


# ------------------------------------------------------------------------------------------------------ settings as words
@pytest.mark.parametrize(
    "settings",
    [
        {"data": "iris"},
        {"data": "t.csv", "target": "7", "drop": ["a", "b c"], "columns": {"z=y": "date:dmy"}, "missing": ["NA", "?"]},
        {"data": "digits", "net_options": {"widths": [8, 4], "dropout": 0.5, "activation": "tanh"}, "augment": ["shift", "noise"]},
        {"data": "digits", "augment": [{"crop": {"scale": [0.6, 1]}}], "batch_size": "all", "learning_rate": 3e-05, "freeze": True},
        {"data": "digits", "augment": [], "class_weights": "balanced", "doctor": True, "capture": False, "early_stop": 3},
        {"data": "wine", "class_weights": [1, 2.5, 0.5], "threshold": "recall=0.9", "split_by": "group:who"},
    ],
)  # fmt: skip
def test_settings_as_words_are_the_same_settings(settings):
    asked = new_experiment(**settings)
    words = words_of_settings(asked)
    assert all(isinstance(word, str) and word for word in words.values())
    assert new_experiment(data=asked.data, **settings_of_words(words)) == asked


def test_fields_are_all_settings_but_the_data_and_those_of_python():
    fields = {field.name: field for field in setting_fields()}
    assert not {"data", "own"} & set(fields)
    assert fields["optimizer"].choices[:2] == ("sgd", "momentum")
    assert (fields["freeze"].look, fields["freeze"].initial) == ("switch", "false")
    assert (fields["epochs"].look, fields["epochs"].initial) == ("number", "")
    assert fields["columns"].look == fields["drop"].look == "lines"
    assert fields["batch_size"].look == "words", "also all"
    with pytest.raises(ProfundoError, match="'own' is unknown"):
        settings_of_words({"own": "x"})
