"""Each setting of a training does what it says: it changes what a run comes to, or it does not."""

import hashlib
import json
import os
import signal
import wave
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from PIL import Image

import profundo as pf
from commands import bits
from profundo.records import Interrupted, ProfundoError
from profundo.runs.experiment import SETTINGS, WITHOUT_EFFECT, Experiment, new_experiment
from profundo.runs.preparing import training
from profundo.runs.resumable import learn
from profundo.runs.supervised import prepare, resume, train
from profundo.runs.voice import Quiet
from profundo.train import History
from profundo.train.distributed import Group
from profundo.train.randomness import seeded

TABLE = {"data": "t.parquet", "target": "y", "task": "real"}
PICTURES = {"data": "pictures"}
SOUNDS = {"data": "sounds"}
TEXT = {"data": "t.csv", "target": "column 3"}
SALES = {"data": "sales.csv", "target": "sold", "split_by": "time:day", "horizon": 3, "lookback": 8}

# Name → what is asked besides, a value, another.
CHANGES = {
    "data": ({}, "iris", "wine"),
    "target": ({**TABLE}, "y", "z"),
    "task": ({**TABLE}, "real", "classes"),
    "image_size": (PICTURES, None, 8),
    "sound_rate": (SOUNDS, None, 4000),
    "sound_seconds": (SOUNDS, None, 0.2),
    "drop": (TABLE, None, ["a"]),
    "only": (TABLE, None, ["b"]),
    "id_columns": (TABLE, None, ["b"]),
    "columns": (TEXT, None, {"column 2": "category"}),
    "missing": (TEXT, None, ["0"]),
    "encoding": (TEXT, None, "cp850"),
    "header": (TEXT, None, "none"),
    "split_by": (TABLE, None, "time:a"),
    "horizon": (SALES, 3, 5),
    "lookback": (SALES, 8, 12),
    "series": (SALES, None, "shop"),
    "target_transform": ({**TABLE, "target": "a"}, "none", "rank"),
    "net": ({}, "linear", "mlp"),
    "net_options": ({"net": "mlp"}, {}, {"widths": [5]}),
    "pretrained": ({**PICTURES, "image_size": 64}, None, "efficientnet_lite0"),
    "freeze": ({**PICTURES, "image_size": 64, "pretrained": "efficientnet_lite0"}, False, True),
    "epochs": ({}, 2, 3),
    "batch_size": ({}, 16, "all"),
    "optimizer": ({}, "adam", "rmsprop"),
    "learning_rate": ({}, 0.01, 0.02),
    "schedule": ({}, "constant", "step"),
    "warm_up": ({"schedule": "constant"}, 0.0, 0.5),
    "augment": (PICTURES, [], ["mirror"]),
    "weight_decay": ({}, 0.0, 0.1),
    "l1": ({}, 0.0, 0.01),
    "objective": ({"data": "moons"}, "bernoulli", "hinge"),
    "class_weights": ({}, None, [1, 2, 3]),
    "label_smoothing": ({}, 0.0, 0.1),
    "early_stop": (
        {"net": "mlp", "optimizer": "sgd", "learning_rate": 9.0, "schedule": "constant", "epochs": 6},
        None,
        1,
    ),
    "longer": ({"early_stop": 9}, None, 2),
    "validation": ({}, None, 0.3),
    "accumulate": ({}, 1, 2),
    "clip": ({}, None, 0.01),
    "seed": ({}, 0, 1),
    "split_seed": ({}, None, 1),
    "device": ({}, "cpu", "cuda"),
    "precision": (PICTURES, "float32", "bfloat16"),
    "stream": (TABLE, False, True),
    "skip_bad": ({"data": "damaged"}, False, True),
}
ANSWERS = {
    "threshold",
    "heal",
}  # what a net answers, and a training that goes astray: test_thresholds_of_runs.py, test_training_doctor.py
LEAVES = {
    "capture": ({}, False, True),
    "workers": ({**PICTURES, "stream": True}, 0, 2),
    "log": ({}, None, "tensorboard"),
    "data_dir": ({"data": "mnist"}, "one", "two"),
    "checkpoint_seconds": ({}, 30.0, 0.0),
    "lang": ({}, None, "es"),
    "keep_epochs": ({}, False, True),
    "doctor": ({}, False, True),
}


def draw(folder, seed=0):
    random = np.random.default_rng(seed)
    for kind in "ab":
        (folder / kind).mkdir(parents=True)
        for number in range(20):
            Image.fromarray(random.integers(0, 256, (12, 12), np.uint8)).save(folder / kind / f"{number}.png")


