"""Learning curves: nested training sets, one test split, a verdict that follows from the numbers."""

import json
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import profundo as pf
from profundo.cli import main
from profundo.data.loading import collect
from profundo.data.splits.folds import nested, seed_of
from profundo.data.splits.splits import separated
from profundo.records import Interrupted, ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.studies import learning_curves, study
from profundo.studies.learning_curve_result import LearningCurve
from profundo.studies.learning_curves import learning_curve, numbers_of, resume_learning_curve

QUICK = {"net": "mlp", "epochs": 3}


@pytest.fixture(scope="module")
def moons():
    return learning_curve("moons", sizes=(20, 0.1, 0.5, 1), repeats=2, seed=3, **QUICK)


def handmade(errors, metric="RMSE", sizes=(100, 200, 400, 800)):
    rows = [list(row) for row in errors]
    return LearningCurve(
        asked=new_experiment(data="diabetes"),
        net="mlp",
        name="d",
        sizes=tuple(sizes),
        repeats=len(rows[0]),
        figures={split: {metric: rows} for split in ("training", "validation", "test")},
        judged_by={"validation": 9, "test": 9},
    )


def test_sizes_are_shares_or_numbers_and_every_training_is_there(moons):
    assert moons.sizes == (20, 70, 350, 700)
    assert moons.repeats == 2
    for split in ("training", "validation", "test"):
        assert [len(row) for row in moons.figures[split]["accuracy"]] == [2, 2, 2, 2]
    assert moons.judged_by == {"validation": 100, "test": 200}
    assert moons.errors("test")[0][0] == 1 - moons.figures["test"]["accuracy"][0][0]
    assert [row["training samples"] for row in moons.rows()] == ["20", "70", "350", "700"]


def test_each_size_contains_the_smaller_one_and_the_test_split_stays(monkeypatch):
    seen, runs = [], []
    real = study.trained

    def watching(asked, data, builder):
        seen.append((asked.seed, data))
        runs.append(real(asked, data, builder))
        return runs[-1]

    monkeypatch.setattr(learning_curves, "trained", watching)
    curve = learning_curve("iris", sizes=(0.2, 0.5, 1), repeats=2, seed=4, **QUICK)
    for split, name in (("training", "train"), ("validation", "validation"), ("test", "test")):
        expected = [study.figures_on(run, getattr(run.data, name))["log loss"] for run in runs]
        assert np.ravel(curve.figures[split]["log loss"]) == pytest.approx(expected)
    assert [seed for seed, _ in seen] == [4, 5] * 3
    for repeat in range(2):
        small, middle, large = ({tuple(row) for row in data.train.inputs.tolist()} for _, data in seen[repeat::2])
        assert small < middle < large
    assert torch.bincount(seen[0][1].train.targets).tolist() == [7, 7, 7]
    assert all(torch.equal(data.test.inputs, seen[0][1].test.inputs) for _, data in seen)
    whole = pf.load("iris", seed=4)
    assert torch.equal(seen[-1][1].train.inputs, whole.train.inputs)
    assert torch.equal(seen[-1][1].test.inputs, whole.test.inputs)
    assert seen[-1][1].spec == whole.spec
    assert seen[0][1].spec != whole.spec


def test_a_closed_form_learner_gives_the_curve_that_scikit_learn_gives(monkeypatch):
    """With ridge regression in the place of the net, the test errors are those of scikit-learn's on the same subsets."""

    def ridge(asked, data, builder):
        run = study.trained(asked, data, builder)
        run.scores.values.update(run.scores.linear)
        return run

    monkeypatch.setattr(learning_curves, "trained", ridge)
    curve = learning_curve("diabetes", sizes=(50, 100, 1.0), repeats=2, seed=2, net="linear", epochs=1)
    splits = separated(collect("diabetes"), validation=None, seed=2, stream=False)
    rows, targets = load_diabetes(return_X_y=True, scaled=False)
    assert {tuple(row) for row in splits[0].inputs.tolist()} <= {tuple(row) for row in rows.astype(np.float32).tolist()}
    train, test = (
        (split.inputs.double().numpy(), split.targets[:, 0].double().numpy()) for split in (splits[0], splits[2])
    )
    for at, size in enumerate(curve.sizes):
        for repeat in range(2):
            picked = nested(torch.zeros(len(splits[0]), dtype=torch.int64), seed_of(2, repeat))[:size].numpy()
            model = make_pipeline(StandardScaler(), Ridge()).fit(train[0][picked], train[1][picked])
            theirs = root_mean_squared_error(test[1], model.predict(test[0]))
            assert curve.errors("test")[at][repeat] == pytest.approx(theirs, rel=1e-4)
    assert len(targets) == 442


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        ([[4, 4.1], [3, 3.1], [2, 2.1], [1, 1.1]], "More data help"),
        ([[4, 4.1], [3, 3.1], [2, 2.6], [2, 2.4]], "cannot be told"),
        (
            [[4, 4.1], [3, 3.1], [2, 2.2], [1.4, 1.8]],
            "may be chance with 2 repetitions",
        ),  # five standard errors of two figures
        ([[4, 4.1], [3, 3.1], [1, 1.1], [2, 2.1]], "More data do not help"),
        ([[4], [3], [2], [1]], "one repetition does not tell"),
    ],
)
def test_the_verdict_follows_from_the_last_step(errors, says):
    assert says in handmade(errors).verdict


