"""Vital signs beside closed forms, and a training that is watched beside one that is not: the same to the bit."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import profundo as pf
from profundo.doctor import vital_signs
from profundo.doctor.vital_signs import MOST_LOOKS, MOST_LOSSES, VitalSigns, Watched
from profundo.records import Batch
from profundo.runs.health import care
from profundo.train.updates import Supervised


@pytest.fixture
def _every_step(monkeypatch):
    monkeypatch.setattr(vital_signs, "SHARE", 1e9)


def batch_of(inputs, targets):
    return Batch(inputs, targets, len(targets))


def watched(net, batch, rate=0.1, loss=nn.functional.mse_loss):
    """The vital signs of one step, and the weights before and after."""
    signs = VitalSigns()
    update = Watched(Supervised(net, loss, torch.optim.SGD(net.parameters(), rate)), signs)
    before = [one.detach().clone() for one in net.parameters()]
    update(batch)
    assert signs.off == ""
    return signs.arrays(), before, [one.detach().clone() for one in net.parameters()]


def test_noise_scale_is_that_of_the_gradients_of_single_samples():
    """Of y = w·x + e with x, e normal and a net of zeros the gradient of a sample is −2yx: its mean −2w, the trace of its
    covariance 4(|w|²(d + 2) + d) − 4|w|². With w = (1, 2, −1) that is 108 over 24."""
    torch.manual_seed(0)
    net = nn.Linear(3, 1, bias=False)
    nn.init.zeros_(net.weight)
    estimates = []
    for _ in range(20):
        x = torch.randn(8192, 3)
        y = x @ torch.tensor([[1.0], [2.0], [-1.0]]) + torch.randn(8192, 1)
        arrays, *_ = watched(net, batch_of(x, y), rate=0.0)
        estimates.append(arrays["noise scale"][0])
    assert np.mean(estimates) == pytest.approx(108 / 24, rel=0.1)


def test_curvature_on_a_parabola_is_two_times_the_rate_over_that_of_the_valley():
    """L = mean (w·x)² with x = 1: L' = 2w, L'' = 2; a step of rate r has d = −2rw, so dᵀHd/|g·d| = 2r."""
    for rate in (0.1, 0.5, 1.2):
        net = nn.Linear(1, 1, bias=False)
        nn.init.ones_(net.weight)
        arrays, *_ = watched(net, batch_of(torch.ones(8, 1), torch.zeros(8, 1)), rate)
        assert arrays["curvature"][0] == pytest.approx(2 * rate, rel=1e-4)
        assert arrays["along"][0] == pytest.approx([1, (1 - 2 * rate) ** 2, -4 * rate], rel=1e-4)


def test_gradients_moves_and_shares_are_those_of_the_step():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 1))
    with torch.no_grad():
        net[0].bias[:3] = -100.0  # three of six units are dead
        net[2].bias[:2] = torch.tensor([50.0, -50.0])  # two of five are at an end
    x, y = torch.randn(32, 4), torch.randn(32, 1)
    arrays, before, after = watched(net, batch_of(x, y), rate=0.5)
    assert list(arrays["layer"]) == ["linear 1", "relu 1", "linear 2", "sigmoid 1", "linear 3"]
    assert list(arrays["weight"]) == ["0.weight", "2.weight", "4.weight"]
    names = [name for name, _ in net.named_parameters()]
    for place, name in enumerate(arrays["weight"]):
        at = names.index(name)
        move = (after[at] - before[at]).norm()
        assert arrays["gradient"][0, place] == pytest.approx(float(move / 0.5), rel=1e-3)
        assert arrays["update ratio"][0, place] == pytest.approx(float(move / before[at].norm()), rel=1e-3)
        assert arrays["gradient sizes"][0, place].sum() == before[at].numel()
    assert arrays["activations"][0, 1, 2] == 0.5
    assert 0.4 <= arrays["activations"][0, 3, 3] < 0.6
    assert arrays["activations"][0, 4, 2] == 0


