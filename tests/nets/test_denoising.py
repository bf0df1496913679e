"""The denoising net: what it gives back, what it heeds, what it refuses."""

import math

import pytest
import torch

from profundo.nets.denoising import DenoisingUNet, waves
from profundo.records import ProfundoError


def drawn_net(shape=(1, 8, 8), classes: int = 3) -> DenoisingUNet:
    """With random weights in the layers, too, that begin at nothing."""
    torch.manual_seed(0)
    net = DenoisingUNet(shape, 16, classes, 1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return net


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 7, 10), (1, 1, 1)])
def test_images_of_any_size_come_back_in_theirs_and_at_first_as_nothing(shape):
    net = DenoisingUNet(shape, 16, 0, 1)
    found = net(torch.randn(2, *shape), torch.rand(2), torch.zeros(2, dtype=torch.long))
    assert found.shape == (2, *shape)
    assert not found.any()


def test_it_heeds_time_and_class_and_each_image_alone():
    net, x = drawn_net(), torch.randn(2, 1, 8, 8)
    times, classes = torch.tensor([0.2, 0.7]), torch.tensor([0, net.no_class])
    found = net(x, times, classes)
    for changed in ((x, times + 0.2, classes), (x, times, torch.tensor([1, 2]))):
        assert ((net(*changed) - found).abs().amax((1, 2, 3)) > 1e-3).all()
    torch.testing.assert_close(net(x[1:], times[1:], classes[1:]), found[1:])


def test_every_weight_learns():
    net = drawn_net()
    net(torch.randn(4, 1, 8, 8), torch.rand(4), torch.arange(4)).square().mean().backward()
    assert [name for name, parameter in net.named_parameters() if not parameter.grad.any()] == []


def test_what_lies_far_away_is_seen():
    x = torch.randn(1, 1, 28, 28)
    net, arguments = drawn_net((1, 28, 28)), (torch.tensor([0.5]), torch.tensor([0]))
    other = x.clone()
    other[0, 0, 0, 0] += 1
    assert (net(other, *arguments) - net(x, *arguments))[0, 0, -1, -1].abs() > 0


def test_times_are_told_in_waves_from_the_shortest_to_the_longest():
    found = waves(torch.tensor([0.25]))[0]
    assert found[0].item() == pytest.approx(math.sin(250), abs=1e-3)
    assert found[31].item() == pytest.approx(math.sin(0.25), abs=1e-5)
    assert found[63].item() == pytest.approx(math.cos(0.25), abs=1e-5)


@pytest.mark.parametrize("width", [8, 24])
def test_a_width_that_does_not_divide_is_refused(width):
    with pytest.raises(ProfundoError, match="multiple of 16"):
        DenoisingUNet((1, 8, 8), width, 0)
