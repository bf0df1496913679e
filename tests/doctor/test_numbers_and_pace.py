"""Numbers that are not finite, metrics, sums in place of means, and the course of a training."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from doctored import BUDGET, Y, digits, first_cause, people, perceptron
from profundo.doctor import examine
from profundo.doctor.causes.judges import wrong_metric
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


METRICS = {
    "pairs": (True, lambda: digits(metric=lambda p, t: (p.argmax(1)[:, None] == t).float().mean())),
    "threshold": (True, lambda: of_sides(lambda p, t: ((p[:, 0] > 0.5).float() == t).float().mean())),
    "threshold at 0": (False, lambda: of_sides(lambda p, t: ((p[:, 0] > 0).float() == t).float().mean())),
    "scikit-learn's": (False, lambda: digits(metric=lambda p, t: accuracy_score(t, p.argmax(1)))),
    "F1": (False, lambda: digits(metric=lambda p, t: f1_score(t, p.argmax(1), average="macro"))),
    "percent": (False, lambda: digits(metric=lambda p, t: 100 * accuracy(p, t))),
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
    assert finding.where == "test_numbers_and_pace.py:36"
    assert finding.evidence["operation"] == "gradient of sqrt"
