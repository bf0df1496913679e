"""What a run says while it goes: one voice for the terminal, a silent one for tests and pipes. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from profundo.records import Step

if TYPE_CHECKING:
    from rich.console import Console

    from profundo.recipes.folder import Folder
    from profundo.recipes.learning import Prepared
    from profundo.recipes.supervised import Run

SECONDS_A_LINE = 2.0  # where there is no bar

__all__ = ["Quiet", "Terminal", "Voice", "for_python"]


class Voice(Protocol):
    def start(self, prepared: Prepared, folder: Folder | None, resumed: bool) -> None: ...

    def show(self, step: Step, row: Mapping[str, float] | None) -> None:
        """The newest step, and the history's row when it ended an epoch."""

    def notice(self, text: str) -> None: ...

    def stop(self) -> None:
        """The training ended, well or not."""

    def finish(self, run: Run) -> None: ...


class Quiet:
    """Says nothing."""

    def start(self, prepared: Prepared, folder: Folder | None, resumed: bool) -> None: ...

    def show(self, step: Step, row: Mapping[str, float] | None) -> None: ...

    def notice(self, text: str) -> None: ...

    def stop(self) -> None: ...

    def finish(self, run: Run) -> None: ...


class Terminal:
    """A live bar with both errors and the time left; where stderr is no terminal, one line an epoch."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(stderr=True, highlight=False)
        self.folder: Folder | None = None
        self.bar: Any = None
        self.epochs, self.in_epoch, self.processes = 0, 0, 1
        self.row: Mapping[str, float] = {}
        self.said_at = 0.0

    def start(self, prepared: Prepared, folder: Folder | None, resumed: bool) -> None:
        asked, data = prepared.experiment, prepared.data
        self.folder = folder
        self.epochs, self.processes = asked.epochs or 1, prepared.processes
        size = min(asked.batch_size or 1, len(data.train))
        self.in_epoch = len(data.train) // size
        parameters = sum(parameter.numel() for parameter in prepared.net.parameters())
        self.say(
            f"{data.name}: {len(data.train):,} to train on, {len(data.validation):,} to validate, {len(data.test):,} to test"
        )
        self.say(
            f"{asked.net}: {parameters:,} parameters, {asked.optimizer} at {asked.learning_rate:g} ({asked.schedule}), "
            f"batches of {size}, {prepared.precision} on {prepared.device}"
        )
        for note in data.notes:
            self.notice(note)
        if resumed:
            self.say("resumed from the newest checkpoint")
        if self.console.is_terminal:
            self.bar = self.make_bar()
            self.bar.start()

    def make_bar(self) -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[errors]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self.console,
            auto_refresh=False,  # drawn from the loop, so that no thread competes with training
            transient=True,
            redirect_stdout=False,  # results go there, words do not
        )
        bar.add_task("train", total=self.epochs * self.in_epoch, epoch=1, epochs=self.epochs, errors="")
        return bar

    def show(self, step: Step, row: Mapping[str, float] | None) -> None:
        if row is not None:
            self.row = row
            now = time.perf_counter()
            if self.bar is None and (now - self.said_at >= SECONDS_A_LINE or row["epoch"] == self.epochs):
                self.said_at = now
                self.say(epoch_line(row, self.epochs))
        if self.bar is not None:
            losses = ", ".join(f"{name} {self.processes * float(value):.4f}" for name, value in step.losses.items())
            validation = f", validation loss {self.row['validation loss']:.4f}" if "validation loss" in self.row else ""
            done = step.epoch * self.in_epoch + step.index + 1
            self.bar.update(0, completed=done, epoch=step.epoch + 1, errors=losses + validation)
            self.bar.refresh()

    def stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def notice(self, text: str) -> None:
        self.console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)
        self.log(f"note: {text}")

    def finish(self, run: Run) -> None:
        if run.scores is None:
            return
        for line in result_lines(run):
            self.say(line)

    def say(self, line: str) -> None:
        self.console.print(escape(line), soft_wrap=True)
        self.log(line)

    def log(self, line: str) -> None:
        if self.folder is not None:
            self.folder.say(line)


def escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def epoch_line(row: Mapping[str, float], epochs: int) -> str:
    figures = ", ".join(f"{name} {value:.4f}" for name, value in row.items() if name not in ("epoch", "rate"))
    return f"epoch {row['epoch']:.0f}/{epochs}: {figures}"


def result_lines(run: Run) -> list[str]:
    """What a person wants to know at the end: the score beside the constant predictor's, and where the report is."""
    assert run.scores is not None
    lines = []
    if run.best_epoch is not None and run.experiment.early_stop:
        lines.append(f"stopped after {len(run.history)} epochs, best weights of epoch {run.best_epoch + 1} restored")
    for name, value in run.scores.values.items():
        shown, constant = figure(name, value), figure(name, run.scores.baseline[name])
        lines.append(f"test {name}: {shown}   (constant predictor: {constant})")
    lines.append(f"{run.seconds.get('training', 0):.1f} s of training")
    if run.folder is not None:
        lines.append(f"report: {run.folder.report}")
    return lines


def figure(name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if name == "accuracy" else f"{value:.4g}"


def for_python() -> Voice:
    """A bar where somebody may be watching, silence elsewhere."""
    return Terminal() if sys.stderr.isatty() or "ipykernel" in sys.modules else Quiet()
