"""A mask is an image whose pixels say a class: by a grey value, an index of a palette, or a colour.

Every way of writing one becomes a code, a whole number: the value or index as it is, and −1 − (65536 r + 256 g + b) for a
colour that is no grey. In memory a mask is uint8: the index of the class, and NO_CLASS for a pixel of no class, as PASCAL VOC
has it (Everingham et al. 2010). What the codes stand for may be listed in classes.txt:

    7 road            one value a line, or one colour, 128 64 128 road; or only names, in the order of the values from 0
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from profundo.image_files import MOST_PIXELS, opened, upright
from profundo.kinds import NO_CLASS
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["MOST_CLASSES", "Coding", "coding_of", "colour_of", "listed_classes", "mask_png", "read_codes"]

MOST_CLASSES, MOST_UNLISTED = 255, 64
VOC_BORDER = -1 - (224 << 16 | 224 << 8 | 192)  # the colour of pixels of no class in PASCAL VOC
FEW = 64  # indices below it are classes, and 255 beside them is not one more


@dataclass(frozen=True, slots=True)
class Coding:
    """codes: of each class; names: likewise; ignored: the code of pixels of no class, None where there are none."""

    codes: tuple[int, ...]
    names: tuple[str, ...]
    ignored: int | None = None

    def indices(self, codes: np.ndarray) -> np.ndarray:
        """uint8, the class of each code, NO_CLASS for what is none."""
        order = np.argsort(self.codes)
        known = np.array(self.codes)[order]
        place = np.searchsorted(known, codes).clip(max=len(known) - 1)
        return np.where(known[place] == codes, order[place], NO_CLASS).astype(np.uint8)


def read_codes(data: bytes, by_colour: bool = False) -> tuple[np.ndarray, dict[int, int]]:
    """int32 (height, width), and of an image with a palette the colours of the indices that it uses.

    by_colour: take the colours of a palette in place of its indices. Raises ValueError for what is no mask.
    """
    with opened(data) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width}×{image.height} pixels, more than the limit of {MOST_PIXELS:,}")
        image = upright(image)
        palette = np.array(image.getpalette("RGB") if image.mode == "P" else [], np.int32).reshape(-1, 3)
        if image.mode in ("1", "L", "P", "I;16", "I;16B", "I;16L", "I") and not (image.mode == "P" and by_colour):
            codes = np.asarray(image).astype(np.int32)
        elif image.mode in ("LA", "La"):
            codes = np.asarray(image.getchannel(0)).astype(np.int32)
        elif image.mode == "F":
            raise ValueError("numbers with a fraction are no classes")
        else:
            return colour_codes(np.asarray(image.convert("RGB")).astype(np.int32)), {}
    if codes.min(initial=0) < 0:
        raise ValueError(f"the value {codes.min()} is no class; expected 0 or more")
    if not len(palette) or by_colour:
        return codes, {}
    used = np.unique(codes)
    return codes, {int(one): int(colour_codes(palette[one])) for one in used[used < len(palette)]}


def colour_codes(colours: np.ndarray) -> np.ndarray:
    """Of (…, 3) reds, greens and blues; greys are their value."""
    red, green, blue = np.moveaxis(colours, -1, 0)
    codes: np.ndarray = np.where((red == green) & (green == blue), red, -1 - (red << 16 | green << 8 | blue))
    return codes


def coding_of(codes: Iterable[int], listed: dict[int, str], where: str) -> Coding:
    """The classes of all codes that occur. listed: the names of some, by code.

    255 is no class beside several small indices, nor is VOC's colour of borders beside other colours, nor what is below 0 in
    an array; unless it is listed. Raises ProfundoError for fewer than two classes, too many, and codes that are missing in the
    list.
    """
    there = sorted(set(codes))
    indices = [code for code in there if code != NO_CLASS]
    are_indices = len(indices) > 1 and indices[0] >= 0 and indices[-1] < max(FEW, 2 * len(indices))
    may_be = (VOC_BORDER, NO_CLASS) if are_indices or listed else (VOC_BORDER,)
    ignored_there = next((code for code in may_be if code in there and code not in listed), None)
    classes = [code for code in there if code != ignored_there]
    if listed:
        if strange := [code for code in classes if code not in listed]:
            raise ProfundoError(Said("refusals.mask_unlisted", where=where, found=in_words(strange[0])))
        classes = sorted(listed)
    if len(classes) < 2:
        raise ProfundoError(
            Said("refusals.mask_one_class", where=where, found=in_words(classes[0]) if classes else "of none")
        )
    if len(classes) > (MOST_CLASSES if listed else MOST_UNLISTED):
        raise ProfundoError(
            f"{where}: masks have {len(classes):,} different values, expected at most {MOST_UNLISTED}, or {MOST_CLASSES} listed in "
            "classes.txt; save them as PNG, for JPEG changes values, or say --task real where they are numbers"
        )
    return Coding(tuple(classes), tuple(listed.get(code, in_words(code)) for code in classes), ignored_there)


def in_words(code: int) -> str:
    """7, or #ff0000."""
    return str(code) if code >= 0 else f"#{-1 - code:06x}"


def listed_classes(text: str, where: str) -> dict[int, str]:
    """Code → name, of the lines of classes.txt. Raises ProfundoError for two of one code."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("//")]
    coded = [re.fullmatch(r"(\d+)(?:[\s,;]+(\d+)[\s,;]+(\d+))?[\s,;:]+(\S.*)", line) for line in lines]
    if not all(coded):
        return dict(enumerate(lines))
    result: dict[int, str] = {}
    for found in coded:
        assert found is not None
        first, second, third, name = found.groups()
        values = [min(int(one), 65535) for one in (first, second, third) if one is not None]
        code = values[0] if len(values) == 1 else int(colour_codes(np.array(values, np.int32).clip(max=255)))
        if code in result:
            raise ProfundoError(f"{where}: lists {in_words(code)} twice; expected each value or colour once")
        result[code] = name
    return result


def colour_of(index: int) -> tuple[int, int, int]:
    """The colour that PASCAL VOC gives to class number `index`: black, dark red, dark green … (its colormap, bit by bit)."""
    red = green = blue = 0
    for bit in range(8):
        red |= (index & 1) << (7 - bit)
        green |= (index >> 1 & 1) << (7 - bit)
        blue |= (index >> 2 & 1) << (7 - bit)
        index >>= 3
    return red, green, blue


def mask_png(classes: np.ndarray, codes: Sequence[int]) -> bytes:
    """A mask (height, width) of class indices as a PNG, written as the masks of training were: by value, with a palette so that
    one sees the classes; by more than 8 bits; or by colour."""
    from PIL import Image

    table = np.array(codes, np.int64)
    written = table[classes]
    if table.min() < 0:
        colours = np.where(written < 0, -1 - written, written * 0x010101)
        image = Image.fromarray(np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.uint8))
    elif table.max() > 255:
        image = Image.fromarray(written.astype(np.uint16))
    else:
        image = Image.fromarray(written.astype(np.uint8))
        image.putpalette(palette_of(codes))
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def palette_of(codes: Sequence[int]) -> list[int]:
    """256 colours: of each value that is a class, the colour of its number."""
    colours = [(value, value, value) for value in range(256)]
    for place, code in enumerate(codes):
        colours[code] = colour_of(place)
    return [part for colour in colours for part in colour]
