"""Convolution by hand: a kernel slides over an image, and every place is products and a sum.

    correlate(image, kernel)[i, j] = Σ_{u,v} kernel[u, v] · image[i·stride + u·dilation − padding, j·stride + v·dilation − padding]

This is what convolutional layers compute, and it is a cross-correlation. The convolution of mathematics turns the kernel by
180° first; `convolve` does. A net learns its weights, so that it does not matter there which of the two it is; with a kernel
that is the same when turned, nor here. (Dumoulin & Visin 2016, "A guide to convolution arithmetic", relationship 14.)

Images are (height, width) or (height, width, channels). A kernel (height, width) goes over each channel by itself; one of
(height, width, channels) adds up the products of all channels, as a unit of a layer does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from profundo.images.image_arrays import array_of
from profundo.images.kernels import Kernel, kernel_of
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "Padding",
    "Sliding",
    "Step",
    "convolve",
    "correlate",
    "output_size",
    "padding_of",
    "short",
    "size_formula",
    "slide",
]

BORDERS = ("zero", "mirror")


# ---------------------------------------------------------------------------------------------------------------- sizes
def output_size(size: int, kernel: int, stride: int = 1, padding: int | tuple[int, int] = 0, dilation: int = 1) -> int:
    """⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1 places, none where the kernel does not fit. padding: on each side, or before the first and
    after the last. Raises ProfundoError for sizes below 1."""
    added = sum(padding) if isinstance(padding, tuple) else 2 * padding
    if min(size, kernel, stride, dilation) < 1 or added < 0:
        raise ProfundoError(
            f"size: expected size, kernel, stride and dilation of at least 1 and padding of at least 0, got {size}, {kernel}, "
            f"{stride}, {dilation} and {padding}"
        )
    if size + added < dilation * (kernel - 1) + 1:
        return 0
    return (size + added - dilation * (kernel - 1) - 1) // stride + 1


def size_formula(size: int, kernel: int, stride: int = 1, padding: int | tuple[int, int] = 0, dilation: int = 1) -> str:
    """The same in numbers, as one writes it: "⌊(7 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = 4"."""
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    added = f"2·{before}" if before == after else f"{before} + {after}"
    result = output_size(size, kernel, stride, (before, after), dilation)
    return f"⌊({size} + {added} − {dilation}·({kernel} − 1) − 1) / {stride}⌋ + 1 = {result}"


@dataclass(frozen=True, slots=True)
class Padding:
    """Rows and columns added before the first and after the last, and with what: zeros, or the image in a mirror that
    stands on its outermost row (whose own pixels are not repeated)."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    border: str = "zero"


