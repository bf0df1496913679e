"""A run's folder may come from a stranger: whatever in it is a link, nothing outside is written, replaced or removed.

The names are those of real runs, so that a file that is written one day is tested, too. What stood there is moved outside and
linked back: the worst case, for it reads as before.
"""

import copy
import errno
import importlib.util
import io
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from rich.console import Console

import profundo.files
from profundo.files import in_words, reason, write_bytes, write_text
from profundo.recipes.recipe_run import run_recipe
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.listing import list_runs
from profundo.runs.supervised import open_run, train
from profundo.runs.voice import Terminal
from profundo.studies.cross_validation import cross_validate, resume_cross_validation
from profundo.use import exporting
from profundo.use.any_run import any_run, resume
from profundo.use.exporting import export
from profundo.use.predicting import predictor

LOG = "tensorboard" if importlib.util.find_spec("tensorboard") else None


def voice():
    return Terminal(Console(file=io.StringIO()))


@pytest.fixture(scope="module", autouse=True)
def _one_graph():
    """PyTorch's exporter takes longer than all that is written, and here the net is the same each time."""
    made, real = {}, exporting.onnx_graph

    def graph(whole, raw, *names):
        if names not in made:
            made[names] = real(whole, raw, *names)
        return copy.deepcopy(made[names])

    with patch.object(exporting, "onnx_graph", graph):
        yield


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> dict[str, Path]:
    """Finished runs with all that the doors below write into them."""
    place = tmp_path_factory.mktemp("originals")
    settings = {"data": "iris", "net": "linear", "epochs": 2}
    train(new_experiment(**settings, log=LOG, checkpoint_seconds=0), out=place / "training", voice=voice())
    for kind in ("onnx", "safetensors"):
        export(place / "training", kind)
    run_recipe("perceptron", quick=True, out=place / "recipe", voice=voice())
    cross_validate("iris", folds=2, epochs=1, net="linear", out=place / "study", voice=voice())
    return {path.name: path for path in place.iterdir()}


def unfinished(run: Path) -> None:
    (run / "scores.json").unlink(missing_ok=True)


def half_done(run: Path) -> None:
    (run / "results.json").unlink(missing_ok=True)


def exported(run: Path) -> None:
    export(run, "onnx")
    export(run, "safetensors")


def nothing(run: Path) -> None: ...


def write_report(run: Path) -> Path:
    return any_run(run).write_report(None)


DOORS = {
    "resume": ("training", unfinished, lambda run: resume(run, voice=voice())),
    "report": ("training", nothing, write_report),
    "export": ("training", nothing, exported),
    "recipe resume": ("recipe", unfinished, lambda run: resume(run, voice=voice())),
    "recipe report": ("recipe", nothing, write_report),
    "cross-validate --resume": ("study", half_done, lambda run: resume_cross_validation(run, voice())),
}
KINDS = {
    "a link": lambda path, outside: path.symlink_to(outside),
    "a hard link": lambda path, outside: os.link(outside, path) if outside.is_file() else path.symlink_to(outside),
    "a link to nothing": lambda path, outside: path.symlink_to(outside.with_name("nothing")),
    "a FIFO": lambda path, _outside: os.mkfifo(path),
}


