"""Boxes and masks on their picture, as SVG over the image, for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from profundo.pictures import svg
from profundo.pictures.image_grid import image_grid, photograph
from profundo.pictures.objects.found_objects import Mark, Picture
from profundo.pictures.objects.mark_looks import LOOKS, label_of, mark_words, picture_words, style_of
from profundo.pictures.objects.name_places import Size, name_places

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["marked_svg"]

WIDE = 320.0  # of a picture, in the units of its letters
LETTERS = 9.5
NARROW, WIDE_LETTERS = "ijlt .,:;'|()", "mwMWQ@%✓✗"
ADVANCES = (
    0.4,
    0.63,
    0.78,
    1.05,
)  # of a narrow letter, another, a capital and a wide one, as shares of the size of bold letters
MOST_LETTERS = 24  # of a name
SMALL = 200  # pixels, up to which single ones stay visible


def marked_svg(picture: Picture) -> str:
    """The image with its marks; each tells the pointer, and who listens, what it is."""
    height, width = picture.image.shape[-2:]
    scale = WIDE / width
    is_small = max(height, width) <= SMALL
    sharp = ' style="image-rendering:pixelated"' if is_small else ""
    content = image_grid(picture.image[None], 1) if is_small else photograph(picture.image)
    image = f'<image width="{WIDE:g}" height="{height * scale:.2f}"{sharp} href="{content}"/>'
    areas = [_area(mark, mark.mask) for mark in picture.marks if mark.mask is not None]
    labels = [svg.shortened(label_of(mark), MOST_LETTERS) for mark in picture.marks]
    boxes = [tuple(edge * scale for edge in mark.box) for mark in picture.marks]
    places = name_places(boxes, list(map(_size, labels)), (WIDE, height * scale))  # type: ignore[arg-type]
    drawn = [_box(mark, scale) for mark in picture.marks]
    names = [
        _name(mark, label, place)
        for mark, label, place in zip(picture.marks, labels, places, strict=True)
        if label and place is not None
    ]
    return svg.picture(
        [image, *areas, *drawn, *names],
        picture_words(picture),
        bottom=height * scale,
        width=WIDE,
        class_="chart marked",
    )


def _hue(mark: Mark) -> str:
    return svg.colour(style_of(mark), svg.MOST_CLASSES)


def _size(label: str) -> Size:
    """Of a name with its ground; 0 of none."""
    return (LETTERS * sum(map(_advance, label)) + 4, LETTERS + 3) if label else (0.0, 0.0)


def _advance(letter: str) -> float:
    return ADVANCES[3 if letter in WIDE_LETTERS else 0 if letter in NARROW else 2 if letter.isupper() else 1]


def _box(mark: Mark, scale: float) -> str:
    left, top, right, bottom = (edge * scale for edge in mark.box)
    frame: svg.Look = {"fill": "none", "stroke_linejoin": "round"}
    dashes = LOOKS[mark.verdict].dashes
    drawn = svg.bar(left, right, top, bottom, **frame, stroke=svg.PAPER, stroke_width=4, stroke_opacity=0.7)
    drawn += svg.bar(left, right, top, bottom, **frame, stroke=_hue(mark), stroke_width=2, stroke_dasharray=dashes)
    return svg.element("g", svg.title(mark_words(mark)), drawn, class_=f"mark {mark.verdict}")


def _name(mark: Mark, label: str, place: Size) -> str:
    """On a ground of the mark's colour."""
    (x, y), (wide, high) = place, _size(label)
    ground = svg.bar(x, x + wide, y, y + high, fill=_hue(mark), rx=2)
    words = svg.text(x + 2, y + LETTERS, label, font_size=LETTERS, font_weight=600, fill=svg.PAPER)
    return svg.element("g", svg.title(mark_words(mark)), ground, words, class_=f"name {mark.verdict}")


def _area(mark: Mark, mask: Tensor) -> str:
    """A mask as one path, a rectangle for each stretch of a row."""
    return svg.element("path", d=_stretches(mask, WIDE / mask.shape[1]), fill=_hue(mark), fill_opacity=0.35)


def _stretches(mask: Tensor, scale: float) -> str:
    import torch.nn.functional as F

    edges = F.pad(mask.int(), (1, 1)).diff(dim=1)
    starts, ends = ((edges == way).nonzero().tolist() for way in (1, -1))
    return "".join(
        f"M{left * scale:.1f} {row * scale:.1f}H{right * scale:.1f}V{(row + 1) * scale:.1f}H{left * scale:.1f}Z"
        for (row, left), (_, right) in zip(starts, ends, strict=True)
    )
