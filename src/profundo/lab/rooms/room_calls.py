"""Every call of every room of the lab, by its name: `room.call`."""

from __future__ import annotations

from collections.abc import Mapping

from profundo.lab.calls import Call
from profundo.lab.rooms import (
    graph_room,
    image_room,
    inside_room,
    playground_room,
    presenting,
    surface_room,
    training_room,
)

__all__ = ["CALLS"]

ROOMS: Mapping[str, Mapping[str, Call]] = {
    "playground": playground_room.CALLS,
    "graph": graph_room.CALLS,
    "training": training_room.CALLS,
    "images": image_room.CALLS,
    "inside": inside_room.CALLS,
    "surface": surface_room.CALLS,
    "presenter": presenting.CALLS,
}
CALLS: Mapping[str, Call] = {f"{room}.{name}": call for room, calls in ROOMS.items() for name, call in calls.items()}
