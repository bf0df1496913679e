"""A feature pyramid: maps of one width at several sizes, each of which knows what the smaller ones see (Lin et al. 2017,
"Feature pyramid networks for object detection").

    C_l = what the backbone sees at 1/s_l of the side        P_l = 3×3(1×1(C_l) + twice as large(P_{l+1}))

Going down sees what is there, coming up keeps where. An object is looked for on the level that suits its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.init import drawn_once
from profundo.nets.net_names import check
from profundo.nets.resnets import Basic
from profundo.records import ProfundoError, Spec

__all__ = ["Backbone", "Pyramid", "SmallBackbone", "centres", "continued", "pyramid_of"]


class Backbone(nn.Module):
    """What a pyramid stands on. channels: of its maps; strides: pixels of the image between neighbours of each, rising."""

    channels: Sequence[int]
    strides: Sequence[int]


class SmallBackbone(Backbone):
    """Residual blocks (He et al. 2015) from half the side on: (batch, channels, height, width) → three maps at 1/s, 1/2s, 1/4s.

    width: channels at s, doubled at each halving; finest: s, 4 or 8.
    """

    def __init__(self, channels: int, width: int, blocks: int = 1, finest: int = 4) -> None:
        super().__init__()
        first = max(8, width // 2)
        stem: list[nn.Module] = [nn.Conv2d(channels, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU()]
        if finest == 8:
            stem.append(Basic(first, first, 2))
        self.stem = nn.Sequential(*stem)
        self.channels = [width << level for level in range(3)]
        self.strides = [finest << level for level in range(3)]
        before = [first, *self.channels]
        self.stages = nn.ModuleList(stage(a, b, blocks) for a, b in zip(before, self.channels, strict=False))

    def forward(self, images: Tensor) -> list[Tensor]:
        x, maps = self.stem(images), []
        for block in self.stages:
            x = block(x)
            maps.append(x)
        return maps


def stage(channels: int, width: int, blocks: int) -> nn.Sequential:
    """So many residual blocks, the first of which halves the side."""
    return nn.Sequential(Basic(channels, width, 2), *(Basic(width, width, 1) for _ in range(blocks - 1)))


class Pyramid(nn.Module):
    """Images whose sides are multiples of the coarsest stride → maps (batch, width, height / s, width / s), one for each stride."""

    def __init__(self, backbone: Backbone, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.width = width
        self.strides = list(backbone.strides)
        self.across = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in backbone.channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in backbone.channels)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [layer(seen) for layer, seen in zip(self.across, self.backbone(images), strict=True)]
        for level in reversed(range(len(maps) - 1)):
            maps[level] = maps[level] + F.interpolate(maps[level + 1], scale_factor=2.0, mode="nearest")
        return [layer(seen) for layer, seen in zip(self.smooth, maps, strict=True)]


def pyramid_of(net: str, spec: Spec, width: int, finest: int) -> Pyramid:
    """What the detector of that name stands on: maps of 2 · width channels, the first at 1/finest of the side. Raises ProfundoError
    for data without objects to find, and for sizes that it cannot have."""
    check(net, spec)
    if spec.inputs.kind not in ("image", "array") or len(spec.inputs.shape) != 3:
        raise ProfundoError(f"net {net}: expected images (channels, height, width), the data have {spec.inputs.things}")
    if not 4 <= width <= 512 or finest not in (4, 8):
        raise ProfundoError(f"net {net}: expected a width from 4 to 512 and 4 or 8 as finest, got {width} and {finest}")
    return drawn_once(lambda: Pyramid(SmallBackbone(spec.inputs.shape[0], width, finest=finest), 2 * width))


def continued(images: Tensor, step: int) -> Tensor:
    """The images with edges repeated right and below, until their sides are multiples of the step; places stay what they are."""
    height, width = images.shape[2:]
    return F.pad(images, (0, -width % step, 0, -height % step), mode="replicate")


def centres(maps: Sequence[Tensor], strides: Sequence[int]) -> list[Tensor]:
    """float32 (height · width, 2) of each map: the pixel x and y at which the place in row i and column j looks, s (j + ½) and
    s (i + ½)."""
    result = []
    for seen, stride in zip(maps, strides, strict=True):
        y, x = (stride * (torch.arange(length, device=seen.device) + 0.5) for length in seen.shape[2:])
        result.append(torch.stack([x.repeat(len(y)), y.repeat_interleave(len(x))], 1))
    return result
