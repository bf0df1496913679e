"""What colour a pixel has: brighter, flatter, paler, another hue; and noise.

Standardised values are taken back to intensities from 0 to 1, changed there, clipped there, and standardised again.
Three channels are red, green and blue; of four, the last is the opacity and stays; one is grey, which has neither
saturation nor hue, and so are any other number.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from profundo.data.standard import constant
from profundo.records import Inputs, ProfundoError, Samples

__all__ = ["Units", "colour", "luma", "noise", "of_contrast", "of_hue", "of_saturation", "value_range"]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, which JPEG and Pillow use


@dataclass(frozen=True, slots=True)
class Units:
    """standardised = (raw − mean) / std by channel; raw values lie from low to high."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: float
    high: float

    def intensities(self, values: Tensor) -> Tensor:
        """From 0 to 1."""
        raw = values * _by_channel(self.std, values) + _by_channel(self.mean, values)
        return (raw - self.low) / (self.high - self.low)

    def standardised(self, intensities: Tensor) -> Tensor:
        raw = intensities * (self.high - self.low) + self.low
        return (raw - _by_channel(self.mean, raw)) / _by_channel(self.std, raw)

    def clipped(self, values: Tensor) -> Tensor:
        bounds = torch.zeros_like(values[:1, :, :1, :1])
        return values.clamp(self.standardised(bounds), self.standardised(bounds + 1))


def value_range(samples: Samples) -> tuple[float, float]:
    """Least and most that a raw value can be: of 8-bit images 0 and 255; of others 0 and 1 where they lie in there,
    else what they reach."""
    inputs = samples.inputs
    if not isinstance(inputs, Tensor) or inputs.dtype == torch.uint8 or not inputs.numel():
        return 0.0, 255.0
    low, high = float(inputs.min()), float(inputs.max())
    return (0.0, 1.0) if 0 <= low <= high <= 1 else (low, high)


def units(inputs: Inputs, values: tuple[float, float]) -> Units:
    """Raises ProfundoError for values without a range."""
    low, high = values
    if not low < high:
        raise ProfundoError(f"augmentation: expected values from a least to a larger most, got {low:g} to {high:g}")
    channels = inputs.shape[0]
    return Units(inputs.mean or (0.0,) * channels, inputs.std or (1.0,) * channels, low, high)


def colour(
    images: Tensor,
    generator: Generator,
    *,
    units: Units,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
) -> Tensor:
    """Brightness, contrast, saturation times a factor from 1 − b to 1 + b each; the hue turned by up to `hue` of a circle.

    As Howard 2013 (Some improvements on deep convolutional neural network based image classification), in this order.
    """
    coloured = images.shape[1] in (3, 4)
    strengths = (brightness, contrast, saturation, hue) if coloured else (brightness, contrast, 0.0, 0.0)
    if not any(strengths):
        return images
    draws = 2 * torch.rand(4, len(images), 1, 1, 1, generator=generator, device=images.device) - 1
    pixels = units.intensities(images)
    painted = pixels[:, :3] if coloured else pixels
    changes = (of_brightness, of_contrast, of_saturation)
    for change, strength, draw in zip(changes, strengths[:3], draws[:3], strict=True):
        if strength:
            painted = change(painted, 1 + strength * draw)
    if strengths[3]:
        painted = of_hue(painted, hue * draws[3])
    painted = torch.cat((painted, pixels[:, 3:]), 1) if coloured else painted
    changed = units.standardised(painted)
    return torch.cat((changed[:, :3], images[:, 3:]), 1) if images.shape[1] == 4 else changed


def of_brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    return (pixels * factor).clamp(0, 1)


def of_contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Away from the image's mean grey, or towards it."""
    mean = luma(pixels).mean((1, 2, 3), keepdim=True)
    return (mean + factor * (pixels - mean)).clamp(0, 1)


def of_saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Away from the grey of the same luma, or towards it."""
    grey = luma(pixels)
    return (grey + factor * (pixels - grey)).clamp(0, 1)


def of_hue(pixels: Tensor, turn: Tensor) -> Tensor:
    """Round the hexagon of HSV by this share of it; value and saturation stay.

    With chroma C = max − min, the hue H in sixths, and k = (n + H) mod 6, a channel is max − C · max(0, min(k, 4 − k, 1)),
    n = 5 for red, 3 for green, 1 for blue.
    """
    most, where = pixels.max(1, keepdim=True)
    chroma = most - pixels.amin(1, keepdim=True)
    after, before = pixels.roll(-1, 1), pixels.roll(1, 1)  # of red: green and blue
    sixths = ((after - before) / chroma.clamp_min(torch.finfo(pixels.dtype).tiny)).gather(1, where) + 2 * where
    k = (_by_channel((5.0, 3.0, 1.0), pixels) + sixths + 6 * turn) % 6
    return most - chroma * torch.minimum(k, 4 - k).clamp(0, 1)


def luma(pixels: Tensor) -> Tensor:
    """(batch, 1, height, width): how bright each pixel looks; of other than three channels, their mean."""
    if pixels.shape[1] != 3:
        return pixels.mean(1, keepdim=True)
    return (pixels * _by_channel(LUMA, pixels)).sum(1, keepdim=True)


def noise(inputs: Tensor, generator: Generator, *, units: Units | None, deviation: float) -> Tensor:
    """Gaussian, in standardised units; clipped to what images can be, where that is known."""
    if deviation == 0:
        return inputs
    draws = torch.randn(inputs.shape, generator=generator, device=inputs.device, dtype=inputs.dtype)
    noisy = inputs + deviation * draws
    return noisy if units is None else units.clipped(noisy)


def _by_channel(values: tuple[float, ...], like: Tensor) -> Tensor:
    return constant(values, 2, like.device, like.dtype)
