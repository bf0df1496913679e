"""Suppression without a loop over boxes comes to what the loop comes to."""

import pytest
import torch

from profundo.boxes import overlaps
from profundo.nets.detectors.suppression import stays, surest


def greedily(boxes, scores, classes, threshold):
    """As the textbook has it: box by box, by falling score."""
    kept = []
    for at in sorted(range(len(boxes)), key=lambda at: (-float(scores[at]), at)):
        rivals = [other for other in kept if classes[other] == classes[at]]
        if scores[at] > 0 and all(float(overlaps(boxes[at][None], boxes[o][None])) <= threshold for o in rivals):
            kept.append(at)
    return torch.tensor([at in kept for at in range(len(boxes))])


def crowded(draw, count=60, side=30.0):
    low = side * torch.rand(count, 2, generator=draw)
    boxes = torch.cat([low, low + 4 + 20 * torch.rand(count, 2, generator=draw)], 1)
    scores = torch.rand(count, generator=draw).mul(20).round().div(20)  # many are equal, some are 0
    return boxes, scores.sort(descending=True)[0], torch.randint(3, (count,), generator=draw)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_what_stays_is_what_the_greedy_loop_keeps(threshold):
    draw = torch.Generator().manual_seed(int(100 * threshold))
    for _ in range(4):
        boxes, scores, classes = crowded(draw)
        assert torch.equal(stays(boxes, scores > 0, classes, threshold), greedily(boxes, scores, classes, threshold))


def test_a_chain_of_boxes_is_settled_to_its_end():
    """Each hides the next: every other one stays, however long the chain is."""
    left = torch.arange(50.0)
    boxes = torch.stack([left, left * 0, left + 2, left * 0 + 1], 1)
    kept = stays(boxes, torch.ones(50, dtype=torch.bool), torch.zeros(50, dtype=torch.int64), 0.2)
    assert kept.tolist() == [at % 2 == 0 for at in range(50)]


def test_images_of_a_batch_do_not_hide_each_others_boxes():
    draw = torch.Generator().manual_seed(0)
    images = [(boxes, scores > 0, classes) for boxes, scores, classes in (crowded(draw) for _ in range(3))]
    together = stays(*(torch.stack(parts) for parts in zip(*images, strict=True)), 0.4)
    for kept, image in zip(together, images, strict=True):
        assert torch.equal(kept, stays(*image, 0.4))


def test_the_surest_come_first_and_places_without_an_object_are_empty():
    boxes = torch.tensor([[[0, 0, 4, 5], [9, 9, 12, 12], [0, 0, 4, 4], [0, 0, 4, 4]]], dtype=torch.float32)
    scores, classes = torch.tensor([[0.9, 0.7, 0.6, 0.5]]), torch.tensor([[1, 0, 2, 1]])
    box, kind, score, number = surest(boxes, scores, classes, 0.5, places=5)
    assert kind.tolist() == [[1, 0, 2, -1, -1]]
    torch.testing.assert_close(score, torch.tensor([[0.9, 0.7, 0.6, 0, 0]]))
    assert number[0, :3].tolist() == [0, 1, 2]
    assert torch.equal(box[0, :3], boxes[0, :3])
    assert not box[0, 3:].any()
    assert surest(boxes, scores, classes, 0.5, places=2)[1].tolist() == [[1, 0]]
    assert surest(boxes, scores, classes, 0.9, places=4)[1].tolist() == [[1, 0, 2, 1]]


def test_a_graph_without_a_loop_comes_to_the_same(monkeypatch):
    draw = torch.Generator().manual_seed(5)
    boxes, scores, classes = crowded(draw)
    kept = stays(boxes, scores > 0, classes, 0.3)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert torch.equal(stays(boxes, scores > 0, classes, 0.3), kept)
