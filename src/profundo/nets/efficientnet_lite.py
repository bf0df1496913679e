"""EfficientNet-Lite0: a net for ImageNet that is small enough for a laptop (Tan & Le 2019, "EfficientNet"; Liu 2020, Lite).

A 3×3 convolution, sixteen inverted residual blocks (Sandler et al. 2018), a 1×1 convolution to 1,280 features, their mean
over the image, and a dense layer. A block widens its channels six times (1×1), convolves each by itself (3×3 or 5×5), and
narrows them again (1×1, without an activation); where the shape stays, its input is added. Lite leaves out squeeze and
excitation, and takes ReLU6 in place of swish. 4,652,008 parameters and 0.39 · 10⁹ products for 1,000 classes at 224×224.

Borders are TensorFlow's "SAME", in which it was trained: of the zeros around an image, an odd one lies right and below.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from profundo.nets.init import drawn_once
from profundo.nets.net_names import check, of_a_spec
from profundo.records import ProfundoError, Spec

__all__ = ["EfficientNetLite", "InvertedResidual", "efficientnet_lite0"]

STAGES = (  # blocks, kernel, stride of the first, how many times wider inside, channels that come out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, FEATURES = 32, 1280
Sides = tuple[int, ...]  # (height, width)


def convolution(
    sides: Sides, channels: int, features: int, kernel: int, stride: int = 1, *, groups: int = 1, active: bool = True
) -> nn.Sequential:
    """Zeros around the image, convolution, batch normalisation and, if active, ReLU6: (batch, features, ⌈height/stride⌉,
    ⌈width/stride⌉)."""
    height, width = (_zeros(side, kernel, stride) for side in sides)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    even = height[0] == height[1] and width[0] == width[1]
    if not even:
        layers["pad"] = nn.ZeroPad2d((*width, *height))
    padding = (height[0], width[0]) if even else 0
    layers["conv"] = nn.Conv2d(channels, features, kernel, stride, padding, groups=groups, bias=False)
    layers["norm"] = nn.BatchNorm2d(features, eps=1e-3, momentum=0.01)
    if active:
        layers["relu"] = nn.ReLU6()
    return nn.Sequential(layers)


def _zeros(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Before and after, so that ⌈side/stride⌉ windows fit."""
    every = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return every // 2, every - every // 2


def _smaller(sides: Sides, stride: int) -> Sides:
    return tuple(-(-side // stride) for side in sides)


class InvertedResidual(nn.Module):
    """x + project(depthwise(expand(x))); without x where the shape changes, without expand where it is as wide inside."""

    def __init__(self, sides: Sides, channels: int, features: int, kernel: int, stride: int, wider: int) -> None:
        super().__init__()
        inside = wider * channels
        self.expand = convolution(sides, channels, inside, 1) if wider > 1 else nn.Identity()
        self.depthwise = convolution(sides, inside, inside, kernel, stride, groups=inside)
        self.project = convolution(_smaller(sides, stride), inside, features, 1, active=False)
        self.has_shortcut = stride == 1 and channels == features

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.has_shortcut else y


class EfficientNetLite(nn.Sequential):
    """stem, blocks, head, then average, flatten, dropout and output. width: multiplies the channels."""

    def __init__(self, channels: int, sides: Sides, outputs: int, width: float, dropout: float) -> None:
        super().__init__()

        def wide(number: int) -> int:
            return max(1, round(number * width))

        self.stem = convolution(sides, channels, wide(STEM), 3, 2)
        channels, sides, blocks = wide(STEM), _smaller(sides, 2), []
        for count, kernel, stride, wider, features in STAGES:
            for step in [stride] + [1] * (count - 1):
                blocks.append(InvertedResidual(sides, channels, wide(features), kernel, step, wider))
                channels, sides = wide(features), _smaller(sides, step)
        self.blocks = nn.Sequential(*blocks)
        self.head = convolution(sides, channels, wide(FEATURES), 1)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(wide(FEATURES), outputs)


@of_a_spec
def efficientnet_lite0(spec: Spec, width: float = 1.0, dropout: float = 0.2) -> EfficientNetLite:
    """width: multiplies the number of channels; dropout: share of the features that the output layer does without."""
    check("efficientnet_lite0", spec)
    if not 0 < width <= 4 or not 0 <= dropout < 1:
        raise ProfundoError(
            f"efficientnet_lite0: expected a width in (0, 4] and a dropout in [0, 1), got {width!r} and {dropout!r}"
        )
    channels, *sides = spec.inputs.shape
    return drawn_once(lambda: EfficientNetLite(channels, tuple(sides), spec.outputs, width, dropout))
