"""Arrays in .npz files: shapes, kinds of targets, splits of their own, and files that are refused."""

import numpy as np
import pytest
import torch

from profundo.data import load
from profundo.data.arrays import array_collection
from profundo.data.standard import standardize
from profundo.records import ProfundoError

NUMBERS = np.random.default_rng(0)


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_rows_of_numbers_and_words_as_classes(tmp_path):
    x = NUMBERS.normal(size=(30, 4))
    found = array_collection(saved(tmp_path / "a.npz", X=x, y=np.array(["b", "a", "c"] * 10)))
    assert (found.inputs.kind, found.inputs.shape) == ("features", (4,))
    assert torch.equal(found.train.inputs, torch.from_numpy(x))
    assert found.targets.classes == ("a", "b", "c")
    assert found.train.targets[:3].tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((20, 9, 7), (1, 9, 7)), ((20, 9, 7, 3), (3, 9, 7)), ((20, 3, 9, 7), (3, 9, 7)), ((20, 1, 3, 3), (1, 3, 3))],
)
def test_bytes_are_images_whichever_way_their_channels_lie(tmp_path, shape, expected):
    x = NUMBERS.integers(0, 256, shape, dtype=np.uint8)
    found = array_collection(saved(tmp_path / "a.npz", images=x, labels=np.arange(20) % 4))
    assert (found.inputs.kind, found.inputs.shape) == ("image", expected)
    picture = (
        x[5]
        if x.ndim == 3
        else x[5].transpose(2, 0, 1)
        if shape[3:] == (3,) and shape[1] != 3 and shape[1] != 1
        else x[5]
    )
    assert np.array_equal(found.train.inputs[5].numpy().reshape(picture.shape), picture)


def test_splits_of_its_own_are_kept(tmp_path):
    parts = {
        f"{name}_{split}": NUMBERS.normal(size=(count, 3)) if name == "x" else np.arange(count) % 2
        for split, count in (("train", 40), ("test", 8))
        for name in ("x", "y")
    }
    data = load(saved(tmp_path / "a.npz", **parts), validation=0.25)
    assert (len(data.train), len(data.validation), len(data.test)) == (30, 10, 8)
    assert np.allclose(data.test.inputs.numpy(), parts["x_test"])
    assert data.test.targets.tolist() == [0, 1] * 4


def test_targets_are_numbers_where_they_are_fractions_many_or_several(tmp_path):
    x = NUMBERS.normal(size=(200, 2))
    for y, shape in [
        (NUMBERS.normal(size=200), (200, 1)),
        (np.arange(200), (200, 1)),
        (NUMBERS.normal(size=(200, 3)), (200, 3)),
    ]:
        found = array_collection(saved(tmp_path / "a.npz", x=x, y=y))
        assert found.targets.kind == "real"
        assert np.allclose(found.train.targets.numpy(), y.reshape(shape))
    assert array_collection(saved(tmp_path / "b.npz", x=x, y=np.arange(200) % 3), "real").targets.kind == "real"


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((3, 2))}, "train has inputs only"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(4)}, "one target for each input"),
        ({"a": np.zeros(3)}, "expected arrays x and y.*it has a"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(3)}, "two classes or more"),
        ({"x": np.array([[1.0], [np.nan]]), "y": np.array([0, 1])}, "column 'x1' holds nan in row 2"),
        ({"x": np.array([["a"], ["b"]]), "y": np.array([0, 1])}, "inputs of numbers"),
        ({"x": np.zeros((2, 4, 4, 5), dtype=np.uint8), "y": np.array([0, 1])}, "1 or 3 channels"),
        ({"x_train": np.zeros((4, 2)), "y_train": np.array([0, 1] * 2), "x_test": np.zeros((2, 3)), "y_test": np.array([0, 1])},
         "one shape in all splits"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_together_are_refused_in_one_line(tmp_path, arrays, words):
    with pytest.raises(ProfundoError, match=words) as error:
        array_collection(saved(tmp_path / "a.npz", **arrays))
    assert "\n" not in str(error.value)


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickled_objects_are_refused_and_never_run(tmp_path):
    canary = tmp_path / "canary"
    np.savez(tmp_path / "bad.npz", x=np.zeros((2, 2)), y=np.array([Canary(canary), 1], dtype=object))
    with pytest.raises(ProfundoError, match="Python objects, which are not loaded"):
        load(tmp_path / "bad.npz")
    assert not canary.exists()
    for content in (b"", b"not a zip", b"PK\x03\x04 cut"):
        (tmp_path / "worse.npz").write_bytes(content)
        with pytest.raises(ProfundoError, match="arrays saved by numpy"):
            load(tmp_path / "worse.npz")
    with pytest.raises(ProfundoError, match="expected arrays saved"):
        load(tmp_path / "none.npz")


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64, np.float32, np.float64])
def test_one_hot_targets_are_classes(tmp_path, dtype):
    places = np.random.default_rng(0).integers(0, 3, 60)
    x, y = np.arange(120.0).reshape(60, 2), np.eye(3)[places].astype(dtype)
    path = saved(tmp_path / "a.npz", x=x, y=y)
    for task in ("auto", "classes"):
        hot, plain = array_collection(path, task), array_collection(saved(tmp_path / "b.npz", x=x, y=places))
        assert hot.targets == plain.targets
        assert torch.equal(hot.train.targets, plain.train.targets)
        assert "--task labels" in hot.notes[0]
    assert array_collection(path, "labels").targets.kind == "labels"
    assert array_collection(path, "labels").notes == ()
    if dtype is not bool:
        assert array_collection(path, "real").targets.kind == "real"


