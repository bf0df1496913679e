"""How near an image comes to the true one, pixel by pixel: PSNR, and SSIM (Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality
assessment: from error visibility to structural similarity").

Both are of one channel, which by custom is brightness as television codes it, ITU-R BT.601: Y from 16 to 235, while the peak
counts as 255. So figures can be laid beside those of papers; they are 1.3 dB above what brightness from 0 to 255 would give.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["WINDOW", "luma", "psnr", "ssim"]

PEAK = 255.0
WINDOW, SIGMA = 11, 1.5  # pixels: the side of SSIM's Gaussian window and its standard deviation
STABLE = (0.01, 0.03)  # of the peak: what keeps quotients finite where an image is dark or flat
Y_OF_RGB, BLACK = (65.481, 128.553, 24.966), 16.0  # BT.601, of red, green and blue from 0 to 1


def luma(images: Tensor) -> Tensor:
    """uint8 (images, 3, height, width) of sRGB → float64 (images, 1, height, width), BT.601's Y from 16 to 235."""
    weights = torch.tensor(Y_OF_RGB, dtype=torch.float64, device=images.device).view(1, 3, 1, 1) / 255
    return BLACK + (images * weights).sum(1, keepdim=True)


def psnr(made: Tensor, truth: Tensor) -> Tensor:
    """10 log₁₀(255² / mean squared error) in decibels of each image (images, 1, height, width): (images,), ∞ where they are the
    same. Raises ProfundoError for other shapes."""
    check("psnr", made, truth, 1)
    error = (made.double() - truth.double()).square().flatten(1).mean(1)
    return 10 * (math.log10(PEAK**2) - error.log10())


def ssim(made: Tensor, truth: Tensor) -> Tensor:
    """The mean over all windows that lie inside of (2 μx μy + c₁)(2 σxy + c₂) / ((μx² + μy² + c₁)(σx² + σy² + c₂)), equation 13, of
    each image (images, 1, height, width): (images,), at most 1. Raises ProfundoError for other shapes and smaller sides than 11."""
    check("ssim", made, truth, WINDOW)
    x, y = made.double(), truth.double()
    mean_x, mean_y = weighted(x), weighted(y)
    spread = weighted(x * x) - mean_x**2 + weighted(y * y) - mean_y**2
    together = weighted(x * y) - mean_x * mean_y
    first, second = ((share * PEAK) ** 2 for share in STABLE)
    alike = (2 * mean_x * mean_y + first) / (mean_x**2 + mean_y**2 + first)
    return (alike * (2 * together + second) / (spread + second)).flatten(1).mean(1)


def weighted(images: Tensor) -> Tensor:
    """The Gaussian mean in each window, of those that lie inside: first down, then across."""
    places = torch.arange(WINDOW, dtype=torch.float64, device=images.device) - WINDOW // 2
    weights = torch.softmax(-(places**2) / (2 * SIGMA**2), 0)
    return F.conv2d(F.conv2d(images, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))


def check(name: str, made: Tensor, truth: Tensor, least: int) -> None:
    if made.shape != truth.shape or made.ndim != 4 or made.shape[1] != 1 or min(made.shape[2:]) < least:
        raise ProfundoError(
            f"{name}: expected two tensors (images, 1, height, width) of one shape, sides of {least} pixels or more, got "
            f"{tuple(made.shape)} and {tuple(truth.shape)}"
        )
