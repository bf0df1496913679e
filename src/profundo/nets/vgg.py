"""VGG: many 3×3 convolutions (Simonyan & Zisserman 2014, "Very deep convolutional networks", table 1).

Configurations A, B, D and E: five runs of convolutions, each run ended by 2×2 max pooling, and three dense layers. The
batch normalisation of `batch_norm=True` is younger than the paper (Ioffe & Szegedy 2015): one after each convolution.
vgg16 has 138,357,544 parameters for 1,000 classes.

Names of the layers are torchvision's, so that its files load (published.py). The published form takes 224×224 images
and brings what the convolutions give to 7×7 maps. For images below 64 pixels two things differ: the average is over all
that is left (1×1 of 32×32 pixels), so that the first dense layer has 512 inputs instead of 25,088, and poolings keep
half windows.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from profundo.nets.init import drawn_once
from profundo.nets.net_names import check, of_a_spec
from profundo.records import ProfundoError, Spec

__all__ = ["CONVOLUTIONS", "vgg11", "vgg13", "vgg16", "vgg19"]

CONVOLUTIONS = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2, 2, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""How many in each of the five runs, of 64, 128, 256, 512 and 512 channels."""


@of_a_spec
def vgg11(spec: Spec, batch_norm: bool = False, width: float = 1.0, dropout: float = 0.5) -> nn.Sequential:
    """Configuration A. width: multiplies the number of channels and of hidden units."""
    return _vgg("vgg11", spec, batch_norm, width, dropout)


@of_a_spec
def vgg13(spec: Spec, batch_norm: bool = False, width: float = 1.0, dropout: float = 0.5) -> nn.Sequential:
    """Configuration B."""
    return _vgg("vgg13", spec, batch_norm, width, dropout)


@of_a_spec
def vgg16(spec: Spec, batch_norm: bool = False, width: float = 1.0, dropout: float = 0.5) -> nn.Sequential:
    """Configuration D."""
    return _vgg("vgg16", spec, batch_norm, width, dropout)


@of_a_spec
def vgg19(spec: Spec, batch_norm: bool = False, width: float = 1.0, dropout: float = 0.5) -> nn.Sequential:
    """Configuration E."""
    return _vgg("vgg19", spec, batch_norm, width, dropout)


def _vgg(name: str, spec: Spec, batch_norm: bool, width: float, dropout: float) -> nn.Sequential:
    check(name, spec)
    if not 0 < width <= 4:
        raise ProfundoError(f"{name}: expected a width in (0, 4], got {width!r}")
    is_small = min(spec.inputs.shape[1:]) < 64
    widths = [max(1, round(channels * width)) for channels in (64, 128, 256, 512, 512, 4096)]
    side = 1 if is_small else 7

    def undrawn() -> nn.Sequential:
        features = _features(spec.inputs.shape[0], widths[:5], CONVOLUTIONS[name], batch_norm, is_small)
        classifier = [
            *(nn.Linear(widths[4] * side * side, widths[5]), nn.ReLU(), nn.Dropout(dropout)),
            *(nn.Linear(widths[5], widths[5]), nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(widths[5], spec.outputs),
        ]
        return nn.Sequential(
            OrderedDict(
                features=features,
                avgpool=nn.AdaptiveAvgPool2d(side),
                flatten=nn.Flatten(),
                classifier=nn.Sequential(*classifier),
            )
        )

    return drawn_once(undrawn)


def _features(
    channels: int, widths: list[int], runs: tuple[int, ...], batch_norm: bool, is_small: bool
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for features, convolutions in zip(widths, runs, strict=True):
        for _ in range(convolutions):
            layers.append(nn.Conv2d(channels, features, 3, padding=1))
            layers += [nn.BatchNorm2d(features)] if batch_norm else []
            layers.append(nn.ReLU())
            channels = features
        layers.append(nn.MaxPool2d(2, ceil_mode=is_small))
    return nn.Sequential(*layers)
