"""What a feature pyramid stands on: maps of an image at rising strides. A small residual net that is made for it, or a net for
ImageNet, read where it halves its maps, which may begin with published weights.

    net = build("fcos", spec, backbone="efficientnet_lite0")
    begin_with(net, published_net("efficientnet_lite0", …))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from profundo.nets.efficientnet_lite import EfficientNetLite, efficientnet_lite0
from profundo.nets.resnets import Basic, ImageNetResidual, resnet18
from profundo.records import ProfundoError, Spec, Targets

__all__ = ["Backbone", "BackboneName", "SmallBackbone", "Tapped", "begin_with", "tapped"]

BackboneName = Literal["small", "resnet18", "efficientnet_lite0"]

STRIDES = [4, 8, 16, 32]  # at which a net for ImageNet is read
LITE_ENDS = (
    0,
    4,
    6,
    12,
    17,
)  # of EfficientNet-Lite0's stem and sixteen blocks: where a part for each stride begins and ends


class Backbone(nn.Module):
    """channels: of its maps; strides: pixels of the image between neighbours of each, rising by twos."""

    channels: Sequence[int]
    strides: Sequence[int]


class SmallBackbone(Backbone):
    """Residual blocks (He et al. 2015) from half the side on: (batch, channels, height, width) → three maps at 1/s, 1/2s, 1/4s.

    width: channels at s, doubled at each halving; finest: s, 4 or 8.
    """

    def __init__(self, channels: int, width: int, finest: int) -> None:
        super().__init__()
        first = max(8, width // 2)
        stem: list[nn.Module] = [nn.Conv2d(channels, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU()]
        if finest == 8:
            stem.append(Basic(first, first, 2))
        self.stem = nn.Sequential(*stem)
        self.channels, self.strides = [width << level for level in range(3)], [finest << level for level in range(3)]
        before = [first, *self.channels]
        self.stages = nn.ModuleList(Basic(a, b, 2) for a, b in zip(before, self.channels, strict=False))

    def forward(self, images: Tensor) -> list[Tensor]:
        x, maps = self.stem(images), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Tapped(Backbone):
    """The layers of a net, cut into `parts`, one for each of the strides from `finest` on: the first ends at that stride."""

    def __init__(self, parts: Sequence[nn.Module], channels: Sequence[int], finest: int) -> None:
        super().__init__()
        first = STRIDES.index(finest)
        self.parts = nn.ModuleList([nn.Sequential(*parts[: first + 1]), *parts[first + 1 :]])
        self.channels, self.strides = list(channels[first:]), STRIDES[first:]

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = []
        for part in self.parts:
            images = part(images)
            maps.append(images)
        return maps


def tapped(net: nn.Module, finest: int) -> Tapped:
    """What comes before the average over the image of a net for ImageNet."""
    if isinstance(net, ImageNetResidual):
        layers = list(net.children())
        parts = [nn.Sequential(*layers[:5]), *layers[5:8]]
    elif isinstance(net, EfficientNetLite):
        layers = [net.stem, *net.blocks]
        parts = [nn.Sequential(*layers[a:b]) for a, b in pairwise(LITE_ENDS)]
    else:
        raise ProfundoError(
            f"backbone: expected a net for ImageNet, resnet18 or efficientnet_lite0, got {type(net).__name__}"
        )
    return Tapped(parts, widths(parts), finest)


def widths(parts: Sequence[nn.Module]) -> list[int]:
    """Channels that come out of each: those of its last convolution."""
    return [[layer for layer in part.modules() if isinstance(layer, nn.BatchNorm2d)][-1].num_features for part in parts]


def backbone_of(name: BackboneName, spec: Spec, width: int, finest: int) -> Backbone:
    channels, *sides = spec.inputs.shape
    if name == "small":
        return SmallBackbone(channels, width, finest)
    # Sides as the pyramid continues images to, and of 64 pixels at least: for smaller ones these nets begin otherwise.
    shape = (channels, *(max(64, -(-side // STRIDES[-1]) * STRIDES[-1]) for side in sides))
    seen = Spec(replace(spec.inputs, shape=shape, kind="image"), Targets("classes", ("a", "b")))
    return tapped(resnet18(seen) if name == "resnet18" else efficientnet_lite0(seen), finest)


@torch.no_grad()
def begin_with(detector: nn.Module, published: nn.Module) -> None:
    """Give a detector's backbone the weights of a net for ImageNet of the same kind, in place."""
    own = next((part for part in detector.modules() if isinstance(part, Tapped)), None)
    if own is None:
        raise ProfundoError(
            "backbone: published weights are for backbone resnet18 or efficientnet_lite0, not the small one"
        )
    weights = tapped(published, own.strides[0]).state_dict()
    if {name: part.shape for name, part in weights.items()} != {n: part.shape for n, part in own.state_dict().items()}:
        raise ProfundoError(
            f"backbone: expected the net that it is made of, got the weights of another {type(published).__name__}"
        )
    own.load_state_dict(weights)
