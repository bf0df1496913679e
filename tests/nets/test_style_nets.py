"""Nets that paint in one pass: instance normalisation against PyTorch's, what it cannot see, sizes that stay, moments that arrive."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profundo.nets.perceptual import PerceptualNet, drawn
from profundo.nets.style_nets import AdaptiveStyle, StyleNet, adain, map_moments, mixed


def changed(net):
    nn.init.normal_(net.last.weight, std=0.5, generator=torch.Generator().manual_seed(1))
    return net.eval()


@pytest.fixture(scope="module")
def photographs():
    return 0.2 + 0.6 * torch.rand(2, 3, 33, 46, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def adaptive():
    torch.manual_seed(0)
    return AdaptiveStyle(drawn(0.06, torch.Generator().manual_seed(0))).eval()


@torch.no_grad()
def test_untrained_it_paints_the_photograph_a_little_pale_whatever_its_size(photographs):
    """The sigmoid's tangent at a half is the identity, from which it is off by 4³ d³ / 48 at most."""
    off = StyleNet(4, 1)(photographs) - photographs
    assert bool((off.abs() <= 4**3 * (photographs - 0.5).abs() ** 3 / 48 + 1e-5).all())
    assert bool((off * (photographs - 0.5) <= 1e-6).all()), "paler"
    for height, width in ((16, 17), (18, 31)):
        image = photographs[:, :, :height, :width]
        assert changed(StyleNet(4, 1))(image).shape == image.shape


@torch.no_grad()
def test_what_it_adds_depends_on_neither_contrast_nor_the_other_photographs(photographs):
    """Instance normalisation takes away a factor and a shift of each image (Ulyanov et al. 2017)."""
    torch.manual_seed(0)
    net = changed(StyleNet(6, 2))
    paler = 0.4 + 0.5 * photographs

    def added(images):
        return torch.logit(net(images)) - 4 * (images - 0.5)

    assert added(photographs).std() > 0.1
    assert torch.allclose(added(paler), added(photographs), atol=2e-3)
    assert torch.allclose(net(photographs)[1:], net(photographs[1:]), atol=1e-5)


def test_adaptive_normalisation_is_that_of_instances_with_the_styles_moments():
    draws = torch.Generator().manual_seed(0)
    content, style = torch.randn(2, 5, 6, 7, generator=draws), 2 + 3 * torch.randn(2, 5, 9, 4, generator=draws)
    made = adain(content, style)
    flat = style.flatten(2)
    deviation, mean = flat.std(2, correction=0), flat.mean(2)
    expected = F.instance_norm(content) * deviation[..., None, None] + mean[..., None, None]
    assert torch.allclose(made, expected, atol=1e-4)
    assert torch.allclose(made.flatten(2).mean(2), mean, atol=1e-4)
    assert torch.allclose(adain(content, content), content, atol=1e-5)
    assert torch.allclose(map_moments(style)[1][..., 0, 0], deviation, atol=1e-4)


def test_strength_and_shares_mix_maps():
    draws = torch.Generator().manual_seed(0)
    content, one, other = (torch.randn(1, 3, 4, 4, generator=draws) for _ in range(3))
    assert torch.equal(mixed(content, [one], [1.0], 0.0), content)
    assert torch.allclose(mixed(content, [one], [7.0], 1.0), adain(content, one))
    expected = 0.5 * content + 0.5 * (0.75 * adain(content, one) + 0.25 * adain(content, other))
    assert torch.allclose(mixed(content, [one, other], [3, 1], 0.5), expected, atol=1e-6)


def test_the_decoder_is_the_encoder_in_the_other_direction(adaptive):
    encoder = [(one.in_channels, one.out_channels) for one in adaptive.encoder.layers]
    decoder = [(one.out_channels, one.in_channels) for one in adaptive.decoder if isinstance(one, nn.Conv2d)]
    assert decoder == encoder[::-1]
    assert list(adaptive.encoder.convolutions)[-1] == "relu4_1"
    assert len(PerceptualNet(0.06).convolutions) == 13
    assert not any(parameter.requires_grad for parameter in adaptive.encoder.parameters())


@torch.no_grad()
def test_photographs_keep_their_size_and_whole_eighths_are_not_continued(adaptive, photographs):
    made = adaptive(photographs, [photographs[:1, :, :20, :20]])
    assert made.shape == photographs.shape
    assert 0 < made.min() < made.max() < 1
    even = photographs[:, :, :24, :40]
    assert torch.equal(adaptive.encode(even), adaptive.encoder(even, ["relu4_1"])["relu4_1"])
    assert adaptive.encode(photographs).shape[2:] == (5, 6)
    shallow = AdaptiveStyle(drawn(0.06, torch.Generator()), "relu3_1").eval()
    assert shallow.encode(photographs).shape[2:] == (9, 12)
    assert shallow(photographs, [photographs]).shape == photographs.shape


@torch.no_grad()
def test_encoders_of_any_scale_are_decoded_alike(photographs):
    """A first layer a hundred times as strong makes all maps so, for ReLUs without shifts pass factors on."""
    made = []
    for factor in (1.0, 100.0):
        torch.manual_seed(0)
        encoder = drawn(0.06, torch.Generator().manual_seed(0))
        encoder.layers[0].weight *= factor
        net = AdaptiveStyle(encoder)
        net.measure(photographs)
        made.append(net.decode(net.encode(photographs), 33, 46))
    assert torch.allclose(made[0], made[1], atol=1e-5)
