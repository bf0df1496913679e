"""One look at the runs' folder for all pages: what changed there is pushed to those that are open, and nobody else is asked.

Every half second the times of the files that are shown are compared; only what was written since is read again. The page gets
the whole table, or the whole course of the runs it has chosen: of values that follow each other fast the newest is enough.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from profundo.lab.desks import Desk, Lab
from profundo.lab.trainings.starting import started_rows
from profundo.languages import fault_of
from profundo.records import ProfundoError
from profundo.runs.live.live_reading import Course, RunRow, run_course, run_names, run_row, run_traces

__all__ = ["COURSES", "ROWS", "RunWatch", "Seen"]

SECONDS = 0.5
MOST_ROWS, MOST_CHOSEN = 500, 8
ROWS, COURSES = "training.runs", "training.courses"  # channels


@dataclass(frozen=True, slots=True)
class Seen:
    """rows: all runs, the newest first; courses: of chosen ones. Equal objects are the same state."""

    rows: tuple[RunRow, ...]
    courses: Mapping[str, Course]


@dataclass(slots=True)
class Watcher:
    """A page that looks on. rows, courses: what it was shown last."""

    desk: Desk
    chosen: tuple[str, ...] = ()
    rows: tuple[RunRow, ...] | None = None
    courses: Mapping[str, Course] | None = None


@dataclass
class RunWatch:
    """Of one lab. show: how a row and a course are told."""

    lab: Lab
    show_rows: Any
    show_courses: Any
    watchers: dict[str, Watcher] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)  # of the watchers
    reading: threading.Lock = field(
        default_factory=threading.Lock
    )  # of the folder: takes a second where there are many runs
    rows: dict[str, tuple[Any, RunRow]] = field(default_factory=dict)
    courses: dict[str, tuple[Any, Course]] = field(default_factory=dict)
    thread: threading.Thread | None = None

    def look_on(self, desk: Desk, chosen: Sequence[str]) -> Seen:
        """From now on the page of that desk is told of what changes. Returns how it is now."""
        names = tuple(dict.fromkeys(chosen))[:MOST_CHOSEN]
        with self.reading:
            seen = Seen(self.all_rows(), self.courses_of(names))
            with self.lock:
                self.watchers[desk.name] = Watcher(desk, names, seen.rows, seen.courses)
            if self.thread is None:
                self.thread = self.lab.begin(self.go, "runs")
            return seen

    def forget(self, desk: Desk) -> None:
        with self.lock:
            self.watchers.pop(desk.name, None)

    def close(self) -> None:
        with self.lock:
            self.watchers.clear()

    def go(self) -> None:
        while not self.lab.closed.wait(SECONDS):
            try:
                self.look()
            except Exception as error:  # the next look may go well
                logging.getLogger("profundo.lab").error("the runs could not be looked at", exc_info=error)

    def look(self) -> None:
        """Tell each open page what is new to it."""
        with self.lock:
            is_watched = any(watcher.desk.is_open for watcher in self.watchers.values())
        if not is_watched:
            return
        with self.reading:
            rows = self.all_rows()
            with self.lock:
                open_ones = [watcher for watcher in self.watchers.values() if watcher.desk.is_open]
            for watcher in open_ones:
                if rows != watcher.rows and (channel := watcher.desk.channel(ROWS)) is not None:
                    watcher.rows = rows
                    channel.offer(self.show_rows(self.lab, rows))
                courses = self.courses_of(watcher.chosen)
                if not same(courses, watcher.courses) and (channel := watcher.desk.channel(COURSES)) is not None:
                    watcher.courses = courses
                    channel.offer(self.show_courses(self.lab, courses))

    def all_rows(self) -> tuple[RunRow, ...]:
        runs = self.lab.runs
        names = run_names(runs)[:MOST_ROWS]
        self.rows = {name: self.row(runs, name) for name in names}
        return tuple(started_rows(runs, [row for _, row in self.rows.values()]))

    def row(self, runs: Path, name: str) -> tuple[Any, RunRow]:
        """As it was, where nothing was written since; a process may end without writing."""
        traces, known = run_traces(runs, name), self.rows.get(name)
        if known is not None and known[0] == traces and known[1].state != "running":
            return known
        try:
            return traces, run_row(runs, name)
        except ProfundoError as error:
            return traces, RunRow(name, "damaged", fault=fault_of(error))

    def courses_of(self, chosen: Sequence[str]) -> dict[str, Course]:
        return {name: course for name in chosen if (course := self.course(name)) is not None}

    def course(self, name: str) -> Course | None:
        traces, known = run_traces(self.lab.runs, name, whole=True), self.courses.get(name)
        if known is None or known[0] != traces:
            try:
                known = traces, run_course(self.lab.runs, name)
            except ProfundoError:  # none, or no longer
                self.courses.pop(name, None)
                return None
            self.courses[name] = known
            for other in list(self.courses)[: -MOST_CHOSEN * 4]:
                del self.courses[other]
        return known[1]


def same(courses: Mapping[str, Course], before: Mapping[str, Course] | None) -> bool:
    """Whether they are the very ones: a course that was read again is another."""
    return before is not None and list(courses) == list(before) and all(courses[one] is before[one] for one in courses)
