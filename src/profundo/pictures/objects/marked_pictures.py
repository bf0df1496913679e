"""Boxes and masks on their picture: for a page as SVG over the image, for a file as pixels.

What a box means is told thrice, for a colour alone is seen by few and printed by none: by its colour, by its line (whole for what was
found, dashed for what is wrong, dotted for what was missed) and by a sign before its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any

from profundo.languages import say, term
from profundo.pictures import numbers, svg
from profundo.pictures.image_grid import image_grid
from profundo.pictures.objects.found_objects import Mark, Picture, Verdict

if TYPE_CHECKING:
    from torch import Tensor

Place = tuple[float, ...]

__all__ = ["marked_key", "marked_png", "marked_svg"]

WIDE = 320.0  # of a picture, in the units of its letters
LETTERS = 11.0
MOST_LETTERS = 24  # of a name
SMALL = 200  # pixels, up to which single ones stay visible
LEAST_LETTERS = 8  # pixels of a name that is painted


@dataclass(frozen=True, slots=True)
class Look:
    """style: of the colour among svg.COLOURS; dashes: of the line; sign: before the name."""

    style: int
    dashes: str | None
    sign: str


LOOKS: Mapping[Verdict, Look] = {
    "found": Look(0, None, "✓"),
    "false": Look(1, "7 3", "✗"),
    "missed": Look(6, "1.5 3", "?"),
    "ignored": Look(5, "7 3 1.5 3", "–"),
    "object": Look(0, None, ""),
}
PAINTED = str.maketrans("✓✗–", "+x-")  # signs that the letters of Pillow lack


# --------------------------------------------------------------------------------------------------------- for a page
def marked_svg(picture: Picture) -> str:
    """The image with its marks; each tells the pointer, and who listens, what it is."""
    height, width = picture.image.shape[-2:]
    scale = WIDE / width
    sharp = ' style="image-rendering:pixelated"' if max(height, width) <= SMALL else ""
    image = (
        f'<image width="{WIDE:g}" height="{height * scale:.2f}"{sharp} href="{image_grid(picture.image[None], 1)}"/>'
    )
    areas = [_area(mark, scale) for mark in picture.marks if mark.mask is not None]
    boxes = [_box(mark, scale) for mark in picture.marks]
    return svg.picture(
        [image, *areas, *boxes], picture_words(picture), bottom=height * scale, width=WIDE, class_="chart marked"
    )


def picture_words(picture: Picture) -> str:
    """How many of each verdict there are."""
    verdicts = [mark.verdict for mark in picture.marks]
    counts = [say(f"objects.{one}", number=numbers.count(verdicts.count(one))) for one in LOOKS if one in verdicts]
    return say("objects.picture", number=picture.number, words=", ".join(counts) or say("objects.nothing"))


def mark_words(mark: Mark) -> str:
    """A mark in words, such as “✗ cat 83 (wrong: background)”."""
    meaning = (
        say("objects.wrong_for", why=say(f"objects.error_{mark.why}"))
        if mark.why
        else say(f"objects.key_{mark.verdict}")
    )
    return f"{_label(mark)} ({meaning})"


def _box(mark: Mark, scale: float) -> str:
    look, (left, top, right, bottom) = LOOKS[mark.verdict], (edge * scale for edge in mark.box)
    hue = svg.colour(look.style, svg.MOST_CLASSES)
    frame: svg.Look = {"fill": "none", "stroke_linejoin": "round"}
    drawn = svg.bar(left, right, top, bottom, **frame, stroke=svg.PAPER, stroke_width=4, stroke_opacity=0.7)
    drawn += svg.bar(left, right, top, bottom, **frame, stroke=hue, stroke_width=2, stroke_dasharray=look.dashes)
    beside: svg.Look = {
        "font_size": LETTERS,
        "font_weight": 600,
        "fill": hue,
        "stroke": svg.PAPER,
        "stroke_width": 3,
        "paint_order": "stroke",
    }
    name, anchor = svg.shortened(_label(mark), MOST_LETTERS), None if left < 0.7 * WIDE else "end"
    drawn += svg.text(
        left + 1 if anchor is None else right - 1, max(LETTERS, top - 3), name, text_anchor=anchor, **beside
    )
    return svg.element("g", svg.title(mark_words(mark)), drawn, class_=f"mark {mark.verdict}")


def _label(mark: Mark) -> str:
    score = "" if mark.score is None else f" {round(100 * mark.score)}"
    return f"{LOOKS[mark.verdict].sign} {mark.name}{score}".strip()


def _area(mark: Mark, scale: float) -> str:
    """A mask as one path, a rectangle for each stretch of a row."""
    assert mark.mask is not None
    hue = svg.colour(LOOKS[mark.verdict].style, svg.MOST_CLASSES)
    return svg.element("path", d=_stretches(mark.mask, scale), fill=hue, fill_opacity=0.35)


def _stretches(mask: Tensor, scale: float) -> str:
    import torch.nn.functional as F

    edges = F.pad(mask.int(), (1, 1)).diff(dim=1)
    starts, ends = ((edges == way).nonzero().tolist() for way in (1, -1))
    return "".join(
        f"M{left * scale:.1f} {row * scale:.1f}H{right * scale:.1f}V{(row + 1) * scale:.1f}H{left * scale:.1f}Z"
        for (row, left), (_, right) in zip(starts, ends, strict=True)
    )


def marked_key() -> str:
    """The legend of pictures with marks, one entry below the other."""
    entries = [(verdict, look) for verdict, look in LOOKS.items() if verdict != "object"]
    rows = []
    for at, (verdict, look) in enumerate(entries):
        y, hue = 12 + 20 * at, svg.colour(look.style, svg.MOST_CLASSES)
        rows.append(svg.line(2, y, 34, y, stroke=hue, stroke_width=3, stroke_dasharray=look.dashes))
        rows.append(svg.text(42, y, f"{look.sign} {say(f'objects.key_{verdict}')}", dy="0.35em"))
    return svg.picture(rows, term("legend"), bottom=20 * len(entries) + 4)


# --------------------------------------------------------------------------------------------------------- for a file
def marked_png(picture: Picture) -> bytes:
    """A PNG of the image, in its own size, with its marks painted into it; lines and letters are larger in a larger one."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(_with_areas(picture).permute(1, 2, 0).numpy())
    side = max(image.size)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(max(LEAST_LETTERS, side // 45))
    for mark in picture.marks:
        _paint(draw, mark, font, max(1, side // 250))
    file = BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def _with_areas(picture: Picture) -> Tensor:
    """uint8 (3, height, width): a mask is half its colour, half the image."""
    import torch

    image = picture.image[:3] if len(picture.image) >= 3 else picture.image[:1].expand(3, -1, -1)
    image = image.clone()
    for mark in picture.marks:
        if mark.mask is not None:
            hue = torch.tensor(_rgb(mark), dtype=torch.uint8)[:, None]
            image[:, mark.mask] = image[:, mark.mask] // 2 + hue // 2
    return image


def _rgb(mark: Mark) -> tuple[int, int, int]:
    code = svg.COLOURS[LOOKS[mark.verdict].style].lstrip("#")
    return int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)


def _paint(draw: Any, mark: Mark, font: Any, line: int) -> None:
    """A box, its line in pieces where it is not whole, and its name on a ground of its colour."""
    hue, label = _rgb(mark), _label(mark).translate(PAINTED)
    left, top, right, bottom = mark.box
    corners = (left, top), (right, top), (right, bottom), (left, bottom), (left, top)
    dashes = LOOKS[mark.verdict].dashes
    lengths = [2 * line * float(part) for part in dashes.split()] if dashes else []
    for start, end in pairwise(corners):
        for piece in _pieces(start, end, lengths):
            draw.line(piece, fill=hue, width=line)
    ground = draw.textbbox((0, 0), label, font=font)
    wide, high = ground[2] + 2, ground[3] + 2
    x, y = max(0.0, min(left, draw.im.size[0] - wide)), max(0.0, top - high)
    draw.rectangle((x, y, x + wide, y + high), fill=hue)
    draw.text((x + 1, y), label, fill=(255, 255, 255), font=font)


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
            pieces.append(
                (x + (u - x) * at / whole, y + (v - y) * at / whole, x + (u - x) * to / whole, y + (v - y) * to / whole)
            )
        at = to
    return pieces
