"""A file `stop` in a run's folder ends its training with the epoch where it is: what was learned is judged and kept as it is."""

import pytest
import torch

import profundo as pf
from profundo.runs import supervised
from profundo.runs.voice import Quiet


class Stopping(Quiet):
    """Asks for the end after so many epochs."""

    def __init__(self, path, epochs=1):
        self.path, self.epochs = path, epochs

    def show(self, step, row):
        if row is not None and step.epoch + 1 == self.epochs:
            (self.path / "stop").touch()


@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_an_ensemble_stopped_before_any_epoch_may_be_the_best_is_judged_as_it_is(tmp_path, data):
    run = pf.fit("table_net", data, out=tmp_path / "run", voice=Stopping(tmp_path / "run", 3))
    assert len(run.history) == 3
    assert run.best_epoch is None
    assert pf.open_run(tmp_path / "run").scores == run.scores
    assert (tmp_path / "run" / "report.html").is_file()


def test_nothing_is_healed_of_a_training_that_somebody_ended(tmp_path):
    asked = {"epochs": 6, "learning_rate": 1e-7, "heal": True, "out": tmp_path / "run"}
    run = pf.fit("mlp", "digits", voice=Stopping(tmp_path / "run"), **asked)
    assert len(run.history) == 1
    assert run.doctor.cures == []
    assert run.experiment.learning_rate == 1e-7


def test_one_that_was_killed_while_it_was_judged_learns_no_more(tmp_path, monkeypatch):
    asked = {"epochs": 9, "out": tmp_path / "run"}
    with monkeypatch.context() as patch:
        patch.setattr(supervised, "judge", killed)
        with pytest.raises(KeyboardInterrupt):
            pf.fit("mlp", "iris", voice=Stopping(tmp_path / "run", 2), **asked)
    run = pf.fit("mlp", "iris", resume=True, **asked)
    assert len(run.history) == 2
    once = pf.fit("mlp", "iris", epochs=9, out=tmp_path / "once", voice=Stopping(tmp_path / "once", 2))
    assert all(torch.equal(run.net.state_dict()[name], value) for name, value in once.net.state_dict().items())


def killed(*_):
    raise KeyboardInterrupt
