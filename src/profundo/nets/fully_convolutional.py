"""A fully convolutional net: a net that classifies images, slid over a larger one (Long, Shelhamer & Darrell 2015, "Fully
convolutional networks for semantic segmentation").

    3×3 convolutions, halved `depth` times ─► scores S_d by a 1×1 convolution of the last maps, S_{d−1} and S_{d−2} of those before
    answer = as large as the image( S_{d−2} + twice as large( S_{d−1} + twice as large( S_d ) ) )

What is there is decided from far, where are the edges from the two finer maps: with five halvings this is the paper's FCN-8s. It has
no path up with features of its own, which is what U-Net added; enlarging is bilinear, as the paper's is at first.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.init import drawn_once
from profundo.nets.net_names import check
from profundo.nets.unet import convolved, enlarged
from profundo.records import ProfundoError, Spec

__all__ = ["FullyConvolutional", "fully_convolutional"]

FUSED = 3  # maps that have scores
LARGE = 256  # pixels of the shorter side, from which on images are halved five times


class FullyConvolutional(nn.Module):
    """Images (batch, channels, height, width) → (batch, outputs, height, width), logits or standardised numbers."""

    def __init__(self, channels: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [width << min(level, 3) for level in range(depth + 1)]  # up to eight times as wide, as VGG
        self.down = nn.ModuleList(convolved(a, b, b) for a, b in zip([channels, *widths], widths, strict=False))
        self.scores = nn.ModuleList(nn.Conv2d(a, outputs, 1) for a in widths[-FUSED:])

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        step = 1 << (len(self.down) - 1)
        x, maps = F.pad(images, (0, -width % step, 0, -height % step), mode="replicate"), []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            maps.append(x)
        *finer, result = (layer(seen) for layer, seen in zip(self.scores, maps[-FUSED:], strict=True))
        for score in reversed(finer):
            result = score + enlarged(result, 2)
        return enlarged(result, step >> (FUSED - 1))[:, :, :height, :width]


def fully_convolutional(spec: Spec, width: int = 16, depth: int | None = None) -> FullyConvolutional:
    """An answer for each pixel (Long et al. 2015), in images of any size.

    width: channels at full size, doubled at each of the first three halvings; depth: halvings, by default 5 for images of 256 pixels
    and more, 3 for smaller ones.
    """
    check("fully_convolutional", spec)
    channels, *sides = spec.inputs.shape
    chosen = (5 if min(sides) >= LARGE else FUSED) if depth is None else depth
    if not (FUSED - 1 <= chosen <= 8 and 1 <= width <= 1024):
        raise ProfundoError(
            f"net fully_convolutional: expected a depth from {FUSED - 1} to 8 and a width from 1 to 1,024, got {chosen} and {width}"
        )
    return drawn_once(lambda: FullyConvolutional(channels, spec.outputs, width, chosen))
