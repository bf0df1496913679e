"""Precision and recall against scikit-learn's, thresholds and counts by trying all, the confusion by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, precision_recall_curve, precision_score, recall_score

from profundo.boxes import Detections, Objects
from profundo.evaluate.objects.judged_scenes import scenes
from profundo.evaluate.objects.matching import matched
from profundo.evaluate.objects.score_thresholds import (
    class_curves,
    detection_confusion,
    harmonic,
    image_counts,
    place_at,
)
from random_scenes import random_case


@pytest.fixture(scope="module")
def seen():
    found, there, classes = random_case(17)
    return scenes(found, there), classes


def test_curves_are_scikit_learns(seen):
    seen, classes = seen
    matches = matched(seen, (0.5,))
    for kind, curve in enumerate(class_curves(seen, classes)):
        these = (seen.kind[matches.found] == kind) & ~matches.ignored[:, 0, 0]
        right, score = matches.right[these, 0, 0].numpy(), seen.score[matches.found[these]].numpy()
        missed = curve.objects - right.sum()
        precision, recall, thresholds = precision_recall_curve(
            np.r_[right, np.ones(missed)], np.r_[score, np.full(missed, -1.0)]
        )
        among = thresholds >= 0  # objects that none has found come last of all
        np.testing.assert_allclose(curve.precision, precision[:-1][among][::-1])
        np.testing.assert_allclose(curve.recall, recall[:-1][among][::-1])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        assert curve.f1 == pytest.approx(f1[:-1][among].max(initial=0))
        for least in (0.0, 0.3, 0.8, 2.0):
            told = np.r_[score >= least, np.zeros(missed, bool)]
            kinds = np.r_[right, np.ones(missed, bool)]
            place = recall_score(kinds, told, zero_division=0), precision_score(kinds, told, zero_division=0)
            assert place_at(curve, least) == pytest.approx(place)
            assert harmonic(*place) == pytest.approx(f1_score(kinds, told, zero_division=0))


def test_counts_are_those_above_the_threshold():
    boxes = torch.tensor([[0.0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]])
    found = Detections(boxes, torch.tensor([0, 0, 1]), torch.tensor([0.9, 0.3, 0.5]))
    there = Objects(boxes[[0, 2, 1]], torch.tensor([0, 1, 1]), torch.tensor([False, False, True]))
    counts = image_counts(scenes([found, found], [there, there]), [0.3, 0.6])
    assert counts.there.tolist() == [[1, 1]] * 2
    assert counts.found.tolist() == [[2, 0]] * 2
    assert counts.error.tolist() == [1, 1]
    assert counts.error_of_all == 2


def test_confusion_has_a_row_and_a_column_for_the_background():
    """A found, B called A, C missed, one detection of nothing, one below the threshold."""
    boxes = torch.tensor([[0.0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9], [60, 0, 69, 9]])
    found = Detections(boxes[[0, 1, 3, 2]], torch.tensor([0, 0, 1, 1]), torch.tensor([0.9, 0.8, 0.7, 0.1]))
    there = Objects(boxes[:3], torch.tensor([0, 1, 1]), torch.zeros(3).bool())
    table = detection_confusion(scenes([found], [there]), [0.5, 0.5])
    assert table.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_confusion_counts_every_object_and_every_detection_once(seen):
    seen, classes = seen
    table = detection_confusion(seen, [0.0] * classes)
    assert table[:classes].sum(1).tolist() == seen.there(classes).sum(0).tolist()
    counted = matched(seen, (0.5,)).ignored[:, 0, 0].logical_not().sum()
    assert table[:, :classes].sum() == counted
