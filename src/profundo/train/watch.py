"""Consumers of the loop: each takes the steps, does one thing with them and hands them on, so that they compose.

for step in early_stop(record(progress(fit(update, batches, plan), …), history, validate), stopper):
    ...
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from profundo.languages import Said, named
from profundo.records import NoColumnError, NotFiniteError, ProfundoError, Step, no_such_name
from profundo.train.longer import ONE, Rounds
from profundo.train.randomness import seeded

__all__ = ["EarlyStop", "Film", "History", "early_stop", "filmed", "gradient_norms", "progress", "record"]


class History:
    """What happened, one row an epoch: mean losses over the epoch's batches, the rate, what validation said.

    The losses of the epoch under way wait as they are, on the device; they are read once, when it ends.
    reduce: adds a tensor over all processes that share the batches.
    draw: makes pictures of its columns; handed in, for training knows none.
    last_losses: of every update of the newest epoch, by name.
    """

    def __init__(
        self,
        reduce: Callable[[Tensor], Tensor] = lambda values: values,
        draw: Callable[[Mapping[str, list[float]]], Any] | None = None,
    ) -> None:
        self.rows: list[dict[str, float]] = []
        self.reduce, self.draw = reduce, draw
        self.read: dict[str, list[float]] = {}
        self.waiting: dict[str, list[Tensor]] = {}
        self.samples: list[int] = []
        self.noted: dict[str, list[Tensor | float]] = {}
        self.last_losses: dict[str, list[float]] = {}

    def __getitem__(self, name: str) -> list[float]:
        """One column, such as "loss"; NaN where a row lacks it."""
        if not any(name in row for row in self.rows):
            known = ", ".join(self.names)
            raise NoColumnError(f"history has no column {name!r}; it has: {known}")
        return [row.get(name, math.nan) for row in self.rows]

    def __getattr__(self, name: str) -> Any:
        """Only of names that are not there: Keras' `history.history`."""
        columns = "it has the columns itself: run.history['validation loss']"
        raise no_such_name("a History", name, ("plot", "to_frame", "keys", "rows"), {"history": columns})

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def keys(self) -> list[str]:
        """The names of its columns, as a dict has them: `dict(history)` is one list of values a column."""
        return self.names

    def to_frame(self) -> Any:
        """A polars.DataFrame with one row an epoch; `.to_pandas()` of it makes one of pandas."""
        import polars

        return polars.DataFrame({name: self[name] for name in self.names})

    def plot(self, path: str | Path | None = None) -> Any:
        """Charts of its columns, which a notebook shows. path: .html or .svg, to be written there.

        Raises ProfundoError for a history that was not made by a run, which brings the pictures.
        """
        if self.draw is None:
            raise ProfundoError("plot: expected the history of a run, run.history; this one is read by its names")
        columns = {"loss": self["loss"]} | {name: self[name] for name in self.names if name != "epoch"}
        chart = self.draw(columns)
        if path is not None:
            chart.save(path)
        return chart

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {value:.4g}" for name, value in (self.rows or [{}])[-1].items() if name != "epoch")
        return f"{len(self.rows)} epochs{f'; the last: {last}' if last else ''}"

    def add(self, step: Step) -> None:
        for name, loss in step.losses.items():
            self.waiting.setdefault(name, []).append(loss)
        self.samples.append(step.samples)

    def note(self, name: str, value: Tensor) -> None:
        """A scalar of some updates; its mean over them is in the epoch's row. The same in all processes."""
        self.noted.setdefault(name, []).append(value)

    def settle(self, epoch: int) -> None:
        """Read the waiting losses. Raises ProfundoError if one is not finite: what follows it is worthless."""
        for name, losses in self.waiting.items():
            values = self.reduce(torch.stack(losses).double()).tolist()
            before = self.read.setdefault(name, [])
            before += values
            for index, value in enumerate(before):
                if not math.isfinite(value):
                    raise NotFiniteError(
                        Said("refusals.not_finite", epoch=epoch + 1, step=index + 1, name=named(name), value=value)
                    )
        self.waiting = {}
        self.noted = {name: [float(value) for value in values] for name, values in self.noted.items()}

    def close_epoch(self, step: Step, validation: Mapping[str, float]) -> None:
        self.settle(step.epoch)
        total = sum(self.samples)
        means = {
            name: math.fsum(value * n for value, n in zip(values, self.samples, strict=True)) / total
            for name, values in self.read.items()
        }
        noted = {name: math.fsum(values) / len(values) for name, values in self.noted.items()}
        self.rows.append({"epoch": step.epoch + 1, **means, **validation, "rate": step.rate, **noted})
        self.last_losses = self.read
        self.read, self.samples, self.noted = {}, [], {}

    def state_dict(self) -> dict[str, Any]:
        """To be asked for after `settle`."""
        return {"rows": self.rows, "read": self.read, "samples": self.samples, "noted": self.noted}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows, self.read, self.samples = state["rows"], state["read"], state["samples"]
        self.noted = state["noted"]

    def to_csv(self) -> str:
        def cell(value: float | None) -> str:
            return "" if value is None else repr(value)  # repr: the shortest text that reads back as the same number

        names = self.names
        lines = [",".join(names), *(",".join(cell(row.get(name)) for name in names) for row in self.rows)]
        return "\n".join(lines) + "\n"

    def _repr_html_(self) -> str:
        names = self.names
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{row.get(name, math.nan):.4g}</td>" for name in names) + "</tr>" for row in self.rows
        )
        return f"<table><tr>{head}</tr>{body}</table>"


