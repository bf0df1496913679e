"""Every named data set keeps the contract of the records; real ones agree with what is published about them."""

import gzip
import hashlib
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn
import torch
from sklearn import datasets
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import profundo.data as data
from profundo.data import load, names, standardize, standardize_targets
from profundo.data.dataset_names import PUBLISHED
from profundo.data.images.idx import read_idx
from profundo.data.sets import sklearn_sets
from profundo.data.sets.sklearn_sets import TABLES, digits, finite, table
from profundo.data.standard import channel_sums, moments
from profundo.data.streams.blocks import gather
from profundo.records import Dataset, ProfundoError, Source

SMALL = [name for name in names() if name not in PUBLISHED and name != "digit-scenes"]


def inputs_of(split):
    return gather(split.inputs, range(len(split)))


def assert_same(one: Dataset, other: Dataset):
    assert (one.spec, one.facts, one.notes) == (other.spec, other.facts, other.notes)
    for split in ("train", "validation", "test"):
        a, b = getattr(one, split), getattr(other, split)
        assert torch.equal(inputs_of(a), inputs_of(b))
        assert torch.equal(a.targets, b.targets)


@pytest.mark.parametrize("name", SMALL)
def test_every_small_set_keeps_the_contract(name):
    found = load(name)
    inputs, targets = found.spec.inputs, found.spec.targets
    assert found.name == name
    for split in (found.train, found.validation, found.test):
        assert split.inputs.shape == (len(split), *inputs.shape)
        assert split.inputs.dtype == (torch.uint8 if inputs.kind == "image" else torch.float32)
        if targets.kind == "real":
            assert split.targets.shape == (len(split), found.spec.outputs)
            assert split.targets.dtype == torch.float32
        else:
            assert split.targets.dtype == torch.int64
            assert set(split.targets.tolist()) == set(range(len(targets.classes)))
    assert targets.kind == {0: "real", 2: "binary"}.get(len(targets.classes), "classes")
    assert len(inputs.names) == (inputs.shape[0] if inputs.kind == "features" else 0)


@pytest.mark.parametrize("name", SMALL)
def test_loading_twice_gives_the_same_and_streaming_gives_it_too(name):
    found, streamed = load(name, seed=3), load(name, seed=3, stream=True)
    assert_same(found, load(name, seed=3))
    assert_same(found, streamed)
    assert isinstance(streamed.train.inputs, Source)


@pytest.mark.parametrize("name", sorted(set(SMALL) - {"and", "or", "xor"}))
def test_splits_are_disjoint_complete_and_depend_on_the_seed(name):
    found, other = load(name, seed=0), load(name, seed=1)
    sizes = [len(split) for split in (found.train, found.validation, found.test)]
    total = sum(sizes)
    assert sizes[2] == round(0.2 * total)
    assert sizes[1] == round(0.125 * (total - sizes[2]))
    assert found.facts != other.facts
    rows = torch.cat([split.inputs.flatten(1).double() for split in (found.train, found.validation, found.test)])
    again = torch.cat([split.inputs.flatten(1).double() for split in (other.train, other.validation, other.test)])
    assert sorted(rows.tolist()) == sorted(again.tolist())


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_of_scikit_learn_are_read_as_it_reads_them(name):
    theirs = getattr(datasets, f"load_{name.replace('-', '_')}")(**{"scaled": False} if name == "diabetes" else {})
    ours = table(name)
    assert ours.train.inputs.tolist() == torch.from_numpy(theirs.data).float().tolist()
    assert ours.train.targets.flatten().tolist() == theirs.target.tolist()
    assert ours.inputs.names == tuple(map(str, theirs.feature_names))
    named = ours.targets.classes or ours.targets.names
    assert named == tuple(map(str, theirs.get("target_names", ["disease progression"])))


def test_the_digits_of_scikit_learn_are_read_as_it_reads_them():
    theirs, ours = datasets.load_digits(), digits()
    assert (ours.train.inputs[:, 0].double() * 16 / 255).round().tolist() == theirs.images.tolist()
    assert ours.train.targets.tolist() == theirs.target.tolist()


