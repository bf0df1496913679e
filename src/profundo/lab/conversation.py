"""One WebSocket: the calls of a page, answered as they are done, and the channels that push to it.

    page → lab   {"open": desk or ""}                       first of all; the desk that a page had before it was reloaded
                 {"id": 7, "call": "images.kernels", "with": {…}}
                 {"channel": "playground", "seen": 12}       shown up to the 12th
    lab → page   {"opened": desk, "role": "owner", "shared": false}
                 {"id": 7, "answer": …} or {"id": 7, "refused": one line, or one in each language}
                 {"channel": "playground", "value": …}          the page counts them

A call that the page repeats faster than it is answered is the page's business: it keeps one on the way and the last one
waiting. Here only so many may be unanswered at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from profundo.lab.calls import Call, answered, shortened
from profundo.lab.channels import Channel
from profundo.lab.desks import Desk, Desks
from profundo.lab.guard import Role
from profundo.lab.limits import Refusal
from profundo.lab.messages import encoded
from profundo.languages import Said, told_by
from profundo.records import ProfundoError

__all__ = ["Conversation"]

UNANSWERED = 32  # calls of one page
PROTOCOL, BUSY = 1003, 1013  # codes of a closed WebSocket: what came is not understood; try again later
ARGUMENTS = ("id", "call", "with")


class Conversation:
    """With one page, as long as its socket is open."""

    def __init__(
        self,
        socket: WebSocket,
        role: Role,
        desks: Desks,
        calls: Mapping[str, Call],
        threads: Executor,
        slow_threads: Executor,
    ) -> None:
        self.socket, self.role, self.desks, self.calls = socket, role, desks, calls
        self.threads, self.slow_threads = threads, slow_threads
        self.at_work: set[asyncio.Task[None]] = set()
        self.channels: dict[str, Channel] = {}
        self.sending = asyncio.Lock()
        self.unanswered = asyncio.Semaphore(UNANSWERED)

    async def hold(self) -> None:
        """From the first message to the last."""
        await self.socket.accept()
        self.loop = asyncio.get_running_loop()
        try:
            desk = self.desks.open(opening(await self.message()), self.role)
        except (Refusal, WebSocketDisconnect, ValueError) as error:
            await self.end(BUSY if isinstance(error, Refusal) else PROTOCOL, str(error))
            return
        desk.attach(self.channel)
        try:
            await self.send(encoded({"opened": desk.name, "role": self.role, "shared": desk.lab.shared}))
            while True:
                await self.take(desk, await self.message())
        except WebSocketDisconnect:
            pass
        except ValueError as error:
            await self.end(PROTOCOL, str(error))
        finally:
            desk.detach()
            for task in self.at_work:
                task.cancel()

    async def message(self) -> dict[str, Any]:
        """The next one. Raises ValueError for what is no message."""
        event = await self.socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code") or 1005)
        try:
            message = json.loads(event.get("text") or "")
        except (ValueError, RecursionError):
            raise ValueError("expected JSON in a text message") from None
        if not isinstance(message, dict):
            raise ValueError("expected an object")
        return message

    async def take(self, desk: Desk, message: dict[str, Any]) -> None:
        """A page that asks faster than it reads is heard again when something of it has been answered."""
        if "channel" in message:
            channel, seen = self.channels.get(str(message["channel"])), message.get("seen")
            if channel is not None and isinstance(seen, int):
                channel.seen(seen)
            return
        if sorted(message) != sorted(ARGUMENTS) or not isinstance(message["id"], int):
            raise ValueError(f"expected {', '.join(ARGUMENTS)}")
        await self.unanswered.acquire()
        task = asyncio.get_running_loop().create_task(self.answer(desk, message))
        self.at_work.add(task)
        task.add_done_callback(self.answered)

    def answered(self, task: asyncio.Task[None]) -> None:
        self.at_work.discard(task)
        self.unanswered.release()

    async def answer(self, desk: Desk, message: dict[str, Any]) -> None:
        try:
            work = self.work(desk, message["call"], message["with"])
            threads = self.slow_threads if self.calls[message["call"]].slow else self.threads
            answer = await self.loop.run_in_executor(threads, lambda: encoded({"id": message["id"], "answer": work()}))
        except ProfundoError as error:
            answer = encoded({"id": message["id"], "refused": told_by(error)})
        except Exception as error:
            logging.getLogger("profundo.lab").error("%s failed", message["call"], exc_info=error)
            answer = encoded({"id": message["id"], "refused": Said("refusals.mistake")})
        await self.send(answer)

    def work(self, desk: Desk, name: Any, given: Any) -> Callable[[], Any]:
        """What answers a call, in a thread. Raises ProfundoError for a call that is none, or not allowed, or malformed."""
        call = self.calls.get(name) if isinstance(name, str) else None
        if call is None:
            raise ProfundoError(Said("refusals.no_call", name=shortened(name)))
        if call.changes and self.role != "owner":
            raise ProfundoError(Said("refusals.only_look"))
        if not isinstance(given, dict):
            raise ProfundoError(Said("refusals.question_form", name=name))
        return partial(answered, name, call, desk, given)

    def channel(self, name: str) -> Channel:
        """Made by the desk's rooms, from any thread."""
        made = Channel(name, self.loop, self.send)
        self.channels[name] = made
        return made

    async def send(self, message: str | bytes) -> None:
        async with self.sending:
            try:
                await (self.socket.send_text(message) if isinstance(message, str) else self.socket.send_bytes(message))
            except (RuntimeError, WebSocketDisconnect):  # the page has gone
                pass

    async def end(self, code: int, reason: str) -> None:
        try:
            await self.socket.close(code, reason[:100])
        except RuntimeError:  # the page closed first
            pass


def opening(message: Mapping[str, Any]) -> str:
    """The desk that the page asks for. Raises ValueError where it asks for something else first."""
    if list(message) != ["open"] or not isinstance(message["open"], str):
        raise ValueError('expected {"open": …} first')
    return message["open"]
