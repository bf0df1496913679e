"""A connection that a client cannot keep open by being slow: an asyncio protocol around uvicorn's.

Uvicorn waits for ever for the first lines of a request, and for a client that does not take its answer. Here a
connection without a whole head is closed after `head` seconds, with 408 where a part of one came; one that takes
nothing for `stalled` seconds is cut off; and one too many is closed as it opens, so that descriptors never run out.
(The slowness of a body is the business of who reads it: `profundo.lab.bodies`.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from profundo.lab.limits import Limits

__all__ = ["connection"]

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def connection(limits: Limits) -> Callable[..., asyncio.Protocol]:
    """What uvicorn calls for every new connection."""
    return partial(Connection, limits)


class Connection(asyncio.Protocol):
    """Passes everything on to uvicorn's protocol, and looks at the clock."""

    def __init__(self, limits: Limits, **uvicorn: Any) -> None:
        self.limits = limits
        self.inner = H11Protocol(**uvicorn)
        self.transport: asyncio.Transport | None = None
        self.for_head: asyncio.TimerHandle | None = None
        self.for_answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.inner.connection_made(transport)
        if len(self.inner.connections) > 2 * self.limits.connections:  # up to here uvicorn still says 503
            transport.abort()
        else:
            self.watch_head()

    def data_received(self, data: bytes) -> None:
        self.inner.data_received(data)
        if self.transport is not None and self.transport.get_protocol() is not self:  # it is a WebSocket's now
            cancel(self.for_head)
        else:
            self.watch_head()

    def eof_received(self) -> bool | None:
        self.inner.eof_received()
        return None

    def pause_writing(self) -> None:
        self.inner.pause_writing()
        self.for_answer = later(self.limits.stalled, self.cut_off)

    def resume_writing(self) -> None:
        self.inner.resume_writing()
        cancel(self.for_answer)

    def connection_lost(self, exc: Exception | None) -> None:
        cancel(self.for_head)
        cancel(self.for_answer)
        self.inner.connection_lost(exc)

    def watch_head(self) -> None:
        """Start the clock where no request is at work; what trickles in meanwhile does not set it back."""
        cycle = self.inner.cycle
        if cycle is not None and not cycle.response_complete:
            cancel(self.for_head)
            self.for_head = None
        elif self.for_head is None:
            self.for_head = later(self.limits.head, self.close)

    def close(self) -> None:
        assert self.transport is not None
        if self.transport.is_closing():
            return
        if self.inner.conn.their_state is h11.IDLE and self.inner.conn.trailing_data[0]:
            self.transport.write(TOO_SLOW)
        self.transport.close()

    def cut_off(self) -> None:
        assert self.transport is not None
        self.transport.abort()


def later(seconds: float, work: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, work)


def cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
