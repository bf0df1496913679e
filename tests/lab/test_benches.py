"""What takes seconds is done beside the answers: in turns, the newest of its kind, and never with a lock held in between."""

import threading

import pytest

from lab_desk import Page, new_lab
from profundo.lab.benches import Bench, one_by_one
from profundo.records import ProfundoError


@pytest.fixture
def page(tmp_path):
    return Page(new_lab(tmp_path))


@pytest.fixture
def bench(page):
    made = Bench(page.desk, "room")
    yield made
    made.close()


def told(page, kind, many):
    return [page.opened(f"room.{kind}").values.get(timeout=10) for _ in range(many)]


def test_every_step_is_pushed_and_the_last_says_so(bench, page):
    bench.ask("count", 7, lambda: ({"step": step} for step in range(3)))
    values = told(page, "count", 4)
    assert [one["value"]["step"] for one in values] == [0, 1, 2, 2]
    assert [one["done"] for one in values] == [False, False, False, True]
    assert {one["ticket"] for one in values} == {7}


def test_kinds_take_turns(bench, page):
    order, begun = [], threading.Event()

    def steps(name):
        begun.wait(10)
        for step in range(3):
            order.append((name, step))
            yield {}

    bench.ask("a", 1, lambda: steps("a"))
    bench.ask("b", 1, lambda: steps("b"))
    begun.set()
    told(page, "a", 4)
    told(page, "b", 4)
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_a_newer_job_ends_the_one_under_way(bench, page):
    seen, ended, go_on = threading.Event(), threading.Event(), threading.Event()

    def endless():
        try:
            yield {"old": True}
            while True:
                seen.set()
                go_on.wait(10)
                yield {"old": True}
        finally:
            ended.set()

    bench.ask("same", 1, endless)
    assert seen.wait(10)
    bench.ask("same", 2, lambda: iter([{"new": True}]))
    go_on.set()
    values = told(page, "same", 3)
    assert [(one["ticket"], one["done"]) for one in values] == [(1, False), (2, False), (2, True)]
    assert ended.wait(10)


def test_a_dropped_job_ends(bench, page):
    begun, go_on = threading.Event(), threading.Event()

    def endless():
        while True:
            begun.set()
            go_on.wait(10)
            yield {}

    bench.ask("one", 1, endless)
    assert begun.wait(10)
    bench.drop("one")
    go_on.set()
    bench.ask("other", 1, lambda: iter([]))
    told(page, "other", 1)
    assert page.opened("room.one").values.empty()


def test_refusals_are_one_line_without_the_folder(bench, page, logged):
    def refused():
        raise ProfundoError(f"{page.desk.lab.runs}/one: is\nno run")
        yield

    def failed():
        raise ZeroDivisionError("a secret of ours")
        yield

    bench.ask("refused", 1, refused)
    bench.ask("failed", 1, failed)
    assert told(page, "refused", 1) == [{"ticket": 1, "done": True, "refused": "runs/one: is no run"}]
    (failure,) = told(page, "failed", 1)
    assert failure["done"]
    assert "secret" not in failure["refused"]
    assert "secret" in logged.getvalue()


def test_a_lock_is_held_in_each_step_and_not_between():
    lock, held = threading.RLock(), []

    def is_held():
        free = []
        other = threading.Thread(target=lambda: free.append(lock.acquire(blocking=False) and not lock.release()))
        other.start()
        other.join()
        return not free[0]

    def steps():
        for step in range(2):
            held.append(is_held())
            yield step

    between = [(step, is_held()) for step in one_by_one(lock, steps())]
    assert held == [True, True]
    assert between == [(0, False), (1, False)]


def test_a_closed_desk_ends_its_thread(page):
    bench = Bench(page.desk, "room")
    bench.ask("one", 1, lambda: iter([{}]))
    told(page, "one", 2)
    thread = bench.thread
    bench.close()
    thread.join(10)
    assert not thread.is_alive()
    bench.ask("late", 1, lambda: iter([{}]))
    assert not bench.thread.is_alive()
