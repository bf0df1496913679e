"""A desk of the lab without a browser: calls are answered as for a page, and what is pushed is kept."""

import queue

from profundo.lab.calls import answered
from profundo.lab.desks import Desk, Lab
from profundo.lab.rooms.room_calls import CALLS

__all__ = ["Page", "new_lab"]


class Pushed:
    def __init__(self):
        self.values = queue.Queue()
        self.free = True

    def offer(self, value):
        self.values.put(value)

    def message(self, value):
        return value

    offer_message = offer

    def wait(self, _):
        return self.free


class Page:
    """What a tab asks, and what it is told."""

    def __init__(self, lab, role="owner"):
        self.desk, self.channels = Desk(lab, role, "desk"), {}
        self.desk.attach(self.opened)

    def opened(self, name):
        return self.channels.setdefault(name, Pushed())

    def call(self, name, **given):
        return answered(name, CALLS[name], self.desk, given)

    def pushed(self, name, ticket=0, seconds=60, **given):
        """All values that a call brings about, to the last; name: of the call, and of its channel unless told."""
        channel = self.opened(given.pop("channel", name))
        self.call(name, ticket=ticket, **given)
        found = []
        while not found or not found[-1]["done"]:
            told = channel.values.get(timeout=seconds)
            if told["ticket"] == ticket:
                found.append(told)
        return found

    def last(self, name, **given):
        return self.pushed(name, **given)[-1]


def new_lab(folder):
    """With its two folders in another."""
    for name in ("runs", "uploads"):
        (folder / name).mkdir(exist_ok=True)
    return Lab(folder / "runs", folder / "uploads")
