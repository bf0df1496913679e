"""Slow, large, many and malformed: what a client can do with bare connections, against a real server."""

import http.client
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psutil
import pytest
from test_serving import Waiting, fetch, wait_until

from profundo.lab.application import application
from profundo.lab.limits import Limits
from served import BEARER, TOKEN, Pictures, running, talk, until_closed

QUICK = Limits(head=1, body=0.5, stalled=0.5, connections=20, leave=1)
FOREVER = 20.0  # seconds that none of these deadlines comes near


@pytest.fixture(scope="module")
def app():
    return application(Pictures(), "stub", QUICK)


@pytest.fixture(scope="module")
def port(app):
    with running(app, QUICK) as port:
        yield port


def head(port, *lines, method="POST", path="/predict", token=TOKEN):
    told = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}", *lines]
    return "\r\n".join(told).encode() + b"\r\n\r\n"


def trickle(port, begin, more, every=0.05):
    """Send a beginning, then a byte now and then; what the server says, and after how many seconds it closes."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=FOREVER) as client:
        client.sendall(begin)
        client.settimeout(every)
        said = b""
        while time.monotonic() - started < FOREVER:
            try:
                client.sendall(more)
                part = client.recv(65536)
                if not part:
                    break
                said += part
            except TimeoutError:
                continue
            except OSError:
                break
        return said, time.monotonic() - started


# ---------------------------------------------------------------------------------------------------------------- slow
def test_a_connection_without_a_request_is_closed_without_a_word(port):
    assert talk(port, b"", FOREVER) == b""


@pytest.mark.parametrize("begin", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-a"])
def test_a_head_that_comes_byte_by_byte_is_not_waited_for(port, begin):
    said, seconds = trickle(port, begin, b"a")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert seconds < FOREVER / 2


def test_a_body_that_comes_byte_by_byte_is_not_waited_for(port, app):
    said, seconds = trickle(port, head(port, "Content-Type: image/png", "Content-Length: 100000"), b"a")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"did not come within 0.5 s" in said
    assert seconds < FOREVER / 2
    assert app.state.service.bodies.held == 0


def test_a_body_that_never_comes_is_not_waited_for(port):
    said = talk(port, head(port, "Content-Type: image/png", "Content-Length: 5"), FOREVER)
    assert said.startswith(b"HTTP/1.1 408 ")


def test_a_second_request_may_not_be_slow_either(port):
    with socket.create_connection(("127.0.0.1", port), timeout=FOREVER) as client:
        client.sendall(head(port, method="GET", path="/health"))
        said = b""
        while b"}" not in said:
            said += client.recv(65536)
        assert said.startswith(b"HTTP/1.1 200 ")
        client.sendall(b"GET /hea")
        assert until_closed(client).startswith(b"HTTP/1.1 408 ")


def test_an_honest_client_may_pause_between_requests_and_go_on(port):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=FOREVER)
    for _ in range(3):
        client.request("GET", "/health", headers=BEARER)
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status": "ok"}')
        time.sleep(QUICK.head / 3)
    client.close()


def test_a_request_at_work_is_not_hurried_by_the_deadline_of_its_head():
    waiting = Waiting()
    limits = Limits(head=1, leave=1)
    with running(application(waiting, "slow", limits), limits) as port, ThreadPoolExecutor(1) as clients:
        asked = clients.submit(fetch, port, b"\x00")
        time.sleep(2 * limits.head)
        waiting.go.set()
        assert asked.result(30)[0] == 200


def test_a_client_that_does_not_take_its_answer_is_cut_off():
    async def endless(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        await send({"type": "http.response.body"})

    with running(endless, QUICK) as port, socket.create_connection(("127.0.0.1", port), timeout=FOREVER) as client:
        client.sendall(head(port, method="GET", path="/"))
        server = psutil.Process()
        wait_until(lambda: connections_to(server, port) == 1)
        wait_until(lambda: connections_to(server, port) == 0)
        assert len(until_closed(client)) < 500 << 20


def connections_to(process, port):
    """Open connections of the server's side."""
    there = process.net_connections("tcp")
    return sum(one.status == "ESTABLISHED" and one.laddr.port == port for one in there)


