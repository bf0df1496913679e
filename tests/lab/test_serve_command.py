"""`profundo serve` as a person starts it: its address, its token, its end, and that it says what `profundo predict` says."""

import contextlib
import http.client
import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from test_connections import flood

from profundo.lab.listening import bind, hosts, url
from profundo.lab.tokens import new_token, own_token, temporary_file
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
from profundo.use.predicting import predictor
from programs import PATIENCE, forked, program
from served import TOKEN

COMMAND = [sys.executable, "-m", "profundo"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "wine-1"
    train(new_experiment(data="wine", epochs=2, device="cpu"), out=folder)
    return folder


def words(run, *options):
    return ("serve", str(run), "--port", "0", "--json", *options)


def ask(process, method, path, body=None, **headers):
    port = int(re.search(r":(\d+)/", process.told["url"])[1])
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    token = Path(process.told["token_file"]).read_text().strip()
    client.request(method, path, body, {"authorization": f"Bearer {token}", **headers})
    answer = client.getresponse()
    content = answer.read()
    client.close()
    return answer.status, json.loads(content)


def test_it_says_what_the_network_says_and_ends_in_good_order(run):
    from profundo import load

    data = load("wine")
    names = data.spec.inputs.names
    rows = [dict(zip(names, row.tolist(), strict=True)) for row in data.test.inputs[:20]]
    before = {path.name for path in run.iterdir()}
    with program(*words(run)) as process:
        status, told = ask(
            process, "POST", "/predict", json.dumps({"rows": rows}), **{"content-type": "application/json"}
        )
        assert status == 200
        expected = predictor(run).rows(rows)
        assert [one["prediction"] for one in told["predictions"]] == [one["prediction"] for one in expected]
        for one, other in zip(told["predictions"], expected, strict=True):
            assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)
        status, card = ask(process, "GET", "/model")
        assert card["card"]["scores"]["test"] == json.loads((run / "scores.json").read_text())["test"]
        assert psutil.Process(process.pid).children(recursive=True) == []
    assert process.returncode == 143
    assert "Traceback" not in process.err
    assert {path.name for path in run.iterdir()} == before


@pytest.mark.slow
def test_the_token_is_in_a_file_of_its_owner_and_nowhere_else(run, tmp_path):
    kept = tmp_path / "token"
    both = program(*words(run), number=signal.SIGINT), forked(tmp_path, *words(run, "--token-file", str(kept)))
    with both[0] as process, both[1] as other:
        own = Path(process.told["token_file"])
        token = own.read_text().strip()
        assert stat.S_IMODE(own.stat().st_mode) == 0o600
        assert len(token) >= 43
        assert ask(process, "GET", "/health") == (200, {"status": "ok"})
        about = psutil.Process(process.pid)
        assert token not in " ".join(about.cmdline())
        assert token not in str(about.environ())
        with contextlib.suppress(http.client.HTTPException, json.JSONDecodeError):
            ask(process, "GET", f"/?token={token}")
        assert process.told["url"] != other.told["url"]
        assert other.told["token_file"] == str(kept)
        others = own_token(kept)
        assert ask(other, "GET", "/health")[0] == 200
        assert ask(other, "GET", "/health", authorization=f"Bearer {token}")[0] == 401
    assert process.returncode == 130
    assert token not in process.out + process.err
    assert not own.exists()
    assert own_token(kept) == others  # is there for the next time
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_terminal_is_shown_the_address_with_the_token_once(run):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "serve", str(run), "--port", "0"], stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL
    )
    os.close(theirs)
    shown = ""
    try:
        while "Ctrl-C" not in shown:
            shown += os.read(ours, 4096).decode()
        address, token = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)", shown).groups()
        assert shown.count(token) == 1
        client = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
        client.request("GET", f"/?token={token}")
        answer = client.getresponse()
        assert answer.status == 303
        assert answer.read() == b""
        client.request("GET", "/", headers={"cookie": answer.headers["set-cookie"].partition(";")[0]})
        assert b"<h1>wine-1</h1>" in client.getresponse().read()
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 143
        os.close(ours)


@pytest.mark.slow
def test_a_hundred_megabytes_in_chunks_take_less_than_twenty_of_memory(run, tmp_path):
    with forked(tmp_path, *words(run)) as process:
        about = psutil.Process(process.pid)
        assert ask(process, "GET", "/health")[0] == 200
        port = int(re.search(r":(\d+)/", process.told["url"])[1])
        token = Path(process.told["token_file"]).read_text().strip()
        for how in ("told", "chunked", "one header"):
            before = most = about.memory_info().rss
            answer = flooding(port, token, how, about)
            most = max(most, answer[1])
            assert most - before < 20 << 20, how
            assert answer[0][:13] in (b"HTTP/1.1 413 ", b"HTTP/1.1 400 ", b"")
        assert ask(process, "GET", "/health")[0] == 200


def flooding(port, token, how, about):
    """What the server says to 100 MB, and the most memory that it had meanwhile."""
    import threading

    most, done = 0, threading.Event()

    def watch():
        nonlocal most
        while not done.wait(0.002):
            most = max(most, about.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return flood(port, how, token), most
    finally:
        done.set()
        watcher.join()


# ------------------------------------------------------------------------------------------------------------- refusals
def test_what_cannot_be_served_is_told_in_one_line(run, tmp_path, refused):
    refused("serve", "nothing", cwd=tmp_path, says=["expected a run's folder"])
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "experiment.yaml").write_text((run / "experiment.yaml").read_text())
    refused("serve", "unfinished", "--port", "0", cwd=tmp_path, says=["not finished"])
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "experiment.yaml").write_text("recipe: xor\n")
    refused("serve", "recipe", "--port", "0", cwd=tmp_path, says=["recipe"])


