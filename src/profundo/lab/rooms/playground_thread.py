"""A session of the playground in a thread of its own, which trains while its page watches, edits and asks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Literal

from profundo.lab.desks import Desk
from profundo.lab.rooms.playground_frames import View, finding_of, frame_of
from profundo.languages import Said
from profundo.playground.early_signs import early_signs
from profundo.playground.playground_settings import PlaygroundSettings, new_settings
from profundo.playground.session import Edit, Session
from profundo.records import ProfundoError

__all__ = ["Begun", "Playing", "Speed", "as_begun", "paused", "playing"]

ROOM = "playground"
FRAME = 1 / 60  # seconds that a frame takes at least
BUSY = 0.025  # seconds of training between two frames of a fast course
SLOW = 0.1  # seconds between two updates of a slow one
FINDINGS_EVERY = 0.5  # seconds
PATIENCE = 0.2  # seconds that a thread waits for its page before it looks whether it shall end

Speed = Literal["slow", "epoch", "fast"]


class Playing:
    """A session and the thread that lets it run. All that touches the session holds the lock."""

    def __init__(self, desk: Desk, settings: PlaygroundSettings) -> None:
        self.desk, self.session = desk, Session(settings)
        self.lock = threading.RLock()
        self.speed: Speed = "epoch"
        self.lesson = ""  # whose settings they began as; who looks on reads its words beside this net
        self.running = self.closed = False
        self.view = View()
        self._findings: list[dict[str, Any]] = []
        self._looked = 0.0
        self._wake = threading.Event()
        desk.lab.begin(self._run, ROOM)

    def run(self, on: bool) -> None:
        self.running = on and not self.session.stopped
        self._wake.set()

    def close(self) -> None:
        self.closed, self.running = True, False
        self._wake.set()

    @property
    def has_ended(self) -> bool:
        return self.closed or self.desk.lab.closed.is_set()

    def begin(self, settings: PlaygroundSettings) -> None:
        with self.lock:
            self.running = False
            self.session.begin(settings)
            self._looked = 0.0

    def show(self) -> None:
        """A frame of what is now, to whoever looks."""
        channels = [channel for desk in (self.desk, *self.visitors()) if (channel := desk.channel(ROOM)) is not None]
        if channels:
            message = channels[0].message(self.frame())
            for channel in channels:
                channel.offer_message(message)

    def visitors(self) -> list[Desk]:
        """Who looks on, where this is the desk that is presented."""
        lab = self.desk.lab
        if lab.presented is not self.desk:
            return []
        with lab.lock:
            lab.watchers = [desk for desk in lab.watchers if desk.is_open]
            return list(lab.watchers)

    def frame(self) -> dict[str, Any]:
        with self.lock:
            self._look()
            return {
                "running": self.running,
                "findings": self._findings,
                **frame_of(self.session, self.view),
            }

    def _run(self) -> None:
        told = False  # that it runs
        while not self.has_ended:
            channel = self.desk.channel(ROOM)
            if not self.running or channel is None:
                if told:  # by a frame that may have been overtaken by the answer that it pauses
                    self.show()
                told = False
                self._wake.wait(PATIENCE)
                self._wake.clear()
            elif channel.wait(PATIENCE):
                told = True
                begin = time.perf_counter()
                self._advance(begin)
                self.show()
                least = SLOW if self.speed == "slow" else FRAME
                time.sleep(max(0.0, least - (time.perf_counter() - begin)))

    def _advance(self, begin: float) -> None:
        with self.lock:
            if not self.running:
                return
            if self.speed == "slow":
                self.session.step()
            else:
                self.session.epochs(1)
                while self.speed == "fast" and not self.session.stopped and time.perf_counter() - begin < BUSY:
                    self.session.epochs(1)
            self.running = self.running and not self.session.stopped

    def _look(self) -> None:
        """What may be wrong, now and then: it changes slower than frames do."""
        if time.monotonic() - self._looked < FINDINGS_EVERY and self.running:
            return
        self._looked = time.monotonic()
        self._findings = [finding_of(one) for one in early_signs(self.session)]


def playing(desk: Desk) -> Playing:
    """What the desk plays with; the owner's, for a visitor."""
    if desk.role == "visitor":
        presented = desk.lab.presented
        if presented is None:
            raise ProfundoError(Said("refusals.nobody_plays"))
        desk = presented
    else:
        desk.present()
    found: Playing = desk.state(ROOM, lambda: Playing(desk, new_settings()))
    return found


@dataclass(frozen=True, slots=True)
class Begun:
    """How a session came about: what takes long is done with another one like it, so that nobody waits for its lock."""

    settings: PlaygroundSettings
    first_settings: PlaygroundSettings
    steps: int
    edits: tuple[Edit, ...]


def paused(found: Playing) -> Begun:
    with found.lock:
        found.run(False)
        return as_begun(found)


def as_begun(found: Playing) -> Begun:
    """While it goes on."""
    with found.lock:
        session = found.session
        return Begun(session.settings, session.first_settings, session.steps, tuple(session.edits))
