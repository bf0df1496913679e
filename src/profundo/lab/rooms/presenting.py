"""Where the owner of a shared lab is: the pages of its visitors may follow, as a class follows the projector; and how they come."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk
from profundo.playground.queries import LONGEST

__all__ = ["CALLS", "show_along"]

PLACE = "presenter.place"


class Place(Question):
    """A room and what is chosen there, as the address has it."""

    room: Annotated[str, Field(pattern="^[a-z]{1,20}$")]
    query: Annotated[str, Field(max_length=LONGEST)] = ""


class Shown(Question):
    """what: a race of the playground, or ways of training on a real net."""

    what: Literal["race", "walk"]


@dataclass(eq=False)
class Presenting:
    """Of one lab: the last place that its owner went to, the last that was computed there for all to see, and who follows."""

    place: Place | None = None
    shown: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    followers: list[Desk] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def go(self, place: Place) -> None:
        with self.lock:  # until all are told, for the newest place is to be the last that they hear of
            self.place = place
            self._tell(PLACE, place.model_dump())

    def show(self, what: str, value: Mapping[str, Any]) -> None:
        with self.lock:
            self.shown[what] = value
            self._tell(f"presenter.{what}", value)

    def _tell(self, name: str, value: Mapping[str, Any]) -> None:
        self.followers = [desk for desk in self.followers if desk.is_open]
        channels = [channel for desk in self.followers if (channel := desk.channel(name)) is not None]
        if channels:
            message = channels[0].message(value)
            for channel in channels:
                channel.offer_message(message)

    def follow(self, desk: Desk) -> Place | None:
        with self.lock:
            self.followers = [*(one for one in self.followers if one is not desk and one.is_open), desk]
            return self.place

    def count(self) -> int:
        """Pages of visitors that are open."""
        with self.lock:
            return sum(desk.is_open and desk.role == "visitor" for desk in self.followers)

    def close(self) -> None:
        self.followers = []


def presenting(desk: Desk) -> Presenting:
    found: Presenting = desk.lab.state("presenting", Presenting)
    return found


def show(desk: Desk, place: Place) -> Mapping[str, str]:
    presenting(desk).go(place)
    return {}


def follow(desk: Desk, _: Nothing) -> Mapping[str, str]:
    """Where the owner is, of whom this page is told from now on; nothing before it went anywhere."""
    place = presenting(desk).follow(desk)
    return place.model_dump() if place else {}


def show_along(desk: Desk, what: str, value: Mapping[str, Any]) -> None:
    """What the owner's page gets of it now, to the pages of all visitors: what takes long is computed once for a class."""
    if desk.role == "owner" and desk.lab.shared:
        presenting(desk).show(what, value)


def shown(desk: Desk, asked: Shown) -> Mapping[str, Any]:
    """The last of it, for a page that comes later; nothing where there was none."""
    return presenting(desk).shown.get(asked.what, {})


def share(desk: Desk, _: Nothing) -> Mapping[str, Any]:
    """For the owner: the addresses of visitors, each with its "code", uint8 (side, side), 1 where it is dark; how many look on."""
    entries = [{"address": entry, "code": qr_code(entry)} for entry in desk.lab.entries]
    return {"entries": entries, "visitors": presenting(desk).count()}


@cache
def qr_code(text: str) -> np.ndarray:
    """The modules of a QR code that a seventh of may be dirty (ISO/IEC 18004, level M), without the border."""
    import segno

    return np.array(segno.make(text, error="m", micro=False).matrix, dtype=np.uint8)


CALLS: Mapping[str, Call] = {
    "share": Call(Nothing, share, changes=True),
    "show": Call(Place, show, changes=True),
    "follow": Call(Nothing, follow),
    "shown": Call(Shown, shown),
}
