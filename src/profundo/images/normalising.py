"""Images of unequal light made alike, each by itself: the preprocessings whose columns Cireşan et al. (2012, "Multi-column deep
neural network for traffic sign classification", section 2.2) average. uint8 (images, channels, height, width) in and out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["NORMALISATIONS", "equalised", "local_contrast", "plain", "stretched"]

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
CUT = 0.01  # share of the pixels that may become black, and white


def plain(images: Tensor) -> Tensor:
    return images


def stretched(images: Tensor) -> Tensor:
    """Brightness from its 1st to its 99th percentile over all of 0 to 255 (MATLAB's imadjust); of a flat image as it is."""
    luma = _luma(images).flatten(1).sort(1).values
    last = luma.shape[1] - 1
    low, high = (luma[:, round(share * last)].view(-1, 1, 1, 1) for share in (CUT, 1 - CUT))
    span = high - low
    return _bytes(torch.where(span >= 1, (images - low) * (255 / span.clamp(min=1)), images.float()))


def equalised(images: Tensor) -> Tensor:
    """Brightness replaced by its rank: as many pixels of every one (histogram equalisation); colours are scaled with it."""
    luma = _luma(images)
    levels = luma.round().long().flatten(1)
    counts = torch.zeros(len(images), 256).scatter_add_(1, levels, torch.ones(levels.shape))
    darker = counts.cumsum(1)
    least = darker.masked_fill(counts == 0, float("inf")).amin(1, keepdim=True)
    total = darker[:, -1:]
    rank = 255 * (darker - least) / (total - least).clamp(min=1)
    wanted = torch.where(total > least, rank.gather(1, levels), levels.float()).view(luma.shape)
    return _bytes(images * (wanted / luma.clamp(min=1)))


def local_contrast(images: Tensor) -> Tensor:
    """Each channel less its surroundings (a difference of Gaussians, of 1 pixel and a fifth of the side), in units of its largest,
    about 128."""
    values = images.float()
    wide = max(images.shape[2:]) / 5
    difference = _blurred(values, 1.0) - _blurred(values, wide)
    largest = difference.abs().flatten(1).amax(1).clamp(min=1).view(-1, 1, 1, 1)
    return _bytes(128 + 127 * difference / largest)


NORMALISATIONS = {"plain": plain, "stretched": stretched, "equalised": equalised, "local-contrast": local_contrast}


def _luma(images: Tensor) -> Tensor:
    """float32 (images, 1, height, width)."""
    if images.shape[1] != 3:
        return images.float().mean(1, keepdim=True)
    return (images * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _blurred(values: Tensor, deviation: float) -> Tensor:
    """By a Gaussian, rows and columns in turn; beyond the edges the image goes on as it ends."""
    reach = max(1, round(3 * deviation))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1)
    channels = values.shape[1]
    across = F.conv2d(
        F.pad(values, (0, 0, reach, reach), "replicate"), kernel.expand(channels, 1, -1, 1), groups=channels
    )
    turned = kernel.transpose(2, 3).expand(channels, 1, 1, -1)
    return F.conv2d(F.pad(across, (reach, reach, 0, 0), "replicate"), turned, groups=channels)


def _bytes(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)
