"""Boxes and masks painted into the pixels of their picture: for files, and for small pictures of a page."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any

from profundo.pictures import svg
from profundo.pictures.objects.found_objects import Mark, Picture
from profundo.pictures.objects.mark_looks import LOOKS, label_of, style_of
from profundo.pictures.objects.name_places import Box, name_places

if TYPE_CHECKING:
    from torch import Tensor

Place = tuple[float, ...]

__all__ = ["marked_pixels", "marked_png"]

LEAST_LETTERS = 8  # pixels of a name
LETTERS, LINE = 1 / 45, 1 / 160  # of the longer side
PAINTED = str.maketrans("✓✗–", "+x-")  # signs that the letters of Pillow lack


def marked_png(picture: Picture) -> bytes:
    """A PNG of the image, in its own size, with its marks painted into it."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(marked_pixels(picture).permute(1, 2, 0).numpy()).save(file, format="PNG")
    return file.getvalue()


def marked_pixels(picture: Picture) -> Tensor:
    """uint8 (3, height, width): the image with its marks; lines and letters are larger in a larger one."""
    import numpy as np
    import torch
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(_with_areas(picture).permute(1, 2, 0).contiguous().numpy())
    side = max(image.size)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(max(LEAST_LETTERS, round(side * LETTERS)))
    for mark in picture.marks:
        _frame(draw, mark, max(1, round(side * LINE)))
    _names(draw, picture.marks, font, image.size)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def _with_areas(picture: Picture) -> Tensor:
    """uint8 (3, height, width): a mask is half its colour, half the image."""
    import torch

    image = picture.image[:3] if len(picture.image) >= 3 else picture.image[:1].expand(3, -1, -1)
    image = image.clone()
    for mark in picture.marks:
        if mark.mask is not None:
            rows, columns = _pixels_of(mark.mask, image.shape[1:]).nonzero(as_tuple=True)
            hue = torch.tensor(_rgb(mark), dtype=torch.uint8)[:, None]
            image[:, rows, columns] = image[:, rows, columns] // 2 + hue // 2
    return image


def _pixels_of(mask: Tensor, size: Sequence[int]) -> Tensor:
    """A mask over the whole picture in the pixels of that: the nearest value for each."""
    import torch

    rows, columns = (torch.arange(to) * of // to for to, of in zip(size, mask.shape, strict=True))
    return mask if tuple(mask.shape) == tuple(size) else mask[rows][:, columns]


def _rgb(mark: Mark) -> tuple[int, int, int]:
    code = svg.COLOURS[style_of(mark)].lstrip("#")
    return int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)


def _frame(draw: Any, mark: Mark, line: int) -> None:
    """A box, its line within its edges, and in pieces where it is not whole."""
    left, top, right, bottom = mark.box
    right, bottom = max(left, right - line), max(top, bottom - line)
    dashes = LOOKS[mark.verdict].dashes
    parts = dashes.split() if dashes else []  # a piece ends a line's width later than it is told to
    lengths = [line * (float(part) + (at % 2 or -1)) for at, part in enumerate(parts)]
    corners = (left, top), (right, top), (right, bottom), (left, bottom), (left, top)
    for start, end in pairwise(corners):
        for x, y, u, v in _pieces(start, end, lengths):
            low, high = (round(min(x, u)), round(min(y, v))), (round(max(x, u)), round(max(y, v)))
            draw.rectangle((*low, high[0] + line - 1, high[1] + line - 1), fill=_rgb(mark))


def _names(draw: Any, marks: Sequence[Mark], font: Any, room: tuple[int, int]) -> None:
    """Each on a ground of its colour, where there is room for it."""
    labels = [label_of(mark).translate(PAINTED) for mark in marks]
    sizes = [(wide + 2, high + 2) if label else (0, 0) for label in labels for wide, high in [_size(draw, label, font)]]
    boxes: list[Box] = [mark.box for mark in marks]
    for mark, label, size, place in zip(marks, labels, sizes, name_places(boxes, sizes, room), strict=True):
        if label and place is not None:
            x, y = map(round, place)
            draw.rectangle((x, y, x + size[0] - 1, y + size[1] - 1), fill=_rgb(mark))
            draw.text((x + 1, y), label, fill=(255, 255, 255), font=font)


def _size(draw: Any, label: str, font: Any) -> tuple[int, int]:
    _, _, wide, high = draw.textbbox((0, 0), label, font=font)
    return round(wide), round(high)


def _pieces(start: Place, end: Place, lengths: Sequence[float]) -> list[Place]:
    """The drawn pieces (x, y, x, y) of a line, by lengths drawn and left out in turn; the whole line where there are none."""
    (x, y), (u, v) = start, end
    whole = max(abs(u - x), abs(v - y))
    if not lengths or not whole:
        return [(x, y, u, v)]
    pieces: list[Place] = []
    at = 0.0
    for length, drawn in zip(cycle(lengths), cycle((True, False)), strict=False):
        if at >= whole:
            return pieces
        to = min(whole, at + length)
        if drawn:
            a, b = at / whole, to / whole
            pieces.append((x + (u - x) * a, y + (v - y) * a, x + (u - x) * b, y + (v - y) * b))
        at = to
    return pieces
