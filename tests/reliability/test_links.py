"""A run's folder may come from a stranger: whatever in it is a link, nothing outside is written, replaced or removed.

The names are those of real runs, so that a file that is written one day is tested, too. What stood there is moved outside and
linked back: the worst case, for it reads as before.
"""

import errno
import importlib.util
import io
import os
import shutil
import time
from pathlib import Path

import pytest
from rich.console import Console

import profundo.files
from profundo.files import clear_leftovers, in_words, reason, write_bytes, write_text
from profundo.records import ProfundoError
from profundo.recipes.recipe_run import run_recipe
from profundo.runs.experiment import experiment
from profundo.runs.supervised import open_run, train
from profundo.runs.voice import Terminal
from profundo.studies.cross_validation import cross_validate, resume_cross_validation
from profundo.use.any_run import resume, write_report
from profundo.use.exporting import export

LOG = "tensorboard" if importlib.util.find_spec("tensorboard") else None


def voice():
    return Terminal(Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> dict[str, Path]:
    """Finished runs with all that the doors below write into them."""
    place = tmp_path_factory.mktemp("originals")
    settings = {"data": "iris", "net": "linear", "epochs": 2}
    train(experiment(**settings, log=LOG, checkpoint_seconds=0), out=place / "training", voice=voice())
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


def as_new(run: Path) -> None:
    """Only what a link may hide behind: what a killed run leaves, under the name that is tested."""
    for path in run.iterdir():
        if not path.is_symlink():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


DOORS = {
    "resume": ("training", unfinished, lambda run: resume(run, voice=voice())),
    "train --out": ("training", as_new, lambda run: train(experiment(data="iris", epochs=1, log=LOG), out=run, voice=voice())),
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


def names(run: Path) -> list[Path]:
    """Of every file and folder in a run; one of each kind of folder that has numbers for names."""
    inside = [path.relative_to(run) for path in sorted(run.rglob("*")) if not path.name.endswith(".manifest")]
    return [*inside, Path(".holder"), Path("log.txt"), Path(f".scores.json.{os.getpid()}.part")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("door", DOORS)
def test_nothing_is_written_through_a_link_in_a_run(door, kind, originals, tmp_path):
    which, prepare, enter = DOORS[door]
    told = []
    for number, name in enumerate(dict.fromkeys(names(originals[which]))):
        place = tmp_path / str(number)
        run, outside = place / "run", place / "outside" / "it"
        shutil.copytree(originals[which], run)
        outside.parent.mkdir()
        if (run / name).exists():
            shutil.move(run / name, outside)
        else:
            outside.write_text("canary\n")
        if outside.is_dir():
            (outside / ".model.json.1.part").write_text("canary")
            (outside / ".00000001.old.part").mkdir()
        KINDS[kind](run / name, outside)
        prepare(run)
        before = look(outside.parent)
        try:
            enter(run)
        except ProfundoError as error:
            assert "\n" not in str(error)
            assert str(place) in str(error), f"{name}: {error}"
            told.append(f"{name}: {error}")
        assert look(outside.parent) == before, f"{name}: something outside changed"
        shutil.rmtree(place)
    if kind == "a link":
        print(*told, sep="\n")
