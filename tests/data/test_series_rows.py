"""Labelled series that come as the rows of a table: cut, ordered, split and read again as they were learned."""

import numpy as np
import polars
import pytest
import torch

from profundo.data import load
from profundo.data.dataset_names import Reading
from profundo.data.loading import collect
from profundo.data.new_inputs import entries
from profundo.records import ProfundoError


def walks(series=12, steps=6, uneven=False) -> polars.DataFrame:
    """Series `a0` … of two channels; of a label, and a person who has three of them."""
    rows = [
        {"walk": f"a{at}", "person": at // 3, "t": step, "x": 100.0 * at + step, "y": -1.5 * step, "what": "sit" if at % 2 else "run"}
        for at in range(series)
        for step in range(steps - (at if uneven else 0) % 3)
    ]  # fmt: skip
    return polars.DataFrame(rows)


def saved(path, frame):
    frame.write_csv(path)
    return path


def collected(path, **how):
    return collect(str(path), Reading(**{"target": "what", "series": "walk", "drop": ("person",)} | how))


def test_each_series_is_one_sample_with_its_label(tmp_path):
    found = collected(saved(tmp_path / "w.csv", walks()))
    assert found.inputs.shape == (2, 6)
    assert found.inputs.names == ("x", "y")
    assert found.train.inputs[3].tolist() == [[300, 301, 302, 303, 304, 305], [0, -1.5, -3, -4.5, -6, -7.5]]
    assert [found.targets.classes[index] for index in found.train.targets[:2]] == ["run", "sit"]
    assert found.ids == {"walk": [f"a{at}" for at in range(12)]}
    uses = {one.name: one.use for one in found.readings}
    assert uses == {"walk": "which series", "person": "left out, as told", "t": "order of the steps", "x": "input",
                    "y": "input", "what": "target"}  # fmt: skip


def test_rows_in_any_order_are_the_same_series(tmp_path):
    one = collected(saved(tmp_path / "w.csv", walks()))
    mixed = walks().sample(fraction=1, shuffle=True, seed=3)
    other = collected(saved(tmp_path / "m.csv", mixed))
    order = [other.ids["walk"].index(name) for name in one.ids["walk"]]
    assert torch.equal(other.train.inputs[order], one.train.inputs)
    without = collected(saved(tmp_path / "r.csv", walks().drop("t")))
    assert torch.equal(without.train.inputs, one.train.inputs)
    assert "the steps of a series follow each other as its rows do" in without.notes
    days = walks().with_columns(
        t=polars.date(2024, 1, 1) + polars.duration(days=30 - polars.col("t"))
    )  # the last first
    assert torch.equal(collected(saved(tmp_path / "d.csv", days)).train.inputs, one.train.inputs.flip(2))


def test_shorter_series_and_holes_are_filled_and_told(tmp_path):
    frame = walks(uneven=True).with_columns(
        y=polars.when((polars.col("walk") == "a0") & (polars.col("t") == 2)).then(None).otherwise(polars.col("y")),
        what=polars.when(polars.col("walk") == "a7").then(None).otherwise(polars.col("what")),
    )
    found = collected(saved(tmp_path / "w.csv", frame))
    assert found.train.inputs[2].tolist()[0] == [200, 201, 202, 203, 203, 203]
    assert found.train.inputs[0].tolist()[1] == [0, -1.5, -3, -4.5, -6, -7.5]
    assert len(found.train) == 11
    assert any("7 shorter series" in note for note in found.notes)
    assert any("1 missing values in 1 series" in note for note in found.notes)
    assert any("1 row without a value of 'what'" in note for note in found.notes)


def test_a_label_in_some_rows_of_a_series_suffices_and_numbers_are_predicted(tmp_path):
    frame = walks(40).with_columns(cost=polars.when(polars.col("t") == 3).then(polars.col("x") / 7))
    found = collected(saved(tmp_path / "w.csv", frame.drop("what")), target="cost")
    assert found.targets.kind == "real"
    np.testing.assert_allclose(found.train.targets[:, 0], [(100 * at + 3) / 7 for at in range(40)])


def test_series_are_split_by_groups_and_by_time(tmp_path):
    path = saved(tmp_path / "w.csv", walks(30))
    data = load(path, target="what", series="walk", split_by="group:person")
    assert data.spec.inputs.names == ("x", "y")
    persons = [
        {int(value) // 300 for value in split.inputs[:, 0, 0].tolist()}
        for split in (data.train, data.validation, data.test)
    ]
    assert len(set.union(*persons)) == sum(map(len, persons))
    later = walks(30).with_columns(t=polars.col("t") + 10 * polars.col("walk").str.slice(1).cast(polars.Int64))
    data = load(saved(tmp_path / "t.csv", later), target="what", series="walk", drop=("person",), split_by="time:t")
    assert data.train.inputs[:, 0].max() < data.test.inputs[:, 0].min()


@pytest.mark.parametrize(
    ("change", "how", "message"),
    [
        ({"what": polars.when(polars.col("t") == 5).then(polars.lit("x")).otherwise("what")}, {}, "'run' and 'x' in 'what'"),
        ({}, {"series": "nobody"}, "no column 'nobody'"),
        ({}, {"target": "walk"}, "choose another target"),
        ({}, {"lookback": 3}, "say horizon too"),
        ({}, {"drop": ("person", "x", "y")}, "no column of numbers is left"),
        ({"walk": polars.lit("one")}, {"target": "person"}, "'one' of 'walk' has 0 and 1"),
        ({"walk": polars.lit("one"), "what": polars.lit("sit")}, {}, "expected 3 series or more"),
        ({"walk": polars.when(polars.col("t") > 3).then(None).otherwise("walk")}, {}, "column 'walk' is empty in 24 rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_series_is_refused_in_one_line(tmp_path, change, how, message):
    with pytest.raises(ProfundoError, match=message) as caught:
        collected(saved(tmp_path / "w.csv", walks().with_columns(**change)), **how)
    assert "\n" not in str(caught.value)


def test_other_tables_are_read_as_the_first_was(tmp_path):
    comma = walks().with_columns(polars.col("x").cast(polars.String).str.replace(".", ",", literal=True))
    comma.write_csv(tmp_path / "w.csv", separator=";")
    inputs = load(tmp_path / "w.csv", target="what", series="walk", drop=("person",)).spec.inputs
    new = walks(3, 8).sample(fraction=1, shuffle=True, seed=1).select("y", "t", "walk", "x")
    new = new.with_columns(polars.col("x").cast(polars.String).str.replace(".", ",", literal=True))
    new = new.with_columns(
        x=polars.when((polars.col("walk") == "a1") & (polars.col("t") == 2)).then(polars.lit("oh")).otherwise("x")
    )
    new.write_csv(tmp_path / "n.csv", separator=";")
    found = {one.ids["walk"]: one for one in entries([tmp_path / "n.csv"], inputs)}
    assert found["a2"].values.tolist() == [[200, 201, 202, 203, 204, 205], [0, -1.5, -3, -4.5, -6, -7.5]]
    assert "cut to its first 6 steps" in found["a2"].notices[0]
    assert found["a1"].values is None
    assert "'oh'" in found["a1"].fault
    (wrong,) = entries([saved(tmp_path / "x.csv", walks().drop("x"))], inputs)
    assert "missing: 'x'" in wrong.fault or "missing: x" in wrong.fault


def test_tables_in_memory_are_cut_and_asked_alike(tmp_path, monkeypatch):
    import profundo as pf

    monkeypatch.chdir(tmp_path)
    data = pf.load(walks(40), target="what", series="walk", drop=["person"])
    assert data.spec.inputs.shape == (2, 6)
    run = pf.fit("rocket", data, epochs=1, net_options={"features": 100}, out=False)
    answers = run.predict(walks(4).sample(fraction=1, shuffle=True, seed=2))
    assert answers.shape == (4,)
    assert run.evaluate((walks(12).drop("what"), walks(12)["what"])).samples == 12
    with pytest.raises(ProfundoError, match="missing: x"):
        run.predict(walks(3).drop("x"))
    days = polars.DataFrame(
        {"day": polars.date_range(polars.date(2024, 1, 1), polars.date(2024, 6, 1), "1d", eager=True)}
    )
    sales = days.with_columns(sold=polars.int_range(days.height) % 7)
    ahead = pf.load(sales, target="sold", horizon=7)
    assert ahead.spec.inputs.forecast.horizon == 7
    assert pf.fit("series_linear", ahead, epochs=1, out=False).predict(sales).shape == (1, 7)
    late = pf.load(sales, target="sold", task="real", split_by="time:day")
    assert late.notes
    assert len(late.test)
    assert float(late.train.inputs[:, 0].max()) <= float(late.test.inputs[:, 0].max())
    for how, message in (({"sound_rate": 8000}, "is for folders"), ({"split_by": "time:dya"}, "nearest: day")):
        with pytest.raises(ProfundoError, match=message):
            pf.load(sales, target="sold", **how)
    with pytest.raises(ProfundoError, match="horizon says who validates and tests"):
        pf.load({"train": sales, "test": sales}, target="sold", horizon=7)
