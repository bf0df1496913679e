"""Residual networks for ImageNet (He, Zhang, Ren & Sun 2015, "Deep residual learning", table 1).

A 7×7 convolution and max pooling, four stages of blocks at 1/4 to 1/32 of the side, global average pooling and a dense
layer. Shortcuts are the input itself, or where the shape changes a 1×1 convolution (the paper's option B).
resnet50 halves the resolution in the 3×3 convolution of a bottleneck, as torchvision and Goyal et al. 2017 do (called
v1.5), where the paper does in the 1×1 before it; parameters and names are the same. 25,557,032 for 1,000 classes.

Names of the layers are torchvision's, so that its files load (published.py). Images below 64 pixels get another
beginning, a 3×3 convolution of stride 1 without pooling, or little would be left of them: 32×32 pixels then end as
4×4. The nets that He et al. trained on CIFAR-10 are others, narrower and deeper: residual.py.
"""

from __future__ import annotations

from torch import Tensor, nn

from profundo.nets.init import drawn_once
from profundo.nets.net_names import check, of_a_spec
from profundo.records import ProfundoError, Spec

__all__ = ["BLOCKS", "Basic", "Bottleneck", "ImageNetResidual", "resnet18", "resnet34", "resnet50"]

BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}


class Basic(nn.Module):
    """relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x)))))), both convolutions 3×3, the first with the stride."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        same = x if self.downsample is None else self.downsample(x)
        return self.relu(y + same)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """The same with three convolutions, 1×1 to fewer channels, 3×3 with the stride, and 1×1 to four times as many."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        features = self.expansion * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, features, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(features)
        self.relu = nn.ReLU()
        self.downsample = shortcut(channels, features, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        same = x if self.downsample is None else self.downsample(x)
        return self.relu(y + same)  # type: ignore[no-any-return]


def shortcut(channels: int, features: int, stride: int) -> nn.Sequential | None:
    """None where the input itself fits."""
    if stride == 1 and channels == features:
        return None
    return nn.Sequential(nn.Conv2d(channels, features, 1, stride, bias=False), nn.BatchNorm2d(features))


class ImageNetResidual(nn.Module):
    """blocks: of each of the four stages; width: channels of the first; see above for is_small."""

    def __init__(
        self,
        block: type[Basic | Bottleneck],
        blocks: tuple[int, ...],
        channels: int,
        width: int,
        outputs: int,
        is_small: bool,
    ) -> None:
        super().__init__()
        beginning = (3, 1, 1) if is_small else (7, 2, 3)  # kernel, stride, padding
        self.conv1 = nn.Conv2d(channels, width, *beginning, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if is_small else nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, count in enumerate(blocks):
            strides = [1 if stage == 0 else 2] + [1] * (count - 1)
            row = []
            for stride in strides:
                row.append(block(channels, width << stage, stride))
                channels = block.expansion * (width << stage)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*row))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, outputs)

    def forward(self, images: Tensor) -> Tensor:
        for layer in self.children():  # in the order in which they were made
            images = layer(images)
        return images


@of_a_spec
def resnet18(spec: Spec, width: float = 1.0) -> ImageNetResidual:
    """width: multiplies the number of channels."""
    return _resnet("resnet18", Basic, spec, width)


@of_a_spec
def resnet34(spec: Spec, width: float = 1.0) -> ImageNetResidual:
    return _resnet("resnet34", Basic, spec, width)


@of_a_spec
def resnet50(spec: Spec, width: float = 1.0) -> ImageNetResidual:
    return _resnet("resnet50", Bottleneck, spec, width)


def _resnet(name: str, block: type[Basic | Bottleneck], spec: Spec, width: float) -> ImageNetResidual:
    check(name, spec)
    if not 0 < width <= 4:
        raise ProfundoError(f"{name}: expected a width in (0, 4], got {width!r}")
    channels, *size = spec.inputs.shape
    first = max(1, round(64 * width))
    return drawn_once(
        lambda: ImageNetResidual(block, BLOCKS[name], channels, first, spec.outputs, is_small=min(size) < 64)
    )
