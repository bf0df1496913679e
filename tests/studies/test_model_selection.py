"""Model selection: the validation samples choose, the test samples are looked at once, and the verdicts are right."""

import json
import sys

import numpy as np
import pytest

import profundo as pf
from profundo.cli import main
from profundo.records import Interrupted
from profundo.runs.experiment import new_experiment
from profundo.runs.saved_model import predict
from profundo.runs.voice import Quiet
from profundo.studies import model_selection, study
from profundo.studies.model_selection import resume_selection, select
from profundo.studies.model_selection_result import Candidate, Selected
from profundo.studies.variation import varied

DEPTHS = {"vary": {"depth": [0, 1, 2]}, "epochs": 4, "repeats": 2, "seed": 1}


@pytest.fixture(scope="module")
def spiral():
    return select("spiral", **DEPTHS)


def handmade(training, validation, by="log loss", error=0.02):
    """By value 0, 1, 2 …: figures of each repetition, and their standard error over the validation samples."""
    candidates = [
        Candidate(value, 1, {by: one}, {by: other}, {by: [error]})
        for value, (one, other) in enumerate(zip(training, validation, strict=True))
    ]
    sign = 1 if model_selection.smaller_is_better(by) else -1
    chosen = min(range(len(candidates)), key=lambda at: sign * np.mean(validation[at]))
    figures = {by: 0.9}
    return Selected(
        asked=new_experiment(data="d"),
        net="mlp",
        name="d",
        setting="depth",
        by=by,
        candidates=candidates,
        repeats=len(training[0]),
        chosen=chosen,
        test=figures,
        baseline=figures,
        linear={},
        linear_name="",
        samples={"train": 9, "validation": 9, "test": 9},
    )


def test_the_least_mean_validation_loss_is_chosen(spiral):
    means = [np.mean(one.validation["log loss"]) for one in spiral.candidates]
    assert spiral.chosen == int(np.argmin(means))
    assert spiral.by == "log loss"
    assert [one.value for one in spiral.candidates] == [0, 1, 2]
    assert [one.parameters for one in spiral.candidates] == [3, 3 * 128 + 129, 3 * 128 + 129 * 128 + 129]
    assert spiral.judgement(0) == "underfits"
    assert spiral.judgement(spiral.chosen) == "chosen"


class Listener(Quiet):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def test_while_it_runs_the_figure_that_chooses_is_told():
    heard = Listener()
    select("iris", vary={"depth": [0, 1]}, net="mlp", epochs=1, device="cpu", voice=heard)
    select("iris", vary={"depth": [0, 1]}, net="mlp", epochs=1, device="cpu", voice=heard, by="accuracy")
    told = [line.split(" validation ")[1].rsplit(" ", 1)[0] for line in heard.lines if ": validation" in line]
    assert [one.startswith("log loss") for one in told] == [True, True, False, False]
    assert [one.startswith("accuracy") for one in told] == [False, False, True, True]


def test_the_training_error_does_not_choose(tmp_path):
    """Thirty samples with noise for targets: the longer they are learned by heart, the worse for all others."""
    random = np.random.default_rng(0)
    x = random.normal(size=(330, 5)).astype(np.float32)
    y = random.integers(0, 2, 330)
    np.savez(
        tmp_path / "n.npz",
        x_train=x[:30],
        y_train=y[:30],
        x_val=x[30:230],
        y_val=y[30:230],
        x_test=x[230:],
        y_test=y[230:],
    )
    found = select(tmp_path / "n.npz", vary={"epochs": [1, 200]}, weight_decay=0.0)
    short, long = found.candidates
    assert long.training["log loss"][0] < short.training["log loss"][0]
    assert found.value == 1
    assert found.judgement(1) == "overfits"


