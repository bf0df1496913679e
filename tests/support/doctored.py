"""Small programs on real data for the doctor to examine, each sound until an argument spoils it."""

from unittest.mock import patch

import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes, load_digits
from torch import nn

from profundo.doctor import Program, examination, examine

BUDGET = 600.0  # of wall time: what is proved must not hang on who else computes
X, Y = (torch.tensor(part) for part in load_digits(return_X_y=True))
ORDER = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
X, Y = X[ORDER].float() / 16, Y[ORDER]
PEOPLE, PROGRESS = (torch.tensor(part).float() for part in load_diabetes(return_X_y=True, scaled=False))
PEOPLE = (PEOPLE - PEOPLE.mean(0)) / PEOPLE.std(0)
SCALED = ((PROGRESS - PROGRESS.mean()) / PROGRESS.std())[:, None]


def perceptron(*widths, last=None):
    torch.manual_seed(0)
    layers = []
    for place in range(len(widths) - 1):
        layers += [nn.ReLU()] if place else []
        layers.append(nn.Linear(widths[place], widths[place + 1]))
    return nn.Sequential(*layers, *([last] if last is not None else []))


def digits(net=None, loss=F.cross_entropy, inputs=X, targets=Y, rate=0.1, **rest):
    net = net or perceptron(64, 64, 10)
    rest.setdefault("optimizer", torch.optim.SGD(net.parameters(), rate, momentum=0.9))
    return Program(
        net=net, loss=loss, train=(inputs[:700], targets[:700]), validation=(inputs[1400:], targets[1400:]), **rest
    )


def people(net=None, loss=F.mse_loss, targets=SCALED, **rest):
    net = net or perceptron(10, 32, 1)
    rest.setdefault("optimizer", torch.optim.Adam(net.parameters(), 1e-2))
    rest = {"train": (PEOPLE[:350], targets[:350]), "validation": (PEOPLE[350:], targets[350:]), "epochs": 20, **rest}
    return Program(net=net, loss=loss, **rest)


def first_cause(program, budget=BUDGET):
    """The cause of the first finding, or None. Every family must have understood the program.

    What may be hidden behind the first is not looked for.
    """
    with patch.object(examination, "MOST_FAULTS", 1):
        report = examine(program, budget=budget)
    assert not any("could not be" in note for note in report.notes), report.notes
    if not report.findings:
        assert report.notes == ()
        return None
    first = report.findings[0]
    assert first.remedy
    assert first.cause in str(report)
    return first.cause
