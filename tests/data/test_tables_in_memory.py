"""A table in memory whose columns hold text is read as the CSV file of the same cells; a column that has a type keeps it."""

import random
import unicodedata

import numpy as np
import pandas
import polars
import pytest
import torch

import profundo as pf
from profundo.data.new_inputs import read_rows
from profundo.records import ProfundoError
from profundo.runs.given.asking import inputs_for, samples_for

ROWS = 120


def drawn(cell, seed=0):
    draw = random.Random(seed)
    return [cell(draw) for _ in range(ROWS)]


CELLS = {
    "03.02.2024": (lambda d: f"{d.randint(1, 28):02}.{d.randint(1, 12):02}.2024", "date"),
    "2024-02-03": (lambda d: f"2024-{d.randint(1, 12):02}-{d.randint(1, 28):02}", "date"),
    "20240203": (lambda d: f"2024{d.randint(1, 12):02}{d.randint(1, 28):02}", "date"),
    "1.234,5": (lambda d: f"{d.randint(1, 9)}.{d.randint(100, 999)},{d.randint(0, 9)}", "number"),
    "12,345": (lambda d: f"{d.randint(1000, 99999):,}", "number"),
    "€ 12": (lambda d: f"€ {d.randint(1, 99)}", "number"),
    "45 %": (lambda d: f"{d.randint(0, 100)} %", "number"),
    "12, unknown, -": (lambda d: d.choice([str(d.randint(0, 300)), "unknown", "-"]), "number"),
    "yes, no, NA": (lambda d: d.choice(["yes", "no", "NA"]), "category"),
    "007": (lambda d: f"{d.randint(0, 9):03}", "category"),
    " a ": (lambda d: f" {d.choice('abc')}  ", "category"),
    "café": (lambda d: unicodedata.normalize(d.choice(["NFC", "NFD"]), d.choice(["café", "thé"])), "category"),
    "a text": (lambda d: " ".join(d.choice(["good", "clean", "cold", "room", "very"]) for _ in range(8)), "text"),
    "1, 2.5, x": (lambda d: d.choice([1, 2.5, "x", None]), "category"),
}


def frame_of(cells, **others):
    return {"c": cells, "n": drawn(lambda d: d.gauss(0, 1), 1), "y": drawn(lambda d: d.choice(["u", "v"]), 2), **others}


def as_file(frame, path):
    polars.DataFrame(frame).write_csv(path) if isinstance(frame, polars.DataFrame) else frame.to_csv(path, index=False)
    return path


def assert_same(first, second):
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(first, split).inputs, getattr(second, split).inputs)
        assert torch.equal(getattr(first, split).targets, getattr(second, split).targets)
    assert first.spec.inputs.columns == second.spec.inputs.columns
    assert first.spec.targets.classes == second.spec.targets.classes


@pytest.mark.parametrize("cell", CELLS)
def test_columns_of_text_are_read_as_in_a_file_in_training_and_in_prediction(cell, tmp_path):
    make, kind = CELLS[cell]
    frame = pandas.DataFrame(frame_of(drawn(make)))
    data = pf.load(frame, target="y")
    assert data.spec.inputs.columns[0].kind == kind
    assert_same(data, pf.load(as_file(frame, tmp_path / "all.csv"), target="y"))
    inputs = frame.drop(columns="y")
    wanted = read_rows(as_file(inputs, tmp_path / "rows.csv"), data.spec.inputs)
    rows = inputs.astype(object).where(inputs.notna(), None)
    for given in (inputs, rows.to_dict("records"), rows.to_dict("list")):
        assert torch.allclose(inputs_for(given, data.spec.inputs)[0].float(), wanted.float())
    if cell != "1, 2.5, x":  # of several kinds
        assert_same(data, pf.load(polars.DataFrame(frame_of(drawn(make))), target="y"))
        assert_same(data, pf.load(frame_of(drawn(make)), target="y"))
    assert_same(data, pf.load(frame.drop(columns="y"), frame["y"]))


def test_all_columns_together_decide_as_in_a_file(tmp_path):
    frame = pandas.DataFrame(
        {name.strip(): drawn(make) for name, (make, _) in CELLS.items()} | {"y": frame_of(None)["y"]}
    )
    frame["doubtful"] = drawn(lambda d: f"{d.randint(1, 9)}/{d.randint(1, 9)}/2024")  # the others have the day first
    data = pf.load(frame, target="y")
    assert_same(data, pf.load(as_file(frame, tmp_path / "all.csv"), target="y"))
    assert next(one for one in data.spec.inputs.columns if one.name == "doubtful").writing.dates == "dmy"