def record(
    steps: Iterable[Step], history: History, validate: Callable[[], Mapping[str, float]] = dict
) -> Iterator[Step]:
    """Keep the history; at each epoch's end ask `validate` for figures such as {"validation loss": …}."""
    for step in steps:
        history.add(step)
        if step.last:
            history.close_epoch(step, validate())
        yield step


LOOKS = 16  # at the gradient in an epoch: every one would cost small nets a fifth of their step


def gradient_norms(
    steps: Iterable[Step], history: History, networks: Mapping[str, nn.Module], in_epoch: int
) -> Iterator[Step]:
    """Note ‖∇‖₂ over all parameters, as the optimizer saw it, for some updates of each epoch, evenly spread.

    It comes before `record`, which closes the epoch. in_epoch: the number of updates in an epoch.
    """
    every = max(1, in_epoch // LOOKS)
    parameters = [parameter for net in networks.values() for parameter in net.parameters()]
    for step in steps:
        if step.index % every == 0:
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            if gradients:
                history.note("gradient norm", nn.utils.get_total_norm(gradients))
        yield step


class EarlyStop:
    """Remembers the best epoch and its weights; says when to stop (Prechelt 1998).

    monitor: a column of the history; smaller is better, unless `larger` says otherwise. patience: epochs without a new best.
    after: so many epochs at the beginning are not looked at. rounds: where a second training may follow, for which both are so
    many times as many; it is waited for by its own best, and the best of both is kept.
    """

    def __init__(
        self,
        net: nn.Module,
        history: History,
        monitor: str,
        patience: int,
        after: int = 0,
        *,
        larger: bool = False,
        rounds: Rounds = ONE,
    ) -> None:
        self.net, self.history, self.monitor, self.patience, self.after = net, history, monitor, patience, after
        self.sign = -1 if larger else 1
        self.rounds = rounds
        self.last_gain, self.least = -1, math.inf  # of this training: the epoch of its best value, and that
        self.best_epoch = -1
        self.best_value = math.inf
        self.best_weights: dict[str, Tensor] = {}

    def look(self) -> None:
        """Compare the newest epoch with the best."""
        epoch = len(self.history) - 1
        begin, times = self.rounds.place(epoch)
        if epoch == begin:
            self.last_gain, self.least = -1, math.inf
        if epoch - begin < self.after * times:
            return
        value = self.sign * self.history[self.monitor][-1]
        if value < self.least:
            self.last_gain, self.least = epoch, value
        if value < self.best_value:
            self.best_epoch, self.best_value = epoch, value
            self.best_weights = {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}

    def is_over(self) -> bool:
        epoch = len(self.history) - 1
        _, times = self.rounds.place(epoch)
        return epoch - self.last_gain >= self.patience * times and self.last_gain >= 0

    def restore(self) -> None:
        """Put the best epoch's weights back into the net."""
        if self.best_weights:
            self.net.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        best = {"epoch": self.best_epoch, "value": self.best_value, "weights": self.best_weights}
        return {**best, "last gain": self.last_gain, "least": self.least}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best_epoch, self.best_value, self.best_weights = state["epoch"], state["value"], state["weights"]
        self.last_gain, self.least = state.get("last gain", self.best_epoch), state.get("least", self.best_value)


def early_stop(steps: Iterable[Step], stopper: EarlyStop) -> Iterator[Step]:
    """End when `stopper.patience` epochs brought no better value. It wraps `record`, whose history it reads."""
    if stopper.is_over():  # resumed after the last step
        return
    for step in steps:
        if step.last:
            stopper.look()
        yield step
        if step.last and stopper.is_over():
            return


class Film:
    """A picture before training and one after each epoch: samples, a boundary that moves.

    look: makes a picture, uint8 (channels, height, width), of one size. What it draws at random is its own: the
    generators are seeded for it with the number of the picture, and are afterwards as before.
    """

    def __init__(self, look: Callable[[], Tensor]) -> None:
        self.look = look
        self.frames: list[Tensor] = []

    def take(self) -> None:
        with seeded(len(self.frames)):
            self.frames.append(self.look())

    def state_dict(self) -> dict[str, Any]:
        return {"frames": self.frames}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.frames = list(state["frames"])


def filmed(steps: Iterable[Step], film: Film) -> Iterator[Step]:
    """Take the pictures of a film along the way."""
    if not film.frames:
        film.take()
    for step in steps:
        if step.last:
            film.take()
        yield step


class Display(Protocol):
    def show(self, step: Step, row: Mapping[str, float] | None) -> None: ...


def progress(steps: Iterable[Step], display: Display, history: History, every: float = 0.1) -> Iterator[Step]:
    """Show the newest step at most every `every` seconds, and each epoch's end: reading a loss waits for the device."""
    due = 0.0
    for step in steps:
        now = time.perf_counter()
        if step.last or now >= due:
            due = now + every
            display.show(step, history.rows[-1] if step.last and history.rows else None)
        yield step