def test_an_interrupted_curve_goes_on_and_ends_alike(moons, tmp_path, monkeypatch):
    real, count = study.trained, 0

    def interrupting(*arguments):
        nonlocal count
        count += 1
        if count == 6:
            raise Interrupted(2)
        return real(*arguments)

    monkeypatch.setattr(learning_curves, "trained", interrupting)
    with pytest.raises(Interrupted):
        learning_curve("moons", sizes=(20, 0.1, 0.5, 1), repeats=2, seed=3, out=tmp_path / "lc", **QUICK)
    resumed = resume_learning_curve(tmp_path / "lc")
    assert resumed.figures == moons.figures
    assert count == 9  # five before, one that was interrupted, three after
    assert resumed.verdict in (tmp_path / "lc/report.html").read_text()


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ([0.5], "at least two different"),
        ([0.5, 50], "at least two different"),
        ([0.5, 101], "101 are more than the 100"),
        ([0, 1], "shares up to 1"),
        ([-1, 1], "shares up to 1"),
        ([float("nan"), 1], "shares up to 1"),
        ([2.5, 1], "neither a share nor a whole number"),
        ([0.001, 1], "expected at least 2"),
        (["a", 1], "shares up to 1"),
        ([True, 0.5], "shares up to 1"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, says):
    with pytest.raises(ProfundoError, match=says):
        numbers_of(sizes, 100)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["moons", "--sizes", "0.1,9999"], "9,999 are more than the 700"),
        (["moons", "--sizes", "[[["], "plain value"),
        (["moons", "--sizes", ".nan,1"], "shares up to 1"),
        (["moons", "--sizes", ""], "at least two"),
        (["moons", "--repeats", "0"], "at least 1"),
        ([], "say which data"),
        (["--resume", "."], "study.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_gets_one_clear_line(options, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["profundo", "learning-curve", *options])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert end.value.code == 1
    assert says in said.err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_one_object(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["profundo", "learning-curve", "iris", "--sizes", "0.2,1", "--epochs", "1", "--json"]
    )
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    said = json.loads(capsys.readouterr().out)
    assert said["sizes"] == [21, 105]
    assert said["repeats"] == 3


def test_by_group_a_larger_training_set_holds_more_groups(tmp_path, monkeypatch):
    """Of 40 patients with ten rows each, a fifth of the rows comes from about a fifth of the patients."""
    draw = np.random.default_rng(0)
    rows = [f"{place % 40},{draw.normal():.3f},{'ab'[(place % 40) % 2]}" for place in range(400)]
    (tmp_path / "visits.csv").write_text("\n".join(["patient,x,kind", *rows]))
    sizes = []
    subset = learning_curves.subset

    def watched(collection, splits, indices):
        data = subset(collection, splits, indices)
        sizes.append((len(data.train), len(set((data.train.numbers % 40).tolist()))))
        return data

    monkeypatch.setattr(learning_curves, "subset", watched)
    learning_curve(
        tmp_path / "visits.csv", target="kind", split_by="group:patient", sizes=(50, 1.0), repeats=1, **QUICK
    )
    whole, small, all_again = sizes
    assert small == (50, 5)
    assert whole == all_again == (whole[0], whole[0] // 10)
