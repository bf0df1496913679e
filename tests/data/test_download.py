"""Downloads, from a server on this machine: only a file that is whole and right gets its name."""

import functools
import gzip
import hashlib
import http.server
import io
import struct
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from profundo.data import load
from profundo.data.dataset_names import MNIST_FILES, PUBLISHED
from profundo.data.images.cifar import FORMS, cifar_collection
from profundo.data.streams.cache import cache_folder
from profundo.data.streams.download import fetch
from profundo.records import ProfundoError

CONTENT = bytes(range(256)) * 5000
RIGHT = hashlib.sha256(CONTENT).hexdigest()
SERVED = {}  # path → content of small sets, put there by tests


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(SERVED.get(self.path, CONTENT))))
        self.end_headers()
        if self.path in SERVED:
            self.wfile.write(SERVED[self.path])
            return
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
    for name, about in PUBLISHED.items():
        monkeypatch.setitem(PUBLISHED, name, replace(about, mirrors=("http://127.0.0.1:1/",)))
        with pytest.raises(ProfundoError, match=f"{next(iter(about.files))} could not be fetched.*<folder>/{name}/"):
            load(name)


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


# ------------------------------------------------------------------------------------------------ the form of MNIST
def idx(values: np.ndarray) -> bytes:
    head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(head + values.tobytes())


@functools.cache
def small_idx(seed: int) -> dict[str, bytes]:
    """A small set in the form of MNIST: 120 images of 5×4 to train on, 60 to test."""
    draws = np.random.default_rng(seed)
    arrays = [part for number in (120, 60) for part in (draws.integers(0, 256, (number, 5, 4)), np.arange(number) % 10)]
    return {file: idx(array.astype(np.uint8)) for file, array in zip(MNIST_FILES, arrays, strict=True)}


def offered(server: str, name: str, files: dict[str, bytes], monkeypatch) -> None:
    """Let the server have these files, and the catalogue name the server and their SHA-256."""
    SERVED.update({f"/{name}/{file}": content for file, content in files.items()})
    known = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    monkeypatch.setitem(
        PUBLISHED, name, replace(PUBLISHED[name], files=known, mirrors=(f"{server}/missing", f"{server}/{name}/"))
    )


@pytest.mark.parametrize(
    ("name", "classes"), [("mnist", "0 1"), ("fashion-mnist", "T-shirt/top Trouser"), ("kmnist", "o ki")]
)
def test_sets_in_the_form_of_mnist_are_fetched_checked_and_kept(server, tmp_path, monkeypatch, name, classes):
    monkeypatch.delenv("PROFUNDO_DATA", raising=False)
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path))
    files = small_idx(len(name))
    offered(server, name, files, monkeypatch)
    found = load(name)
    assert (found.name, found.spec.inputs.shape) == (name, (1, 5, 4))
    assert found.spec.targets.classes[:2] == tuple(classes.split())
    assert [len(s) for s in (found.train, found.validation, found.test)] == [110, 10, 60]
    pixels = gzip.decompress(files["t10k-images-idx3-ubyte.gz"])[16:]
    assert found.test.inputs.numpy().tobytes() == pixels
    assert {path.name for path in (tmp_path / name).iterdir()} == set(MNIST_FILES)
    SERVED.clear()
    assert load(name).facts == found.facts


def test_a_changed_file_of_a_set_is_not_kept(server, tmp_path, monkeypatch):
    monkeypatch.delenv("PROFUNDO_DATA", raising=False)
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path))
    offered(server, "kmnist", small_idx(1), monkeypatch)
    SERVED["/kmnist/t10k-labels-idx1-ubyte.gz"] = idx(np.zeros(60, np.uint8))
    with pytest.raises(ProfundoError, match=r"t10k-labels-idx1-ubyte\.gz could not be fetched"):
        load("kmnist")
    assert not (tmp_path / "kmnist" / "t10k-labels-idx1-ubyte.gz").exists()


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist"])
def test_a_folder_of_ones_own_is_used_in_place_of_the_network(tmp_path, name):
    (tmp_path / name).mkdir()
    for file, content in small_idx(5).items():
        (tmp_path / name / file).write_bytes(content)
    assert len(load(name, data_dir=tmp_path).test) == 60


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_what_is_missing_in_a_folder_of_ones_own_is_said(tmp_path, name):
    with pytest.raises(ProfundoError, match=rf"{name}: expected .*; or {name}-jpg\.zip; .*PROFUNDO_DATA") as error:
        load(name, data_dir=tmp_path)
    assert all(file in str(error.value) for file in PUBLISHED[name].files)


