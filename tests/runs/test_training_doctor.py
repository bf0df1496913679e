"""The doctor beside trainings at the doors where people are: it says why one does not learn, heals it, and costs nothing else."""

import json

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import profundo as pf
from profundo.doctor import Finding
from profundo.doctor.verdicts import Experiment as Trial
from profundo.doctor.vital_signs import VitalSigns
from profundo.records import Interrupted, ProfundoError
from profundo.runs.choices import prepare
from profundo.runs.experiment import new_experiment
from profundo.runs.health import care
from profundo.runs.health.remedies import changed, changes_of, departures, in_options
from profundo.train import History
from profundo.train.updates import Supervised


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """However busy the machine, an examination comes to its end."""
    monkeypatch.setattr(care, "LEAST_SECONDS", 60.0)


def weights(run):
    return torch.cat([one.flatten() for one in run.net.state_dict().values()])


# ---------------------------------------------------------------------------------------------------------------- saying
def test_a_training_that_blows_up_ends_with_its_cause(tmp_path, called):
    words = ("train", "digits", "--net", "mlp", "--optimizer", "sgd", "--learning-rate", 1e20, "--epochs", 3)
    done = called(*words, "--out", "run", cwd=tmp_path)
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("profundo: epoch 1, step ")
    assert "the loss became" in line
    assert "learning_rate_too_high in settings" in line
    assert "Proved: skill " in line
    assert "Do: --learning-rate 0.15 (docs/doctor-steps.md#learning_rate_too_high)" in line
    assert (
        json.loads((tmp_path / "run" / "doctor.json").read_text())["findings"][0]["cause"] == "learning_rate_too_high"
    )


def test_a_training_that_hardly_learns_is_told_why_and_ends_as_it_would(capsys):
    settings = {"epochs": 4, "learning_rate": 1e-7, "out": False}
    run = pf.fit("mlp", "digits", doctor=True, **settings)
    (found,) = run.doctor.findings
    assert found.cause == "learning_rate_too_low"
    err = capsys.readouterr().err
    assert "the loss fell only from" in err
    assert "learning_rate=" in err  # in the words of Python
    assert torch.equal(weights(run), weights(pf.fit("mlp", "digits", **settings)))
    assert run.seconds["doctor"] > 0


def test_a_healthy_training_is_not_examined(monkeypatch, tmp_path):
    monkeypatch.setattr(care, "examine", None)
    run = pf.fit("mlp", "digits", epochs=5, doctor=True, heal=True, out=tmp_path / "run")
    assert run.doctor.findings == []
    assert run.doctor.notes == []
    assert run.seconds["doctor"] == 0
    assert "saw no cause to doubt" in (tmp_path / "run" / "report.html").read_text()


def test_what_cannot_be_examined_is_said_in_a_sentence(monkeypatch, capsys):
    def broken(*_, **__):
        raise MemoryError("too large")

    monkeypatch.setattr(care, "examine", broken)
    run = pf.fit("mlp", "digits", epochs=2, learning_rate=1e-7, doctor=True, out=False)
    assert "it could not be examined: too large" in capsys.readouterr().err
    assert len(run.history) == 2


# --------------------------------------------------------------------------------------------------------------- healing
def test_a_training_that_diverges_is_healed(tmp_path, called):
    words = ("train", "digits", "--net", "mlp", "--learning-rate", 30, "--epochs", 6, "--heal", "--out", "run")
    done = called(*words, cwd=tmp_path)
    assert done.returncode == 0
    assert "doctor: changed learning_rate_too_high: --learning-rate 0.003 in place of --learning-rate 30" in done.stderr
    run = pf.open_run(tmp_path / "run")
    assert run.scores.values["accuracy"] > 0.9
    asked = yaml.safe_load((tmp_path / "run" / "experiment.yaml").read_text())
    assert asked["learning_rate"] == run.experiment.learning_rate == 0.003
    (cure,) = run.doctor.cures
    assert cure.changes == {"learning_rate": (30.0, 0.003)}
    assert cure.since == 0
    assert run.vital_signs["gradient"].shape[1] == len(run.vital_signs["weight"])
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Changed: <bdi>learning_rate_too_high" in page
    assert "Proved: skill" in page
    assert called("evaluate", "run", cwd=tmp_path).returncode == 0
    assert called("train", "--config", "run/experiment.yaml", "--out", "again", cwd=tmp_path).returncode == 0
    assert torch.equal(weights(pf.open_run(tmp_path / "again")), weights(run))  # as if it had been asked so at once


