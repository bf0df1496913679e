"""The time of a training is that of all its stretches, whatever was done beside it."""

import json
import math
from types import SimpleNamespace

import pytest

import profundo as pf
from profundo.records import Interrupted
from profundo.runs.live import clock
from profundo.runs.live.clock import Clock
from profundo.train.updates import Supervised

SETTINGS = {"epochs": 6, "checkpoint_seconds": 0, "capture": False}  # of 3 updates each


@pytest.fixture
def updates(monkeypatch):
    """By a clock that goes a second an update; the 14th pulls the plug, once."""
    step, done, pulled = Supervised.__call__, [], []

    def counted(self, batch):
        if len(done) == 13 and not pulled:
            pulled.append(True)
            raise Interrupted(2)
        done.append(1)
        return step(self, batch)

    monkeypatch.setattr(Supervised, "__call__", counted)
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: float(len(done))))
    return done


def test_a_training_that_goes_on_took_the_time_of_all_its_stretches(updates, tmp_path):
    with pytest.raises(Interrupted):
        pf.fit("mlp", "iris", out=tmp_path / "run", **SETTINGS)
    run = pf.fit("mlp", "iris", out=tmp_path / "run", resume=True, **SETTINGS)
    assert len(updates) == 18
    assert run.seconds["training"] == 18
    assert json.loads(run.folder.scores.read_text())["seconds"]["training"] == 18


def test_what_is_done_beside_a_training_is_no_part_of_it(monkeypatch):
    now = [10.0]
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    told = Clock({"training": 5.0, "doctor": 1.0})
    told.beside = lambda: {"doctor": 2.0, "evaluation": 0.5}
    now[0] = 20.0
    assert told.seconds() == {"training": 5 + 7.5, "doctor": 3.0, "evaluation": 0.5}
    assert told.training == 12.5


@pytest.mark.parametrize("before", [None, [1], {"training": "long"}, {"training": math.nan}, {"training": -1}])
def test_a_checkpoint_that_knows_no_time_is_one_of_no_time(before):
    assert Clock(before).before == {}
