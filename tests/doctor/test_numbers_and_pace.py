"""Numbers that are not finite, metrics, sums in place of means, and the course of a training."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score
from torch import nn

from doctored import BUDGET, Y, digits, first_cause, people, perceptron
from profundo.doctor import examine
from profundo.doctor.causes.judges import wrong_metric
from profundo.doctor.causes.not_finite import is_at_risk, not_finite_at_times
from profundo.doctor.patient import Patient


class Exponentials(nn.Module):
    """A softmax by hand, without subtracting the largest."""

    def __init__(self):
        super().__init__()
        self.scores = perceptron(64, 32, 10)

    def forward(self, rows):
        powers = torch.exp(200 * self.scores(rows))
        return torch.log(powers / powers.sum(1, keepdim=True))


class Distance(nn.Module):
    """A Euclidean distance whose gradient at 0 is infinite."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(64, 32), nn.Linear(33, 10)

    def forward(self, rows):
        hidden = self.layer(rows)
        apart = (hidden - hidden.clone()).square().sum(1, keepdim=True).sqrt()
        return self.head(torch.cat([hidden.relu(), apart], 1))


def accuracy(prediction, target):
    return (prediction.argmax(1) == target).float().mean()


def spiky(net, batch, loss, optimizer):
    inputs, targets = batch
    optimizer.zero_grad()
    value = loss(net(inputs), targets)
    (value * (300.0 if int(inputs.sum() * 16) % 7 == 0 else 1.0)).backward()
    optimizer.step()
    return value


FAULTY = {
    ("unstable_operation", "overflow"): lambda: digits(Exponentials(), F.nll_loss, rate=0.01),
    ("wrong_reduction", "sum"): lambda: digits(loss=nn.CrossEntropyLoss(reduction="sum"), rate=0.1),
    ("unstable_training", "spikes"): lambda: digits(step=spiky, rate=0.05, epochs=3),
}


def of_sides(metric):
    """Two classes by one logit."""
    net = perceptron(64, 32, 1)
    return digits(
        net,
        lambda p, t: F.binary_cross_entropy_with_logits(p[:, 0], t),
        targets=(Y > 4).float(),
        metric=metric,
    )


def of_signs(metric):
    """Two classes, −1 and 1, by squared error of a hyperbolic tangent."""
    net = nn.Sequential(perceptron(64, 32, 1), nn.Tanh())
    return digits(net, nn.MSELoss(), targets=2 * (Y > 4).float()[:, None] - 1, metric=metric)


METRICS = {
    "pairs": (True, lambda: digits(metric=lambda p, t: (p.argmax(1)[:, None] == t).float().mean())),
    "threshold": (True, lambda: of_sides(lambda p, t: ((p[:, 0] > 0.5).float() == t).float().mean())),
    "threshold at 0": (False, lambda: of_sides(lambda p, t: ((p[:, 0] > 0).float() == t).float().mean())),
    "F1": (False, lambda: digits(metric=lambda p, t: f1_score(t, p.argmax(1), average="macro"))),
    "percent": (False, lambda: digits(metric=lambda p, t: 100 * accuracy(p, t))),
    "of signs": (False, lambda: of_signs(lambda p, t: (p.sign() == t).float().mean())),
    "of signs from a half": (True, lambda: of_signs(lambda p, t: ((p > 0.5) == (t > 0)).float().mean())),
    "within a tolerance": (False, lambda: people(metric=lambda p, t: ((p - t).abs() < 0.5).float().mean())),
    "an error": (False, lambda: people(metric=lambda p, t: (p - t).abs().mean())),
}


@pytest.mark.parametrize(("cause", "how"), FAULTY)
def test_the_fault_is_named_first(cause, how):
    assert first_cause(FAULTY[cause, how]()) == cause


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_held_against_known_ones(name):
    wrong, make = METRICS[name]
    assert [one.cause for one in wrong_metric(Patient(make(), 0, BUDGET))] == (["wrong_metric"] if wrong else [])


def test_the_line_of_the_operation_is_told():
    finding = examine(digits(Distance(), rate=0.05), budget=BUDGET).findings[0]
    assert finding.cause == "unstable_operation"
    assert finding.where == "test_numbers_and_pace.py:37"
    assert finding.evidence["operation"] == "gradient of sqrt"


def normalised():
    layers = (nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 10), nn.LogSoftmax(1))
    return digits(nn.Sequential(*layers), F.nll_loss)


def by_hand(prediction, target):
    return F.nll_loss(prediction.softmax(1).log(), target)


def without_a_class(prediction, target):
    return F.cross_entropy(prediction + torch.tensor([0.0] * 9 + [-torch.inf]), target)


def without_a_floor():
    net = perceptron(64, 32, 10)
    return digits(net, optimizer=torch.optim.Adam(net.parameters(), 1e-3, eps=0))


RISKS = {
    "products and ReLUs": (False, digits),
    "normalised, and dropped out": (False, normalised),
    "squares": (False, people),
    "a logarithm": (True, lambda: digits(loss=by_hand)),
    "a root": (True, lambda: digits(Distance())),
    "classes of no weight": (True, lambda: digits(loss=nn.CrossEntropyLoss(weight=torch.eye(10)[3]))),
    "samples that do not count": (True, lambda: digits(targets=torch.where(Y > 4, Y, -100))),
    "a mask of −∞": (True, lambda: digits(loss=without_a_class, targets=Y.clamp(max=8))),
    "a floor of 0": (True, without_a_floor),
    "no floor of a variance": (True, lambda: people(nn.Sequential(nn.LayerNorm(10, eps=0.0), nn.Linear(10, 1)))),
}


@pytest.mark.parametrize("name", RISKS)
def test_which_steps_may_come_to_what_is_not_finite_is_seen_by_their_operations(name):
    risky, make = RISKS[name]
    assert is_at_risk(Patient(make(), 0, BUDGET)) == risky


@pytest.mark.parametrize(("loss", "trained"), [(F.cross_entropy, 0), (by_hand, 2)])
def test_only_what_is_at_risk_is_trained_in_other_orders(loss, trained):
    patient = Patient(digits(loss=loss, epochs=1), 0, BUDGET)
    assert list(not_finite_at_times(patient)) == []
    assert len(patient.outcomes) == trained
