"""Ranges, spreads and what is left alone."""

from math import sqrt

import pytest
import torch
from torch import nn

from profundo.nets.init import fans, initialize_
from profundo.records import ProfundoError

GAINS = {"logistic": 1, "tanh": 4, "relu": 2**0.5, "elu": 2**0.5, "linear": 1}


def two_layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(300, 200), nn.Linear(200, 100))


@pytest.mark.parametrize(("activation", "gain"), GAINS.items())
def test_uniform_weights_fill_the_interval_of_the_activation(activation, gain):
    hidden, output = initialize_(two_layers(), activation)
    for layer, r in ((hidden, gain * sqrt(6 / 500)), (output, sqrt(6 / 300))):
        largest = layer.weight.abs().max().item()
        assert 0.99 * r < largest <= r
        assert layer.weight.std().item() == pytest.approx(r / sqrt(3), rel=0.02)


def test_gain_one_agrees_with_torch_xavier():
    ours = initialize_(nn.Linear(30, 20), "linear", generator=torch.Generator().manual_seed(3)).weight
    theirs = nn.init.xavier_uniform_(torch.empty(20, 30), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(ours, theirs)


def test_fans_of_a_convolution_count_its_receptive_field():
    assert fans(nn.Conv2d(3, 16, 5).weight) == (3 * 25, 16 * 25)
    assert fans(nn.Conv2d(8, 8, 3, groups=8).weight)[0] == 9


def test_sigma_overrides_everything():
    net = initialize_(two_layers(), "tanh", sigma=0.05)
    assert all(layer.weight.std().item() == pytest.approx(0.05, rel=0.02) for layer in net)


def test_biases_are_zero_and_normalisation_is_left():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    with torch.no_grad():
        net[1].weight.fill_(0.3)
    initialize_(net)
    assert net[0].bias.count_nonzero() == net[3].bias.count_nonzero() == 0
    assert net[1].weight.tolist() == pytest.approx([0.3, 0.3])


def test_a_generator_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    net = nn.Linear(2, 2)
    torch.set_rng_state(before)
    initialize_(net, generator=torch.Generator().manual_seed(0))
    assert torch.get_rng_state().equal(before)


def test_relu_signals_keep_their_size_through_thirty_layers():
    """He et al. 2015: with √2 the second moment survives; with gain 1 it halves at every layer."""
    torch.manual_seed(0)
    for gain, low, high in (("relu", 0.3, 3), ("logistic", 0, 1e-6)):
        net = nn.Sequential(*[layer for _ in range(30) for layer in (nn.Linear(256, 256), nn.ReLU())])
        with torch.no_grad():
            assert low <= initialize_(net, gain)(torch.randn(64, 256)).square().mean() <= high


def test_unknown_names_are_explained():
    with pytest.raises(ProfundoError, match="expected an activation"):
        initialize_(nn.Linear(2, 2), "swish")
