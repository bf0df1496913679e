"""What fine-tuning stands on: features, the output layer, normalisation that stays."""

import pytest
import torch
from torch import nn

from profundo import nets
from profundo.records import Batch, Inputs, ProfundoError, Spec, Targets
from profundo.train.fine_tuning import features, freeze_normalisation, output_layer

SPEC = Spec(Inputs((3, 32, 32), "image"), Targets("classes", ("a", "b", "c")))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nets.build("efficientnet_lite0", SPEC, width=1 / 8)


def test_features_and_the_output_layer_are_the_whole_net(net):
    inputs = torch.randn(5, 3, 32, 32)
    modes = [module.training for module in net.modules()]
    seen = features(net, [Batch(part, torch.zeros(len(part)), len(part)) for part in torch.split(inputs, 2)])
    assert seen.shape == (5, net.output.in_features)
    assert not seen.requires_grad
    assert [module.training for module in net.modules()] == modes
    torch.testing.assert_close(net.output(seen), net.eval()(inputs))


def test_a_net_that_ends_in_something_else_is_refused():
    with pytest.raises(ProfundoError, match="its last is Softmax"):
        output_layer(nn.Sequential(nn.Linear(2, 2), nn.Softmax(1)))


def test_frozen_normalisation_keeps_its_averages_while_the_rest_trains(net):
    before = {name: value.clone() for name, value in net.named_buffers()}
    net.train()
    freeze_normalisation(net)
    net(torch.randn(4, 3, 32, 32) + 3).sum().backward()
    assert net.dropout.training
    assert all(value.equal(before[name]) for name, value in net.named_buffers())
    assert net.stem.norm.weight.grad is not None
