"""Losses, metrics, optimizers and schedules of one's own; outputs of all forms; resuming with them, or saying why not."""

from collections import namedtuple
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import cohen_kappa_score
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, ReduceLROnPlateau, StepLR

import profundo as pf
from everyday import NUMBER, QUICK, THREE, TWO, X, small
from profundo.objectives import categorical
from profundo.objectives.own_losses import own_loss, same_objective
from profundo.records import Interrupted, ProfundoError, Targets
from profundo.train.own_optimizers import own_schedule

CLASSES = Targets("classes", ("a", "b", "c"))


def weights_of(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def trained(seed=0, outputs=3, y=THREE, **settings):
    torch.manual_seed(seed)
    net = small(outputs)
    return pf.fit(net, (X, y), epochs=3, batch_size=16, out=False, **settings)


# -------------------------------------------------------------------------------------------------------------- losses
def my_cross_entropy(outputs, targets):
    return -outputs.log_softmax(1).gather(1, targets[:, None]).mean()


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(), nn.CrossEntropyLoss, F.cross_entropy, my_cross_entropy, "cross_entropy", "categorical",
     "sparse_categorical_crossentropy", "CrossEntropyLoss", partial(F.cross_entropy, label_smoothing=0.0)],
)  # fmt: skip
def test_losses_that_are_one_and_the_same_train_the_same_weights(loss):
    usual, run = trained(), trained(loss=loss)
    torch.testing.assert_close(weights_of(run.net), weights_of(usual.net), rtol=1e-4, atol=1e-5)
    assert run.predict(X).allclose(usual.predict(X), atol=1e-4)


@pytest.mark.parametrize(("loss", "name"), [(nn.MSELoss(), "gaussian"), ("mse", "gaussian"), ("mae", "laplace")])
def test_losses_of_numbers_have_their_names_here(loss, name):
    assert trained(outputs=1, y=NUMBER, loss=loss).experiment.objective == name


def test_a_loss_of_numbers_sees_them_in_their_own_units():
    seen = []

    def relative(outputs, targets):
        seen.append(targets.abs().max())
        return ((outputs - targets) / 1000).square().mean()

    run = trained(outputs=1, y=5000 + NUMBER, loss=relative)
    assert max(map(float, seen)) > 4990
    assert float(run.predict(X).mean()) == pytest.approx(5000, abs=50)
    assert run.scores.values["loss"] == pytest.approx(run.scores.values["RMSE"] ** 2 / 1e6, rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "last"),
    [(nn.BCELoss(), nn.Sigmoid()), (nn.NLLLoss(), nn.LogSoftmax(1)), (nn.BCEWithLogitsLoss(), nn.Identity())],
)
def test_predictions_mean_what_the_loss_takes_them_for(loss, last):
    two = not isinstance(loss, nn.NLLLoss)
    net = nn.Sequential(small(1 if two else 3), last)
    run = pf.fit(net, (X, TWO if two else THREE), loss=loss, epochs=30, batch_size=16, lr=0.02, out=False)
    assert not any("ends in" in note for note in run.data.notes)
    said = run.predict(X)
    assert (((said > 0.5).numpy() == (TWO == 1)).mean() if two else (said.argmax(1).numpy() == THREE).mean()) > 0.85
    if not two:
        assert said.sum(1).allclose(torch.ones(len(X)))


def test_a_net_that_ends_in_softmax_before_a_loss_of_logits_is_told_of():
    for loss in (None, nn.CrossEntropyLoss(), nn.CrossEntropyLoss(weight=torch.ones(3)), F.cross_entropy):
        run = pf.fit(nn.Sequential(small(), nn.Softmax(1)), (X, THREE), loss=loss, **QUICK)
        assert any("ends in a softmax" in note for note in run.data.notes), loss