def look(place: Path) -> dict[str, tuple[float, bytes]]:
    """Of everything there when it was changed, and what it holds."""
    return {
        str(path.relative_to(place)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(place.rglob("*"))
    }


READ = {
    *("experiment.yaml", "study.yaml", "environment.json", "manifest.json"),
    *("scores.json", "model.json", "model.safetensors"),
}


def names(run: Path, deep: bool) -> list[Path]:
    """Of the files and folders in a run itself, also of those that come and go; or of what its folders hold."""
    if deep:
        return [path.relative_to(run) for path in sorted(run.glob("*/*"))]
    coming = (".lock", ".holder", "log.txt", f".scores.json.{os.getpid()}.part", ".report.html.1.part")
    return [Path(name) for name in dict.fromkeys([*(path.name for path in sorted(run.iterdir())), *coming])]


def refusal(enter, run: Path) -> str | None:
    try:
        enter(run)
    except ProfundoError as error:
        return str(error)
    return None


def plant(run: Path, name: Path, kind: str, outside: Path) -> None:
    """Move what has this name outside, or make something there; then link back."""
    if (run / name).exists():
        shutil.move(run / name, outside)
    else:
        outside.write_text("canary\n")
    if outside.is_dir():
        (outside / ".model.json.1.part").write_text("canary")
        (outside / ".00000001.old.part").mkdir()
    KINDS[kind](run / name, outside)


CASES = [
    *((door, kind, False) for door in DOORS for kind in KINDS),
    *(
        (door, kind, True) for door in DOORS for kind in ("a link", "a hard link") if door != "recipe report"
    ),  # it reads
]


@pytest.mark.parametrize(("door", "kind", "deep"), CASES)
def test_nothing_is_written_through_a_link_in_a_run(door, kind, deep, originals, tmp_path):
    """And every message names a link: when all that were named are removed, the door opens."""
    which, prepare, enter = DOORS[door]
    run, outside = tmp_path / "run", tmp_path / "outside"
    shutil.copytree(originals[which], run)
    outside.mkdir()
    prepare(run)
    reads = kind in ("a link to nothing", "a FIFO")
    read = READ | ({"exhibits"} if door == "recipe report" else set())
    planted = [name for name in names(run, deep) if not (reads and name.name in read)]
    for number, name in enumerate(planted):
        plant(run, name, kind, outside / str(number))
    before = look(outside)
    for _ in range(len(planted) + 1):
        said = refusal(enter, run)
        assert look(outside) == before
        if said is None:
            return
        named = [name for name in planted if said.startswith(f"{run / name}: ")]
        assert len(named) == 1, said
        assert said.endswith("remove it"), said
        (run / named[0]).unlink()
        planted.remove(named[0])
    pytest.fail(f"the door stayed closed: {planted}")


@pytest.mark.parametrize(
    "name", [".lock", ".holder", "environment.json", "checkpoints", ".scores.json.1.part", "log.txt"]
)
@pytest.mark.parametrize("to", ["a file", "a folder", "nothing"])
def test_a_new_run_in_a_folder_with_a_link_changes_nothing_outside(name, to, tmp_path):
    run, outside = tmp_path / "run", tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text("canary")
    run.mkdir()
    (run / name).symlink_to(outside / to.split()[-1])
    before = look(outside)
    asked = new_experiment(data="iris", net="linear", epochs=1, log=LOG, checkpoint_seconds=0)
    said = refusal(lambda run: train(asked, out=run, voice=voice()), run)
    assert look(outside) == before
    assert said is None or (str(run) in said and name in said)


def test_a_temporary_name_that_is_a_link_is_not_written_through(tmp_path):
    """Whoever guesses the number of the process can have put it there."""
    (tmp_path / "outside").write_text("canary")
    (tmp_path / f".page.html.{os.getpid()}.part").symlink_to(tmp_path / "outside")
    write_text(tmp_path / "page.html", "page")
    assert (tmp_path / "outside").read_text() == "canary"
    assert (tmp_path / "page.html").read_text() == "page"
    assert not list(tmp_path.glob(".*"))


def test_without_folders_held_open_links_are_refused_all_the_same(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.setattr(profundo.files, "HELD", False)
    (tmp_path / "outside").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "exhibits").symlink_to(tmp_path / "outside")
    with pytest.raises(ProfundoError, match="expected a folder of its own, found a link"):
        write_bytes(tmp_path / "run" / "exhibits" / "a.png", b"", within=tmp_path / "run")
    (tmp_path / "run" / "exhibits").unlink()
    write_bytes(tmp_path / "run" / "exhibits" / "a.png", b"a", within=tmp_path / "run")
    assert (tmp_path / "run" / "exhibits" / "a.png").read_bytes() == b"a"
    assert not list((tmp_path / "outside").iterdir())


def test_the_path_that_a_person_gives_may_go_through_links(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    run = train(new_experiment(data="iris", net="linear", epochs=1), out=tmp_path / "runs" / "iris", voice=voice())
    export(run.folder.path, "safetensors", out=tmp_path / "runs" / "iris.safetensors")
    assert {"scores.json", "report.html", "log.txt"} <= {path.name for path in (tmp_path / "disk" / "iris").iterdir()}
    assert (tmp_path / "disk" / "iris.safetensors").is_file()


# --------------------------------------------------------------------------------------------- what killed writers left
GONE = 2**22 + 1  # more than Linux has processes


@pytest.mark.parametrize(
    ("name", "hours", "goes"),
    [
        (f".a.csv.{GONE}.part", 0, True),
        (f".b c.csv.{GONE}.part", 2, True),
        (f".b.csv.{GONE}.part", 0, False),  # of another file: a process of another machine may write it
        (".a.csv.OURS.part", 2, True),  # the one that is written
        (".b.csv.OURS.part", 2, False),
        (".b.csv.OURS.part", 30, True),
        (".a.csv.part", 30, False),
        ("a.csv.1.part", 30, False),
    ],
)
def test_what_a_killed_writer_left_is_cleared_by_the_next_and_nothing_else(name, hours, goes, tmp_path):
    name = name.replace("OURS", str(os.getpid()))
    (tmp_path / name).write_text("half")
    os.utime(tmp_path / name, (time.time() - 3600 * hours,) * 2)
    write_text(tmp_path / "a.csv", "whole")
    assert (tmp_path / name).exists() == (not goes)


# -------------------------------------------------------------------------------------------------------- advice, words
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda place: place / "gone" / "a.json", "moved, removed"),
        (lambda place: place / ("x" * 300), "shorter name"),
        (lambda place: place / "file" / "a.json", "a file stands where a folder"),
        (lambda place: place / "folder", "a folder has this name"),
        (lambda place: place / "loop" / "a.json", "a link"),
    ],
)
def test_advice_fits_the_cause(make, says, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ProfundoError) as caught:
        write_text(make(tmp_path), "")
    assert says in str(caught.value)
    assert "space" not in str(caught.value)
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "no writing"),
        (errno.EACCES, "chmod"),
        (errno.EIO, "disk failed"),
    ],
)
def test_advice_for_what_only_the_system_can_say(number, says):
    said = reason(OSError(number, os.strerror(number)))
    assert says in said
    assert ("space" in says) == ("free some space" in said)


