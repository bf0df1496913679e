"""The browser lab as a server: its folders, its addresses and tokens, its page opened; then requests, until a signal ends it."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

from profundo.lab.desks import Lab
from profundo.lab.limits import Limits
from profundo.lab.listening import bind, hosts, own_addresses, url
from profundo.lab.server import QUEUE, check_kept, configured, interruptible, shown
from profundo.lab.tokens import new_token, own_token, temporary_file
from profundo.records import Interrupted, ProfundoError
from profundo.threads import using

__all__ = ["LabReady", "serve_lab"]

SWITCH = 0.0005  # seconds after which a thread that trains lets one that answers go on
CONNECTIONS = 1024  # a class of telephones, with the six connections that a browser opens at first
EVERYBODY = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class LabReady:
    """Told once when requests are taken. entry: the owner's address with the token in it; entry_file: a page that leads there, for
    its owner's eyes, None where none could be written; visitors: the addresses of a shared lab."""

    url: str
    entry: str
    entry_file: Path | None
    token_file: Path | None
    visitors: tuple[str, ...]


def serve_lab(
    runs: Path,
    *,
    port: int = 8123,
    share: bool = False,
    language: str | None = None,
    token_file: Path | None = None,
    ready: Callable[[LabReady], None],
) -> None:
    """Serve the lab; ends with Interrupted, on SIGINT or SIGTERM, and leaves trainings that run in peace.

    runs: the folder that trainings are in, made if there is none. share: listen to the local network, too, for visitors
    with a token of their own, who look and change nothing. Raises ProfundoError for an address that cannot be had, a
    token that cannot be used, a folder that cannot be made.
    """
    limits, leaving = Limits(connections=CONNECTIONS), threading.Event()
    host = EVERYBODY if share else "127.0.0.1"
    with at_once(leaving), interruptible(), bind(host, port, public=share) as listening, ExitStack() as stack:
        token, visitors = own_token(token_file) if token_file else new_token(), new_token() if share else None
        import uvicorn

        from profundo.lab.lab_application import lab_application
        from profundo.lab.rooms.room_calls import CALLS

        made(runs)
        lab = Lab(runs, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="profundo-lab-"))), share)
        app = lab_application(lab, CALLS, language)
        stack.callback(lambda: None if app.state.service.close() else leaving.set())
        address = listening.getsockname()
        kept = token_file or stack.enter_context(temporary_file(runs / f".token-{address[1]}", token))
        check_kept(kept, runs)
        sys.setswitchinterval(SWITCH)
        listening.listen(QUEUE)
        here = url(shown("127.0.0.1", address[0]), address[1])
        entry = f"{here}?token={token}"
        led = stack.enter_context(temporary_file(runs / f"open-lab-{address[1]}.html", leading_to(entry)))
        lab.entries = entries(listening.family, address[1], visitors)
        ready(LabReady(here, entry, led, kept, lab.entries))
        config = configured(
            app,
            address[1],
            hosts=hosts(listening, host),
            token=token,
            limits=limits,
            visitors=visitors,
            sockets=True,
        )
        with using(1):  # each answer; several would wait for one another beside a training, at every operation
            uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def at_once(leaving: threading.Event) -> Iterator[None]:
    """End the process where threads still compute after an interruption: Python would wait for them, for minutes."""
    try:
        yield
    except Interrupted as interrupted:
        if leaving.is_set():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(interrupted.code)
        raise


def made(runs: Path) -> None:
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProfundoError(f"{runs}: expected a folder for trainings: {os.strerror(error.errno or 0)}") from None


def leading_to(entry: str) -> str:
    """A page that opens an address. Whoever starts a browser with the address itself shows the token to all users of the machine,
    in the list of processes."""
    place = escape(entry)
    return (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={place}"><title>Profundo</title><a href="{place}">Profundo</a>'
    )


def entries(family: int, port: int, visitors: str | None) -> tuple[str, ...]:
    """Where the room's other machines come in: every address of this one that they may see and that is listened at."""
    if visitors is None:
        return ()
    seen = [ipaddress.ip_address(address.partition("%")[0]) for address in dict.fromkeys(own_addresses())]
    version = 6 if family == socket.AF_INET6 else 4
    reached = [one for one in seen if one.version == version and not one.is_loopback]
    return tuple(f"{url(str(one), port)}?token={visitors}" for one in reached)