def test_costs_of_samples_add_up_to_the_mean_whatever_the_reduction():
    outputs, targets = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    for loss in (
        nn.CrossEntropyLoss(),
        partial(F.cross_entropy),
        F.cross_entropy,
        my_cross_entropy,
        nn.CrossEntropyLoss(reduction="none"),
    ):
        ours = own_loss(loss, CLASSES)
        assert float(ours(outputs, targets).mean()) == pytest.approx(float(F.cross_entropy(outputs, targets)), rel=1e-5)
        parts = ours.mean_cost(outputs[:3], targets[:3], 7) + ours.mean_cost(outputs[3:], targets[3:], 7)
        assert float(parts) == pytest.approx(float(F.cross_entropy(outputs, targets)), rel=1e-5)
    costs = own_loss(nn.CrossEntropyLoss(), CLASSES)(outputs, targets)
    assert costs.allclose(categorical()(outputs, targets))


def test_a_loss_with_other_settings_is_not_taken_for_the_usual_one():
    assert same_objective(nn.CrossEntropyLoss(label_smoothing=0.1), CLASSES) == ("categorical", 0.1)
    assert same_objective(nn.CrossEntropyLoss(weight=torch.ones(3)), CLASSES) is None
    assert same_objective(nn.CrossEntropyLoss(ignore_index=0), CLASSES) is None
    assert same_objective(nn.MSELoss(reduction="sum"), Targets("real")) is None
    assert trained(loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 9.0]))).experiment.own == {
        "loss": "CrossEntropyLoss"
    }


# ------------------------------------------------------------------------------------------------------------- outputs
Pair = namedtuple("Pair", "logits aux")
FORMS = {
    "dict": lambda y: {"hidden": y[:, :2], "logits": y},
    "tuple": lambda y: (y, y[:, :1]),
    "list": lambda y: [y, y],
    "named tuple": lambda y: Pair(y, None),
    "attributes": lambda y: SimpleNamespace(logits=y, loss=None),
}


class Formed(nn.Module):
    def __init__(self, form, only_training=False):
        super().__init__()
        self.last, self.form, self.only_training = nn.Linear(4, 3), form, only_training

    def forward(self, x):
        y = self.last(x)
        return self.form(y) if self.training or not self.only_training else y


@pytest.mark.parametrize("only_training", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_the_main_output_is_learned_from_as_if_it_were_alone(name, only_training):
    torch.manual_seed(0)
    plain = pf.fit(Formed(lambda y: y), (X, THREE), **QUICK)
    torch.manual_seed(0)
    run = pf.fit(Formed(FORMS[name], only_training), (X, THREE), **QUICK)
    assert torch.equal(weights_of(run.net), weights_of(plain.net))
    assert run.predict(X).allclose(plain.predict(X))
    assert any("several outputs" in note for note in run.data.notes)


def test_a_loss_may_take_auxiliary_heads_that_only_training_has():
    def both(outputs, targets):
        return F.cross_entropy(outputs[0], targets) + 0.3 * F.cross_entropy(outputs[1], targets)

    run = pf.fit(Formed(lambda y: (y, -y), only_training=True), (X, THREE), loss=both, **QUICK)
    assert run.scores.values["accuracy"] > 0
    assert run.history["loss"][0] > 1


# ------------------------------------------------------------------------------------------------------------- metrics
def test_metrics_are_in_the_history_the_scores_and_the_report(tmp_path):
    def hits(predictions, targets):
        return (predictions.argmax(1) == targets).float().mean()

    run = pf.fit(small(), (X, THREE), metrics={"hits": hits, "kappa": cohen_kappa_score}, epochs=3, out=tmp_path / "a")
    assert run.scores.values["hits"] == pytest.approx(run.scores.values["accuracy"])
    said = run.predict(run.data.test.inputs).argmax(1)
    assert run.scores.values["kappa"] == pytest.approx(cohen_kappa_score(run.data.test.targets, said))
    assert run.history["validation hits"] == pytest.approx(run.history["validation accuracy"])
    assert "hits" in (tmp_path / "a" / "report.html").read_text("utf-8")
    assert list(trained(metrics=[hits]).scores.values)[-1] == "hits"
    assert trained(metrics=["accuracy"]).scores is not None


# ---------------------------------------------------------------------------------------------- optimizers, schedules
@pytest.mark.parametrize(
    "made",
    [torch.optim.SGD, partial(torch.optim.SGD, lr=0.001), lambda p: torch.optim.SGD(p, lr=0.001), "instance", "SGD"],
    ids=["class", "partial", "function", "instance", "name"],
)
def test_optimizers_come_as_classes_functions_instances_and_names(made):
    torch.manual_seed(0)
    net = small()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001) if made == "instance" else made
    own = {"lr": 0.001} if made == "SGD" else {}
    run = pf.fit(
        net,
        (X, THREE),
        optimizer=optimizer,
        schedule="constant",
        weight_decay=0.0 if made == "SGD" else None,
        **own,
        **QUICK,
    )
    assert run.experiment.learning_rate == 0.001
    torch.manual_seed(0)
    usual = pf.fit(small(), (X, THREE), optimizer="sgd", lr=0.001, weight_decay=0.0, schedule="constant", **QUICK)
    torch.testing.assert_close(weights_of(run.net), weights_of(usual.net), rtol=1e-5, atol=1e-6)


