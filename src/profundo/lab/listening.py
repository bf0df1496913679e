"""Where a server listens, and every name under which it may be reached there."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from profundo.records import ProfundoError

__all__ = ["bind", "hosts", "own_addresses", "url"]

NAME = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
NOWHERE = "192.0.2.1"  # TEST-NET (RFC 5737): routed like any other, reached by nobody


def bind(host: str, port: int, *, public: bool) -> socket.socket:
    """A socket at that address, not listening yet. port 0: any free one.

    Raises ProfundoError when the address is not this machine's, the port is taken, or others could reach it unasked for.
    """
    family, address = resolved(host, port)
    if not public and not ipaddress.ip_address(address[0].partition("%")[0]).is_loopback:
        raise ProfundoError(
            f"--host {host}: other machines could reach the server there, over plain HTTP; add --public if they shall, "
            "or leave --host out"
        )
    # Only to sockets that say so does asyncio give TCP_NODELAY; without it every answer waits 40 ms for an acknowledgement.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        raise ProfundoError(
            f"{url(host, port)} cannot be listened at: {error.strerror or error}; choose another with --port, 0 for any"
        ) from None
    return made


def resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    if not 0 <= port <= 65535:
        raise ProfundoError(f"--port {port}: expected 0 to 65535, 0 for any that is free")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise ProfundoError(f"--host {host}: expected an address of this machine, such as 127.0.0.1") from None
    return family, (str(address[0]), int(address[1]))


def hosts(listening: socket.socket, host: str, names: Iterable[str] = ()) -> frozenset[str]:
    """What the Host header of an honest request may say: "name:port" in lower case.

    names: further ones as a browser writes them, such as behind a proxy. Raises ProfundoError for one that is none.
    """
    address, port = listening.getsockname()[:2]
    reached = {*LOOPBACK, bracketed(host.lower()), bracketed(address)}
    if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        reached |= {socket.gethostname().lower(), *map(bracketed, own_addresses())}
    allowed = {f"{name}:{port}" for name in reached}
    if port == 80:  # which browsers leave out
        allowed |= reached
    for name in names:
        if not NAME.fullmatch(name.lower()):
            raise ProfundoError(f"--name {name}: expected a host as browsers write it, such as models.example.org:8000")
        allowed.add(name.lower())
    return frozenset(allowed)


def own_addresses() -> list[str]:
    """Those of this machine's name, and the one that it is seen with from outside."""
    results = []
    try:
        results = [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)]
    except OSError:
        pass
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect((NOWHERE, 9))  # sends nothing, only chooses the way
            results.append(str(asking.getsockname()[0]))
    except OSError:
        pass
    return results


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def url(host: str, port: int) -> str:
    return f"http://{bracketed(host)}:{port}/"
