"""Boxes in pairs: by pictures of them, by closed forms, and there and back."""

import pytest
import torch

from profundo.nets.detectors.box_costs import generalised_overlap, moved, offsets, paired_overlap


def some(count, draw):
    low = torch.randint(0, 20, (count, 2), generator=draw)
    return torch.cat([low, low + torch.randint(1, 12, (count, 2), generator=draw)], 1).float()


def painted(boxes):
    """bool (n, 40, 40)."""
    at = torch.arange(40)
    return ((at >= boxes[:, :1]) & (at < boxes[:, 2:3]))[:, None, :] & ((at >= boxes[:, 1:2]) & (at < boxes[:, 3:]))[
        :, :, None
    ]


def test_overlaps_are_those_of_painted_pixels():
    draw = torch.Generator().manual_seed(0)
    first, second = some(50, draw), some(50, draw)
    a, b = painted(first), painted(second)
    union, shared = (a | b).sum((1, 2)), (a & b).sum((1, 2))
    around = (a | b).any(1), (a | b).any(2)
    hull = torch.ones(50)
    for lines in around:
        hull = hull * (40 - lines.byte().argmax(1) - lines.flip(1).byte().argmax(1))
    torch.testing.assert_close(paired_overlap(first, second), shared / union)
    torch.testing.assert_close(generalised_overlap(first, second), shared / union - (hull - union) / hull)


def test_generalised_overlap_has_a_way_down_where_boxes_do_not_meet():
    far = torch.tensor([[0.0, 0, 2, 2]], dtype=torch.float64, requires_grad=True)
    goal = torch.tensor([[10.0, 0, 12, 2]], dtype=torch.float64)
    generalised_overlap(far, goal).sum().backward()
    assert far.grad[0, 2] > 0  # its right edge wants to go right
    assert generalised_overlap(goal, goal).item() == pytest.approx(1)
    inner = torch.tensor([[1.0, 2, 5, 9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda box: generalised_overlap(box, goal / 2), (inner,))


def test_offsets_lead_from_a_base_to_its_box():
    draw = torch.Generator().manual_seed(1)
    boxes, bases = some(50, draw), some(50, draw)
    torch.testing.assert_close(moved(bases, offsets(boxes, bases)), boxes)
    assert offsets(torch.tensor([[2.0, 0, 6, 8]]), torch.tensor([[0.0, 0, 4, 4]])).tolist()[0] == pytest.approx(
        [5, 5, 0, 5 * 0.6931472]  # half a width right, half a height down, as wide, twice as high; in tenths and fifths
    )


def test_no_side_grows_without_end():
    wild = moved(torch.tensor([[0.0, 0, 16, 16]]), torch.tensor([[0.0, 0, 1000, 1000]]))
    assert (wild[0, 2:] - wild[0, :2]).tolist() == pytest.approx([1000, 1000])