def test_losses_are_thinned_but_not_lost_and_spikes_stay():
    signs, losses = VitalSigns(), [1.0 + 0.001 * (place % 7) for place in range(5000)]
    losses[3000] = 50.0
    for begin in range(0, 5000, 137):
        signs.add_losses(losses[begin : begin + 137])
    arrays = signs.arrays()
    assert arrays["spikes"].tolist() == [[3001, 50.0]]
    assert len(arrays["loss"]) <= MOST_LOSSES
    whole = arrays["loss"].sum() * arrays["steps of a loss"] + sum(signs.rest)
    assert whole == pytest.approx(math.fsum(losses))
    for step in range(3 * MOST_LOOKS):
        signs.add(step, {"noise": torch.ones(3)})
    assert len(signs.arrays()["step"]) <= MOST_LOOKS
    assert signs.every > 1


@pytest.mark.parametrize(
    ("net", "settings"),
    [
        ("fast_cnn", {}),
        ("mlp", {"net_options": {"dropout": 0.3}, "accumulate": 2, "clip": 1.0}),
        ("mlp", {"optimizer": torch.optim.Muon, "batch_size": 101}),
        ("mlp", {"augment": ["shift"], "early_stop": 1}),
    ],
)
@pytest.mark.usefixtures("_every_step")
def test_a_watched_training_has_the_bits_of_one_that_is_not(net, settings, monkeypatch):
    monkeypatch.setattr(care, "yardstick_for", lambda _: None)  # which after two epochs may well be far better
    settings = {"epochs": 2, "out": False, **settings}
    plain, seen = pf.fit(net, "digits", **settings), pf.fit(net, "digits", doctor=True, **settings)
    assert len(seen.vital_signs["step"]) > 5
    assert seen.vital_signs["activations"].ndim == 3
    assert seen.doctor.notes == []
    for one, other in zip(plain.net.state_dict().values(), seen.net.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert plain.history.rows == seen.history.rows
    assert plain.doctor is None


class Counting(nn.Module):
    """A net that cannot be watched on a copy: it has none."""

    def __init__(self):
        super().__init__()
        self.layer, self.calls = nn.Linear(4, 3), 0

    def forward(self, x):
        self.calls += 1
        return self.layer(x)

    def __deepcopy__(self, _memo):
        raise RuntimeError("there is only one of me")


def test_a_net_without_a_copy_is_trained_without_the_doctor(capsys):
    run = pf.fit(Counting(), "iris", epochs=2, out=False, doctor=True)
    assert (
        "without the doctor: Counting cannot be copied: RuntimeError: there is only one of me"
        in capsys.readouterr().err
    )
    assert run.doctor is None
    assert run.net.calls == pf.fit(Counting(), "iris", epochs=2, out=False).net.calls


def test_where_a_look_fails_there_are_none_any_more_and_the_training_goes_on(monkeypatch):
    def fails(*_):
        raise ValueError("no such sight")

    monkeypatch.setattr(vital_signs, "sizes", fails)
    run = pf.fit("mlp", "iris", epochs=2, out=False, doctor=True)
    assert "until step 1: ValueError: no such sight" in run.doctor.notes[0]
    assert len(run.vital_signs["step"]) == 0
    assert len(run.history) == 2


def test_looks_take_their_share_and_no_more():
    """By a clock of its own: a step takes 1, a look 3."""
    net = nn.Linear(2, 1)
    update = Watched(Supervised(net, nn.functional.mse_loss, torch.optim.SGD(net.parameters(), 0.1)), VitalSigns())
    clock = 0.0
    update.now, update.begin = lambda: clock, 0.0
    update.quietly = lambda look, *_: spend() or (() if look.__name__ == "look_before" else None)
    looks = 0

    def spend():
        nonlocal clock, looks
        clock += 1.5
        looks += 1

    plain = update.update

    def step(batch):
        nonlocal clock
        clock += 1
        return plain(batch)

    update.update = step
    for _ in range(2000):
        update(batch_of(torch.ones(4, 2), torch.ones(4, 1)))
    assert 0.02 * 2000 < 1.5 * looks <= 0.03 * 2000 + 3
