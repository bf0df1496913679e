"""TensorBoard's own reader finds in the event files what the history holds."""

import importlib.util
import os

import pytest
import torch
from torch import nn

import profundo as pf
from profundo.records import ProfundoError
from profundo.runs import tensorboard
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
from profundo.runs.voice import Quiet

has_tensorboard = importlib.util.find_spec("tensorboard") is not None


def read(folder):
    """(step, value) of every scalar by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_what_a_run_needs_is_installed_here():
    if not has_tensorboard:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail('tensorboard is missing: pip install "profundo[tensorboard]"')
        pytest.skip("tensorboard is not installed: its event files are not tested")


@pytest.mark.skipif(not has_tensorboard, reason="tensorboard is not installed")
def test_every_epoch_and_every_update_are_there(tmp_path):
    run = train(new_experiment(data="iris", epochs=4, log="tensorboard"), out=tmp_path / "run")
    found = read(tmp_path / "run" / "tensorboard")
    updates = len(run.data.train) // run.experiment.batch_size
    assert [value for _, value in found["epoch/validation loss"]] == pytest.approx(run.history["validation loss"])
    assert [value for _, value in found["epoch/gradient norm"]] == pytest.approx(run.history["gradient norm"])
    steps, losses = zip(*found["update/loss"], strict=True)
    assert list(steps) == list(range(4 * updates))
    assert sum(losses[:updates]) / updates == pytest.approx(run.history["loss"][0], rel=1e-5)


@pytest.mark.skipif(not has_tensorboard, reason="tensorboard is not installed")
def test_a_resumed_run_tells_every_epoch_once(tmp_path):
    class Stop(Exception):
        pass

    class Impatient(Quiet):
        """Pulls the plug in the middle of the third epoch."""

        def show(self, step, _row):
            if step.epoch == 2:
                raise Stop

    data, settings = pf.load("iris"), {"epochs": 6, "checkpoint_seconds": 0, "log": "tensorboard"}
    torch.manual_seed(0)
    net = nn.Linear(4, 3)
    with pytest.raises(Stop):
        pf.fit(net, data, out=tmp_path / "run", voice=Impatient(), **settings)
    run = pf.fit(net, data, out=tmp_path / "run", resume=True, **settings)
    found = read(tmp_path / "run" / "tensorboard")
    assert [value for _, value in found["epoch/loss"]] == pytest.approx(run.history["loss"])


def test_without_tensorboard_it_is_said_before_a_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ProfundoError, match=r"profundo\[tensorboard\]"):
        train(new_experiment(data="iris", log="tensorboard"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_log_needs_a_folder():
    with pytest.raises(ProfundoError, match="leave out one of log and out=False"):
        pf.fit(nn.Linear(4, 3), pf.load("iris"), epochs=1, log="tensorboard", out=False)


def test_another_log_is_refused():
    with pytest.raises(ProfundoError, match="log: expected"):
        new_experiment(data="iris", log="wandb")
