"""What an image is: numbers in a grid of height × width, one a channel, and what the least and the greatest of them mean.

image = read_image("flower.jpg")     # a file of any common format, a sample's name, or an array
image.pixels[y, x]                   # the numbers of one pixel; y counts down from the top, x from the left
image.five()                         # each pixel as a point of five dimensions: x, y, red, green, blue
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from profundo.files import what_is_at
from profundo.image_files import (
    FORMATS,
    MOST_PIXELS,
    NUMPY,
    both_bytes,
    check_size,
    opened,
    stored_array,
    strict,
    upright,
)
from profundo.images.colour_spaces import SPACES
from profundo.languages import Said
from profundo.records import ProfundoError, nearest_names

__all__ = ["COURSE", "SAMPLES", "ChannelFacts", "Image", "as_image", "read_image"]

# Beside those that data sets may have. None of them starts another program, as EPS would.
MORE_FORMATS = (
    "AVIF", "DDS", "DIB", "ICNS", "ICO", "JPEG2000", "PCX", "PSD", "QOI", "SGI", "SUN", "TGA", "XBM", "XPM",
)  # fmt: skip
LARGEST_FILE = 2**29  # bytes
COURSE = np.array(
    [[0, 1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0, 0],
     [0, 0, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]], np.uint8,
)  # fmt: skip
SAMPLES = {
    "flower": "a photograph, 640 × 427, in colour",
    "china": "a photograph, 640 × 427, in colour",
    "course": "7 × 7 zeros and ones, the example of the courses",
}
RGB = ("red", "green", "blue")
CHANNELS = {1: ("grey",), 2: ("grey", "alpha"), 3: RGB, 4: (*RGB, "alpha")}
PNG = b"\x89PNG\r\n\x1a\n"  # how such a file begins
WIDE_GREY_ALPHA, NARROW_COLOUR_ALPHA = b"\x10\x04", b"\x08\x06"  # its bits and kind of colour
INKS = ("cyan", "magenta", "yellow", "black")
# Pillow's mode → the one in which its numbers are taken, and their channels. Any other becomes RGB.
MODES = {
    **dict.fromkeys(("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"), ("", CHANNELS[1])),
    **dict.fromkeys(("LA", "La"), ("LA", CHANNELS[2])),
    **dict.fromkeys(("RGBA", "RGBa", "PA"), ("RGBA", CHANNELS[4])),
    "CMYK": ("", INKS),
}


@dataclass(frozen=True)
class ChannelFacts:
    """One channel in figures. at_low, at_high: shares of its pixels that are the darkest and the brightest there can be."""

    name: str
    least: float
    most: float
    mean: float
    deviation: float
    at_low: float
    at_high: float


@dataclass(frozen=True, eq=False)
class Image:
    """pixels: (height, width, channels), as the file has them. channels: a name each. low, high: what is black and what is
    full brightness (of inks, none and all). note: what the file said beside the pixels, such as that it had a palette."""

    pixels: np.ndarray
    channels: tuple[str, ...]
    low: float
    high: float
    name: str = "image"
    format: str = ""
    bytes: int = 0
    note: str = ""

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def is_grey(self) -> bool:
        return len(self.channels) < 3

    @property
    def is_ink(self) -> bool:
        return self.channels == INKS

    @property
    def colour_names(self) -> tuple[str, ...]:
        """The channels of `colours`."""
        return CHANNELS[1] if self.is_grey else RGB

    @property
    def bits(self) -> int:
        """Of one number as it is stored in memory; 1 where only zeros and ones are there."""
        return 1 if self.pixels.dtype.kind in "bu" and self.high == 1 else 8 * self.pixels.dtype.itemsize

    @cached_property
    def unit(self) -> np.ndarray:
        """Every channel from 0 (low) to 1 (high), (height, width, channels): float32 of whole numbers, else float64."""
        precision: Any = np.float32 if self.pixels.dtype.kind == "u" else np.float64
        fractions = self.pixels.astype(precision)
        unit: np.ndarray = np.clip((fractions - self.low) / (self.high - self.low), 0, 1)
        return unit

    @cached_property
    def rgb(self) -> np.ndarray:
        """(height, width, 3) from 0 to 1, without regard to what is transparent; grey has three alike."""
        if self.is_ink:
            return SPACES["cmyk"].back(self.unit)
        return np.repeat(self.unit[..., :1], 3, -1) if self.is_grey else self.unit[..., :3]

    @cached_property
    def grey(self) -> np.ndarray:
        """(height, width) in the image's own numbers: the one channel, or the luma of red, green and blue."""
        if self.is_grey:
            return self.pixels[..., 0]
        luma: np.ndarray = SPACES["grey"].forward(self.rgb)[..., 0] * (self.high - self.low) + self.low
        return luma

    @cached_property
    def colours(self) -> np.ndarray:
        """(height, width, 1 or 3) in the image's own numbers: grey, or red, green and blue; without what is transparent."""
        if self.is_grey or self.channels[:3] == RGB:
            return self.pixels[..., : 1 if self.is_grey else 3]
        colours: np.ndarray = self.rgb * (self.high - self.low) + self.low
        return colours

    def five(self) -> np.ndarray:
        """Every pixel as (x, y, red, green, blue), float64 (height · width, 5): places in pixels, colours in the image's
        own numbers."""
        y, x = np.mgrid[: self.height, : self.width]
        colours = np.broadcast_to(self.colours, (*self.pixels.shape[:2], 3))
        return np.concatenate([np.stack([x, y], -1), colours], -1).reshape(-1, 5).astype(np.float64)

    @cached_property
    def counted(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each channel the values there are, ascending, and how many pixels have each."""
        return [_counted(plane) for plane in np.moveaxis(self.pixels, -1, 0)]

    def facts(self) -> tuple[ChannelFacts, ...]:
        """Least, most, mean and standard deviation of each channel, in the file's numbers."""
        return tuple(_facts(name, *one, self) for name, one in zip(self.channels, self.counted, strict=True))

    def histogram(self, bins: int = 64) -> tuple[np.ndarray, np.ndarray]:
        """How many pixels of each channel lie between edges: (bins + 1,) edges, int64 (channels, bins) counts.

        Whole numbers never fall on an edge: 8 bits in 64 bins are four values each. With fewer values than bins, one bin a
        value.
        """
        low, high = self.low, self.high
        if self.pixels.dtype.kind in "biu":
            bins, high = min(bins, int(high - low) + 1), high + 1
        edges = np.linspace(low, high, bins + 1)
        return edges, np.stack([np.histogram(values, edges, weights=many)[0] for values, many in self.counted])


def _counted(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if plane.dtype in (np.uint8, np.uint16):
        many = np.bincount(plane.ravel())
        return np.flatnonzero(many), many[many > 0]
    return np.unique(plane, return_counts=True)


def _facts(name: str, values: np.ndarray, many: np.ndarray, image: Image) -> ChannelFacts:
    mean = float(np.average(values.astype(np.float64), weights=many))
    deviation = float(np.average((values - mean) ** 2, weights=many)) ** 0.5
    ends = (float(many[there].sum() / many.sum()) for there in (values <= image.low, values >= image.high))
    return ChannelFacts(name, float(values[0]), float(values[-1]), mean, deviation, *ends)


# ------------------------------------------------------------------------------------------------------------- reading
def read_image(source: str | Path | bytes | Any) -> Image:
    """The image of a file, of a file's bytes, of a sample's name (`SAMPLES`), or of an array as `as_image` takes it.

    A camera's note of how it was held is obeyed. Grey, RGB, RGBA and CMYK are kept as they are, with 16 bits a channel where
    the file has them; palettes and other spaces become RGB. Raises ProfundoError with the reason for what is no image,
    is damaged, or has more than 2²⁵ pixels, which the header says before anything is decoded.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, bytes):
        return _decoded(source, "image")
    if not isinstance(source, str | Path):
        return as_image(source)
    path = Path(source)
    if str(source) in SAMPLES and not path.exists():
        if str(source) == "course":
            return replace(as_image(COURSE), name="course")
        path = _shipped(f"{source}.jpg")
    if not path.is_file():  # a FIFO would wait, a device never end
        near = nearest_names(str(source), SAMPLES) or f"samples without a file are {', '.join(SAMPLES)}"
        raise ProfundoError(f"{source}: expected an image file, got {what_is_at(path)}; {near}")
    if path.stat().st_size > LARGEST_FILE:
        raise ProfundoError(Said("refusals.image_bytes", where=path, most=LARGEST_FILE, got=path.stat().st_size))
    try:
        return _decoded(path.read_bytes(), path.name)
    except OSError as error:
        raise ProfundoError(f"{path}: cannot be read: {error.strerror}") from None


def as_image(array: Any, name: str = "array") -> Image:
    """The image of an array or tensor (height, width), (height, width, channels) or (channels, height, width) with one to
    four channels.

    What is white goes by the kind: 255 or 65,535 of whole numbers without a sign, 1 where none is above 1 (also of
    fractions); of any others the greatest, and black is the least.
    """
    pixels = array_of(array)
    if pixels.dtype.kind not in "buif" or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ProfundoError(
            f"image: expected numbers (height, width) or (height, width, channels), got {pixels.dtype} {pixels.shape}"
        )
    if pixels.ndim == 3 and pixels.shape[2] > 4 >= pixels.shape[0]:
        pixels = pixels.transpose(1, 2, 0)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[2] > 4:
        raise ProfundoError(f"image: expected 1 to 4 channels, got an array {np.shape(array)}; choose some of them")
    if pixels.shape[0] * pixels.shape[1] > MOST_PIXELS:
        raise ProfundoError(
            Said("refusals.large_image", most=MOST_PIXELS, height=pixels.shape[0], width=pixels.shape[1])
        )
    pixels = _native(pixels)
    return Image(pixels, CHANNELS[pixels.shape[2]], *_window(pixels, name), name=name)


def array_of(given: Any) -> np.ndarray:
    """Of an array, a tensor or rows of numbers. Raises ProfundoError for rows of unequal length."""
    try:
        return np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
    except ValueError:
        raise ProfundoError("image: expected rows of equal length, got others") from None


def _native(pixels: np.ndarray) -> np.ndarray:
    """In numbers of this machine: bytes for true and false, fractions of at most 64 bits."""
    if pixels.dtype == bool:
        return pixels.astype(np.uint8)
    wide = pixels.dtype.kind == "f" and pixels.dtype.itemsize > 8
    return pixels.astype(np.float64 if wide else pixels.dtype.newbyteorder("="), copy=False)


def _window(pixels: np.ndarray, name: str) -> tuple[float, float]:
    """What is black and what is white. Raises ProfundoError for numbers that are not finite."""
    least, most = float(pixels.min()), float(pixels.max())
    if not isfinite(most - least):
        raise ProfundoError(f"{name}: expected finite numbers, got others; replace them, such as by numpy.nan_to_num")
    if least >= 0 and most <= 1:
        return 0.0, 1.0
    if pixels.dtype in (np.uint8, np.uint16):
        return 0.0, float(np.iinfo(pixels.dtype).max)
    return (least, most) if most > least else (least - 1, most)


def _decoded(data: bytes, name: str) -> Image:
    try:
        if data.startswith(NUMPY):
            return replace(as_image(stored_array(data), name), format="NumPy", bytes=len(data))
        with strict():
            return _of_file(data, name)
    except ValueError as error:
        raise ProfundoError(
            f"{name}: expected an image, got a file that does not read as one: {error}",
            told=Said("refusals.no_image_file"),
        ) from None
    except MemoryError:
        raise ProfundoError(Said("refusals.image_memory", name=name)) from None


def _of_file(data: bytes, name: str) -> Image:
    from PIL import Image as Pillow

    Pillow.init()
    formats = FORMATS + tuple(one for one in MORE_FORMATS if one in Pillow.OPEN)
    with opened(data, formats) as image:
        check_size(image, data)
        frames = getattr(image, "n_frames", 1)
        mode, notes = image.mode, [f"{frames} frames, of which this is the first"] if frames > 1 else []
        if mode == "P":
            colours = len(image.getpalette() or []) // 3
            notes.append(f"a palette: the file has one number a pixel, the place of its colour among {colours}")
            mode = "RGBA" if image.has_transparency_data else "RGB"
        elif mode not in MODES and mode != "RGB":
            notes.append(f"stored as {mode}, shown as RGB")
        taken, channels = MODES.get(mode, ("RGB", RGB))
        if data.startswith(PNG) and data[24:26] == WIDE_GREY_ALPHA:
            taken, channels = "", CHANNELS[2]
            pixels: np.ndarray | None = _wide_grey_alpha(data)
        else:
            pixels = both_bytes(image, data, formats) if mode in ("RGB", "RGBA") else None
        if pixels is None:
            upside = upright(image)
            pixels = np.asarray(upside.convert(taken) if taken and upside.mode != taken else upside)
        pixels = _native(pixels.reshape(*pixels.shape[:2], -1))
        if image.mode in ("1", "F", "I"):
            low, high = _window(pixels, name)
        else:
            low, high = 0.0, float(np.iinfo(pixels.dtype).max)
        return Image(pixels, channels, low, high, name, str(image.format), len(data), "; ".join(notes))


def _wide_grey_alpha(data: bytes) -> np.ndarray:
    """uint16 (height, width, 2) of a PNG of which Pillow gives one byte a value. Its four bytes a pixel, to which compression
    and filters look only as bytes, are those of a file in colour and alpha with 8 bits, as which it is read."""
    header = data[12:24] + NARROW_COLOUR_ALPHA + data[26:29]
    with opened(data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:], ("PNG",)) as image:
        parts = np.asarray(upright(image)).astype(np.uint16)
    pixels: np.ndarray = parts[..., ::2] << 8 | parts[..., 1::2]
    return pixels


def _shipped(name: str) -> Path:
    """A photograph that comes with scikit-learn, which need not be imported for it."""
    spec = find_spec("sklearn")
    places: Sequence[str] = (spec and spec.submodule_search_locations) or ()
    return Path(*places) / "datasets" / "images" / name
