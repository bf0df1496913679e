"""Cross-validation beside scikit-learn's and a loop written by hand; interrupted and gone on with; wrong use refused."""

import json
import os
import re
import signal
import sys
import time

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import profundo as pf
from commands import profundo
from profundo.cli import main
from profundo.data.batches import order
from profundo.data.splits.folds import folds, seed_of
from profundo.records import Batch, Interrupted, ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.settings.manners import completed
from profundo.studies import cross_validation, study
from profundo.studies.cross_validation import cross_validate, resume_cross_validation
from profundo.studies.cross_validation_result import CrossValidation

QUICK = {"net": "mlp", "epochs": 3, "device": "cpu"}


@pytest.fixture(scope="module")
def iris():
    return cross_validate("iris", folds=4, repeats=2, seed=5, **QUICK)


def figures(found):
    return [
        (fold.values, fold.baseline, fold.linear, fold.confusion, fold.samples, fold.seed) for fold in found.results
    ]


# ------------------------------------------------------------------------------------------------------ the figures
def test_it_is_the_loop_that_one_would_write_by_hand(iris):
    """Standardise by the training rows, draw the weights, take batches at the rates of the schedule, ask about the rest."""
    rows, labels = load_iris(return_X_y=True)
    labels, spec = torch.from_numpy(labels).long(), pf.load("iris").spec
    held_out = [held for repeat in range(2) for held in folds(labels, 4, seed_of(5, repeat))]
    for number, held in enumerate(held_out):
        rest = np.setdiff1d(np.arange(150), held.numpy())
        scaler = StandardScaler().fit(rows[rest].astype(np.float32).astype(np.float64))
        inputs = torch.from_numpy(scaler.transform(rows.astype(np.float32))).float()
        chosen = completed(new_experiment(data="iris", seed=5 + number, **QUICK), spec, len(rest), "mlp")
        torch.manual_seed(5 + number)
        net = pf.nets.mlp(spec)
        update = pf.train.Supervised(
            net,
            pf.objectives.default(spec.targets),
            pf.train.optimizer(chosen.optimizer, net, chosen.learning_rate, chosen.weight_decay),
        )
        size = chosen.batch_size
        picked = [
            part for epoch in range(3) for part in order(len(rest), 5 + number, epoch).split(size) if len(part) == size
        ]
        for step, part in enumerate(picked):
            for group in next(iter(update.optimizers)).param_groups:
                group["lr"] = pf.train.schedule(chosen.schedule)(step / len(picked)) * chosen.learning_rate
            update(Batch(inputs[rest][part], labels[rest][part], size))
        with torch.no_grad():
            said = net(inputs[held])
        fold = iris.results[number]
        assert fold.values["accuracy"] == accuracy_score(labels[held], said.argmax(1))
        assert fold.values["log loss"] == pytest.approx(log_loss(labels[held], said.double().softmax(1)), rel=1e-4)
        assert fold.samples == {"train": len(rest), "validation": 0, "held out": len(held)}
    assert len(held_out) == len(iris.results)


@pytest.mark.parametrize(
    ("name", "load", "model", "constant", "metric", "scoring"),
    [
        ("diabetes", load_diabetes, Ridge(), DummyRegressor(), "RMSE", "neg_root_mean_squared_error"),
        ("breast-cancer", load_breast_cancer, LogisticRegression(), DummyClassifier(), "accuracy", "accuracy"),
    ],
)
def test_simpler_predictors_have_scikit_learns_figures_on_the_same_folds(name, load, model, constant, metric, scoring):
    found = cross_validate(name, folds=5, seed=1, net="linear", epochs=1)
    bunch = load(**({"scaled": False} if name == "diabetes" else {}))
    labels = torch.from_numpy(bunch.target).long() if metric == "accuracy" else torch.zeros(442, dtype=torch.int64)
    fold_of = np.empty(len(labels), dtype=int)
    for number, held in enumerate(folds(labels, 5, seed_of(1, 0))):
        fold_of[held.numpy()] = number
    for theirs, of in ((make_pipeline(StandardScaler(), model), "linear"), (constant, "baseline")):
        expected = np.abs(
            cross_val_score(theirs, bunch.data, bunch.target, cv=PredefinedSplit(fold_of), scoring=scoring)
        )
        assert [getattr(fold, of)[metric] for fold in found.results] == pytest.approx(expected.tolist(), rel=1e-3)
        assert found.spread(metric, of).mean == pytest.approx(expected.mean(), rel=1e-3)
        assert found.spread(metric, of).deviation == pytest.approx(expected.std(ddof=1), rel=1e-2, abs=1e-9)
    gain = [fold.values[metric] - fold.linear[metric] for fold in found.results]
    assert found.gain(metric).mean == pytest.approx(np.mean(gain))
    assert found.gain(metric).deviation == pytest.approx(np.std(gain, ddof=1))


