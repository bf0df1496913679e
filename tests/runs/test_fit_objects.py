"""Whatever a person has in memory is trained on, or refused in one line: arrays, tables, datasets, loaders, images."""

from types import SimpleNamespace

import numpy as np
import polars
import pytest
import scipy.sparse
import torch
from PIL import Image
from sklearn.datasets import load_diabetes, load_iris
from torch import nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)

import profundo as pf
from everyday import IDS, NUMBER, QUICK, THREE, TWO, Embedded, TwoInputs, X, small
from profundo.records import ProfundoError

tensors = TensorDataset(torch.tensor(X), torch.tensor(THREE))
frame = polars.DataFrame({"a": X[:, 0], "b": X[:, 1], "town": [None, "x", "y"] * 40, "price": NUMBER})
images = [Image.fromarray(np.full((9, 8 + k % 2, 3), 40 * (k % 3), dtype="uint8")) for k in range(60)]


class Pairs(Dataset):
    def __init__(self, random=False):
        self.random = random

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index] + (np.random.rand() if self.random else 0), int(THREE[index])


class Dicts(Pairs):
    def __getitem__(self, index):
        return {"left": X[index], "right": X[index, :2], "labels": THREE[index]}


class Stream(IterableDataset):
    def __iter__(self):
        return ((row, int(label)) for row, label in zip(X, THREE, strict=True))


def padded(samples):
    rows, labels = zip(*samples, strict=True)
    return torch.stack([torch.as_tensor(row) for row in rows]), torch.tensor(labels)


