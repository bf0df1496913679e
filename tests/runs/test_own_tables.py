"""From a table or arrays of one's own to a run that predicts rows to come, with its preprocessing inside."""

import json
import random

import numpy as np
import polars
import pytest

import profundo as pf
from profundo.cli import main
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import open_run, train
from profundo.use.predicting import predict_files


@pytest.fixture
def people(tmp_path):
    """Risk grows with age, is higher in Porto, and one row in ten has a hole."""
    draw = random.Random(0)
    rows = []
    for number in range(300):
        age, city = draw.randint(18, 80), draw.choice(["Madrid", "Porto", "Recife"])
        risky = age / 20 + (1.5 if city == "Porto" else 0) + draw.gauss(0, 0.3) > 3
        rows.append({
            "id": number + 1, "age": None if draw.random() < 0.1 else age, "city": None if draw.random() < 0.05 else city,
            "since": f"20{draw.randint(10, 20)}-0{draw.randint(1, 9)}-11", "risk": "high" if risky else "low",
        })  # fmt: skip
    path = tmp_path / "people.csv"
    polars.DataFrame(rows).write_csv(path)
    return path


def test_a_table_goes_from_file_to_predictions_without_the_file(people, tmp_path):
    run = train(new_experiment(data=str(people), target="risk", epochs=20), out=tmp_path / "run")
    assert run.scores.values["accuracy"] > 0.85
    assert run.scores.baseline["accuracy"] < 0.65
    new = tmp_path / "new.csv"
    new.write_text("city,age,since,more\nPorto,70,2015-03-11,x\nMadrid,20,2015-03-11,x\nAtlantis,,2015-03-11,x\n")
    people.unlink()
    said = predict_files(tmp_path / "run", [new])
    assert [one["prediction"] for one in said[:2]] == ["high", "low"]
    assert 0 < said[2]["probability"] <= 1
    new.write_text("city,age\nPorto,70\n")
    with pytest.raises(ProfundoError, match="missing: since"):
        predict_files(tmp_path / "run", [new])


def test_predictions_of_the_rows_learned_from_are_those_of_the_net(people, tmp_path):
    run = train(new_experiment(data=str(people), target="risk", epochs=5), out=tmp_path / "run")
    said = predict_files(tmp_path / "run", [people])
    opened = open_run(tmp_path / "run")
    assert opened.scores.values == pytest.approx(run.scores.values)
    frame = polars.read_csv(people)
    assert [one["prediction"] for one in said].count("high") == pytest.approx((frame["risk"] == "high").sum(), abs=60)
    shares = np.array([one["probabilities"]["high"] for one in said])
    by_net = opened.predict(opened.data.test.inputs).numpy()
    both = np.concatenate([shares, 1 - shares])
    assert all(np.abs(both - share).min() < 1e-5 for share in by_net.reshape(-1))


def test_a_table_that_changed_is_not_taken_for_the_one_learned_from(people, tmp_path):
    train(new_experiment(data=str(people), target="risk", epochs=1), out=tmp_path / "run")
    people.write_text(people.read_text().replace("Porto", "Lisboa"))
    with pytest.raises(ProfundoError):
        open_run(tmp_path / "run")


def test_arrays_of_images_are_trained_on(tmp_path):
    x = np.random.default_rng(0).integers(0, 100, (120, 8, 8), dtype=np.uint8)
    y = np.arange(120) % 2
    x[y == 1, 2:6, 2:6] += 150
    np.savez(tmp_path / "squares.npz", x=x, y=np.where(y == 1, "square", "none"))
    run = train(new_experiment(data=str(tmp_path / "squares.npz"), epochs=8), out=tmp_path / "run")
    assert run.scores.values["accuracy"] == 1


