"""A run that Python made is, on the command line, what `profundo train` would have made; or one line says what is needed."""

import contextlib
import io
import sys

import numpy as np
import polars
import pytest
import torch
from torch import nn

import profundo as pf
from profundo.cli import main
from profundo.data.streams import places
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.supervised import train
from profundo.runs.voice import Quiet

SHORT = {"epochs": 3, "checkpoint_seconds": 0}
X = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


class Killed(Quiet):
    def show(self, step, row):  # noqa: ARG002
        if step.epoch == 1:
            raise KeyboardInterrupt


class Mine(nn.Linear):
    def __init__(self):
        super().__init__(4, 3)


def steep(outputs, targets):
    return 3 * nn.functional.cross_entropy(outputs, targets)


def hits(predictions, targets):
    return float((predictions.argmax(1) == targets).double().mean())


def falling(epoch):
    return 0.9**epoch


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    age, city = draw.integers(18, 80, 150), draw.choice(["Faro", "Quito", "Riga"], 150)
    frame = polars.DataFrame({"age": age, "city": city, "risk": np.where(age > 50, "high", "low"), "code": age * 2})
    frame.write_csv("people.csv")
    months = polars.date_range(polars.date(2010, 1, 1), polars.date(2019, 12, 1), "1mo", eager=True)
    polars.DataFrame({"month": months, "sold": np.sin(np.arange(120) / 2)}).write_csv("sold.csv")
    return tmp_path


def command(*words):
    """Its exit status and the last line of what it says."""
    out, error = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        patch.setattr(sys, "argv", ["profundo", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
    lines = (error if end.value.code else out).getvalue().strip().splitlines()
    return end.value.code or 0, lines[-1] if lines else ""


def interrupted(make, path):
    with pytest.raises(KeyboardInterrupt):
        make(out=path, voice=Killed())
    return path


NAMED = {
    "a name": lambda **how: pf.fit("mlp", "iris", **SHORT, **how),
    "another seed": lambda **how: pf.fit("mlp", pf.load("iris"), seed=3, **SHORT, **how),
    "a split of its own": lambda **how: pf.fit("mlp", "iris", seed=3, split_seed=1, validation=0.3, **SHORT, **how),
    "a table": lambda **how: pf.fit("mlp", "people.csv", target="risk", drop=("code",), **SHORT, **how),
    "a table that was loaded": lambda **how: pf.fit(
        "mlp", pf.load("people.csv", target="risk", split_by="group:code", validation=0.2, seed=2), **SHORT, **how
    ),
    "a forecast": lambda **how: pf.fit("sold.csv", target="sold", horizon=3, **SHORT, **how),
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_run_on_data_with_a_name_is_resumed_to_the_same_bits_and_evaluated(kind, place):
    NAMED[kind](out="whole", voice=Quiet())
    assert command("resume", interrupted(NAMED[kind], "cut"))[0] == 0
    assert (place / "cut/model.safetensors").read_bytes() == (place / "whole/model.safetensors").read_bytes()
    assert command("evaluate", "whole")[0] == 0  # as it was read and divided, for else it refuses


def test_what_train_began_python_goes_on_with_and_the_other_way_round(place):
    def trained(out, voice):
        return train(new_experiment(data="iris", net="mlp", **SHORT), out=out, voice=voice)

    trained(place / "whole", Quiet())
    pf.fit("mlp", "iris", out=interrupted(trained, place / "cut"), resume=True, **SHORT)
    assert (place / "cut/model.safetensors").read_bytes() == (place / "whole/model.safetensors").read_bytes()


GIVEN = {
    "data 'arrays'": lambda **how: pf.fit("mlp", (X, Y), **SHORT, **how),
    "data 'DataFrame'": lambda **how: pf.fit("mlp", polars.read_csv("people.csv"), target="risk", **SHORT, **how),
    "data 'arrays', net 'Mine'": lambda **how: pf.fit(Mine(), pf.load((X, Y + (X[:, 1] > 0))), **SHORT, **how),
    "net 'Mine'": lambda **how: pf.fit(Mine(), "iris", **SHORT, **how),
    "loss 'steep'": lambda **how: pf.fit("mlp", "iris", loss=steep, **SHORT, **how),
    "optimizer 'RAdam'": lambda **how: pf.fit("mlp", "iris", optimizer=torch.optim.RAdam, **SHORT, **how),
    "schedule 'falling'": lambda **how: pf.fit("mlp", "iris", schedule=falling, **SHORT, **how),
    "metrics 'hits'": lambda **how: pf.fit("mlp", "iris", metrics=hits, **SHORT, **how),
}


@pytest.mark.parametrize("given", GIVEN)
def test_what_no_file_can_name_is_asked_for_in_one_line_and_never_replaced(given, place):
    code, line = command("resume", interrupted(GIVEN[given], "cut"))
    assert code == 1
    assert f"{given}: given in Python" in line
    assert "profundo.fit(net, data, …, out='cut', resume=True)" in line
    assert not (place / "cut/scores.json").exists()
    code, line = command("doctor", "cut")
    assert code == 1
    assert f"{given}: given in Python" in line
    GIVEN[given](out="cut", resume=True, voice=Quiet())
    page = (place / "cut/report.html").read_text()
    assert "profundo train --config" not in page
    assert "profundo.fit(" in page


def test_a_run_on_arrays_predicts_and_is_exported_without_them_and_its_report_asks_for_them(place):
    GIVEN["data 'arrays'"](out="run", voice=Quiet())
    polars.DataFrame({f"x{place + 1}": X[:, place] for place in range(4)}).write_csv("rows.csv")
    assert command("predict", "run", "rows.csv")[0] == 0
    assert command("export", "run", "--format", "safetensors")[0] == 0
    assert "arrays, given in Python" in (place / "run/exported/MODEL_CARD.md").read_text()
    for name in ("report", "evaluate"):
        assert command(name, "run") == (
            1,
            "profundo: run: its data were in memory: give them, profundo.open_run('run', data=…), and net=…, if that is your own",
        )
    run = pf.open_run("run", data=(X, Y))
    assert run.report().stat().st_size > 10_000


def test_figures_of_a_metric_of_ones_own_stay_in_a_report_that_is_written_anew(place):
    GIVEN["metrics 'hits'"](out="run", voice=Quiet())
    before = pf.open_run("run", metrics=hits).scores.values
    assert command("report", "run")[0] == 0
    assert pf.open_run("run").scores.values == before
    assert "hits" in (place / "run/report.html").read_text()


def test_a_part_of_a_set_is_not_taken_for_the_set(place):
    from dataclasses import replace

    data = pf.load("iris")
    part = replace(data, train=replace(data.train, inputs=data.train.inputs[::2], targets=data.train.targets[::2]))
    pf.fit("mlp", part, out="run", voice=Quiet(), **SHORT)
    assert command("report", "run")[0] == 1
    assert read_experiment(place / "run/experiment.yaml")["data"] == "own:iris"


def test_a_place_that_was_read_from_in_python_is_one_that_was_read_from_knowingly(place, monkeypatch):
    monkeypatch.setattr(places, "kept_in", lambda: place / "places.txt")
    data = pf.load("people.csv", target="risk")
    object.__setattr__(data, "origin", {**data.origin, "data": "s3://bucket/people.csv"})
    with pytest.raises(ProfundoError, match="nothing was read knowingly"):
        places.check_place("s3://bucket/people.csv", place / "run/experiment.yaml")
    pf.fit("mlp", data, out="run", voice=Quiet(), **SHORT)
    places.check_place("s3://bucket/people.csv", place / "run/experiment.yaml")
