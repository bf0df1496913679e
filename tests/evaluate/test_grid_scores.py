"""Figures of masks and maps against scikit-learn's of their pixels, and of one's own counting."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score, mean_absolute_error, r2_score

from profundo.evaluate.intervals import mean_interval, ratio_interval
from profundo.evaluate.paired_tests import compare_costs, compare_ratios
from profundo.evaluate.scores import Answers, compare_answers, figure_of, scores
from profundo.objectives import build, class_weights, weighted
from profundo.records import Targets

NAMES = ("sky", "road", "car", "tram")
MASKS = Targets("mask", NAMES)
MAPS = Targets("map", names=("depth",), mean=(5.0,), std=(2.0,))


def answered(seed=0, samples=12, wrong=0.3, classes=3, ignored=0.1):
    """Masks of three of the four classes, of which some pixels are answered wrongly, and some are of no class."""
    draw = torch.Generator().manual_seed(seed)
    truth = torch.randint(classes, (samples, 6, 5), generator=draw)
    said = torch.where(
        torch.rand(truth.shape, generator=draw) < wrong, torch.randint(classes, truth.shape, generator=draw), truth
    )
    truth[torch.rand(truth.shape, generator=draw) < ignored] = 255
    costs = torch.rand(samples, generator=draw)
    return Answers(said.to(torch.uint8), truth.to(torch.uint8), costs)


def test_figures_of_masks_are_those_of_their_pixels():
    answers = answered()
    known = answers.targets != 255
    truth, said = answers.targets[known].numpy(), answers.predictions[known].numpy()
    result = scores(answers, MASKS, answers.targets)
    assert result.values["mean IoU"] == pytest.approx(jaccard_score(truth, said, average="macro"))
    assert result.values["mean Dice"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert result.values["pixel accuracy"] == pytest.approx(accuracy_score(truth, said))
    assert next(iter(result.values)) == "mean IoU"
    assert np.array_equal(result.confusion, confusion_matrix(truth, said, labels=range(4)))
    each = jaccard_score(truth, said, average=None, labels=[0, 1, 2])
    np.testing.assert_allclose([one.iou for one in result.per_class[:3]], each)
    assert (result.per_class[3].samples, result.per_class[3].iou) == (0, 0.0)
    assert result.calibration == ()
    assert figure_of("mean IoU", answers, MASKS) == result.values["mean IoU"]


def test_the_constant_answers_the_commonest_class_everywhere():
    answers, train = answered(), torch.full((5, 6, 5), 255, dtype=torch.uint8)
    train[:, :2] = 1
    train[0, 2, 0] = 2
    result = scores(answers, MASKS, train)
    known = answers.targets != 255
    share = float((answers.targets[known] == 1).float().mean())
    assert result.baseline["pixel accuracy"] == pytest.approx(share)
    seen = np.array([1, 51, 2, 1]) / 55  # each class counted once more
    costs = [-np.log(seen)[mask[mask != 255].long()].mean() for mask in answers.targets]
    assert result.baseline["log loss"] == pytest.approx(np.mean(costs))


def test_the_worst_masks_come_first_and_perfect_ones_not_at_all():
    answers = answered(wrong=0.0)
    answers.predictions[3, 0, 0], answers.targets[3, 0, 0] = 1, 0
    answers.predictions[5, 0, 0], answers.targets[5, 0, 0] = 1, 255  # a pixel that counts nowhere
    assert scores(answers, MASKS, answers.targets).worst == [3]


def test_an_answer_that_is_no_number_is_a_wrong_one():
    from profundo.evaluate.kinds.net_answers import likeliest

    outputs = torch.zeros(1, 3, 2, 2)
    outputs[0, 1] = 1
    outputs[0, 0, 0, 0] = torch.nan
    assert likeliest(outputs).tolist() == [[[255, 1], [1, 1]]]


def test_figures_of_maps_are_those_of_their_known_pixels():
    draw = torch.Generator().manual_seed(0)
    truth = torch.randn(9, 4, 5, generator=draw).double()
    said = truth + 0.3 * torch.randn(truth.shape, generator=draw)
    truth[0, 0] = torch.nan
    answers = Answers(said, truth, torch.rand(9, generator=draw), "squared error")
    known = truth.isfinite()
    pair = truth[known].numpy(), said[known].numpy()
    result = scores(answers, MAPS, truth)
    assert result.values["RMSE"] == pytest.approx(np.sqrt(((pair[0] - pair[1]) ** 2).mean()))
    assert result.values["MAE"] == pytest.approx(mean_absolute_error(*pair))
    assert result.values["R²"] == pytest.approx(r2_score(*pair))
    assert result.baseline["R²"] == pytest.approx(0)
    low, high = result.intervals["RMSE"]
    assert low < result.values["RMSE"] < high


def test_a_mean_of_ratios_with_equal_wholes_is_a_mean():
    values = torch.rand(40, generator=torch.Generator().manual_seed(0)).double()
    ones = torch.ones(40, 1)
    assert ratio_interval(values[:, None], ones) == pytest.approx(mean_interval(values), rel=1e-6)
    other = values + 0.05 * torch.randn(40, generator=torch.Generator().manual_seed(1))
    ours, known = compare_ratios((values[:, None], ones), (other[:, None], ones)), compare_costs(values, other)
    assert (ours.difference, ours.low, ours.high, ours.p) == pytest.approx(
        (known.difference, known.low, known.high, known.p)
    )


def test_intervals_of_a_mean_iou_hold_it_as_often_as_they_say():
    """Images whose pixels belong together: of 200 draws of 30 images about 190 intervals hold the IoU of all."""
    draw = torch.Generator().manual_seed(0)
    quality = torch.rand(20_000, 2, generator=draw)
    wholes = torch.randint(20, 80, (20_000, 2), generator=draw).double()
    parts = (wholes * quality).floor()
    truth = (parts.sum(0) / wholes.sum(0)).mean().item()
    held = 0
    for seed in range(200):
        some = torch.randint(20_000, (30,), generator=torch.Generator().manual_seed(seed))
        low, high = ratio_interval(parts[some], wholes[some])
        held += low <= truth <= high
    assert 180 <= held <= 200


def test_a_better_net_is_told_from_a_worse_and_from_itself():
    worse, better = answered(wrong=0.4), answered(wrong=0.1)
    assert torch.equal(worse.targets, better.targets)
    compared = compare_answers("mean IoU", worse, better, MASKS)
    assert compared.difference > 0.2
    assert compared.p < 0.01
    assert compare_answers("mean IoU", worse, worse, MASKS).p == 1.0


# ---------------------------------------------------------------------------------------------------------- objective
def test_a_mask_costs_the_mean_over_its_pixels_and_those_of_no_class_teach_nothing():
    outputs = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    truth = answered(samples=3).targets.transpose(1, 2)
    objective = build("categorical", MASKS)
    known = [(mask != 255) for mask in truth]
    expected = [
        torch.nn.functional.cross_entropy(out[:, here].T, mask[here].long())
        for out, mask, here in zip(outputs, truth, known, strict=True)
    ]
    costs = objective(outputs, truth)
    torch.testing.assert_close(costs, torch.stack(expected))
    torch.testing.assert_close(objective.mean_cost(outputs, truth, 6), costs.sum() / 6)
    costs.sum().backward()
    assert bool((outputs.grad.abs().sum(1)[truth == 255] == 0).all())
    assert bool((outputs.grad.abs().sum(1)[truth != 255] > 0).all())
    torch.testing.assert_close(objective.predict(outputs), outputs.softmax(1))
    nothing = torch.full((3, 5, 6), 255, dtype=torch.uint8)
    assert objective(outputs, nothing).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("name", "error"), [("gaussian", torch.square), ("laplace", torch.abs)])
def test_a_map_costs_the_mean_error_of_its_known_pixels(name, error):
    outputs, truth = torch.randn(2, 1, 3, 4), torch.randn(2, 3, 4)
    truth[0, 1] = torch.nan
    costs = build(name, MAPS)(outputs, truth)
    expected = [error(out[0] - own)[own.isfinite()].mean() for out, own in zip(outputs, truth, strict=True)]
    torch.testing.assert_close(costs, torch.stack(expected))
    assert build(name, MAPS).predict(outputs).shape == (2, 3, 4)


def test_weights_are_of_the_class_of_each_pixel():
    truth = answered(ignored=0.2).targets
    known = truth[truth != 255].long()
    counts = torch.bincount(known, minlength=3).double()
    three = Targets("mask", NAMES[:3])
    balanced = class_weights("balanced", three, truth)
    np.testing.assert_allclose(balanced, len(known) / (3 * counts))
    outputs = torch.randn(12, 3, 6, 5)
    costs = weighted(build("categorical", three), (0.0, 1.0, 1.0))(outputs, truth)
    plain = build("categorical", three)(outputs, torch.where(truth == 0, 255, truth))
    assert bool((costs <= plain).all())
    assert bool((costs > 0).all())