def record(folder):
    random = np.random.default_rng(0)
    for kind in "ab":
        (folder / kind).mkdir(parents=True)
        for number in range(20):
            with wave.open(str(folder / kind / f"{number}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(random.integers(-9999, 9999, 1200, np.int16).tobytes())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A table with two targets; pictures, some of which cannot be read, and sounds; and the same pictures in two places."""
    place = tmp_path_factory.mktemp("place")
    random = np.random.default_rng(0)
    columns = {name: random.normal(size=200) for name in ("a", "b")}
    columns |= {name: random.integers(0, 3, 200).astype(float) for name in ("y", "z")}
    rows = [f"{'áñ'[i % 2]},{i % 5},{'pq'[i * i % 3 % 2]}" for i in range(100)]
    (place / "t.csv").write_bytes("\n".join(["column 1,column 2,column 3", *rows]).encode("cp1252"))
    pl.DataFrame(columns).write_parquet(place / "t.parquet", row_group_size=50)
    sales = [f"2024-{1 + day // 28:02}-{1 + day % 28:02},{'ab'[day % 2]},{day * 3 % 7}" for day in range(180)]
    (place / "sales.csv").write_text("\n".join(["day,shop,sold", *sales]))
    for folder in ("pictures", "damaged"):
        draw(place / folder)
    record(place / "sounds")
    (place / "damaged/a/0.png").write_bytes(b"no picture")
    for folder in ("one", "two"):
        draw(place / folder / "mnist/train")
        draw(place / folder / "mnist/test", seed=1)
    return place


class Impatient(Quiet):
    """Presses Ctrl-C in the second epoch."""

    def show(self, step, _row):
        if step.epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)


@cache
def weights_twice(settings):
    """Those of a training described in JSON, which are the same again; many settings have it in common."""
    wanted = new_experiment(**json.loads(settings))
    once, again = weights(wanted), weights(wanted)
    assert once == again
    return once


def weights(wanted):
    """SHA-256 of the weights after a short training, or the empty text where it is refused."""
    try:
        with seeded(wanted.seed):
            prepared = prepare(wanted)
            learn(training(prepared, History(), Group()), None, Group(), Quiet(), None)
    except ProfundoError:
        return ""
    values = [value.float().cpu().contiguous().numpy().tobytes() for value in prepared.net.state_dict().values()]
    return hashlib.sha256(b"".join(values)).hexdigest()


def test_each_setting_says_what_it_is_part_of_what_it_does_and_whether_it_changes_results():
    assert list(SETTINGS) == list(Experiment.model_fields)
    for name, about in SETTINGS.items():
        assert about.help[-1] in ".…", name
    in_python = {name for name, about in SETTINGS.items() if about.in_python}
    assert set(CHANGES) | ANSWERS == set(SETTINGS) - set(WITHOUT_EFFECT) - in_python
    assert set(LEAVES) == set(WITHOUT_EFFECT)


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_that_changes_results_changes_the_weights(name, place, monkeypatch):
    besides, value, other = CHANGES[name]
    if other == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    monkeypatch.chdir(place)
    one, another = (new_experiment(**{"data": "iris", "epochs": 2, **besides, name: value}) for value in (value, other))
    before, after = weights_twice(json.dumps(one.model_dump(mode="json"))), weights(another)
    assert before != after
    assert after
    assert before or name == "skip_bad"


@pytest.mark.parametrize("name", LEAVES)
def test_a_setting_that_changes_no_results_leaves_every_bit(name, place, tmp_path, monkeypatch):
    besides, value, other = LEAVES[name]
    monkeypatch.chdir(place)
    one, another = (new_experiment(**{"data": "iris", "epochs": 3, **besides, name: value}) for value in (value, other))
    train(one, out=tmp_path / "one")
    train(another, out=tmp_path / "another")
    assert bits(tmp_path / "another") == bits(tmp_path / "one")
    with pytest.raises(Interrupted):
        train(one, out=tmp_path / "changed", voice=Impatient())
    settings = yaml.safe_load((tmp_path / "changed/experiment.yaml").read_text())
    (tmp_path / "changed/experiment.yaml").write_text(yaml.safe_dump(settings | {name: other}))
    resume(tmp_path / "changed")
    assert bits(tmp_path / "changed") == bits(tmp_path / "one")


def test_what_follows_from_the_number_of_rows_is_kept_with_the_run_whatever_else_was_asked(tmp_path):
    """A net of other members than its folder says could not be opened."""
    rows = torch.randn(5000, 2)
    data, asked = (rows, rows.sum(1)), {"epochs": 1, "batch_size": 512, "learning_rate": 0.01}
    run = pf.fit("table_net", data, out=tmp_path / "run", **asked)
    assert run.experiment.net_options == {"members": 4}
    opened = pf.open_run(tmp_path / "run", data=data)
    torch.testing.assert_close(opened.predict(rows[:3]), run.predict(rows[:3]))


GONE = "setting 'out_of_fold' is unknown; members no longer set aside different rows.*; leave it out, and train anew"


@pytest.mark.parametrize("begun", ["resume", "fit"])
def test_a_run_that_began_while_there_was_a_setting_that_is_gone_goes_on(tmp_path, begun, monkeypatch):
    """Its experiment.yaml and its checkpoint have it, at the value that all runs have now."""
    asked = {"epochs": 3, "checkpoint_seconds": 0.0}
    whole = pf.fit("mlp", "iris", out=tmp_path / "whole", **asked)
    kept = Experiment.settings
    monkeypatch.setattr(Experiment, "settings", lambda experiment: {**kept(experiment), "out_of_fold": False})
    with pytest.raises(Interrupted):
        pf.fit("mlp", "iris", out=tmp_path / "cut", voice=Impatient(), **asked)
    monkeypatch.undo()
    assert "out_of_fold: false" in (tmp_path / "cut/experiment.yaml").read_text()
    folder = tmp_path / "cut"
    again = resume(folder) if begun == "resume" else pf.fit("mlp", "iris", out=folder, resume=True, **asked)
    assert again.history.rows == whole.history.rows
    assert pf.open_run(folder).scores.values == whole.scores.values


def test_another_value_of_a_setting_that_is_gone_is_told_in_a_line(tmp_path):
    with pytest.raises(ProfundoError, match=GONE):
        new_experiment(data="iris", out_of_fold=True)
    train(new_experiment(data="iris", net="linear", epochs=1), out=tmp_path / "run")
    asked = tmp_path / "run/experiment.yaml"
    asked.write_text(asked.read_text() + "out_of_fold: true\n")
    for door in (pf.open_run, resume):
        with pytest.raises(ProfundoError, match=GONE) as error:
            door(tmp_path / "run")
        assert "\n" not in str(error.value)
