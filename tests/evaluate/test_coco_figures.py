"""COCO's figures against faster-coco-eval: of its kept values, and anew wherever it is installed."""

import json
import math
from pathlib import Path

import pytest
import torch

from profundo.boxes import Detections, Objects
from profundo.evaluate.objects.coco_figures import coco_figures
from profundo.evaluate.objects.judged_scenes import scenes
from profundo.evaluate.objects.matching import matched, ranked
from profundo.records import ProfundoError
from random_scenes import FIGURES, by_faster_coco_eval, random_case, with_masks

KEPT = json.loads((Path(__file__).parent / "coco_figures.json").read_text("utf-8"))


def rows(table, of):
    """Detections or objects of rows of box, class and one more."""
    values = torch.tensor(table, dtype=torch.float64).reshape(-1, 6)
    boxes, classes = values[:, :4].float(), values[:, 4].long()
    return of(boxes, classes, values[:, 5].float() if of is Detections else values[:, 5] > 0)


def compared(figures, other):
    """Where −1 stands for nothing to be found, NaN does here."""
    own = [getattr(figures, name) for name in FIGURES]
    assert own == pytest.approx([math.nan if value == -1 else value for value in other], abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("case", KEPT["cases"])
def test_figures_are_those_that_were_kept(case):
    found, there = ([rows(one, of) for one in case[name]] for name, of in (("found", Detections), ("there", Objects)))
    masks = case["masks of ellipses"]
    found, there = with_masks(found, there) if masks else (found, there)
    compared(coco_figures(scenes(found, there, masks=masks), case["classes"]), case["figures"])


@pytest.mark.parametrize("masks", [False, True])
def test_figures_of_many_random_cases_are_those_of_faster_coco_eval(masks):
    compared_cases = 0
    for seed in range(12 if masks else 50):
        found, there, classes = random_case(seed)
        if any(map(len, found)):  # it refuses a file without detections
            found, there = with_masks(found, there) if masks else (found, there)
            other = by_faster_coco_eval(found, there, classes, masks)
            compared(coco_figures(scenes(found, there, masks=masks), classes), other.values())
            compared_cases += 1
    assert compared_cases >= (10 if masks else 40)


def one_image(found, there, crowd=()):
    boxes = torch.tensor(there, dtype=torch.float32).reshape(-1, 4)
    there = Objects(boxes, torch.zeros(len(boxes)).long(), torch.tensor([at in crowd for at in range(len(boxes))]))
    boxes = torch.tensor([box for box, _ in found], dtype=torch.float32).reshape(-1, 4)
    scores = torch.tensor([score for _, score in found])
    return scenes([Detections(boxes, torch.zeros(len(boxes)).long(), scores)], [there])


def test_average_precision_by_hand():
    """Right, wrong, right of two objects: precision 1 up to a recall of ½, then ⅔; 51 and 50 of the 101 recalls."""
    a, b, c = (0, 0, 10, 10), (50, 50, 60, 60), (90, 0, 99, 9)
    result = coco_figures(one_image([(a, 0.9), (c, 0.8), (b, 0.7)], [a, b]), 1)
    assert result.ap == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert (result.ar_1, result.ar_10) == (0.5, 1.0)
    assert math.isnan(result.ap_large)
    assert result.objects.tolist() == [[2, 2, 0, 0]]


def test_a_second_detection_of_an_object_is_wrong_and_one_on_a_crowd_is_ignored():
    a, part, crowd = (0, 0, 10, 10), (100, 100, 110, 110), (100, 100, 200, 200)
    twice = one_image([(a, 0.9), (a, 0.8), (part, 0.7), (part, 0.6)], [a, crowd], crowd=[1])
    matches = matched(twice, (0.5,))
    assert matches.right.flatten().tolist() == [True, False, False, False]
    assert matches.ignored.flatten().tolist() == [False, False, True, True]
    assert matches.wrong.flatten().tolist() == [False, True, False, False]


def test_of_objects_that_it_overlaps_alike_a_detection_takes_the_last():
    """Which leaves the first to a detection that overlaps that alone."""
    first, middle, last = (0, 0, 10, 10), (2, 0, 12, 10), (4, 0, 14, 10)
    both = one_image([(middle, 0.9), (first, 0.8)], [first, last])
    assert matched(both, (0.5,)).object.flatten().tolist() == [1, 0]


def test_only_the_surest_of_an_image_and_class_are_looked_at():
    few = one_image([((0, 0, 10, 10), score / 10) for score in range(5)], [])
    found, rank = ranked(few, 3)
    assert (found.tolist(), rank.tolist()) == ([4, 3, 2], [0, 1, 2])


def test_nothing_found_and_nothing_there():
    nothing = coco_figures(one_image([], []), 2)
    assert math.isnan(nothing.ap)
    assert coco_figures(one_image([], [(0, 0, 5, 5)]), 2).ap == 0
    assert math.isnan(coco_figures(one_image([((0, 0, 5, 5), 0.5)], []), 2).ap)


def test_what_cannot_be_judged_is_refused_in_one_line():
    boxes, kinds = torch.zeros(1, 4), torch.zeros(1).long()
    found, there = Detections(boxes, kinds, torch.ones(1)), Objects(boxes, kinds, torch.zeros(1).bool())
    for one, other, words in (
        ([found, found], [there], "as many of both"),
        ([found], [there, there], "as many of both"),
        ([], [], "one image at least"),
        ([Detections(boxes, kinds, torch.tensor([math.nan]))], [there], "finite scores"),
        ([Detections(boxes, kinds - 1, torch.ones(1))], [there], "classes from 0"),
    ):
        with pytest.raises(ProfundoError, match=words):
            scenes(one, other)
    with pytest.raises(ProfundoError, match="masks: expected"):
        scenes([found], [there], masks=True)