# ---------------------------------------------------------------------------------------------------------------- many
def test_more_connections_than_allowed_are_told_so_or_closed_and_then_there_is_room_again():
    limits = Limits(head=60, connections=20, leave=1)  # no deadline closes them here
    with running(application(Pictures(), "stub"), limits) as port:
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(30)]
            said = talk(port, head(port, "Connection: close", method="GET", path="/health"), FOREVER)
            assert said.startswith(b"HTTP/1.1 503 ")
            clients += [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(30)]
            wait_until(lambda: connections_to(psutil.Process(), port) == 2 * limits.connections)
            assert len(clients) == 60
        wait_until(lambda: fetch(port, b"\x00")[0] == 200)


def test_five_hundred_clients_and_a_thousand_connections_leave_nothing_behind():
    limits = Limits(connections=600)
    own = psutil.Process()
    with running(application(Pictures(), "stub", limits), limits) as port:
        for _ in range(200):
            assert fetch(port, b"\x00")[0] == 200
        files, memory = own.num_fds(), own.memory_info().rss
        with ExitStack() as stack:
            clients = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=FOREVER)) for _ in range(500)
            ]
            for client in clients:
                client.sendall(head(port, method="GET", path="/health"))
            assert all(client.recv(100).startswith(b"HTTP/1.1 200 ") for client in clients)
        for _ in range(1000):
            socket.create_connection(("127.0.0.1", port), timeout=FOREVER).close()
        wait_until(lambda: own.num_fds() <= files)
        assert fetch(port, b"\x00")[0] == 200
        assert own.memory_info().rss - memory < 20 << 20


# --------------------------------------------------------------------------------------------------------------- large
@pytest.mark.parametrize("how", ["told", "chunked", "one line", "many headers", "one header"])
def test_a_hundred_megabytes_are_refused_and_take_no_memory(how):
    limits = Limits()
    own = psutil.Process()
    app = application(Pictures(), "stub", limits)
    with running(app, limits) as port:
        assert fetch(port, b"\x00")[0] == 200
        before, most, done = own.memory_info().rss, 0, threading.Event()

        def watch():
            nonlocal most
            while not done.wait(0.002):
                most = max(most, own.memory_info().rss)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            said = flood(port, how)
        finally:
            done.set()
            watcher.join()
        assert said[:13] in ((b"HTTP/1.1 413 ",) if how in ("told", "chunked") else (b"HTTP/1.1 400 ", b""))
        assert most - before < 32 << 20  # with what the other tests left; see test_serve_command.py
        assert app.state.service.bodies.held == 0
        assert fetch(port, b"\x00")[0] == 200


def flood(port, how, token=TOKEN):
    begin, chunk = {
        "told": (
            head(port, "Content-Type: application/json", f"Content-Length: {100 << 20}", token=token),
            bytes(1 << 16),
        ),
        "chunked": (
            head(port, "Content-Type: application/json", "Transfer-Encoding: chunked", token=token),
            b"10000\r\n" + bytes(1 << 16) + b"\r\n",
        ),
        "one line": (b"", b"G" * (1 << 16)),
        "many headers": (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 10_000),
        "one header": (b"GET / HTTP/1.1\r\nCookie: ", b"x" * (1 << 16)),
    }[how]
    with socket.create_connection(("127.0.0.1", port), timeout=FOREVER) as client:
        try:
            client.sendall(begin)
            for _ in range((100 << 20) >> 16):
                client.sendall(chunk)
        except OSError:  # it has been closed
            pass
        try:
            return client.recv(65536)
        except OSError:
            return b""