@pytest.fixture
def weather(tmp_path):
    """Three labels that follow from two numbers, each also as words in one column."""
    draw = random.Random(1)
    rows = []
    for _ in range(300):
        cloud, warmth = draw.random(), draw.gauss(15, 8)
        there = {"sun": cloud < 0.5, "rain": cloud > 0.6 and warmth < 20, "frost": warmth < 5}
        words = "; ".join(name for name, is_there in there.items() if is_there) or "none"
        rows.append({"cloud": cloud, "warmth": warmth, **{name: int(v) for name, v in there.items()}, "sky": words})
    path = tmp_path / "weather.csv"
    polars.DataFrame(rows).write_csv(path)
    return path


def test_several_labels_go_from_file_to_predictions(weather, tmp_path):
    table = polars.read_csv(weather)
    table.drop("sky").write_csv(weather)
    run = train(new_experiment(data=str(weather), target="sun,rain,frost", epochs=40), out=tmp_path / "run")
    assert run.experiment.objective == "bernoulli"
    assert run.scores.values["label accuracy"] > 0.95 > 0.8 > run.scores.baseline["label accuracy"]
    assert run.scores.linear["label accuracy"] > 0.8
    assert [one.name for one in run.scores.per_class] == ["sun", "rain", "frost"]
    said = predict_files(tmp_path / "run", [weather])
    right = [("sun" in one["prediction"]) == row["sun"] for one, row in zip(said, table.to_dicts(), strict=True)]
    assert sum(right) > 0.95 * len(right)
    assert list(said[0]["probabilities"]) == ["sun", "rain", "frost"]
    assert run.folder.report.stat().st_size > 10_000


def test_labels_in_one_column_are_the_same_task(weather, tmp_path):
    polars.read_csv(weather).drop("sun", "rain", "frost").write_csv(weather)
    run = train(new_experiment(data=str(weather), target="sky", task="labels", epochs=40), out=tmp_path / "run")
    assert run.data.spec.targets.classes == ("frost", "none", "rain", "sun")
    assert run.scores.values["label accuracy"] > 0.9


def test_two_numbers_are_predicted_at_once(weather, tmp_path):
    rows = polars.read_csv(weather).select("cloud", "warmth")
    rows.with_columns(a=polars.col("cloud") * 3 + 1, b=polars.col("warmth") * -2).write_csv(weather)
    run = train(new_experiment(data=str(weather), target="a,b", epochs=60), out=tmp_path / "run")
    assert run.data.spec.targets.names == ("a", "b")
    assert run.scores.values["R²"] > 0.9
    assert run.scores.linear["R²"] > 0.999  # it is linear
    said = predict_files(tmp_path / "run", [weather])
    assert len(said[0]["prediction"]) == 2


def test_a_run_is_evaluated_on_a_file_of_other_rows(tmp_path, monkeypatch, capsys):
    draw = np.random.default_rng(3)

    def rows(count):
        age, code = draw.integers(18, 80, count), draw.choice(["01", "02", "10"], count)
        return polars.DataFrame(
            {"age": age, "code": code, "risk": np.where((age > 50) ^ (code == "10"), "high", "low")}
        )

    monkeypatch.chdir(tmp_path)
    old, new = rows(200), rows(60)
    old.write_csv("old.csv")
    new.select("risk", "code", "age").write_csv("new.csv")
    run = pf.fit("mlp", "old.csv", target="risk", epochs=8, out="run")
    right = np.asarray(run.predict("new.csv") >= 0.5).astype(int) == (new["risk"] == "low").cast(int).to_numpy()
    assert run.evaluate("new.csv").values["accuracy"] == pytest.approx(right.mean())
    monkeypatch.setattr("sys.argv", ["profundo", "evaluate", "run", "new.csv", "--json"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert json.loads(capsys.readouterr().out)["data"]["accuracy"] == pytest.approx(right.mean())
    with pytest.raises(ProfundoError, match=r"'neww.csv' is none, and no path"):
        run.evaluate("neww.csv")
    new.drop("risk").write_csv("new.csv")
    with pytest.raises(ProfundoError, match="expected a column 'risk'"):
        run.evaluate("new.csv")
