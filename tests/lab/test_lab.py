"""The browser lab: who may do what on its one connection, how much it takes, and what survives a page that goes away."""

import asyncio
import contextlib
import gzip
import json
import math
import os
import re
import threading
import time
import tomllib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import Field
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from profundo.lab.calls import Call, Question
from profundo.lab.channels import Channel
from profundo.lab.conversation import Conversation
from profundo.lab.desks import KEPT, MOST_DESKS, Desks, Lab
from profundo.lab.lab_application import lab_application, parts
from profundo.lab.limits import Refusal
from profundo.lab.messages import encoded
from profundo.lab.server import LARGEST_MESSAGE
from profundo.lab.uploads import UploadLimits, Uploads, upload_path
from profundo.records import ProfundoError
from served import BEARER, COOKIE, HOST, TOKEN, VISITOR, ask, guarded, open_socket, running, scope

ROOT = Path(__file__).parent.parent.parent
LOOKS = {"authorization": f"Bearer {VISITOR}"}


class Number(Question):
    value: float = Field(ge=0, le=10)


def root(desk, asked):
    if asked.value == 7:
        raise ProfundoError(f"{desk.lab.runs}/seven has\nno root here")
    if asked.value == 8:
        raise ZeroDivisionError("a secret of ours")
    return {"root": math.sqrt(asked.value), "array": np.array([[1.5, -2]]), "nan": math.nan}


def keep(desk, asked):
    desk.state("kept", lambda: Kept(asked.value))
    return {}


def recall(desk, _):
    kept = desk.state("kept", lambda: Kept(-1.0))
    channel = desk.channel("news")
    for count in range(20):
        channel.offer({"count": count, "kept": kept.value})
    return {"kept": kept.value}


class Kept:
    def __init__(self, value):
        self.value, self.closed = value, False

    def close(self):
        self.closed = True


CALLS = {"root": Call(Number, root), "keep": Call(Number, keep, changes=True), "recall": Call(Number, recall)}


@pytest.fixture
def here(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "uploads").mkdir()
    return Lab(tmp_path / "runs", tmp_path / "uploads")


@pytest.fixture
def app(here):
    made = lab_application(here, CALLS)
    yield made
    made.state.service.close()


@pytest.fixture
def port(app):
    with running(app, sockets=True) as port:
        yield port


@contextmanager
def page(port, desk="", token=TOKEN, origin=None):
    headers = {"Authorization": f"Bearer {token}"}
    with connect(
        f"ws://127.0.0.1:{port}/socket", additional_headers=headers, origin=origin or f"http://127.0.0.1:{port}"
    ) as socket:
        socket.send(json.dumps({"open": desk}))
        yield socket, json.loads(socket.recv(5))


def answer(socket, name, number=1, **given):
    socket.send(json.dumps({"id": number, "call": name, "with": given}))
    while True:
        told = socket.recv(5)
        if isinstance(told, bytes):
            return decoded(told)
        if "id" in (message := json.loads(told)):
            return message


def refusal(socket, name, language="en", **given):
    """A refusal as a page in that language shows it."""
    line = answer(socket, name, **given)["refused"]
    return line if isinstance(line, str) else line[language]


def decoded(message):
    """By the format as profundo.lab.messages states it."""
    length = int.from_bytes(message[:4], "little")
    head = json.loads(message[4 : 4 + length])
    assert (4 + length) % 8 == 0

    def filled(value):
        if isinstance(value, dict) and "$array" in value:
            kind, shape, offset = value["$array"]
            return np.frombuffer(message, kind, math.prod(shape), 4 + length + offset).reshape(shape)
        if isinstance(value, dict):
            return {name: filled(item) for name, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value

    return filled(head)


# ----------------------------------------------------------------------------------------------------------- who may come
def test_nothing_of_the_lab_answers_without_a_token(app):
    places = [
        route.path.replace("{name}", "index.js").replace("{place:path}", "runs/a/report.html") for route in app.routes
    ]
    assert {"/", "/socket", "/uploads"} <= set(places)
    for place in places:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            for headers in ({}, {"cookie": f"{COOKIE}=wrong"}, {"authorization": "Bearer "}):
                assert ask(guarded(app), method, place, headers).status == 401
        assert open_socket(guarded(app), place, {"origin": f"http://{HOST}"})[0]["type"] == "websocket.close"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example", "http://127.0.0.1:1"]
)
def test_no_page_of_another_site_opens_the_connection(port, origin):
    with pytest.raises(InvalidStatus, match="403"), page(port, origin=origin):
        pass