def test_every_sample_is_held_out_once_a_repetition(iris):
    total = np.sum([fold.confusion for fold in iris.results], axis=0)
    assert total.sum(1).tolist() == [100, 100, 100]
    assert [fold.seed for fold in iris.results] == list(range(5, 13))
    assert iris.as_plain_data()["scores"]["accuracy"]["number"] == 8
    assert iris.spread("accuracy").mean == pytest.approx(np.mean([fold.values["accuracy"] for fold in iris.results]))


def test_early_stopping_looks_at_samples_of_the_training_part():
    found = cross_validate("iris", folds=3, net="mlp", epochs=30, early_stop=2)
    for fold in found.results:
        assert fold.samples["held out"] == 50
        assert fold.samples["validation"] > 0
        assert sum(fold.samples.values()) == 150
        assert fold.best_epoch <= fold.epochs <= 30


def test_the_caller_may_bring_a_net_and_keeps_his_randomness():
    made = []

    def small(spec):
        made.append(torch.nn.Linear(spec.inputs.shape[0], spec.outputs))
        return made[-1]

    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    found = cross_validate("iris", folds=3, net=small, epochs=1)
    assert torch.equal(torch.rand(1), expected)
    assert len(made) == 4  # one before anything is trained, to see whether it fits
    assert found.net == "own:small"
    assert len({net.weight.sum().item() for net in made[1:]}) == 3


def test_the_same_seed_gives_the_same_figures_and_another_one_others(iris):
    again = cross_validate("iris", folds=4, repeats=2, seed=5, **QUICK)
    assert figures(again) == figures(iris)
    assert figures(cross_validate("iris", folds=4, repeats=1, seed=6, **QUICK)) != figures(iris)[:4]


def test_the_line_tells_mean_and_deviation():
    def fold(number, accuracy):
        return cross_validation.Fold(
            1, number, 0, {}, 1, None, {"accuracy": accuracy}, {"accuracy": 0.3}, {}, "", [], 0.0
        )

    found = CrossValidation(
        asked=new_experiment(data="iris"),
        net="mlp",
        name="iris",
        classes=(),
        folds=3,
        repeats=1,
        results=[fold(1, 0.96), fold(2, 0.98), fold(3, 0.97)],
    )
    assert str(found) == "accuracy 97.0 % ± 1.0 (3 folds)"
    assert found.linear_name == ""


def test_groups_of_a_table_stay_on_one_side(tmp_path):
    """Rows of one patient are alike and patients differ at random: only folds of rows seem to predict."""
    random = np.random.default_rng(0)
    patients = random.normal(size=(30, 6))
    lines = ["a,b,c,d,e,f,ill,patient"]
    for number, patient in enumerate(patients):
        ill = "yes" if random.random() < 0.5 else "no"
        lines += [
            ",".join(f"{v:.4f}" for v in patient + random.normal(size=6) / 50) + f",{ill},p{number}" for _ in range(8)
        ]
    (tmp_path / "patients.csv").write_text("\n".join(lines) + "\n")
    options = {"target": "ill", "folds": 5, "net": "mlp", "epochs": 60}
    torn = cross_validate(tmp_path / "patients.csv", **options)
    whole = cross_validate(tmp_path / "patients.csv", split_by="group:patient", **options)
    assert torn.spread("accuracy").mean > 0.9
    assert whole.spread("accuracy").mean < 0.75
    assert any("30 groups" in note for note in whole.notes)


