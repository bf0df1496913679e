"""docs/classroom.md leads to places that there are: addresses of the playground that it can read, presets by their names, rooms."""

import re
from pathlib import Path

import pytest

from profundo.lab.rooms.room_calls import ROOMS
from profundo.playground.presets import PRESETS
from profundo.playground.queries import from_query
from profundo.playground.session import Session

PAGE = (Path(__file__).parent.parent.parent / "docs" / "classroom.md").read_text("utf-8")
OF_THE_PAGE = re.compile(r"(^|&)(show|hide|speed|lesson)=[^&]*")  # not of the settings
PLACES = re.findall(r"`#/(\w+)(?:\?([^`…]*))?`", PAGE)


def test_every_address_is_one_of_the_lab():
    assert len(PLACES) > 10
    assert {room for room, _ in PLACES} <= ROOMS.keys()
    for room, query in PLACES:
        if room == "playground" and query:
            settings = from_query(OF_THE_PAGE.sub("", query))
            of = {name for name, preset in PRESETS.items() if preset.settings == settings}
            assert of <= set(re.findall("lesson=([a-z0-9-]+)", query)), "so that the page asks the lesson's question"


def test_every_lesson_that_is_named_is_in_the_list():
    named = {name for name in re.findall(r"\b[a-z]+(?:-[a-z0-9]+)+\b", PAGE) if name in PRESETS}
    assert named >= {"one-neuron", "xor-hidden", "overfit-l2", "vanishing-sigmoids", "approximation-20", "dead-relus"}


def test_one_neuron_learns_or():
    (query,) = (query for _, query in PLACES if "points=" in query and "regression" not in query)
    session = Session(from_query(query)).run()
    assert session.scores()["train"].accuracy == pytest.approx(1)
