"""What takes seconds, done for one tab beside its answers: in steps, and what comes of each is pushed to the page.

A job is an iterator of values. Each goes through the channel of the job's kind, as {"ticket": …, "done": …, "value": …}, or with
"refused" in one line. Of a kind the newest job counts: one under way ends before its next step. Kinds take turns, and so do all
the benches of a lab. While the page is closed its jobs rest.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profundo.languages import Said, told_by
from profundo.records import ProfundoError

if TYPE_CHECKING:
    from profundo.lab.desks import Desk

__all__ = ["Bench", "Work", "one_by_one"]

Work = Callable[[], Iterator[Mapping[str, Any]]]
PATIENCE = 0.5  # seconds between two looks whether the page is there again


@dataclass(slots=True)
class Job:
    """ticket: the page's number for it; shown: its last value."""

    kind: str
    ticket: int
    work: Work
    steps: Iterator[Mapping[str, Any]] | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)


class Bench:
    """One thread of a desk. It begins with the first job and ends with the desk."""

    def __init__(self, desk: Desk, room: str) -> None:
        self.desk, self.room = desk, room
        self.jobs: dict[str, Job] = {}  # in the order of their turns
        self.closed = False
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None

    def ask(self, kind: str, ticket: int, work: Work) -> dict[str, Any]:
        """Begin a job in place of the one of its kind."""
        with self.changed:
            self.jobs[kind] = Job(kind, ticket, work)
            self.changed.notify()
            if self.thread is None and not self.closed:
                self.thread = self.desk.lab.begin(self.run, self.room)
        return {}

    def drop(self, kind: str) -> None:
        with self.changed:
            self.jobs.pop(kind, None)

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.jobs.clear()
            self.changed.notify()

    def run(self) -> None:
        while (job := self.next()) is not None:
            with self.desk.lab.turns.taken(self.desk.role):
                if self.counts(job):
                    self.step(job)

    def counts(self, job: Job) -> bool:
        """Whether it is the newest of its kind, and somebody waits for it."""
        with self.changed:
            return self.jobs.get(job.kind) is job and self.desk.is_open

    def next(self) -> Job | None:
        """The job whose turn it is."""
        with self.changed:
            while not self.closed and not (self.jobs and self.desk.is_open):
                self.changed.wait(PATIENCE if self.jobs else None)
            if self.closed:
                return None
            return next(iter(self.jobs.values()))

    def step(self, job: Job) -> None:
        try:
            job.steps = job.steps or iter(job.work())
            job.shown = next(job.steps)
            told: dict[str, Any] = {"done": False, "value": job.shown}
        except StopIteration:
            told = {"done": True, "value": job.shown}
        except ProfundoError as error:
            told = {"done": True, "refused": self.desk.lab.without_paths(told_by(error))}
        except Exception as error:
            logging.getLogger("profundo.lab").error("%s.%s failed", self.room, job.kind, exc_info=error)
            told = {"done": True, "refused": Said("refusals.mistake")}
        self.tell(job, told)

    def tell(self, job: Job, told: Mapping[str, Any]) -> None:
        """To the page, unless another job has taken its place."""
        with self.changed:
            if self.jobs.get(job.kind) is not job:
                return
            del self.jobs[job.kind]
            if not told["done"]:
                self.jobs[job.kind] = job  # behind those that wait
        channel = self.desk.channel(f"{self.room}.{job.kind}")
        if channel is not None:
            channel.offer({"ticket": job.ticket, **told})


def one_by_one(lock: threading.RLock, steps: Iterator[Any]) -> Iterator[Any]:
    """The same, each step with the lock held, and none of them between two."""
    while True:
        with lock:
            try:
                value = next(steps)
            except StopIteration:
                return
        yield value