# ------------------------------------------------------------------------------------------------ the form of CIFAR
SMALL = {
    "cifar10": replace(
        FORMS["cifar10"], train=dict.fromkeys(FORMS["cifar10"].train, 20), test={next(iter(FORMS["cifar10"].test)): 20}
    ),
    "cifar100": replace(
        FORMS["cifar100"], train={"cifar-100-binary/train.bin": 200}, test={"cifar-100-binary/test.bin": 100}
    ),
}


@functools.cache
def records(seed: int, samples: int = 20) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (samples, 3073), dtype=np.uint8)
    values[:, 0] = np.arange(samples) % 10
    return values


@functools.cache
def fine_records(seed: int, samples: int) -> np.ndarray:
    """Of CIFAR-100: superclass, class, pixels."""
    values = np.random.default_rng(seed).integers(0, 256, (samples, 3074), dtype=np.uint8)
    values[:, 1] = np.arange(samples) % 100
    values[:, 0] = values[:, 1] % 20
    return values


def archive(path, replace=None, add=()):
    """A small CIFAR-10 in its binary layout."""
    names = [*SMALL["cifar10"].train, *SMALL["cifar10"].test]
    return packed(path, {name: records(seed).tobytes() for seed, name in enumerate(names)} | (replace or {}), add)


def packed(path, files, add=()):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in add:
            tar.addfile(member)
    return path


def read(path, name="cifar10"):
    return cifar_collection(name, path, PUBLISHED[name].classes, SMALL[name])


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


def test_binary_cifar_is_planes_of_red_green_and_blue(tmp_path):
    hostile = [link("../evil", tarfile.SYMTYPE), link("cifar-10-batches-bin/test_batch.bin", tarfile.LNKTYPE)]
    found = read(archive(tmp_path / "c.tar.gz", add=hostile))
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
            read(path)
    name = "cifar-10-batches-bin/data_batch_3.bin"
    for data in (records(0).tobytes()[:-1], b"", bytes(10**7)):
        with pytest.raises(ProfundoError, match="data_batch_3"):
            read(archive(path, {name: data}))
    wrong = records(2).copy()
    wrong[3, 0] = 10
    with pytest.raises(ProfundoError, match="labels 0 to 9; found 10"):
        read(archive(path, {name: wrong.tobytes()}))


def fine_archive(path, train=None):
    files = {"train.bin": fine_records(0, 200) if train is None else train, "test.bin": fine_records(1, 100)}
    return packed(path, {f"cifar-100-binary/{name}": values.tobytes() for name, values in files.items()})


def test_of_cifar100_the_class_is_learned_and_not_the_superclass(server, tmp_path, monkeypatch):
    monkeypatch.delenv("PROFUNDO_DATA", raising=False)
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(FORMS, "cifar100", SMALL["cifar100"])
    content = fine_archive(tmp_path / "c.tar.gz").read_bytes()
    offered(server, "cifar100", {"cifar-100-binary.tar.gz": content}, monkeypatch)
    found = load("cifar100", validation=0.5)
    assert len(found.spec.targets.classes) == len(set(found.spec.targets.classes)) == 100
    assert found.spec.targets.classes == tuple(sorted(found.spec.targets.classes))  # as published: in alphabetic order
    assert found.test.targets.tolist() == list(range(100))
    expected = fine_records(1, 100)
    assert found.test.inputs[37, 2, 3, 5] == expected[37, 2 + 2048 + 96 + 5]
    assert sorted(torch.cat([found.train.targets, found.validation.targets]).tolist()) == sorted(2 * list(range(100)))


def test_damaged_cifar100_archives_are_refused(tmp_path):
    path = tmp_path / "c.tar.gz"
    assert len(read(fine_archive(path), "cifar100").train) == 200
    wrong = fine_records(0, 200).copy()
    wrong[7, 1] = 100
    with pytest.raises(ProfundoError, match="labels 0 to 99; found 100"):
        read(fine_archive(path, wrong), "cifar100")
    with pytest.raises(ProfundoError, match=r"train\.bin with 614,800 bytes"):
        read(fine_archive(path, fine_records(0, 200)[:-1]), "cifar100")
