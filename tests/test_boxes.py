"""Boxes against pixels that are counted, and tables against what they were packed from."""

import torch

from profundo.boxes import NO_OBJECT, Objects, areas, overlaps, packed, shared_areas, unpacked


def painted(box: torch.Tensor) -> torch.Tensor:
    canvas = torch.zeros(20, 20, dtype=torch.bool)
    left, top, right, bottom = box.int().tolist()
    canvas[top : max(bottom, top), left : max(right, left)] = True
    return canvas


def test_areas_are_pixels_that_are_counted() -> None:
    corners = torch.randint(0, 20, (40, 4), generator=torch.Generator().manual_seed(0)).float()
    pixels = torch.stack([painted(box) for box in corners])
    assert (areas(corners) == pixels.flatten(1).sum(1)).all()
    assert (areas(corners) == 0).any(), "some have swapped edges"
    both = (pixels[:, None] & pixels).flatten(2).sum(2)
    either = (pixels[:, None] | pixels).flatten(2).sum(2)
    assert (shared_areas(corners, corners) == both).all()
    assert torch.allclose(overlaps(corners, corners), torch.where(either > 0, both / either.clamp(min=1), 0.0))


def test_a_table_gives_back_what_was_packed() -> None:
    two = Objects(torch.tensor([[1.0, 2, 5, 9], [0, 0, 3, 3]]), torch.tensor([3, 0]), torch.tensor([False, True]))
    none = Objects(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.bool))
    table = packed([two, none, two], most=4)
    assert table.shape == (3, 4, 6)
    assert (table[1, :, 4] == NO_OBJECT).all()
    for row, one in zip(table, (two, none, two), strict=True):
        again = unpacked(row, torch.ones(4, 2, 2, dtype=torch.bool))
        assert torch.equal(again.boxes, one.boxes)
        assert torch.equal(again.classes, one.classes)
        assert torch.equal(again.crowd, one.crowd)
        assert again.masks is not None
        assert len(again.masks) == len(again) == len(one)
    assert packed([]).shape == (0, 1, 6)
    assert packed([none]).shape == (1, 1, 6)
