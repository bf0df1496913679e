"""The command line in processes that can be killed, limited and watched without paying for `import torch` each time.

A fork server imports the program once and computes nothing; each command is a fork of it with a session of its own, and
runs `profundo.cli.main` on real arguments. So everything but the interpreter's own start is what a user runs.
"""

import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import resource
import signal
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any
from unittest.mock import patch

PATIENCE = 60.0  # seconds that no sound command here needs, on a busy machine either
NOBODY = 65534
servers = multiprocessing.get_context("forkserver")
servers.set_forkserver_preload(
    [
        *("profundo.cli", "profundo.runs.supervised", "profundo.runs.report_facts", "profundo.runs.listing"),
        *("profundo.use.any_run", "profundo.data.objects_in_images.object_sources"),
        *("torch.utils.data", "rich.progress", "sklearn.datasets", "PIL.Image", "jinja2", "commands"),
        # nobody may be forbidden to read them later
        *("importlib.readers", "importlib.resources", "importlib.resources._adapters"),
        "torch._dynamo",  # PyTorch imports it, slowly, when the first optimizer is made
        "torch.onnx._internal.exporter._core",  # and these for the first export
        *("profundo.use.exporting", "torch.export._trace", "onnxruntime", "onnx_translations"),
        "polars",  # imported, not used: its threads begin with the first use, in the fork
        *("profundo.use.predicting", "profundo.use.prediction_output", "profundo.looks.augmentation_samples"),
        *("sklearn.datasets.data", "sklearn.datasets.descr", "pydantic.dataclasses", "warmed"),
    ]
)


@dataclass(frozen=True)
class Trouble:
    """What is done to a process before it runs the command.

    exit_at: PROFUNDO_EXIT_AT. file_bytes: RLIMIT_FSIZE. user: changed to. show: a signal that the process sends
    itself, as often as `times`, when the loop shows the step with this number, counted from 1.
    """

    exit_at: int = 0
    file_bytes: int | None = None
    user: int | None = None
    show: int = 0
    signal: int = signal.SIGKILL
    times: int = 1

    def begin(self) -> None:
        import profundo.files

        profundo.files._EXIT_AT = self.exit_at
        profundo.files._passed = 0
        if self.file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_bytes, self.file_bytes))
        if self.user is not None:
            os.setgroups([])
            os.setgid(self.user)
            os.setuid(self.user)
        if self.show:
            self.signal_at_step()

    def signal_at_step(self) -> None:
        from profundo.runs.voice import Terminal

        shown, show = 0, Terminal.show

        def counted(terminal: Terminal, *arguments: Any) -> None:
            nonlocal shown
            shown += 1
            show(terminal, *arguments)
            if shown == self.show:
                for _ in range(self.times):
                    os.kill(os.getpid(), self.signal)

        Terminal.show = counted  # type: ignore[method-assign]


def show_every_step() -> None:
    """The display takes one step in a tenth of a second; here it takes them all, so that steps can be counted."""
    from profundo.runs import resumable
    from profundo.train import progress

    resumable.progress = lambda steps, display, history: progress(steps, display, history, every=0.0)  # type: ignore[attr-defined]


def run(arguments: list[str], folder: str, words: str, trouble: Trouble) -> None:
    from profundo.cli import main

    apart(folder, words)
    show_every_step()
    trouble.begin()
    sys.argv = ["profundo", *arguments]
    main()


def run_code(code: str, folder: str, words: str, environment: dict[str, str]) -> None:
    apart(folder, words)
    os.environ.update(environment)
    sys.argv = ["-c"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(code, "<code>", "exec"), vars(sys.modules["__main__"]))


def apart(folder: str, words: str) -> None:
    """In a session and a folder of its own, what it says going to a file."""
    import torch

    os.setsid()
    os.chdir(folder)
    multiprocessing.set_start_method(None, force=True)  # type: ignore[arg-type] # not a fork server's children's
    for number in (signal.SIGINT, signal.SIGTERM):  # as a shell starts a program
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    written = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(written, 1)
    os.dup2(written, 2)
    torch.set_num_threads(1)


def start_server(cache: str | None = None) -> str:
    """Unless it runs: its address. cache: PROFUNDO_CACHE of all commands, unless that of this process.

    Of this process's sys.path it takes no notice, and leaves out in silence what it does not find.
    """
    changed = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    changed["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")
    server = forkserver._forkserver  # type: ignore[attr-defined]
    with patch.dict(os.environ, changed | ({"PROFUNDO_CACHE": cache} if cache else {})):
        server.ensure_running()
    address = server._forkserver_address
    assert isinstance(address, str)
    return address


