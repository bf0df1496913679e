"""Numbers that are not finite, metrics, sums in place of means, and the course of a training."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from doctored import PEOPLE, SCALED, X, Y, digits, first_cause, people, perceptron
from profundo.doctor import examine


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


class OverTheBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = perceptron(64, 32, 10)

    def forward(self, rows):
        return self.net(rows).softmax(0)


def accuracy(prediction, target):
    return (prediction.argmax(1) == target).float().mean()


def spiky(net, batch, loss, optimizer):
    inputs, targets = batch
    optimizer.zero_grad()
    value = loss(net(inputs), targets)
    (value * (300.0 if int(inputs.sum() * 16) % 7 == 0 else 1.0)).backward()
    optimizer.step()
    return value


def noisy_few():
    """60 samples with a tenth of the classes at random, a wide net, many epochs."""
    torch.manual_seed(1)
    targets = torch.where(torch.rand(len(PEOPLE)) < 0.35, 1 - (SCALED[:, 0] > 0).long(), (SCALED[:, 0] > 0).long())
    program = people(perceptron(10, 256, 256, 2), F.cross_entropy, targets)
    few = (PEOPLE[:60], targets[:60])
    net = program.net
    return people(
        net, F.cross_entropy, targets, optimizer=torch.optim.Adam(net.parameters(), 3e-3), train=few, epochs=80
    )


FAULTY = {
    ("unstable_operation", "overflow"): lambda: digits(Exponentials(), F.nll_loss, rate=0.01),
    ("unstable_operation", "root"): lambda: digits(Distance(), rate=0.05),
    ("unstable_operation", "log 0"): lambda: digits(
        perceptron(64, 64, 10, last=nn.Softmax(1)),
        lambda p, t: -p.log()[torch.arange(len(t)), t].mean(),
        inputs=X * 400,
        rate=0.01,
    ),
    ("wrong_reduction", "batch axis"): lambda: digits(OverTheBatch(), lambda p, t: F.nll_loss(p.log(), t)),
    ("wrong_reduction", "sum"): lambda: digits(loss=nn.CrossEntropyLoss(reduction="sum"), rate=0.1),
    ("wrong_metric", "axis"): lambda: digits(metric=lambda p, t: (p.argmax(0)[: len(t)] == t[:10]).float().mean()),
    ("wrong_metric", "pairs"): lambda: digits(metric=lambda p, t: (p.argmax(1)[:, None] == t).float().mean()),
    ("wrong_metric", "threshold"): lambda: digits(
        perceptron(64, 32, 1),
        lambda p, t: F.binary_cross_entropy_with_logits(p[:, 0], t),
        targets=(Y > 4).float(),
        metric=lambda p, t: ((p[:, 0] > 0.5).float() == t).float().mean(),
    ),
    ("overfit", "few noisy"): noisy_few,
    ("undertrained", "one epoch"): lambda: digits(
        net := perceptron(64, 32, 10), optimizer=torch.optim.Adam(net.parameters(), 1e-3), epochs=1, batch_size=100
    ),
    ("unstable_training", "spikes"): lambda: digits(step=spiky, rate=0.05),
}
HEALTHY = {
    "accuracy": lambda: digits(metric=accuracy),
    "scikit-learn's": lambda: digits(metric=lambda p, t: accuracy_score(t, p.argmax(1))),
    "F1": lambda: digits(metric=lambda p, t: f1_score(t, p.argmax(1), average="macro")),
    "percent": lambda: digits(metric=lambda p, t: 100 * accuracy(p, t)),
    "an error": lambda: people(metric=lambda p, t: (p - t).abs().mean()),
    "log of softmax": lambda: digits(perceptron(64, 32, 10, last=nn.LogSoftmax(1)), F.nll_loss),
    "sums, small rate": lambda: digits(loss=nn.CrossEntropyLoss(reduction="sum"), rate=0.002),
}


@pytest.mark.parametrize(("cause", "how"), FAULTY)
def test_the_fault_is_named_first(cause, how):
    assert first_cause(FAULTY[cause, how]()) == cause


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_sound_passes(name):
    assert first_cause(HEALTHY[name]()) is None


def test_the_line_of_the_operation_is_told():
    finding = examine(digits(Distance(), rate=0.05), budget=10).findings[0]
    assert finding.where == "test_numbers_and_pace.py:34"
    assert finding.evidence["operation"] == "gradient of sqrt"