def test_one_hot_in_two_columns_and_in_splits_of_their_own(tmp_path):
    places = np.arange(40) % 2
    found = array_collection(saved(tmp_path / "two.npz", x=np.ones((40, 2)), y=np.eye(2, dtype=bool)[places]))
    assert (found.targets.kind, found.targets.classes) == ("binary", ("0", "1"))
    assert found.train.targets.tolist() == places.tolist()
    images, hot = np.zeros((40, 4, 4), np.uint8), np.eye(4, dtype=np.uint8)[np.arange(40) % 3]  # the last is never 1
    arrays = {"x_train": images, "y_train": hot, "x_test": images[:7], "y_test": hot[:7]}
    found = array_collection(saved(tmp_path / "split.npz", **arrays))
    assert found.targets.classes == ("0", "1", "2")
    assert found.test.targets.tolist() == [0, 1, 2, 0, 1, 2, 0]
    with pytest.raises(ProfundoError, match=r"targets of one shape in all splits, got \[\(3,\), \(4,\)\]"):
        array_collection(saved(tmp_path / "odd.npz", **arrays | {"y_test": hot[:7, :3]}))


@pytest.mark.parametrize("row", [(0, 0, 0), (1, 1, 0)])
def test_with_rows_of_no_one_or_two_they_are_labels(tmp_path, row):
    y = np.eye(3, dtype=int)[np.arange(30) % 3]
    y[4] = row
    for dtype in (np.uint8, bool, np.int64):
        found = array_collection(saved(tmp_path / "a.npz", x=np.ones((30, 2)), y=y.astype(dtype)))
        assert (found.targets.kind, found.notes) == ("labels", ())
    found = array_collection(saved(tmp_path / "a.npz", x=np.ones((30, 2)), y=y.astype(float)))
    assert found.targets.kind == "real"
    assert "--task labels" in found.notes[0]
    with pytest.raises(ProfundoError, match="two classes or more"):
        array_collection(saved(tmp_path / "a.npz", x=np.ones((30, 2)), y=y), "classes")


def test_arrays_of_more_dimensions_keep_their_shape_and_are_standardised_by_channel(tmp_path):
    draw = np.random.default_rng(0)
    values = draw.normal(size=(90, 2, 7)) * [[3.0], [0.5]] + [[1e8], [-4.0]]
    np.savez(tmp_path / "series.npz", x=values, y=np.arange(90) % 3)
    data = load(tmp_path / "series.npz")
    inputs = data.spec.inputs
    assert (inputs.kind, inputs.shape, inputs.things) == ("series", (2, 7), "series")
    assert isinstance(data.train.inputs, torch.Tensor)
    raw = data.train.inputs.double().numpy()
    np.testing.assert_allclose(inputs.mean, raw.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(inputs.std, raw.std((0, 2)), rtol=1e-6)
    seen = standardize(data.train.inputs, inputs).numpy()
    np.testing.assert_allclose(seen.mean((0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(seen.std((0, 2)), 1, atol=1e-5)
