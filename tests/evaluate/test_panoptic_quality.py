"""Panoptic quality against the sum as the paper writes it, by sets of pixels."""

import math

import pytest
import torch

from profundo.boxes import Detections, Objects
from profundo.evaluate.objects.panoptic_quality import apart, panoptic_quality
from random_scenes import random_case, with_masks


def by_sets(found, there, classes):
    """(PQ, SQ, RQ) of each class that occurs, without crowds."""
    rows = {kind: [0.0, 0, 0, 0] for kind in range(classes)}
    for one, objects in zip(found, there, strict=True):
        segments, things = (
            [
                (int(kind), set(mask.flatten().nonzero().flatten().tolist()))
                for kind, mask in zip(some.classes, apart(some.masks), strict=True)
            ]
            for some in (one, objects)
        )
        segments, things = ([(kind, pixels) for kind, pixels in some if pixels] for some in (segments, things))
        pairs = [
            (kind, len(a & b) / len(a | b))
            for kind, a in segments
            for other, b in things
            if kind == other and len(a & b) / len(a | b) > 0.5
        ]
        for kind, overlap in pairs:
            rows[kind][0] += overlap
            rows[kind][1] += 1
        for place, some in ((2, segments), (3, things)):
            for kind, _ in some:
                rows[kind][place] += 1
    each = [(total, pairs, (taken + objects) / 2) for total, pairs, taken, objects in rows.values() if taken + objects]
    return [(total / whole, total / max(pairs, 1), pairs / whole) for total, pairs, whole in each]


@pytest.mark.parametrize("seed", [0, 5, 13, 21])
def test_it_is_the_sum_of_the_paper(seed):
    found, there, classes = random_case(seed, side=96)
    there = [Objects(one.boxes, one.classes, one.crowd & False) for one in there]
    found, there = with_masks(found, there, side=96)
    each = by_sets(found, there, classes)
    result = panoptic_quality(found, there, classes)
    means = [sum(values) / len(each) for values in zip(*each, strict=True)]
    assert [result.pq, result.sq, result.rq] == pytest.approx(means)


def test_what_lies_on_a_crowd_is_ignored_and_nothing_is_no_number():
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[0, :4] = True
    box, kind = torch.tensor([[0.0, 0, 8, 4]]), torch.zeros(1).long()
    found = Detections(box, kind, torch.ones(1), mask)
    crowd = Objects(box, kind, torch.ones(1).bool(), mask | True)
    assert math.isnan(panoptic_quality([found], [crowd], 1).pq)
    nothing = Objects(box[:0], kind[:0], torch.zeros(0).bool())
    assert panoptic_quality([found], [nothing], 1).pq == 0
    assert panoptic_quality([found], [Objects(box, kind, torch.zeros(1).bool(), mask)], 1).pq == 1


def test_a_pixel_is_of_the_first_that_has_it():
    masks = torch.ones(2, 3, 3, dtype=torch.bool)
    masks[0, 1:] = False
    assert apart(masks).sum((1, 2)).tolist() == [3, 6]