def test_a_visitor_looks_and_changes_nothing(app, port):
    with page(port, token=VISITOR) as (socket, hello):
        assert hello["role"] == "visitor"
        assert answer(socket, "root", value=4.0)["answer"]["root"] == 2
        assert "shared to look at" in refusal(socket, "keep", value=4.0)
    assert ask(guarded(app), "POST", "/uploads?name=a.csv", LOOKS, b"x").status == 403
    entry = ask(guarded(app), "GET", f"/?token={VISITOR}")
    assert entry.status == 303
    assert VISITOR in entry.header("set-cookie")


def test_of_a_page_that_never_reads_no_more_than_some_questions_are_taken(here):
    class Mute:
        """A socket that asks for ever and takes no answer."""

        taken = 0

        async def accept(self): ...

        async def receive(self):
            self.taken += 1
            first = {"open": ""} if self.taken == 1 else {"id": self.taken, "call": "root", "with": {"value": 1}}
            return {"type": "websocket.receive", "text": json.dumps(first)}

        async def send_text(self, _):
            if self.taken > 1:
                await asyncio.sleep(3600)

        send_bytes = send_text

    async def course():
        socket, threads = Mute(), ThreadPoolExecutor(1)
        conversation = Conversation(socket, "visitor", Desks(here), CALLS, threads, threads)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(conversation.hold(), 0.5)
        threads.shutdown()
        return socket.taken

    assert asyncio.run(course()) <= 35


# -------------------------------------------------------------------------------------------------------------- questions
def test_a_question_is_answered_in_numbers_and_arrays_or_refused_in_one_line(port):
    with page(port) as (socket, _):
        told = answer(socket, "root", value=2)["answer"]
        assert told["root"] == math.sqrt(2)
        assert told["array"].tolist() == [[1.5, -2]]
        assert told["nan"] is None
        for given, line in (
            ({"value": 11}, "value: expected at most 10; got 11"),
            ({"value": "4"}, "value: expected a number; got '4'"),
            ({}, "root: value: Field required"),
            ({"value": 1, "more": 2}, "root: more: Extra inputs are not permitted"),
            ({"value": 7}, "runs/seven has no root here"),
        ):
            assert refusal(socket, "root", **given).startswith(line)
        failed = refusal(socket, "root", value=8)
        assert "secret" not in failed
        assert "mistake" in failed
        assert refusal(socket, "root", language="ca", value=11) == "value: s’espera com a molt 10; s’ha rebut 11"
        for name in ("no", "", None, ["root"], "__class__"):
            assert "no such call" in refusal(socket, name)


@pytest.mark.parametrize(
    "sent", ["", "no", "[]", "[" * 5000, '{"id": 1}', '{"id": "a", "call": "root", "with": {}}', b"\0\1", "null"]
)
def test_what_is_no_message_ends_the_connection_and_nothing_else(port, sent):
    with page(port) as (socket, _):
        socket.send(sent)
        with pytest.raises(ConnectionClosed):
            socket.recv(5)
        assert socket.close_code == 1003
    with page(port) as (socket, _):
        assert answer(socket, "root", value=9)["answer"]["root"] == 3


def test_a_message_too_large_closes_with_1009(port):
    with page(port) as (socket, _):
        socket.send(" " * (LARGEST_MESSAGE + 1))
        with pytest.raises(ConnectionClosed):
            socket.recv(5)
        assert socket.close_code == 1009


def test_a_page_that_asks_much_at_once_is_answered_in_turn(port):
    with page(port) as (socket, _):
        for number in range(400):
            socket.send(json.dumps({"id": number, "call": "x" * 5000, "with": {}}))
        answers = [json.loads(socket.recv(5)) for _ in range(400)]
    assert {answer["id"] for answer in answers} == set(range(400))
    assert max(len(line) for answer in answers for line in answer["refused"].values()) < 200


def test_names_of_files_are_never_taken_for_arrays():
    told = json.loads(encoded({"$array": ["float32", [1e9], 0], "$$x": 1, "a": {"$array": None}}))
    assert told == {"$$array": ["float32", [1e9], 0], "$$$x": 1, "a": {"$$array": None}}


def test_a_message_holds_numbers_as_they_are():
    told = decoded(
        encoded(
            {
                "half": torch.tensor([[0.5, math.inf]], dtype=torch.bfloat16),
                "bytes": np.arange(7, dtype=np.uint8),
                "whole": torch.arange(3),
                "flags": np.array([True, False]),
                "words": ("a", Path("b")),
                "none": np.float64("nan"),
            }
        )
    )
    assert told["half"].tolist() == [[0.5, math.inf]]
    assert told["bytes"].tolist() == [*range(7)]
    assert told["whole"].dtype == np.int32
    assert told["flags"].tolist() == [1, 0]
    assert told["words"] == ["a", "b"]
    assert told["none"] is None


