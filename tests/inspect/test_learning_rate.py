"""Finding a learning rate from Python and from the command line; and that a training afterwards does not know of it."""

import json
import random
import sys

import numpy as np
import pytest
import torch
from torch import nn

import profundo as pf
from profundo.cli import main
from profundo.inspect import learning_rate
from profundo.pictures.safety import is_drawing
from profundo.records import ProfundoError


@pytest.fixture(scope="module")
def digits():
    return pf.load("digits")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def conv(spec):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(6 * 36, spec.outputs)
    )


def state(net):
    facts = [(p.detach().clone(), p.stride(), p.grad, p.data_ptr()) for p in (*net.parameters(), *net.buffers())]
    return facts, [module.training for module in net.modules()]


def randomness():
    return torch.get_rng_state(), random.getstate(), np.random.get_state()[1:]


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("capture", [True, False])
def test_the_net_and_every_generator_are_left_as_they_were(digits, training, capture):
    net = conv(digits.spec).train(training)
    before = state(net), randomness()
    found = pf.lr_find(net, digits, capture=capture)
    assert len(found.test.rates) > 20
    assert equal((state(net), randomness()), before)


@pytest.mark.parametrize("ends", [KeyboardInterrupt, RuntimeError])
def test_they_are_left_so_after_an_error_and_after_ctrl_c(digits, ends):
    class Ending(nn.Sequential):
        def forward(self, x):
            if self.training:
                self.left -= 1
                if not self.left:
                    raise ends
            return super().forward(x)

    net = Ending(*conv(digits.spec))
    net.left = 12
    before = state(net), randomness()
    with pytest.raises(ends):
        pf.lr_find(net, digits)
    assert equal((state(net), randomness()), before)
    assert net.left == 12


def test_a_net_that_cannot_be_copied_is_refused_in_one_line(digits):
    net = conv(digits.spec)
    net.lines = (line for line in "abc")
    with pytest.raises(ProfundoError, match="Sequential: expected a net that can be copied") as refused:
        pf.lr_find(net, digits)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("optimizer", ["nesterov", "adamw"])
def test_a_training_afterwards_has_the_same_bits_as_without(digits, optimizer):
    def trained(look):
        net = conv(digits.spec)
        settings = {"epochs": 2, "optimizer": optimizer, "augment": ["shift"], "seed": 3}
        if look:
            pf.lr_find(net, digits, **{name: value for name, value in settings.items() if name != "epochs"})
        run = pf.fit(net, digits, out=False, **settings)
        return [value.clone() for value in net.state_dict().values()], run.history["loss"]

    assert equal(trained(True), trained(False))


@pytest.mark.parametrize(("data", "optimizer"), [("digits", "adamw"), ("breast-cancer", "nesterov")])
def test_what_is_suggested_trains_well_and_ten_times_what_diverged_does_not(data, optimizer):
    loaded = pf.load(data)

    def net():
        torch.manual_seed(0)
        return pf.nets.mlp(loaded.spec)

    def loss(rate):
        settings = {"optimizer": optimizer, "learning_rate": rate, "epochs": 12, "out": False}
        try:
            return pf.fit(net(), loaded, **settings).history["validation loss"][-1]
        except ProfundoError:
            return float("inf")

    found = pf.lr_find(net(), loaded, optimizer=optimizer)
    losses = {factor: loss(found.suggestion * factor) for factor in (0.1, 0.3, 1, 3, 10)}
    best = min(losses.values())
    assert losses[1] < 2 * best
    assert found.test.diverged
    assert loss(10 * found.test.rates[-1]) > 5 * best


def test_the_range_lies_around_the_default_rate_unless_told(digits):
    torch.manual_seed(0)
    net = pf.nets.mlp(digits.spec)
    usual = pf.lr_find(net, digits)
    assert usual.test.rates[0] == pytest.approx(3e-4 * usual.asked.learning_rate)
    told = pf.lr_find(net, digits, low=1e-3, high=1e-2, steps=15)
    assert (told.test.rates[0], told.test.rates[-1]) == pytest.approx((1e-3, 1e-2))
    assert "stays finite up to 0.01" in str(told)
    with pytest.raises(ProfundoError, match="expected 0 < low < high"):
        pf.lr_find(net, digits, low=1.0, high=0.1)
    with pytest.raises(ProfundoError, match="'optimiser' is unknown; nearest: optimizer"):
        pf.lr_find(net, digits, optimiser="adam")
    with pytest.raises(ProfundoError, match="expected outputs"):
        pf.lr_find(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), digits)