def use_server(address: str) -> None:
    """That of another process, which lives as long as its owner: several processes need not import everything for forks alone."""
    server = forkserver._forkserver  # type: ignore[attr-defined]
    server._forkserver_address, server._forkserver_alive_fd = address, os.open(os.devnull, os.O_RDONLY)
    server.ensure_running = resource_tracker.ensure_running


started: list["Command"] = []


def kill_what_is_left() -> None:
    while started:
        started.pop().kill()


class Command:
    """A running `profundo` command, or some code. The words it says (stdout and stderr) go to a file in its folder."""

    def __init__(self, folder: Path, target: Callable[..., None], what: Any, under: Any) -> None:
        self.words = folder / f"words-{len(list(folder.glob('words-*')))}"
        self.words.touch()
        start_server()
        self.process = servers.Process(target=target, args=(what, str(folder), str(self.words), under))
        self.process.start()
        started.append(self)
        assert self.process.pid is not None
        self.pid: int = self.process.pid

    def wait(self, seconds: float = PATIENCE) -> "Ended":
        """Raises AssertionError where the command is still at work after so long."""
        self.process.join(seconds)
        hangs = self.process.is_alive()
        if hangs:
            self.kill()
        said = self.words.read_text(errors="replace") if self.words.exists() else ""
        assert not hangs, f"still at work after {seconds} s: {said}"
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, said)

    def kill(self) -> None:
        """SIGKILL to the whole process group, or to the process where it has not made its group yet."""
        if self.process.is_alive():
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                self.process.kill()
            self.process.join()


@dataclass(frozen=True)
class Ended:
    """code: negative for the number of the signal that killed it."""

    code: int
    said: str

    @property
    def error(self) -> str:
        """The one line of an error. Raises AssertionError unless the command failed with exactly one."""
        lines = [line for line in self.said.splitlines() if line.startswith("profundo: ")]
        assert self.code == 1, (self.code, self.said)
        assert "Traceback" not in self.said, self.said
        assert len(lines) == 1, self.said
        assert self.said.endswith(lines[0] + "\n"), self.said
        return lines[0]


def profundo(folder: Path, *arguments: str, trouble: Trouble | None = None) -> Command:
    return Command(folder, run, list(arguments), trouble or Trouble())


def in_this_process(folder: Path, *arguments: str) -> Ended:
    """The same in this process: for what ends at once, neither hangs nor takes memory that would be missed."""
    from profundo.cli import main

    words, code = io.StringIO(), 0
    with (
        contextlib.chdir(folder),
        patch.object(sys, "argv", ["profundo", *arguments]),
        patch.object(os, "_exit", sys.exit),
        contextlib.redirect_stdout(words),
        contextlib.redirect_stderr(words),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, words.getvalue())


def python(folder: Path, code: str, **environment: str) -> Command:
    """Code of a person's own, as `python -c` runs it; everything that the fork server imports is imported already."""
    return Command(folder, run_code, code, environment)


def go_on(folder: Path, train: list[str], run: str = "run", trouble: Trouble | None = None) -> Command:
    """What a person does after a crash: resume where there is a run, train where there is none yet."""
    there = (folder / run / "experiment.yaml").exists()
    return profundo(folder, *(["resume", run] if there else [*train, "--out", run]), trouble=trouble)


def finished(run: Path) -> bool:
    return (run / "scores.json").exists()


def bits(run: Path) -> dict[str, str]:
    """SHA-256 of what a run came to: weights, history, and the last checkpoint with optimizer, best weights, generators.

    Left out are its experiment, where settings without an effect on the result may differ, and the seconds that it took.
    """
    last = newest(run)
    state = dict(json.loads((last / "state.json").read_text())["dict"])
    del state["experiment"], state["seconds"]
    found = {
        "weights": (run / "model.safetensors").read_bytes(),
        "history": (run / "history.csv").read_bytes(),
        "tensors": (last / "tensors.safetensors").read_bytes(),
        "state": json.dumps(state).encode(),
        "checkpoint": last.name.encode(),
    }
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def newest(run: Path) -> Path:
    return max((run / "checkpoints").glob("[0-9]*"), key=lambda path: int(path.name))


def contents(folder: Path) -> dict[str, str]:
    """Path → SHA-256 of every file below, to see that nothing changed."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def strays(run: Path) -> list[str]:
    """Files of a finished run that should not be there."""
    expected = {"experiment.yaml", "environment.json", "history.csv", "scores.json", "model.safetensors", "model.json"}
    expected |= {"manifest.json", "checkpoints", "report.html", "log.txt", "progress.json", ".lock"}
    if "doctor: true" in (run / "experiment.yaml").read_text():
        expected |= {"doctor.json", "vital_signs.npz"}
    there = {path.name for path in run.iterdir()}
    hidden = {path.name for path in (run / "checkpoints").iterdir() if path.name.startswith(".")}
    return sorted((there - expected) | hidden | {f"missing {name}" for name in expected - there - {".lock"}})
