"""A run is a folder that anyone can read without us.

runs/digits-1/
  experiment.yaml      what was asked, every choice made
  environment.json     on what it ran; what identifies the data
  history.csv          one row an epoch
  scores.json          the test scores; written last, so it marks a finished run
  model.safetensors    the weights     model.json   how to build the net around them
  manifest.json        the SHA-256 of each of these files, to notice whether one changed since
  checkpoints/         what a resumed run goes on from
  epochs/              the weights after each epoch, where they are kept
  doctor.json          what the doctor found and changed       vital_signs.npz      what it saw on the way
  report.html          the whole story on one page
  log.txt              what was said
  progress.json        how far it is, written again and again while it trains; in the end how it ended
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
from filelock import FileLock, Timeout
from pydantic import BaseModel, Field, ValidationError

from profundo.data.dataset_names import SUFFIXES
from profundo.files import PUT_BACK, clear_leftovers, erase, in_words, open_place, read_object, reason, write_text
from profundo.records import ProfundoError
from profundo.runs.live.holder import Holder, holder_in, may_be_at_work, this_process

__all__ = ["Folder", "environment", "find_runs"]

WHILE_DYING = 5.0  # seconds
WRITTEN_IN = ("checkpoints", "epochs", "exhibits", "tensorboard", "chosen")  # folders of a run or study


def named_in(holder: Path) -> Holder | None:
    """The process that says it writes here."""
    return holder_in(holder.read_text(errors="replace")) if holder.is_file() else None


def path_of(path: Any) -> Path:
    """Raises ProfundoError for what names no folder."""
    if not isinstance(path, str | os.PathLike):
        raise ProfundoError(f"expected the path of a run's folder, got {type(path).__name__}")
    return Path(path)


class Folder:
    """The paths of one run. Making the object touches nothing on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.experiment = path / "experiment.yaml"
        self.environment = path / "environment.json"
        self.history = path / "history.csv"
        self.scores = path / "scores.json"
        self.weights = path / "model.safetensors"
        self.model = path / "model.json"
        self.manifest = path / "manifest.json"
        self.checkpoints = path / "checkpoints"
        self.epochs = path / "epochs"
        self.report = path / "report.html"
        self.log = path / "log.txt"
        self.progress = path / "progress.json"
        self.stop = path / "stop"
        self.doctor = path / "doctor.json"
        self.vital_signs = path / "vital_signs.npz"

    @classmethod
    def create(cls, name: str, out: str | Path | None = None) -> Folder:
        """A new folder: `out`, or runs/<name>-<n> with the first free n, also when two runs start at once.

        Raises ProfundoError when `out` already holds a run, or nothing can be written there.
        """
        try:
            if out is not None:
                path = path_of(out)
                str(path).encode()  # what is written there tells its name
                path.mkdir(parents=True, exist_ok=True)
                if (path / "experiment.yaml").exists():
                    with cls(path).locked():  # says so if a process is at work in it
                        pass
                    raise ProfundoError(f"{path}: already holds a run; {cls(path).resuming}, or choose another --out")
                if not os.access(path, os.W_OK):
                    raise PermissionError(13, "Permission denied")
                others = sorted(inside.name for inside in path.iterdir() if not _left_over(inside))
                if others:
                    raise ProfundoError(
                        f"{path}: expected a new or empty folder for the run, found {', '.join(others[:3])} in it; "
                        "choose another --out"
                    )
                return cls(path)
            return cls(cls._numbered(Path("runs"), re.sub(r"[^\w.-]+", "-", _called(name)).strip("-.") or "run"))
        except UnicodeEncodeError:
            raise ProfundoError(
                f"{out!r}: expected a name for the run's folder in UTF-8; choose another --out"
            ) from None
        except OSError as error:
            where = out if out is not None else Path("runs").absolute()
            raise ProfundoError(f"{where}: the run's folder cannot be made: {reason(error)}") from None

    @staticmethod
    def _numbered(parent: Path, name: str) -> Path:
        parent.mkdir(parents=True, exist_ok=True)
        taken = [int(p.name[len(name) + 1 :]) for p in parent.glob(f"{name}-*") if p.name[len(name) + 1 :].isdecimal()]
        number = max(taken, default=0) + 1
        while True:
            try:
                (parent / f"{name}-{number}").mkdir()
            except FileExistsError:
                number += 1
            else:
                return parent / f"{name}-{number}"

    @classmethod
    def open(cls, path: str | Path) -> Folder:
        """An existing run. Raises ProfundoError when there is none, naming the runs that are there."""
        folder = cls(path_of(path))
        if not folder.experiment.is_file():
            known = ", ".join(str(run.path) for run in find_runs(Path("runs"))[-3:]) or "none in ./runs"
            raise ProfundoError(f"{path}: expected a run's folder with experiment.yaml; the latest: {known}")
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process writes in a run. The lock dies with its process, however that ends; with the processes that it had just
        forked and that were killed with it, a moment later: for a holder that is gone, one waits.

        Raises ProfundoError where what is written there would go elsewhere: before anything is, not after hours.
        """
        holder = self.path / ".holder"
        lock = FileLock(self.path / ".lock")
        try:
            self._check_own()
            try:
                lock.acquire(timeout=0)
            except Timeout:
                lock.acquire(timeout=0 if may_be_at_work(named_in(holder)) else WHILE_DYING)
        except Timeout:
            named = named_in(holder)
            raise ProfundoError(
                f"{self.path}: process {named.pid if named else 'unknown'} is writing in this run; wait for it or stop it"
            ) from None
        except OSError as error:
            raise ProfundoError(f"{self.path}: cannot be written: {reason(error)}") from None
        try:
            write_text(holder, str(this_process()))
            clear_leftovers(self.path)
            clear_leftovers(self.checkpoints, self.path)
            yield
        finally:
            erase(holder)
            lock.release()

    def _check_own(self) -> None:
        """Raise ProfundoError where what is opened to be written is a link. Files that are replaced may be links."""
        with open_place(self.path) as here:
            for name in (".lock", self.log.name):
                here.check_file(name)
            for name in WRITTEN_IN:
                if here.status(name) is not None:
                    with here.enter(name) as inner:
                        inner.check_no_links()

    def check(self) -> None:
        """Raise ProfundoError if somebody removed the run meanwhile: writing on would bring back half of it."""
        if not self.experiment.exists():
            raise ProfundoError(f"{self.path}: the run's folder disappeared while it was in use; nothing more is saved")

    def discard(self) -> None:
        """Remove what a run that never began has written, and its folder, if nothing else is in it."""
        for path in (self.experiment, self.log, self.checkpoints):
            erase(path)
        if {path.name for path in self.path.iterdir()} <= {".lock", ".holder"}:
            erase(self.path)

    def say(self, line: str) -> None:
        """Append a line to log.txt; one that a full disk tore is ended first."""
        try:
            with open_place(self.path) as here, here.append(self.log.name) as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - 1))
                whole = end == 0 or file.read(1) == b"\n"
                file.write((b"" if whole else b"\n") + line.encode() + b"\n")
        except OSError as error:
            raise ProfundoError(f"{self.log}: cannot be written: {reason(error)}") from None

    @property
    def resuming(self) -> str:
        """What goes on with it. What was given in Python only its owner can give again."""
        try:
            text = self.experiment.read_text("utf-8", errors="replace")
            own = re.search(r"^(net|data): *['\"]?own:|^own: *$", text, re.MULTILINE)
        except OSError:
            own = None
        return (
            f"profundo.fit(net, data, …, out={str(self.path)!r}, resume=True)"
            if own
            else f"`profundo resume {self.path}`"
        )

    @property
    def state(self) -> str:
        if self.scores.exists():
            return "finished"
        return "interrupted" if self.checkpoints.is_dir() else "started"


def _called(name: str) -> str:
    """Of data in files the name without what tells their kind, and of several files what they have in common."""
    path = Path(name)
    called = path.stem if path.suffix.lower() in (*SUFFIXES, ".npz", ".tar") else path.name
    return re.split(r"[{*?]", called)[0].rstrip("-_.") or path.parent.name


def _left_over(path: Path) -> bool:
    """Whether it is what a run that was killed before it began leaves: the next one may begin in its folder."""
    if path.name == "checkpoints":
        return path.is_dir() and not path.is_symlink() and not any(path.iterdir())
    return path.name in (".lock", ".holder", "environment.json") or path.name.endswith(".part")


def find_runs(parent: Path) -> list[Folder]:
    """The runs in a folder, oldest first."""
    if not parent.is_dir():
        return []
    results = [Folder(path) for path in parent.iterdir() if (path / "experiment.yaml").is_file()]
    return sorted(results, key=lambda folder: folder.experiment.stat().st_mtime)


def environment(device: torch.device, processes: int) -> dict[str, str]:
    """On what a run runs, in words."""
    from profundo import __version__

    facts = {
        "profundo": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(),
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "processes": str(processes),
        "device": str(device),
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


class Result(BaseModel):
    """What scores.json keeps of a finished training beside its scores. history: one row an epoch."""

    history: Annotated[list[dict[str, int | float]], Field(min_length=1)]
    best_epoch: Annotated[int, Field(ge=0)] | None = None
    seconds: dict[str, int | float]
    linear: dict[str, float] = {}
    linear_name: str = ""


def read_result(folder: Folder) -> Result:
    """Raises ProfundoError when scores.json is missing, damaged or that of something else."""
    try:
        result = Result.model_validate(read_object(folder.scores))
    except ValidationError as error:
        raise ProfundoError(
            f"{folder.scores}: expected what a finished training keeps; {in_words(error)}; {PUT_BACK}"
        ) from None
    if not all({"epoch", "loss", "rate"} <= row.keys() for row in result.history):
        raise ProfundoError(
            f"{folder.scores}: expected a history with the epoch, loss and rate of each epoch; {PUT_BACK}"
        )
    return result


def read_scores(folder: Folder) -> dict[str, float]:
    """The test scores of a finished run, empty otherwise."""
    if not folder.scores.exists():
        return {}
    kept = read_object(folder.scores)
    try:
        return {str(name): float(value) for name, value in kept["test"].items()}
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ProfundoError(
            f"{folder.scores}: expected the test scores of a run: {in_words(error)}; {PUT_BACK}"
        ) from None


def write_history(folder: Folder, text: str) -> None:
    folder.check()
    write_text(folder.history, text)
