"""An autoencoder is right when its code is as small as it says and its decoder knows nothing else, but for positions."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from profundo.nets.autoencoders import dense_autoencoder, pooling_autoencoder
from profundo.records import ProfundoError

SHAPE = (1, 8, 12)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def rank(matrix: torch.Tensor) -> int:
    return int(np.linalg.matrix_rank(matrix.detach().numpy()))


@pytest.mark.parametrize("make", [dense_autoencoder, pooling_autoencoder])
def test_codes_have_the_size_asked_for_and_images_come_back_in_their_shape_and_range(make):
    net, images = make(SHAPE, code=5), torch.rand(7, *SHAPE)
    made = net(images)
    assert net.encode(images).shape == (7, 5)
    assert made.shape == images.shape
    assert 0 < made.min() < made.max() < 1


def test_a_dense_autoencoder_has_the_published_number_of_parameters():
    sizes = [784, 1000, 500, 250, 30]  # Hinton & Salakhutdinov 2006, figure 3A
    net = dense_autoencoder((1, 28, 28), code=30, widths=(1000, 500, 250))
    there = sum(n * m + m for n, m in pairwise(sizes))
    back = sum(n * m + m for n, m in pairwise(sizes[::-1]))
    assert sum(parameter.numel() for parameter in net.parameters()) == there + back == 2_837_314


def test_all_that_a_dense_decoder_knows_of_an_image_went_through_the_code():
    net, image = dense_autoencoder(SHAPE, code=3, widths=(40,)).double(), torch.rand(1, *SHAPE).double()
    slopes = torch.autograd.functional.jacobian(lambda x: net(x).flatten(), image).flatten(1)
    assert rank(slopes) == 3


def test_a_code_is_linear_in_the_last_hidden_layer():
    assert isinstance(dense_autoencoder(SHAPE, code=3).encoder[-1], nn.Linear)
    assert (dense_autoencoder(SHAPE, code=16).encode(torch.rand(50, *SHAPE)) < 0).any()


def test_unpooling_puts_each_value_back_where_its_maximum_was_and_zeros_elsewhere():
    net = pooling_autoencoder(SHAPE, code=4)
    image = torch.rand(1, *SHAPE)
    small, places = net.pool(image)
    back = net.unpool(small, places)
    for top in range(0, 8, 2):
        for left in range(0, 12, 2):
            field = image[0, 0, top : top + 2, left : left + 2]
            expected = torch.where(field == field.max(), field, torch.zeros(()))
            assert torch.equal(back[0, 0, top : top + 2, left : left + 2], expected)


def test_positions_go_round_the_code_of_a_pooling_autoencoder():
    net = pooling_autoencoder(SHAPE, code=4)
    one, other = torch.rand(2, 1, *SHAPE)
    _, first, second = net.look(one)
    with torch.no_grad():
        for layer in net.to_code:
            if isinstance(layer, nn.Linear):
                layer.weight.zero_()  # now every image has the same code
                layer.bias.fill_(1.0)
    assert torch.equal(net.encode(one), net.encode(other))
    assert not torch.equal(net(one), net(other))
    assert (first.shape, second.shape) == ((1, 16, 4, 6), (1, 32, 2, 3))


@pytest.mark.parametrize("make", [dense_autoencoder, pooling_autoencoder])
def test_every_parameter_learns(make):
    net = make(SHAPE, code=5)
    (net(torch.rand(16, *SHAPE)) - torch.rand(16, *SHAPE)).square().mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in net.parameters())


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ProfundoError, match="at least 1"):
        dense_autoencoder(SHAPE, code=0)
    with pytest.raises(ProfundoError, match="multiples of 4"):
        pooling_autoencoder((1, 10, 12))
    with pytest.raises(ProfundoError, match="multiples of 4"):
        pooling_autoencoder((64,))
