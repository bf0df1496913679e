"""Splits by time and by group: against scikit-learn's splitters, and against what they promise."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import GroupKFold, TimeSeriesSplit

import profundo as pf
from profundo.data.dataset_names import Reading
from profundo.data.loading import collect
from profundo.data.splits.folds import folds, held_out, pooled
from profundo.data.splits.split_by import by_name, forward, grouped, latest
from profundo.data.splits.splits import divided
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import open_run, train
from profundo.studies import learning_curves, model_selection, study

SPLITS = ("train", "validation", "test")


@pytest.fixture
def visits(tmp_path):
    """240 rows of 40 patients, in no order of time; the row's number is a feature, by which it is known again."""
    draw = np.random.default_rng(0)
    days = draw.integers(0, 100, 240)
    rows = [
        f"{at},{np.datetime64('2024-01-01') + int(days[at])},p{draw.integers(40)},{'ab'[at % 3 == 0]},{1000 + days[at]}"
        for at in range(240)
    ]
    (tmp_path / "v.csv").write_text("x,day,patient,y,stamp\n" + "\n".join(["0.5,2024-02-02,p1,,1032", *rows]) + "\n")
    return tmp_path / "v.csv"


def column(path, name):
    """Of the rows with a target, by their number."""
    lines = [line.split(",") for line in path.read_text().split("\n")[2:-1]]
    return {float(line[0]): line[["x", "day", "patient", "y", "stamp"].index(name)] for line in lines}


def numbers(split, spec):
    return split.inputs[:, spec.inputs.names.index("x")].tolist()


# ---------------------------------------------------------------------------------------------------------------- time
@pytest.mark.parametrize("name", ["day", "stamp"])
def test_the_past_trains_and_the_future_tests_and_equal_times_stay_together(visits, name):
    data = pf.load(visits, target="y", split_by=f"time:{name}")
    of = column(visits, name)
    times = [[of[number] for number in numbers(getattr(data, split), data.spec)] for split in SPLITS]
    assert [len(own) for own in times] == pytest.approx([168, 24, 48], abs=6)
    assert max(times[0]) < min(times[1])
    assert max(times[1]) < min(times[2])
    assert any(note.startswith(f"split-by time:{name}: the past trains") for note in data.notes)
    assert any(one.startswith(name) for one in data.spec.inputs.names)  # time is an input, a group is none


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=60), st.floats(0.05, 0.9))
def test_no_cut_between_two_times_is_nearer_to_the_share(times, share):
    times = torch.tensor(times, dtype=torch.float64)
    if len(times.unique()) < 2:
        with pytest.raises(ProfundoError, match="same time"):
            latest(times, share)
        return
    late = latest(times, share)
    assert times[~late].max() < times[late].min()
    possible = [(times > cut).sum().item() for cut in times.unique()[:-1]]
    assert abs(late.sum().item() - share * len(times)) == min(abs(n - share * len(times)) for n in possible)


@pytest.mark.parametrize(("samples", "count"), [(60, 5), (61, 4), (12, 11), (200, 2)])
def test_folds_by_time_are_those_of_scikit_learn(samples, count):
    times = torch.randperm(samples, generator=torch.Generator().manual_seed(0)).double()
    order = times.argsort().numpy()
    theirs = [np.sort(order[test]) for _, test in TimeSeriesSplit(count).split(order)]
    assert [part.tolist() for part in forward(times, count)] == [part.tolist() for part in theirs]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=4, max_size=60), st.integers(2, 6))
def test_folds_by_time_follow_each_other_whatever_is_equal(times, count):
    times = torch.tensor(times, dtype=torch.float64)
    if len(times.unique()) <= count:
        with pytest.raises(ProfundoError, match="different times"):
            forward(times, count)
        return
    parts = forward(times, count)
    assert times.min() < times[parts[0]].min()
    for one, other in pairwise(parts):
        assert times[one].max() < times[other].min()
    assert (times > times[parts[-1]].max()).sum() == 0


def test_each_fold_by_time_is_predicted_from_what_came_before_it(visits):
    found = pooled(collect(visits, Reading(target="y", split_by="time:day")))
    for fold in forward(found.split_by.keys, 4):
        data = held_out(found, fold, validation=0.2, seed=0)
        of = column(visits, "day")
        times = [[of[number] for number in numbers(getattr(data, split), data.spec)] for split in SPLITS]
        assert max(times[0]) < min(times[1]) <= max(times[1]) < min(times[2])
        assert len(data.test) == len(fold)


