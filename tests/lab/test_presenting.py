"""Visitors of a shared lab see where its owner is, and cannot lead anybody."""

import pytest

from profundo.lab.calls import asked
from profundo.lab.desks import Desk, Lab
from profundo.lab.rooms.presenting import CALLS
from profundo.records import ProfundoError


class Page:
    """What a desk pushes, kept."""

    def __init__(self):
        self.told = []

    def offer(self, value):
        self.told.append(value)


def ask(desk, name, **given):
    return CALLS[name].answer(desk, asked(name, CALLS[name], given))


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path, tmp_path, shared=True)


def opened(lab, role):
    desk, page = Desk(lab, role, role), Page()
    desk.attach(lambda name: page if name == "presenter.place" else None)
    return desk, page


def test_who_comes_later_is_told_where_the_owner_is_and_every_move_after_it(lab):
    owner, visitor = opened(lab, "owner"), opened(lab, "visitor")
    assert ask(visitor[0], "follow") == {}
    ask(owner[0], "show", room="graph", query="view=net")
    late = opened(lab, "visitor")
    assert ask(late[0], "follow") == {"room": "graph", "query": "view=net"}
    visitor[0].detach()
    ask(owner[0], "show", room="images")
    assert visitor[1].told == [{"room": "graph", "query": "view=net"}]
    assert late[1].told == [{"room": "images", "query": ""}]
    assert owner[1].told == []


def test_only_the_owner_leads_and_only_to_rooms():
    assert CALLS["show"].changes
    assert not CALLS["follow"].changes
    for place in ({"room": "../x"}, {"room": ""}, {"room": "a" * 30}, {"room": "graph", "query": "x" * 300_000}):
        with pytest.raises(ProfundoError):
            asked("show", CALLS["show"], place)