def test_pythons_own_words_become_words_about_a_file():
    assert in_words(KeyError("test")) == "'test' is missing"
    nothing: Any = None
    for wrong in (lambda: [][0], lambda: nothing["x"], lambda: [].items(), lambda: {}["a"]):
        with pytest.raises((LookupError, TypeError, AttributeError)) as caught:
            wrong()
        assert in_words(caught.value) != str(caught.value)


# ----------------------------------------------------------------------------------------------------- files that lie
BROKEN = {
    "scores.json": [
        {},
        {"test": None},
        {"test": []},
        {"test": {"accuracy": None}},
        {"test": {"accuracy": 10**400}},
        [],
        None,
    ],
    "model.json": [{}, {"description_sha256": 3}, [], None, "text"],
    "environment.json": [[], None, "text"],
}
READERS = {
    "report": write_report,
    "evaluate": lambda run: open_run(run, evaluate=False),
    "export": lambda run: export(run, "safetensors"),
    "serve": lambda run: predictor(run).card(),
}
PYTHONS = ("NoneType", "subscript", "attribute", "argument", "indices", "sequence element", "dict", "validation error")


@pytest.mark.parametrize("door", READERS)
def test_a_broken_file_is_named_in_words(door, originals, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(originals["training"], run)
    refused = 0
    for name, values in BROKEN.items():
        whole = (run / name).read_bytes()
        for value in values:
            (run / name).write_text(json.dumps(value))
            said = refusal(READERS[door], run)
            refused += said is not None
            assert said is None or (said.startswith(str(run)) and not said.endswith("'")), said
            assert not any(words in (said or "") for words in PYTHONS), said
        (run / name).write_bytes(whole)
    assert refused >= len(BROKEN["model.json"])


@pytest.mark.parametrize("value", BROKEN["scores.json"])
def test_the_list_of_runs_says_which_file_is_damaged(value, originals, tmp_path):
    shutil.copytree(originals["training"], tmp_path / "run")
    (tmp_path / "run" / "scores.json").write_text(json.dumps(value))
    (row,) = list_runs(tmp_path)
    assert row["state"].startswith(f"damaged: {tmp_path / 'run' / 'scores.json'}: expected")
    assert not any(words in row["state"] for words in PYTHONS)