def test_muon_moves_matrices_and_adamw_the_rest():
    torch.manual_seed(0)
    net = small()
    before = [p.detach().clone() for p in net.parameters()]
    run = pf.fit(net, (X, THREE), optimizer=torch.optim.Muon, epochs=2, out=False)
    assert all(not torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    assert run.experiment.own == {"optimizer": "Muon"}
    assert trained(optimizer=torch.optim.Muon, lr=0.05).experiment.learning_rate == 0.05


def test_schedules_are_functions_and_schedulers():
    assert trained(schedule=lambda share: 1 - share / 2).history["rate"] == pytest.approx(
        [1 - s / 2 for s in (0.2778, 0.6111, 0.9444)], abs=0.01
    )
    assert trained(schedule=partial(StepLR, step_size=1, gamma=0.5)).history["rate"] == [1, 0.5, 0.25]
    assert trained(schedule=ConstantLR).history["rate"] == pytest.approx([1 / 3] * 3)
    assert trained(schedule=lambda epoch, rate: rate * 0.1 if epoch else rate).history["rate"] == pytest.approx(
        [1, 0.1, 0.01]
    )
    assert trained(schedule="one_cycle").experiment.schedule == "one-cycle"
    linear = own_schedule(partial(LambdaLR, lr_lambda=lambda epoch: 1 / (1 + epoch)), 4)
    assert [linear(s) for s in (0, 0.25, 0.5, 0.99)] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])


# -------------------------------------------------------------------------------------------------------------- resume
def cut_short(monkeypatch, steps):
    """Let a training be interrupted after so many updates."""
    from profundo.train.updates import Supervised

    whole, done = Supervised.__call__, []

    def call(self, batch):
        done.append(1)
        if len(done) > steps:
            raise Interrupted(2)
        return whole(self, batch)

    monkeypatch.setattr(Supervised, "__call__", call)


@pytest.mark.parametrize("optimizer", [torch.optim.Muon, torch.optim.NAdam, lambda p: torch.optim.Adam(p, 0.01)])
def test_a_run_with_parts_of_ones_own_goes_on_to_the_same_bits(optimizer, tmp_path, monkeypatch):
    parts = {
        "loss": my_cross_entropy,
        "optimizer": optimizer,
        "schedule": lambda s: 1 - s,
        "metrics": {"n": lambda p, _: len(p)},
    }

    def run(out, **more):
        torch.manual_seed(0)
        return pf.fit(small(), (X, THREE), epochs=4, batch_size=16, checkpoint_seconds=0, out=out, **parts, **more)

    whole = run(tmp_path / "whole")
    with monkeypatch.context() as patch:
        cut_short(patch, 9)
        with pytest.raises(Interrupted):
            run(tmp_path / "cut")
    again = run(tmp_path / "cut", resume=True)
    assert torch.equal(weights_of(again.net), weights_of(whole.net))
    assert again.history.rows == whole.history.rows