# --------------------------------------------------------------------------------------------------------------- groups
@pytest.mark.parametrize("seed", range(3))
def test_no_group_is_on_two_sides_and_the_group_is_no_input(visits, seed):
    data = pf.load(visits, target="y", split_by="group:patient", seed=seed)
    of = column(visits, "patient")
    groups = [{of[number] for number in numbers(getattr(data, split), data.spec)} for split in SPLITS]
    assert sum(map(len, groups)) == len(set.union(*groups)) == len(set(of.values()))
    assert not any("patient" in name for name in data.spec.inputs.names)
    shares = [getattr(data, split).targets.double().mean().item() for split in SPLITS]
    assert max(shares) - min(shares) < 0.12  # a third of the rows are of one class
    assert [len(getattr(data, split)) for split in SPLITS] == pytest.approx([168, 24, 48], abs=6)
    other = pf.load(visits, target="y", split_by="group:patient", seed=seed + 10)
    assert set(numbers(other.test, other.spec)) != set(numbers(data.test, data.spec))  # the seed decides


def test_whole_groups_are_as_even_as_those_of_scikit_learn():
    draw = np.random.default_rng(0)
    groups = torch.from_numpy(draw.integers(0, 25, 400))
    parts = folds(torch.zeros(400, dtype=torch.int64), 5, 0, groups)
    theirs = [len(test) for _, test in GroupKFold(5).split(np.zeros(400), groups=groups.numpy())]
    ours = [len(part) for part in parts]
    assert max(ours) - min(ours) <= max(theirs) - min(theirs) + int(torch.bincount(groups).max()) / 2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=4, max_size=80), st.floats(0.05, 0.9))
def test_a_part_of_whole_groups_is_never_empty_nor_all(pairs, share):
    groups, labels = (torch.tensor(values) for values in zip(*pairs, strict=True))
    if len(groups.unique()) < 2:
        with pytest.raises(ProfundoError, match="1 group is left"):
            grouped(labels, groups, share, torch.Generator().manual_seed(0))
        return
    taken = grouped(labels, groups, share, torch.Generator().manual_seed(0))
    assert 0 < taken.sum() < len(taken)
    assert not set(groups[taken].tolist()) & set(groups[~taken].tolist())


def test_a_class_that_one_group_has_alone_is_trained_on():
    groups = torch.arange(60) // 3
    labels = (groups == 7).long()
    for seed in range(10):
        assert not grouped(labels, groups, 0.2, torch.Generator().manual_seed(seed))[labels == 1].any()


@pytest.mark.parametrize("stream", [False, True])
def test_images_are_grouped_by_a_part_of_their_names(tmp_path, stream):
    for label in "ab":
        (tmp_path / label).mkdir()
        for at in range(40):
            Image.new("L", (4, 4), at).save(tmp_path / label / f"{at // 4:02}_{at % 4}.png")
    found = collect(tmp_path, Reading(split_by="group:.*_", stream=stream))
    assert len(found.split_by.keys.unique()) == 20
    parts = [found.split_by.keys[part] for part in divided(found, None, 0)]
    assert sum(len(part.unique()) for part in parts) == 20
    bare = collect(tmp_path, Reading(split_by=r"group:(\d+)_"))  # a number may be in both classes
    assert len(bare.split_by.keys.unique()) == 10


def test_rows_of_parquet_files_read_while_training_are_grouped_too(visits, tmp_path):
    import polars

    polars.read_csv(visits).write_parquet(tmp_path / "v.parquet", row_group_size=60)
    for what in ("group:patient", "time:day"):
        whole, streamed = (
            collect(tmp_path / "v.parquet", Reading(target="y", split_by=what, stream=stream))
            for stream in (False, True)
        )
        assert torch.equal(whole.split_by.keys, streamed.split_by.keys)
        assert streamed.inputs.names == whole.inputs.names