# ------------------------------------------------------------------------------------------------------ pages come and go
def test_a_page_that_is_loaded_again_finds_its_desk_and_another_tab_has_its_own(port):
    with page(port) as (socket, hello):
        answer(socket, "keep", value=3.0)
    with page(port, hello["opened"]) as (socket, again), page(port, hello["opened"]) as (other, beside):
        assert again["opened"] == hello["opened"] != beside["opened"]
        assert answer(socket, "recall", value=0)["answer"]["kept"] == 3
        assert answer(other, "recall", value=0)["answer"]["kept"] == -1
    with page(port, hello["opened"], token=VISITOR) as (_, visitor):
        assert visitor["opened"] != hello["opened"]


def test_desks_that_nobody_sits_at_are_cleared_and_their_number_has_an_end(here):
    desks = Desks(here)
    first = desks.open("", "owner")
    kept = first.state("kept", lambda: Kept(1))
    first.left -= KEPT + 1
    desks.open("", "owner")
    for thread in here.threads:  # that clear up beside the event loop
        thread.join(10)
    assert kept.closed
    held = [desks.open("", "owner") for _ in range(MOST_DESKS["owner"] - 1)]
    for desk in held:
        desk.is_open = True
    last = desks.open("", "owner")  # in the place of the one that was left longest ago
    last.is_open = True
    with pytest.raises(Refusal, match="pages are open already"):
        desks.open("", "owner")
    assert desks.open("", "visitor").role == "visitor"  # a class locks no teacher out, nor the other way
    held[3].is_open = False
    assert desks.open(held[3].name, "owner") is held[3]


def test_a_slow_page_misses_values_and_is_never_behind_by_more_than_two(port):
    with page(port) as (socket, _):
        socket.send(json.dumps({"id": 1, "call": "recall", "with": {"value": 0}}))
        first = [json.loads(socket.recv(5)) for _ in range(3)]  # the answer, and two values at most
        assert sorted("channel" in message for message in first) == [False, True, True]
        with pytest.raises(TimeoutError):
            socket.recv(0.3)
        socket.send(json.dumps({"channel": "news", "seen": 2}))
        assert json.loads(socket.recv(5))["value"]["count"] == 19  # all between are gone


def test_a_channel_says_when_another_value_would_be_seen():
    async def course():
        sent = []

        async def send(message):
            sent.append(json.loads(message)["value"])

        channel = Channel("c", asyncio.get_running_loop(), send)
        for value in range(5):
            assert channel.free == (value < 2)
            channel.offer(value)
            await asyncio.sleep(0)
        assert not channel.wait(0.01)
        channel.seen(99)  # more than there were
        await asyncio.sleep(0.01)
        return sent, channel.free

    assert asyncio.run(course()) == ([0, 1, 4], True)


def test_many_pages_leave_nothing_behind(port):
    before = threading.active_count()
    for _ in range(60):
        with page(port) as (socket, _):
            assert answer(socket, "root", value=1)["answer"]["root"] == 1
    time.sleep(0.1)
    assert threading.active_count() <= before + 3


# ----------------------------------------------------------------------------------------------------- the page, and files
def test_the_page_comes_in_the_language_that_is_preferred_and_its_parts_packed(app, here):
    for asked, language in (("es-AR,en;q=0.5", "es"), ("de", "en"), ("", "en")):
        told = ask(guarded(app), "GET", "/", {**BEARER, "accept-language": asked})
        assert f'<html lang="{language}"' in told.body.decode()
        assert "script-src 'self'" in told.header("content-security-policy")
    chosen = lab_application(here, CALLS, "ca")
    assert b'lang="ca"' in ask(guarded(chosen), "GET", "/", {**BEARER, "accept-language": "es"}).body
    plain, packed = (
        ask(guarded(app), "GET", "/assets/index.js", {**BEARER, "accept-encoding": coding}) for coding in ("", "gzip")
    )
    assert gzip.decompress(packed.body) == plain.body == parts()["index.js"]


def test_the_licences_of_what_is_bundled_go_with_it(app):
    told = ask(guarded(app), "GET", "/assets/NOTICES.txt", BEARER)
    text = told.body.decode()
    needed = json.loads((ROOT / "web" / "package.json").read_text("utf-8"))["dependencies"]
    assert {"preact", "three", "uplot"} <= needed.keys()
    for name in needed:
        (notice,) = re.findall(rf"^{re.escape(name)} [0-9.]+ \(MIT\)\n(.*?)(?:^-{{80}}$|\Z)", text, re.M | re.S)
        assert "Copyright" in notice
        assert "Permission is hereby granted" in notice


def test_the_source_distribution_has_what_the_page_is_built_from():
    chosen = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["sdist"]
    assert "web" in chosen["include"]
    assert "web/node_modules" in chosen["exclude"]