@pytest.mark.parametrize(
    "cells",
    [
        pandas.date_range("2020-01-01", periods=ROWS),
        pandas.array([1, None, 12, 5] * (ROWS // 4), dtype="Int64"),
        np.arange(ROWS) % 7 == 0,
        pandas.Categorical(["a", "b", "c"] * (ROWS // 3)),
        pandas.period_range("2010-01", periods=ROWS, freq="M"),
        pandas.cut(np.linspace(0, 1, ROWS), 3),
    ],
    ids=["moments", "whole numbers with gaps", "truth", "categories", "months", "intervals"],
)
def test_columns_with_a_type_keep_it(cells, tmp_path):
    frame = pandas.DataFrame(frame_of(cells))
    data = pf.load(frame, target="y")
    again = pf.load(as_file(frame, tmp_path / "all.csv"), target="y")
    assert [one.kind for one in data.spec.inputs.columns] == [one.kind for one in again.spec.inputs.columns]
    assert torch.equal(data.train.inputs, again.train.inputs)
    assert torch.equal(inputs_for(frame.drop(columns="y"), data.spec.inputs)[0][data.train.numbers], data.train.inputs)


def test_categories_that_look_like_numbers_stay_categories():
    codes = drawn(lambda d: d.choice([3, 5, 12]))
    data = pf.load(pandas.DataFrame(frame_of(pandas.Categorical(codes))), target="y")
    column = data.spec.inputs.columns[0]
    assert (column.kind, set(column.levels)) == ("category", {"3", "5", "12"})
    others = frame_of(codes)
    for given in (pandas.DataFrame(others), pandas.DataFrame({**others, "c": pandas.Categorical(codes)})):
        assert torch.equal(inputs_for(given, data.spec.inputs)[0][data.train.numbers], data.train.inputs)
    by_number = pf.load(pandas.DataFrame(others), target="y").spec.inputs  # and numbers numbers, however they come
    wanted = inputs_for(pandas.DataFrame(others), by_number)[0]
    assert torch.equal(inputs_for(pandas.DataFrame({**others, "c": pandas.Categorical(codes)}), by_number)[0], wanted)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (lambda d: f"{d.randint(1, 9)}.{d.randint(100, 999)},{d.randint(0, 9)}", "real"),
        (lambda d: f"€ {d.randint(1, 99)}", "real"),
        (lambda d: d.choice(["yes", "no", "NA"]), "binary"),
        (lambda d: f"{d.randint(0, 3):02}", "classes"),
        (lambda d: str(d.randint(8, 12)), "classes"),
        (lambda d: d.random() < 0.5, "binary"),
    ],
    ids=["1.234,5", "€ 12", "yes, no, NA", "03", "11", "truth"],
)
def test_targets_are_read_as_in_a_file_when_training_and_when_judging(cells, kind, tmp_path):
    frame = pandas.DataFrame(frame_of(drawn(lambda d: d.random()), y=drawn(cells)))
    data = pf.load(frame, target="y")
    assert data.spec.targets.kind == kind
    again = pf.load(as_file(frame, tmp_path / "all.csv"), target="y")
    assert torch.equal(data.train.targets, again.train.targets)
    there = frame[frame["y"] != "NA"].reset_index(drop=True)
    truth = pf.load(there, target="y")
    judged = samples_for(frame, data.spec, "y")
    assert len(judged) == len(there)
    assert torch.equal(judged.targets[truth.train.numbers].float(), truth.train.targets.float())


def test_names_of_files_are_no_numbers_with_a_unit(tmp_path):
    (tmp_path / "list.csv").write_text(
        "".join(["name,n,y\n", *(f"{k % 9}.png,{k % 7},{'uv'[k % 2]}\n" for k in range(90))])
    )
    for given in (tmp_path / "list.csv", polars.read_csv(tmp_path / "list.csv")):
        assert [one.kind for one in pf.load(given, target="y").spec.inputs.columns] == ["category", "number"]


def test_truth_is_the_class_that_says_it():
    spec = pf.load({"n": list(range(5, 45)), "y": ["Yes", "No"] * 20}, target="y").spec
    judged = samples_for({"n": [1, 2, 3], "y": [True, False, True]}, spec, "y")
    assert [spec.targets.classes[place] for place in judged.targets.tolist()] == ["Yes", "No", "Yes"]


def test_the_missing_value_of_pandas_is_nothing_wherever_it_stands():
    frame = pandas.DataFrame(frame_of(pandas.array([1, None, 12, 5] * (ROWS // 4), dtype="Int64")))
    inputs = pf.load(frame, target="y").spec.inputs
    told = inputs_for([{"c": gone, "n": 0.0} for gone in (pandas.NA, None, float("nan"))], inputs)[0]
    assert torch.equal(told[0], told[1])
    assert torch.equal(told[0], told[2])


def test_what_a_person_says_of_a_column_wins_over_its_text_and_a_wrong_word_is_told():
    frame = pandas.DataFrame(frame_of(drawn(lambda d: str(10_000 + d.randint(0, 5)))))
    assert pf.load(frame, target="y").spec.inputs.columns[0].kind == "number"
    assert pf.load(frame, target="y", columns={"c": "category"}).spec.inputs.columns[0].kind == "category"
    with pytest.raises(ProfundoError, match="column 'c': expected date:dmy, but no cell reads so, such as '1000"):
        pf.load(frame, target="y", columns={"c": "date:dmy"})
