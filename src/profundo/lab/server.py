"""From a run's folder to a server: address, token, network, guard; then requests, until a signal ends it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, cast

from profundo.lab.guard import Guard
from profundo.lab.limits import Limits
from profundo.lab.listening import bind, hosts, url
from profundo.lab.tokens import new_token, own_token, temporary_file
from profundo.records import Interrupted, ProfundoError

if TYPE_CHECKING:
    import asyncio

    import uvicorn
    from starlette.types import ASGIApp

__all__ = ["QUEUE", "Ready", "check_kept", "configured", "cookie_name", "interruptible", "serve_run", "shown"]

LONGEST_HEAD = 32 << 10  # bytes of a request's lines before its body
LARGEST_MESSAGE = 1 << 20  # bytes, of a WebSocket; a larger one closes it with 1009
QUEUE = 128  # connections that the system keeps until they are taken
EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Ready:
    """Told once when requests are taken. url: for this machine; token_file: None where none could be written."""

    url: str
    token: str
    token_file: Path | None


def serve_run(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    public: bool = False,
    names: Collection[str] = (),
    token_file: Path | None = None,
    ready: Callable[[Ready], None],
    limits: Limits | None = None,
) -> None:
    """Serve a finished run's network; ends with Interrupted, on SIGINT or SIGTERM.

    Then no new connection is taken, and what is at work gets limits.leave seconds.

    public: allow a host that other machines can reach. names: further hosts as browsers write them, behind a proxy.
    token_file: where the token is, or shall be kept; otherwise a new one is kept in the run's folder while it is served.
    Raises ProfundoError for an address that cannot be had, a token that cannot be used, a run that cannot be opened.
    """
    limits = limits or Limits()
    with interruptible(), bind(host, port, public=public) as listening, ExitStack() as stack:
        allowed = hosts(listening, host, names)
        token = own_token(token_file) if token_file else new_token()
        import uvicorn

        from profundo.lab.application import application
        from profundo.use.predicting import predictor

        app = application(predictor(folder), folder.resolve().name, limits)
        address = listening.getsockname()
        kept = token_file or stack.enter_context(temporary_file(token_place(folder, *address[:2]), token))
        check_kept(kept, folder)
        listening.listen(QUEUE)
        ready(Ready(url(shown(host, address[0]), address[1]), token, kept))
        config = configured(app, address[1], hosts=allowed, token=token, limits=limits)
        uvicorn.Server(config).run(sockets=[listening])


def check_kept(token_file: Path | None, folder: Path) -> None:
    """Raises ProfundoError where nobody could learn the token: no file of it, and no terminal."""
    if token_file is None and not sys.stderr.isatty():
        raise ProfundoError(f"{folder}: the token cannot be kept there; say where with --token-file")


def shown(host: str, address: str) -> str:
    return "localhost" if address in EVERYWHERE else host


def token_place(folder: Path, address: str, port: int) -> Path:
    """Where a new token is kept while it is served; at another address than the usual one others may have the port, too."""
    return folder / (f".token-{port}" if address == "127.0.0.1" else f".token-{port}-{address.replace(':', '_')}")


def cookie_name(port: int) -> str:
    return f"profundo-{port}"


def configured(
    app: ASGIApp,
    port: int,
    *,
    hosts: Collection[str],
    token: str,
    limits: Limits,
    visitors: str | None = None,
    sockets: bool = False,
) -> uvicorn.Config:
    """How uvicorn runs the application behind its guard. No request is logged, since a URL holds the token once.

    visitors: the token of those who may only look. sockets: whether WebSockets are answered.
    """
    import uvicorn

    from profundo.lab.deadlines import connection

    return uvicorn.Config(
        Guard(app, hosts=hosts, token=token, cookie=cookie_name(port), visitors=visitors),
        http=cast("type[asyncio.Protocol]", connection(limits)),
        loop="asyncio",
        ws="websockets-sansio" if sockets else "none",
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # on one machine it costs more time than it saves
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=int(limits.head),
        timeout_graceful_shutdown=int(limits.leave),
        h11_max_incomplete_event_size=LONGEST_HEAD,
    )


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted. (Uvicorn takes them while it serves, and raises them again when it is done.)"""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stopped) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stopped(number: int, _: FrameType | None) -> NoReturn:
    raise Interrupted(number)
