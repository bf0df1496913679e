"""Predicting in threads beside the event loop, with a line that has an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from profundo.lab.limits import Limits, Refusal
from profundo.languages import Said

__all__ = ["Stopped", "Workers"]

T = TypeVar("T")


class Stopped(Exception):
    """Raised by work that noticed that nobody waits for it any more."""


class Workers:
    """limits.workers threads, and at most limits.waiting pieces of work in line for them. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.inside = 0
        self._threads = ThreadPoolExecutor(limits.workers, "profundo-predicts")

    async def run(self, work: Callable[[threading.Event], T]) -> T:
        """What work(stop) returns; it should look at `stop` now and then, which is set when nobody waits any more.

        Raises Refusal: 503 when the line is full, or the answer takes longer than limits.answer seconds.
        """
        if self.inside >= self.limits.workers + self.limits.waiting:
            raise Refusal(503, Said("refusals.in_line", waiting=self.limits.waiting), 1)
        stop = threading.Event()
        loop = asyncio.get_running_loop()

        def left(_: Future[Any]) -> None:
            try:
                loop.call_soon_threadsafe(self._one_less)
            except RuntimeError:  # the loop ended first
                pass

        self.inside += 1
        held = [work]  # emptied when nobody waits: the line keeps what was cancelled, and a work keeps its whole body
        future = self._threads.submit(lambda: held[0](stop))
        future.add_done_callback(left)
        try:
            async with asyncio.timeout(self.limits.answer):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Refusal(503, Said("refusals.no_answer_yet", seconds=self.limits.answer), 1) from None
        finally:
            stop.set()
            held.clear()

    def close(self) -> None:
        """Work in line is dropped; what is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _one_less(self) -> None:
        self.inside -= 1
