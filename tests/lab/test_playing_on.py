"""The playground as its page asks: what takes long is done with a session of its own, so that the page's can be played with."""

import threading
import time

import numpy as np
import pytest

import profundo as pf
from lab_desk import Page, new_lab
from profundo.lab.rooms import playground_beside
from profundo.playground.playground_settings import changed
from profundo.playground.queries import from_query
from profundo.playground.session import Session
from profundo.playground.side_by_side_run import Race
from profundo.records import ProfundoError

QUERY = "data=xor&hidden=3&samples=40"


@pytest.fixture
def page(tmp_path):
    made = Page(new_lab(tmp_path))
    made.call("playground.open", query=QUERY)
    yield made
    made.desk.lab.close()
    made.desk.close()


def test_a_race_is_that_of_the_library_and_ends_when_its_time_is_over(page):
    told = page.call("playground.race", rates={"sgd": 0.1, "adam": 0.01}, epochs=3)["lanes"]
    expected = Race(changed(from_query(QUERY), epochs=1000), ("sgd", "adam"), {"sgd": 0.1, "adam": 0.01})
    for epoch in range(4):
        for lane in told:
            loss = expected.sessions[lane["optimizer"]].scores()["train"].loss
            assert lane["losses"][epoch] == np.float32(loss)
        expected.epochs(1)
    page.desk.lab.closed.set()
    assert len(page.call("playground.race", rates={"sgd": 0.1}, epochs=200, seconds=60.0)["lanes"][0]["losses"]) == 1


def test_one_plays_on_while_the_doctor_examines(page, monkeypatch):
    begun, go_on, seen = threading.Event(), threading.Event(), []

    def examined(session, seconds):
        seen.append((session, seconds))
        begun.set()
        go_on.wait(30)
        raise ProfundoError("enough")

    monkeypatch.setattr(playground_beside, "examined", examined)

    page.call("playground.act", what="run")
    playing = page.desk.state("playground", lambda: None)

    def play():
        assert begun.wait(10)
        seen.append(playing.running)  # what runs goes on
        page.call("playground.act", what="reset")
        page.call("playground.act", what="epoch")
        go_on.set()

    asking = threading.Thread(target=play)
    asking.start()
    with pytest.raises(ProfundoError, match="enough"):
        page.call("playground.examine", seconds=2.0)
    asking.join(10)
    assert page.desk.state("playground", lambda: None).session.epoch == 1
    (session, seconds), still_runs = seen
    assert still_runs
    assert session.settings == from_query(QUERY)
    assert (session.steps, seconds) == (0, 2)


def test_what_is_kept_is_the_session_as_it_is_with_its_edits(page):
    page.call("playground.act", what="epoch")
    page.call("playground.edit", what="weight", at=[0, 1, 1], value=0.25)
    page.call("playground.act", what="epoch")
    kept = page.call("playground.export", kind="run")
    assert kept == {"name": "playground-1", "place": ""}
    session = Session(from_query(QUERY))
    session.epochs(1)
    session.set_weight(0, 1, 1, 0.25)
    session.epochs(1)
    run = pf.open_run(page.desk.lab.runs / "playground-1")
    weights = [one for name, one in run.net.state_dict().items() if name.endswith("weight")]
    for got, expected in zip(weights, session.weights(), strict=True):
        np.testing.assert_array_equal(got.numpy(), expected)
    program = page.call("playground.export", kind="source")
    assert "import torch" in (page.desk.lab.uploads / program["name"]).read_text()


def test_a_thread_of_a_playground_ends_with_its_desk(page):
    (thread,) = [one for one in page.desk.lab.threads if one.name == "profundo-playground"]
    page.call("playground.act", what="run")
    page.desk.close()
    until = time.monotonic() + 10
    while thread.is_alive():
        assert time.monotonic() < until
        time.sleep(0.01)
