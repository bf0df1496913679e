"""AlexNet: five convolutions and three dense layers, the net that won ImageNet 2012.

year=2014, the default: "One weird trick for parallelizing convolutional neural networks" (Krizhevsky 2014), a single
column without response normalisation; in torchvision's variant, which its published weights have, with 256 maps instead
of 384 in the fourth convolution: 61,100,840 parameters.
year=2012: "ImageNet classification with deep convolutional neural networks" (Krizhevsky, Sutskever & Hinton 2012), the
two columns of two GPUs as convolutions in two groups, with response normalisation; 60,965,224 parameters.

Names of the layers are torchvision's, so that its files load (published.py). Both take 224×224 images and bring what
the convolutions give to 6×6 maps. Images below 64 pixels get another beginning, for the published one divides the side
by 32: a 5×5 convolution of stride 1 instead of 11×11 of stride 4, poolings that are padded by one pixel, and dense
layers as large as the maps that are left (4×4 of 32×32 pixels).
"""

from __future__ import annotations

from collections import OrderedDict
from math import prod

from torch import nn

from profundo.nets.init import drawn_once
from profundo.nets.net_names import check, of_a_spec
from profundo.records import ProfundoError, Spec

__all__ = ["alexnet"]


@of_a_spec
def alexnet(spec: Spec, year: int = 2014, width: float = 1.0, dropout: float = 0.5) -> nn.Sequential:
    """year: 2014 or 2012, of the paper. width: multiplies the number of channels and of hidden units. dropout: chance
    to drop an input of the hidden dense layers."""
    check("alexnet", spec)
    if year not in (2012, 2014) or not 0 < width <= 4:
        raise ProfundoError(
            f"alexnet: expected the year 2012 or 2014 and a width in (0, 4], got {year!r} and {width!r}"
        )
    return drawn_once(lambda: _alexnet(spec, year, width, dropout))


def _alexnet(spec: Spec, year: int, width: float, dropout: float) -> nn.Sequential:
    channels, *size = spec.inputs.shape
    is_small = min(size) < 64
    side = [-(-s // 8) for s in size] if is_small else [6, 6]
    hidden = _scaled(4096, width)
    features = _features(channels, year, width, is_small)
    maps = [layer.out_channels for layer in features if isinstance(layer, nn.Conv2d)][-1] * prod(side)
    classifier = [
        *(nn.Dropout(dropout), nn.Linear(maps, hidden), nn.ReLU()),
        *(nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU()),
        nn.Linear(hidden, spec.outputs),
    ]
    return nn.Sequential(
        OrderedDict(
            features=features,
            avgpool=nn.Identity() if is_small else nn.AdaptiveAvgPool2d(6),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*classifier),
        )
    )


def _features(channels: int, year: int, width: float, is_small: bool) -> nn.Sequential:
    """Convolutions (channels, kernel, groups); pooling after the first, the second and the last."""
    plans = {
        2014: [(64, 11, 1), (192, 5, 1), (384, 3, 1), (256, 3, 1), (256, 3, 1)],
        2012: [(96, 11, 1), (256, 5, 2), (384, 3, 1), (384, 3, 2), (256, 3, 2)],
    }
    layers: list[nn.Module] = []
    for number, (features, kernel, groups) in enumerate(plans[year]):
        features = 2 * _scaled(features / 2, width)  # even, for the groups
        if number == 0:
            first = (5, 1, 2) if is_small else (kernel, 4, 2)  # kernel, stride, padding
            layers.append(nn.Conv2d(channels, features, *first))
        else:
            layers.append(nn.Conv2d(channels, features, kernel, 1, kernel // 2, groups=groups))
        layers.append(nn.ReLU())
        if number < 2 and year == 2012:  # 5e-4: PyTorch divides α by the size, the paper does not
            layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
        if number in (0, 1, 4):
            layers.append(nn.MaxPool2d(3, 2, padding=1 if is_small else 0))
        channels = features
    return nn.Sequential(*layers)


def _scaled(number: float, width: float) -> int:
    return max(1, round(number * width))
