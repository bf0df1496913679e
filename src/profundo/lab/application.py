"""A trained network that answers over HTTP: the application, which knows no address and no token.

GET /               a page for people: drop an image or a sound, or fill in a row, read the answer
GET /health         {"status": "ok"} as long as requests are taken
GET /model          what the network takes and says, and how well, beside baselines
GET /openapi.json   the whole of this for programs (OpenAPI 3.1)
POST /predict       images, sounds or rows → {"predictions": […]}, or CSV

`profundo.lab.guard` stands before it, `profundo.lab.server` runs it. Predictions are computed in threads beside the
event loop; a request waits for its turn, and for no other's slowness.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict
from email.message import Message
from functools import partial
from importlib.resources import files
from threading import Event
from typing import Any, Protocol, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from profundo import __version__
from profundo.data.tables.new_rows import BadInputError
from profundo.kinds import InputKind
from profundo.lab.answering import Form, as_csv, as_json, preferred, refusals
from profundo.lab.bodies import Bodies
from profundo.lab.limits import Limits, Refusal
from profundo.lab.openapi import description
from profundo.lab.page import page
from profundo.lab.request_inputs import TYPES, Asked, accepted, read
from profundo.lab.work import Stopped, Workers
from profundo.languages import Said, speaking, spoken, told_by, worded
from profundo.records import ProfundoError, Spec

__all__ = ["Predictor", "Service", "application"]

ASSETS = {"serve.js": "text/javascript", "serve.css": "text/css"}
IMAGES_AT_ONCE = 16  # between two looks at whether anybody still waits
ROWS_AT_ONCE = 512

T = TypeVar("T")


class Predictor(Protocol):
    """What is served, as `profundo.use.predicting.predictor` makes it."""

    @property
    def spec(self) -> Spec: ...

    def card(self) -> dict[str, Any]: ...

    def images(self, contents: Sequence[bytes]) -> list[dict[str, Any]]: ...

    def sounds(self, contents: Sequence[bytes]) -> list[dict[str, Any]]: ...

    def rows(self, rows: Sequence[Mapping[str, Any]], typed: bool = False) -> list[dict[str, Any]]: ...

    def arrays(self, arrays: Sequence[Any]) -> list[dict[str, Any]]: ...


OF_MEDIA: Mapping[InputKind, Callable[[Predictor, Sequence[bytes]], list[dict[str, Any]]]] = {
    "image": lambda predictor, contents: predictor.images(contents),
    "sound": lambda predictor, contents: predictor.sounds(contents),
}


def application(predictor: Predictor, name: str, limits: Limits | None = None) -> Starlette:
    """name: what the page calls the network, such as its run's folder."""
    service = Service(predictor, name, limits or Limits())
    routes = [
        Route("/", service.page, methods=["GET"]),
        Route("/health", service.health, methods=["GET"]),
        Route("/model", service.model, methods=["GET"]),
        Route("/openapi.json", service.openapi, methods=["GET"]),
        Route("/predict", service.predict, methods=["POST"]),
        *(Route(f"/static/{asset}", partial(static, asset), methods=["GET"]) for asset in ASSETS),
    ]
    app = Starlette(routes=routes, exception_handlers=refusals("/openapi.json lists what there is"))
    app.router.redirect_slashes = False
    app.state.service = service
    return app


