"""Visitors of a shared lab see where its owner is, and lead nobody."""

from pathlib import Path

import pytest

from lab_desk import Page, new_lab
from profundo.lab.calls import asked
from profundo.lab.desks import Lab
from profundo.lab.messages import encoded
from profundo.lab.rooms.room_calls import CALLS
from profundo.records import ProfundoError


@pytest.fixture
def lab(tmp_path):
    made = new_lab(tmp_path)
    yield made
    made.close()


def told(page):
    """All places that were pushed to it."""
    values = page.opened("presenter.place").values
    return [values.get() for _ in range(values.qsize())]


def test_who_comes_later_is_told_where_the_owner_is_and_every_move_after_it(lab):
    owner, visitor, late = Page(lab), Page(lab, "visitor"), Page(lab, "visitor")
    assert visitor.call("presenter.follow") == {}
    owner.call("presenter.show", room="graph", query="view=net")
    assert late.call("presenter.follow") == {"room": "graph", "query": "view=net"}
    assert told(visitor) == [{"room": "graph", "query": "view=net"}]
    visitor.desk.detach()
    owner.call("presenter.show", room="images")
    assert told(late) == [{"room": "images", "query": ""}]
    assert told(visitor) == told(owner) == []


def test_who_comes_before_anybody_plays_is_shown_the_playground_as_soon_as_somebody_does(lab):
    owner, visitor = Page(lab), Page(lab, "visitor")
    with pytest.raises(ProfundoError, match="nobody plays"):
        visitor.call("playground.open")
    owner.call("playground.open", query="data=spiral")
    assert visitor.opened("playground.setup").values.get(timeout=5)["query"] == "data=spiral"


def same(ours, theirs):
    """Whether two answers say the same, arrays and all."""
    return encoded({"value": ours}) == encoded({"value": theirs})


def test_a_race_and_a_training_are_computed_once_and_shown_to_all_who_look_on(lab):
    lab.shared = True
    owner, visitor, late = Page(lab), Page(lab, "visitor"), Page(lab, "visitor")
    visitor.call("presenter.follow")
    assert visitor.call("presenter.shown", what="race") == {}
    owner.call("playground.open", query="data=xor&samples=40&hidden=2")
    raced = owner.call("playground.race", rates={"sgd": 0.1, "adam": 0.01}, epochs=2)
    assert same(visitor.opened("presenter.race").values.get(timeout=5), raced)
    assert same(late.call("presenter.shown", what="race"), raced)
    walked = [one["value"] for one in owner.pushed("surface.walk", rates={"sgd": 0.1, "adam": 0.003}, epochs=1)]
    seen = visitor.opened("presenter.walk").values
    assert same([seen.get() for _ in range(seen.qsize())][-1], walked[-1])
    assert same(late.call("presenter.shown", what="walk"), walked[-1])
    assert not CALLS["presenter.shown"].changes
    with pytest.raises(ProfundoError):
        asked("presenter.shown", CALLS["presenter.shown"], {"what": "place"})


def test_a_lab_that_is_not_shared_keeps_nothing_for_visitors(lab):
    owner = Page(lab)
    owner.call("playground.open", query="data=xor&samples=40&hidden=2")
    owner.call("playground.race", rates={"sgd": 0.1}, epochs=1)
    assert owner.call("presenter.shown", what="race") == {}


def test_only_the_owner_leads_and_only_to_rooms():
    show = CALLS["presenter.show"]
    assert show.changes
    assert not CALLS["presenter.follow"].changes
    for place in ({"room": "../x"}, {"room": ""}, {"room": "a" * 30}, {"room": "graph", "query": "x" * 300_000}):
        with pytest.raises(ProfundoError):
            asked("presenter.show", show, place)
    with pytest.raises(ProfundoError) as refused:
        asked("presenter.show", show, {"room": "A1"})
    assert "expected a text" not in str(refused.value)


def test_a_folder_of_runs_is_no_word_of_what_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lab = Lab(Path("a"), tmp_path / "uploads")
    assert lab.without_paths("formula 'a/b + a/c'") == "formula 'a/b + a/c'"
    assert lab.without_paths(f"{tmp_path}/a/mine: damaged") == "runs/mine: damaged"


def test_only_the_owner_is_told_how_visitors_come_and_how_many_look_on(lab):
    owner, visitor = Page(lab), Page(lab, "visitor")
    lab.entries = ("http://192.0.2.7:8123/?token=abc",)
    assert owner.call("presenter.share")["visitors"] == 0
    visitor.call("presenter.follow")
    told = owner.call("presenter.share")
    assert told["visitors"] == 1
    assert [one["address"] for one in told["entries"]] == list(lab.entries)
    assert told["entries"][0]["code"].shape == (29, 29)  # version 3
    visitor.desk.detach()
    assert owner.call("presenter.share")["visitors"] == 0
    assert CALLS["presenter.share"].changes  # which is refused to visitors