def test_a_run_does_not_go_on_with_another_loss_or_other_data(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        cut_short(patch, 9)
        with pytest.raises(Interrupted):
            pf.fit(
                small(),
                (X, THREE),
                epochs=4,
                batch_size=16,
                checkpoint_seconds=0,
                loss=my_cross_entropy,
                out=tmp_path / "a",
            )
    with pytest.raises(ProfundoError, match="things changed: own was"):
        pf.fit(
            small(),
            (X, THREE),
            epochs=4,
            batch_size=16,
            loss=lambda o, y: F.cross_entropy(o, y),
            out=tmp_path / "a",
            resume=True,
        )
    with pytest.raises(ProfundoError, match="data: sha256 was"):
        pf.fit(small(), (X + 1, THREE), epochs=4, batch_size=16, loss=my_cross_entropy, out=tmp_path / "a", resume=True)


# --------------------------------------------------------------------------------------------------------- in one line
def fails(_outputs, _targets):
    raise RuntimeError("not today")


REFUSED = {
    "a loss that fails": (
        {"loss": fails},
        r"loss fails: failed for outputs \(2, 3\) float32 and targets \(2\) int64.*not today",
    ),
    "a loss that gives a number": ({"loss": lambda *_: 3.0}, "expected a tensor"),
    "an unknown loss": ({"loss": "crossentropi"}, "nearest: crossentropy"),
    "a loss that is nothing": ({"loss": 3}, "expected a name or a function"),
    "two losses": ({"loss": "categorical", "objective": "gaussian"}, "two names for one thing"),
    "class weights beside a function": (
        {"loss": fails, "class_weights": "balanced"},
        "class_weights: is for losses by name",
    ),
    "an optimizer of another net": ({"optimizer": torch.optim.SGD(small().parameters(), lr=0.1)}, "those of another"),
    "an optimizer that needs a closure": ({"optimizer": torch.optim.LBFGS}, "several times a step"),
    "an optimizer that is none": ({"optimizer": 3}, "expected a name, a class"),
    "a function that makes none": ({"optimizer": lambda _: 3}, "expected a torch.optim.Optimizer"),
    "an unknown optimizer": ({"optimizer": "adan"}, "nearest: adam"),
    "a rate for an instance": ({"optimizer": lambda p: torch.optim.SGD(p, 0.1), "lr": 0.2}, "sets lr itself"),
    "a schedule that fails": ({"schedule": lambda s: s.foo}, "expected a function of the share"),
    "a schedule below zero": ({"schedule": lambda _: -1.0}, "at least 0"),
    "a scheduler that waits": ({"schedule": ReduceLROnPlateau}, "early_stop"),
    "an instance of a scheduler": (
        {"schedule": StepLR(torch.optim.SGD(small().parameters(), lr=0.1), 1)},
        "functools.partial",
    ),
    "a schedule that is a number": ({"schedule": 0.1}, "expected a name or a function"),
    "a metric that fails": ({"metrics": {"m": fails}}, "metric 'm': expected one number.*not today"),
    "a metric with many numbers": ({"metrics": {"m": lambda p, _: p}}, "it gave"),
    "an unknown metric": ({"metrics": ["acuracy"]}, "nearest: accuracy"),
    "a metric that is none": ({"metrics": {"m": 3}}, "expected functions"),
    "metrics that are none": ({"metrics": 3}, "expected functions by name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_parts_that_cannot_work_are_refused_in_one_line(name):
    settings, words = REFUSED[name]
    with pytest.raises(ProfundoError, match=words) as error:
        pf.fit(small(), (X, THREE), **QUICK, **settings)
    assert "\n" not in str(error.value)


def test_targets_of_any_shape_need_a_loss_where_no_usual_one_suits():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(ProfundoError, match="give loss=…, a function of"):
        pf.fit(net, (X, np.zeros((120, 5, 2), int)), **QUICK)
    run = pf.fit(
        net, (X, np.zeros((120, 5, 2), int)), loss=lambda o, y: o.square().mean() + 0 * y.float().mean(), **QUICK
    )
    assert list(run.scores.values) == ["loss"]