def test_groups_stay_on_one_side_of_the_samples_that_end_training_too(tmp_path, monkeypatch):
    lines = [f"{at // 4},{at % 7},{'ab'[at % 2]},p{at // 4}" for at in range(80)]
    (tmp_path / "t.csv").write_text("mark,x,y,who\n" + "\n".join(lines) + "\n")
    seen = []
    real = study.trained
    monkeypatch.setattr(
        cross_validation, "trained", lambda asked, data, net: seen.append(data) or real(asked, data, net)
    )
    cross_validate(tmp_path / "t.csv", target="y", split_by="group:who", folds=4, epochs=2, early_stop=1)
    assert len(seen) == 4
    for data in seen:
        marks = [set(split.inputs[:, 0].tolist()) for split in (data.train, data.validation, data.test)]
        assert all(marks)
        assert sum(map(len, marks)) == len(set.union(*marks)) == 20


# ------------------------------------------------------------------------------------------------- kept and gone on
def interrupting(after):
    """`trained`, but a signal comes in the training after so many."""
    count = 0
    real = study.trained

    def trained(*arguments):
        nonlocal count
        count += 1
        if count > after:
            raise Interrupted(signal.SIGINT)
        return real(*arguments)

    return trained


def test_an_interrupted_one_goes_on_where_it_was_and_ends_alike(iris, tmp_path, monkeypatch):
    call = {"folds": 4, "repeats": 2, "seed": 5, **QUICK}
    monkeypatch.setattr(cross_validation, "trained", interrupting(after=3))
    with pytest.raises(Interrupted):
        cross_validate("iris", out=tmp_path / "cv", **call)
    assert len(json.loads((tmp_path / "cv/results.json").read_text())["results"]) == 3
    monkeypatch.setattr(cross_validation, "trained", interrupting(after=5))
    resumed = resume_cross_validation(tmp_path / "cv")
    assert figures(resumed) == figures(iris)
    monkeypatch.setattr(cross_validation, "trained", interrupting(after=0))
    assert figures(cross_validate("iris", out=tmp_path / "cv", **call)) == figures(iris)
    page = (tmp_path / "cv/report.html").read_text()
    assert str(iris) in page
    assert page.count("<tr>") > 8 + len(iris.metrics)
    assert "<svg" in page
    assert "http" not in re.sub(r"http-equiv|http://www.w3.org/\S+", "", page)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_says_how_to_go_on_and_that_works(tmp_path):
    asked = ["cross-validate", "digits", "--net", "mlp", "--epochs", "8", "--folds", "5", "--out", "cv"]
    command = profundo(tmp_path, *asked)
    kept = tmp_path / "cv/results.json"
    deadline = time.monotonic() + 60
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(command.pid, signal.SIGINT)
    ended = command.wait()
    assert ended.code == 130, ended.said
    assert "profundo cross-validate --resume cv" in ended.said
    done = profundo(tmp_path, "cross-validate", "--resume", "cv", "--json").wait()
    assert done.code == 0, done.said
    assert json.loads(done.said[done.said.index("{") :])["scores"]["accuracy"]["number"] == 5


@pytest.fixture
def finished(tmp_path):
    cross_validate("iris", folds=3, out=tmp_path / "cv", **QUICK)
    return tmp_path / "cv"


def test_another_question_is_not_answered_with_what_was_kept(finished):
    with pytest.raises(ProfundoError, match=r"folds was 3, is 4.*epochs was 3, is 2"):
        cross_validate("iris", folds=4, out=finished, **QUICK | {"epochs": 2})


