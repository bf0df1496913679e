"""The bytes of an image file as an array of 8-bit numbers, and the array made to fit a shape.

Grey files (also grey with transparency, and black and white) have one channel; all others, palettes and CMYK included,
become RGB. What is transparent shows white; where all would be white then, as with white icons, it shows black. 16 bits a
channel become 8 by a window: its lower end is black, its upper end white. A camera's note of how it was held is obeyed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from profundo.image_files import (
    MOST_PIXELS,
    NUMPY,
    ORIENTATION,
    both_bytes,
    check_size,
    opened,
    stored_array,
    upright,
    work_to_decode,
)

__all__ = [
    "GREY",
    "NEARLY_WHITE",
    "WHOLE",
    "Shape",
    "Window",
    "decode",
    "eight_bits",
    "fitted",
    "header",
    "note_of_turn",
    "on_white",
    "read_pixels",
    "shape_of",
    "window_of",
    "work_of",
]

Shape = tuple[int, int, int]  # channels, height, width
Window = tuple[int, int]  # the values of 16 bits that become 0 and 255

WHOLE: Window = (0, 65535)
TAIL = 0.001  # share of the pixels at each end of a window that may be far out
NEARLY_WHITE = 224  # and above: hardly seen on white
GREY = ("L", "1", "LA", "La")  # modes of 8 bits or less


def decode(data: bytes, window: Window = WHOLE) -> np.ndarray:
    """uint8 (height, width, channels). Raises ValueError as `read_pixels` does."""
    return eight_bits(read_pixels(data), window)


def read_pixels(data: bytes) -> np.ndarray:
    """(height, width, channels), uint16 of a file with 16 bits a channel, uint8 of any other.

    The size in the header is checked before any pixel is decoded. Raises ValueError with the reason when the bytes are no
    image that can be used.
    """
    if data.startswith(NUMPY):
        return _array(data)
    with opened(data) as image:
        check_size(image, data)
        if image.mode.startswith(("I", "F")):
            return _sixteen_bits(np.asarray(upright(image)), image.mode)[:, :, None]
        deep = image.mode == "RGB" and not image.has_transparency_data
        if deep and (both := both_bytes(image, data)) is not None:
            return both
        pixels = np.asarray(on_white(upright(image), "L" if image.mode in GREY else "RGB"))
    return pixels.reshape(*pixels.shape[:2], -1)


def on_white(image: Any, mode: str) -> Any:
    """A Pillow image in mode "L" or "RGB": what is transparent shows white, or black where nothing would show on white."""
    from PIL import Image

    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getextrema()[3][0] < 255:
            white, black = (
                Image.alpha_composite(Image.new("RGBA", image.size, colour), image) for colour in ("white", "black")
            )
            image = black if np.asarray(white).min() >= NEARLY_WHITE else white
    return image if image.mode == mode else image.convert(mode)


def eight_bits(pixels: np.ndarray, window: Window) -> np.ndarray:
    """uint8 of uint16 pixels: the window's ends become 0 and 255, what lies beyond them does, too. Of uint8 the same."""
    if pixels.dtype == np.uint8:
        return pixels
    low, high = window
    shades: np.ndarray = np.rint((np.clip(pixels, low, high) - float(low)) * (255 / max(1, high - low)))
    return shades.astype(np.uint8)


def window_of(counts: np.ndarray) -> Window:
    """The window for values that come this often, int64 (65536,): from the least to the greatest, but where a few are far
    out, as broken pixels are, no wider on either side than what lies between is wide."""
    there = np.flatnonzero(counts)
    if not len(there):
        return WHOLE
    share = counts.cumsum() / counts.sum()
    low, high = int(np.searchsorted(share, TAIL)), int(np.searchsorted(share, 1 - TAIL))
    width = high - low or WHOLE[1]
    return max(int(there[0]), low - width), min(int(there[-1]), high + width)


def header(data: bytes) -> Shape:
    """The shape that the image will have, without decoding it. Raises ValueError when that cannot be told."""
    if data.startswith(NUMPY):
        return shape_of(_array(data))
    with opened(data) as image:
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        width, height = image.size[:: -1 if turned else 1]
        return 1 if image.mode in GREY or image.mode.startswith(("I", "F")) else 3, height, width


def note_of_turn(data: bytes) -> int:
    """EXIF's Orientation, 1 to 8; 1 where there is none. Raises ValueError where the file does not read."""
    if data.startswith(NUMPY):
        return 1
    with opened(data) as image:
        return int(image.getexif().get(ORIENTATION, 1))


def work_of(data: bytes) -> int:
    """How many pixels have to be decoded, by the header alone; 0 where it does not read, for then nothing is decoded."""
    if data.startswith(NUMPY):
        return len(data)
    try:
        with opened(data) as image:
            return work_to_decode(image, data)
    except ValueError:
        return 0


def _array(data: bytes) -> np.ndarray:
    """An image saved by numpy.save: bytes (height, width), (height, width, channels) or (channels, height, width)."""
    pixels = stored_array(data)
    shape = pixels.shape
    if pixels.dtype != np.uint8 or len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"expected an image of bytes, got {pixels.dtype} {shape}; rows of numbers are for Parquet")
    if pixels.size > 3 * MOST_PIXELS:
        raise ValueError(f"{shape}, more than the limit of {MOST_PIXELS:,} pixels")
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    pixels = pixels.transpose(1, 2, 0) if pixels.shape[2] not in (1, 3) else pixels
    if pixels.shape[2] not in (1, 3):
        raise ValueError(f"expected 1 or 3 channels, got {shape}")
    return pixels


def fitted(pixels: np.ndarray, shape: Shape) -> np.ndarray:
    """uint8 (height, width, channels) of this shape: scaled to cover it, what hangs over at the sides cut off."""
    from PIL import Image, ImageOps

    channels, height, width = shape
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(height, width, channels)


def _sixteen_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """uint16. Raises ValueError for wider numbers."""
    if values.dtype.kind not in "iu" or values.min(initial=0) < 0 or values.max(initial=0) > WHOLE[1]:
        raise ValueError(f"more than 16 bits a channel (mode {mode}); convert it to 8 or 16")
    return values.astype(np.uint16)


def shape_of(image: np.ndarray) -> Shape:
    height, width, channels = image.shape
    return channels, height, width
