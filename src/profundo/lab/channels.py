"""Values that follow each other faster than a page can show them: the newest wins, and few are on the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from profundo.lab.messages import encoded

__all__ = ["Channel"]

ON_THE_WAY = 2  # messages that the page has not yet said to have seen


class Channel:
    """From a thread that computes to one page. At most two values are on the way; of later ones only the last is kept.

    A slow browser so lags by two values, never by seconds, and what nobody would see need not be computed: `free`
    tells, and `wait` waits for it.
    """

    def __init__(
        self, name: str, loop: asyncio.AbstractEventLoop, send: Callable[[str | bytes], Awaitable[None]]
    ) -> None:
        self.name = name
        self._loop, self._send = loop, send
        self._count = 0  # of values that were sent
        self._seen = 0
        self._latest: list[str | bytes] = []  # none or one message
        self._free = threading.Event()
        self._free.set()

    @property
    def free(self) -> bool:
        return self._free.is_set()

    def wait(self, seconds: float) -> bool:
        """Until another value would be sent at once; False when the seconds have passed first."""
        return self._free.wait(seconds)

    def offer(self, value: Any) -> None:
        """From any thread, without waiting."""
        self.offer_message(self.message(value))

    def message(self, value: Any) -> str | bytes:
        """What goes to the page; the same for every channel of this name."""
        return encoded({"channel": self.name, "value": value})

    def offer_message(self, message: str | bytes) -> None:
        try:
            self._loop.call_soon_threadsafe(self._take, message)
        except RuntimeError:  # the loop has ended
            pass

    def seen(self, count: int) -> None:
        """The page has shown everything up to the value of that number. On the loop."""
        self._seen = max(self._seen, min(count, self._count))
        self._go_on()

    def _take(self, message: str | bytes) -> None:
        self._latest = [message]
        self._go_on()

    def _go_on(self) -> None:
        if self._latest and self._count - self._seen < ON_THE_WAY:
            self._count += 1
            task = self._loop.create_task(self._sent(self._latest.pop()))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._count - self._seen < ON_THE_WAY and not self._latest:
            self._free.set()
        else:
            self._free.clear()

    async def _sent(self, message: str | bytes) -> None:
        await self._send(message)
