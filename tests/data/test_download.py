"""Downloads, from a server on this machine: only a file that is whole and right gets its name."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading

import numpy as np
import pytest
import torch

from profundo.data import load, loading
from profundo.data.cache import cache_folder
from profundo.data.cifar import cifar10_binary
from profundo.data.download import fetch
from profundo.records import ProfundoError

CONTENT = bytes(range(256)) * 5000
RIGHT = hashlib.sha256(CONTENT).hexdigest()


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path == "/dies":
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
        elif self.path == "/wrong":
            self.wfile.write(CONTENT[:-1] + b"x")
        else:
            self.wfile.write(CONTENT)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_right_file_is_kept_and_not_fetched_again(server, tmp_path):
    path = tmp_path / "set" / "file"
    assert fetch(path, [f"{server}/right"], RIGHT) == path
    assert path.read_bytes() == CONTENT
    assert fetch(path, ["http://127.0.0.1:1/nothing"], RIGHT) == path


def test_the_first_digits_of_a_hash_will_do(server, tmp_path):
    assert fetch(tmp_path / "file", [f"{server}/right"], RIGHT[:8]).read_bytes() == CONTENT
    with pytest.raises(ProfundoError, match="expected"):
        fetch(tmp_path / "other", [f"{server}/wrong"], RIGHT[:8])


@pytest.mark.parametrize("fault", ["dies", "wrong", "missing"])
def test_the_next_mirror_is_tried_and_no_faulty_file_stays(server, tmp_path, fault):
    path = tmp_path / "set" / "file"
    with pytest.raises(ProfundoError, match="could not be fetched") as error:
        fetch(path, [f"{server}/{fault}"], RIGHT)
    assert "\n" not in str(error.value)
    assert "PROFUNDO_DATA" in str(error.value)
    assert list(path.parent.iterdir()) == []
    fetch(path, [f"{server}/{fault}", f"{server}/right"], RIGHT)
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("PROFUNDO_DATA", raising=False)
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path))
    monkeypatch.setattr(loading, "MNIST_MIRRORS", ("http://127.0.0.1:1/",))
    monkeypatch.setattr(loading, "CIFAR10_ARCHIVE", ("http://127.0.0.1:1/cifar-10-binary.tar.gz", RIGHT))
    for name, file in (("mnist", "train-images-idx3-ubyte.gz"), ("cifar10", "cifar-10-binary.tar.gz")):
        with pytest.raises(ProfundoError, match=f"{file} could not be fetched.*<folder>/{name}/"):
            load(name)


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


@functools.cache
def records(seed: int, samples: int = 20) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (samples, 3073), dtype=np.uint8)
    values[:, 0] = np.arange(samples) % 10
    return values


def archive(path, replace=None, add=()):
    """A small CIFAR-10 in its binary layout."""
    names = [f"cifar-10-batches-bin/data_batch_{n}.bin" for n in range(1, 6)] + ["cifar-10-batches-bin/test_batch.bin"]
    with tarfile.open(path, "w:gz") as tar:
        for seed, name in enumerate(names):
            data = (replace or {}).get(name, records(seed).tobytes())
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in add:
            tar.addfile(member)
    return path


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


def test_binary_cifar_is_planes_of_red_green_and_blue(tmp_path):
    hostile = [link("../evil", tarfile.SYMTYPE), link("cifar-10-batches-bin/test_batch.bin", tarfile.LNKTYPE)]
    found = cifar10_binary(archive(tmp_path / "c.tar.gz", add=hostile), samples=20)
    expected = np.concatenate([records(seed) for seed in range(5)])
    assert len(found.train) == 100
    assert found.train.targets.tolist() == expected[:, 0].tolist()
    # byte 1 + 1024·channel + 32·row + column
    assert found.train.inputs[37, 2, 3, 5] == expected[37, 1 + 2048 + 96 + 5]
    assert torch.equal(found.test.inputs.reshape(20, -1), torch.from_numpy(records(5)[:, 1:]))
    assert [file.name for file in tmp_path.iterdir()] == ["c.tar.gz"]


def test_damaged_cifar_archives_are_refused(tmp_path):
    path = archive(tmp_path / "c.tar.gz")
    whole = path.read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 2000):
        path.write_bytes(whole[:length])
        with pytest.raises(ProfundoError, match=r"c\.tar\.gz"):
            cifar10_binary(path, samples=20)
    name = "cifar-10-batches-bin/data_batch_3.bin"
    for data in (records(0).tobytes()[:-1], b"", bytes(10**7)):
        with pytest.raises(ProfundoError, match="data_batch_3"):
            cifar10_binary(archive(path, {name: data}), samples=20)
    wrong = records(2).copy()
    wrong[3, 0] = 10
    with pytest.raises(ProfundoError, match="labels 0 to 9; found 10"):
        cifar10_binary(archive(path, {name: wrong.tobytes()}), samples=20)