def padding_of(given: int | str | Padding, size: tuple[int, int], dilation: int = 1) -> Padding:
    """As written: 2, "same" (so many that stride 1 keeps the size), "mirror" (the same, mirrored), "zero:2", "mirror:2"."""
    if isinstance(given, Padding):
        return given
    border, _, number = str(given).strip().lower().partition(":")
    if border.isdecimal() and not number:
        border, number = "zero", border
    if border not in (*BORDERS, "same") or (number and not (number.isdecimal() and border != "same")):
        raise ProfundoError(Said("refusals.padding_form", got=repr(str(given))))
    border = "zero" if border == "same" else border
    if number:
        if int(number) > 1000:
            raise ProfundoError(f"padding: expected at most 1000, got {number}")
        return Padding((int(number),) * 2, (int(number),) * 2, border)
    rows, columns = ((total // 2, total - total // 2) for total in (dilation * (side - 1) for side in size))
    return Padding(rows, columns, border)


# -------------------------------------------------------------------------------------------------------------- sliding
@dataclass(frozen=True, eq=False)
class Step:
    """One place of the output. row, column: in the output. rows, columns: of the padded image, those under the kernel.
    patch, weights, products: (height, width, channels); sum: of the products, what stands at the place."""

    row: int
    column: int
    rows: np.ndarray
    columns: np.ndarray
    patch: np.ndarray
    weights: np.ndarray
    products: np.ndarray
    sum: float

    def lines(self) -> list[str]:
        """The products of each row of the kernel (of each channel, one after the other) as one writes them."""
        planes = range(self.patch.shape[2])
        pairs = [
            zip(x, w, strict=True)
            for at in planes
            for x, w in zip(self.patch[..., at], self.weights[..., at], strict=True)
        ]
        return [" + ".join(f"{short(x)}·{short(w)}" for x, w in row) for row in pairs]

    def __str__(self) -> str:
        return f"{' + '.join(self.lines())} = {short(self.sum)}"


def short(value: float) -> str:
    """A number as a cell has room for: 231, 0.9059, −12.5."""
    number = float(value)
    whole = number.is_integer() and abs(number) < 1e6
    return (f"{number:.0f}" if whole else f"{number:.4g}").replace("-", "−")


@dataclass(frozen=True, eq=False)
class Sliding:
    """A kernel over an image, ready to be asked for any step or for all. image: what it slides over, padding included,
    (height, width, channels); inside: which of its pixels are the image's own; weights: (height, width, channels or 1)."""

    image: np.ndarray
    inside: np.ndarray
    kernel: Kernel
    weights: np.ndarray
    padding: Padding
    stride: int
    dilation: int
    flat: bool

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the output."""
        (high, wide), (rows, columns) = self.reach, self.image.shape[:2]
        return (rows - high) // self.stride + 1, (columns - wide) // self.stride + 1

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns from the kernel's first weight to its last, spread out."""
        return reach_of(self.kernel.size, self.dilation)

    @property
    def adds_channels(self) -> bool:
        return bool(self.weights.shape[2] > 1)

    def step(self, row: int, column: int, channel: int = 0) -> Step:
        """What is computed at a place of the output; channel: which, where each is by itself.
        Raises ProfundoError for a place that is not there."""
        high, wide = self.shape
        if not (0 <= row < high and 0 <= column < wide):
            raise ProfundoError(f"step: expected a row below {high} and a column below {wide}, got {row}, {column}")
        taps = [self.dilation * np.arange(side) for side in self.kernel.size]
        rows, columns = row * self.stride + taps[0], column * self.stride + taps[1]
        planes = slice(None) if self.adds_channels else slice(channel, channel + 1)
        patch = self.image[np.ix_(rows, columns)][..., planes]
        products = patch * self.weights
        return Step(row, column, rows, columns, patch, self.weights, products, float(products.sum()))

    def steps(self, channel: int = 0) -> Iterator[Step]:
        """Every place, row by row."""
        high, wide = self.shape
        return (self.step(row, column, channel) for row in range(high) for column in range(wide))

    def result(self) -> np.ndarray:
        """All places at once, weight by weight: (rows, columns), with channels where the image has them and each is by
        itself."""
        (high, wide), s, d = self.shape, self.stride, self.dilation
        total = np.zeros((high, wide, self.image.shape[2]), self.image.dtype)
        for u, v in np.argwhere(self.weights.any(2)).tolist():
            under = self.image[u * d : u * d + (high - 1) * s + 1 : s, v * d : v * d + (wide - 1) * s + 1 : s]
            weights = self.weights[u, v].astype(total.dtype)
            total += under * (weights if self.adds_channels else weights[0])
        if self.adds_channels:
            total = total.sum(-1, keepdims=True)
        return total[..., 0] if self.flat or self.adds_channels else total


def slide(
    image: Any,
    kernel: str | Kernel | Any,
    *,
    stride: int = 1,
    padding: int | str | Padding = 0,
    dilation: int = 1,
) -> Sliding:
    """Lay the kernel on the image. padding: as `padding_of` reads it; dilation: how many pixels apart its weights lie.

    Raises ProfundoError where the kernel, spread out, is larger than the padded image, and for another number of channels.
    """
    pixels, one = array_of(image), kernel_of(kernel)
    if pixels.ndim not in (2, 3) or 0 in pixels.shape or pixels.dtype.kind not in "buif":
        raise ProfundoError(
            f"image: expected numbers (height, width) or (height, width, channels), got {pixels.dtype} {pixels.shape}"
        )
    for name, value in (("stride", stride), ("dilation", dilation)):
        if not isinstance(value, int) or value < 1:
            raise ProfundoError(f"{name}: expected a whole number of at least 1, got {value!r}")
    planes = pixels.reshape(*pixels.shape[:2], -1)
    weights = one.weights.reshape(*one.size, -1)
    if weights.shape[2] not in (1, planes.shape[2]):
        raise ProfundoError(
            f"kernel: expected weights for 1 channel or for the image's {planes.shape[2]}, got {weights.shape[2]}"
        )
    added = padding_of(padding, one.size, dilation)
    padded = _padded(planes.astype(np.result_type(planes.dtype, np.float32)), added)
    inside = np.zeros(padded.shape[:2], bool)
    inside[added.rows[0] : added.rows[0] + len(planes), added.columns[0] : added.columns[0] + planes.shape[1]] = True
    reach = reach_of(one.size, dilation)
    if reach[0] > padded.shape[0] or reach[1] > padded.shape[1]:
        raise ProfundoError(
            f"kernel: expected one no larger than the image, got {reach[0]} × {reach[1]} (spread out) on "
            f"{padded.shape[0]} × {padded.shape[1]} (padding included); add padding, or take a smaller kernel or dilation",
            told=Said(
                "refusals.kernel_beyond", rows=reach[0], columns=reach[1], height=padded.shape[0], width=padded.shape[1]
            ),
        )
    return Sliding(padded, inside, one, weights, added, stride, dilation, pixels.ndim == 2)


def reach_of(size: tuple[int, int], dilation: int) -> tuple[int, int]:
    return dilation * (size[0] - 1) + 1, dilation * (size[1] - 1) + 1


def _padded(planes: np.ndarray, added: Padding) -> np.ndarray:
    if not any(added.rows + added.columns):
        return planes
    width = (added.rows, added.columns, (0, 0))
    return np.pad(planes, width) if added.border == "zero" else np.pad(planes, width, mode="reflect")


def correlate(image: Any, kernel: str | Kernel | Any, **how: Any) -> np.ndarray:
    """The kernel as it is over the image, as convolutional layers do. how: stride, padding, dilation, as of `slide`.

    (height, width) or (height, width, channels) → the same with the sizes of `output_size`; without channels where the
    kernel has one table for each.
    """
    return slide(image, kernel, **how).result()


def convolve(image: Any, kernel: str | Kernel | Any, **how: Any) -> np.ndarray:
    """The convolution of mathematics and of signal processing: the kernel turned by 180°, then `correlate`."""
    return slide(image, turned(kernel_of(kernel)), **how).result()


def turned(kernel: Kernel) -> Kernel:
    """Upside down and left for right."""
    return kernel if kernel.is_symmetric else replace(kernel, weights=kernel.weights[::-1, ::-1])
