"""What VGG sees: maps against the published net's own layers, Gram matrices against sums by hand."""

import pytest
import torch
from torch import nn

from profundo.nets.perceptual import STYLE_LAYERS, PerceptualNet, drawn, from_edges, from_imagenet, gram
from profundo.nets.published_weights import IMAGENET
from profundo.nets.vgg import vgg16
from profundo.records import ProfundoError


def test_the_convolutions_are_those_of_vgg16_with_averages_for_maxima():
    torch.manual_seed(0)
    whole = vgg16(IMAGENET)
    net = from_imagenet(whole.state_dict())
    image = torch.rand(1, 3, 32, 40)
    x = (image - torch.tensor(IMAGENET.inputs.mean).view(1, 3, 1, 1) / 255) / (
        torch.tensor(IMAGENET.inputs.std).view(1, 3, 1, 1) / 255
    )
    found = net(image, ["relu2_1", "relu5_3"])
    expected = []
    for layer in whole.features:
        x = nn.functional.avg_pool2d(x, 2) if isinstance(layer, nn.MaxPool2d) else layer(x)
        if isinstance(layer, nn.ReLU):
            expected.append(x)
    assert torch.allclose(found["relu2_1"], expected[2], atol=1e-4)
    assert torch.allclose(found["relu5_3"], expected[12], atol=1e-4)
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_an_edge_detectors_convolutions_see_blue_first_of_255_less_a_mean():
    draws = torch.Generator().manual_seed(0)
    own, stored = drawn(1.0, draws), {}
    for name, layer in own.convolutions.items():
        block, number = int(name[4]), int(name[6]) - 1
        place = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
        stored[f"{place}/0"] = layer.weight.permute(2, 3, 1, 0).numpy()
        stored[f"{place}/1"] = layer.bias.numpy()
    image = torch.rand(1, 3, 16, 16)
    means = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    first = next(iter(own.convolutions.values()))
    expected = nn.functional.conv2d(255 * image.flip(1) - means, first.weight, first.bias, padding=1).relu()
    assert torch.allclose(from_edges(stored)(image, ["relu1_1"])["relu1_1"], expected, rtol=1e-4, atol=1e-3)
    stored["block1/layers/conv2d/vars/0"] = stored["block1/layers/conv2d/vars/0"][:2]
    with pytest.raises(ProfundoError, match="in convolution 1"):
        from_edges(stored)


def test_from_a_layer_onward_a_net_sees_what_it_saw_from_the_image():
    net = drawn(0.1, torch.Generator().manual_seed(0))
    found = net(torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(1)))
    for after, last in (("relu1_1", "relu2_1"), ("relu4_2", "relu5_1"), ("relu3_1", "relu5_1")):
        assert torch.equal(net.onward(found[after], after, last), found[last])


def test_gram_matrices_are_sums_over_places():
    maps = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    by_hand = torch.zeros(2, 3, 3)
    for row in range(4):
        for column in range(5):
            at = maps[:, :, row, column]
            by_hand += at[:, :, None] * at[:, None, :] / (20 * 3)
    assert torch.allclose(gram(maps), by_hand, atol=1e-6)
    assert torch.allclose(gram(maps), gram(maps.flip(3)), atol=1e-6), "wherever it is"
    half = torch.zeros(1, 1, 4, 5)
    half[..., :2] = 1
    assert torch.allclose(gram(maps, half), gram(maps[..., :2]), atol=1e-6)


def test_layers_stop_where_the_last_that_is_asked_for_is():
    net = PerceptualNet(0.05)
    seen = []
    for name, layer in net.convolutions.items():
        layer.register_forward_hook(lambda *_, name=name: seen.append(name))
    assert list(net(torch.rand(1, 3, 32, 32), STYLE_LAYERS[:2])) == list(STYLE_LAYERS[:2])
    assert seen[-1] == "relu2_1"
