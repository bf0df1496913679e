"""The browser lab over HTTP: the page, its parts, one WebSocket on which everything is asked, uploads and what is taken home.

GET /               the page, in the language that was asked for or that the browser prefers
GET /assets/NAME    its scripts and styles, built from web/ and committed
GET /socket         the WebSocket (`profundo.lab.conversation`)
POST /uploads       a file of one's own, as the body of the request; answers with its name here
GET /files/NAME     what a room made for download, and reports of runs, which may run no script

`profundo.lab.guard` stands before it and says who asks: the owner, or a visitor of a shared lab.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from time import monotonic

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from profundo.lab.answering import refusals
from profundo.lab.calls import Call
from profundo.lab.conversation import Conversation
from profundo.lab.desks import Desks, Lab
from profundo.lab.guard import Role, role
from profundo.lab.lanes import Lanes
from profundo.lab.limits import Refusal
from profundo.lab.uploads import Uploads, kept_file
from profundo.languages import LANGUAGES, Said, spoken

__all__ = ["lab_application"]

TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
LAST_STEP = 2.0  # seconds that all together have to come to an end
BLANK_LANGUAGE = b'lang="en"'


def lab_application(lab: Lab, calls: Mapping[str, Call], language: str | None = None) -> Starlette:
    """language: of every page; None for the one that its browser prefers."""
    service = LabService(lab, calls, language)
    app = Starlette(
        routes=[
            Route("/", service.page, methods=["GET"]),
            Route("/assets/{name}", asset, methods=["GET"]),
            Route("/uploads", service.upload, methods=["POST"]),
            Route("/files/{place:path}", service.file, methods=["GET"]),
            WebSocketRoute("/socket", service.socket),
        ],
        exception_handlers=refusals("the lab is at /"),
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return app


class LabService:
    """The endpoints, and what they share."""

    def __init__(self, lab: Lab, calls: Mapping[str, Call], language: str | None) -> None:
        self.lab, self.calls, self.language = lab, calls, language
        self.desks = Desks(lab)
        self.lanes: Mapping[Role, Lanes] = {"owner": Lanes("owner"), "visitor": Lanes("visitor")}
        self.uploads = Uploads(lab.uploads)

    async def page(self, request: Request) -> Response:
        language = self.language or spoken(request.headers.get("accept-language", ""))
        assert language in LANGUAGES
        html = parts()["index.html"].replace(BLANK_LANGUAGE, f'lang="{language}"'.encode(), 1)
        headers = {"content-language": language, "vary": "accept-language"}
        return Response(html, media_type="text/html", headers=headers)

    async def socket(self, socket: WebSocket) -> None:
        asks = role(socket.scope)
        lanes = self.lanes[asks]
        await Conversation(socket, asks, self.desks, self.calls, lanes.fast, lanes.of_a_page()).hold()

    async def upload(self, request: Request) -> Response:
        if role(request.scope) != "owner":
            raise Refusal(403, Said("refusals.only_look"))
        return Response(await self.uploads.received(request), media_type="application/json")

    async def file(self, request: Request) -> Response:
        return kept_file(self.lab, request.path_params["place"])

    def close(self) -> bool:
        """Tell all that computes to end, and wait a while for it, at one time for all: a thread within PyTorch must not be there
        when the interpreter goes. Returns whether none is."""
        ends = [*self.lab.threads]
        for lanes in self.lanes.values():
            lanes.close()
            ends.append(self.lab.begin(lanes.wait, "ending"))
        ends.append(self.lab.begin(self.desks.close, "ending"))
        until = monotonic() + LAST_STEP
        for thread in ends:
            thread.join(max(0.0, until - monotonic()))
        return not any(thread.is_alive() for thread in ends)


@cache
def parts() -> dict[str, bytes]:
    """Name → content of everything that the page is built of; small, and so kept in memory."""
    folder = files("profundo.lab").joinpath("static", "lab")
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


@cache
def packed(name: str) -> bytes:
    return gzip.compress(parts()[name], mtime=0)


async def asset(request: Request) -> Response:
    name = request.path_params["name"]
    media = TYPES.get(Path(name).suffix)
    if name not in parts() or media is None:
        raise HTTPException(404)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed(name), media_type=media, headers={"content-encoding": "gzip", "vary": "accept-encoding"})
    return Response(parts()[name], media_type=media)
