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

from profundo.nets.detectors.backbones import Backbone, BackboneName, backbone_of
from profundo.nets.init import drawn_once
from profundo.nets.net_names import check
from profundo.records import ProfundoError, Spec

__all__ = ["Pyramid", "centres", "continued", "pyramid_of"]


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


def pyramid_of(net: str, spec: Spec, width: int, finest: int, backbone: BackboneName) -> Pyramid:
    """What the detector of that name stands on: maps of 2 · width channels, the first at 1/finest of the side. Raises ProfundoError
    for data without objects to find, and for sizes that it cannot have."""
    check(net, spec)
    if spec.inputs.kind not in ("image", "array") or len(spec.inputs.shape) != 3:
        raise ProfundoError(f"net {net}: expected images (channels, height, width), the data have {spec.inputs.things}")
    if not 4 <= width <= 512 or finest not in (4, 8):
        raise ProfundoError(f"net {net}: expected a width from 4 to 512 and 4 or 8 as finest, got {width} and {finest}")
    return drawn_once(lambda: Pyramid(backbone_of(backbone, spec, width, finest), 2 * width))


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
