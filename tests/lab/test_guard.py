"""Who may speak with a server: by Host, Origin, site and token, for HTTP and WebSocket alike. Attacks by their names."""

import asyncio

import pytest

from profundo.lab.application import application
from profundo.lab.guard import Guard
from served import BEARER, COOKIE, HOST, TOKEN, VISITOR, Pictures, ask, guarded, open_socket

ORIGIN = f"http://{HOST}"
CARRIED = {"cookie": f"{COOKIE}={TOKEN}"}


async def inside(scope, _receive, send):
    """An application that says yes to everything and tells where it was asked."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    elif scope["type"] == "http":
        body = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


guard = guarded(inside)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get")


def places():
    """Every path of the served application, from the application itself, and some that it does not have."""
    app = application(Pictures(), "stub")
    found = [route.path for route in app.routes]
    assert {"/", "/predict", "/static/serve.js"} <= set(found)
    return app, [*found, "/nothing", "//", "/static/", "/predict/", "/%2e%2e/"]


# -------------------------------------------------------------------------------------------------------------- token
def test_nothing_answers_without_the_token_whatever_the_path_and_the_method():
    app, paths = places()
    for path in paths:
        for method in METHODS:
            for headers in ({}, {"origin": ORIGIN}, {"authorization": "Bearer wrong"}, {"cookie": f"{COOKIE}=wrong"}):
                answer = ask(guarded(app), method, path, headers)
                assert answer.status == 401, (method, path, headers)
                assert answer.header("www-authenticate") == "Bearer"
                assert "token" in answer.error
                assert TOKEN not in str(answer)


def test_no_websocket_opens_without_the_token():
    app, paths = places()
    for path in paths:
        for headers in ({"origin": ORIGIN}, {"origin": ORIGIN, "authorization": "Bearer x"}):
            for one in (guarded(app), guard):
                (said,) = open_socket(one, path, headers)
                assert said["type"] == "websocket.close"


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_the_token_opens_as_a_bearer_in_any_spelling(scheme):
    assert ask(guard, "POST", "/x", {"authorization": scheme + TOKEN}).status == 200


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer{TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer",
        "Bearer ",
        "Bearer \xff",
        "",
    ],
)
def test_almost_the_token_does_not_open(value):
    assert ask(guard, "GET", "/", {"authorization": value}).status == 401


@pytest.mark.parametrize(
    "value",
    [
        f"profundo-8001={TOKEN}",
        f"{COOKIE}={TOKEN}x",
        f"x{COOKIE}={TOKEN}",
        f'{COOKIE}="{TOKEN}"',
        f"{COOKIE}",
        COOKIE + "=",
    ],
)
def test_only_the_cookie_of_this_port_with_this_token_opens(value):
    assert ask(guard, "GET", "/", {"cookie": value}).status == 401
    assert ask(guard, "GET", "/", {"cookie": f"theme=dark; {COOKIE}={TOKEN};a=b"}).status == 200


def test_tokens_are_compared_in_constant_time(monkeypatch):
    import hmac

    from profundo.lab import guard as module

    compared = []

    class Counting:
        @staticmethod
        def compare_digest(one, other):
            compared.append((one, other))
            return hmac.compare_digest(one, other)

    monkeypatch.setattr(module, "hmac", Counting)
    assert ask(guard, "GET", "/", {"authorization": "Bearer guess"}).status == 401
    assert ask(guard, "GET", "/?token=guess").status == 401
    assert ask(guard, "GET", "/", {"cookie": f"{COOKIE}=guess"}).status == 401
    assert compared == [(b"guess", TOKEN.encode()), (b"guess", VISITOR.encode())] * 3


def test_the_url_with_the_token_leads_to_the_same_place_without_it_and_a_cookie():
    answer = ask(guard, "GET", f"/deep/place?a=1&token={TOKEN}&b=%26")
    assert answer.status == 303
    assert answer.header("location") == "/deep/place?a=1&b=%26"
    name, *attributes = answer.header("set-cookie").split("; ")
    assert name == f"{COOKIE}={TOKEN}"
    assert set(attributes) == {"HttpOnly", "SameSite=Lax", "Path=/"}
    assert ask(guard, "GET", "/deep/place?a=1", {"cookie": name}).body == b"GET /deep/place?a=1"


def test_an_old_url_of_who_has_the_cookie_leads_on_too():
    answer = ask(guard, "GET", "/?token=of-yesterday", CARRIED)
    assert (answer.status, answer.header("location"), answer.header("set-cookie")) == (303, "/", None)
    assert ask(guard, "GET", "/?token=of-yesterday").status == 401


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "///evil.example/", "/%5cevil.example", "/%2f/evil.example"]
)
def test_the_redirection_stays_on_this_server(path):
    location = ask(guard, "GET", f"{path}?token={TOKEN}").header("location")
    assert location.startswith("/")
    assert location[1:2] not in ("/", "\\")


@pytest.mark.parametrize("text", ["%0d%0aset-cookie:%20a=b", "%00", "%e2%98%83", "%ff", "a%20b%3f%23"])
def test_no_header_can_be_injected_through_the_redirection(text):
    location = ask(guard, "GET", f"/{text}?token={TOKEN}&{text}={text}").header("location")
    assert location.isascii()
    assert location.isprintable()
    assert " " not in location


def test_a_token_in_the_url_is_taken_from_links_only():
    for method in ("POST", "PUT", "DELETE"):
        assert ask(guard, method, f"/?token={TOKEN}").status == 401
    assert open_socket(guard, f"/?token={TOKEN}", {"origin": ORIGIN})[0]["type"] == "websocket.close"


def test_a_thousand_parameters_are_refused():
    assert ask(guard, "GET", "/?" + "a=1&" * 1000, BEARER).status == 400


# --------------------------------------------------------------------------------------------------------------- host
FOREIGN_HOSTS = [
    "evil.example", "evil.example:8000", "127.0.0.1", "127.0.0.1:8001", "127.0.0.1:80", "localhost", "localhost:8001",
    "localhost.:8000", "localhost.evil.example:8000", "127.0.0.1.evil.example:8000", "127.0.0.1:8000.evil.example",
    "[::1]", "[::1]:8001", "::1:8000", "[::ffff:127.0.0.1]:8000", "127.0.0.2:8000", "0.0.0.0:8000", "2130706433:8000",
    "0x7f.1:8000", "127.1:8000", "user@127.0.0.1:8000", "127.0.0.1:8000 ", "127.0.0.1:08000", "127.0.0.1:8000,evil", "",
]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_name_that_was_made_to_point_here_is_refused(host):
    """DNS rebinding: the page's own origin and host agree, and neither is ours."""
    for headers in (BEARER, {**CARRIED, "origin": f"http://{host}"}, {}):
        assert ask(guard, "GET", "/", headers, host=host).status == 421
        assert ask(guard, "GET", f"/?token={TOKEN}", headers, host=host).status == 421
        assert open_socket(guard, "/", {"origin": ORIGIN} | headers, host=host)[0]["type"] == "websocket.close"


