"""Nets that make an image of another one, and those that tell made images from real ones patch by patch.

    UNetGenerator          down and up again, with a way across at each size (Isola et al. 2017, "Image-to-image translation with
                           conditional adversarial networks", appendix 6.1)
    ResidualGenerator      down, residual blocks, up (Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent
                           adversarial networks", appendix 7.2, after Johnson et al. 2016)
    patch_discriminator    logits of patches that overlap, and no verdict about the whole (Isola et al. 2017, section 3.2.2)

Images (batch, channels, height, width) of values from −1 to 1 and of any size; generators end in tanh. Other than in the papers, what
grows is doubled by the nearest pixel and then convolved, so that no chequers come of it (Odena et al. 2016), the U-Net has a first
level at full size, as details of small images are of one pixel, and no dropout, which the paper takes for noise and finds to be
heeded little.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.init import initialize_
from profundo.nets.style_nets import Block, Convolution

__all__ = ["ResidualGenerator", "UNetGenerator", "patch_discriminator"]

LEAK = 0.2  # slope below zero of the rectifiers on the way down
SIGMA = 0.02  # standard deviation of a discriminator's first weights


class UNetGenerator(nn.Module):
    """width: channels at full size, doubled at each of `depth` halvings."""

    def __init__(self, channels: int, outputs: int, width: int = 16, depth: int = 3) -> None:
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        self.first = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(LEAK))
        self.down = nn.ModuleList(halving(above, below) for above, below in pairwise(widths))
        self.up = nn.ModuleList(joining(above, below) for above, below in pairwise(widths))
        self.last = nn.Conv2d(width, outputs, 3, padding=1)
        initialize_(self)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        step = 1 << len(self.down)
        x = self.first(F.pad(images, (0, -width % step, 0, -height % step), mode="replicate"))
        across: list[Tensor] = []
        for down in self.down:
            across.append(x)
            x = down(x)
        for up in reversed(self.up):
            x = up(torch.cat([across.pop(), F.interpolate(x, scale_factor=2.0)], 1))
        made: Tensor = self.last(x).tanh()
        return made[:, :, :height, :width]


def halving(channels: int, width: int, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1, bias=False), norm(width), nn.LeakyReLU(LEAK))


def joining(width: int, below: int) -> nn.Sequential:
    """Of what came across and of what came up, doubled."""
    return nn.Sequential(nn.Conv2d(width + below, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


class ResidualGenerator(nn.Module):
    """width: channels at full size, doubled at each of `halvings`; blocks: at the smallest size. Instance normalisation."""

    def __init__(self, channels: int, width: int = 16, blocks: int = 4, halvings: int = 1) -> None:
        super().__init__()
        widths = [width << level for level in range(halvings + 1)]
        layers: list[nn.Module] = [Convolution(channels, width, 7)]
        layers += [Convolution(above, below, 3, stride=2) for above, below in pairwise(widths)]
        layers += [Block(widths[-1]) for _ in range(blocks)]
        for above, below in reversed(list(pairwise(widths))):
            layers += [nn.Upsample(scale_factor=2.0), Convolution(below, above, 3)]
        layers += [nn.Conv2d(width, channels, 7, padding=3, padding_mode="reflect"), nn.Tanh()]
        self.layers = initialize_(nn.Sequential(*layers))

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.layers(images)
        return made[:, :, : images.shape[2], : images.shape[3]]  # of an odd side one more came up than went down


def patch_discriminator(
    channels: int, width: int = 32, halvings: int = 1, norm: Callable[[int], nn.Module] = nn.BatchNorm2d
) -> nn.Sequential:
    """Logits (batch, 1, fewer rows, fewer columns), high for what is real, each of a patch of 16, 34 or 70 pixels across and down for
    1, 2 or 3 halvings. channels: of the image, and of what it was made of, where that is to be heeded. norm: of each number of
    channels; the first layer has none."""
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(LEAK)]
    for level in range(halvings - 1):
        layers += halving(width << level, width << level + 1, norm)
    last = width << halvings
    layers += [nn.Conv2d(last // 2, last, 4, 1, 1, bias=False), norm(last), nn.LeakyReLU(LEAK)]
    return initialize_(nn.Sequential(*layers, nn.Conv2d(last, 1, 4, 1, 1)), sigma=SIGMA)
