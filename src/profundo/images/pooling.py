"""Pooling: windows side by side become one number each; and unpooling, which puts numbers back to the places they had.

    pooled = pool(image, "max", 2)     # values (height / 2, width / 2), and where in the image each stood
    unpool(pooled)                     # as large as the image: each value at its place, zero elsewhere

Maximum pooling keeps what is strongest wherever in the window it was; the mean keeps how much there is of it; the minimum
keeps what is darkest. Layers of nets that do the same, and two whose window learns what to do, are in `nets.layers`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from profundo.images.image_arrays import Image, array_of
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["POOLINGS", "Pooled", "pool", "pooling_of", "reduced", "unpool"]

POOLINGS = {
    "max": "the greatest of each window",
    "min": "the least of each window",
    "average": "the mean of each window",
}
MOST = 1 << 27  # numbers in all windows together
OTHER_NAMES = {"avg": "average", "mean": "average", "maximum": "max", "minimum": "min"}


@dataclass(frozen=True, eq=False)
class Pooled:
    """values: (rows, columns) or (rows, columns, channels). places: int64 likewise, of max and min: the index into the
    height · width pixels of where the value stood, the first of equals; None of the mean. shape: (height, width) before."""

    values: np.ndarray
    places: np.ndarray | None
    shape: tuple[int, int]
    kind: str
    size: int
    stride: int


def pooling_of(text: str) -> tuple[str, int, int]:
    """(kind, size, stride) of "max", "max:3" or "average:3:2" (windows of 3, 2 apart); windows of 2 side by side unless
    said. Raises ProfundoError for anything else."""
    kind, *numbers = text.strip().lower().split(":")
    kind = OTHER_NAMES.get(kind, kind)
    if kind not in POOLINGS or len(numbers) > 2 or not all(one.isdecimal() and int(one) for one in numbers):
        raise ProfundoError(f"pool: expected max, min or average, with a size such as max:2, got {text!r}")
    size = int(numbers[0]) if numbers else 2
    return kind, size, int(numbers[1]) if len(numbers) > 1 else size


def pool(image: Any, kind: str = "max", size: int = 2, stride: int | None = None) -> Pooled:
    """Each window of size × size as one number, channel by channel; rows and columns that fill no window are left out.

    stride: from one window to the next, by default side by side. Raises ProfundoError for a window larger than the image.
    """
    pixels, kind = array_of(image), OTHER_NAMES.get(kind, kind)
    stride = size if stride is None else stride
    if kind not in POOLINGS or not all(isinstance(one, int) and one > 0 for one in (size, stride)):
        raise ProfundoError(
            f"pool: expected {', '.join(POOLINGS)} and whole sizes of at least 1, got {kind!r}, {size}, {stride}"
        )
    if pixels.ndim not in (2, 3) or pixels.dtype.kind not in "buif":
        raise ProfundoError(f"pool: expected (height, width) or (height, width, channels), got {pixels.shape}")
    if min(pixels.shape[:2]) < size:
        raise ProfundoError(
            f"pool: expected a window no larger than the image, got {size} for {pixels.shape[:2]}",
            told=Said("refusals.pool_beyond", size=size, height=pixels.shape[0], width=pixels.shape[1]),
        )
    windows = sliding_window_view(pixels, (size, size), (0, 1))[::stride, ::stride]
    if windows.size > MOST:
        raise ProfundoError(
            f"pool: expected at most {MOST:,} numbers in all windows, got {windows.size:,}; choose smaller windows, or "
            f"farther apart than {stride}",
            told=Said("refusals.many_windows", most=MOST, got=windows.size, stride=stride),
        )
    windows = windows.reshape(*windows.shape[:-2], size * size)
    shape = int(pixels.shape[0]), int(pixels.shape[1])
    if kind == "average":
        mean: np.ndarray = windows.mean(-1, dtype=np.result_type(pixels.dtype, np.float32))
        return Pooled(mean, None, shape, kind, size, stride)
    at = windows.argmax(-1) if kind == "max" else windows.argmin(-1)
    values = np.take_along_axis(windows, at[..., None], -1)[..., 0]
    rows, columns = (
        stride * np.arange(n).reshape(-1, *[1] * (at.ndim - 1 - axis)) for axis, n in enumerate(at.shape[:2])
    )
    places = (rows + at // size) * shape[1] + columns + at % size
    return Pooled(values, places, shape, kind, size, stride)


def unpool(pooled: Pooled, values: np.ndarray | None = None) -> np.ndarray:
    """As large as the image was: each value at the place its window's had, zero elsewhere (Zeiler, Taylor & Fergus 2011).

    values: others than those that were pooled, such as what a net has made of them. Where windows overlap, equal places
    hold the last. Raises ProfundoError after the mean, which has no place, and for values of another shape.
    """
    numbers = pooled.values if values is None else np.asarray(values)
    if pooled.places is None:
        raise ProfundoError("unpool: expected what max or min pooled, got a mean, which stood at no place")
    if numbers.shape != pooled.places.shape:
        raise ProfundoError(f"unpool: expected values {pooled.places.shape}, got {numbers.shape}")
    height, width = pooled.shape
    planes = pooled.places.reshape(*pooled.places.shape[:2], -1)
    whole = np.zeros((height * width, planes.shape[2]), numbers.dtype)
    np.put_along_axis(whole, planes.reshape(-1, planes.shape[2]), numbers.reshape(-1, planes.shape[2]), 0)
    return whole.reshape(height, width, *pooled.places.shape[2:])


def reduced(image: Image, longest: int) -> Image:
    """The image with sides of at most so many pixels, each the mean of a square of its own, rounded where the image's numbers
    are whole; what fills no square at the right and below is left out. A smaller image as it is."""
    side = -(-max(image.height, image.width) // longest)
    if side <= 1:
        return image
    high, wide = min(side, image.height), min(side, image.width)
    rows, columns = image.height // high, image.width // wide
    squares = image.pixels[: rows * high, : columns * wide].reshape(rows, high, columns, wide, -1)
    means = squares.mean((1, 3), dtype=np.float64)
    whole = image.pixels.dtype.kind in "biu"
    return replace(image, pixels=(np.rint(means) if whole else means).astype(image.pixels.dtype))
