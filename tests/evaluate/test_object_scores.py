"""Scores of answers to images with objects: the figures of their parts, the constant, the worst images."""

import math

import pytest
import torch

from profundo.boxes import NO_OBJECT, Detections, Objects, packed
from profundo.evaluate.objects.coco_figures import coco_figures
from profundo.evaluate.objects.judged_scenes import scenes
from profundo.evaluate.objects.object_scores import commonest_objects
from profundo.evaluate.scores import Answers, compare_answers, figure_of, scores
from profundo.object_masks import bits_of, targets_of
from profundo.records import Targets
from random_scenes import ellipses, random_case, with_masks


def table_of_found(found):
    table = torch.zeros(len(found), max(1, *map(len, found)), 6)
    table[:, :, 4] = NO_OBJECT
    for row, one in zip(table, found, strict=True):
        row[: len(one)] = torch.cat([one.boxes, one.classes[:, None].float(), one.scores[:, None]], 1)
    return table


def answered(seed):
    found, there, classes = random_case(seed)
    answers = Answers(table_of_found(found), packed(there), torch.rand(len(found)), "loss")
    return answers, Targets("objects", tuple("abcd"[:classes])), found, there


def test_figures_are_those_of_the_detections():
    answers, targets, found, there = answered(17)
    result, own = scores(answers, targets, answers.targets), coco_figures(scenes(found, there), len(targets.classes))
    assert next(iter(result.values)) == "AP"
    expected = {"AP": own.ap, "AP50": own.ap_50, "AP75": own.ap_75, "AP small": own.ap_small, "AR": own.ar_100}
    for name, value in expected.items():
        assert result.values[name] == pytest.approx(value), name
    assert figure_of("AP", answers, targets) == result.values["AP"]
    low, high = result.intervals["AP"]
    assert low <= own.ap <= high
    assert [one.samples for one in result.per_class] == own.objects[:, 0].tolist()
    assert [sum(row) for row in result.confusion[:-1]] == own.objects[:, 0].tolist()


def test_the_worst_images_are_those_with_most_mistakes():
    box = torch.tensor([[0.0, 0, 9, 9], [20, 20, 40, 40], [50, 0, 60, 9]])
    there = [Objects(box, torch.zeros(3).long(), torch.zeros(3).bool())] * 3
    found = [Detections(box[:n], torch.zeros(n).long(), torch.full((n,), 0.9)) for n in (2, 0, 3)]
    answers = Answers(table_of_found(found), packed(there), torch.tensor([0.0, 1.0, 9.0]), "loss")
    assert scores(answers, Targets("objects", ("a",)), answers.targets).worst == [1, 0]


@pytest.mark.parametrize(
    ("threshold", "error", "precision", "recall", "quality"),
    [(0.5, 0.5, 1.0, 1 / 2, 2 / 3), (0.2, 0.5, 2 / 3, 1.0, 4 / 5), (0.95, 1.0, 0.0, 0.0, 0.0)],
)
def test_counts_and_shares_are_at_the_threshold_that_was_chosen_elsewhere(threshold, error, precision, recall, quality):
    """Two images of an object each: one is found, the other less surely, beside nothing. No threshold is looked for in them."""
    boxes = torch.tensor([[0.0, 0, 8, 8], [16, 16, 24, 24]])
    there = [Objects(boxes[:1], torch.zeros(1).long(), torch.zeros(1).bool())] * 2
    found = [
        Detections(boxes[:1], torch.zeros(1).long(), torch.tensor([0.9])),
        Detections(boxes, torch.zeros(2).long(), torch.tensor([0.4, 0.3])),
    ]
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[:, :8, :8] = True
    predictions = {"objects": table_of_found(found), "masks": torch.ones(2, 2, 4, 4)}
    truth = targets_of(there, [bits_of(mask)] * 2)
    answers = Answers(predictions, truth, torch.zeros(2), "loss", threshold)
    result = scores(answers, Targets("objects", ("a",), threshold=threshold), truth)
    assert result.values["count error"] == error
    assert result.values["panoptic quality"] == pytest.approx(quality)
    (one,) = result.per_class
    assert (one.precision, one.recall) == pytest.approx((precision, recall))
    assert sum(result.confusion[0][:1]) == round(2 * recall)
    assert result.baseline["count error"] == 0  # the constant, an object that every image has, keeps its own


@pytest.mark.parametrize(("column", "value"), [(0, math.nan), (5, math.nan), (5, math.inf)])
def test_answers_that_are_no_numbers_find_nothing(column, value):
    answers, targets, _, _ = answered(17)
    table = answers.predictions.clone()
    table[:, :, column] = value
    broken = Answers(table, answers.targets, answers.costs, "loss")
    result = scores(broken, targets, answers.targets)
    assert result.values["AP"] == 0
    assert not any(result.confusion[-1])
    assert compare_answers("AP", answers, broken, targets) is None


def test_the_constant_answers_the_commonest_boxes():
    """Two of three training objects share a place; it is the surest answer."""
    boxes = torch.tensor([[10.0, 10, 30, 30], [11, 10, 31, 30], [60, 60, 90, 90]])
    train = packed([Objects(boxes[at : at + 1], torch.tensor([1]), torch.zeros(1).bool()) for at in range(3)])
    answers = Answers(train, train, torch.zeros(3), "loss")
    constant = commonest_objects(answers, Targets("objects", ("a", "b")), train).predictions
    assert constant.shape == (3, 2, 6)
    assert constant[0, :, 5].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert constant[0, 0, 4] == 1
    crowd = packed([Objects(boxes[:1], torch.tensor([0]), torch.ones(1).bool())])
    assert scores(answers, Targets("objects", ("a", "b")), crowd).baseline["AP"] == 0


def test_the_constant_of_many_images_knows_in_how_many_of_them_a_box_is():
    """Of 2,400 objects every third is tried."""
    train = torch.full((2400, 1, 6), 0.0)
    train[:, 0, :4] = torch.tensor([0.0, 0, 9, 9])
    train[::4, 0, :4] = torch.tensor([20.0, 20, 29, 29])
    answers = Answers(train[:2], train[:2], torch.zeros(2), "loss")
    constant = commonest_objects(answers, Targets("objects", ("a",)), train).predictions
    assert constant[0, :, 5].tolist() == pytest.approx([0.75, 0.25])


def test_masks_that_are_right_have_a_mask_ap_of_one():
    there = [Objects(one.boxes, one.classes, one.crowd & False) for one in random_case(13)[1]]
    there = [one for one in there if len(one)]
    _, there = with_masks([], there)
    sure = [Detections(one.boxes, one.classes, torch.ones(len(one))) for one in there]
    table = table_of_found(sure)
    disc = ellipses(torch.tensor([[0.0, 0, 28, 28]]), 28)[0].float()
    masks = disc.expand(*table.shape[:2], -1, -1)
    answers = Answers(
        {"objects": table, "masks": masks},
        targets_of(there, [bits_of(one.masks) for one in there]),
        torch.zeros(len(there)),
        "loss",
    )
    values = scores(answers, Targets("objects", tuple("abcd")), answers.targets).values
    assert values["AP"] == 1
    assert values["mask AP50"] == 1
    assert values["mask AP"] > 0.9
    assert values["panoptic quality"] > 0.5