def test_scikit_learn_without_its_data_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(sklearn_sets, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(ProfundoError, match=r"digits.csv.gz cannot be read .*: expected scikit-learn with its data"):
        digits()


def damaged(content: bytes, how: str) -> bytes:
    rows = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    again = gzip.compress if rows != content else bytes
    return {
        "cut": content[: len(content) // 2],
        "changed": content[:500] + bytes([255 ^ content[500]]) + content[501:],
        "empty": b"",
        "of no rows": again(b""),
        "of fewer rows": again(rows[: rows.index(b"\n", len(rows) // 2) + 1]),
        "of words": again(rows.replace(b"0", b"x")),
        "a page": b"<!doctype html>",
    }[how]


@pytest.mark.parametrize("how", ["cut", "changed", "empty", "of no rows", "of fewer rows", "of words", "a page"])
@pytest.mark.parametrize("name", ["digits", "iris"])
def test_damaged_data_of_scikit_learn_are_told_in_one_line(monkeypatch, tmp_path, name, how):
    (folder := tmp_path / "datasets" / "data").mkdir(parents=True)
    for path in (Path(sklearn.__file__).parent / "datasets" / "data").iterdir():
        if path.name.startswith(name):
            (folder / path.name).write_bytes(damaged(path.read_bytes(), how))
    monkeypatch.setattr(sklearn_sets, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(ProfundoError, match=rf"^\S+{name}\S+ cannot be read \(.+\): expected scikit-learn with .+$"):
        digits() if name == "digits" else table(name)


def test_training_rows_are_standardised_as_scikit_learn_does_it():
    found = load("breast-cancer")
    expected = StandardScaler().fit_transform(found.train.inputs.double().numpy())
    torch.testing.assert_close(
        standardize(found.train.inputs, found.spec.inputs), torch.tensor(expected).float(), rtol=1e-4, atol=1e-4
    )


def test_tables_hold_the_rows_of_their_source():
    bunch = load_breast_cancer()
    found = load("breast-cancer")
    assert found.spec.targets.classes == ("malignant", "benign")
    assert found.spec.inputs.names == tuple(bunch.feature_names)
    rows = {tuple(row): label for row, label in zip(bunch.data.astype(np.float32).tolist(), bunch.target, strict=True)}
    for row, label in zip(found.test.inputs.tolist(), found.test.targets.tolist(), strict=True):
        assert rows[tuple(row)] == label


def test_diabetes_targets_standardise_to_mean_zero_and_deviation_one():
    found = load("diabetes")
    values = standardize_targets(found.train.targets, found.spec.targets).double()
    assert abs(values.mean().item()) < 1e-6
    assert abs(values.std(correction=0).item() - 1) < 1e-6
    everything = torch.cat([found.train.targets, found.validation.targets, found.test.targets]).flatten()
    assert sorted(everything.tolist()) == sorted(load_diabetes().target.tolist())


def test_gates_are_their_truth_tables_in_every_split():
    for name, gate in (("and", lambda a, b: a & b), ("or", lambda a, b: a | b), ("xor", lambda a, b: a ^ b)):
        found = load(name)
        for split in (found.train, found.validation, found.test):
            assert [gate(int(a), int(b)) for a, b in split.inputs.tolist()] == split.targets.tolist()
        assert "same four points" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("circles", 0, 0.7), ("moons", 0.8, 0.95), ("spiral", 0, 0.75), ("blobs", 0.98, 1), ("checkerboard", 0, 0.6)],
)
def test_only_blobs_are_nearly_separable_by_lines(name, low, high):
    found = load(name)
    x, y = found.train.inputs.numpy(), found.train.targets.numpy()
    assert low <= LogisticRegression().fit(x, y).score(x, y) <= high


def whole(name):
    found = load(name)
    splits = (found.train, found.validation, found.test)
    return torch.cat([s.inputs for s in splits]).double().numpy(), torch.cat(
        [s.targets for s in splits]
    ).double().numpy()


def test_the_checkerboard_changes_colour_with_every_field():
    points, colours = whole("checkerboard")
    fields = np.floor(points)
    assert np.array_equal(fields.sum(1) % 2, colours)
    assert len({tuple(field) for field in fields.tolist()}) == 16
    assert (np.abs(points) <= 2).all()
    assert (colours == 0).sum() == (colours == 1).sum() == 500


@pytest.mark.parametrize(
    ("name", "powers", "coefficients", "noise"),
    [
        ("polynomial", [(0,), (1,), (2,), (3,), (4,)], [0, -3, 0, 1, 0], 0.5),
        ("plane", [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0)], [1, 3, -2, 0, 0], 0.3),
    ],
)
def test_least_squares_finds_the_stated_formula_and_noise_of_the_real_toys(name, powers, coefficients, noise):
    inputs, targets = whole(name)
    terms = np.stack([np.prod(inputs ** np.array(power), axis=1) for power in powers], axis=1)
    found, *_ = np.linalg.lstsq(terms, targets[:, 0], rcond=None)
    residuals = targets[:, 0] - terms @ found
    deviation = np.sqrt(residuals @ residuals / (len(terms) - len(powers)))
    errors = deviation * np.sqrt(np.diag(np.linalg.inv(terms.T @ terms)))
    assert (np.abs(found - coefficients) < 4 * errors).all()
    assert deviation == pytest.approx(noise, rel=4 / np.sqrt(2 * len(terms)))
    assert load(name).spec.targets.kind == "real"


def test_unknown_name_is_told_the_nearest_ones_and_how_to_give_a_folder():
    with pytest.raises(ProfundoError, match=r"'mnits'.*nearest: mnist.*folder") as error:
        load("mnits")
    assert "\n" not in str(error.value)
    for odd in ("", "\0", "no/such/folder", "\udcff"):
        with pytest.raises(ProfundoError, match="names no data set"):
            load(odd)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_validation_must_be_a_share(share):
    with pytest.raises(ProfundoError, match="between 0 and 1"):
        load("iris", validation=share)


def test_validation_share_is_of_the_samples_not_set_apart_for_the_test():
    found = load("iris", validation=0.5)
    assert [len(s) for s in (found.train, found.validation, found.test)] == [60, 60, 30]


def test_a_value_that_is_no_number_is_reported_with_its_column():
    rows = torch.tensor([[1.0, 2.0], [3.0, float("nan")], [4.0, float("inf")]])
    with pytest.raises(ProfundoError, match=r"column 'weight' holds nan in row 2 \(2 such values"):
        finite(rows, ("height", "weight"), "patients")


def test_names_cost_no_torch():
    code = "import sys, profundo.data as d; assert d.names() and d.AUGMENTATIONS and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_exports_exist():
    assert all(hasattr(data, name) for name in data.__all__)


@pytest.mark.needs_data
def test_mnist_is_what_is_published(real_data):
    images = read_idx(real_data / "mnist" / "train-images-idx3-ubyte.gz", 3)
    content = bytes.fromhex("00000803 0000ea60 0000001c 0000001c") + images.numpy().tobytes()
    assert hashlib.md5(content).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    mean, std = moments(channel_sums(images.unsqueeze(1)), images.numel())
    assert (round(mean[0] / 255, 4), round(std[0] / 255, 4)) == (0.1307, 0.3081)

    found = load("mnist", data_dir=real_data)
    assert [len(s) for s in (found.train, found.validation, found.test)] == [55_000, 5_000, 10_000]
    counts = torch.bincount(found.train.targets) + torch.bincount(found.validation.targets)
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    tested = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert torch.bincount(found.test.targets).tolist() == tested
    streamed = load("mnist", data_dir=real_data, stream=True)
    assert (streamed.spec, streamed.facts) == (found.spec, found.facts)
    picks = range(0, 55_000, 999)
    assert torch.equal(gather(streamed.train.inputs, picks), found.train.inputs[list(picks)])


@pytest.mark.needs_data
def test_a_part_of_cifar10_has_all_classes_and_nearly_the_published_means(real_data, tmp_path):
    (tmp_path / "cifar10").mkdir()
    with (
        zipfile.ZipFile(real_data / "cifar10" / "cifar10-jpg.zip") as every,
        zipfile.ZipFile(tmp_path / "cifar10" / "cifar10-jpg.zip", "w") as part,
    ):
        images = [name for name in every.namelist() if name.endswith(".jpg")]
        assert Counter(name.split("/")[0] for name in images) == {"train": 50_000, "test": 10_000}
        for name in images[::40]:
            part.writestr(name, every.read(name))
    found = load("cifar10", data_dir=tmp_path)
    assert [len(s) for s in (found.train, found.validation, found.test)] == [1_125, 125, 250]
    assert found.spec.targets.classes[:2] == ("airplane", "automobile")
    assert torch.bincount(found.test.targets).tolist() == [25] * 10
    assert [mean / 255 for mean in found.spec.inputs.mean] == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.015)


def test_missing_files_are_named(tmp_path, monkeypatch):
    for name, file in (("mnist", "train-images-idx3-ubyte.gz"), ("cifar10", "cifar10-jpg.zip")):
        with pytest.raises(ProfundoError, match=file):
            load(name, data_dir=tmp_path)
        monkeypatch.setenv("PROFUNDO_DATA", str(tmp_path))
        with pytest.raises(ProfundoError, match=file):
            load(name)
