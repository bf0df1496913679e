"""Image files opened with care: closed formats, sizes checked before anything is decoded, and one kind of error for whatever
a damaged or hostile file does to the libraries that read it."""

from __future__ import annotations

import io
import math
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from profundo.files import in_words

__all__ = [
    "DAMAGED",
    "FORMATS",
    "MOST_PIXELS",
    "NUMPY",
    "ORIENTATION",
    "both_bytes",
    "check_size",
    "opened",
    "stored_array",
    "strict",
    "upright",
    "work_to_decode",
]

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 2**26  # of one image: 200 MB in colour
MOST_WORK = 4 * MOST_PIXELS
COMMON_SCANS = 10  # of a progressive JPEG
NUMPY = b"\x93NUMPY"
ORIENTATION = 0x0112  # of EXIF: how the camera was held
OTHER_BYTE = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}
# What Pillow is known to raise on damaged files.
DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    zlib.error,
)


# ------------------------------------------------------------------------------------------------ files that Pillow reads
@contextmanager
def opened(data: bytes, formats: tuple[str, ...] = FORMATS) -> Iterator[Any]:
    """The image of these bytes, of which the header has been read. Whatever Pillow raises becomes a ValueError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            yield image
    except UnidentifiedImageError:
        raise ValueError("not an image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, *DAMAGED) as error:
        raise ValueError(in_words(error)) from None


@contextmanager
def strict() -> Iterator[None]:
    """Pillow's warning of a decompression bomb is an error here."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def work_to_decode(image: Any, data: bytes) -> int:
    """How many pixels are gone over. A progressive JPEG goes over all of them once a scan, of which it may have 100,000; of
    several frames only the first is decoded."""
    scans = data.count(b"\xff\xda") if image.format == "JPEG" else 1  # in coded pixels ff is followed by 0
    return int(image.width * image.height * max(1, scans // COMMON_SCANS))


def check_size(image: Any, data: bytes) -> None:
    """Raises ValueError for more pixels than are decoded, and for so many passes over them that it would take minutes."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width}×{height} pixels, more than the limit of {MOST_PIXELS:,}")
    if (work := work_to_decode(image, data)) > MOST_WORK:
        raise ValueError(f"its {width}×{height} pixels are coded in so many passes that {work:,} are to be decoded")


def upright(image: Any) -> Any:
    """The image as the camera was held."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(image) if _turned(image) else image


def _turned(image: Any) -> bool:
    """Whether a note says how the camera was held. A JPEG without any notes is not asked: that would take half as long as
    to decode a small one."""
    if image.format == "JPEG" and not {"exif", "xmp", "XML:com.adobe.xmp"} & image.info.keys():
        return False
    return ORIENTATION in image.getexif()


def both_bytes(image: Any, data: bytes, formats: tuple[str, ...] = FORMATS) -> np.ndarray | None:
    """uint16 (height, width, channels) of an opened file with 16 bits a channel, of which Pillow reads one byte a value:
    it is read twice. None for any other file."""
    if not image.tile or not all(_in_tile(tile.args)[0] for tile in image.tile):
        return None
    with opened(data, formats) as other:
        other.tile = [tile._replace(args=_in_tile(tile.args)[1]) for tile in other.tile]
        low = np.asarray(upright(other))
        both: np.ndarray = np.asarray(upright(image)).astype(np.uint16) << 8 | low
        return both


def _in_tile(args: Any) -> tuple[bool, Any]:
    """Whether the pixels of a tile have 16 bits a channel by what Pillow's decoder is told; and the same for their other
    byte."""
    several = isinstance(args, tuple)
    mode = str(args[0] if several and args else args)
    if mode[:3] != "RGB" or mode[-4:] not in OTHER_BYTE:
        return False, args
    other = mode[:-4] + OTHER_BYTE[mode[-4:]]
    return True, (other, *args[1:]) if several else other


# ------------------------------------------------------------------------------------------------- files that NumPy wrote
def stored_array(data: bytes) -> np.ndarray:
    """An array saved by numpy.save. Its header is read by NumPy's own reader; what it declares must be what is there, and
    no objects are among it. Raises ValueError."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except DAMAGED as error:
        raise ValueError(in_words(error)) from None
    if dtype.kind not in "buif":
        raise ValueError(f"expected an array of numbers, got {dtype} {shape}")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"declares {shape}, but holds {len(data) - file.tell():,} bytes")
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C")
