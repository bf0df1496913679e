"""Several targets of one row: labels, and more than one number."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import MultiLabelBinarizer

from collected import table_collection
from profundo.data import load
from profundo.data.arrays import array_collection
from profundo.data.dataset_names import Reading
from profundo.records import ProfundoError

ROWS = "x,sun,rain,low,high,genres\n" + "".join(
    f"{i},{i % 2},{'true' if i % 3 else 'false'},{i * 0.5},{100 + i},{('drama', 'comedy; drama', 'noir;comedy')[i % 3]}\n"
    for i in range(12)
)


def collection(tmp_path, target, task="auto", text=ROWS):
    path = tmp_path / "table.csv"
    path.write_text(text)
    return table_collection(path, Reading(target=target, task=task))


def test_columns_of_zero_and_one_are_labels(tmp_path):
    found = collection(tmp_path, "sun, rain")
    assert (found.targets.kind, found.targets.classes) == ("labels", ("sun", "rain"))
    assert found.train.targets.tolist() == [[i % 2, float(i % 3 > 0)] for i in range(12)]
    assert "sun" not in found.inputs.names


def test_columns_of_numbers_are_as_many_real_targets(tmp_path):
    found = collection(tmp_path, "low,high")
    assert (found.targets.kind, found.targets.names) == ("real", ("low", "high"))
    assert found.train.targets[3].tolist() == [1.5, 103]
    assert collection(tmp_path, "sun,rain", "real").targets.kind == "real"


@pytest.mark.parametrize("sign", [";", "|", ","])
def test_a_column_of_lists_is_read_as_scikit_learn_reads_lists(tmp_path, sign):
    cells = ["a;b", "", "c ; a", "b", "b;c;d"]
    rows = "".join(f'{7 * i},"{cell.replace(";", sign)}"\n' for i, cell in enumerate(cells))
    found = collection(tmp_path, "tags", "labels", "x,tags\n" + rows)
    lists = [[word.strip() for word in cell.split(";") if word.strip()] for cell in cells if cell]
    binarizer = MultiLabelBinarizer()
    np.testing.assert_array_equal(found.train.targets, binarizer.fit_transform(lists))
    assert found.targets.classes == tuple(binarizer.classes_)
    (note,) = [note for note in found.notes if "without a value" in note]  # the empty cell
    assert "alone" in note
    alone = collection(tmp_path, "tags", "labels", f'x,tags\n{rows}9,"{sign}"\n')
    assert alone.train.targets[-1].tolist() == [0] * 4


def test_lists_that_are_taken_for_classes_are_told(tmp_path):
    assert any("--task labels" in note for note in collection(tmp_path, "genres").notes)
    for words in (["yes; surely", "no"], ["a, b", "b"], ["red", "blue"]):
        text = "x,y\n" + "".join(f'{i * i},"{words[i % len(words)]}"\n' for i in range(12))
        assert collection(tmp_path, "y", text=text).notes == ()


def test_a_column_that_has_a_comma_in_its_name_is_one_target(tmp_path):
    found = collection(tmp_path, "a,b", text='"a,b",c\n' + "".join(f"{i}.5,{i * i}\n" for i in range(9)))
    assert found.targets.names == ("a,b",)


def test_a_label_that_every_row_has_is_told(tmp_path):
    found = collection(tmp_path, "p,q", text="p,q,x\n" + "".join(f"1,{i % 2},{i * 7}\n" for i in range(9)))
    assert any("the same in every row: p" in note for note in found.notes)


@pytest.mark.parametrize(
    ("target", "task", "words"),
    [
        ("sun,snow", "auto", "no column 'snow' for target; known: x, sun"),
        ("sun,sun", "auto", "each target once"),
        ("sun,genres", "auto", "holds String values"),
        ("low,high", "labels", "columns of 0 and 1"),
        ("sun,rain", "classes", "one class is in one column"),
        ("sun,", "auto", "no column ''"),
    ],
)
def test_targets_that_cannot_be_are_told_in_one_line(tmp_path, target, task, words):
    with pytest.raises(ProfundoError, match=words) as caught:
        collection(tmp_path, target, task)
    assert "\n" not in str(caught.value)


def test_arrays_of_labels(tmp_path):
    draw = np.random.default_rng(0)
    path = tmp_path / "a.npz"
    y = draw.integers(0, 2, (60, 3))
    np.savez(path, x=draw.normal(size=(60, 4)), y=y)
    found = array_collection(path)
    assert found.targets.kind == "labels"
    np.testing.assert_array_equal(found.train.targets, y)
    np.savez(path, x=draw.normal(size=(60, 4)), y=y.astype(float))
    assert array_collection(path).targets.kind == "real"  # numbers with a point are numbers
    assert array_collection(path, "labels").targets.kind == "labels"
    np.savez(path, x=draw.normal(size=(60, 4)), y=y + 1)
    with pytest.raises(ProfundoError, match=r"labels \(n, labels\) of 0 and 1"):
        array_collection(path, "labels")


def test_labels_are_divided_into_splits(tmp_path):
    path = tmp_path / "a.npz"
    draw = np.random.default_rng(0)
    np.savez(path, x=draw.normal(size=(100, 4)), y=draw.integers(0, 2, (100, 3)))
    data = load(path)
    assert len(data.train) + len(data.validation) + len(data.test) == 100
    assert data.spec.outputs == 3
    assert torch.cat([data.train.targets, data.validation.targets, data.test.targets]).shape == (100, 3)