def test_a_port_that_is_taken_is_told_in_one_line(run, tmp_path, refused):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        port = holder.getsockname()[1]
        refused("serve", run, "--port", port, cwd=tmp_path, says=[f"127.0.0.1:{port}", "--port"])


def test_other_machines_are_let_in_only_on_purpose():
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(ProfundoError, match="public"):
            bind(host, 0, public=False)
    for host in ("127.0.0.1", "localhost", "127.8.8.8"):
        bind(host, 0, public=False).close()
    with bind("0.0.0.0", 0, public=True) as open_to_all:
        assert open_to_all.getsockname()[0] == "0.0.0.0"


def test_answers_do_not_wait_for_the_acknowledgement_of_their_first_part():
    """asyncio turns Nagle's algorithm off for sockets that name TCP, and for no others."""
    with bind("127.0.0.1", 0, public=False) as listening:
        assert listening.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("no.such.host.invalid", 0, "address"),
        ("127.0.0.1", 65536, "65535"),
        ("127.0.0.1", -1, "65535"),
        ("192.0.2.1", 0, "cannot be listened at"),
        ("a" * 300, 0, "address"),
        ("\udcff", 0, "address"),
    ],
)
def test_an_address_that_is_none_is_told(host, port, words):
    with pytest.raises(ProfundoError, match=words) as caught:
        bind(host, port, public=True)
    assert "\n" not in str(caught.value)


def test_the_hosts_that_are_answered_are_those_that_lead_here_with_the_port():
    with bind("127.0.0.1", 0, public=False) as listening:
        port = listening.getsockname()[1]
        assert hosts(listening, "127.0.0.1") == {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        more = hosts(listening, "127.0.0.1", ["Models.Example.org", "[::2]:80", "box:8080"])
        assert {"models.example.org", "[::2]:80", "box:8080"} < more
    with bind("0.0.0.0", 0, public=True) as listening:
        port = listening.getsockname()[1]
        assert f"{socket.gethostname().lower()}:{port}" in hosts(listening, "0.0.0.0")
        assert all(name.endswith(f":{port}") for name in hosts(listening, "0.0.0.0"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "*",
        "*.example.org",
        "http://example.org",
        "example.org/",
        "a b",
        "a:99999999",
        "-",
        "é.example",
        "a\nb",
        "::1",
    ],
)
def test_a_further_host_must_be_written_as_browsers_write_it(name):
    with bind("127.0.0.1", 0, public=False) as listening, pytest.raises(ProfundoError, match="name"):
        hosts(listening, "127.0.0.1", [name])


def test_addresses_of_ipv6_stand_in_brackets():
    assert url("::1", 8000) == "http://[::1]:8000/"
    assert url("127.0.0.1", 80) == "http://127.0.0.1:80/"


# --------------------------------------------------------------------------------------------------------------- tokens
def test_tokens_have_256_bits_and_never_repeat():
    made = {new_token() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in made)  # 43 · 6 bits > 256


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"x" * 5000,
        b"a token with spaces in it",
        b"a-good-token-on\r\ntwo-lines-of-it",
        b"\xff" * 40,
        b"\x00" * 40,
        b"a;cookie=injected;x=1234567890",
    ],
)
def test_a_file_that_holds_no_token_is_refused(content, tmp_path):
    kept = tmp_path / "token"
    kept.touch(0o600)
    kept.write_bytes(content)
    with pytest.raises(ProfundoError, match="expected a token"):
        own_token(kept)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666, 0o601])
def test_a_token_that_others_may_read_is_refused(mode, tmp_path):
    kept = tmp_path / "token"
    kept.write_text(TOKEN)
    kept.chmod(mode)
    with pytest.raises(ProfundoError, match="chmod 600"):
        own_token(kept)
    kept.chmod(0o400)
    assert own_token(kept) == TOKEN


def test_what_is_no_file_is_no_token_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(ProfundoError, match="something else"):
            own_token(path)
    with pytest.raises(ProfundoError, match="cannot be kept"):
        own_token(tmp_path / "no" / "such" / "folder")


def test_a_temporary_file_replaces_what_a_killed_server_left_and_follows_no_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    kept = tmp_path / ".token-8000"
    kept.symlink_to(victim)
    with temporary_file(kept, TOKEN) as path:
        assert path == kept
        assert not kept.is_symlink()
        assert kept.read_text().strip() == TOKEN
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not kept.exists()
    assert victim.read_text() == "mine"


def test_where_nothing_can_be_written_there_is_no_file(tmp_path):
    with temporary_file(tmp_path / "no" / "folder" / ".token-1", TOKEN) as path:
        assert path is None


# ---------------------------------------------------------------------------------------------------------------- house
def test_the_command_line_does_not_import_a_server_before_it_serves():
    heavy = "('torch', 'starlette', 'uvicorn', 'h11', 'jinja2')"
    code = f"import sys, profundo.cli; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_wheel_holds_the_page_with_its_script_and_style():
    """From where it is installed; and the build takes whole folders, so what is there is in the wheel."""
    import tomllib
    from importlib.resources import files

    static = files("profundo.lab").joinpath("static")
    for name in ("serve.html", "serve.js", "serve.css"):
        assert len(static.joinpath(name).read_text("utf-8")) > 1000
    told = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert told["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["src/profundo"]}


@pytest.mark.slow
def test_the_script_is_valid():
    """Node reads it, where there is Node."""
    import shutil

    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node to read the script with")
    script = Path(__file__).parents[2] / "src/profundo/lab/static/serve.js"
    assert subprocess.run([node, "--check", str(script)], capture_output=True).returncode == 0
