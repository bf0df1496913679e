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


def evaluated(targets, outputs, truth, train, objective=None):
    """Scores of a net that gives `outputs`, whatever it sees."""
    batch = Batch(outputs, truth, len(truth))
    said = answers(nn.Identity(), [batch], objective or objectives.default(targets), targets)
    return said, scores(said, targets, train)


def calibration_by_hand(stated, right, bins=15):
    """Guo et al. 2017, eq. 3, by the letter."""
    error = 0.0
    for k in range(bins):
        inside = (stated > k / bins) & (stated <= (k + 1) / bins)
        if inside.any():
            error += inside.sum() / len(stated) * abs(stated[inside].mean() - right[inside].mean())
    return error


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
    chosen = outputs.argmax(1)
    assert found.values["balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, chosen))
    assert found.values["macro F1"] == pytest.approx(metrics.f1_score(truth, chosen, average="macro"))
    area = metrics.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    assert found.values["ROC-AUC"] == pytest.approx(area)
    right = (chosen == truth).double().numpy()
    assert found.values["calibration error"] == pytest.approx(
        calibration_by_hand(probabilities.max(1), right), abs=1e-6
    )
    precision, recall, f1, samples = metrics.precision_recall_fscore_support(truth, chosen)
    for k, one in enumerate(found.per_class):
        assert (one.name, one.samples) == ("abcd"[k], samples[k])
        assert (one.precision, one.recall, one.f1) == pytest.approx((precision[k], recall[k], f1[k]))
        assert one.auc == pytest.approx(metrics.roc_auc_score(truth == k, probabilities[:, k]))
    constant = DummyClassifier(strategy="most_frequent").fit(np.zeros((300, 1)), train)
    assert found.baseline["accuracy"] == pytest.approx(constant.score(np.zeros((200, 1)), truth))


def test_scores_of_two_classes_equal_scikit_learns():
    draw = torch.Generator().manual_seed(1)
    outputs, truth = torch.randn(200, 1, generator=draw), torch.randint(0, 2, (200,), generator=draw)
    said, found = evaluated(Targets("binary", ("no", "yes")), outputs, truth, truth)
    assert found.values["log loss"] == pytest.approx(metrics.log_loss(truth, said.predictions.double()), rel=1e-5)
    assert found.values["accuracy"] == pytest.approx(metrics.accuracy_score(truth, outputs[:, 0] >= 0))
    assert np.array_equal(found.confusion, metrics.confusion_matrix(truth, outputs[:, 0] >= 0))
    assert found.values["F1 of yes"] == pytest.approx(metrics.f1_score(truth, outputs[:, 0] >= 0))
    assert found.values["ROC-AUC"] == pytest.approx(metrics.roc_auc_score(truth, outputs[:, 0]))
    p = said.predictions.double().numpy()
    right = (said.chosen == truth).double().numpy()
    stated = np.maximum(p, 1 - p)
    assert found.values["calibration error"] == pytest.approx(calibration_by_hand(stated, right), abs=1e-6)
    assert sum(one.samples for one in found.calibration) == 200
    assert found.baseline["ROC-AUC"] == 0.5


def test_scores_of_several_labels_equal_scikit_learns():
    draw = torch.Generator().manual_seed(3)
    outputs, truth = torch.randn(150, 3, generator=draw), (torch.rand(150, 3, generator=draw) < 0.3).float()
    said, found = evaluated(Targets("labels", ("sun", "rain", "wind")), outputs, truth, truth)
    p, chosen = said.predictions.double().numpy(), (outputs >= 0).numpy()
    assert found.values["exact match"] == pytest.approx(metrics.accuracy_score(truth, chosen))
    assert found.values["label accuracy"] == pytest.approx(1 - metrics.hamming_loss(truth, chosen))
    assert found.values["macro F1"] == pytest.approx(metrics.f1_score(truth, chosen, average="macro"))
    assert found.values["ROC-AUC"] == pytest.approx(metrics.roc_auc_score(truth, p, average="macro"))
    each = [metrics.log_loss(truth[:, k], p[:, k]) for k in range(3)]
    assert found.values["log loss"] == pytest.approx(sum(each), rel=1e-5)
    flat = calibration_by_hand(p.flatten(), truth.double().numpy().flatten())
    assert found.values["calibration error"] == pytest.approx(flat, abs=1e-6)
    precision, recall, _, samples = metrics.precision_recall_fscore_support(truth, chosen)
    assert [(one.samples, one.precision, one.recall) for one in found.per_class] == [
        (samples[k], pytest.approx(precision[k]), pytest.approx(recall[k])) for k in range(3)
    ]
    wrong = (chosen != truth.numpy().astype(bool)).any(1)
    assert all(wrong[index] for index in found.worst)
    constant = DummyClassifier(strategy="most_frequent").fit(np.zeros((150, 1)), truth.numpy())
    assert found.baseline["exact match"] == pytest.approx(constant.score(np.zeros((150, 1)), truth.numpy()))


def test_top_five_of_many_classes_equals_scikit_learns():
    draw = torch.Generator().manual_seed(4)
    outputs, truth = torch.randn(100, 9, generator=draw), torch.randint(0, 9, (100,), generator=draw)
    said, found = evaluated(Targets("classes", tuple("abcdefghi")), outputs, truth, truth)
    expected = metrics.top_k_accuracy_score(truth, said.predictions, k=5, labels=range(9))
    assert found.values["top-5 accuracy"] == pytest.approx(expected)


def test_a_margin_has_no_probabilities_to_judge():
    outputs, truth = torch.tensor([[2.0], [0.5], [-3.0], [-1.0]]), torch.tensor([1, 0, 1, 0])
    targets = Targets("binary", ("no", "yes"))
    _, found = evaluated(targets, outputs, truth, torch.tensor([0, 0, 1]), objectives.build("hinge", targets))
    assert set(found.values) == set(found.baseline) == {"accuracy", "balanced accuracy", "F1 of yes", "hinge loss"}
    assert found.values["hinge loss"] == pytest.approx((0 + 1.5 + 4 + 0) / 4)
    assert found.baseline["hinge loss"] == 1  # −1 for all: 2 for each of the two that are yes
    assert not found.calibration


def test_a_class_without_test_samples_has_no_area_and_does_not_lower_the_means():
    outputs = torch.tensor([[2.0, 0, 0], [0, 2.0, 0], [2.0, 1, 0]])
    truth = torch.tensor([0, 1, 1])
    _, found = evaluated(Targets("classes", tuple("abc")), outputs, truth, truth)
    assert found.per_class[2].auc is None
    assert found.values["balanced accuracy"] == metrics.balanced_accuracy_score(truth, outputs.argmax(1)) == 0.75
    assert found.values["macro F1"] == pytest.approx(metrics.f1_score(truth, outputs.argmax(1), average="macro"))


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


def test_answers_that_are_not_numbers_are_not_ranked():
    outputs, truth = torch.randn(20, 3), torch.arange(20) % 3
    outputs[4] = torch.nan
    _, found = evaluated(Targets("classes", tuple("abc")), outputs, truth, truth)
    assert "ROC-AUC" not in found.values
    assert {one.auc for one in found.per_class} == {None}
    assert np.isnan(found.values["log loss"])


def test_an_answer_that_is_no_number_is_a_wrong_one():
    nothing = torch.full((6, 3), float("nan"))
    nothing[0, 1] = 1.0
    said, found = evaluated(
        Targets("classes", tuple("abc")), nothing, torch.zeros(6, dtype=torch.long), torch.tensor([0])
    )
    assert found.values["accuracy"] == 0
    assert len(found.worst) == 6
    p = Targets("binary", ("no", "yes"))
    for truth in (0, 1):
        said, found = evaluated(p, torch.full((4, 1), float("nan")), torch.full((4,), truth), torch.tensor([0, 1]))
        assert (said.chosen == 1 - truth).all()
        assert found.values["accuracy"] == 0