def test_other_data_are_not_taken_for_the_same(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n" + "".join(f"{at},{at % 3},{'ab'[at % 2]}\n" for at in range(1, 31)))
    cross_validate(path, target="y", folds=3, epochs=1, out=tmp_path / "cv")
    path.write_text(path.read_text().replace("29,2", "28,2"))
    with pytest.raises(ProfundoError, match="the data are others"):
        resume_cross_validation(tmp_path / "cv")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"null", b'{"facts": {}, "results": {"a": 1}, "sha256": "0"}', b"\xff\xfe"]
)
def test_damaged_results_are_refused_in_one_line(finished, content):
    (finished / "results.json").write_bytes(content)
    with pytest.raises(ProfundoError, match=r"results.json") as error:
        resume_cross_validation(finished)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"study: cross-validate\n", b"study: select\nsettings: {data: iris}\n", b"- 1\n", b"a: &b [*b]\n", b"\x00",
     b"study: cross-validate\nfolds: many\nrepeats: 1\nsettings: {data: iris}\n",
     b"study: cross-validate\nfolds: 3\nrepeats: 1\nsettings: {data: iris, voice: 1, out: 2}\n"],
)  # fmt: skip
def test_a_damaged_question_is_refused_in_one_line(finished, content):
    (finished / "study.yaml").write_bytes(content)
    with pytest.raises(ProfundoError) as error:
        resume_cross_validation(finished)
    assert "\n" not in str(error.value)


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ProfundoError, match=r"letters.txt"):
        cross_validate("iris", folds=3, out=tmp_path, **QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


# -------------------------------------------------------------------------------------------------------- wrong use
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["iris", "--folds", "1"], ["folds", "at least 2", "1"]),
        (["iris", "--folds", "51"], ["51", "50 samples of the largest class"]),
        (["diabetes", "--folds", "443"], ["443", "442 samples"]),
        (["iris", "--repeats", "0"], ["repeats", "at least 1"]),
        (["iris", "--repeats", "9999999"], ["10,000 trainings"]),
        (["irs"], ["'irs'", "iris"]),
        ([], ["say which data", "cross-validate"]),
        (["iris", "--set", "lernrate=1"], ["lernrate", "unknown"]),
        (["iris", "--set", "folds=3"], ["'folds' is unknown"]),
        (["iris", "--set", "voice=1"], ["'voice' is unknown"]),
        (["iris", "--set", "epochs"], ["--set epochs", "NAME=VALUE"]),
        (["iris", "--epochs", "2", "--set", "epochs=3"], ["epochs", "already"]),
        (["iris", "--set", "learning_rate=.nan"], ["learning-rate", "finite"]),
        (["iris", "--split-by", "group:species"], ["columns of a table"]),
        (["iris", "--net", "lenet5"], ["lenet5", "image"]),
        (["iris", "--set", "log=tensorboard"], ["log", "leave it out"]),
        (["iris", "--set", "lang=es"], ["lang", "leave it out"]),
        (["iris", "--out", "here.txt"], ["here.txt"]),
        (
            ["iris", "--out", "new", "--epochs", "1", "--set", "learning_rate=1e30"],
            ["the loss became", "smaller learning rate"],
        ),
        (["--resume", "nowhere"], ["nowhere", "study.yaml"]),
        (["iris", "--resume", "nowhere"], ["leave out data"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_mistake_gets_one_clear_line_and_leaves_nothing(options, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.txt").write_text("text")
    monkeypatch.setattr(sys, "argv", ["profundo", "cross-validate", *options])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert end.value.code == 1
    assert said.out == ""
    line = said.err.strip().splitlines()[-1]
    assert line.startswith("profundo: ")
    for words in says:
        assert words in line
    assert [path.name for path in tmp_path.iterdir()] == ["here.txt"]


def test_data_that_were_measured_already_are_refused():
    with pytest.raises(ProfundoError, match="got the Dataset 'iris': its means and categories were learned"):
        cross_validate(pf.load("iris"), folds=3)


def test_the_command_prints_a_table_or_one_object(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call = ["profundo", "cross-validate", "iris", "--folds", "3", "--epochs", "2", "--set", "l1=0.001"]
    for more in ([], ["--json", "--out", "cv"]):
        monkeypatch.setattr(sys, "argv", [*call, *more])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        out, err = capsys.readouterr()
        if more:
            said = json.loads(out)
            assert said["scores"]["accuracy"]["number"] == 3
            assert said["linear"]["name"] == "logistic regression"
            assert said["run"] == "cv"
        else:
            assert "logistic" in out
            assert "runs/iris-cross-validation-1/report.html" in err
            assert re.search(r"accuracy \d+\.\d+ % ± \d+\.?\d* \(3 folds\)", err)
    assert "l1: 0.001" in (tmp_path / "cv/study.yaml").read_text()
