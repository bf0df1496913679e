"""Shards and tables over HTTP: the same data, one pass before training, and one a epoch."""

import http.server
import importlib.util
import os
import socket
import threading
from functools import partial
from pathlib import Path

import polars
import pytest
import torch

from profundo.data import load
from profundo.data.batches import batches
from profundo.data.streams import addresses
from profundo.records import ProfundoError
from shard_files import write_shards


@pytest.fixture(autouse=True)
def _needs_aiohttp():
    reason = 'pip install "profundo[remote]" to read over HTTP'
    if importlib.util.find_spec("aiohttp") is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)


class Server(http.server.BaseHTTPRequestHandler):
    """Serves parts of files, with a tag, as object stores do; `sent` has the bytes of each answer."""

    protocol_version = "HTTP/1.1"
    sent: list[int]
    parts = True

    def do_HEAD(self):
        self.answer(head=True)

    def do_GET(self):
        self.answer(head=False)

    def answer(self, head):
        path = Path(self.root, self.path.lstrip("/"))
        if not path.is_file():
            return self.send_error(404)
        content, asked = path.read_bytes(), self.headers.get("Range")
        begin, end = 0, len(content)
        if asked and self.parts:
            low, high = asked.removeprefix("bytes=").split("-")
            begin, end = (int(low), min(int(high or end - 1) + 1, end)) if low else (max(0, end - int(high)), end)
        self.send_response(206 if asked and self.parts else 200)
        self.send_header("Content-Length", str(end - begin))
        self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes" if self.parts else "none")
        self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        self.end_headers()
        if not head:
            self.sent.append(end - begin)
            self.wfile.write(content[begin:end])
        return None

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server(tmp_path):
    """(address, the handler class)."""
    handler = type("Serving", (Server,), {"root": tmp_path, "sent": []})
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler))
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}", handler
    serving.shutdown()
    serving.server_close()


def test_shards_over_http_are_those_on_the_disk_and_read_once(tmp_path, server):
    address, handler = server
    write_shards(tmp_path / "s", shards=4, each=50, size=(40, 30))
    near = load(tmp_path / "s", stream=True)
    far = load(f"{address}/s/shard-{{000..003}}.tar", stream=True)
    assert far.spec == near.spec
    assert far.facts == near.facts
    stored = sum(path.stat().st_size for path in (tmp_path / "s").glob("*.tar"))
    assert stored <= sum(handler.sent) < 1.05 * stored  # index and statistics in one pass, and the first image
    handler.sent.clear()
    load(f"{address}/s/shard-{{000..003}}.tar", stream=True)
    assert sum(handler.sent) < 0.05 * stored  # the rest is in the cache
    handler.sent.clear()
    one, other = (list(batches(data.train, data.spec, 16, seed=1).epoch(0)) for data in (near, far))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(one, other, strict=True))
    assert sum(handler.sent) <= stored


def test_a_table_over_http_is_that_on_the_disk(tmp_path, server):
    address, _ = server
    frame = polars.DataFrame(
        {"x": range(5000), "z": [n * n % 97 for n in range(5000)], "y": [n % 7 / 7 for n in range(5000)]}
    )
    frame.write_parquet(tmp_path / "t.parquet", row_group_size=500)
    far, near = (load(f"{at}/t.parquet", target="y", stream=True) for at in (address, tmp_path))
    assert far.facts == near.facts
    one, other = (next(iter(batches(data.train, data.spec, 64).epoch(0))) for data in (near, far))
    assert torch.equal(one.inputs, other.inputs)


def test_a_server_that_sends_no_parts_or_has_no_file_is_an_error_in_one_line(tmp_path, server):
    address, handler = server
    write_shards(tmp_path / "s", shards=1)
    with pytest.raises(ProfundoError, match="found nothing there"):
        load(f"{address}/s/none.tar")
    handler.parts = False
    with pytest.raises(ProfundoError, match="does not serve parts") as caught:
        load(f"{address}/s/shard-000.tar")
    assert "\n" not in str(caught.value)


def test_a_server_that_never_answers_is_left(monkeypatch):
    pytest.importorskip("aiohttp", reason='pip install "profundo[remote]" to read over HTTP')
    monkeypatch.setattr(addresses, "SILENT", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))  # takes calls into its queue, and says nothing
    with silent, pytest.raises(ProfundoError) as error:
        load(f"http://127.0.0.1:{silent.getsockname()[1]}/train-0.tar")
    assert "\n" not in str(error.value)
    assert "imeout" in str(error.value)
