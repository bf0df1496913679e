"""Folds: a partition, as even as scikit-learn's, whole groups on one side, and nothing learned from what is held out."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from profundo.data.dataset_names import Reading
from profundo.data.loading import collect
from profundo.data.splits.folds import folds, held_out, labels_of, nested, pooled, small_classes, subset
from profundo.data.splits.splits import Selection, separated
from profundo.records import ProfundoError, Samples


def class_table(labels, parts):
    return np.array([np.bincount(labels[part], minlength=int(labels.max()) + 1) for part in parts])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=10, max_size=80), st.integers(2, 7), st.integers(0, 99))
def test_folds_are_a_partition_as_even_as_scikit_learns(labels, count, seed):
    labels = torch.tensor(labels)
    if int(torch.bincount(labels).max()) < count:
        return
    parts = folds(labels, count, seed)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(len(labels)))
    table = class_table(labels, parts)
    assert (table.max(0) - table.min(0) <= 1).all()
    assert table.sum(1).max() - table.sum(1).min() <= 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes smaller than the folds
        theirs = StratifiedKFold(count, shuffle=True, random_state=seed).split(np.zeros(len(labels)), labels.numpy())
        other = class_table(labels, [held for _, held in theirs])
    assert np.array_equal(np.sort(table, 0), np.sort(other, 0))  # the same class counts, whoever is in which fold


def test_folds_are_decided_by_the_seed_and_shuffled():
    labels = torch.arange(60) % 3
    same, again, other = (torch.cat(folds(labels, 5, seed)) for seed in (1, 1, 2))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)
    assert not torch.equal(folds(torch.zeros(60, dtype=torch.int64), 5, 0)[0], torch.arange(0, 60, 5))


@pytest.mark.parametrize("kinds", [1, 3])
def test_a_group_is_never_torn_apart_and_folds_are_as_even_as_scikit_learns(kinds):
    for seed in range(5):
        random = np.random.default_rng(seed)
        groups = torch.from_numpy(random.integers(0, 40, 300))
        labels = torch.from_numpy(random.integers(0, kinds, 300))
        parts = folds(labels, 5, seed, groups)
        assert torch.equal(torch.cat(parts).sort().values, torch.arange(300))
        names = [set(groups[part].tolist()) for part in parts]
        assert sum(map(len, names)) == len(set.union(*names))
        theirs = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        other = class_table(labels, [held for _, held in theirs.split(np.zeros(300), labels, groups)])
        table = class_table(labels, parts)
        assert table.sum(1).min() > 0
        uneven, theirs_uneven = ((t - t.mean(0)).__pow__(2).sum() for t in (table, other))
        assert uneven <= 1.5 * theirs_uneven + 30


def test_a_fold_gets_a_group_even_where_classes_and_groups_are_one():
    labels = torch.tensor([0] * 6 + [1] * 6)
    groups = torch.arange(12) // 2
    assert [len(part) for part in folds(labels, 6, 0, groups)] == [2] * 6


@pytest.mark.parametrize(
    ("count", "labels", "groups", "says"),
    [
        (1, [0, 1, 0, 1], None, "at least 2"),
        (5, [0, 0, 0, 0], None, "more than the 4 samples"),
        (3, [0, 0, 1, 1], None, "largest class"),
        (3, [0] * 6, [0, 0, 0, 1, 1, 1], "more than the 2 groups"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(count, labels, groups, says):
    with pytest.raises(ProfundoError, match=says):
        folds(torch.tensor(labels), count, 0, None if groups is None else torch.tensor(groups))


def test_small_classes_are_named():
    found = collect("iris")
    few = replace(found, train=Samples(found.train.inputs[48:], found.train.targets[48:]))
    (said,) = small_classes(few, few.train.targets, 5)
    assert "setosa (2)" in said
    assert "virginica" not in said
    assert small_classes(found, found.train.targets, 5) == ()


# ------------------------------------------------------------------------------------------------------ no leakage
@pytest.fixture
def table(tmp_path):
    """A column of numbers with gaps, one of words; the last row of each class is unlike all others."""
    path = tmp_path / "t.csv"
    lines = [f"{at % 7},{'abc'[at % 3]},{'yes' if at % 2 else 'no'},p{at // 4}" for at in range(40)]
    lines[3] = ",a,yes,p0"
    lines[38] = "1000000,rare,no,p9"
    path.write_text("size,colour,target,patient\n" + "\n".join(lines) + "\n")
    return path


def parts_of(found, fold, **options):
    return held_out(found, torch.as_tensor(fold), **{"validation": None, "seed": 0, **options})


def test_nothing_is_learned_from_the_rows_that_are_held_out(table):
    found = pooled(collect(table, Reading(target="target")))
    with_it, without_it = parts_of(found, [0, 1, 2]).spec.inputs, parts_of(found, [0, 1, 38]).spec.inputs
    assert with_it.clipped[with_it.names.index("size")]
    assert not without_it.clipped
    levels = [next(c.levels for c in inputs.columns if c.name == "colour") for inputs in (with_it, without_it)]
    assert "rare" in levels[0]
    assert "rare" not in levels[1]
    gaps = [next(c for c in parts_of(found, fold).spec.inputs.columns if c.name == "size") for fold in ([3], [5])]
    assert [one.has_gaps for one in gaps] == [False, True]
    rows = torch.tensor([at % 7 for at in range(40) if at not in (3, 5, 38)] + [1_000_000], dtype=torch.float64)
    assert gaps[1].fill == rows.quantile(0.5)  # 38 numbers, the middle two alike


def test_what_is_kept_aside_and_held_out_changes_nothing_of_what_was_learned(table):
    """Whatever stands in the rows outside training: the spec is the same to the bit."""
    found = pooled(collect(table, Reading(target="target")))
    fold = torch.tensor([4, 5, 6, 7])
    before = held_out(found, fold, validation=0.2, seed=3)
    mixed = found.train.inputs.clone()
    mixed[fold] = torch.tensor([77777.0, 0.0, 1.0])[: mixed.shape[1]].double()
    after = held_out(replace(found, train=Samples(mixed, found.train.targets)), fold, validation=0.2, seed=3)
    assert before.spec == after.spec
    assert torch.equal(before.train.inputs, after.train.inputs)
    assert not torch.equal(before.test.inputs, after.test.inputs)


def test_real_targets_are_scaled_by_the_training_part_alone():
    found = pooled(collect("diabetes"))
    fold = folds(labels_of(found, found.train.targets), 5, 0)[2]
    data = parts_of(found, fold)
    rest = np.setdiff1d(np.arange(442), fold.numpy())
    assert data.spec.targets.mean[0] == pytest.approx(found.train.targets[rest].double().mean().item(), rel=1e-12)
    assert data.spec.inputs.mean == pytest.approx(found.train.inputs[rest].double().mean(0).tolist(), rel=1e-12)
    assert len(data.validation) == 0
    assert torch.equal(data.test.targets, found.train.targets[fold])


def test_every_sample_is_in_one_part_and_what_is_kept_aside_is_stratified():
    found = pooled(collect("iris"))
    fold = folds(found.train.targets, 5, 0)[0]
    data = held_out(found, fold, validation=0.2, seed=0)
    rows = torch.cat([data.train.inputs, data.validation.inputs, data.test.inputs])
    assert torch.equal(rows.sort(0).values, found.train.inputs.sort(0).values)
    assert torch.bincount(data.validation.targets).tolist() == [8, 8, 8]


# --------------------------------------------------------------------------------------------------------- pooling
def test_the_own_test_split_is_left_out_and_the_own_validation_split_is_not(tmp_path):
    arrays = {f"{name}_{split}": values for split, n in (("train", 30), ("val", 10), ("test", 20))
              for name, values in (("x", np.full((n, 2), n, dtype=np.float32)), ("y", np.arange(n) % 2))}  # fmt: skip
    np.savez(tmp_path / "d.npz", **arrays)
    found = pooled(collect(tmp_path / "d.npz"))
    assert sorted(set(found.train.inputs[:, 0].tolist())) == [10, 30]
    assert len(found.train) == 40
    assert len(found.test) == 20


def test_points_that_are_all_splits_at_once_are_taken_once():
    assert len(pooled(collect("xor")).train) == 4


def test_images_that_are_read_when_asked_for_are_divided_like_those_in_memory(tmp_path):
    from PIL import Image

    for label in "ab":
        (tmp_path / label).mkdir()
        for at in range(6):
            Image.new("L", (4, 4), 20 * at + (label == "b")).save(tmp_path / label / f"{at}.png")
    in_memory, streamed = (pooled(collect(tmp_path, Reading(stream=stream))) for stream in (False, True))
    fold = folds(in_memory.train.targets, 3, 0)[1]
    one, other = (held_out(found, fold, validation=0.25, seed=0) for found in (in_memory, streamed))
    assert isinstance(other.train.inputs, Selection)
    assert one.spec == other.spec
    for split in ("train", "validation", "test"):
        read = getattr(other, split)
        assert torch.equal(getattr(one, split).inputs, torch.stack([read.inputs[at] for at in range(len(read))]))


# --------------------------------------------------------------------------------------------------------- subsets
@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=8, max_size=120), st.integers(0, 9))
def test_every_beginning_of_a_nested_order_has_the_class_shares_of_the_whole(labels, seed):
    labels = torch.tensor(labels)
    order = nested(labels, seed)
    assert torch.equal(order.sort().values, torch.arange(len(labels)))
    counts = torch.bincount(labels).double()
    for size in range(1, len(labels) + 1):
        there = torch.bincount(labels[order[:size]], minlength=len(counts)).double()
        assert ((there - size * counts / len(labels)).abs() <= len(counts)).all()
    exact = torch.bincount(labels[order[: len(labels) // 2]], minlength=len(counts))
    assert ((exact - counts / 2).abs() <= 1).all()


def test_a_subset_learns_from_its_own_rows_and_keeps_the_other_splits():
    found = collect("diabetes")
    splits = separated(found, validation=None, seed=0, stream=False)
    order = nested(torch.zeros(len(splits[0]), dtype=torch.int64), 0)
    small, whole = subset(found, splits, order[:50]), subset(found, splits, order)
    assert small.spec.inputs.mean == pytest.approx(splits[0].inputs[order[:50]].double().mean(0).tolist(), rel=1e-12)
    assert small.spec != whole.spec
    for split in ("validation", "test"):
        assert torch.equal(getattr(small, split).inputs, getattr(whole, split).inputs)


def test_in_a_nested_order_by_group_one_group_comes_after_the_other_with_the_classes_even():
    groups = torch.arange(40).repeat_interleave(5)[torch.randperm(200, generator=torch.Generator().manual_seed(1))]
    labels = groups % 4  # ten groups a class
    order = nested(labels, 3, groups)
    assert order.sort().values.tolist() == list(range(200))
    changes = (groups[order].diff() != 0).sum()
    assert changes == 39  # each group once, whole
    for begin in (4, 8, 20):  # groups
        counts = torch.bincount(labels[order[: 5 * begin]], minlength=4)
        assert counts.max() - counts.min() <= 5
    assert not torch.equal(order, nested(labels, 4, groups))
