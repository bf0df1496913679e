"""Who computes when: no page takes all threads, no visitor a place that the owner waits for, and nothing outlives the lab's end."""

import threading
import time

import pytest

from lab_desk import Page, new_lab
from profundo.lab import lab_application
from profundo.lab.benches import Bench
from profundo.lab.desks import Desk, Desks
from profundo.lab.lanes import FewAtOnce, Lanes, Turns
from profundo.lab.rooms.playground_thread import Playing
from profundo.lab.rooms.room_calls import CALLS
from profundo.playground.playground_settings import new_settings
from profundo.records import ProfundoError


@pytest.fixture
def lanes():
    made = Lanes("visitor")  # of two slow threads
    yield made
    made.close()


@pytest.fixture
def lab(tmp_path):
    made = new_lab(tmp_path)
    yield made
    made.close()


# ----------------------------------------------------------------------------------------------------------------- threads
def test_a_page_that_asks_for_much_does_not_keep_another_waiting(lanes):
    go_on = threading.Event()
    greedy, modest = lanes.of_a_page(), lanes.of_a_page()
    asked = [greedy.submit(go_on.wait, 30) for _ in range(8)]
    assert modest.submit(lambda: "answered").result(10) == "answered"
    assert not any(one.done() for one in asked)
    go_on.set()
    assert all(one.result(10) for one in asked)


def test_so_many_calls_of_a_page_are_at_work_and_each_has_its_own_outcome():
    lanes, at_work, most, lock = Lanes("owner"), [0], [0], threading.Lock()

    def call(number):
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.002)
        with lock:
            at_work[0] -= 1
        return 1 / number

    page = FewAtOnce(lanes.slow, 2)
    asked = [page.submit(call, number) for number in range(30)]
    assert [one.result(10) for one in asked[1:]] == [1 / number for number in range(1, 30)]
    assert isinstance(asked[0].exception(10), ZeroDivisionError)
    assert most == [2]
    lanes.close()
    assert page.submit(call, 1).cancelled()


def test_what_was_given_up_in_line_is_not_begun(lanes):
    go_on, begun = threading.Event(), []
    page = lanes.of_a_page()
    first, second = page.submit(go_on.wait, 30), page.submit(begun.append, 1)
    assert second.cancel()
    go_on.set()
    page.submit(first.result, 10).result(10)
    assert begun == []


def test_what_may_take_long_is_answered_on_threads_of_its_own():
    slow = {name for name, call in CALLS.items() if call.slow}
    assert slow >= {
        "playground.examine", "playground.race", "playground.table", "playground.export", "graph.curve", "graph.ways",
        "graph.net", "images.runs", "images.net", "images.look", "images.unit", "inside.runs", "inside.drawn",
        "surface.runs", "surface.descents", "training.watch", "training.own", "training.takes", "training.try_file",
        "training.try_row", "training.start", "training.look", "training.suggest", "training.check", "training.samples",
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------------------- turns
def test_visitors_have_one_place_and_wait_behind_the_owner():
    turns, order, go_on = Turns(), [], threading.Event()

    def step(role, name):
        with turns.taken(role):
            order.append(name)
            go_on.wait(10)

    def begin(role, name, until):
        thread = threading.Thread(target=step, args=(role, name))
        thread.start()
        wait_until(until)
        return thread

    threads = [begin("visitor", "visitor 1", lambda: order == ["visitor 1"])]
    threads.append(begin("visitor", "visitor 2", lambda: True))
    threads.append(begin("owner", "owner 1", lambda: "owner 1" in order))
    assert order == ["visitor 1", "owner 1"]
    threads.append(begin("owner", "owner 2", lambda: turns._owners_waiting == 1))
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert order == ["visitor 1", "owner 1", "owner 2", "visitor 2"]


def wait_until(holds, seconds=10):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_nothing_is_computed_for_a_page_that_is_closed(lab):
    page, steps = Page(lab), []
    bench = Bench(page.desk, "room")
    first, go_on = threading.Event(), threading.Event()

    def work():
        for step in range(3):
            steps.append(step)
            first.set()
            go_on.wait(10)
            yield {"step": step}

    bench.ask("count", 1, work)
    assert first.wait(10)
    page.desk.detach()
    go_on.set()
    wait_until(lambda: not lab.turns._at_work["owner"])
    time.sleep(0.05)
    assert steps == [0]
    page.desk.attach(page.opened)
    values = [page.opened("room.count").values.get(timeout=10) for _ in range(3)]
    assert [one["value"]["step"] for one in values] == [1, 2, 2]
    bench.close()


# ---------------------------------------------------------------------------------------------------------- desks, the end
def test_a_desk_that_was_cleared_away_presents_nothing_and_begins_nothing(lab):
    owner, visitor = Page(lab), Page(lab, "visitor")
    owner.call("playground.open", query="data=xor")
    assert visitor.call("playground.open")["query"] == "data=xor"
    threads = [*lab.threads]
    owner.desk.close()
    assert lab.presented is None
    for call in (visitor, owner):
        with pytest.raises(ProfundoError, match=r"nobody plays|closed long ago"):
            call.call("playground.open")
    assert lab.presented is None
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_the_event_loop_waits_for_no_room(lab):
    desks, go_on, begun = Desks(lab), threading.Event(), threading.Event()

    class Busy:
        def __init__(self):
            begun.set()
            go_on.wait(30)

        def close(self):
            pass

    desk = desks.open("", "owner")
    making = threading.Thread(target=lambda: desk.state("busy", Busy))
    making.start()
    assert begun.wait(10)
    desk.attach(lambda name: name)
    assert desk.channel("a") == "a"
    desk.detach()
    desks.clear(time.monotonic() + 1)
    assert not go_on.is_set()
    go_on.set()
    making.join(10)


def test_all_threads_of_a_lab_end_with_it_or_it_says_that_they_do_not(lab, monkeypatch):
    service = lab_application.lab_application(lab, {}).state.service
    desk = Desk(lab, "owner", "desk")
    desk.state("playground", lambda: Playing(desk, new_settings()))
    desk.state("room", lambda: Bench(desk, "room")).ask("count", 1, lambda: iter([{}]))
    service.desks._desks["desk"] = desk
    assert service.close()
    monkeypatch.setattr(lab_application, "LAST_STEP", 0.05)
    other, go_on = lab_application.lab_application(lab, {}).state.service, threading.Event()
    other.lanes["owner"].slow.submit(go_on.wait, 30)
    assert not other.close()
    go_on.set()
