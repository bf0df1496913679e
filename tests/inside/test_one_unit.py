"""A unit of a convolution taken apart adds up to what PyTorch's layer gives, whatever its settings."""

import pytest
import torch
from torch import nn

from profundo import ProfundoError
from profundo.inside.one_unit import convolutions, unit_of

SETTINGS = [
    {},
    {"padding": 1},
    {"padding": "same", "dilation": 2},
    {"padding": (2, 1), "stride": (2, 3)},
    {"groups": 2},
    {"groups": 4, "padding": 1, "padding_mode": "reflect"},
    {"padding": 2, "padding_mode": "circular", "bias": False},
    {"padding": 1, "padding_mode": "replicate", "stride": 2, "dilation": (1, 2)},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_parts_and_the_bias_add_up_to_the_map(settings):
    torch.manual_seed(0)
    net = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 8, (3, 2), **settings), nn.ReLU(inplace=True))
    inputs = torch.randn(2, 4, 9, 11)
    with torch.no_grad():
        expected = net[1](inputs.relu())[0]
    for unit in (0, 3, 7):
        apart = unit_of(net, inputs, "1", unit)
        torch.testing.assert_close(apart.map, expected[unit])
        torch.testing.assert_close(apart.parts.sum(0) + apart.bias, expected[unit])
        last = tuple(n - 1 for n in apart.map.shape)
        for row, column in ((0, 0), (1, 2), last):
            place = apart.at(row, column)
            assert place.value == pytest.approx(expected[unit, row, column].item(), abs=1e-5)
            torch.testing.assert_close(place.products.sum((1, 2)), apart.parts[:, row, column])
            torch.testing.assert_close(place.products, place.patch * apart.weights)


def test_a_unit_of_a_group_sees_the_channels_of_its_group():
    net = nn.Conv2d(6, 4, 1, groups=2)
    assert [unit_of(net, torch.randn(1, 6, 3, 3), "Conv2d", unit).channels for unit in range(4)] == [
        (0, 1, 2), (0, 1, 2), (3, 4, 5), (3, 4, 5),
    ]  # fmt: skip


def test_the_padding_that_was_added_is_told():
    apart = unit_of(nn.Conv2d(1, 1, 3, padding=(2, 1)), torch.ones(1, 1, 4, 5), "Conv2d", 0)
    assert apart.padding == (2, 1)
    assert apart.inputs.shape == (1, 8, 7)
    assert apart.inputs[0, 2:6, 1:6].eq(1).all()
    assert apart.inputs.sum() == 20


def test_the_second_call_of_a_layer_is_taken_apart_by_its_name():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1)

        def forward(self, x):
            return self.conv(self.conv(x).relu_())

    net, inputs = Twice(), torch.randn(1, 1, 4, 4)
    with torch.no_grad():
        first, second = net.conv(inputs)[0, 0], net(inputs)[0, 0]
    torch.testing.assert_close(unit_of(net, inputs, "conv", 0).map, first)
    torch.testing.assert_close(unit_of(net, inputs, "conv#2", 0).map, second)


def test_what_cannot_be_taken_apart_is_refused_in_one_line():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.LazyLinear(2))
    inputs = torch.randn(1, 1, 4, 4)
    net(inputs)
    assert convolutions(net) == ["0"]
    for layer, unit, words in (
        ("2", 0, "choose one of 0"),
        ("0", 2, "units 0 to 1"),
        ("0", -1, "units 0 to 1"),
        ("9", 0, "no module"),
    ):
        with pytest.raises(ProfundoError, match=words) as refusal:
            unit_of(net, inputs, layer, unit)
        assert "\n" not in str(refusal.value)
    with pytest.raises(ProfundoError, match="takes inputs"):
        unit_of(net, torch.randn(1, 3, 4, 4), "0", 0)
    with pytest.raises(ProfundoError, match="row below 2"):
        unit_of(net, inputs, "0", 0).at(2, 0)
