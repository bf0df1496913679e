"""Numbers of any size as grey pixels: filters, feature maps, whatever a unit makes of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profundo.pictures import svg
from profundo.pictures.film import film
from profundo.pictures.image_grid import image_svg
from profundo.pictures.tables import Figure

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["as_pixels", "bars_of", "collage", "film_svg", "tiled", "tiles_svg"]

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


def tiles_svg(images: Tensor, title: str, columns: int = 8, tile: int = TILE) -> str:
    """uint8 images (images, channels, height, width) side by side, each at most `tile` pixels of the page wide."""
    times = -(-SMALLEST // max(images.shape[-2:]))
    large = images.repeat_interleave(times, -2).repeat_interleave(times, -1)
    columns = min(columns, len(images))
    return image_svg(large, columns, title).replace("<svg ", f'<svg style="max-width:{tile * columns}px" ', 1)


def tiled(images: Tensor, caption: str, columns: int = 8, tile: int = TILE) -> Figure:
    """The same with the words below, which are its title, too."""
    return Figure(tiles_svg(images, caption, columns, tile), caption)


def collage(places: Tensor, images: Tensor, across: int = 20) -> Tensor:
    """Images at their places in the plane, (samples, 2): uint8 (channels, height, width). Of those that would lie on each other the
    first stays; upwards is up."""
    low, high = places.amin(0), places.amax(0)
    cells = ((places - low) / (high - low).clamp_min(1e-12) * (across - 1e-3)).long()
    height, width = images.shape[-2:]
    whole = images.new_full((images.shape[1], across * height, across * width), 0)
    for at in range(len(images) - 1, -1, -1):
        column, row = cells[at, 0].item(), across - 1 - cells[at, 1].item()
        whole[:, row * height : (row + 1) * height, column * width : (column + 1) * width] = images[at]
    return whole


def film_svg(frames: Tensor, title: str, seconds: float = 0.4, *, on_paper: bool = False) -> str:
    """uint8 frames (frames, channels, height, width) that play round and round, in a drawing of their size. on_paper: what is
    white is the ground, and dark on a dark page."""
    from base64 import b64encode

    height, width = frames.shape[-2:]
    href = "data:image/png;base64," + b64encode(film(frames, seconds)).decode("ascii")
    image = svg.element("image", width=width, height=height, href=href)
    look = {
        "class_": "chart on-paper" if on_paper else "chart",
        "style": f"max-width:{width}px",
        "role": "img",
        "aria_label": title,
    }
    return svg.element("svg", image, viewBox=f"0 0 {width} {height}", **look)


def bars_of(counts: Tensor, height: int = 120, width: int = 5) -> Tensor:
    """Histograms (frames, bins) as frames of grey bars, uint8 (frames, 1, height, …); the highest bar of each fills it."""
    import torch

    highest = counts.amax(1, keepdim=True).clamp_min(1)
    tops = (1 - counts / highest) * height
    filled = torch.arange(height)[None, :, None] >= tops[:, None, :]
    bars = torch.where(filled, 90, 255).to(torch.uint8).repeat_interleave(width, 2)
    bars[:, :, ::width] = 255
    return torch.nn.functional.pad(bars, (width, width), value=255)[:, None]