def test_two_host_headers_are_refused():
    assert ask(guard, "GET", "/", [*BEARER.items(), ("host", HOST)]).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000"])
def test_our_own_names_are_answered(host):
    assert ask(guard, "GET", "/", BEARER, host=host).status == 200
    assert open_socket(guard, "/", BEARER | {"origin": f"http://{host.lower()}"}, host=host) == [
        {"type": "websocket.accept"}
    ]


# ------------------------------------------------------------------------------------------------------ origin and site
FOREIGN_ORIGINS = [
    "null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:8001", "http://127.0.0.1:8000.evil.example",
    "http://evil.example#http://127.0.0.1:8000", "http://127.0.0.1:8000/", "http://127.0.0.1:80000", "ws://127.0.0.1:8000",
    "http://127.0.0.1:8000, http://evil.example", "HTTP://127.0.0.1:8000", "http://localhost", "file://", "",
    "http://user@127.0.0.1:8000", "chrome-extension://127.0.0.1:8000", "http://127.0.0.1:8000\xad",
]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_foreign_page_is_refused_though_the_browser_sends_token_and_cookie(origin):
    for credentials in (BEARER, CARRIED):
        for method in ("GET", "POST", "DELETE"):
            assert ask(guard, method, "/", {**credentials, "origin": origin}).status == 403
        (said,) = open_socket(guard, "/", {**credentials, "origin": origin})
        assert said["type"] == "websocket.close"


def test_a_websocket_without_an_origin_is_closed_before_it_opens():
    for credentials in (BEARER, CARRIED):
        (said,) = open_socket(guard, "/", credentials)
        assert said["type"] == "websocket.close"
        assert open_socket(guard, "/", {**credentials, "origin": ORIGIN}) == [{"type": "websocket.accept"}]


def test_two_origins_are_refused():
    assert ask(guard, "GET", "/", [*BEARER.items(), ("origin", ORIGIN), ("origin", ORIGIN)]).status == 403


