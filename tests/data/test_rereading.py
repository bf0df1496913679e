"""Datasets with random transforms are read anew in every epoch: as the first reading had them, and to the same bits."""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, SubsetRandomSampler, TensorDataset

import profundo as pf
from everyday import IDS, NUMBER, QUICK, THREE, Embedded, TwoInputs, X, small
from profundo.data import objects
from profundo.data.batches import InMemory, batches
from profundo.data.dataset_names import Reading
from profundo.data.objects import object_collection
from profundo.data.splits.folds import folds, held_out, labels_of, pooled, subset
from profundo.data.splits.splits import separated
from profundo.records import Interrupted, ProfundoError
from profundo.runs.given.arriving import prepare_own
from profundo.trees import leaves


class Made(Dataset):
    """sample(index), so many times."""

    def __init__(self, sample, count=60, **more):
        self.sample, self.count, self.reads = sample, count, 0
        self.__dict__ |= more

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.reads += 1
        return self.sample(index)


def prepared(net, data, **settings):
    return prepare_own(net, data, {"batch_size": 7, "epochs": 2, **settings}, keeps=False)


def seen(data, epoch=0, skip=0, **how):
    return list(batches(data.train, data.spec, 8, seed=3, **{"workers": 0, **how}).epoch(epoch, skip))


def equal(one, other):
    pairs = list(zip(leaves((one.inputs, one.targets)), leaves((other.inputs, other.targets)), strict=True))
    weights = one.weights is other.weights is None or torch.equal(one.weights, other.weights)
    return weights and all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


# ------------------------------------------------------------------------------------------- as the first reading had it
rng = np.random.default_rng(0)
PICTURES = rng.integers(0, 256, (60, 9, 8, 3), dtype=np.uint8)
FLOATS = rng.random((60, 3, 9, 8), dtype=np.float32)
GREY = rng.random((60, 9, 8), dtype=np.float32)
SERIES = np.where(rng.random((60, 2, 12)) < 0.1, np.nan, rng.normal(size=(60, 2, 12))).astype("float32")
LONG = [list(range(1, 2 + k % 7)) for k in range(60)]
FOLDERS = ["0", "1", "10", "2"]  # as names of folders are sorted


def picture(k):
    """Of several sizes and modes."""
    return Image.fromarray(PICTURES[k][: 9 - k % 2]).convert("L" if k % 3 else "RGB")


def uneven(k):
    return torch.arange(1.0, 2 + k % 5), int(k % 3)


def padded(samples):
    rows, labels = zip(*samples, strict=True)
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor(labels)


class Averaged(Embedded):
    def forward(self, ids, lengths):
        return self.last(self.table(ids).sum(1) / lengths.clamp(min=1).reshape(-1, 1))


def flat(inputs, outputs=3):
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs))


