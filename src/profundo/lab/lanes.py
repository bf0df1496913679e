"""Who computes when: threads that answer calls, and turns of what goes on in steps. The owner never waits for visitors."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from profundo.lab.guard import Role

__all__ = ["FewAtOnce", "Lanes", "Turns"]

THREADS: Mapping[Role, tuple[int, int]] = {"owner": (2, 4), "visitor": (2, 2)}  # fast and slow ones
OF_A_PAGE: Mapping[Role, int] = {"owner": 2, "visitor": 1}  # slow calls at work
STEPS, STEPS_OF_VISITORS = 2, 1  # that compute at once


class Lanes:
    """The threads of one role: fast for calls that are answered at once, slow for those that may take seconds."""

    def __init__(self, role: Role) -> None:
        fast, slow = THREADS[role]
        self.role: Role = role
        self.fast = ThreadPoolExecutor(fast, f"profundo-{role}")
        self.slow = ThreadPoolExecutor(slow, f"profundo-{role}-slow")

    def of_a_page(self) -> Executor:
        """Slow threads, of which one page does not take all."""
        return FewAtOnce(self.slow, OF_A_PAGE[self.role])

    def close(self) -> None:
        """No further call is begun."""
        for threads in (self.fast, self.slow):
            threads.shutdown(wait=False, cancel_futures=True)

    def wait(self) -> None:
        """Until the last call is done."""
        for threads in (self.fast, self.slow):
            threads.shutdown(wait=True)


class FewAtOnce(Executor):
    """Calls of one page on threads that it shares with others: so many are at work, and after each the others have their turn."""

    def __init__(self, threads: Executor, most: int) -> None:
        self._threads, self._most = threads, most
        self._line: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._busy = 0  # threads that this page has, or is in line for
        self._lock = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        outcome: Future[Any] = Future()
        with self._lock:
            self._line.append((outcome, partial(fn, *args, **kwargs)))
        self._go_on()
        return outcome

    def _go_on(self) -> None:
        with self._lock:
            if not self._line or self._busy >= self._most:
                return
            self._busy += 1
        try:
            self._threads.submit(self._one)
        except RuntimeError:  # the lab has ended
            self._give_up()

    def _give_up(self) -> None:
        with self._lock:
            line, self._busy = [*self._line], self._busy - 1
            self._line.clear()
        for outcome, _ in line:
            outcome.cancel()

    def _one(self) -> None:
        with self._lock:
            if not self._line:  # another thread has taken it
                self._busy -= 1
                return
            outcome, act = self._line.popleft()
        if outcome.set_running_or_notify_cancel():
            try:
                outcome.set_result(act())
            except BaseException as error:  # noqa: BLE001 - whoever waits for the outcome gets it
                outcome.set_exception(error)
        with self._lock:
            self._busy -= 1
        self._go_on()


class Turns:
    """Of the whole lab: only so many steps compute at once, and of visitors' fewer, in places that no owner waits for."""

    def __init__(self) -> None:
        self._at_work: dict[Role, int] = {"owner": 0, "visitor": 0}
        self._owners_waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, role: Role) -> Iterator[None]:
        """Wait for a place, and keep it as long as the block lasts."""
        is_owner = role == "owner"
        with self._changed:
            self._owners_waiting += is_owner
            try:
                self._changed.wait_for(lambda: self._may(role))
            finally:
                self._owners_waiting -= is_owner
            self._at_work[role] += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._at_work[role] -= 1
                self._changed.notify_all()

    def _may(self, role: Role) -> bool:
        if sum(self._at_work.values()) >= STEPS:
            return False
        return role == "owner" or (self._at_work["visitor"] < STEPS_OF_VISITORS and not self._owners_waiting)
