"""Numbers of any size as grey pixels: filters, feature maps, whatever a unit makes of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profundo.pictures.image_grid import image_svg

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["as_pixels", "tiles_svg"]

SMALLEST = 12  # pixels a side; smaller ones are enlarged, so that the gaps between them stay thin
TILE = 60  # pixels of the page that one takes, at most


def as_pixels(values: Tensor, *, each: bool = False) -> Tensor:
    """uint8 of the same shape. Without negative ones black is 0; else grey is 0, black and white the largest of either sign.

    each: every one of the first axis has its own scale; otherwise all have the same, so that they can be compared.
    """
    values = values.float().nan_to_num(0, 0, 0)
    rest = tuple(range(1 if each else 0, values.ndim))
    largest = values.abs().amax(rest, keepdim=True).clamp_min(1e-12)
    scaled = values / largest * 255 if bool((values >= 0).all()) else 127.5 + values / largest * 127.5
    return scaled.round().byte()


def tiles_svg(images: Tensor, title: str, columns: int = 8) -> str:
    """uint8 images (images, channels, height, width) side by side."""
    times = -(-SMALLEST // max(images.shape[-2:]))
    large = images.repeat_interleave(times, -2).repeat_interleave(times, -1)
    columns = min(columns, len(images))
    return image_svg(large, columns, title).replace("<svg ", f'<svg style="max-width:{TILE * columns}px" ', 1)
