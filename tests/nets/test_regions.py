"""RoIAlign: by the closed form of a plane, point by point, by finite differences, and at the edges."""

import torch

from profundo.nets.detectors.regions import level_of, region_features


def planes(height, width, stride):
    """One map each of x, y and 1 at the pixels that a map's places look from: what any interpolation must give back."""
    x = (stride * (torch.arange(width) + 0.5)).expand(height, width)
    y = (stride * (torch.arange(height) + 0.5))[:, None].expand(height, width)
    return torch.stack([x, y, torch.ones(height, width)])[None].double()


def test_a_plane_is_read_exactly_on_every_level():
    strides, maps = [4, 8, 16], [planes(64 // 4, 96 // 4, 4), planes(8, 12, 8), planes(4, 6, 16)]
    boxes = torch.tensor([[[9.0, 11, 50, 41], [20.5, 13.25, 22, 49], [16, 16, 80, 48]]], dtype=torch.float64)
    for levels in ([0, 1, 2], [2, 0, 1], [1, 1, 0]):
        seen = region_features(maps, strides, boxes, torch.tensor([levels]), 5)
        low, side = boxes[..., :2], boxes[..., 2:] - boxes[..., :2]
        x, y = (low[..., None] + side[..., None] * (torch.arange(5) + 0.5) / 5).unbind(2)
        torch.testing.assert_close(seen[:, :, 0], x[:, :, None].expand(1, 3, 5, 5))
        torch.testing.assert_close(seen[:, :, 1], y[..., None].expand(1, 3, 5, 5))
        torch.testing.assert_close(seen[:, :, 2], torch.ones(1, 3, 5, 5).double())


def test_it_is_the_bilinear_reading_at_the_centre_of_each_cell():
    draw = torch.Generator().manual_seed(0)
    map_ = torch.randn(1, 1, 9, 7, generator=draw, dtype=torch.float64)
    left, top, right, bottom = 3.3, 5.1, 21.7, 30.2

    def read(x, y):  # by hand, of a map of stride 4
        x, y = min(max(x / 4 - 0.5, 0), 6), min(max(y / 4 - 0.5, 0), 8)
        j, i = min(int(x), 5), min(int(y), 7)
        a, b = x - j, y - i
        square = map_[0, 0, i : i + 2, j : j + 2]
        return (square * torch.tensor([[(1 - b) * (1 - a), (1 - b) * a], [b * (1 - a), b * a]]).double()).sum()

    x, y = (
        [low + (high - low) * (cell + 0.5) / 3 for cell in range(3)] for low, high in ((left, right), (top, bottom))
    )
    expected = torch.stack([torch.stack([read(column, row) for column in x]) for row in y])
    box = torch.tensor([[[left, top, right, bottom]]], dtype=torch.float64)
    seen = region_features([map_], [4], box, torch.zeros(1, 1, dtype=torch.int64), 3)
    torch.testing.assert_close(seen[0, 0, 0], expected)


def test_gradients_are_those_of_finite_differences():
    draw = torch.Generator().manual_seed(1)
    maps = [torch.randn(2, 2, side, side, generator=draw, dtype=torch.float64, requires_grad=True) for side in (6, 3)]
    boxes = torch.tensor([[[2.1, 3.4, 9.2, 14.1]], [[5.7, 1.9, 21.3, 17.7]]], dtype=torch.float64, requires_grad=True)
    levels = torch.tensor([[0], [1]])
    assert torch.autograd.gradcheck(
        lambda a, b, where: region_features([a, b], [4, 8], where, levels, 2), (*maps, boxes)
    )


def test_images_and_levels_do_not_read_of_each_other():
    """A region at the lowest edge of a map, and one that leaves it, see nothing of the map that lies below on the sheet."""
    maps = [torch.full((2, 1, 4, 4), 1.0), torch.full((2, 1, 2, 2), 9.0)]
    maps[0][1] = 5.0
    boxes = torch.tensor([[0.0, 10, 16, 16], [-20, -20, 60, 60]]).expand(2, 2, 4)
    seen = region_features(maps, [4, 8], boxes, torch.zeros(2, 2, dtype=torch.int64), 3)
    assert (seen[0] == 1).all()
    assert (seen[1] == 5).all()
    assert (region_features(maps, [4, 8], boxes, torch.ones(2, 2, dtype=torch.int64), 3) == 9).all()


def test_a_box_is_read_from_the_level_of_its_size():
    wide = torch.tensor([1.0, 16, 31, 32, 63, 64, 128, 4000])
    boxes = torch.stack([wide * 0, wide * 0, wide, wide], 1)
    assert level_of(boxes, [4, 8, 16], usual=4).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


def test_a_graph_without_bags_reads_the_same(monkeypatch):
    maps, boxes = [torch.randn(2, 3, 5, 6)], 4 + 10 * torch.rand(2, 3, 4).cumsum(-1)
    seen = region_features(maps, [4], boxes, torch.zeros(2, 3, dtype=torch.int64), 2)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    torch.testing.assert_close(region_features(maps, [4], boxes, torch.zeros(2, 3, dtype=torch.int64), 2), seen)
