"""Where each place of one image is in another, shown: by colours of places, by colours of the way there, by pairs of points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from torch import Tensor

from profundo.images.colour_spaces import hsv_to_rgb

__all__ = ["by_place", "by_way", "padded", "place_colours", "spread_points", "with_points"]

# Lightness tells how far down, blue to orange how far across: two things that no kind of colour blindness confuses.
CORNERS = ((0x1B, 0x2F, 0x8C), (0x8A, 0x33, 0x00)), ((0xB9, 0xD6, 0xFF), (0xFF, 0xDD, 0x9E))
SHADE = 0.3  # of the image's own lightness in that of its places
SQUARES = 12  # of a board over the longer side, by which one sees how it is bent
LARGER = 2  # times, of images with points on them, so that figures can be read


def place_colours(height: int, width: int) -> Tensor:
    """float32 (3, height, width) from 0 to 1: a colour for each place, between those of the four corners."""
    down, across = (torch.linspace(0, 1, side) for side in (height, width))
    top, bottom = (torch.tensor(row, dtype=torch.float32).T[:, :, None] / 255 for row in CORNERS)
    sides = top + (bottom - top) * down  # (3, left and right, height)
    return sides[:, 0, :, None] + (sides[:, 1] - sides[:, 0])[:, :, None] * across


def by_place(image: Tensor, other: tuple[int, int], places: Tensor | None = None) -> Tensor:
    """uint8 (3, height, width): each place of an image, from 0 to 1, in the colour of the place where it is in the other, of that
    height and width, over which lies a board of squares; without places in that of its own."""
    colours = place_colours(*other) * board(*other)
    found = colours if places is None else colours[:, places[0], places[1]]
    grey = image.mean(0, keepdim=True)
    return ((found * (1 - SHADE) + grey * SHADE) * 255).round().to(torch.uint8)


def board(height: int, width: int) -> Tensor:
    """(height, width): every second of equal squares is darker."""
    side = max(1, -(-max(height, width) // SQUARES))
    rows, columns = (torch.arange(length) // side for length in (height, width))
    return 1 - 0.25 * ((rows[:, None] + columns) % 2)


def by_way(places: Tensor, longest: float) -> Tensor:
    """uint8 (3, height, width): the hue is the direction in which a match lies, red to the right, and so round by green, to the left
    cyan; the paler, the nearer; white is the same place (Baker et al. 2011, "A database and evaluation methodology for optical
    flow"). longest: of how many places the colour is full."""
    _, height, width = places.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    down, across = (places[0] - rows).double().numpy(), (places[1] - columns).double().numpy()
    hue = np.degrees(np.arctan2(down, across)) % 360
    length = np.clip(np.hypot(down, across) / max(longest, 1e-9), 0, 1)
    colours = hsv_to_rgb(np.stack([hue, length, np.ones_like(hue)], -1))
    return torch.from_numpy(np.round(colours * 255).astype(np.uint8)).permute(2, 0, 1)


# --------------------------------------------------------------------------------------------------------------- points
def spread_points(allowed: Tensor, count: int) -> list[tuple[int, int]]:
    """Places, y and x, far from one another: each as far as can be from those before and from the border. allowed: bool (height,
    width), from which they are chosen; fewer where it allows fewer."""
    height, width = allowed.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    border = torch.stack([rows, columns, height - 1 - rows, width - 1 - columns]).amin(0)
    room = 2.0 * border  # a point may be half as near to the border as to another
    chosen: list[tuple[int, int]] = []
    for _ in range(min(count, int(allowed.sum()))):
        y, x = divmod(int(torch.where(allowed, room, -1.0).argmax()), width)
        chosen.append((y, x))
        room = torch.minimum(room, torch.hypot(rows - y + 0.0, columns - x + 0.0))
    return chosen


def with_points(image: Tensor, points: Sequence[tuple[int, int]]) -> Tensor:
    """uint8 (3, height, width), twice as large as the image (3, height, width) from 0 to 1, with a numbered disc at each point."""
    pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    picture = Pillow.fromarray(pixels).resize(
        (image.shape[2] * LARGER, image.shape[1] * LARGER), Pillow.Resampling.BICUBIC
    )
    draw, reach = ImageDraw.Draw(picture), max(7, min(picture.size) // 36)
    font = ImageFont.load_default(reach * 1.3)
    for number, (y, x) in enumerate(points, 1):
        middle = (x * LARGER + 1, y * LARGER + 1)
        box = [middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach]
        draw.ellipse(box, fill=(255, 255, 255), outline=(20, 20, 20), width=2)
        draw.text(middle, str(number), fill=(20, 20, 20), font=font, anchor="mm")
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)


def padded(images: Sequence[Tensor]) -> Tensor:
    """uint8 (images, 4, height, width), of the greatest height and width, each in the middle of what is transparent."""
    height, width = (max(image.shape[side] for image in images) for side in (1, 2))
    whole = torch.zeros(len(images), 4, height, width, dtype=torch.uint8)
    for frame, image in zip(whole, images, strict=True):
        top, left = (height - image.shape[1]) // 2, (width - image.shape[2]) // 2
        inside = frame[:, top : top + image.shape[1], left : left + image.shape[2]]
        inside[:3], inside[3] = image, 255
    return whole
