"""Every figure against scikit-learn's, on random answers."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from torch import nn

from profundo import objectives
from profundo.evaluate import answers, scores
from profundo.records import Batch, Targets


def evaluated(targets, outputs, truth, train):
    """Scores of a net that gives `outputs`, whatever it sees."""
    batch = Batch(outputs, truth, len(truth))
    said = answers(nn.Identity(), [batch], objectives.default(targets), targets)
    return said, scores(said, targets, train)


def test_scores_of_classes_equal_scikit_learns():
    draw = torch.Generator().manual_seed(0)
    outputs, truth = torch.randn(200, 4, generator=draw), torch.randint(0, 4, (200,), generator=draw)
    train = torch.randint(0, 3, (300,), generator=draw)
    said, found = evaluated(Targets("classes", tuple("abcd")), outputs, truth, train)
    probabilities = said.predictions.double().numpy()
    probabilities /= probabilities.sum(1, keepdims=True)
    assert found.values["accuracy"] == pytest.approx(metrics.accuracy_score(truth, outputs.argmax(1)))
    assert found.values["log loss"] == pytest.approx(metrics.log_loss(truth, probabilities, labels=range(4)), rel=1e-5)
    assert np.array_equal(found.confusion, metrics.confusion_matrix(truth, outputs.argmax(1), labels=range(4)))
    constant = DummyClassifier(strategy="most_frequent").fit(np.zeros((300, 1)), train)
    assert found.baseline["accuracy"] == pytest.approx(constant.score(np.zeros((200, 1)), truth))


def test_scores_of_two_classes_equal_scikit_learns():
    draw = torch.Generator().manual_seed(1)
    outputs, truth = torch.randn(200, 1, generator=draw), torch.randint(0, 2, (200,), generator=draw)
    said, found = evaluated(Targets("binary", ("no", "yes")), outputs, truth, truth)
    assert found.values["log loss"] == pytest.approx(metrics.log_loss(truth, said.predictions.double()), rel=1e-5)
    assert found.values["accuracy"] == pytest.approx(metrics.accuracy_score(truth, outputs[:, 0] >= 0))
    assert np.array_equal(found.confusion, metrics.confusion_matrix(truth, outputs[:, 0] >= 0))


def test_scores_of_real_targets_are_in_their_own_units_and_equal_scikit_learns():
    draw = torch.Generator().manual_seed(2)
    outputs, truth = torch.randn(100, 1, generator=draw), torch.randn(100, 1, generator=draw)
    train = torch.randn(80, 1, generator=draw) * 50 + 150
    _, found = evaluated(Targets("real", names=("y",), mean=(150.0,), std=(50.0,)), outputs, truth, train)
    y, said = truth * 50 + 150, outputs * 50 + 150
    assert found.values["RMSE"] == pytest.approx(metrics.root_mean_squared_error(y, said), rel=1e-5)
    assert found.values["MAE"] == pytest.approx(metrics.mean_absolute_error(y, said), rel=1e-5)
    assert found.values["R²"] == pytest.approx(metrics.r2_score(y, said), rel=1e-5)
    constant = DummyRegressor().fit(np.zeros((80, 1)), train).predict(np.zeros((100, 1)))
    assert found.baseline["RMSE"] == pytest.approx(metrics.root_mean_squared_error(y, constant), rel=1e-5)


def test_the_worst_mistakes_come_first_and_right_answers_never():
    outputs = torch.tensor([[9.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 5.0]])
    _, found = evaluated(Targets("classes", ("a", "b")), outputs, torch.tensor([1, 1, 1, 0]), torch.tensor([0, 1]))
    assert list(found.worst) == [0, 3, 2]


def test_evaluation_leaves_the_net_as_it_was():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 3))
    net.train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    batch = Batch(torch.randn(8, 3), torch.zeros(8, dtype=torch.long), 8)
    targets = Targets("classes", tuple("abc"))
    first, second = (answers(net, [batch], objectives.default(targets), targets) for _ in range(2))
    assert torch.equal(first.predictions, second.predictions)
    assert net.training
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_a_class_that_training_lacks_keeps_the_baseline_finite():
    outputs = torch.zeros(4, 3)
    _, found = evaluated(Targets("classes", tuple("abc")), outputs, torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1]))
    assert np.isfinite(found.baseline["log loss"])
