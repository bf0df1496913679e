"""Shapes, ranges and starting weights of the players, and what their layers promise."""

from functools import partial

import pytest
import torch
from torch import nn

from profundo.nets.generator_critic import (
    critic,
    dcgan_discriminator,
    dcgan_generator,
    dense_generator,
    maxout_discriminator,
)
from profundo.nets.layers import Maxout
from profundo.records import ProfundoError

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 8, 8), (1, 12, 8)]
GENERATORS = [(dense_generator, 0.0), (partial(dense_generator, normalise=True), 0.0), (dcgan_generator, -1.0)]
JUDGES = [maxout_discriminator, dcgan_discriminator, critic]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("make", "low"), GENERATORS)
def test_generators_make_images_of_the_shape_and_range(make, low, shape):
    net = make(shape, noise=10)
    made = net(5 * torch.randn(20, 10))
    assert made.shape == (20, *shape)
    assert low <= made.min() < (low + 1) / 2 < made.max() <= 1
    assert (made.std(0) > 0).all()  # no pixel is deaf to the noise


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", JUDGES)
def test_judges_give_one_number_of_either_sign_per_image(make, shape):
    scores = make(shape)(torch.randn(64, *shape))
    assert scores.shape == (64, 1)
    assert scores.min() < 0 < scores.max()


@pytest.mark.parametrize(("make", "low"), GENERATORS)
def test_every_parameter_of_a_generator_learns_from_every_kind_of_judge(make, low):
    net = make((1, 8, 8), noise=6)
    for judge in JUDGES:
        net.zero_grad()
        (judge((1, 8, 8))(net(torch.randn(16, 6))).square().sum() + low).backward()
        assert all(parameter.grad.abs().max() > 0 for parameter in net.parameters())


@pytest.mark.parametrize("make", [dcgan_generator, dcgan_discriminator])
def test_dcgan_starts_from_small_normal_weights(make):
    for layer in make((1, 28, 28), width=32).modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)) and layer.weight.numel() > 1000:
            weights = layer.weight.detach()
            assert weights.std().item() == pytest.approx(0.02, rel=0.1)
            share = (weights.abs() < 0.02).float().mean().item()
            assert share == pytest.approx(0.6827, abs=0.04)  # of a normal distribution within one deviation


def test_dcgan_normalises_where_the_paper_does():
    generator, judge = dcgan_generator((1, 28, 28)), dcgan_discriminator((1, 28, 28))
    norms = [isinstance(layer, nn.BatchNorm2d) for layer in generator]
    assert sum(norms) == sum(isinstance(layer, nn.ConvTranspose2d) for layer in generator)  # not after the last
    assert isinstance(generator[-1], nn.Tanh)
    assert not any(norms[-3:])
    assert not isinstance(judge[1], nn.BatchNorm2d)  # nor after the first
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in judge) == 2
    assert {layer.negative_slope for layer in judge if isinstance(layer, nn.LeakyReLU)} == {0.2}


def test_a_critic_judges_each_image_by_itself():
    net, images = critic((1, 8, 8)), torch.randn(6, 1, 8, 8)
    alone = torch.cat([net(image.unsqueeze(0)) for image in images])
    torch.testing.assert_close(net(images), alone)
    assert not any(isinstance(layer, nn.modules.batchnorm._NormBase) for layer in net.modules())


def test_maxout_is_the_largest_of_its_linear_functions_and_convex():
    layer = Maxout(4, 3, 5)
    rows = torch.randn(10, 4)
    pieces = (rows @ layer.linear.weight.T + layer.linear.bias).reshape(10, 3, 5)
    torch.testing.assert_close(layer(rows), pieces.max(2).values)
    middle = layer((rows[:5] + rows[5:]) / 2)
    assert (middle <= (layer(rows[:5]) + layer(rows[5:])) / 2 + 1e-6).all()


def test_the_original_discriminator_has_the_size_of_the_paper_when_asked():
    net = maxout_discriminator((1, 28, 28), units=240, pieces=5)
    assert sum(p.numel() for p in net.parameters()) == 785 * 1200 + 241 * 1200 + 241


@pytest.mark.parametrize("make", [dcgan_generator, dcgan_discriminator, critic])
@pytest.mark.parametrize("shape", [(1, 10, 28), (784,)])
def test_images_that_cannot_be_halved_are_refused(make, shape):
    with pytest.raises(ProfundoError, match="multiples of 4"):
        make(shape)
