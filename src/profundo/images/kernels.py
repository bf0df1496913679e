"""Kernels: the small tables of weights that a convolution lays over every place of an image.

    kernel_of("sobel-x")                       # by name, with its meaning; kernel_of("gaussian:2") has σ = 2
    kernel_of("1 0 1; 0 1 0; 1 0 1")           # rows between semicolons; channels between bars: "1 0; 0 1 | 0 1; 1 0"
    separated(kernel_of("sobel-x").weights)    # (1, 2, 1)ᵀ · (−1, 0, 1): two short passes instead of one long

Weights are (height, width), the same for every channel, or (height, width, channels), one table a channel whose products
are all added, as a unit of a convolutional layer does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from profundo.images.image_arrays import array_of
from profundo.languages import Said, named
from profundo.records import ProfundoError, nearest_names

__all__ = ["KERNELS", "Kernel", "Separated", "kernel_of", "separated", "written"]

LARGEST = 31  # rows or columns


@dataclass(frozen=True, eq=False)
class Kernel:
    """weights: float64 (height, width) or (height, width, channels); meaning: what it answers to, in a sentence."""

    name: str
    weights: np.ndarray
    meaning: str

    @property
    def size(self) -> tuple[int, int]:
        return int(self.weights.shape[0]), int(self.weights.shape[1])

    def written(self) -> list[list[list[str]]]:
        """Rows of columns of channels, as one writes them: −2, 1/9, 0.1592."""
        rows = self.weights.reshape(*self.size, -1).tolist()
        return [[[written(weight) for weight in cell] for cell in row] for row in rows]

    @property
    def sum(self) -> float:
        return float(self.weights.sum())

    @property
    def is_symmetric(self) -> bool:
        """Whether it is the same when turned by 180°, so that correlation and convolution agree."""
        return bool(np.array_equal(self.weights, self.weights[::-1, ::-1]))

    @property
    def balance(self) -> str:
        """What the sum of the weights does to an area of one brightness."""
        if abs(self.sum) < 1e-9:
            return "the weights add up to 0: even areas become 0, and only changes are left"
        if abs(self.sum - 1) < 1e-9:
            return "the weights add up to 1: even areas stay as bright as they are"
        return f"the weights add up to {self.sum:.4g}: even areas become {self.sum:.4g} times as bright"


def written(weight: float) -> str:
    """A weight as a whole number or a fraction with a small denominator where it is one."""
    fraction = Fraction(weight).limit_denominator(64)
    exact = abs(float(fraction) - weight) < 1e-12 and abs(weight) < 1e6
    return (str(fraction) if exact else f"{weight:.4g}").replace("-", "−")


# ---------------------------------------------------------------------------------------------------------- by name
def _box(size: float) -> np.ndarray:
    side = int(size)
    return np.full((side, side), 1 / side**2)


def _gaussian(deviation: float) -> np.ndarray:
    """exp(−(x² + y²) / 2σ²) to three deviations, so that the sum is 1."""
    reach = max(1, math.ceil(3 * deviation))
    line = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
    weights: np.ndarray = np.outer(line, line) / line.sum() ** 2
    return weights


def _gabor(degrees: float, wavelength: float = 5, deviation: float = 2, phase: float = 0) -> np.ndarray:
    """exp(−(u² + v²) / 2σ²) · cos(2π u / λ + φ), u across the stripes, to 2σ, without what answers to even areas
    (Gabor 1946; Daugman 1985). Stripes at 0° stand upright; φ = 0 answers to stripes, 90 to edges."""
    reach = max(1, math.ceil(2 * deviation))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    across = x * math.cos(math.radians(degrees)) + y * math.sin(math.radians(degrees))
    envelope = np.exp(-(x**2 + y**2) / (2 * deviation**2))
    wave = envelope * np.cos(2 * math.pi * across / wavelength + math.radians(phase))
    wave -= envelope * wave.sum() / envelope.sum()
    weights: np.ndarray = wave / np.abs(wave).sum() * 2
    return weights


@dataclass(frozen=True, slots=True)
class Number:
    """What a kernel with a name can be told: what it is, between which bounds, and what it is unless said."""

    what: str
    low: float
    high: float
    usual: float


@dataclass(frozen=True, slots=True)
class _Named:
    """rows: the weights without a number; made: the weights by numbers, of which the first must be there."""

    meaning: str
    rows: Any
    made: Callable[..., np.ndarray] | None = None
    numbers: tuple[Number, ...] = ()


KERNELS = {
    "identity": _Named("Leaves everything as it is.", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "box": _Named("Blurs: the mean of the places around.", np.full((3, 3), 1 / 9), _box,
                  (Number("side", 1, LARGEST, 3),)),
    "gaussian": _Named("Blurs softly: near places count more.", np.outer([1, 2, 1], [1, 2, 1]) / 16, _gaussian,
                       (Number("standard deviation", 0.3, 5, 1),)),
    "sharpen": _Named("Lifts each place above those around it.", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "sobel-x": _Named("Finds upright edges: positive where it gets brighter to the right.",
                      [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "sobel-y": _Named("Finds level edges: positive where it gets brighter downwards.",
                      [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
    "prewitt-x": _Named("As sobel-x, but all rows count alike.", [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
    "prewitt-y": _Named("As sobel-y, but all columns count alike.", [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]),
    "laplace": _Named("The second derivative: edges of every direction, and points.", [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "laplace-8": _Named("As laplace, with the diagonals.", [[1, 1, 1], [1, -8, 1], [1, 1, 1]]),
    "emboss": _Named("Light from the upper left over a relief.", [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]),
    "gabor": _Named("Finds stripes about 5 pixels apart at an angle, as cells of the visual cortex do.", _gabor(0), _gabor,
                    (Number("angle in degrees", -360, 360, 0), Number("wavelength in pixels", 2, 30, 5),
                     Number("standard deviation", 0.5, 7.5, 2), Number("phase in degrees", -360, 360, 0))),
}  # fmt: skip


def kernel_of(given: str | Kernel | Any) -> Kernel:
    """A kernel by its name, with numbers where it takes some ("box:5", "gaussian:1.5", "gabor:45:8:3:90"); of weights as
    text; or of an array. Raises ProfundoError for another name, for rows of unequal length, and for more than 31 × 31 weights."""
    if isinstance(given, Kernel):
        return given
    if not isinstance(given, str):
        return _own(array_of(given))
    name, _, number = given.strip().lower().partition(":")
    if name in KERNELS:
        return _named(name, number)
    if re.search("[a-z]", name.replace("e", "")):
        hint = nearest_names(name, KERNELS) or f"choose one of {', '.join(KERNELS)}"
        raise ProfundoError(
            f'kernel: expected a name or weights such as "1 0 1; 0 1 0; 1 0 1", got {given!r}; {hint}',
            told=Said("refusals.kernel_name", got=repr(given)),
        )
    return _own(_parsed(given))


def _named(name: str, numbers: str) -> Kernel:
    one = KERNELS[name]
    if not numbers:
        return Kernel(name, np.array(one.rows, float), one.meaning)
    words = numbers.split(":")
    if one.made is None or len(words) > len(one.numbers):
        takes = Said("refusals.expect_at_most", most=len(one.numbers)) if one.made else Said("refusals.no_number")
        raise ProfundoError(Said("refusals.kernel_takes", name=name, takes=takes, got=repr(numbers)))
    values = [_within(name, word, number) for word, number in zip(words, one.numbers, strict=False)]
    return Kernel(f"{name}:{numbers}", one.made(*values), one.meaning)


def _within(name: str, word: str, number: Number) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not number.low <= value <= number.high or (name == "box" and value != int(value)):
        raise ProfundoError(
            f"kernel: expected as the {number.what} of {name} {number.low:g} to {number.high:g}, got {word!r}",
            told=Said(
                "refusals.kernel_span",
                what=named(number.what),
                name=name,
                low=float(number.low),
                high=float(number.high),
                got=repr(word),
            ),
        )
    return value


def _parsed(text: str) -> np.ndarray:
    """Rows between semicolons or line ends, numbers between spaces or commas, 1/9 too; channels between bars."""
    planes = [
        [
            [_number(word) for word in re.split(r"[\s,]+", row.strip())]
            for row in re.split(r"[;\n]", plane)
            if row.strip()
        ]
        for plane in text.split("|")
    ]
    widths = {len(row) for plane in planes for row in plane}
    heights = {len(plane) for plane in planes}
    if len(widths) != 1 or len(heights) != 1:
        many = " and ".join(map(str, sorted(widths))) or "no"
        rows = f", {' and '.join(map(str, sorted(heights)))} rows a channel" if len(heights) > 1 else ""
        raise ProfundoError(
            f'kernel: expected rows of equal length, as "1 0; 0 1", got {many} numbers in a row{rows}',
            told=Said("refusals.kernel_rows"),
        )
    weights = np.array(planes)
    return weights[0] if len(planes) == 1 else np.moveaxis(weights, 0, -1)


def _number(word: str) -> float:
    plain = word.replace("−", "-")
    try:
        return float(Fraction(plain)) if "/" in plain else float(plain)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ProfundoError(Said("refusals.kernel_number", got=repr(word))) from None


def _own(weights: np.ndarray) -> Kernel:
    if weights.dtype.kind not in "buif" or weights.ndim not in (2, 3) or 0 in weights.shape:
        raise ProfundoError(
            f"kernel: expected weights (height, width) or (height, width, channels), got {weights.dtype} {weights.shape}"
        )
    if max(weights.shape[:2]) > LARGEST:
        raise ProfundoError(
            f"kernel: expected at most {LARGEST} × {LARGEST} weights, got {weights.shape}",
            told=Said("refusals.kernel_large", most=LARGEST),
        )
    if not np.isfinite(weights).all():
        raise ProfundoError("kernel: expected finite weights, got one that is not")
    return Kernel("custom", weights.astype(np.float64), "Weights of your own.")


# ----------------------------------------------------------------------------------------------------- separability
@dataclass(frozen=True, eq=False)
class Separated:
    """What the singular values (descending) say of a kernel. Of rank 1 it is the outer product of `column` (height,) and
    `row` (width,); of a higher rank these are None, and it takes `rank` such products."""

    singular: np.ndarray
    rank: int
    column: np.ndarray | None = None
    row: np.ndarray | None = None


def separated(weights: np.ndarray) -> Separated:
    """Whether a kernel (height, width) is a column times a row: M = Σ sₖ uₖ vₖᵀ, and only s₁ is not zero.

    A separable kernel of k × k weights can be laid over an image as a column and then as a row, 2k products a place instead
    of k². The column has whole numbers where it can, else a greatest weight of 1.
    """
    if weights.ndim != 2:
        raise ProfundoError(
            f"separable: expected a kernel (height, width), got {weights.shape}; take one channel of it"
        )
    left, singular, _ = np.linalg.svd(weights)
    rank = int((singular > 1e-10 * max(singular[0], 1e-300)).sum()) if singular[0] else 0
    if rank != 1:
        return Separated(singular, rank)
    column = left[:, 0]
    at = np.abs(column).argmax()
    column = column / column[at]
    by_least = column / np.abs(column)[np.abs(column) > 1e-10].min()
    if np.allclose(by_least, np.round(by_least)):
        column = by_least
    return Separated(singular, rank, _tidy(column), _tidy(weights[at] / column[at]))


def _tidy(weights: np.ndarray) -> np.ndarray:
    """What is a whole number but for rounding, as one."""
    whole = np.round(weights)
    return np.where(np.abs(weights - whole) < 1e-9, whole, weights) + 0.0