def test_a_form_of_another_site_cannot_post_with_the_cookie():
    form = {**CARRIED, "content-type": "application/x-www-form-urlencoded"}
    assert ask(guard, "POST", "/", {**form, "origin": "http://evil.example"}).status == 403
    assert ask(guard, "POST", "/", form).status == 403  # a browser says where a form comes from
    assert ask(guard, "POST", "/", {**form, "origin": ORIGIN}).status == 200
    assert ask(guard, "GET", "/", CARRIED).status == 200
    assert ask(guard, "POST", "/", BEARER).status == 200  # a program has no origin


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none, cross-site"])
def test_what_a_browser_fetches_for_another_site_is_refused_but_a_link_is_followed(site):
    headers = {**CARRIED, "sec-fetch-site": site}
    assert ask(guard, "GET", "/", headers).status == 403
    assert ask(guard, "GET", "/", {**headers, "sec-fetch-dest": "script"}).status == 403
    assert ask(guard, "GET", "/", {**headers, "sec-fetch-dest": "document"}).status == 200
    assert ask(guard, "POST", "/", {**headers, "sec-fetch-dest": "document", "origin": ORIGIN}).status == 403
    for own in ("same-origin", "none"):
        assert ask(guard, "GET", "/", {**CARRIED, "sec-fetch-site": own}).status == 200


# ------------------------------------------------------------------------------------------------------------ all others
def test_every_answer_forbids_foreign_scripts_frames_and_caches():
    for answer in (ask(guard, "GET", "/", BEARER), ask(guard, "GET", "/"), ask(guard, "GET", f"/?token={TOKEN}")):
        policy = answer.header("content-security-policy")
        assert "script-src 'self'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control") == "no-store"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("permissions-policy") == "camera=(self), microphone=(), geolocation=()"
        assert answer.header("cross-origin-resource-policy") == "same-origin"


def test_an_application_may_say_its_own_policy():
    async def own(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"max-age=5")]})
        await send({"type": "http.response.body"})

    answer = ask(guarded(own), "GET", "/", BEARER)
    assert [value for name, value in answer.headers if name.lower() == "cache-control"] == ["max-age=5"]


def test_a_kind_of_connection_that_nobody_knows_is_not_let_through():
    with pytest.raises(ValueError, match="webtransport"):
        open_socket(lambda scope, *rest: guard({**scope, "type": "webtransport"}, *rest), "/", BEARER)


def test_the_guard_of_another_port_has_another_cookie_and_origin():
    other = Guard(inside, hosts=["127.0.0.1:9000"], token=TOKEN, cookie="profundo-9000")
    assert ask(other, "GET", "/", CARRIED, host="127.0.0.1:9000").status == 401
    assert ask(other, "GET", "/", {**BEARER, "origin": ORIGIN}, host="127.0.0.1:9000").status == 403


def test_the_owner_of_a_shared_lab_comes_from_its_own_machine_only():
    async def asked(client, token):
        sent = []

        async def send(message):
            sent.append(message)

        headers = [(b"host", HOST.encode()), (b"authorization", f"Bearer {token}".encode())]
        asks = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers, "client": client}
        await guard(asks, None, send)
        return sent[0]["status"]

    for client, owner in ((("127.0.0.1", 1), 200), (("::1", 1), 200), (("192.0.2.7", 1), 403), (None, 403)):
        assert asyncio.run(asked(client, TOKEN)) == owner
        assert asyncio.run(asked(client, VISITOR)) == 200


# --------------------------------------------------------------------------------------------------- an old address
@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("es-AR,en;q=0.5", "Esta dirección no abre nada aquí"),
        ("ca", "Aquesta adreça no obre res aquí"),
        ("de", "This address opens nothing here"),
    ],
)
def test_who_opens_an_old_address_reads_a_page_in_his_language_that_loads_nothing(language, line):
    opens = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": language}
    answer = ask(guard, "GET", "/?token=of-yesterday", opens)
    assert answer.status == 401
    assert answer.header("content-type").startswith("text/html")
    page = answer.body.decode()
    assert f"<main><h1>{line}</h1>" in page
    assert "script" not in page
    assert "of-yesterday" not in page
    assert "script-src" not in answer.header("content-security-policy")
    assert answer.header("content-security-policy").startswith("default-src 'none'")
    assert ask(guard, "HEAD", "/", opens).body == b""


def test_programs_are_told_in_json_that_the_token_is_missing():
    for headers in (
        {"accept": "*/*"},
        {"accept": "application/json"},
        {"accept": "text/html", "authorization": "Bearer no"},
    ):
        answer = ask(guard, "GET", "/assets/icon.svg", headers)
        assert answer.status == 401
        assert "token" in answer.error
    assert "token" in ask(guard, "POST", "/uploads", {"accept": "text/html", "origin": ORIGIN}).error