def cases():
    yield "rows", small(), Made(lambda k: (X[k], THREE[k]))
    yield "words for classes", small(), Made(lambda k: (X[k].tolist(), "abc"[THREE[k]]))
    yield "one-hot", small(), Made(lambda k: (X[k], np.eye(3)[THREE[k]]))
    yield "weights", small(), Made(lambda k: (X[k], THREE[k], 1.0 + k % 3))
    yield "names of classes", small(4), Made(lambda k: (X[k], k % 4), classes=FOLDERS)
    yield "fewer classes than outputs", small(3), Made(lambda k: (X[k], 2 * (k % 2)))
    yield "classes with a point", small(), Made(lambda k: (X[k], (0.5, 1.0, 2.0)[k % 3])), {"task": "classes"}
    yield "numbers", small(1), Made(lambda k: (X[k], NUMBER[k]))
    yield "several numbers", small(2), Made(lambda k: (X[k], X[k, :2].astype("float64")))
    yield "labels", small(2), Made(lambda k: (X[k], [k % 2, k // 2 % 2]))
    yield "whole numbers", small(3, 6), Made(lambda k: (IDS[k], THREE[k]))
    yield "ids", Embedded(), Made(lambda k: (IDS[k], THREE[k]))
    yield "ids of uneven length", Embedded(), Made(lambda k: (LONG[k], THREE[k]))
    yield "with their lengths", Averaged(), Made(lambda k: (LONG[k], THREE[k]))
    yield "bytes, channels last", flat(216), Made(lambda k: (PICTURES[k], THREE[k]))
    yield "grey bytes", flat(72), Made(lambda k: (PICTURES[k, ..., 0], THREE[k]))
    yield "Pillow", flat(216), Made(lambda k: (picture(k), THREE[k]))
    yield "floats", flat(216), Made(lambda k: (torch.tensor(FLOATS[k]), THREE[k]))
    yield "half precision", flat(216), Made(lambda k: (torch.tensor(FLOATS[k]).half(), THREE[k]))
    yield "series with holes", flat(24), Made(lambda k: (SERIES[k], THREE[k]))
    yield "two inputs", TwoInputs(), Made(lambda k: (X[k], X[k, :2], THREE[k]))
    yield "by name", TwoInputs(), Made(lambda k: {"left": X[k], "right": X[k, :2], "labels": THREE[k]})
    yield "masks", nn.Conv2d(3, 3, 1), Made(lambda k: (FLOATS[k], FLOATS[k].argmax(0)))
    yield "masks by name", "unet", Made(lambda k: (FLOATS[k, :, :8], 5 * FLOATS[k, :, :8].argmax(0)))
    yield "grey with a map", "unet", Made(lambda k: (GREY[k, :8], 3 * GREY[k, :8]))
    yield "targets of any shape", nn.Conv2d(3, 1, 1), Made(lambda k: (FLOATS[k], FLOATS[k, :1]))
    yield (
        "whole numbers but one",
        nn.Conv2d(3, 1, (9, 8)),
        Made(lambda k: (FLOATS[k], np.full((1, 1, 1), 0.5 if k == 7 else k))),
    )
    yield "no targets", small(4), Made(lambda k: X[k].astype("float64"))
    yield (
        "pictures without targets",
        nn.Sequential(flat(216, 216), nn.Unflatten(1, (3, 9, 8))),
        Made(lambda k: (PICTURES[k],)),
    )
    yield (
        "a subset",
        small(),
        DataLoader(Made(lambda k: (X[k], THREE[k])), sampler=SubsetRandomSampler(range(3, 55, 2))),
    )
    yield "collated", small(3, 5), DataLoader(Made(uneven), 8, collate_fn=padded)


CASES = {name: rest for name, *rest in cases()}


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_again_is_what_was_read_first(name, monkeypatch):
    """Data that do not change, read anew: bit for bit the batches of memory, in type, layout, width, classes and weights."""
    net, data, *more = CASES[name]
    monkeypatch.setattr(objects, "differences", lambda *_: ("forced",))
    ready = prepared(net, data, **(more[0] if more else {})).data
    kept = objects.replace(ready, train=objects.replace(ready.train, anew=None))
    assert ready.train.anew is not None
    assert isinstance(batches(kept.train, kept.spec, 8), InMemory)
    pairs = list(zip(seen(ready, 1), seen(kept, 1), strict=True))
    assert len(pairs) > 1
    assert all(equal(one, other) for one, other in pairs)


def test_classes_named_by_numbers_are_judged_under_their_names():
    """Folders 0, 1, 10, 2: target 2 of such a Dataset is folder 10."""
    data = Made(lambda k: (np.eye(4, dtype="float32")[k % 4], k % 4), classes=FOLDERS)
    run = pf.fit(small(4), data, epochs=60, batch_size=8, lr=0.05, out=False)
    assert run.data.spec.targets.classes == tuple(FOLDERS)
    assert run.evaluate(data).values["accuracy"] == 1


# --------------------------------------------------------------------------------------------------- different every time
def noise(k):
    """From each of the three global generators."""
    return np.float32([k, random.random(), np.random.rand(), float(torch.rand(()))]), k % 3


def test_transforms_are_drawn_anew_in_every_epoch_and_alike_when_repeated():
    data = pf.load(Made(noise))
    kept = data.train.inputs.clone()
    first, second = seen(data), seen(data, 1)
    column = [torch.cat([batch.inputs for batch in some]) for some in (first, second)]
    ordered = [rows[rows[:, 0].argsort()] for rows in column]
    both = sorted(set(ordered[0][:, 0].tolist()) & set(ordered[1][:, 0].tolist()))
    rows = [{row[0].item(): row[1:] for row in rows} for rows in column]
    assert len(both) > 20
    assert all(bool((rows[0][k] != rows[1][k]).all()) for k in both)
    assert all(map(equal, first, seen(pf.load(Made(noise)))))
    assert all(map(equal, seen(data, 1, skip=2), second[2:]))
    assert torch.equal(data.train.inputs, kept)
    assert any("training reads them anew in every epoch" in note for note in data.notes)
    assert not any("generator of their own" in note for note in data.notes)
    numbers = data.train.numbers.tolist()
    again = torch.tensor(np.stack(data.train.anew(numbers, numbers).inputs))
    assert torch.equal(again, kept)  # the first reading of a sample is drawn from its number


def test_the_callers_generators_are_left_alone():
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    seen(pf.load(Made(noise)))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_read_the_same_bits(workers):
    data = pf.load(Made(noise))
    assert all(map(equal, seen(data), seen(data, workers=workers)))


def test_processes_share_a_batch_to_the_same_bits():
    """Every process reads its own share only, and the shares together are the batch of one process."""
    made = Made(noise)
    data = pf.load(made)
    whole, before = seen(data), made.reads
    shares = [seen(data, rank=rank, processes=2) for rank in range(2)]
    assert made.reads - before == sum(batch.total for batch in whole)
    for batch, *parts in zip(whole, *shares, strict=True):
        assert torch.equal(batch.inputs, torch.cat([part.inputs for part in parts]))
        assert torch.equal(batch.targets, torch.cat([part.targets for part in parts]))


def test_a_mask_is_cropped_with_its_picture():
    def cropped(k):
        top, left = np.random.randint(0, 5, 2)
        pixels = FLOATS[k % 60, :, top : top + 4, left : left + 4]
        return pixels, pixels.argmax(0)

    data = prepared(nn.Conv2d(3, 3, 1), Made(cropped)).data
    about = data.spec.inputs
    crops = []
    for epoch in range(3):
        for batch in seen(data, epoch):
            pixels = batch.inputs.double() * torch.tensor(about.std).view(-1, 1, 1) + torch.tensor(about.mean).view(
                -1, 1, 1
            )
            assert torch.equal(pixels.argmax(1), batch.targets.long())
            crops.append(pixels)
    assert data.spec.targets.kind == "mask"
    assert len(torch.cat(crops).round(decimals=5).flatten(1).unique(dim=0)) > 100  # of 42 pictures


def test_a_target_that_is_drawn_is_learned():
    """Which way a picture was turned, drawn each time: its target in the very same reading."""

    def turned(_):
        turns = random.randrange(4)
        return np.rot90(np.arange(4.0, dtype="float32").reshape(2, 2), turns).copy(), turns

    data = prepared(flat(4, 4), Made(turned)).data
    answers = {
        tuple(row.flatten().tolist()): t.item() for b in seen(data) for row, t in zip(b.inputs, b.targets, strict=True)
    }
    assert len(answers) == 4
    for batch in seen(data, 5):
        assert [answers[tuple(row.flatten().tolist())] for row in batch.inputs] == batch.targets.tolist()


def test_a_collate_function_that_draws_is_called_for_every_batch():
    def masked(samples):
        rows = torch.stack([row for row, _ in samples])
        return rows * (torch.rand(rows.shape) < 0.5), torch.stack([label for _, label in samples])

    data = pf.load(DataLoader(TensorDataset(torch.tensor(X), torch.tensor(THREE)), 8, collate_fn=masked))
    assert data.train.anew is not None
    assert not any(map(equal, seen(data), seen(data, 1)))
    assert all(map(equal, seen(data, 1), seen(data, 1)))


# ------------------------------------------------------------------------------------------------------- what stays as it is
def test_what_does_not_change_stays_in_memory():
    made = Made(lambda k: (X[k].tolist(), "abc"[THREE[k]]))
    data = pf.load(made)
    reads = made.reads
    assert data.train.anew is None
    assert not any("differ" in note for note in data.notes)
    seen(data), seen(data, 1)
    assert made.reads == reads
    assert pf.load(Made(lambda k: (SERIES[k], k % 3))).train.anew is None  # NaN is NaN


def test_a_stream_is_read_once():
    class Stream(IterableDataset):
        def __iter__(self):
            return (noise(k) for k in range(60))

    one, other = pf.load(Stream()), pf.load(Stream())
    assert one.train.anew is None
    assert torch.equal(one.train.inputs, other.train.inputs)


def test_judged_is_what_was_read_once():
    """Validation and test samples that were given are read while loading, and never again."""
    held = Made(noise)
    run = pf.fit(small(), Made(noise), validation=held, epochs=3, batch_size=8, out=False)
    assert held.reads == len(held)
    assert run.data.validation.anew is None
    assert run.evaluate("validation").values == run.scores.values


def test_a_generator_of_its_own_is_noticed():
    own = np.random.default_rng(0)
    data = pf.load(Made(lambda k: (X[k] + own.random(4, dtype="float32"), THREE[k])))
    assert data.train.anew is not None
    assert any("generator of their own" in note for note in data.notes)


def test_folds_and_subsets_read_their_own_samples_again():
    collection = pooled(object_collection(Made(noise), Reading()))
    labels = labels_of(collection, collection.train.targets)
    fold = held_out(collection, folds(labels, 3, 0)[1], validation=0.2, seed=0)
    smaller = subset(collection, separated(collection, validation=None, seed=0, stream=False), torch.arange(5, 25))
    for data in (fold, smaller):
        numbers = data.train.numbers.tolist()
        assert data.train.inputs[:, 0].tolist() == numbers
        assert torch.equal(torch.tensor(np.stack(data.train.anew(numbers, numbers).inputs)), data.train.inputs)


# --------------------------------------------------------------------------------------------------------------- whole runs
class Dropping(nn.Sequential):
    """With dropout, whose draws must not depend on who reads; stops the run once, in its 13th step."""

    def __init__(self, stop):
        super().__init__(nn.Linear(4, 16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 3))
        self.left = 13 if stop else -1

    def forward(self, x):
        self.left -= self.training and len(x) == 8
        if not self.left:
            raise Interrupted(2)
        return super().forward(x)


def net(stop=False):
    torch.manual_seed(1)
    return Dropping(stop)


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    settings = {"epochs": 4, "batch_size": 8, "seed": 5}
    whole = pf.fit(net(), Made(noise), out=tmp_path / "whole", **settings)
    with pytest.raises(Interrupted):
        pf.fit(net(stop=True), Made(noise), out=tmp_path / "cut", checkpoint_seconds=0, **settings)
    resumed = pf.fit(net(), Made(noise), out=tmp_path / "cut", resume=True, **settings)
    assert resumed.history.rows == whole.history.rows
    for (name, one), other in zip(whole.net.state_dict().items(), resumed.net.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    workers = pf.fit(net(), DataLoader(Made(noise), 8, num_workers=2), out=False, epochs=4, seed=5)
    assert workers.experiment.workers == 2
    assert workers.history.rows == whole.history.rows
    other = pf.fit(net(), Made(noise), out=False, **{**settings, "seed": 6})
    assert other.history["loss"] != whole.history["loss"]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sample_that_fails_later_is_told_in_one_line(workers):
    calls = []

    def failing(k):
        calls.append(k)
        if len(calls) > 200 or (workers and torch.utils.data.get_worker_info()):
            raise OSError("disk\ngone")
        return noise(k)

    with pytest.raises(ProfundoError, match=r"^data: sample \d+ could not be read: OSError: disk gone$"):
        pf.fit(small(), DataLoader(Made(failing), 8, num_workers=workers), **QUICK)


def test_a_transform_that_changes_the_shape_is_told():
    big = []

    def growing(k):
        return torch.rand(3, 9 if not big else 8, 8), k % 3

    data = pf.load(Made(growing))
    big.append(1)
    with pytest.raises(ProfundoError, match=r"expected samples \(3, 9, 8\) as before, got \(3, 8, 8\)"):
        seen(data)