def test_a_loss_that_becomes_no_number_is_shown_and_told_as_none(digits):
    torch.manual_seed(0)
    found = pf.lr_find(pf.nets.mlp(digits.spec), digits, optimizer="sgd", low=1e-2, high=1e30)
    numbers = json.dumps(found.as_plain_data(), allow_nan=False)
    assert json.loads(numbers)["suggestion"] == found.suggestion
    for svg in (found.svg(), pf.lr_find(pf.nets.mlp(digits.spec), digits, low=1e-9, high=1e-8, steps=10).svg()):
        assert is_drawing(learning_rate.standalone(svg))
        assert "suggested" in svg


def profundo(monkeypatch, folder, *arguments):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["profundo", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_augmentations_that_need_to_know_the_data_are_tested_with(digits):
    net = pf.nets.mlp(digits.spec)
    plain, mixed, noisy = (
        pf.lr_find(net, digits, steps=12, augment=augment).test.losses for augment in ([], ["mixup"], ["noise"])
    )
    assert len({plain, mixed, noisy}) == 3


def test_the_command_says_one_line_or_one_object_and_draws(tmp_path, monkeypatch, capsys):
    asked = ["lr-find", "digits", "--net", "mlp", "--net-option", "dropout=0.2", "--optimizer", "sgd"]
    assert profundo(monkeypatch, tmp_path, *asked, "--out", "curve.svg") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("learning rate 0.")
    assert "sgd, mlp on digits in batches of 32" in line
    assert is_drawing((tmp_path / "curve.svg").read_text())
    assert profundo(monkeypatch, tmp_path, *asked, "--json", "--out", "page.html", "--batch-size", "all") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["batch_size"] == len(pf.load("digits").train)
    assert len(said["rates"]) == len(said["losses"]) == len(said["smoothed"])
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lr-find", "digits", "--out", "x.png"], "ends in .svg or .html"),
        (["lr-find", "digits", "--out", "no/x.svg"], "in a folder that exists"),
        (["lr-find", "digits", "--net-option", "dropout=much"], "unknown option 'dropout'"),
        (["lr-find", "digits", "--net", "mlp", "--net-option", "dropout=much"], "dropout: expected a number, got 'much'"),
        (["lr-find", "digits", "--net", "mlp", "--net-option", "widths=64"], "widths: expected a list, got 64"),
        (["lr-find", "digits", "--net", "mlp", "--net-option", "widths=[8,x]"], "net option widths: expected a number"),
        (["train", "iris", "--net-option", "dropout"], "--net-option dropout: expected NAME=VALUE"),
        (["train", "iris", "--batch-size", "most"], "batch-size: expected a whole number"),
        (["train", "iris", "--schedule", "cyclical"], "nearest: cyclic"),
        (["train", "iris", "--warm-up", "1"], "warm-up: expected less than 1"),
        (["train", "iris", "--l1", "-1"], "l1: expected greater than or equal to 0"),
        (["optimizers", "--out", "x.pdf"], "ends in .html"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_line_before_anything_is_written(arguments, says, tmp_path, monkeypatch, capsys):
    assert profundo(monkeypatch, tmp_path, *arguments) == 1
    said = capsys.readouterr()
    assert says in said.err
    assert len(said.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "updates"), [(1, 105), (32, 3), ("all", 1)])
def test_descent_is_stochastic_in_mini_batches_or_in_batches(size, updates):
    data = pf.load("iris")
    torch.manual_seed(0)
    seen = []
    net = pf.nets.linear(data.spec)
    net.register_forward_hook(lambda module, given, _made: seen.append(len(given[0])) if module.training else None)
    pf.fit(net, data, batch_size=size, optimizer="sgd", epochs=1, out=False)
    assert len(data.train) == 105
    assert seen[-updates:] == [105 if size == "all" else size] * updates
    assert len(seen) <= updates + 1  # a batch of one is tried before
    assert net[-1].weight.isfinite().all()
