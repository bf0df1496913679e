"""Nets that make images of images: of any size, no chequers, and patches as large as the paper says."""

import pytest
import torch
from torch import nn

from profundo.nets.image_translation import ResidualGenerator, UNetGenerator, patch_discriminator


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (29, 35)])
def test_an_image_of_any_size_becomes_one_of_that_size_between_minus_one_and_one(size):
    images = torch.randn(2, 3, *size)
    for net, channels in ((UNetGenerator(3, 1, 4, 2), 1), (ResidualGenerator(3, 4, 1, 2), 3)):
        made = net(images)
        assert made.shape == (2, channels, *size)
        assert made.abs().max() <= 1


@pytest.mark.parametrize(("halvings", "pixels"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_is_of_a_patch_as_large_as_in_the_paper(halvings, pixels):
    """What its slope by the image says: a square of that side, all of it, and nothing around."""
    net = patch_discriminator(1, 2, halvings, norm=nn.Identity)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 0.1)
    image = torch.ones(1, 1, 160, 160, requires_grad=True)
    logits = net(image)
    middle = logits.shape[2] // 2
    (slope,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
    rows, columns = slope[0, 0].nonzero().T
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == pixels
    assert (slope != 0).sum() == pixels**2


def test_an_even_image_is_made_even_inside_so_that_nothing_leaves_chequers():
    net = UNetGenerator(1, 1, 4, 2).eval()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
    with torch.no_grad():
        inside = net(torch.full((1, 1, 96, 96), 0.3))[0, 0, 40:56, 40:56]
    assert (inside - inside[0, 0]).abs().max() < 1e-5


def test_what_is_given_reaches_each_size_of_the_u_net():
    """Without what comes up from below, an image still comes through, and without what comes across another one."""
    net, image = UNetGenerator(1, 1, 4, 2).eval(), torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        whole = net(image)
        for name in ("below", "across"):
            kept = [up[0].weight.clone() for up in net.up]
            for up in net.up:
                width = up[0].out_channels
                up[0].weight[:, slice(width, None) if name == "below" else slice(width)] = 0
            assert net(image).std() > 1e-4
            assert not torch.allclose(net(image), whole)
            for up, weight in zip(net.up, kept, strict=True):
                up[0].weight.copy_(weight)
