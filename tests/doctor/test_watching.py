"""A plain loop is watched through hooks, and a training is examined from the command line."""

import json

import pytest
import torch
from torch import nn

from doctored import X, Y, perceptron
from profundo.doctor import watch
from profundo.records import ProfundoError


def loop(order, net, optimizer, loss, epochs=2):
    for _ in range(epochs):
        for rows, labels in zip(X.split(50), Y.split(50), strict=True):
            if "zero" in order:
                optimizer.zero_grad()
            loss(net(rows), labels).backward()
            if "late zero" in order:
                net.zero_grad()
            optimizer.step()


@pytest.mark.parametrize(
    ("order", "rate", "cause"),
    [("zero", 0.1, None), ("", 0.01, "missing_zero_grad"), ("late zero", 0.1, "no_update"), ("zero", 0.0, "no_update")],
)
def test_what_a_loop_does_wrong_is_reported(order, rate, cause):
    net, loss = perceptron(64, 32, 10), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), rate)
    with watch(net, optimizer, loss=loss) as doctor:
        loop(order, net, optimizer, loss)
    report = doctor.report()
    assert [finding.cause for finding in report.findings] == ([cause] if cause else [])
    assert report.quantities["steps"] == 72
    assert 0 in report.quantities["losses"]


def test_a_net_that_sleeps_while_it_is_trained_is_reported():
    net, loss = nn.Sequential(nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 10)).eval(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with watch(net, optimizer) as doctor:
        loop("zero", net, optimizer, loss)
    assert doctor.report().findings[0].cause == "wrong_mode"


def test_watching_changes_no_bit_and_leaves_no_hook():
    nets = [perceptron(64, 32, 10), perceptron(64, 32, 10)]
    loss = nn.CrossEntropyLoss()
    for place, net in enumerate(nets):
        optimizer = torch.optim.Adam(net.parameters(), 1e-2)
        if place:
            with watch(net, optimizer, loss=loss):
                loop("zero", net, optimizer, loss)
            assert not net._forward_hooks
            assert not net._forward_pre_hooks
            assert not loss._forward_hooks
            assert not optimizer._optimizer_step_pre_hooks
            assert not optimizer._optimizer_step_post_hooks
        else:
            loop("zero", net, optimizer, loss)
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(one, other)


def test_a_loss_that_is_no_number_is_noted():
    net, loss = perceptron(64, 32, 10), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), 1e12)
    with watch(net, optimizer, loss=loss) as doctor:
        loop("zero", net, optimizer, loss)
    assert "the loss is not finite from step" in doctor.report().notes[0]


def test_what_is_no_loop_is_one_line():
    net = perceptron(4, 1)
    with (
        pytest.raises(ProfundoError, match=r"expected watch\(net, optimizer\), got Sequential and str"),
        watch(net, "sgd"),
    ):
        pass


def test_the_command_says_what_is_wrong_and_with_json_as_one_object(called, tmp_path):
    asked = ("doctor", "digits", "--net", "mlp", "--optimizer", "sgd", "--epochs", "3", "--seed", "1")
    sound = called(*asked, cwd=tmp_path)
    assert sound.returncode == 0
    assert "nothing wrong was found" in sound.stdout
    wild = called(*asked, "--learning-rate", "300", "--json", cwd=tmp_path)
    report = json.loads(wild.stdout)
    assert report["healthy"] is False
    assert report["findings"][0]["cause"] == "learning_rate_too_high"
    assert report["findings"][0]["page"] == "docs/doctor-steps.md#learning_rate_too_high"
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_examined_by_its_folder(called, tmp_path):
    called(
        "train",
        "iris",
        "--net",
        "linear",
        "--optimizer",
        "sgd",
        "--learning-rate",
        "1e-7",
        "--epochs",
        "5",
        "--out",
        "slow",
        cwd=tmp_path,
    )
    told = called("doctor", "slow", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("! learning_rate_too_low")
    assert told.stdout.rstrip().splitlines()[-1].endswith("more: docs/doctor-steps.md#learning_rate_too_low")
