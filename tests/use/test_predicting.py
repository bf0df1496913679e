"""What a run's folder says of images and rows: what evaluation says, whichever way they come."""

import csv
import io
import json
import os
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import pytest
import torch
from PIL import Image

from profundo.cli import main
from profundo.data.new_inputs import Entry
from profundo.data.standard import measured_rows
from profundo.data.tables.new_rows import BadInputError, features_of_frame, features_of_rows
from profundo.files import replacing
from profundo.lab.answering import as_csv
from profundo.records import Column, Inputs, ProfundoError, Spec, Targets
from profundo.runs.experiment import new_experiment
from profundo.runs.folder import Folder
from profundo.runs.prediction_record import described, in_columns
from profundo.runs.supervised import train
from profundo.use import predicting
from profundo.use.predicting import Answers, predict_files, predictions, predictor
from profundo.use.prediction_output import NUMBER, STARTS_FORMULA, Rows, harmless, harmless_all, tell


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run on 8×8 images, and its test images as files in folders of folders, in the order of the split."""
    place = tmp_path_factory.mktemp("digits")
    run = train(new_experiment(data="digits", epochs=2), out=place / "run")
    for number, image in enumerate(run.data.test.inputs[:60]):
        folder = place / "images" / f"{number // 20}" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(folder / f"{number:03}.png")
    return place, run


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A run on a table with numbers, holes, more categories than have a feature, and dates."""
    place = tmp_path_factory.mktemp("people")
    draw = random.Random(0)
    rows = [
        {
            "weight": None if draw.random() < 0.1 else draw.randint(40, 100),
            "key": number / 8,  # tells the rows apart, exactly
            "town": None if draw.random() < 0.1 else f"town {min(draw.randint(0, 70), draw.randint(0, 70))}",
            "since": f"20{draw.randint(10, 20)}-03-{draw.randint(10, 28)} {draw.randint(10, 22)}:30:00",
            "cost": draw.gauss(0, 1) + number / 200,
        }
        for number in draw.sample(range(1200), 1200)
    ]
    polars.DataFrame(rows).write_csv(place / "people.csv")
    run = train(new_experiment(data=str(place / "people.csv"), target="cost", epochs=2), out=place / "run")
    return place, run


