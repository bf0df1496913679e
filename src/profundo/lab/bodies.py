"""A request's body in memory: counted as it comes, never held beyond its limit, nor all bodies beyond theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from profundo.lab.limits import Limits, Refusal
from profundo.languages import Said

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Bodies"]


class Bodies:
    """What all requests of one server hold. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body; it counts as held until the block is left.

        Raises Refusal: 413 when it is too large (at once, where its length was told), 503 when others hold too much,
        408 when it takes too long.
        """
        content = bytearray()
        try:
            self.check_length(request)
            try:
                async with asyncio.timeout(self.limits.body):
                    async for chunk in request.stream():
                        self.held += len(chunk)
                        content += chunk
                        self.check(len(content))
            except TimeoutError:
                raise Refusal(408, Said("refusals.too_slow_request", seconds=self.limits.body)) from None
            yield bytes(content)
        finally:
            self.held -= len(content)

    def check_length(self, request: Request) -> None:
        length = request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise Refusal(400, Said("refusals.content_length"))
        self.check(int(length))

    def check(self, size: int) -> None:
        if size > self.limits.body_bytes:
            raise Refusal(413, Said("refusals.too_many_bytes", most=self.limits.body_bytes))
        if self.held > self.limits.bodies_bytes:
            raise Refusal(503, Said("refusals.too_much_coming"), again=1)