@pytest.mark.parametrize(
    "vary", [{"net_options.members": [1, 8]}, {"accumulate": [1, 2]}, {"net": ["mlp", "table_net"]}]
)
def test_candidates_are_judged_by_the_same_samples_each_by_all_its_members(vary, monkeypatch):
    """That of the validation split, which none of them learns from; a vote of eight is no answer of one."""
    judged = []
    usual = model_selection.answers_held_out
    monkeypatch.setattr(
        model_selection, "answers_held_out", lambda *run: judged.append((run, usual(*run))) or judged[-1][1]
    )
    select("diabetes", vary=vary, epochs=1)
    for (net, data, _, _), answers in judged:
        assert len(answers.costs) == len(data.validation)
        vote = predict(net, data.spec, data.validation.inputs)
        assert np.allclose(answers.predictions.numpy(), vote.numpy(), rtol=1e-4)
    assert len(judged) == 2


def test_the_chosen_one_is_tested_as_a_training_of_its_own_would_be(spiral):
    data = pf.load("spiral", seed=1)
    run = study.trained(varied(new_experiment(data="spiral", epochs=4, seed=1), "depth", spiral.value), data)
    assert spiral.test == dict(run.scores.values)
    first = study.figures_on(run, data.validation)
    assert spiral.candidates[spiral.chosen].validation["log loss"][0] == pytest.approx(first["log loss"], rel=1e-6)


def test_no_candidate_is_judged_by_the_test_samples(tmp_path):
    """With other test targets the choice and all that led to it stay; only the figures of the test change."""
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    found = []
    for test in (y[80:], 1 - y[80:]):
        arrays = {"x_train": x[:60], "y_train": y[:60], "x_val": x[60:80], "y_val": y[60:80]}
        np.savez(tmp_path / "d.npz", **arrays, x_test=x[80:], y_test=test)
        found.append(select(tmp_path / "d.npz", vary={"depth": [0, 1, 2]}, epochs=5))
    one, other = found
    assert one.candidates == other.candidates
    assert one.chosen == other.chosen
    assert one.test["accuracy"] == pytest.approx(1 - other.test["accuracy"])
    assert one.test["accuracy"] != pytest.approx(0.5)


def test_too_little_underfits_and_too_much_overfits():
    found = handmade(
        [[0.9, 0.9], [0.5, 0.5], [0.3, 0.3], [0.01, 0.01]], [[1.0, 1.0], [0.6, 0.6], [0.61, 0.55], [2.0, 2.1]]
    )
    assert [found.judgement(at) for at in range(4)] == ["underfits", "as good", "chosen", "overfits"]
    assert found.value == 2
    shares = handmade([[0.6], [0.9], [1.0]], [[0.6], [0.85], [0.7]], by="accuracy")
    assert [shares.judgement(at) for at in range(3)] == ["underfits", "chosen", "overfits"]
    alike = handmade([[0.9], [0.5]], [[0.63], [0.6]], error=0.05)
    assert [alike.judgement(at) for at in range(2)] == ["as good", "chosen"]
    page = found.html()
    assert "underfits" in page
    assert "chosen: 2" in page


def test_a_depth_is_so_many_hidden_layers_of_the_first_width():
    asked = new_experiment(data="moons", net_options={"widths": [16, 8], "dropout": 0.1})
    assert varied(asked, "depth", 3).net_options == {"widths": [16, 16, 16], "dropout": 0.1}
    assert varied(asked, "depth", 0).net_options["widths"] == []
    assert varied(asked, "width", 32).net_options["widths"] == [32, 32]
    assert varied(asked, "net_options.dropout", 0.5).net_options["dropout"] == 0.5
    assert varied(asked, "weight_decay", 0).weight_decay == 0
    assert varied(asked, "depth", 3).net == "mlp"
    assert varied(new_experiment(data="moons"), "depth", 2).net_options == {"widths": [128, 128]}


