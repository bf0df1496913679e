"""What one tab of a browser has on the server: its rooms' state, which outlives a closed or reloaded page for a while."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from profundo.lab.channels import Channel
from profundo.lab.guard import Role
from profundo.lab.lanes import Turns
from profundo.lab.limits import Refusal
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["OWN_DATA", "Desk", "Desks", "Lab", "State"]

MOST_DESKS = {"owner": 64, "visitor": 256}
OWN_DATA = ".data"
"""Of the folder of runs: what was uploaded to be trained on, each file in a folder of its own name."""
TOKEN = "[A-Za-z0-9_-]{16}"
KEPT = 900.0  # seconds that a desk waits for its page to come back


class State(Protocol):
    """What a room keeps at a desk, such as a training under way."""

    def close(self) -> None: ...


@dataclass(slots=True)
class Lab:
    """What all desks share. runs: the folder of trainings; uploads: where files of the page are put, the lab's own.

    shared: whether it has visitors; entries: the addresses that they come by, with their token, for its owner's eyes;
    presented: the desk whose playground they see, and watchers, who sees it; states: what rooms keep for all desks
    together; turns: of what computes in steps; threads: those that rooms began.
    """

    runs: Path
    uploads: Path
    shared: bool = False
    entries: tuple[str, ...] = ()
    presented: Desk | None = None
    watchers: list[Desk] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    states: dict[str, State] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    turns: Turns = field(default_factory=Turns)
    threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runs = self.runs.absolute()  # so that no word of a text is taken for it

    def state(self, room: str, make: Callable[[], State]) -> Any:
        """What the room keeps for all desks together; made where there is nothing yet."""
        with self.lock:
            if room not in self.states:
                self.states[room] = make()
            return self.states[room]

    def begin(self, target: Callable[[], None], room: str) -> threading.Thread:
        """A thread that ends soon after `closed` is set."""
        thread = threading.Thread(target=target, name=f"profundo-{room}", daemon=True)
        with self.lock:
            self.threads = [*(one for one in self.threads if one.is_alive()), thread]
            thread.start()
        return thread

    def without_paths(self, text: str) -> str:
        """What is said to a page, in one line and without where things lie on this machine."""
        if isinstance(text, Said):
            return text.mapped(self.without_paths)
        upload = re.escape(f"{self.uploads}{os.sep}") + TOKEN + r"(\.\w{1,8})*"
        if re.fullmatch(upload, text):
            return Said("refusals.the_file")
        text = re.sub(upload, "the file", text)
        text = re.sub(re.escape(str(self.runs / OWN_DATA)) + f"/{TOKEN}/", "", text)
        text = text.replace(f"{self.runs}{os.sep}", "runs/")
        return " ".join(text.split())

    def close(self) -> None:
        self.closed.set()
        for state in self.states.values():
            state.close()


class Desk:
    """One tab. Rooms keep their state with `state`, and push what changes through the channels of the page that is open."""

    def __init__(self, lab: Lab, role: Role, name: str) -> None:
        self.lab, self.role, self.name = lab, role, name
        self.left = monotonic()  # when the page was closed
        self.is_open = False
        self._states: dict[str, State] = {}
        self._channels: dict[str, Channel] = {}
        self._opened: Callable[[str], Channel] | None = None
        self._closed = False
        self._lock = threading.RLock()  # of the channels: the event loop takes it, so nothing is computed under it
        self._making = threading.RLock()  # of the states

    def state(self, room: str, make: Callable[[], State]) -> Any:
        """What the room keeps here; made where there is nothing yet. Raises ProfundoError where the desk was cleared away."""
        with self._making:
            if self._closed:
                raise ProfundoError(Said("refusals.closed_page"))
            if room not in self._states:
                self._states[room] = make()
            return self._states[room]

    def present(self) -> None:
        """From now on visitors see the playground of this desk, as long as there is the desk."""
        with self._making:
            if not self._closed:
                self.lab.presented = self

    def drop(self, room: str) -> None:
        with self._making:
            state = self._states.pop(room, None)
        if state is not None:
            state.close()

    def channel(self, name: str) -> Channel | None:
        """To the page; None while it is closed."""
        with self._lock:
            if self._opened is None:
                return None
            if name not in self._channels:
                self._channels[name] = self._opened(name)
            return self._channels[name]

    def attach(self, opened: Callable[[str], Channel]) -> None:
        with self._lock:
            self.is_open, self._opened, self._channels = True, opened, {}

    def detach(self) -> None:
        with self._lock:
            self.is_open, self._opened, self._channels, self.left = False, None, {}, monotonic()

    def close(self) -> None:
        with self._making:
            self._closed = True
            if self.lab.presented is self:
                self.lab.presented = None
            rooms = list(self._states)
        for room in rooms:
            self.drop(room)


class Desks:
    """Of one lab. For one event loop."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._desks: dict[str, Desk] = {}

    def open(self, name: str, role: Role) -> Desk:
        """The desk that the page had before; another where there is none, or another page sits there.

        Raises Refusal, 503, where as many as there may be are in use.
        """
        self.clear(monotonic() - KEPT)
        desk = self._desks.get(name)
        if desk is not None and not desk.is_open and desk.role == role:
            return desk
        others = [one for one in self._desks.values() if one.role == role]
        if len(others) >= MOST_DESKS[role]:
            self.make_room(others)
        made = Desk(self.lab, role, secrets.token_urlsafe(12))
        self._desks[made.name] = made
        return made

    def make_room(self, desks: list[Desk]) -> None:
        """Forget the one that was left longest ago. Raises Refusal where somebody sits at each."""
        left = [desk for desk in desks if not desk.is_open]
        if not left:
            raise Refusal(503, Said("refusals.pages_open", count=len(desks)), 5)
        oldest = min(left, key=lambda desk: desk.left)
        self.forget(oldest)

    def clear(self, before: float) -> None:
        """Forget the desks that were left before that time."""
        for desk in list(self._desks.values()):
            if not desk.is_open and desk.left <= before:
                self.forget(desk)

    def forget(self, desk: Desk) -> None:
        del self._desks[desk.name]
        self.lab.begin(desk.close, "clearing")  # a room may be at work, and the event loop waits for nobody

    def close(self) -> None:
        self.lab.close()
        for desk in self._desks.values():
            desk.close()
        self._desks.clear()