def run_program(monkeypatch, capsys, *arguments, stdin=b""):
    """(exit status, stdout, lines of stderr) of the program in this process."""
    monkeypatch.setattr(sys, "argv", ["profundo", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    return end.value.code or 0, said.out, said.err.splitlines()


# ------------------------------------------------------------------------------------------------ the same as evaluation
def test_images_in_files_are_told_as_evaluation_tells_them(digits):
    place, run = digits
    told = predict_files(place / "run", [place / "images"])
    assert [one["input"][-7:-4] for one in told] == [f"{number:03}" for number in range(60)]
    shares = np.array([list(one["probabilities"].values()) for one in told])
    np.testing.assert_allclose(shares, run.said.predictions[:60], atol=1e-6)
    classes = run.data.spec.targets.classes
    assert [one["prediction"] for one in told] == [classes[index] for index in run.said.predictions[:60].argmax(1)]
    assert [one["probability"] for one in told] == pytest.approx(shares.max(1))


def test_rows_of_a_table_are_told_as_evaluation_tells_them(people):
    place, run = people
    told = predict_files(place / "run", [place / "people.csv"])
    frame = polars.read_csv(place / "people.csv")
    by_key = dict(zip(frame["key"], told, strict=True))
    keys = run.data.test.inputs[:, run.data.spec.inputs.names.index("key")].tolist()
    ours = np.array([by_key[key]["prediction"] for key in keys])
    np.testing.assert_allclose(ours, run.said.predictions[:, 0], atol=1e-5)
    columns = {column.name: column for column in run.data.spec.inputs.columns}
    seen = [
        row
        for row in frame.filter(polars.col("key").is_in(keys)).iter_rows(named=True)
        if row["town"] not in (*columns["town"].levels, None)
    ]
    assert seen, "no test row had a town too rare for a feature, which is what this is about"


def test_what_lies_outside_of_training_is_told_with_its_range_and_no_interval_is_promised(people):
    place, run = people
    ready = predictor(place / "run")
    keys = run.data.train.inputs[:, ready.spec.inputs.names.index("key")]
    usual = {"weight": 70, "town": "town 3", "since": "2015-03-11 12:00:00", "key": float(keys.max())}
    assert "notices" not in ready.rows([usual])[0]
    assert len(ready.rows([usual | {"weight": None}])[0]["notices"]) == 1, "training had gaps there"
    edges = f"{float(keys.min()):.4g} to {float(keys.max()):.4g}"
    for key in (float(keys.max()) + 0.125, -1, 1e30):
        outside, promise = ready.rows([usual | {"key": key}])[0]["notices"]
        assert outside == f"column 'key' is outside of what training saw, {edges}"
        assert promise.everywhere["ca"].startswith("el seu interval no promet res")
    outside, _ = ready.rows([usual | {"since": "1999-03-11"}])[0]["notices"]
    since = [row["since"][:10] for row in polars.read_csv(place / "people.csv").iter_rows(named=True)]
    assert outside == f"column 'since' is outside of what training saw, {min(since)} to {max(since)}"
    # a file says the same, and counts the rows
    usual_row = ",".join(map(str, usual.values()))
    (place / "far.csv").write_text(
        f"weight,town,since,key\n{usual_row}\n7000,town 3,2015-03-11,9\n8000,town 3,2015-03-11,9\n"
    )
    said: list[str] = []
    tell(predictions(ready, [place / "far.csv"]), place / "run", "text", io.StringIO(), said.append)
    assert said == [
        "2 of 3: column 'weight' is outside of what training saw, 40 to 100",
        "2 of 3: its interval promises nothing: it was measured on rows like those of training",
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_of_training_are_inside_in_whatever_precision_it_was_kept(dtype):
    rows = torch.tensor([[0.1, 3.0], [8.2, 3.0], [12.3, 5.0]], dtype=dtype)
    inputs = measured_rows(Inputs((2,), "features", names=("kg", "n")), rows)
    frame = polars.DataFrame({"kg": [0.1, 12.3, 12.31, -1.0, 8.2], "n": [3.0, 5.0, 5.0, 9.0, 4.0]})
    told = features_of_frame(frame, inputs).notices
    kg = "column 'kg' is outside of what training saw, 0.1 to 12.3"
    assert told == [(), (), (kg,), (kg, "column 'n' is outside of what training saw, 3 to 5"), ()]
    assert features_of_frame(frame, replace(inputs, ranges=())).notices == [()] * 5, "older runs kept none"


def test_a_category_without_a_feature_is_none_and_not_missing():
    inputs = Inputs((4,), "features", columns=(Column("c", "category", ("a", "b", "c"), has_gaps=True),))
    rows = [{"c": "b"}, {"c": "z"}, {"c": None}]
    expected = [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    together = features_of_frame(polars.DataFrame(rows), inputs)
    assert together.values.tolist() == expected
    assert features_of_rows(rows, inputs).values.tolist() == expected
    assert together.notices[0] == ()
    assert "'z' was not seen in training" in together.notices[1][0]
    assert "is missing" in together.notices[2][0]


def test_rows_one_by_one_have_the_features_of_the_table(people):
    place, run = people
    inputs = run.data.spec.inputs
    frame = polars.read_csv(place / "people.csv", try_parse_dates=True).head(100)
    together = features_of_frame(frame, inputs)
    for row, values, notices in zip(frame.to_dicts(), together.values, together.notices, strict=True):
        alone = features_of_rows([{**row, "since": row["since"].isoformat()}], inputs)
        assert torch.equal(alone.values[0], values)
        assert alone.notices[0] == notices


def test_a_hole_is_filled_by_the_median_of_training_and_told(people):
    place, run = people
    ready = predictor(place / "run")
    fill = next(column.fill for column in ready.spec.inputs.columns if column.name == "key")
    row = {"weight": 70, "town": "town 3", "since": "2015-03-11", "key": None}
    (told,) = ready.rows([row])
    missing, promise = told["notices"]
    assert missing == f"column 'key' is missing: taken for {fill:.4g}, the median of training"
    assert promise.startswith("its interval promises nothing"), "no row of training lacked its key"
    assert told["prediction"] == ready.rows([{**row, "key": fill}])[0]["prediction"]
    assert fill == np.median(run.data.train.inputs[:, run.data.spec.inputs.names.index("key")])


# ------------------------------------------------------------------------------------------------------- ways to come in
def test_bytes_arrays_zips_and_files_of_an_image_are_told_alike(digits, tmp_path):
    place, run = digits
    files = sorted((place / "images").rglob("*.png"))[:5]
    np.savez(tmp_path / "five.npz", x=run.data.test.inputs[:5, 0].numpy())
    import zipfile

    with zipfile.ZipFile(tmp_path / "five.zip", "w") as packed:
        for file in files:
            packed.write(file, file.name)
    ways = [
        predict_files(place / "run", files),
        predict_files(place / "run", [tmp_path / "five.npz"]),
        predict_files(place / "run", [tmp_path / "five.zip"]),
        predictor(place / "run").images([file.read_bytes() for file in files]),
    ]
    for way in ways:
        assert [one["probabilities"] for one in way] == [one["probabilities"] for one in ways[0]]
    assert ways[1][2]["input"].endswith("five.npz, image 3")


def test_a_bad_input_is_named_by_its_index(digits, people):
    ready = predictor(digits[0] / "run")
    good = next((digits[0] / "images").rglob("*.png")).read_bytes()
    with pytest.raises(BadInputError, match="image 2: expected an image") as error:
        ready.images([good, b"\x89PNG not really", b""])
    assert error.value.index == 1
    ready = predictor(people[0] / "run")
    row = {"weight": 70, "town": "town 3", "since": "2015-03-11", "key": 3}
    for wrong, says in (
        ({"weight": "heavy"}, "row 2: column 'weight': expected a number, got 'heavy'"),
        ({"since": "yesterday"}, "row 2: column 'since': expected a date such as 2024-05-31, got 'yesterday'"),
        ({"since": 5}, "expected a date"),
        ({"weight": [1, 2]}, "expected a number"),
        ({"town": {"a": 1}}, "expected a word"),
    ):
        with pytest.raises(BadInputError, match=says) as error:
            ready.rows([row, {**row, **wrong}])
        assert error.value.index == 1
    del row["town"]
    with pytest.raises(BadInputError, match="missing: town"):
        ready.rows([row])
    with pytest.raises(ProfundoError, match="takes no images"):
        ready.images([good])


def test_the_predictor_may_be_used_by_several_threads(digits):
    place, _ = digits
    ready = predictor(place / "run")
    contents = [file.read_bytes() for file in sorted((place / "images").rglob("*.png"))]
    alone = [ready.images([content])[0]["prediction"] for content in contents]
    barrier = threading.Barrier(8)

    def ask(_):
        barrier.wait()
        return [one["prediction"] for one in ready.images(contents)]

    with ThreadPoolExecutor(8) as pool:
        assert all(answers == alone for answers in pool.map(ask, range(8)))


def test_inputs_are_read_as_they_are_needed(digits, monkeypatch):
    place, _ = digits
    monkeypatch.setattr(predicting, "MOST_INPUTS", 4)
    asked_for = []
    files = (asked_for.append(file) or file for file in [next((place / "images").rglob("*.png"))] * 100)
    found = predictions(predictor(place / "run"), files)
    assert len([next(found) for _ in range(10)]) == 10
    assert len(asked_for) == 12  # three batches


def test_columns_of_arrays_go_by_their_place(tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=x, y=np.where(x[:, 0] > 0, "up", "down"))
    train(new_experiment(data=str(tmp_path / "rows.npz"), epochs=2), out=tmp_path / "run")
    polars.DataFrame(x[:5], schema=["a", "b", "c"]).write_csv(tmp_path / "rows.csv")
    by_place = predict_files(tmp_path / "run", [tmp_path / "rows.csv"])
    by_array = predict_files(tmp_path / "run", [tmp_path / "rows.npz"])[:5]
    assert [one["probability"] for one in by_place] == pytest.approx([one["probability"] for one in by_array], abs=1e-6)
    polars.DataFrame(np.hstack([x, x])[:5, :4]).write_csv(tmp_path / "rows.csv")
    with pytest.raises(ProfundoError, match="expected 3 columns, x1 to x3 or any in that order, got 4"):
        predict_files(tmp_path / "run", [tmp_path / "rows.csv"])


# ---------------------------------------------------------------------------------------------------------- what is bad
def test_bad_files_have_a_line_each_and_skip_bad_goes_on(digits, tmp_path, monkeypatch, capsys):
    place, _ = digits
    (tmp_path / "bad.png").write_bytes(b"\x89PNG not really")
    good = next((place / "images").rglob("*.png"))
    files = [good, tmp_path / "bad.png", tmp_path / "gone.png", good]
    status, out, lines = run_program(monkeypatch, capsys, "predict", place / "run", *files)
    assert (status, out) == (1, "")
    assert [line.partition(":")[0].rpartition("/")[2] for line in lines[:2]] == ["bad.png", "gone.png"]
    assert lines[2:] == ["profundo: 2 of 4 inputs cannot be read; --skip-bad leaves them out"]
    status, out, lines = run_program(monkeypatch, capsys, "predict", place / "run", *files, "--skip-bad", "--json")
    said = json.loads(out)
    assert status == 0
    assert len(said["predictions"]) == 2
    assert [one["input"].rpartition("/")[2] for one in said["left_out"]] == ["bad.png", "gone.png"]
    assert lines[-1] == "2 of 4 inputs were left out"
    status, out, lines = run_program(monkeypatch, capsys, "predict", place / "run", files[1], files[2], "--skip-bad")
    assert (status, out) == (1, "")
    assert lines[-1] == "profundo: none of the 2 inputs can be read"


def test_of_a_table_only_the_bad_rows_are_left_out(people, tmp_path, monkeypatch, capsys):
    place, _ = people
    new = tmp_path / "new.csv"
    new.write_text(
        "key,weight,town,since,more\n1,70,town 1,2015-03-11,x\n2,fat,town 1,2015-03-11,x\n3,71,Oz,2015-03-11,x\n\n"
    )
    status, out, lines = run_program(monkeypatch, capsys, "predict", place / "run", new, "--csv", "--skip-bad")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert [row["input"].rpartition(", ")[2] for row in rows] == ["row 1", "row 3"]
    assert all(np.isfinite(float(row["cost"])) for row in rows)
    assert "row 2: column 'weight': expected a number, got 'fat'" in lines[0]
    assert any(line.startswith("1 of 2: column 'town': 'Oz' was not seen") for line in lines)


def test_a_table_with_none_of_the_columns_is_told_which(people, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("colour,price\nred,3\nblue,4\n")
    with pytest.raises(ProfundoError, match=r"expected the columns .*weight, the file has colour, price"):
        predict_files(people[0] / "run", [other])


def test_rows_come_by_standard_input_too(people, monkeypatch, capsys):
    text = b"key,weight,town,since\n1,70,town 1,2015-03-11\n"
    status, out, _ = run_program(monkeypatch, capsys, "predict", people[0] / "run", "-", "--json", stdin=text)
    assert status == 0
    assert json.loads(out)["predictions"][0]["input"] == "standard input, row 1"
    status, out, lines = run_program(monkeypatch, capsys, "predict", people[0] / "run", "-", stdin=b"")
    assert (status, out, len(lines)) == (1, "", 1)
    assert "standard input" in lines[0]


@pytest.mark.parametrize("name", ["no.csv", "no.npz", "no.zip", "no.parquet", "folder"])
def test_what_is_not_there_or_of_another_kind_is_one_line(people, tmp_path, monkeypatch, capsys, name):
    (tmp_path / "folder").mkdir()
    status, out, lines = run_program(monkeypatch, capsys, "predict", people[0] / "run", tmp_path / name)
    assert (status, out, len(lines)) == (1, "", 1)
    assert name in lines[0]


@pytest.mark.parametrize(
    "name", [b"a b.png", "größe ∂.png".encode(), b"two\nlines.png", b"\xff\xfe.png", b"n" * 251 + b".png"]
)
def test_any_name_of_a_file_is_told_on_one_line(digits, tmp_path, monkeypatch, capsys, name):
    place, _ = digits
    folder = os.fsencode(tmp_path)
    for content in (next((place / "images").rglob("*.png")).read_bytes(), b"no image"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
        out = tmp_path / "out.csv"
        given = os.fsdecode(os.path.join(folder, name))
        status, _, lines = run_program(monkeypatch, capsys, "predict", place / "run", given, "--out", out)
        assert status == (1 if content == b"no image" else 0)
        assert len(lines) == status
        assert len(out.read_text("utf-8").splitlines()) == 2


def test_a_run_that_is_not_finished_predicts_nothing(digits, tmp_path):
    place, _ = digits
    other = Folder.create("x", tmp_path / "other")
    for name in ("experiment.yaml", "model.json", "model.safetensors"):
        (other.path / name).write_bytes((place / "run" / name).read_bytes())
    with pytest.raises(ProfundoError, match="not finished; `profundo resume"):
        predictor(other.path)


# --------------------------------------------------------------------------------------------------------------- formats
def told(style, found, targets, **options):
    stream, notices = io.StringIO(), []
    from pathlib import Path

    tell(found, Path("run"), style, stream, notices.append, targets=targets, **options)
    return stream.getvalue(), notices


def test_a_csv_holds_any_name():
    names = ('a "quoted", one', "two\nlines", "input")
    one = {"input": "x,y.png", "prediction": names[1], "probability": 0.5, "probabilities": dict.fromkeys(names, 0.25)}
    text, _ = told("csv", [one], Targets("classes", names))
    header, row = csv.reader(io.StringIO(text))
    assert header == ["input", "prediction", "probability", *(f"P({name})" for name in names)]
    assert row == ["x,y.png", names[1], "0.5", "0.25", "0.25", "0.25"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "-1+1", "=cmd|' /C calc'!A0", "＝1+1"]
)
def test_no_cell_of_a_csv_becomes_a_formula(text):
    """OWASP, CSV Injection: names of files, classes and columns may come from strangers."""
    labels = {"input": text, "prediction": [text], "probabilities": {text: 0.5}}
    for written in (
        told("csv", [labels], Targets("labels", (text,)))[0],
        told("csv", [{"input": text, "prediction": -0.5}], Targets("real", names=(text,)))[0],
        as_csv([labels], Targets("labels", (text,))).decode(),
    ):
        header, row = csv.reader(io.StringIO(written, newline=""))
        assert all(cell[0] not in "=+-@\t\r＝" or cell == "-0.5" for cell in (*header, *row)), written
        assert row[0] == f"'{text}".replace("\r", "\n")


def test_numbers_stay_numbers_in_a_csv():
    text, _ = told("csv", [{"input": "-3", "prediction": [-0.5, 1e-9]}], Targets("real", names=("a", "b")))
    assert text == "input,a,b\n-3,-0.5,1e-09\n"


def test_a_csv_has_a_column_for_each_real_target():
    text, _ = told("csv", [{"input": "a", "prediction": [1.5, 2.5]}], Targets("real", names=("input", "depth")))
    assert text == "input,input (prediction),depth\na,1.5,2.5\n"


def test_labels_are_told_together_in_a_cell_and_as_a_list_in_json():
    one = {"input": "a", "prediction": ["red", "round"], "probabilities": {"red": 0.9, "round": 0.6, "new": 0.1}}
    none = {"input": "b", "prediction": [], "probabilities": {"red": 0.1, "round": 0.2, "new": 0.1}}
    targets = Targets("labels", ("red", "round", "new"))
    text, _ = told("csv", [one, none], targets)
    assert text == "input,prediction,P(red),P(round),P(new)\na,red; round,0.9,0.6,0.1\nb,,0.1,0.2,0.1\n"
    assert json.loads(told("json", [one, none], targets)[0])["predictions"] == [one, none]
    assert told("text", [one, none], targets)[0] == "a: red; round\nb: none\n"


def test_numbers_are_told_to_people_with_six_digits_and_by_name():
    one = [{"input": "a", "prediction": 33.22211456298828}]
    assert told("text", one, Targets("real", names=("y",)))[0] == "a: 33.2221\n"
    assert told("text", [{"input": "a", "prediction": 0.0}], Targets("real", names=("y",)))[0] == "a: 0\n"
    two = [{"input": "a", "prediction": [33.22211456298828, -1e-9]}]
    assert told("text", two, Targets("real", names=("low", "high")))[0] == "a: low 33.2221; high -1e-09\n"
    assert told("text", two, Targets("real"))[0] == "a: 33.2221; -1e-09\n"


def test_a_file_is_written_whole_or_left_as_it_was(tmp_path):
    out = tmp_path / "out.csv"
    good = {"input": "a", "prediction": "x", "probability": 1.0, "probabilities": {"x": 1.0, "y": 0.0}}
    targets = Targets("binary", ("x", "y"))
    told("csv", [good], targets, out=out)
    before = out.read_text()
    with pytest.raises(ProfundoError, match="2 of 3"):
        told("csv", [good, Entry("b", None, "b is bad"), Entry("c", None, "c is bad")], targets, out=out)
    assert out.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    with pytest.raises(ProfundoError, match="could not be written"), replacing(tmp_path / "no" / "folder.csv"):
        pass


KINDS = {
    "binary": (Targets("binary", ("=no", 'y"es,')), torch.tensor([0.25, 0.75, 0.5])),
    "classes": (
        Targets("classes", ("a", "b\r\nc", "-1")),
        torch.tensor([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]),
    ),
    "labels": (Targets("labels", ("sun", "rain")), torch.tensor([[0.9, 0.8], [0.1, 0.2], [0.6, 0.1]])),
    "one number": (Targets("real", names=("price",)), torch.tensor([[1.5], [-2e-7], [3e20]])),
    "two numbers": (Targets("real", names=("input", "size")), torch.tensor([[1.5, 2], [3, 4], [5, 6]])),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ids", [{}, {"who": ["=1+1", "b", None], "n": [1, 2, 3]}])
def test_rows_written_many_at_a_time_are_those_written_one_by_one(kind, ids):
    targets, outputs = KINDS[kind]
    spec = Spec(Inputs((1,), "features"), targets)
    names = ["=t.csv, row 1", "t.csv, row 2", "+3"]
    answers = Answers(names, in_columns(outputs, spec), ids, [("odd",), (), ()], targets.classes)
    together, alone = io.StringIO(), io.StringIO()
    Rows(together, Path(), targets).add_all(answers)
    writer = Rows(alone, Path(), targets)
    records = list(answers.records())
    for record in records:
        writer.add(record)

    def parsed(text):
        header, *rows = csv.reader(io.StringIO(text.getvalue(), newline=""))
        return header, [[float(cell) if NUMBER.fullmatch(cell) else cell for cell in row] for row in rows]

    assert parsed(together) == parsed(alone)
    expected = described(names, outputs, spec)
    assert [{key: value for key, value in one.items() if key not in ("id", "notices")} for one in records] == expected
    assert records[0]["notices"] == ["odd"]


@pytest.mark.parametrize(
    "cell", [*(f"{sign}x" for sign in STARTS_FORMULA), "a\nb", "a\rb", "\r", "-1", "+1e5", "a=b", "a-1"]
)
def test_a_column_of_texts_is_as_harmless_as_each_of_them(cell):
    cells = ["plain", cell, None, ""]
    assert harmless_all(polars.Series("x", cells)).to_list() == [harmless(one) for one in cells]
