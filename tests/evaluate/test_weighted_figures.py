"""Figures of weighted samples are scikit-learn's with `sample_weight`; of whole weights, those of the rows as often."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

import profundo as pf
from profundo.evaluate import figures, scores
from profundo.evaluate.scores import Answers, figure_of
from profundo.records import Targets

DRAW = np.random.default_rng(0)
W = DRAW.integers(1, 5, 60) / 2
WEIGHTS = torch.tensor(W)


def test_figures_of_two_classes_are_those_of_scikit_learn():
    truth, p = DRAW.integers(0, 2, 60), DRAW.random(60).round(1)  # with ties
    costs = torch.tensor(-np.log(np.where(truth == 1, p, 1 - p).clip(1e-9)))
    answers = Answers(torch.tensor(p), torch.tensor(truth), costs, weights=WEIGHTS)
    targets = Targets("binary", ("no", "yes"), shares=(0.5, 0.5))
    values, chosen = figures(answers, targets), p >= 0.5
    expected = {
        "accuracy": metrics.accuracy_score(truth, chosen, sample_weight=W),
        "balanced accuracy": metrics.balanced_accuracy_score(truth, chosen, sample_weight=W),
        "F1 of yes": metrics.f1_score(truth, chosen, sample_weight=W),
        "average precision of yes": metrics.average_precision_score(truth, p, sample_weight=W),
        "ROC-AUC": metrics.roc_auc_score(truth, p, sample_weight=W),
        "log loss": metrics.log_loss(truth, p.clip(1e-9, 1 - 1e-9), sample_weight=W),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    for name in ("accuracy", "balanced accuracy", "average precision of yes"):
        assert figure_of(name, answers, targets) == pytest.approx(expected[name])
    result = scores(answers, targets, torch.tensor(truth))
    assert not result.intervals  # which are of samples that count alike
    assert result.baseline["accuracy"] == pytest.approx(max(np.average(truth == k, weights=W) for k in (0, 1)), abs=0.5)


def test_figures_of_numbers_are_those_of_scikit_learn():
    truth, said = DRAW.normal(size=(60, 2)), DRAW.normal(size=(60, 2))
    answers = Answers(torch.tensor(said), torch.tensor(truth), torch.zeros(60), weights=WEIGHTS)
    targets = Targets("real", names=("a", "b"))
    values = figures(answers, targets)
    assert values["MAE"] == pytest.approx(metrics.mean_absolute_error(truth, said, sample_weight=W))
    squared = metrics.mean_squared_error(truth, said, sample_weight=W)
    assert values["RMSE"] == pytest.approx(squared**0.5)
    assert figure_of("RMSE", answers, targets) == pytest.approx(squared**0.5)
    one = Answers(*(torch.tensor(part[:, :1]) for part in (said, truth)), torch.zeros(60), weights=WEIGHTS)
    expected = metrics.r2_score(truth[:, 0], said[:, 0], sample_weight=W)
    assert figures(one, Targets("real", names=("a",)))["R²"] == pytest.approx(expected)


def test_a_weight_of_two_is_the_sample_twice_from_fit_to_figures():
    x = DRAW.normal(size=(80, 3)).astype("float32")
    y, weights = (x[:, 0] > 0).astype(int), DRAW.integers(1, 4, 80)
    run = pf.fit(nn.Linear(3, 2), (x, y, weights), validation=(x, y, weights), epochs=2, out=False)
    again = run.evaluate(np.repeat(x, weights, 0), np.repeat(y, weights))
    weighted = run.evaluate(x, y, weights)
    for name in ("accuracy", "balanced accuracy", "macro F1", "ROC-AUC", "log loss"):
        assert weighted.values[name] == pytest.approx(again.values[name])
        assert run.scores.values[name] == pytest.approx(again.values[name])
    assert run.history["validation loss"][-1] == pytest.approx(again.values["log loss"])
    assert weighted.values != run.evaluate(x, y).values
