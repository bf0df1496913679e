"""The IDX reader: what numpy wrote is read back; damage is refused, in bounded memory."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
import torch

from profundo.data import load
from profundo.data.dataset_names import MNIST_FILES
from profundo.data.images.idx import read_idx
from profundo.records import ProfundoError


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (120, 5, 4), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, images):
    """A small set in the form of MNIST."""
    place = tmp_path / "mnist"
    place.mkdir()
    labels = (np.arange(120) % 10).astype(np.uint8)
    for name in MNIST_FILES:
        (place / name).write_bytes(gzip.compress(idx(images if "idx3" in name else labels)))
    return tmp_path


def refused(path, dimensions, match):
    with pytest.raises(ProfundoError, match=match) as error:
        read_idx(path, dimensions)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_values_are_read_back(tmp_path, images):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(images)))
    assert torch.equal(read_idx(path, 3), torch.from_numpy(images))


def test_any_set_in_the_form_of_mnist_loads(folder):
    found = load("mnist", data_dir=folder)
    assert found.spec.inputs.shape == (1, 5, 4)
    assert [len(s) for s in (found.train, found.validation, found.test)] == [110, 10, 120]


@pytest.mark.parametrize("magic", [b"\0\0\x08\x01", b"\0\0\x0d\x03", b"\x01\0\x08\x03", b"PK\x03\x04", b""])
def test_wrong_magic_is_refused(tmp_path, images, magic):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(magic + idx(images)[4:] if magic else b""))
    refused(path, 3, "expected an IDX file")


def test_a_file_that_is_no_gzip_is_refused(tmp_path, images):
    path = tmp_path / "images.gz"
    path.write_bytes(idx(images))
    refused(path, 3, "expected a gzip file")


def test_more_declared_than_there_is_is_refused(tmp_path, images):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(images)[:-1]))
    refused(path, 3, "ends early")


@pytest.mark.parametrize("outside", [True, False])
def test_trailing_bytes_are_refused(tmp_path, images, outside):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(images)) + b"x" if outside else gzip.compress(idx(images) + b"x"))
    refused(path, 3, "holds more bytes")


def test_every_truncation_is_refused(tmp_path, images):
    path = tmp_path / "images.gz"
    whole = gzip.compress(idx(images))
    for length in [*range(0, len(whole), 97), *range(len(whole) - 9, len(whole))]:
        path.write_bytes(whole[:length])
        refused(path, 3, "ends early|expected an IDX")


def test_every_flipped_byte_of_the_data_is_noticed(tmp_path, images):
    path = tmp_path / "images.gz"
    whole = gzip.compress(idx(images))
    for place in range(10, len(whole), 41):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(ProfundoError):
            read_idx(path, 3)


@pytest.mark.parametrize("declared", [(10, 2, 2), (2**16, 2**16, 2**16), (2**32 - 1,) * 3])
def test_a_bomb_is_not_inflated(tmp_path, declared):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, *declared) + bytes(2**25), 6))
    assert path.stat().st_size < 2**25 / 900
    tracemalloc.start()
    refused(path, 3, "holds more bytes|declares")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_images_without_their_labels_are_refused(folder):
    path = folder / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(119, np.uint8))))
    with pytest.raises(ProfundoError, match="as many images as labels; got 120 and 119"):
        load("mnist", data_dir=folder)
    path.write_bytes(gzip.compress(idx(np.full(120, 10, np.uint8))))
    with pytest.raises(ProfundoError, match="labels 0 to 9; found 10"):
        load("mnist", data_dir=folder)


def test_a_changed_file_changes_the_facts(folder, images):
    before = load("mnist", data_dir=folder).facts
    changed = images.copy()
    changed[60:] ^= 1
    (folder / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(changed)))
    assert load("mnist", data_dir=folder).facts != before