def test_who_asks_first_is_told_no_before_sending():
    """Expect: 100-continue, as curl says it before a large body."""
    with running(application(Pictures(), "stub")) as port:
        said = talk(
            port,
            head(
                port, "Content-Type: image/png", "Content-Length: 99999999", "Expect: 100-continue", "Connection: close"
            ),
        )
        assert said.startswith(b"HTTP/1.1 413 ")
        with socket.create_connection(("127.0.0.1", port), timeout=FOREVER) as client:
            client.sendall(head(port, "Content-Type: image/png", "Content-Length: 1", "Expect: 100-continue"))
            assert client.recv(100).startswith(b"HTTP/1.1 100 ")
            client.sendall(b"\x00")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_many_bodies_together_have_a_bound_too():
    limits = Limits(body_bytes=1 << 20, bodies_bytes=3 << 20, body=5)
    app = application(Pictures(), "stub", limits)
    with running(app, limits) as port, ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=FOREVER))
            client.sendall(head(port, "Content-Type: image/png", f"Content-Length: {1 << 20}") + bytes((1 << 20) - 1))
        wait_until(lambda: app.state.service.bodies.held >= (3 << 20) - 3)
        status, again, _ = fetch(port, bytes(1000))
        assert (status, again) == (503, "1")
        stack.close()
        wait_until(lambda: fetch(port, bytes(1000))[0] == 200)


# ----------------------------------------------------------------------------------------------------------- malformed
MALFORMED = {
    "noise": os.urandom(3000) + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "two lengths": b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length and chunks": b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a header that goes on": b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\nA\x00b: c\r\n\r\n",
    "bytes above ASCII in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "a version of its own": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_refused_and_the_server_goes_on(name, port, capfd, logged):
    said = talk(port, MALFORMED[name], FOREVER)
    assert said[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 505 ", b"HTTP/1.1 408 ", b"HTTP/1.1 421 "), said
    assert fetch(port, b"\x00")[0] == 200
    assert "Traceback" not in capfd.readouterr().err + logged.getvalue()


def test_a_request_behind_another_is_guarded_like_the_first(port):
    second = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    said = talk(port, head(port, method="GET", path="/health") + second, FOREVER)
    assert said.count(b"HTTP/1.1 200 ") == 1
    assert said.count(b"HTTP/1.1 401 ") == 1


def test_a_request_with_two_ideas_of_its_length_is_refused_and_what_follows_is_never_a_request(port):
    """Something in front that believes the other one would take the second request for a part of the first."""
    first = head(port, "Content-Type: image/png", "Content-Length: 6", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
    said = talk(port, first + head(port, method="GET", path="/health"), FOREVER)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


def test_a_websocket_is_refused_with_403_or_404_and_opens_nothing(port):
    upgrade = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    for origin, status in ((f"http://127.0.0.1:{port}", b"404"), ("http://evil.example", b"403")):
        said = talk(port, head(port, *upgrade, f"Origin: {origin}", method="GET", path="/ws"), FOREVER)
        assert said.startswith(b"HTTP/1.1 " + status)
        assert b"101" not in said.splitlines()[0]


# -------------------------------------------------------------------------------------------------------------- leaving
def test_a_server_that_is_asked_to_stop_answers_what_is_at_work():
    waiting = Waiting()
    limits = Limits(leave=20)
    with ThreadPoolExecutor(1) as clients:
        with running(application(waiting, "slow", limits), limits) as port:
            asked = clients.submit(fetch, port, b"\x00")
            assert waiting.begun.acquire(timeout=30)
            threading.Timer(0.5, waiting.go.set).start()
        assert asked.result(30)[0] == 200


def test_a_server_that_is_asked_to_stop_does_not_wait_for_ever():
    waiting = Waiting()
    limits = Limits(leave=1)
    with ThreadPoolExecutor(1) as clients:
        with running(application(waiting, "slow", limits), limits) as port:
            asked = clients.submit(fetch, port, b"\x00")
            assert waiting.begun.acquire(timeout=30)
        waiting.go.set()
        assert asked.result(30)[0] == 503
