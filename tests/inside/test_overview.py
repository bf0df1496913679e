"""All maps of a net at a glance: the layers' own values, in bytes that keep the sign."""

import torch
import torch.nn.functional as F
from torch import nn

from profundo.inside.overview import MOST_MAPS, MOST_SIDE, overview, signed_bytes


def test_maps_are_the_layers_values_by_the_greatest_of_each_layer():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 5))
    inputs = torch.randn(2, 1, 8, 8)
    answers, layers = overview(net, inputs)
    with torch.no_grad():
        conv = net[0](inputs)
        torch.testing.assert_close(answers, net(inputs))
    assert [one.kind for one in layers] == ["Conv2d", "ReLU", "Flatten", "Linear"]
    assert [tuple(one.maps.shape) for one in layers] == [(3, 6, 6), (3, 6, 6), (108, 1, 1), (5, 1, 1)]
    first = layers[0]
    assert first.most == conv[0].abs().max()
    values = (first.maps.float() / 127.5 - 1) * first.most
    assert (values - conv[0]).abs().max() <= first.most / 255 * 1.01
    assert (layers[1].maps >= 127).all()


def test_large_layers_are_shown_small_and_in_part():
    net = nn.Conv2d(1, MOST_MAPS + 8, 1)
    inputs = torch.randn(1, 1, 2 * MOST_SIDE, MOST_SIDE)
    _, (layer,) = overview(net, inputs)
    assert tuple(layer.maps.shape) == (MOST_MAPS, MOST_SIDE, MOST_SIDE // 2)
    assert layer.shape == (MOST_MAPS + 8, 2 * MOST_SIDE, MOST_SIDE)
    with torch.no_grad():
        means = F.avg_pool2d(net(inputs)[0], 2)[:MOST_MAPS]
    assert (((layer.maps.float() / 127.5 - 1) * layer.most) - means).abs().max() <= layer.most / 255 * 1.01


def test_bytes_end_at_the_ends_and_nothing_is_in_the_middle():
    assert signed_bytes(torch.tensor([-2.0, 0.0, 2.0, 9.0]), 2.0).tolist() == [0, 128, 255, 255]
    assert signed_bytes(torch.zeros(3), 0.0).tolist() == [128] * 3