def test_a_net_of_ones_own_is_healed_in_place():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    run = pf.fit(net, "digits", epochs=6, learning_rate=1e3, heal=True, out=False)
    assert run.net is net
    assert len(run.doctor.cures) == 1
    assert run.scores.values["accuracy"] > 0.9
    assert len(run.history) == 6


@pytest.mark.parametrize("scale", [40.0, 1e-3])
def test_weights_that_were_drawn_badly_are_drawn_anew_as_they_can_be_from_the_start(scale):
    """The second falls as a loss should, and ends far above that of a linear model."""
    runs = [pf.fit(badly_drawn(scale), "digits", epochs=6, out=False, heal=True)]
    assert [cure.changes for cure in runs[0].doctor.cures] == [{"reinitialize": (False, True)}]
    assert runs[0].doctor.findings[0].cause == "bad_init_scale"
    assert runs[0].scores.values["accuracy"] > 0.95
    runs.append(pf.fit(badly_drawn(1.0), "digits", epochs=6, out=False, reinitialize=True))
    first, second = (run.net.state_dict() for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(pf.ProfundoError, match="expected a net of your own, got mlp"):
        pf.fit("mlp", "iris", out=False, reinitialize=True)


def test_layers_that_are_frozen_are_not_drawn_anew():
    net = badly_drawn(1.0)
    net[1].requires_grad_(False)
    kept, other = net[1].weight.clone(), net[3].weight.clone()
    pf.fit(net, "digits", epochs=1, out=False, reinitialize=True, learning_rate=1e-9)
    assert torch.equal(net[1].weight, kept)
    assert not torch.allclose(net[3].weight, other, atol=1e-3)


def badly_drawn(scale):
    torch.manual_seed(0)
    layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
    net = nn.Sequential(nn.Flatten(), *layers)
    with torch.no_grad():
        for one in net.parameters():
            one.mul_(scale)
    return net


def test_a_batch_that_leaves_few_steps_is_healed_by_a_smaller_one():
    run = pf.fit("mlp", "digits", epochs=8, batch_size="all", heal=True, out=False)
    assert [cure.changes for cure in run.doctor.cures] == [{"batch_size": (1258, 32)}]
    assert run.scores.values["accuracy"] > 0.95


def test_a_loss_that_rises_with_the_learning_rate_is_waited_for_and_no_longer():
    prepared = prepare(new_experiment(data="iris", net="mlp", warm_up=0.5))
    signs, history = VitalSigns(), History()
    signs.first, signs.done = 1.0, 20
    for rate, rises in ((0.5, True), (1.0, True), (1.0, False), (0.7, False)):
        history.rows.append({"loss": 2.0, "rate": rate})
        assert care.warms_up(prepared, history) is rises
        said = care.trouble(history, signs, ended=False, rising=rises)
        assert said == ("" if rises else "the loss rose from 1 to 2")
    steady = prepare(new_experiment(data="iris", net="mlp", schedule="constant"))
    history.rows = [{"loss": 2.0, "rate": 1.0}]
    assert not care.warms_up(steady, history)


@pytest.mark.parametrize(("data", "kind"), [("digits", "classes"), ("breast-cancer", "binary"), ("diabetes", "real")])
def test_the_cost_of_a_constant_answer_is_the_least_of_all(data, kind):
    prepared = prepare(new_experiment(data=data, net="mlp"))
    targets, spec = prepared.data.train.targets, prepared.data.spec
    assert spec.targets.kind == kind
    if kind == "real":
        least = ((targets - targets.mean(0)) / targets.std(0, correction=0)).square().mean()
    else:
        shares = torch.bincount(targets.long()) / len(targets)
        least = torch.distributions.Categorical(shares).entropy()
    assert care.constant_cost(prepared) == pytest.approx(float(least), rel=1e-2)


@pytest.fixture
def made_up(monkeypatch):
    """After four epochs there is trouble, once, and a proven cure for it."""
    trial = Trial("learning rate 0.0007", 30, (0.0, 0.0), (0.9, 0.9))
    found = Finding("learning_rate_too_high", "settings", {"rate": 1.0}, "lower it", experiment=trial)
    monkeypatch.setattr(care.Care, "findings", lambda *_: (found,))
    trouble = lambda history, _, **__: "made up" if len(history) == 4 and not healed else ""  # noqa: E731
    healed = []
    change = care.Care.change
    monkeypatch.setattr(care.Care, "change", lambda self, astray: healed.append(1) or change(self, astray))
    monkeypatch.setattr(care, "trouble", trouble)
    return healed


SETTINGS = {"epochs": 6, "learning_rate": 0.007, "checkpoint_seconds": 0, "heal": True, "schedule": "constant"}


@pytest.mark.usefixtures("made_up")
def test_healing_goes_on_from_the_checkpoint_before_the_trouble(tmp_path):
    run = pf.fit("mlp", "iris", out=tmp_path / "run", **SETTINGS)
    (cure,) = run.doctor.cures
    assert cure.since == 3
    assert [row["epoch"] for row in run.history.rows] == [1, 2, 3, 4, 5, 6]
    plain = pf.fit("mlp", "iris", out=False, **{**SETTINGS, "heal": False})
    assert run.history.rows[:3] == plain.history.rows[:3]
    assert run.history.rows[5]["loss"] != plain.history.rows[5]["loss"]
    assert run.experiment.learning_rate == 0.0007


def test_a_healed_run_that_is_interrupted_goes_on_to_the_same_bits(made_up, tmp_path, monkeypatch):
    whole = pf.fit("mlp", "iris", out=tmp_path / "whole", **SETTINGS)
    step, done = Supervised.__call__, []

    def cut_short(self, batch):
        done.append(1)
        if made_up and len(done) > 17:
            raise Interrupted(2)
        return step(self, batch)

    made_up.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Supervised, "__call__", cut_short)
        with pytest.raises(Interrupted):
            pf.fit("mlp", "iris", out=tmp_path / "cut", capture=False, **SETTINGS)
    assert made_up
    again = pf.fit("mlp", "iris", out=tmp_path / "cut", capture=False, resume=True, **SETTINGS)
    assert torch.equal(weights(again), weights(whole))
    assert again.history.rows == whole.history.rows
    assert again.doctor.cures == whole.doctor.cures