@pytest.mark.parametrize(
    "place",
    [
        "/assets/../index.html", "/assets/%2e%2e/serve.js", "/assets/index.html", "/assets/", "/assets/nothing.js",
        "/files/runs/../secret/report.html", "/files/runs/%2e%2e/report.html", "/files/runs/a/model.json",
        "/files/runs/linked/report.html", "/files/runs/a%00/report.html", "/files/downloads/../../etc/passwd",
        "/files/downloads/notours.py", "/files/", "/files/runs/through/report.html",
    ],
)  # fmt: skip
def test_nothing_else_of_the_machine_is_given_out(app, here, place):
    secret = here.runs.parent / "secret"
    secret.mkdir()
    (secret / "report.html").write_text("secret")
    (here.runs / "linked").symlink_to(secret)
    (here.runs / "through").mkdir()
    (here.runs / "through" / "report.html").symlink_to(secret / "report.html")
    (here.runs / "a").mkdir()
    (here.runs / "a" / "model.json").write_text("{}")
    told = ask(guarded(app), "GET", place, BEARER)
    assert told.status == 404
    assert b"secret" not in told.body


def test_a_report_has_no_rights(app, here):
    (here.runs / "a b").mkdir()
    (here.runs / "a b" / "report.html").write_text("<script>alert(1)</script>")
    told = ask(guarded(app), "GET", "/files/runs/a%20b/report.html", BEARER)
    assert told.status == 200
    policy = told.header("content-security-policy")
    assert policy.startswith("sandbox")
    assert "script-src" not in policy
    assert "allow-scripts" not in policy


def test_a_report_of_any_size_is_sent_piece_by_piece(app, here):
    (here.runs / "hostile").mkdir()
    with (here.runs / "hostile" / "report.html").open("wb") as file:
        file.truncate(20_000_000)  # which takes no room on the disk
    tracemalloc.start()
    try:
        sent = 0

        async def receive():
            await asyncio.sleep(3600)

        async def send(message):
            nonlocal sent
            sent += len(message.get("body", b""))

        asyncio.run(
            guarded(app)(
                scope("http", "/files/runs/hostile/report.html", BEARER, HOST) | {"method": "GET"}, receive, send
            )
        )
        assert sent == 20_000_000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_uploads_are_counted_as_they_come_and_named_by_us(app, here):
    app.state.service.uploads.limits = UploadLimits(bytes=10, all_bytes=25)
    for name in ("a.csv", "../../x.tar.gz", "%00.csv", "no suffix"):
        told = ask(guarded(app), "POST", f"/uploads?name={name}", BEARER, [b"12345", b"6"])
        assert told.status == 200, told.body
        kept = here.uploads / told.json["name"]
        assert kept.parent == here.uploads
        assert kept.read_bytes() == b"123456"
        assert kept.stat().st_mode & 0o077 == 0
    for body, headers in (([b"x" * 6, b"x" * 6], BEARER), (b"x", {**BEARER, "content-length": "11"})):
        [file.unlink() for file in here.uploads.iterdir()]
        assert ask(guarded(app), "POST", "/uploads?name=b", headers, body).status == 413
        assert list(here.uploads.iterdir()) == []


def test_for_a_new_upload_those_go_that_were_used_longest_ago(app, here):
    app.state.service.uploads.limits = UploadLimits(bytes=10, all_bytes=25)
    (here.uploads / "asked-0123456789abcdef.yaml").write_bytes(b"of no page")

    def sent(size):
        headers = {**BEARER, "content-length": str(size)}
        return ask(guarded(app), "POST", "/uploads?name=a", headers, b"x" * size).json["name"]

    first, second, third = (sent(8) for _ in range(3))
    for age, name in enumerate((third, second, first)):
        os.utime(here.uploads / name, (age, age))
    assert upload_path(here, third)  # it is looked at, and so stays
    fourth = sent(8)
    assert {path.name for path in here.uploads.iterdir()} == {first, third, fourth, "asked-0123456789abcdef.yaml"}


def test_uploads_on_their_way_have_their_room_already(here):
    uploads = Uploads(here.uploads, UploadLimits(bytes=10, all_bytes=25))
    assert [uploads.reserve(name, told) for name, told in (("a", "10"), ("b", None))] == [10, 10]
    with pytest.raises(Refusal, match="other files are on their way"):
        uploads.reserve("c", "6")
    del uploads.arriving["a"]
    assert uploads.reserve("c", "6") == 6


def test_who_leaves_in_the_middle_of_an_upload_leaves_nothing_behind(app, here, logged):
    parts = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(guarded(app)(scope("http", "/uploads?name=a", BEARER, HOST) | {"method": "POST"}, receive, send))
    assert sent[0]["status"] == 499
    assert logged.getvalue() == ""
    assert list(here.uploads.iterdir()) == []
    assert app.state.service.uploads.arriving == {}
