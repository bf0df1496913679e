"""Tables as people have them: what is read, what is recognised, what is left out, and what is refused in one line."""

import math

import polars
import pytest
import torch

from collected import table_collection
from profundo.data import load
from profundo.data.dataset_names import Reading
from profundo.data.tables.raw_rows import raw_rows
from profundo.data.tables.table_files import read_frame
from profundo.records import ProfundoError

ROWS = """name,age,city,joined,seen,smokes,note,risk
Ann,34,Madrid,2021-03-04,2021-03-04 10:30:00,yes,likes long walks,high
Bob,,Porto,2020-01-15,2021-03-05 11:00:00,no,"commas, too",low
Çelik,51,Madrid,,2021-03-06 23:59:59,yes,nothing,high
Dee,28,NA,2019-12-31,,no,x,low
Eve,61,Porto,2018-02-28,2021-03-08 01:00:00,yes,y,
"""


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def table(tmp_path, text, target="y", task="auto", name="t.csv"):
    return table_collection(written(tmp_path / name, text), Reading(target=target, task=task))


def test_numbers_categories_dates_and_holes_are_recognised(tmp_path):
    many = ROWS + "".join(
        f"P{i},{20 + i},{('Madrid', 'Porto')[i % 2]},2020-01-{1 + i % 28:02},2020-01-01 08:00:00,no,t{i},{('high', 'low')[i % 2]}\n"
        for i in range(30)
    )
    found = table(tmp_path, many, "risk")
    kinds = {column.name: column.kind for column in found.inputs.columns}
    assert kinds == {"age": "number", "city": "category", "joined": "date", "seen": "date", "smokes": "category"}
    assert {column.name for column in found.inputs.columns if column.has_time} == {"seen"}
    assert (found.targets.kind, found.targets.classes) == ("binary", ("high", "low"))
    assert len(found.train) == 34
    rows = found.train.inputs
    assert math.isnan(rows[1, 0])
    assert rows[0, 0] == 34
    assert rows[0, 2].item() == 1614816000  # 4 March 2021
    assert math.isnan(rows[3, 1])
    assert [note.split(":")[0] for note in found.notes] == [
        "1 row without a value of 'risk' is left out", "column 'name' is left out", "column 'note' is left out",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "task", "kind", "classes"),
    [
        (["a", "b", "c"], "auto", "classes", ("a", "b", "c")),
        (["true", "false"], "auto", "binary", ("false", "true")),
        (["0", "1", "2"], "auto", "classes", ("0", "1", "2")),
        (["0", "1", "2"], "real", "real", ()),
        (["0.5", "1.5"], "auto", "real", ()),
        (["0.5", "1.5"], "classes", "binary", ("0.5", "1.5")),
        ([str(i) for i in range(40)], "auto", "real", ()),
        ([str(i) for i in range(40)], "classes", "classes", tuple(map(str, range(40)))),
        (["10", "9", "2"], "auto", "classes", ("2", "9", "10")),
    ],
)
def test_the_kind_of_target_is_recognised_and_can_be_told(tmp_path, values, task, kind, classes):
    text = "x,y\n" + "".join(f"{place * 0.37},{values[place % len(values)]}\n" for place in range(80))
    found = table(tmp_path, text, task=task)
    assert (found.targets.kind, found.targets.classes) == (kind, classes)
    if kind == "real":
        assert found.train.targets[:2].flatten().tolist() == pytest.approx([float(value) for value in values[:2]])
    else:
        assert [classes[place] for place in found.train.targets[:2]] == values[:2]


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("a.csv", "x,y\n1.5,a\n2,b\n", "utf-8-sig"),
        ("a.csv", "x;y\r\n1.5;a\r\n2;b\r\n", "utf-8"),
        ("a.tsv", "x\ty\n1.5\ta\n2\tb\n", "utf-8"),
        ("a.csv", "x,y\n1.5,a\n2,b\n", "utf-16"),
        ("A.CSV", " x , y \n1.5,a\n2,b\n", "cp1252"),
    ],
)
def test_separators_and_encodings_of_the_world_are_read(tmp_path, name, text, encoding):
    frame = read_frame(written(tmp_path / name, text, encoding))
    assert frame.columns == ["x", "y"]
    assert frame["x"].to_list() == [1.5, 2.0]


def test_words_in_the_encoding_of_old_windows_are_read(tmp_path):
    assert read_frame(written(tmp_path / "a.csv", "x,y\nCórdoba,1\n", "cp1252"))["x"][0] == "Córdoba"