@pytest.mark.parametrize("left", ["as it was", "nothing", "garbage", "of another training"])
def test_what_was_seen_before_an_interruption_is_there_after_it(left, tmp_path, monkeypatch):
    settings = {"epochs": 6, "doctor": True, "capture": False}
    whole = pf.fit("mlp", "iris", out=tmp_path / "whole", **settings).vital_signs
    step, done = Supervised.__call__, []

    def cut_short(self, batch):
        done.append(1)
        if len(done) > 14:  # in the fifth of six epochs of 3
            raise Interrupted(2)
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Supervised, "__call__", cut_short)
        with pytest.raises(Interrupted):
            pf.fit("mlp", "iris", out=tmp_path / "cut", checkpoint_seconds=0, **settings)
    kept = tmp_path / "cut" / "vital_signs.npz"
    before = dict(np.load(kept))
    if left == "nothing":
        kept.unlink()
    elif left == "garbage":
        kept.write_bytes(b"PK" + bytes(100))
    elif left == "of another training":
        np.savez(kept, step=np.arange(4), layer=np.array(["one"]))
    again = pf.fit("mlp", "iris", out=tmp_path / "cut", resume=True, checkpoint_seconds=0, **settings).vital_signs
    assert len(again["loss"]) == len(whole["loss"]) == 18
    seen = np.arange(18) >= (0 if left == "as it was" else 12)
    np.testing.assert_array_equal(again["loss"][seen], whole["loss"][seen])
    assert np.isnan(again["loss"][~seen]).all()
    assert (np.diff(again["step"]) > 0).all()
    if left == "as it was":
        count = len(before["step"])
        assert count > 3
        assert again["step"][:count].tolist() == before["step"].tolist()
        np.testing.assert_array_equal(again["gradient"][:count], before["gradient"])


def test_cures_are_few_and_what_does_not_help_is_said(monkeypatch, capsys):
    monkeypatch.setattr(care, "trouble", lambda *_, **__: "made up")
    rates = iter([0.005, 0.004, 0.003, 0.002])

    def findings(*_):
        trial = Trial(f"learning rate {next(rates)}", 30, (0.0, 0.0), (0.9, 0.9))
        return (Finding("learning_rate_too_high", "settings", {}, "lower it", experiment=trial),)

    monkeypatch.setattr(care.Care, "findings", findings)
    run = pf.fit("mlp", "iris", epochs=3, heal=True, out=False)
    assert run.experiment.learning_rate == 0.003
    assert len(run.doctor.cures) == 3
    assert "3 cures were not enough" in capsys.readouterr().err
    assert len(run.history) == 3


