"""Who may speak with a server on this machine: the same rules for HTTP and for WebSocket, before anything else runs.

A server on 127.0.0.1 is open to every web page that a browser on the same machine shows. Four things keep them out:

host    the Host header names us exactly, port included: a foreign name that was made to point here (DNS rebinding) is
        refused, 421
origin  the Origin header, where there is one, is ours: a foreign page's POST is refused, 403. A WebSocket must have one,
        since no rule of the browser keeps other pages from opening it
site    what a browser fetches for another site or another port (Sec-Fetch-Site) is refused, 403; opening a link is not
token   a secret of 256 bits, as `Authorization: Bearer`, or in a cookie that a page got for having it in its URL once.
        A second one may be given to visitors, who look and change nothing; which it was stands in the scope.
        The cookie is HttpOnly and SameSite=Lax; on its own it authorises what changes something only with an Origin

Compared in constant time. As in RFC 6265bis (cookies), RFC 6750 (bearer tokens) and the Fetch standard (Origin).
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Collection, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, quote, urlencode

from profundo.lab.limits import Refusal
from profundo.languages import spoken, words

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_POLICY", "Guard", "Role", "origins", "role"]

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
EXPIRED = """<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body{{font:1.125rem/1.5 system-ui,sans-serif;max-width:32em;margin:20vh auto;padding:0 1.25rem}}h1{{font-size:1.5rem}}</style>
<main><h1>{title}</h1><p>{what}</p></main></html>
"""
EXPIRED_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Role = Literal["owner", "visitor"]
READING = ("GET", "HEAD")
MOST_PARAMETERS = 100
POLICY_VIOLATION = 1008  # of a WebSocket that is closed (RFC 6455); closed before it opened, it becomes a 403


def origins(hosts: Iterable[str]) -> frozenset[str]:
    """What a browser writes into Origin for a page of these hosts, directly or behind something that adds TLS."""
    return frozenset(f"{scheme}://{host}" for host in hosts for scheme in ("http", "https"))


class Guard:
    """An ASGI application around another one.

    hosts: every "name:port" under which the server is reached, in lower case, IPv6 addresses in brackets.
    cookie: its name, with the port in it: cookies are shared by all servers on a machine.
    visitors: another token, for those who may look only.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str], token: str, cookie: str, visitors: str | None = None
    ) -> None:
        self.app, self.hosts, self.origins = app, frozenset(hosts), origins(hosts)
        self.cookie = cookie.encode()
        self.tokens: Mapping[Role, bytes] = {
            "owner": token.encode(),
            **({"visitor": visitors.encode()} if visitors else {}),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.answer(scope, receive, with_headers(send))
        elif scope["type"] == "websocket":
            try:
                self.check(scope)
            except Refusal as refusal:
                await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": str(refusal)})
            else:
                await self.app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        else:
            raise ValueError(f"{scope['type']!r}: expected http, websocket or lifespan")

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            entry = self.check(scope)
        except Refusal as refusal:
            await (expired(scope, send) if refusal.status == 401 and opens_page(scope) else refuse(send, refusal))
        else:
            if entry is None:
                await self.app(scope, receive, send)
            else:
                await redirect(send, entry)

    def check(self, scope: Scope) -> list[tuple[bytes, bytes]] | None:
        """None where the request may go on; headers of a redirection where its URL held the token.

        Raises Refusal: 400 for two lengths, 421 for a foreign host, 403 for a foreign page, 401 without the token.
        """
        check_length(scope)
        self.check_host(scope)
        self.check_page(scope)
        query = parameters(scope) if scope["type"] == "http" and scope["method"] in READING else []
        carried = [value for name, value in query if name == "token"]
        enters = first(self.role_of(value.encode()) for value in carried)
        known = enters or self.borne(scope) or self.in_cookie(scope)
        if known == "owner" and "visitor" in self.tokens and not is_here(scope):
            raise Refusal(
                403, "a shared lab is changed from its own machine only; others come in by the visitors' address"
            )
        if known is None:
            raise Refusal(401, "expected the token: as `Authorization: Bearer …`, or open the address with ?token=…")
        scope["profundo.role"] = known
        if not carried:
            return None
        location = [(b"location", clean(scope, query))]
        return [*location, (b"set-cookie", self.made_cookie(enters))] if enters else location

    def check_host(self, scope: Scope) -> None:
        given = values(scope, b"host")
        if len(given) != 1 or given[0].decode("latin-1").lower() not in self.hosts:
            raise Refusal(
                421, f"this server is reached as {' or '.join(sorted(self.hosts))} only, and Host names another"
            )

    def check_page(self, scope: Scope) -> None:
        given = values(scope, b"origin")
        is_socket = scope["type"] == "websocket"
        changes = is_socket or scope["method"] not in READING
        if given and (len(given) > 1 or given[0].decode("latin-1") not in self.origins):
            raise Refusal(403, "a page of another site or port may not ask here")
        if not given and (is_socket or (changes and not self.borne(scope) and self.in_cookie(scope))):
            raise Refusal(403, "expected an Origin: who has only the cookie must be a page of this server")
        site = values(scope, b"sec-fetch-site")
        opens_link = not changes and values(scope, b"sec-fetch-dest") == [b"document"]
        if site and site not in ([b"same-origin"], [b"none"]) and not opens_link:
            raise Refusal(403, "a page of another site or port may not ask here")

    def borne(self, scope: Scope) -> Role | None:
        """Whose token is in the Authorization header."""
        parts = [value.split(None, 1) for value in values(scope, b"authorization")]
        return first(self.role_of(part[1]) for part in parts if len(part) == 2 and part[0].lower() == b"bearer")

    def in_cookie(self, scope: Scope) -> Role | None:
        pairs = [pair.strip().partition(b"=") for value in values(scope, b"cookie") for pair in value.split(b";")]
        return first(self.role_of(value) for name, _, value in pairs if name == self.cookie)

    def role_of(self, given: bytes) -> Role | None:
        equal = [role for role, token in self.tokens.items() if hmac.compare_digest(given, token)]
        return equal[0] if equal else None

    def made_cookie(self, who: Role) -> bytes:
        return self.cookie + b"=" + self.tokens[who] + b"; HttpOnly; SameSite=Lax; Path=/"


def role(scope: Scope) -> Role:
    """Who asks, as the guard found out."""
    known: Role = scope["profundo.role"]
    return known


def is_here(scope: Scope) -> bool:
    """Whether the request comes from this machine."""
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0].partition("%")[0]).is_loopback
    except ValueError:
        return False


