"""What each image adds to an average precision against finite differences; intervals and comparisons where the answer is known."""

import pytest
import torch

from profundo.boxes import Detections, Objects
from profundo.evaluate.objects.coco_figures import coco_figures
from profundo.evaluate.objects.image_resampling import (
    compare_scenes,
    mean_area,
    precision_interval,
    precision_of_images,
    ranked_by_class,
)
from profundo.evaluate.objects.judged_scenes import scenes


def made(images, off, seed=0):
    """Two objects an image; found with boxes that are off by so much, of any score; one detection of nothing."""
    draw, found, there = torch.Generator().manual_seed(seed), [], []
    for _ in range(images):
        boxes = torch.rand(3, 2, generator=draw) * 200
        boxes = torch.cat([boxes, boxes + 40], 1)
        kinds = torch.randint(2, (3,), generator=draw)
        there.append(Objects(boxes[:2], kinds[:2], torch.zeros(2).bool()))
        moved = boxes + off * torch.randn(boxes.shape, generator=draw)
        found.append(Detections(moved, kinds, torch.rand(3, generator=draw)))
    return scenes(found, there)


def test_what_an_image_adds_is_the_derivative_by_its_weight():
    seen = made(12, 4)
    each, step = ranked_by_class(seen, 2, (0.5, 0.75)), 1e-6
    value, adds = precision_of_images(seen, 2, (0.5, 0.75))[0](torch.arange(12)[None])
    nudged = torch.ones(12, 12, dtype=torch.float64) + step * torch.eye(12)
    torch.testing.assert_close((mean_area(each, nudged) - value) / step * 12, adds[0], rtol=1e-4, atol=1e-6)
    assert adds.abs().max() > 0.01
    assert adds.sum() == pytest.approx(0, abs=1e-9)


def test_the_area_is_near_the_average_precision():
    seen = made(60, 4)
    (area,), _ = precision_of_images(seen, 2)[0](torch.arange(60)[None])
    assert area.item() == pytest.approx(coco_figures(seen, 2).ap, abs=0.006)


def test_an_interval_holds_the_figure_and_narrows_with_images():
    spans = []
    for images in (20, 300):
        seen = made(images, 4)
        ap = coco_figures(seen, 2).ap
        low, high = precision_interval(seen, 2, ap)
        assert 0 <= low < ap < high <= 1
        spans.append(high - low)
    assert spans[1] < spans[0] / 2


def test_two_nets_are_told_apart_and_one_is_not_from_itself():
    good, bad = made(40, 3), made(40, 8)
    gain = coco_figures(good, 2).ap - coco_figures(bad, 2).ap
    compared = compare_scenes(bad, good, 2, gain)
    assert compared.p < 0.01
    assert 0 < compared.low < compared.difference == gain < compared.high
    assert compare_scenes(good, good, 2, 0.0).p == 1
