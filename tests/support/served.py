"""What the tests of the lab share: networks that need no training, an ASGI client that may send anything, a real server."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from profundo.data.tables.new_rows import BadInputError, columns_of
from profundo.lab.guard import Guard
from profundo.lab.limits import Limits
from profundo.lab.listening import bind
from profundo.lab.server import configured
from profundo.records import Column, Inputs, ProfundoError, Spec, Targets

TOKEN = "a-token-for-the-tests-of-43-letters-or-so..."
VISITOR = "a-token-for-those-who-only-look-of-43-letters"
HOST = "127.0.0.1:8000"
HOSTS = (HOST, "localhost:8000", "[::1]:8000")
COOKIE = "profundo-8000"
BEARER = {"authorization": f"Bearer {TOKEN}"}
NASTY = (
    "<img src=x onerror=alert(1)>",
    "\"'><script>alert(2)</script>",
    "</script>&amp;\u202e=cmd()",
    "ni\u00f1o \u2603",
)
CARD = {
    "scores": {
        "test": {"accuracy": 0.9375, "log loss": 0.25},
        "baseline": {"accuracy": 0.5},
        "linear": {"accuracy": 0.75},
    },
    "linear_name": "logistic regression",
    "limits": ["It was tested on little."],
}


class Pictures:
    """Says the class whose number is the first byte of an image; a byte beyond the classes is no image."""

    def __init__(self, classes: Sequence[str] = ("cat", "dog", "owl")) -> None:
        self.spec = Spec(Inputs((1, 8, 8), "image"), Targets("classes", tuple(classes)))
        self.asked: list[bytes] = []

    def card(self) -> dict[str, Any]:
        return CARD

    def images(self, contents: Sequence[bytes]) -> list[dict[str, Any]]:
        told = []
        for index, content in enumerate(contents):
            if not content or content[0] >= len(self.spec.targets.classes):
                raise BadInputError(index, f"image {index + 1}: expected an image, but it does not read")
            shares = {name: float(place == content[0]) for place, name in enumerate(self.spec.targets.classes)}
            best = max(shares, key=shares.__getitem__)
            told.append(
                {"input": f"image {index + 1}", "prediction": best, "probability": 1.0, "probabilities": shares}
            )
        self.asked += contents
        return told

    def rows(self, *_: Any) -> list[dict[str, Any]]:
        raise ProfundoError("expected images")


class Sums:
    """Says the sum of a row's numbers: of a, b and a category c."""

    def __init__(self, columns: tuple[Column, ...] | None = None) -> None:
        own = (Column("a", "number", fill=1.5), Column("b", "number", fill=2), Column("c", "category", ("no", "yes")))
        self.spec = Spec(
            Inputs((3,), "features", columns=own if columns is None else columns), Targets("real", names=("sum",))
        )
        self.asked: list[dict[str, Any]] = []

    def card(self) -> dict[str, Any]:
        return CARD

    def images(self, _: Sequence[bytes]) -> list[dict[str, Any]]:
        raise ProfundoError("expected rows")

    def rows(self, rows: Sequence[Any], _: bool = False) -> list[dict[str, Any]]:
        self.asked += rows
        told = []
        for index, row in enumerate(rows):
            wanted = [column.name for column in columns_of(self.spec.inputs) if column.kind == "number"]
            try:
                told.append({"input": f"row {index + 1}", "prediction": sum(float(row[name] or 0) for name in wanted)})
            except (KeyError, TypeError, ValueError):
                raise BadInputError(index, f"row {index + 1}: expected {wanted}") from None
        return told


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The one line of a refusal. Raises AssertionError where the body is anything else."""
        assert list(self.json) in (["error"], ["error", "told"]), self.body
        line = self.json["error"]
        assert isinstance(line, str)
        assert line.strip()
        assert "\n" not in line
        assert "Traceback" not in line
        return line


class Slow(bytes):
    """A part of a body that never comes."""


Headers = dict[str, str] | list[tuple[str, str]]


def ask(
    app: Any,
    method: str,
    target: str,
    headers: Headers | None = None,
    body: bytes | list[bytes] = b"",
    host: str = HOST,
) -> Answer:
    """One request, straight into the application: whatever headers, also none of those that a client always sends."""
    sent: list[dict[str, Any]] = []
    chunks = [body] if isinstance(body, bytes) else list(body)
    waiting = [
        {"type": "http.request", "body": part, "more_body": place < len(chunks) - 1}
        for place, part in enumerate(chunks)
    ]

    async def receive() -> dict[str, Any]:
        if waiting and not isinstance(waiting[0]["body"], Slow):
            return waiting.pop(0)
        await asyncio.sleep(3600)
        raise AssertionError("waited in vain")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope("http", target, headers, host) | {"method": method}, receive, send))
    assert sent[0]["type"] == "http.response.start"
    told = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    return Answer(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))


def open_socket(app: Any, target: str, headers: Headers | None = None, host: str = HOST) -> list[dict[str, Any]]:
    """What the application sends when a WebSocket asks to be opened."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope("websocket", target, headers, host) | {"subprotocols": []}, receive, send))
    return sent


def scope(kind: str, target: str, headers: Headers | None, host: str) -> dict[str, Any]:
    from urllib.parse import unquote

    path, _, query = target.partition("?")
    listed = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
    hosts = [("host", host)] if host else []
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in hosts + listed],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def guarded(app: Any) -> Guard:
    return Guard(app, hosts=HOSTS, token=TOKEN, cookie=COOKIE, visitors=VISITOR)


@contextmanager
def running(app: Any, limits: Limits | None = None, *, sockets: bool = False) -> Iterator[int]:
    """A real server in a thread of this process, as `profundo serve` and, with sockets, the lab set it up. Yields its port."""
    import uvicorn

    with bind("127.0.0.1", 0, public=False) as listening:
        listening.listen(128)
        port = listening.getsockname()[1]
        config = configured(
            app,
            port,
            hosts=[f"127.0.0.1:{port}"],
            token=TOKEN,
            limits=limits or Limits(),
            visitors=VISITOR,
            sockets=sockets,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def talk(port: int, request: bytes, seconds: float = 20.0) -> bytes:
    """Bytes to the server as they are; all that it answers until it closes. Raises TimeoutError if it never does."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.sendall(request)
        return until_closed(client)


def until_closed(client: socket.socket) -> bytes:
    said = b""
    try:
        while part := client.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return said