class Service:
    """The endpoints, and what they share."""

    def __init__(self, predictor: Predictor, name: str, limits: Limits) -> None:
        self.predictor, self.name, self.limits = predictor, name, limits
        self.bodies, self.workers = Bodies(limits), Workers(limits)
        inputs = predictor.spec.inputs
        self.kind: InputKind = "features" if inputs.forecast is not None else inputs.kind  # forecasts are made of rows
        self.known = {"name": name, "profundo": __version__, **asdict(predictor.spec), "card": predictor.card()}

    async def page(self, request: Request) -> Response:
        language = spoken(request.headers.get("accept-language", ""))
        html = page(self.name, self.predictor.spec, self.known["card"], self.limits, language)
        headers = {"content-language": language, "vary": "accept-language"}
        return Response(html, media_type="text/html", headers=headers)

    async def health(self, _: Request) -> Response:
        return json_response({"status": "ok"})

    async def model(self, _: Request) -> Response:
        return json_response(self.known)

    async def openapi(self, _: Request) -> Response:
        return json_response(description(self.name, self.predictor.spec, self.limits))

    async def predict(self, request: Request) -> Response:
        form = preferred(", ".join(request.headers.getlist("accept")))
        encoding = request.headers.get("content-encoding", "")
        header = accepted(request.headers.get("content-type", ""), encoding, self.kind)
        try:
            async with self.bodies.read(request) as body:
                work = partial(self.answer, header, body, form, spoken(request.headers.get("accept-language", "")))
                return Response(await while_there(request, self.workers.run(work)), media_type=form)
        except asyncio.CancelledError:
            raise Refusal(503, Said("refusals.being_stopped")) from None

    def answer(self, header: Message, body: bytes, form: Form, language: str, stop: Event) -> bytes:
        """Runs in a thread; notices are told in that language. Raises Refusal; Stopped where nobody waits any more."""
        asked = read(header, body, self.kind, self.limits)
        width = max(1, len(self.predictor.spec.targets.classes))
        if len(asked.names) * width > self.limits.values:
            most = self.limits.values // width
            raise Refusal(413, Said("refusals.too_many_answers", width=width, most=most))
        told: list[dict[str, Any]] = []
        if self.predictor.spec.inputs.forecast is not None:
            told = self.forecasts(asked)
            asked.names[:] = asked.names[: len(told)]
        while len(told) < len(asked.names):
            if stop.is_set():
                raise Stopped
            with speaking(language):
                told += [in_language(one) for one in self.part(asked, len(told))]
        return as_csv(told, self.predictor.spec.targets) if form == "text/csv" else as_json({"predictions": told})

    def forecasts(self, choice: Asked) -> list[dict[str, Any]]:
        """One for each series in the rows, which are no inputs one by one."""
        try:
            return self.predictor.rows(choice.rows)
        except ProfundoError as error:
            raise Refusal(400, told_by(error)) from None

    def part(self, choice: Asked, begin: int) -> list[dict[str, Any]]:
        """Predictions from that input on, under the names that the client knows."""
        try:
            if choice.kind in TYPES:
                told = OF_MEDIA[choice.kind](self.predictor, choice.images[begin : begin + IMAGES_AT_ONCE])
            elif choice.kind != "features":
                told = self.predictor.arrays(choice.arrays[begin : begin + ROWS_AT_ONCE])
            else:
                told = self.predictor.rows(choice.rows[begin : begin + ROWS_AT_ONCE], choice.typed)
        except BadInputError as error:
            name = choice.names[begin + error.index]
            if isinstance(error.told, Said):
                raise Refusal(400, Said("looks.of", name=name, what=error.told)) from None
            raise Refusal(400, f"{name}: {str(error).partition(': ')[2]}") from None
        except ProfundoError as error:
            raise Refusal(400, told_by(error)) from None
        return [{**one, "input": name} for one, name in zip(told, choice.names[begin:], strict=False)]


def in_language(record: dict[str, Any]) -> dict[str, Any]:
    """Its notices in the language that is spoken."""
    return {**record, "notices": [worded(one) for one in record["notices"]]} if "notices" in record else record


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to; given up when the client leaves first."""
    at_work, gone = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((at_work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not at_work.done():
            raise ClientDisconnect
        return at_work.result()
    finally:
        at_work.cancel()
        gone.cancel()


async def static(asset: str, _: Request) -> Response:
    return Response(files("profundo.lab").joinpath("static", asset).read_bytes(), media_type=ASSETS[asset])


def json_response(value: Any) -> Response:
    return Response(as_json(value), media_type="application/json")
