"""How far a run is, for whoever looks at its folder while it trains: progress.json and history.csv, written in passing.

What is written takes at most a fiftieth of the time; nothing of it is needed to go on, and where it cannot be written the
training goes on without.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from profundo.files import write_in_passing
from profundo.languages import Said, told_by
from profundo.records import Interrupted, ProfundoError, Step
from profundo.runs.live.clock import Clock
from profundo.train import History

__all__ = ["MOST_TOLD", "Pace", "Phase", "Progress", "Telling", "telling"]

SECONDS, TIMES = 0.5, 50  # between two writings: at least so long, and so many times what the last one took
MOST_TOLD = 1 << 14  # bytes, as JSON, of a reason for other languages; progress.json is to stay a small file
Phase = Literal["preparing", "training", "examining", "evaluating", "finished", "interrupted", "failed"]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]


class Progress(BaseModel):
    """phase: what it does, or how it ended; why: in one line, of what failed. step: of the epoch under way, from 1, of `steps`;
    seconds: of training, all stretches of it; left: seconds that remain at this pace; rate: the factor that
    the schedule applies to the learning rate; losses: of the newest step, None
    where one is no finite number; at: when this was written, in seconds since 1970; told: why, as `Said.kept` has it, where other
    languages can say it and it is not too long (`MOST_TOLD`)."""

    phase: Phase = "preparing"
    why: Annotated[str, Field(max_length=2000)] = ""
    told: dict[str, Any] | None = None
    epoch: Count = 0
    epochs: Count = 0
    step: Count = 0
    steps: Count = 0
    samples_per_second: Amount | None = None
    seconds: Amount = 0.0
    left: Amount | None = None
    rate: float | None = None
    losses: Annotated[dict[str, float | None], Field(max_length=50)] = {}
    at: float = 0.0


class Pace:
    """When something that costs time may be done again, so that it takes a small share of it."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds, self.due_at = seconds, 0.0

    @property
    def due(self) -> bool:
        return time.perf_counter() >= self.due_at

    @contextmanager
    def spending(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            end = time.perf_counter()
            self.due_at = end + max(self.seconds, TIMES * (end - begin))


class Telling:
    """Of one run. folder: None tells nobody. clock: of its training."""

    def __init__(self, folder: Path | None) -> None:
        self.clock = Clock()
        self.folder, self.now, self.pace = folder, Progress(), Pace()
        self.began, self.samples, self.rows = time.perf_counter(), 0, 0

    def start(self, epochs: int, steps: int) -> None:
        """A training of so many epochs and steps in each begins, or goes on."""
        self.now = self.now.model_copy(update={"phase": "training", "epochs": epochs, "steps": steps})
        self.began, self.samples = time.perf_counter(), 0

    def follow(self, steps: Iterator[Step], history: History | None) -> Iterator[Step]:
        """The steps as they are. history: written as far as it is, too; None for one that is no file of the run."""
        done = 0
        for step in steps:
            done, self.samples = done + 1, self.samples + step.samples
            if self.pace.due and self.folder is not None:
                with self.pace.spending():
                    self.look(step, history, done)
            yield step

    def look(self, step: Step, history: History | None, done: int) -> None:
        """Reading a loss waits for the device. done: steps since the training began or went on."""
        passed = time.perf_counter() - self.began
        left = (self.now.epochs - step.epoch) * self.now.steps - step.index - 1
        losses = {name: float(loss) for name, loss in step.losses.items()}
        self.tell(
            epoch=step.epoch + 1,
            step=step.index + 1,
            samples_per_second=self.samples / passed if passed > 0 else None,
            seconds=self.clock.training,
            left=max(0, left) * passed / done,
            rate=step.rate,
            losses={name: loss if math.isfinite(loss) else None for name, loss in losses.items()},
        )
        if history is not None and len(history) != self.rows:
            self.rows = len(history)
            self.write("history.csv", history.to_csv())

    def tell(self, **news: Any) -> None:
        self.now = self.now.model_copy(update={**news, "at": time.time()})
        self.write("progress.json", json.dumps(self.now.model_dump(mode="json"), allow_nan=False) + "\n")

    def end(self, phase: Phase, why: str = "") -> None:
        self.tell(phase=phase, why=" ".join(why.split())[:1000], told=kept_reason(why))

    def write(self, name: str, text: str) -> None:
        if self.folder is None or not (self.folder / "experiment.yaml").is_file():  # nobody looks, or it was removed
            return
        try:
            write_in_passing(self.folder / name, text)
        except (OSError, ProfundoError):
            self.folder = None


def kept_reason(why: str) -> dict[str, Any] | None:
    """None for one that no other language has, or that is too long: a list of a thousand names, say."""
    kept = why.kept if isinstance(why, Said) else None
    return kept if len(json.dumps(kept)) <= MOST_TOLD else None


@contextmanager
def telling(folder: Path | None) -> Iterator[Telling]:
    """What is told of a run, from here to its end, which is told, too."""
    told = Telling(folder)
    try:
        yield told
    except (Interrupted, KeyboardInterrupt):
        told.end("interrupted")
        raise
    except Exception as error:
        told.end("failed", told_by(error) if isinstance(error, ProfundoError) else f"{type(error).__name__}: {error}")
        raise
    told.end("finished")
