"""How much detail an image has, by its size: the power of its waves, from those as long as the image to those of two pixels.

    P(f) = Σ over (u, v) with |(u, v)| in the f-th of equal intervals of |F(u, v)|² / pixels²,      F the discrete Fourier transform

Detail that is made up counts as much as detail that is right: beside how far an image is from the true one, it says whether one
is blurred, which mean squared errors reward (Ledig et al. 2017, "Photo-realistic single image super-resolution").
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["fine_power", "power_spectrum"]

NYQUIST = 0.5  # cycles a pixel
FINE = 0.25  # cycles a pixel: waves shorter than four pixels, which an image half as large cannot hold


def power_spectrum(images: Tensor, bins: int = 24) -> tuple[Tensor, Tensor]:
    """The middles of equal intervals up to half a cycle a pixel, (bins,), and the power in each, (images, bins), in squared units of
    the images (images, 1, height, width). Means are taken away, and borders fade out (Hann's window), which would count as edges.
    Raises ProfundoError for other shapes."""
    frequencies, power = powers(images)
    which = (frequencies / NYQUIST * bins).long()
    inside = which < bins  # the corners are beyond
    sums = power.new_zeros(len(images), bins).index_add_(1, which[inside], power[:, inside])
    return (torch.arange(bins, dtype=torch.float64) + 0.5) * NYQUIST / bins, sums


def fine_power(images: Tensor) -> Tensor:
    """(images,): the power of waves of a quarter of a cycle a pixel or more."""
    frequencies, power = powers(images)
    return power[:, frequencies >= FINE].sum(1)


def powers(images: Tensor) -> tuple[Tensor, Tensor]:
    """Cycles a pixel of every wave, (waves,), and its power in each image, (images, waves)."""
    if images.ndim != 4 or images.shape[1] != 1 or min(images.shape[2:]) < 2:
        raise ProfundoError(
            f"power spectrum: expected images (images, 1, height, width), sides of 2 or more, got {tuple(images.shape)}"
        )
    height, width = images.shape[2:]
    fading = torch.outer(*(torch.hann_window(side, dtype=torch.float64) for side in (height, width)))
    fading = fading / fading.square().mean().sqrt()  # the power of noise stays what it is
    whole = images[:, 0].double().cpu()
    waves = torch.fft.fft2((whole - whole.mean((1, 2), keepdim=True)) * fading) / (height * width)
    down, across = (torch.fft.fftfreq(side, dtype=torch.float64) for side in (height, width))
    return torch.hypot(down[:, None], across).flatten(), waves.abs().square().flatten(1)