ARRAYS = {
    "numpy": (X, THREE),
    "torch": (torch.tensor(X), torch.tensor(THREE)),
    "lists": (X.tolist(), THREE.tolist()),
    "words": (X, np.array(["a", "b", "c"])[THREE]),
    "one-hot": (X, np.eye(3)[THREE]),
    "columns of targets": (X, THREE[:, None]),
    "sparse": (scipy.sparse.csr_matrix(X), THREE),
    "weights": (X, THREE, np.ones(len(X))),
    "polars X and y": (polars.DataFrame(X), polars.Series(THREE)),
    "samples": list(zip(X, THREE, strict=True)),
    "dict": {"x": X, "y": THREE},
    "TensorDataset": tensors,
    "Dataset": Pairs(),
    "Subset": random_split(tensors, [90, 30])[0],
    "IterableDataset": Stream(),
    "DataLoader": DataLoader(tensors, batch_size=16, shuffle=True),
    "DataLoader of an IterableDataset": DataLoader(Stream(), batch_size=16),
    "DataLoader with a sampler": DataLoader(tensors, sampler=SubsetRandomSampler(range(90))),
    "DataLoader that collates": DataLoader(Pairs(), batch_size=16, collate_fn=padded),
    "half precision": (X.astype("float16"), THREE.astype("int8")),
    "read only": (np.broadcast_to(X, X.shape), THREE),
    "Fortran order": (np.asfortranarray(X), THREE[::1]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_and_datasets_are_trained_on(name):
    run = pf.fit(small(), ARRAYS[name], **QUICK)
    assert len(run.data.spec.targets.classes) == 3
    assert run.data.spec.inputs.shape == (4,)
    assert len(run.data.train) + len(run.data.validation) + len(run.data.test) >= 90
    assert run.predict(X[:5]).shape == (5, 3)


def test_the_samples_are_those_that_came():
    """Inputs and targets of all splits together are the rows that were given, each with its own class."""
    data = pf.load((X, np.array(["a", "b", "c"])[THREE]))
    rows = torch.cat([split.inputs for split in (data.train, data.validation, data.test)])
    labels = torch.cat([split.targets for split in (data.train, data.validation, data.test)])
    known = {tuple(row.tolist()): label for row, label in zip(torch.tensor(X), THREE.tolist(), strict=True)}
    assert [known[tuple(row.tolist())] for row in rows] == labels.tolist()
    assert len(rows) == len(X)


def test_a_third_argument_is_the_targets_and_two_outputs_tell_two_classes():
    assert pf.fit(small(), X, THREE, **QUICK).scores is not None
    run = pf.fit(small(2), X, TWO, **QUICK)
    assert run.predict(X[:3]).sum(1).tolist() == pytest.approx([1, 1, 1])
    assert pf.fit(small(1), X, TWO, **QUICK).predict(X[:3]).shape == (3,)


@pytest.mark.parametrize("last", [nn.Identity(), nn.Flatten(0)])
def test_numbers_are_predicted_in_their_own_units_also_without_an_axis_of_outputs(last):
    net = nn.Sequential(small(1), last)
    run = pf.fit(net, (X, 1000 + 5 * NUMBER), epochs=40, batch_size=16, lr=0.01, out=False)
    assert run.data.spec.targets.kind == "real"
    assert run.predict(X).shape == (120, 1)
    assert float((run.predict(X)[:, 0] - torch.tensor(1000 + 5 * NUMBER)).abs().mean()) < 15


def test_validation_and_test_samples_are_taken_as_they_were_given():
    parts = (X[:60], THREE[:60]), (X[60:90], THREE[60:90]), (X[90:], THREE[90:])
    run = pf.fit(small(), parts[0], validation=parts[1], test=parts[2], **QUICK)
    assert [len(split) for split in (run.data.train, run.data.validation, run.data.test)] == [60, 30, 30]
    assert torch.equal(run.data.test.inputs, torch.tensor(X[90:]))
    both = pf.fit(small(), parts[0], validation=parts[1], **QUICK)
    assert torch.equal(both.data.test.inputs, both.data.validation.inputs)
    assert any("no test samples" in note for note in both.data.notes)
    assert len(pf.fit(small(), (X, THREE), validation=0.3, **QUICK).data.validation) > 25
    loaders = DataLoader(tensors, batch_size=16), DataLoader(tensors, batch_size=64)
    assert pf.fit(small(), loaders[0], validation=loaders[1], epochs=1, out=False).experiment.batch_size == 16


def test_few_samples_are_for_everything():
    gate = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
    run = pf.fit(small(1, 2), (gate, [0, 1, 1, 0]), **QUICK)
    assert len(run.data.train) == len(run.data.test) == 4
    assert any("too few" in note for note in run.data.notes)


# -------------------------------------------------------------------------------------------------------------- tables
@pytest.mark.parametrize(
    "table",
    [frame, frame.lazy(), frame.to_dict(as_series=False), frame.to_dicts(), (frame.drop("price"), frame["price"])],
    ids=["polars", "lazy", "dict", "rows", "X and y"],
)
def test_tables_are_trained_on_by_a_net_with_a_name(table):
    run = pf.fit("mlp", table, **({} if isinstance(table, tuple) else {"target": "price"}), **QUICK)
    assert run.data.spec.targets.names == ("price",)
    assert [column.name for column in run.data.spec.inputs.columns] == ["a", "b", "town"]
    assert run.predict(frame.head(3)).shape == (3, 1)
    assert run.predict({"a": 1.0, "b": 2.0, "town": "x"}).shape == (1,)
    assert run.predict([{"a": 1.0, "b": 2.0, "town": "x"}] * 2).shape == (2, 1)
    assert run.evaluate(frame if not isinstance(table, tuple) else table).samples == 120


def test_tables_of_pandas_and_pyarrow():
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    dates = pandas.date_range("2020-01-01", periods=120)
    table = pandas.DataFrame({"a": X[:, 0], "town": [None, "x", "y"] * 40, "when": dates, "kind": THREE})
    table["group"] = pandas.Categorical(["u", "v"] * 60)
    run = pf.fit("mlp", table, target="kind", **QUICK)
    kinds = {column.name: column.kind for column in run.data.spec.inputs.columns}
    assert kinds == {"a": "number", "town": "category", "when": "date", "group": "category"}
    assert run.predict(table.drop(columns="kind").head(2)).shape == (2, 3)
    series = pf.fit("mlp", (table[["a"]], table["kind"]), **QUICK)
    assert len(series.data.spec.targets.classes) == 3
    arrow = pyarrow.table({"a": X[:, 0], "b": X[:, 1], "p": NUMBER})
    assert pf.load(arrow, target="p").spec.targets.names == ("p",)


def test_targets_are_named_as_the_library_names_columns():
    numbered = polars.DataFrame(X, schema=["0", "1", "2", "3"])
    assert pf.load(numbered, target=3).spec.targets.names == ("3",)
    assert pf.load(numbered, target=["2", "3"]).spec.targets.names == ("2", "3")


def test_hugging_faces_datasets(monkeypatch):
    """By what they can do: the class stands in for the library's own."""

    class Rows(list):
        column_names = ("a", "b", "label")
        features = {"label": SimpleNamespace(names=["no", "yes"])}  # noqa: RUF012

    monkeypatch.setattr(Rows, "__module__", "datasets.arrow_dataset")
    rows = Rows({"a": float(x), "b": float(z), "label": int(y)} for (x, z, *_), y in zip(X, TWO, strict=True))
    run = pf.fit("mlp", rows, **QUICK)
    assert run.data.spec.targets.classes == ("no", "yes")
    assert run.data.spec.inputs.names == ("a", "b")
    split = pf.fit("mlp", {"train": rows, "test": rows}, **QUICK)
    assert len(split.data.test) == 120


def test_bunches_of_scikit_learn_bring_their_names():
    iris = pf.load(load_iris())
    assert iris.spec.targets.classes == ("setosa", "versicolor", "virginica")
    assert iris.spec.inputs.names[0] == "sepal length (cm)"
    assert pf.fit("mlp", load_diabetes(), **QUICK).data.spec.targets.kind == "real"


# -------------------------------------------------------------------------------------------------------------- images
def test_images_of_pillow_arrays_and_folders(tmp_path):
    labels = [k % 3 for k in range(60)]
    run = pf.fit("fast_cnn", (images, labels), epochs=3, out=False)
    assert run.data.spec.inputs.shape == (3, 9, 8)
    assert run.predict(images[0]).shape == (3,)
    assert run.predict(images[:4]).shape == (4, 3)
    last = np.stack([np.asarray(image.resize((8, 9))) for image in images])
    assert torch.equal(
        pf.load((last, labels)).train.inputs[0], pf.load((last.transpose(0, 3, 1, 2), labels)).train.inputs[0]
    )
    assert run.predict(last[0]).shape == (3,)
    for place, image in enumerate(images):
        (tmp_path / "pictures" / str(place % 3)).mkdir(parents=True, exist_ok=True)
        image.resize((8, 8)).save(tmp_path / "pictures" / str(place % 3) / f"{place}.png")
    folder = pf.fit("fast_cnn", tmp_path / "pictures", epochs=1, out=False)
    assert folder.predict(tmp_path / "pictures" / "0" / "0.png").shape == (3,)


# ------------------------------------------------------------------------------------------- several inputs, ids, shapes
@pytest.mark.parametrize(
    "data",
    [
        ((X, X[:, :2]), THREE),
        ({"left": X, "right": X[:, :2]}, THREE),
        (X, X[:, :2], THREE),
        Dicts(),
        DataLoader(Dicts(), batch_size=8),
        TensorDataset(torch.tensor(X), torch.tensor(X[:, :2]), torch.tensor(THREE)),
    ],
    ids=["tuple", "dict", "three", "dict samples", "loader", "TensorDataset"],
)
def test_nets_with_two_inputs_get_them_as_they_came(data):
    run = pf.fit(TwoInputs(), data, **QUICK)
    assert len(run.data.spec.inputs.parts) == 2
    assert torch.tensor(run.data.spec.inputs.parts[0].std).allclose(torch.ones(4), atol=0.4)  # each is standardised
    assert run.predict((X[:5], X[:5, :2])).shape == (5, 3)
    assert run.predict({"left": X[:5], "right": X[:5, :2]}).shape == (5, 3)
    assert run.evaluate("validation").samples == len(run.data.validation)


def test_whole_numbers_go_in_as_they_are_where_the_net_takes_them():
    run = pf.fit(Embedded(), (IDS, THREE), **QUICK)
    assert run.data.train.inputs.dtype == torch.int64
    assert run.predict(IDS[:2].tolist()).shape == (2, 3)
    numbers = pf.fit(small(3, 6), (IDS, THREE), **QUICK)
    assert numbers.data.train.inputs.is_floating_point()


def test_sequences_of_uneven_length_are_padded_and_their_lengths_given_where_they_are_wanted():
    sequences = [list(range(1, 2 + k % 7)) for k in range(120)]

    class Averaged(Embedded):
        def forward(self, ids, lengths):
            return self.last(self.table(ids).sum(1) / lengths[:, None])

    plain = pf.fit(Embedded(), (sequences, THREE), **QUICK)
    assert plain.data.spec.inputs.shape == (7,)
    assert plain.predict([[1, 2], [3]]).shape == (2, 3)
    told = pf.fit(Averaged(), (sequences, THREE), **QUICK)
    lengths = torch.cat([split.inputs[1] for split in (told.data.train, told.data.validation, told.data.test)])
    assert sorted(lengths.tolist()) == sorted(map(len, sequences))


def test_volumes_and_channels_keep_their_shape():
    volumes = np.random.default_rng(0).normal(size=(40, 2, 3, 4, 5)).astype("float32")
    net = nn.Sequential(nn.Conv3d(2, 3, 3, padding=1), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 3))
    assert pf.fit(net, (volumes, THREE[:40]), **QUICK).data.spec.inputs.shape == (2, 3, 4, 5)
    signals = nn.Sequential(nn.Conv1d(2, 4, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3))
    run = pf.fit(signals, (volumes[..., 0, 0], THREE[:40]), **QUICK)
    assert (run.data.spec.inputs.kind, run.data.spec.inputs.shape) == ("series", (2, 3))


def test_targets_of_any_shape_have_a_class_or_a_number_in_each_place():
    pictures = np.random.default_rng(0).normal(size=(40, 3, 6, 6)).astype("float32")
    masks = pictures.argmax(1)
    net = nn.Conv2d(3, 3, 1)
    right = {"place accuracy": lambda p, y: (p.argmax(1) == y).float().mean()}
    run = pf.fit(net, (pictures, masks), epochs=30, batch_size=8, lr=0.05, metrics=right, out=False)
    assert run.scores.values["place accuracy"] > 0.8
    assert run.predict(pictures[:2]).shape == (2, 3, 6, 6)
    depth = pf.fit(nn.Conv2d(3, 1, 1), (pictures, pictures[:, :1]), epochs=2, out=False)
    assert set(depth.scores.values) == {"loss"}


def test_without_targets_a_net_learns_to_give_back_its_inputs():
    for data in (X, (X,), torch.tensor(X), TensorDataset(torch.tensor(X))):
        run = pf.fit(nn.Linear(4, 4), data, epochs=1, out=False)
        assert any("no targets" in note for note in run.data.notes)
    run = pf.fit(nn.Linear(4, 4), X, epochs=150, batch_size=16, lr=0.05, out=False)
    assert run.history["loss"][-1] < 0.15 < run.history["loss"][0]


def test_weights_decide_what_is_learned():
    """Of two answers to every input the one with the weight is learned."""
    twice, answers = np.concatenate([X, X]), np.concatenate([TWO, 1 - TWO])
    for heavy in (0, 1):
        weights = np.r_[np.full(120, 1.0 - heavy), np.full(120, float(heavy))]
        run = pf.fit(small(1), (twice, answers, weights), epochs=40, batch_size=16, lr=0.02, out=False)
        agreement = ((run.predict(X) > 0.5).numpy() == (TWO == 1)).mean()
        assert agreement > 0.9 if heavy == 0 else agreement < 0.1


# -------------------------------------------------------------------------------------------------------- in one line
REFUSED = {
    "nothing": (lambda: pf.fit(small()), "expected data after the net"),
    "text": (
        lambda: pf.fit(small(), (["good film", "bad film"] * 30, [0, 1] * 30)),
        "ids of words and characters of texts",
    ),
    "other lengths": (lambda: pf.fit(small(), (X, THREE[:7])), "120 inputs and 7 targets"),
    "gaps": (lambda: pf.fit(small(), (np.where(X > 2, np.nan, X), THREE)), "arrays: "),
    "complex": (lambda: pf.fit(small(), (X + 1j, THREE)), "complex"),
    "other inputs": (lambda: pf.fit(small(3, 5), (X, THREE)), r"expected to take inputs \(batch, 4\)"),
    "other outputs": (lambda: pf.fit(small(2), (X, THREE)), r"expected outputs \(batch, 3\).*last layer"),
    "one output of three": (lambda: pf.fit(small(1), (X, THREE)), "task='real'"),
    "no column": (lambda: pf.fit("mlp", frame, target="prize"), "nearest: price"),
    "no target": (lambda: pf.fit("mlp", frame), "which column is to be predicted"),
    "a sampler by weights": (
        lambda: pf.fit(small(), DataLoader(tensors, sampler=WeightedRandomSampler([1.0] * 120, 50))),
        "give the weights themselves",
    ),
    "one class": (lambda: pf.fit(small(1), (X, np.zeros(120, int))), "two classes or more"),
    "an unknown net": (lambda: pf.fit("mpl", (X, THREE)), "did you mean mlp"),
    "a net of something else": (lambda: pf.fit(42, (X, THREE)), "expected a torch.nn.Module"),
    "a class that needs arguments": (lambda: pf.fit(nn.Linear, (X, THREE)), "give an instance"),
    "four in a tuple": (lambda: pf.fit(small(), (X, THREE, X, X)), "several inputs in one tuple"),
    "weights below zero": (
        lambda: pf.fit(small(), (X, THREE, -np.ones(120))),
        "weights: expected a number of at least 0",
    ),
    "a class that was never seen": (
        lambda: pf.fit(small(), (X[THREE < 2], THREE[THREE < 2]), validation=(X, THREE)),
        "none to train on",
    ),
    "several inputs for a net by name": (lambda: pf.fit("mlp", ((X, X), THREE)), "net of your own"),
    "empty": (lambda: pf.fit(small(), (X[:0], THREE[:0])), "arrays: |expected"),
    "ids beyond the table": (lambda: pf.fit(Embedded(), (IDS + 10, THREE)), "index out of range"),
    "infinite targets": (lambda: pf.fit(small(1), (X, np.full(120, np.inf))), "targets hold NaN or infinite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_trained_on_is_refused_in_one_line(name):
    act, words = REFUSED[name]
    with pytest.raises(ProfundoError, match=words) as error:
        act()
    assert "\n" not in str(error.value)
