"""Generators, which make images out of noise, and the discriminators and critics that tell them from real ones.

    dense_generator, maxout_discriminator    fully connected (Goodfellow et al. 2014)       images in [0, 1]
    dcgan_generator, dcgan_discriminator     convolutional (Radford et al. 2016)            images in [−1, 1]
    critic                                   the same without normalisation (Gulrajani et al. 2017)

A generator takes noise (batch, noise) ~ N(0, 1) and gives images (batch, *shape). A discriminator gives (batch, 1): the
log odds that an image is real, or a critic's score, which is no probability; neither has a sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from profundo.nets.fast import FlattenChannelsLast
from profundo.nets.init import initialize_
from profundo.nets.layers import Maxout
from profundo.records import ProfundoError

__all__ = [
    "critic",
    "dcgan_discriminator",
    "dcgan_generator",
    "dense_generator",
    "maxout_discriminator",
]

LEAK = 0.2  # slope below zero of the discriminators' rectifiers (Radford et al. 2016, section 4)
SIGMA = 0.02  # standard deviation of all initial weights (there, too)


def dense_generator(
    shape: Sequence[int], noise: int = 64, widths: Sequence[int] = (256, 512), *, normalise: bool = False
) -> nn.Sequential:
    """ReLU layers and a sigmoid. normalise: batch normalisation before each ReLU, which the paper of 2014 did not know."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise((noise, *widths)):
        layers += [nn.Linear(fan_in, fan_out, bias=not normalise), *([nn.BatchNorm1d(fan_out)] if normalise else [])]
        layers.append(nn.ReLU())
    layers += [nn.Linear((noise, *widths)[-1], prod(shape)), nn.Sigmoid(), nn.Unflatten(1, tuple(shape))]
    return initialize_(nn.Sequential(*layers))


def maxout_discriminator(
    shape: Sequence[int], units: int = 128, pieces: int = 3, dropout: float = 0.3
) -> nn.Sequential:
    """Two layers of maxout units with dropout, then one output (the paper's: 240 units of 5 pieces, on MNIST)."""
    net = nn.Sequential(
        nn.Flatten(),
        Maxout(prod(shape), units, pieces),
        nn.Dropout(dropout),
        Maxout(units, units, pieces),
        nn.Dropout(dropout),
        nn.Linear(units, 1),
    )
    return initialize_(net, "linear")


class UnflattenChannelsLast(nn.Module):
    """(batch, height · width · channels) → (batch, channels, height, width), without a copy: channels lie last."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.sizes = (height, width, channels)

    def forward(self, rows: Tensor) -> Tensor:
        return rows.view(-1, *self.sizes).permute(0, 3, 1, 2)


def dcgan_generator(shape: Sequence[int], noise: int = 64, width: int = 16) -> nn.Sequential:
    """Noise, projected to an eighth of the side, grows by three transposed convolutions of stride 2.

    4, 2 and 1 times `width` channels; batch normalisation and ReLU after every layer but the last, which ends in tanh.
    """
    channels, high, wide = quarter("dcgan_generator", shape)
    height, side = -(-high // 2), -(-wide // 2)
    net = nn.Sequential(
        nn.Linear(noise, 4 * width * height * side, bias=False),
        UnflattenChannelsLast(4 * width, height, side),
        nn.BatchNorm2d(4 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * width, 2 * width, (4 - high % 2, 4 - wide % 2), stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        nn.Tanh(),
    )
    return initialize_(net, sigma=SIGMA)


def dcgan_discriminator(shape: Sequence[int], width: int = 16) -> nn.Sequential:
    """Three convolutions of stride 2 and one linear output, leaky rectifiers; batch normalisation after all
    convolutions but the first, as in the paper."""
    return initialize_(nn.Sequential(*halvings("dcgan_discriminator", shape, width, normalise=True)), sigma=SIGMA)


def critic(shape: Sequence[int], width: int = 16) -> nn.Sequential:
    """The same without normalisation: the penalty is on the gradient for each image alone, and batch statistics would
    tie the images together (Gulrajani et al. 2017, section 4)."""
    return initialize_(nn.Sequential(*halvings("critic", shape, width, normalise=False)), "leaky_relu")


def halvings(net: str, shape: Sequence[int], width: int, *, normalise: bool) -> list[nn.Module]:
    channels, high, wide = quarter(net, shape)
    height, side = -(-high // 2), -(-wide // 2)
    return [
        nn.Conv2d(channels, width, 4, stride=2, padding=1),
        nn.LeakyReLU(LEAK),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=not normalise),
        *([nn.BatchNorm2d(2 * width)] if normalise else []),
        nn.LeakyReLU(LEAK),
        nn.Conv2d(2 * width, 4 * width, (4 - high % 2, 4 - wide % 2), stride=2, padding=1, bias=not normalise),
        *([nn.BatchNorm2d(4 * width)] if normalise else []),
        nn.LeakyReLU(LEAK),
        FlattenChannelsLast(),
        nn.Linear(4 * width * height * side, 1),
    ]


def quarter(net: str, shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels and a quarter of each side. Raises ProfundoError where the sides are no multiples of 4."""
    if len(shape) != 3 or shape[1] % 4 or shape[2] % 4:
        raise ProfundoError(f"{net}: expected images whose sides are multiples of 4, got {tuple(shape)}")
    return shape[0], shape[1] // 4, shape[2] // 4
