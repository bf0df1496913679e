"""What a run says while it goes: one voice for the terminal, a silent one for tests and pipes. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from unicodedata import category

from profundo.records import Step, in_words_of_the_door

if TYPE_CHECKING:
    from rich.console import Console

    from profundo.runs.folder import Folder

SECONDS_A_LINE = 2.0  # where there is no bar
NOT_SAID = ("epoch", "rate", "gradient norm")  # of an epoch's row

__all__ = ["Notices", "Quiet", "Terminal", "Voice", "for_python", "inert", "note"]


class Voice(Protocol):
    def open(self, folder: Folder | None) -> None:
        """From now on, what is said goes into that folder's log, too."""

    def start(self, epochs: int, in_epoch: int, processes: int = 1, name: str = "") -> None:
        """A training of so many epochs and batches begins; in a run with several of them, it has a name."""

    def show(self, step: Step, row: Mapping[str, float] | None) -> None:
        """The newest step, and the history's row when it ended an epoch."""

    def say(self, line: str) -> None: ...

    def notice(self, text: str) -> None: ...

    def stop(self) -> None:
        """The training ended, well or not."""


class Quiet:
    """Says nothing."""

    def open(self, folder: Folder | None) -> None: ...

    def start(self, epochs: int, in_epoch: int, processes: int = 1, name: str = "") -> None: ...

    def show(self, step: Step, row: Mapping[str, float] | None) -> None: ...

    def say(self, line: str) -> None: ...

    def notice(self, text: str) -> None: ...

    def stop(self) -> None: ...


class Notices:
    """Says what was decided for the user, and no more: of a script whose stderr is a file or the pane of an editor."""

    def open(self, folder: Folder | None) -> None: ...

    def start(self, epochs: int, in_epoch: int, processes: int = 1, name: str = "") -> None: ...

    def show(self, step: Step, row: Mapping[str, float] | None) -> None: ...

    def say(self, line: str) -> None: ...

    def notice(self, text: str) -> None:
        note(text)

    def stop(self) -> None: ...


class Terminal:
    """A live bar with both errors and the time left; where stderr is no terminal, a line an epoch, but not too many."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(stderr=True, highlight=False, emoji=False)
        self.folder: Folder | None = None
        self.bar: Any = None
        self.epochs, self.in_epoch, self.processes, self.name = 0, 0, 1, ""
        self.row: Mapping[str, float] = {}
        self.said_at = 0.0

    def open(self, folder: Folder | None) -> None:
        self.folder = folder

    def start(self, epochs: int, in_epoch: int, processes: int = 1, name: str = "") -> None:
        self.epochs, self.in_epoch, self.processes, self.name = epochs, in_epoch, processes, name
        self.row = {}
        if self.console.is_terminal:
            self.bar = self.make_bar()
            self.bar.start()

    def make_bar(self) -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.fields[name]}epoch {task.fields[epoch]}/{task.fields[epochs]}"),
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
        name = f"{escape(self.name)} " if self.name else ""
        bar.add_task("train", total=self.epochs * self.in_epoch, epoch=1, epochs=self.epochs, errors="", name=name)
        return bar

    def show(self, step: Step, row: Mapping[str, float] | None) -> None:
        if row is not None:
            self.row = row
            now = time.perf_counter()
            last = row["epoch"] == self.epochs and not self.name  # of many short trainings, not each needs a line
            if self.bar is None and (now - self.said_at >= SECONDS_A_LINE or last):
                self.said_at = now
                self.say(epoch_line(row, self.epochs, self.name))
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
        text = in_words_of_the_door(text)
        self.console.print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)
        self.log(f"note: {text}")

    def say(self, line: str) -> None:
        self.console.print(escape(line), soft_wrap=True)
        self.log(line)

    def log(self, line: str) -> None:
        if self.folder is not None:
            self.folder.say(line)


def escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def epoch_line(row: Mapping[str, float], epochs: int, name: str = "") -> str:
    figures = ", ".join(f"{name} {epoch_figure(name, value)}" for name, value in row.items() if name not in NOT_SAID)
    return f"{name + ', ' if name else ''}epoch {row['epoch']:.0f}/{epochs}: {figures}"


def epoch_figure(name: str, value: float) -> str:
    """As `figure`, with as many digits in every line."""
    return text if (text := figure(name, value)).endswith("%") else f"{value:.4f}"


def figure(name: str, value: float) -> str:
    """A score as people read it: accuracies and shares in percent; only a ranking without a fault is called 1."""
    words = ("accuracy", "share", "exact match", "calibration error", "average precision", "mean IoU", "mean Dice")
    if any(word in name for word in words) and not name.startswith("F1 of "):
        return f"{100 * value:.2f} %"
    return "> 0.9999" if name == "ROC-AUC" and 0.99995 <= value < 1 else f"{value:.4g}"


def note(text: str) -> None:
    """A notice of something that trains nothing and has no log."""
    print(f"note: {inert(in_words_of_the_door(text))}", file=sys.stderr)


def inert(text: str) -> str:
    """On one line, and without what would steer a terminal: names in messages come from files."""
    return "".join(c if c.isprintable() or category(c) == "Zs" else c.encode("unicode_escape").decode() for c in text)


def for_python() -> Voice:
    """A bar where somebody may be watching, notices alone elsewhere."""
    return Terminal() if sys.stderr.isatty() or "ipykernel" in sys.modules else Notices()