def test_objectives_are_compared_by_a_figure_that_all_have():
    found = select("moons", vary={"objective": ["bernoulli", "hinge"]}, epochs=3)
    assert found.by == "accuracy"
    assert select("moons", vary={"epochs": [1, 2]}, by="accuracy").by == "accuracy"
    assert select("diabetes", vary={"epochs": [1, 5]}).by == "RMSE"


def test_an_interrupted_selection_goes_on_and_its_chosen_one_is_a_run(spiral, tmp_path, monkeypatch):
    real, count = study.trained, 0

    def interrupting(*arguments):
        nonlocal count
        count += 1
        if count == 4:
            raise Interrupted(2)
        return real(*arguments)

    monkeypatch.setattr(model_selection, "trained", interrupting)
    with pytest.raises(Interrupted):
        select("spiral", out=tmp_path / "s", **DEPTHS)
    resumed = resume_selection(tmp_path / "s")
    assert resumed.candidates == spiral.candidates
    assert resumed.test == spiral.test
    assert count == 7  # three before, one interrupted, three after; the chosen one is a run
    run = pf.open_run(tmp_path / "s/chosen")
    assert dict(run.scores.values) == pytest.approx(spiral.test)
    again = resume_selection(tmp_path / "s")
    assert count == 7
    assert again.as_plain_data() == resumed.as_plain_data()


def test_a_chosen_run_that_was_interrupted_goes_on(spiral, tmp_path):
    select("spiral", out=tmp_path / "s", **DEPTHS)
    kept = json.loads((tmp_path / "s/results.json").read_text())
    del kept["results"]["chosen"], kept["sha256"]
    from profundo.train.checkpoints import digest

    (tmp_path / "s/results.json").write_text(json.dumps({**kept, "sha256": digest(kept)}))
    (tmp_path / "s/chosen/scores.json").unlink()
    assert resume_selection(tmp_path / "s").test == spiral.test


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["moons"], "say what to vary"),
        (["moons", "--vary", "depth"], "expected NAME=VALUE"),
        (["moons", "--vary", "depth=1"], "2 to 200 values"),
        (["moons", "--vary", "depth=1,1"], "twice"),
        (["moons", "--vary", "depth=0,-1"], "at least 0"),
        (["moons", "--vary", "depth=0,.nan"], "whole numbers"),
        (["moons", "--vary", "width=0,1"], "at least 1"),
        (["digits", "--net", "lenet5", "--vary", "depth=1,2"], "the net is lenet5"),
        (["moons", "--vary", "seed=1,2"], "part of the question"),
        (["moons", "--vary", "validation=0.1,0.2"], "part of the question"),
        (["moons", "--vary", "lerning_rate=1,2"], "nearest: learning_rate"),
        (["moons", "--vary", "learning_rate=1,.nan"], "finite"),
        (["moons", "--vary", "optimizer=adam,adma"], "nearest: adam"),
        (["moons", "--vary", "net_options.dropuot=0,1", "--net", "mlp"], "dropuot"),
        (["moons", "--vary", "depth=0,1", "--by", "beauty", "--epochs", "1"], "no figure"),
        (["moons", "--vary", "depth=0,1", "--repeats", "0"], "at least 1"),
        (["--resume", "nowhere"], "study.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_gets_one_clear_line(options, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["profundo", "select", *options])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert end.value.code == 1
    assert said.out == ""
    assert says in said.err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == [] or "beauty" in options


def test_the_command_prints_a_table_and_one_object(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call = ["profundo", "select", "iris", "--vary", "net_options.widths=[], [4], [8, 8]", "--epochs", "2", "--out", "s"]
    for more in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", [*call, *more])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
    out = capsys.readouterr().out
    table, brace, rest = out.partition("{")
    assert "[8, 8]" in table
    said = json.loads(brace + rest)
    assert [one["value"] for one in said["candidates"]] == [[], [4], [8, 8]]
    assert said["chosen"] in ([], [4], [8, 8])
    assert (tmp_path / "s/chosen/report.html").is_file()