def first(roles: Iterable[Role | None]) -> Role | None:
    return next((one for one in roles if one), None)


def check_length(scope: Scope) -> None:
    """A proxy in front may go by the one length where we go by the other, and so take what follows for another request."""
    if values(scope, b"transfer-encoding") and values(scope, b"content-length"):
        raise Refusal(400, "expected Content-Length or Transfer-Encoding, got both")


def values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def parameters(scope: Scope) -> list[tuple[str, str]]:
    try:
        query = scope.get("query_string", b"").decode("ascii")
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="replace")
    except ValueError:
        raise Refusal(400, f"expected at most {MOST_PARAMETERS} parameters in ASCII after the ? of the URL") from None


def clean(scope: Scope, query: list[tuple[str, str]]) -> bytes:
    """The same place without the token. One slash in front: two would name another host."""
    kept = urlencode([(name, value) for name, value in query if name != "token"])
    path = "/" + quote(scope["path"].lstrip("/\\"), errors="replace")
    return (f"{path}?{kept}" if kept else path).encode("ascii")


def with_headers(send: Send) -> Send:
    """Add what every answer has, unless it says so itself."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            outputs = {name.lower() for name, _ in headers}
            message = {**message, "headers": [*headers, *(pair for pair in HEADERS if pair[0] not in outputs)]}
        await send(message)

    return sending


async def redirect(send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": 303, "headers": [*headers, (b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def opens_page(scope: Scope) -> bool:
    """Whether a person opens an address, and no program asks."""
    accepts = b",".join(values(scope, b"accept"))
    return scope["method"] in READING and b"text/html" in accepts and not values(scope, b"authorization")


async def expired(scope: Scope, send: Send) -> None:
    """A page for who comes by an address of a server that was started anew: in the language of the browser, without anything that
    would have to be fetched."""
    chosen = spoken(b",".join(values(scope, b"accept-language")).decode("latin-1"))
    texts = words("lab", chosen)
    lines = EXPIRED.format(language=chosen, title=escape(texts["expired"]), what=escape(texts["scan_again"])).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(lines)).encode())]
    headers += [
        (b"content-security-policy", EXPIRED_POLICY),
        (b"www-authenticate", b"Bearer"),
        (b"vary", b"accept, accept-language"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else lines})


async def refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": str(refusal)}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == 400:  # where the next request begins is not sure (RFC 9112, 6.1)
        headers.append((b"connection", b"close"))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
