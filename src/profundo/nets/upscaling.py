"""Nets that make images larger, and sharper than interpolation does.

    srcnn    three convolutions on the image that bicubic interpolation enlarged (Dong et al. 2014)
    espcn    convolutions on the small image; the last gives scale² values for each pixel (Shi et al. 2016)
    edsr     the same with residual blocks without normalisation (Lim et al. 2017), here few and narrow

All take and give brightness, the channel in which the eye sees detail: (batch, 1, height, width) of values from 0 to 1 →
(batch, 1, scale · height, scale · width), hardly beyond. Other than in the papers, all learn only what bicubic interpolation
lacks (Kim et al. 2016), begin with nothing, which is bicubic interpolation itself, and continue an image by its edges.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.init import initialize_
from profundo.records import ProfundoError

__all__ = ["SuperResolution", "bicubic", "edsr", "espcn", "srcnn"]

SCALES = (2, 3, 4)
GREY = 0.5  # taken away from what a net sees: about zero, units live longer
CUBIC_REACH = 2  # pixels to each side from which a cubic interpolation takes


def bicubic(images: Tensor, scale: int) -> Tensor:
    """Images (batch, channels, height, width), `scale` times as high and as wide, by Keys's cubic of a = −½ (Keys 1981)."""
    sides = [scale * side for side in images.shape[2:]]
    return F.interpolate(images, sides, mode="bicubic", antialias=True)  # without antialias, a would be −¾


class SuperResolution(nn.Module):
    """Bicubic interpolation, and what `detail` adds to it.

    detail: from the small images to what is added to the large; enlarges_first: from the interpolated ones instead.
    """

    def __init__(self, detail: nn.Sequential, scale: int, *, enlarges_first: bool = False) -> None:
        super().__init__()
        if scale not in SCALES:
            raise ProfundoError(f"super-resolution: expected a scale of 2, 3 or 4, got {scale}")
        self.detail, self.scale, self.enlarges_first = initialize_(detail), scale, enlarges_first
        nn.init.zeros_(self.convolutions[-1].weight)

    @property
    def convolutions(self) -> list[nn.Conv2d]:
        return [layer for layer in self.detail.modules() if isinstance(layer, nn.Conv2d)]

    @property
    def reach(self) -> int:
        """Pixels of the small image, to each side, on which a pixel of the large one can depend at most."""
        return CUBIC_REACH + sum(layer.kernel_size[0] // 2 for layer in self.convolutions)

    def forward(self, images: Tensor) -> Tensor:
        large = bicubic(images, self.scale)
        added: Tensor = self.detail((large if self.enlarges_first else images) - GREY)
        return large + added


def convolution(channels: int, outputs: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(channels, outputs, side, padding=side // 2, padding_mode="replicate")


def srcnn(scale: int, width: int = 64) -> SuperResolution:
    """Patches are extracted, mapped and put together: 9×9, 1×1 and 5×5, of `width` and half as many channels."""
    half = max(1, width // 2)
    layers = nn.Sequential(
        convolution(1, width, 9), nn.ReLU(), convolution(width, half, 1), nn.ReLU(), convolution(half, 1, 5)
    )
    return SuperResolution(layers, scale, enlarges_first=True)


def espcn(scale: int, width: int = 64) -> SuperResolution:
    """5×5 and 3×3, of `width` and half as many channels, then scale² channels that become pixels. ReLU for the paper's tanh."""
    half = max(1, width // 2)
    layers = nn.Sequential(
        convolution(1, width, 5),
        nn.ReLU(),
        convolution(width, half, 3),
        nn.ReLU(),
        convolution(half, scale**2, 3),
        nn.PixelShuffle(scale),
    )
    return SuperResolution(layers, scale)


class ResidualBlock(nn.Module):
    """x + two convolutions of it with a ReLU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(convolution(width, width, 3), nn.ReLU(), convolution(width, width, 3))

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.layers(x)
        return x + changed


def edsr(scale: int, width: int = 32, blocks: int = 4) -> SuperResolution:
    """Residual blocks on the small image, then scale² channels that become pixels (the paper's: 32 blocks of 256 channels)."""
    layers = nn.Sequential(
        convolution(1, width, 3),
        *(ResidualBlock(width) for _ in range(blocks)),
        convolution(width, scale**2, 3),
        nn.PixelShuffle(scale),
    )
    return SuperResolution(layers, scale)
