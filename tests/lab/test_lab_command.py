"""`profundo lab` as a person starts it: its address, its tokens, its folder of runs, and its end."""

import http.client
import json
import os
import re
import signal
import socket
import stat
import time
from pathlib import Path

import psutil
import pytest
from websockets.sync.client import connect

from profundo.lab import lab_server
from programs import PATIENCE, program


def started(runs, *options, number=signal.SIGTERM, browser=None):
    words = ["lab", "--runs", str(runs), "--port", "0", "--json", *options, *([] if browser else ["--no-browser"])]
    return program(*words, number=number, env=os.environ | ({"BROWSER": f"{browser} %s"} if browser else {}))


def wait_until(holds):
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_plays_and_ends_in_good_order_and_its_token_is_in_a_file_of_its_owner_only(tmp_path):
    runs, browser, opened = tmp_path / "new" / "runs", tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$@" > {opened}')
    browser.chmod(0o700)
    with started(runs, "--share", "--lang", "ca", browser=browser) as process:
        port = int(re.search(r":(\d+)/", process.told["url"])[1])
        kept = Path(process.told["token_file"])
        token = kept.read_text().strip()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert all(token not in word for word in psutil.Process(process.pid).cmdline())
        leading = runs / f"open-lab-{port}.html"
        wait_until(opened.exists)
        assert opened.read_text().strip() == leading.as_uri()  # so the token is in no list of processes
        assert stat.S_IMODE(leading.stat().st_mode) == 0o600
        assert f'url={process.told["url"]}?token={token}"' in leading.read_text()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        client.request("GET", "/", headers={"authorization": f"Bearer {token}"})
        assert b'lang="ca"' in client.getresponse().read()
        client.close()
        headers = {"Authorization": f"Bearer {token}"}
        with connect(
            f"ws://127.0.0.1:{port}/socket", additional_headers=headers, origin=f"http://127.0.0.1:{port}"
        ) as page:
            page.send('{"open": ""}')
            assert json.loads(page.recv(5))["role"] == "owner"
            page.send('{"id": 1, "call": "playground.open", "with": {"query": "data=xor"}}')
            answers = [page.recv(20) for _ in range(2)]
            assert any(b'"query":"data=xor"' in one for one in answers if isinstance(one, bytes))
            page.send('{"id": 3, "call": "playground.examine", "with": {"seconds": 60.0}}')  # which nothing interrupts
            page.send('{"id": 4, "call": "playground.pace", "with": {"speed": "fast"}}')
            while b'"id":4' not in bytes(str(page.recv(20)), "utf-8"):
                pass
            began = time.monotonic()
    assert process.returncode == 143
    assert time.monotonic() - began < 30  # of the 60
    assert token not in process.out + process.err
    assert "Traceback" not in process.err
    assert not kept.exists()
    assert not leading.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--lang", "de"), "expected en, es, ca, pt"),
        (("--port", "70000"), "--port 70000: expected 0 to 65535"),
        (("--runs", "file"), "file: expected a folder for trainings"),
        (("--token-file", "short"), "expected a token of 16 to 512"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(refused, tmp_path, words, says):
    (tmp_path / "file").write_text("x")
    (tmp_path / "short").write_text("abc")
    (tmp_path / "short").chmod(0o600)
    refused("lab", "--no-browser", "--port", "0", *words, cwd=tmp_path, says=[says])


@pytest.mark.parametrize(
    ("family", "expected"),
    [(socket.AF_INET, ["http://10.0.0.7:9/"]), (socket.AF_INET6, ["http://[2001:db8::7]:9/", "http://[fe80::7]:9/"])],
)
def test_visitors_are_told_only_of_addresses_that_are_listened_at(monkeypatch, family, expected):
    known = ["127.0.1.1", "10.0.0.7", "::1", "2001:db8::7", "10.0.0.7", "fe80::7%eth0"]
    monkeypatch.setattr(lab_server, "own_addresses", lambda: known)
    assert lab_server.entries(family, 9, "secret") == tuple(f"{url}?token=secret" for url in expected)
    assert lab_server.entries(family, 9, None) == ()
