"""How near made colours come to the true ones, and how colourful they are.

RMSE            √ mean ‖ab − ab*‖², in units of Lab; the mean over pixels
area            the area under the share of pixels whose ab errs by at most t, over t from 0 to 150 (Deshpande, Rock & Forsyth
                2015; Zhang, Isola & Efros 2016, section 3.1): 1 where all is right; with weights, rare colours count more
colourfulness   Hasler & Süsstrunk 2003, "Measuring colourfulness in natural images", section 7: 0 is grey, 109 "extremely" so
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["area_of_near", "colour_rmse", "colourfulness"]

FARTHEST = 150.0  # units of a and b: beyond, all errors are alike


def colour_rmse(made: Tensor, truth: Tensor) -> Tensor:
    """A scalar, of a and b of (images, 2, height, width). Raises ProfundoError for other shapes."""
    return distances(made, truth).square().mean().sqrt()


def area_of_near(made: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
    """A scalar from 0 to 1: the mean of 1 − min(distance, 150) / 150, which is that area. weights: (images, height, width), what
    each pixel counts."""
    near = (1 - distances(made, truth) / FARTHEST).clamp(min=0)
    return near.mean() if weights is None else (weights * near).sum() / weights.sum()


def distances(made: Tensor, truth: Tensor) -> Tensor:
    """float64 (images, height, width)."""
    if made.shape != truth.shape or made.ndim != 4 or made.shape[1] != 2:
        raise ProfundoError(
            f"colours: expected two tensors (images, 2, height, width) of one shape, a and b, got {tuple(made.shape)} and "
            f"{tuple(truth.shape)}"
        )
    return (made.double() - truth.double()).square().sum(1).sqrt()


def colourfulness(images: Tensor) -> Tensor:
    """√(σ²_rg + σ²_yb) + 0.3 √(μ²_rg + μ²_yb) of each image, (images,), with rg = R − G and yb = (R + G) / 2 − B. images: uint8
    (images, 3, height, width) of sRGB."""
    red, green, blue = images.double().flatten(2).unbind(1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue])
    spread, mean = opponents.std(2, correction=0), opponents.mean(2)
    return spread.square().sum(0).sqrt() + 0.3 * mean.square().sum(0).sqrt()