def test_none_is_an_answer_and_not_a_hole(tmp_path):
    found = table(tmp_path, "x,y\n1,none\n2.5,some\n4,none\n?,some\n")
    assert found.targets.classes == ("none", "some")
    assert len(found.train) == 4
    assert math.isnan(found.train.inputs[3, 0])


def test_a_number_of_the_row_is_none_to_learn_from_though_some_rows_have_no_target(tmp_path):
    rows = "".join(f"{i},{i * i % 17},{'' if i == 5 else 'ab'[i % 2]}\n" for i in range(1, 40))
    found = table(tmp_path, "nr,x,y\n" + rows)
    assert found.inputs.names == ("x",)
    assert found.notes[:2] == (
        "1 row without a value of 'y' is left out",
        "column 'nr' is left out: it numbers the rows",
    )


def test_parquet_has_the_same_rows_as_csv(tmp_path):
    text = written(tmp_path / "t.csv", ROWS)
    frame = read_frame(text)
    frame.write_parquet(tmp_path / "t.parquet")
    assert read_frame(tmp_path / "t.parquet").equals(frame)


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("", "y", "does not read|at least one row"),
        ("x,y\n", "y", "at least one row"),
        ("x,y\n1,2\n", "z", "no column 'z'"),
        ("x,y\n1,2\n", None, "say which column"),
        ("x,y\n1,\n2,\n", "y", "column 'y' is empty"),
        ("x,y\n1,a\n2,a\n", "y", "one value only"),
        ("x,x,y\n1,2,a\n", "y", "x is there twice"),
        ("x,,y\n1,2,a\n", "y", "name for each column"),
        ("x,y\n1,a\n2,b,c,d\n", "y", r"row 2 \(line 3\)"),
        ("y\na\nb\n", "y", "no column is left"),
        ("x,y\n5,a\n5,b\n", "y", "no column is left.*one value only"),
        ("x,y\n" + "".join(f"{i / 3},w{i}\n" for i in range(150)), "y", "150 different values; choose another"),
        ("x,y\n1,inf\n2,0.5\n3,2.5\n", "y", "infinite"),
        ("\0\0\1\2x", "y", "zero byte"),
    ],
)
def test_tables_that_cannot_be_learned_from_are_refused_in_one_line(tmp_path, text, target, words):
    with pytest.raises(ProfundoError, match=words) as error:
        table(tmp_path, text, target)
    assert "\n" not in str(error.value)


def test_words_where_a_number_was_asked_for_as_target_are_refused(tmp_path):
    with pytest.raises(ProfundoError, match="task='real' needs numbers"):
        table(tmp_path, "x,y\n1,a\n2,b\n", task="real")
    with pytest.raises(ProfundoError, match="expected a table, found nothing"):
        read_frame(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ProfundoError, match="found a folder"):
        read_frame(tmp_path / "folder.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ProfundoError, match="does not read"):
        read_frame(tmp_path / "bad.parquet")


def test_rows_to_come_that_do_not_fit_name_their_column_and_value(tmp_path):
    found = table(tmp_path, "a,d,y\n1,2020-01-01,p\n2.5,2020-01-02,q\n", "y")
    for text, words in [("a,d\n1,2020-01-01\nmany,2020-01-02\n", "column 'a': expected numbers, got 'many'"),
                        ("a,d\n1,soon\n2,2020-01-02\n", "column 'd': expected dates.*got 'soon'")]:  # fmt: skip
        frame = read_frame(written(tmp_path / "new.csv", text))
        with pytest.raises(ProfundoError, match=words):
            raw_rows(frame, found.inputs.columns)


def test_a_table_becomes_three_splits_whose_features_are_finite(tmp_path):
    frame = polars.DataFrame({
        "n": [None if i % 7 == 0 else float(i % 13) for i in range(200)],
        "c": [None if i % 11 == 0 else "pqr"[i % 3] for i in range(200)],
        "y": ["even" if i % 2 else "odd" for i in range(200)],
    })  # fmt: skip
    frame.write_csv(tmp_path / "t.csv")
    data = load(tmp_path / "t.csv", target="y")
    assert data.spec.inputs.names == ("n", "n missing", "c = p", "c = q", "c = r", "c missing")
    assert data.spec.inputs.shape == (6,)
    assert (len(data.train), len(data.validation), len(data.test)) == (140, 20, 40)
    for split in (data.train, data.validation, data.test):
        assert torch.isfinite(split.inputs).all()
        assert split.inputs.dtype == torch.float64
    again = load(tmp_path / "t.csv", target="y")
    assert again.facts == data.facts
    with pytest.raises(ProfundoError, match="target is for tables"):
        load("digits", target="y")
