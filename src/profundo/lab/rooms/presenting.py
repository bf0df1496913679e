"""Where the owner of a shared lab is: the pages of its visitors may follow, as a class follows the projector; and how they come."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk
from profundo.playground.queries import LONGEST

__all__ = ["CALLS"]

PLACE = "presenter.place"


class Place(Question):
    """A room and what is chosen there, as the address has it."""

    room: Annotated[str, Field(pattern="^[a-z]{1,20}$")]
    query: Annotated[str, Field(max_length=LONGEST)] = ""


@dataclass(eq=False)
class Presenting:
    """Of one lab: the last place that its owner went to, and who follows."""

    place: Place | None = None
    followers: list[Desk] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def go(self, place: Place) -> None:
        with self.lock:  # until all are told, for the newest place is to be the last that they hear of
            self.place = place
            self.followers = [desk for desk in self.followers if desk.is_open]
            for channel in filter(None, (desk.channel(PLACE) for desk in self.followers)):
                channel.offer(place.model_dump())

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
}