# ------------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("patient", "expected time:COLUMN or group:COLUMN"),
        ("group:", "expected time:COLUMN"),
        ("group:patent", "nearest: patient"),
        ("time:y", "'y' is to be predicted"),
        ("time:patient", r"row 1: expected a number, or a date such as 2024-05-31, to split by time; got 'p"),
        ("group:y", "'y' is to be predicted"),
    ],
)
def test_a_split_that_cannot_be_is_refused_in_one_line(visits, what, says):
    with pytest.raises(ProfundoError, match=says) as error:
        pf.load(visits, target="y", split_by=what)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "what", "says"),
    [
        (
            [f"{at * 7 % 31},a,{'uv'[at % 2]}" for at in range(30)],
            "group:g",
            "1 group is left, none to set apart; expected three",
        ),
        ([f"{at * 7 % 31},{'ab'[at % 2]},{'uv'[at % 2]}" for at in range(30)], "group:g", "1 group is left"),
        (
            [f"{at * 7 % 31},{at // 10},{'uv'[at > 25]}" for at in range(30)],
            "time:g",
            "class 'v' has samples later than those",
        ),
        ([f"{at * 7 % 31},{'abc'[at % 3]},{'uvw'[at % 3]}" for at in range(30)], "group:g", "none to train on"),
        ([f"{at * 7 % 31},7,{'uv'[at % 2]}" for at in range(30)], "time:g", "same time"),
        (
            [f"{at * 7 % 31},{'' if at == 3 else at % 5},{'uv'[at % 2]}" for at in range(30)],
            "group:g",
            "'g' is empty in 1 rows",
        ),
    ],
)
def test_rows_that_cannot_be_divided_so_are_told_of(tmp_path, rows, what, says):
    (tmp_path / "t.csv").write_text("x,g,y\n" + "\n".join(rows) + "\n")
    with pytest.raises(ProfundoError, match=says) as error:
        pf.load(tmp_path / "t.csv", target="y", split_by=what)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("pattern", "says"), [("(", "regular expression"), ("q+", "2 of 2 names hold no such part")])
def test_names_without_the_pattern_are_told_of(pattern, says):
    with pytest.raises(ProfundoError, match=says):
        by_name(f"group:{pattern}", ["a/1.png", "b/2.png"], "photos")


def test_time_is_no_split_of_images_and_numbers_without_names_have_none():
    with pytest.raises(ProfundoError, match="for tables"):
        by_name("time:day", ["a/1.png"], "photos")
    with pytest.raises(ProfundoError, match="columns of a table and the file names of images"):
        pf.load("iris", split_by="group:species")


def test_what_a_split_by_chance_would_hide_is_told_of(tmp_path):
    """Of rows in the order of time, and of things that come several times; not of rows shuffled, nor once it is split so."""
    days = [f"2024-01-01T{at // 60:02}:{at % 60:02}:00" for at in range(120)]
    for name, order in (("ordered", range(120)), ("shuffled", np.random.default_rng(0).permutation(120))):
        lines = [f"{days[at]},{at % 12},{at * 7 % 5},{'uv'[at % 2]}" for at in order]
        (tmp_path / f"{name}.csv").write_text("when,CustomerID,x,y\n" + "\n".join(lines) + "\n")
    for name, is_ordered in (("ordered", True), ("shuffled", False)):
        notes = " ".join(pf.load(tmp_path / f"{name}.csv", target="y").notes)
        told = " ".join(f"{one.what} {one.advice}" for one in pf.look(tmp_path / f"{name}.csv", target="y").findings)
        for text in (notes, told):
            assert ("--split-by 'time:when'" in text) == is_ordered
            assert "--split-by 'group:CustomerID'" in text
            assert "12 things in 120 rows" in text
    by_group = pf.load(tmp_path / "ordered.csv", target="y", split_by="group:CustomerID")
    assert "CustomerID" in pf.load(tmp_path / "ordered.csv", target="y").spec.inputs.names
    assert "CustomerID" not in by_group.spec.inputs.names
    by_time = " ".join(pf.load(tmp_path / "ordered.csv", target="y", split_by="time:when").notes)
    assert "chance" not in by_time


# ---------------------------------------------------------------------------------------------- where splits are needed
def test_a_run_that_is_opened_again_and_every_study_are_split_the_same_way(visits, tmp_path, monkeypatch):
    options = {"target": "y", "split_by": "group:patient", "net": "linear", "epochs": 1}
    run = train(new_experiment(data=str(visits), **options), out=tmp_path / "run")
    assert open_run(tmp_path / "run").scores.values == run.scores.values  # of other splits it would be refused
    of, seen = column(visits, "patient"), []
    real = study.trained
    for module in (learning_curves, model_selection):
        monkeypatch.setattr(module, "trained", lambda asked, data, net: seen.append(data) or real(asked, data, net))
    pf.learning_curve(visits, sizes=(0.5, 1), repeats=1, **options)
    pf.select(visits, vary={"l1": [0, 1]}, **options)
    assert len(seen) == 5
    for data in seen:
        groups = [{of[number] for number in numbers(getattr(data, split), data.spec)} for split in SPLITS]
        assert not groups[0] & (groups[1] | groups[2])