# -------------------------------------------------------------------------------------------------------------- remedies
@pytest.mark.parametrize(
    ("settings", "cause", "cure"),
    [
        ({"learning_rate": 1.0}, "learning_rate_too_high", "--learning-rate 0.003"),
        ({"learning_rate": 1e-5}, "learning_rate_too_low", "--learning-rate 0.003"),
        ({"weight_decay": 90.0}, "over_regularised", "--weight-decay 1"),
        ({"l1": 0.5}, "over_regularised", "--l1 0"),
        ({"label_smoothing": 0.6}, "over_regularised", "--label-smoothing 0"),
        ({"net_options": {"dropout": 0.9, "widths": [8]}}, "excess_dropout", "--net-option widths=[8]"),
        ({"net_options": {"activation": "logistic"}}, "vanishing_gradient", "leave out --net-option"),
    ],
)
def test_settings_far_from_the_usual_ones_are_suspected_and_the_usual_ones_cure(settings, cause, cure):
    prepared = prepare(new_experiment(data="wine", net="mlp", optimizer="adamw", **settings))
    ((found, _, changes),) = departures(prepared)
    assert found == cause
    assert in_options(changes) == cure
    trial = Trial(cure, 30, (0.0,), (1.0,))
    assert changes_of(Finding(cause, "settings", {}, "", experiment=trial), prepared) == changes
    assert list(departures(changed(prepared, changes))) == []


@pytest.mark.parametrize(
    ("cure", "changes"),
    [
        ("learning rate 0.3", {"learning_rate": 0.3}),
        ("gradients clipped to norm 1", {"clip": 1.0}),
        ("a warm-up of 50 steps", {"warm_up": 0.1}),
        ("no weight decay", {"weight_decay": 0.0}),
        ("3 times as many steps", {"epochs": 21}),
        ("weights drawn anew", {}),
    ],
)
def test_cures_of_the_doctor_that_are_settings_are_known_by_their_names(cure, changes):
    prepared = prepare(new_experiment(data="iris", net="mlp", epochs=7))
    finding = Finding("any", "net", {}, "do it", experiment=Trial(cure, 30, (0.0,), (1.0,)))
    assert changes_of(finding, prepared) == changes
    assert changes == {} or changed(prepared, changes).experiment.settings() != prepared.experiment.settings()


# --------------------------------------------------------------------------------------------------------------- dry run
def test_a_dry_run_finds_what_is_wrong_and_makes_no_folder(tmp_path, called, monkeypatch):
    monkeypatch.setattr("profundo.inspect.training_health.preflight.__kwdefaults__", {"budget": 60.0})
    words = ("train", "digits", "--net", "mlp", "--epochs", "6", "--dry-run")
    wrong = called(*words, "--learning-rate", 30, cwd=tmp_path)
    assert wrong.returncode == 1
    assert "! learning_rate_too_high in settings" in wrong.stdout
    assert "→ --learning-rate 0.003" in wrong.stdout
    right = called(*words, cwd=tmp_path)
    assert right.returncode == 0
    assert "nothing is wrong that can be seen before training" in right.stdout
    plain = called(*words, "--learning-rate", 30, "--no-doctor", "--json", cwd=tmp_path)
    assert plain.returncode == 0
    assert json.loads(plain.stdout)["findings"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_refuses_what_training_would(tmp_path, refused):
    refused("train", "gone.csv", "--dry-run", cwd=tmp_path, says=["gone.csv"])
    refused("train", "iris", "--objective", "gaussian", "--dry-run", cwd=tmp_path, says=["gaussian"])


# ---------------------------------------------------------------------------------------------------------------- keeping
def test_damaged_records_are_refused_in_a_line(tmp_path):
    pf.fit("mlp", "iris", epochs=2, out=tmp_path / "run", doctor=True)
    kept = (tmp_path / "run" / "vital_signs.npz").read_bytes()
    for content in (b"", b"nonsense", kept[: len(kept) // 2]):
        (tmp_path / "run" / "vital_signs.npz").write_bytes(content)
        with pytest.raises(ProfundoError, match=r"vital_signs\.npz"):
            pf.open_run(tmp_path / "run")
    with open(tmp_path / "run" / "vital_signs.npz", "wb") as file:
        np.savez(file, step=np.array([print], dtype=object))
    with pytest.raises(ProfundoError, match=r"vital_signs\.npz"):
        pf.open_run(tmp_path / "run")


def test_names_of_layers_and_settings_are_escaped_on_the_page(tmp_path):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("<script>", nn.Linear(4, 3))

        def forward(self, x):
            return self._modules["<script>"](x)

    pf.fit(Odd(), "iris", epochs=8, out=tmp_path / "run", doctor=True)
    assert "<script>" not in (tmp_path / "run" / "report.html").read_text()
