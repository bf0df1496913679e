"""Images of another domain than those that were learned from: the same things, seen otherwise.

coloured     |image − patch|, in each channel: before a piece of a photograph, as MNIST-M (Ganin et al. 2016, section 5.2.4)
enlarged     few pixels made many, straight lines between them: scikit-learn's digits of 8×8 beside MNIST's, as USPS's are
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from profundo.records import ProfundoError

__all__ = ["coloured", "enlarged", "in_colour"]


def in_colour(images: Tensor) -> Tensor:
    """uint8 (n, 1 or 3, height, width) → (n, 3, height, width). Raises ProfundoError for other channels."""
    if images.shape[1] not in (1, 3):
        raise ProfundoError(f"expected images in grey or colour, 1 or 3 channels, found {images.shape[1]}")
    return images.expand(-1, 3, -1, -1)


def coloured(images: Tensor, photographs: Sequence[Tensor], draws: Generator) -> Tensor:
    """uint8 (n, 3, height, width): images (n, 1 or 3, height, width), each before another patch of the photographs, uint8 (3, h, w).

    A photograph is drawn as often as it has pixels. Raises ProfundoError for one that is smaller than an image.
    """
    height, width = images.shape[2:]
    for photo in photographs:
        if photo.shape[1] < height or photo.shape[2] < width:
            raise ProfundoError(
                f"photographs: expected {width}×{height} pixels or more, to cut patches of, found one of "
                f"{photo.shape[2]}×{photo.shape[1]}"
            )
    shares = torch.tensor([float(photo[0].numel()) for photo in photographs])
    taken = torch.multinomial(shares, len(images), True, generator=draws)
    places = torch.rand(len(images), 2, generator=draws)
    result = in_colour(images).clone()
    for number in torch.unique(taken).tolist():
        own = (taken == number).nonzero().squeeze(1)
        behind = patches(photographs[number], places[own], (height, width)).short()
        result[own] = (result[own].short() - behind).abs().to(torch.uint8)
    return result


def patches(photo: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, 3, height, width) of a photograph (3, h, w). places: (n, 2) in [0, 1), from its upper left to its lower right."""
    sides = torch.tensor([whole - part + 1 for whole, part in zip(photo.shape[1:], size, strict=True)])
    top, left = (places * sides).long().T
    rows, columns = top[:, None] + torch.arange(size[0]), left[:, None] + torch.arange(size[1])
    return photo[:, rows[:, :, None], columns[:, None, :]].transpose(0, 1)


def enlarged(images: Tensor, size: Sequence[int]) -> Tensor:
    """uint8 (n, 3, *size), whatever the images' size (n, 1 or 3, height, width)."""
    made = F.interpolate(in_colour(images).float(), tuple(size), mode="bilinear", antialias=True, align_corners=False)
    return made.round().clamp(0, 255).to(torch.uint8)
