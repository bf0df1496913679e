"""What the command `image` shows: an image as numbers, and what a kernel and a pooling make of it at one place and everywhere.

view = image_view("flower", kernel="sobel-x", pool="max:2")
print(view); view.step; view.result; view.pooled
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from profundo.images.colour_spaces import SPACES, space_of
from profundo.images.convolution import Sliding, Step, short, size_formula, slide, turned
from profundo.images.image_arrays import Image, read_image
from profundo.images.kernels import kernel_of, separated
from profundo.images.pooling import POOLINGS, Pooled, pool, pooling_of
from profundo.pictures.numbers import count, how_many, plain
from profundo.records import ProfundoError
from profundo.runs.voice import inert

__all__ = ["ImageView", "Shades", "around", "image_view", "shades_of", "uneven"]

WHOLE = 16  # rows and columns of an image that is shown whole
NEAR = {1: 9, 3: 5}  # of the patch of any other, by channels
NEAR_RESULT = 5
MOST_WRITTEN = 1024  # numbers of a result in JSON; of a larger one those near the place
MOST_STEPS = 100
RESULT = ("column", "row")
WIDEST = 5  # columns of a kernel whose products are written out

Shades = tuple[float, float]  # what is drawn black and what white


@dataclass(frozen=True, eq=False)
class ImageView:
    """An image, a place in it (x to the right, y down), and what is done: sliding, a kernel over it; pooling, its (kind,
    size, stride). flipped: whether the kernel was turned, as the convolution of mathematics does. space: the one that was
    asked for."""

    image: Image
    x: int
    y: int
    space: str | None = None
    sliding: Sliding | None = None
    flipped: bool = False
    pooling: tuple[str, int, int] | None = None

    @cached_property
    def result(self) -> np.ndarray:
        """What the kernel gives at every place; without one, the colours of the image."""
        return _planes(self.image) if self.sliding is None else self.sliding.result()

    @cached_property
    def shades(self) -> Shades:
        """What of the result is drawn black and what white."""
        total = 1.0 if self.sliding is None else self.sliding.kernel.sum
        return shades_of(self.result, total, (self.image.low, self.image.high))

    @property
    def window(self) -> Sliding:
        """The kernel over the image. Raises ProfundoError where there is none."""
        if self.sliding is None:
            raise ProfundoError("step: no kernel slides over this image; give one, such as kernel='sobel-x'")
        return self.sliding

    @cached_property
    def step(self) -> Step:
        """The step whose kernel lies nearest around the place, of the first channel."""
        return self.window.step(*self.spot)

    @property
    def spot(self) -> tuple[int, int]:
        """The place in the result, (row, column)."""
        if (over := self.sliding) is None:
            return self.y, self.x
        axes = zip((self.y, self.x), (over.padding.rows, over.padding.columns), over.reach, over.shape, strict=True)
        row, column = (max(0, min((at + p[0] - k // 2) // over.stride, size - 1)) for at, p, k, size in axes)
        return row, column

    @cached_property
    def pooled(self) -> Pooled | None:
        return None if self.pooling is None else pool(self.result, *self.pooling)

    @property
    def pooled_spot(self) -> tuple[int, int]:
        """The window that holds the place, (row, column) of what was pooled."""
        if self.pooled is None:
            return self.spot
        (row, column), stride, shape = self.spot, self.pooled.stride, self.pooled.values.shape
        return min(row // stride, shape[0] - 1), min(column // stride, shape[1] - 1)

    def as_plain_data(self) -> dict[str, Any]:
        image = self.image
        names = ("name", "format", "bytes", "height", "width", "channels", "bits", "note")
        facts = {name: getattr(image, name) for name in names} | {"range": [image.low, image.high]}
        left, top, patch = self.patch
        edges, counts = image.histogram()
        values = image.pixels[self.y, self.x].tolist()
        data: dict[str, Any] = {
            "image": facts,
            "facts": [asdict(one) for one in image.facts()],
            "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
            "pixel": {"x": self.x, "y": self.y, "values": values, "spaces": self.colours()},
            "patch": {"x": left, "y": top, "values": patch.tolist()},
        }
        if self.sliding is not None:
            data["convolution"] = self._convolution()
        if self.pooled is not None:
            window = {name: getattr(self.pooled, name) for name in ("kind", "size", "stride")}
            data["pooling"] = window | _written(self.pooled.values, *self.pooled_spot)
        return data

    def _convolution(self) -> dict[str, Any]:
        sliding = self.window
        kernel, parts = sliding.kernel, _separated(sliding)
        few = sliding.shape[0] * sliding.shape[1] <= MOST_STEPS
        return {
            "kernel": {"name": kernel.name, "weights": kernel.weights.tolist(), "meaning": kernel.meaning},
            "turned": self.flipped, "symmetric": kernel.is_symmetric, "stride": sliding.stride, "dilation": sliding.dilation,
            "padding": asdict(sliding.padding), "size": list(self.sizes()), "rank": None if parts is None else parts.rank,
            "column": None if parts is None or parts.column is None else parts.column.tolist(),
            "row": None if parts is None or parts.row is None else parts.row.tolist(),
            "steps": [_step(step) for step in (sliding.steps() if few else [self.step])],
        } | _written(self.result, *self.spot)  # fmt: skip

    @property
    def patch(self) -> tuple[int, int, np.ndarray]:
        """The pixels around the place, the whole of a small image: left, top, (rows, columns, channels)."""
        small = max(self.image.height, self.image.width) <= WHOLE
        side = WHOLE if small else NEAR[self.image.colours.shape[2]]
        top, left, near = around(self.image.pixels, self.y, self.x, side)
        return left, top, near

    def colours(self) -> dict[str, list[float]]:
        """The pixel in the numbers of each space."""
        names = [self.space] if self.space else list(SPACES)
        colour = self.image.rgb[self.y, self.x].astype(np.float64)
        return {name: [round(float(value), 4) for value in SPACES[name].forward(colour)] for name in names}

    def sizes(self) -> tuple[str, str]:
        """The formula of the size in numbers, of the rows and of the columns."""
        sliding = self.window
        added, n, k = (sliding.padding.rows, sliding.padding.columns), self.image.pixels.shape, sliding.kernel.size
        rows, columns = (size_formula(n[at], k[at], sliding.stride, added[at], sliding.dilation) for at in (0, 1))
        return rows, columns

    # ----------------------------------------------------------------------------------------------- in words
    def __str__(self) -> str:
        parts = [self._about(), self._table(), self._place()]
        parts += [self._kernel(), self._products()] if self.sliding is not None else []
        parts += [self._pool()] if self.pooling is not None else []
        return "\n\n".join("\n".join(lines) for lines in parts)

    def _about(self) -> Iterator[str]:
        image = self.image
        kind = f" · {image.format}, {count(image.bytes)} bytes" if image.format else ""
        yield f"{inert(image.name)}{kind}"
        number, channels = image.pixels.size, len(image.channels)
        names = f"{channels} channels ({', '.join(image.channels)})" if channels > 1 else "1 channel (grey)"
        stored = "fractions" if image.pixels.dtype.kind == "f" else how_many(image.bits, "bit")
        yield f"{image.height} × {image.width} pixels (rows × columns), {names}: {count(number)} numbers of {stored}"
        yield ends_of(image)
        if image.note:
            yield image.note

    def _table(self) -> Iterator[str]:
        ends = (f"at {plain(end)}" for end in (self.image.low, self.image.high))
        at_ends = "".join(f"{end:>10}" for end in ends)
        yield f"{'channel':9}{'least':>10}{'greatest':>10}{'mean':>10}{'deviation':>11}{at_ends}"
        for one in self.image.facts():
            numbers = f"{plain(one.least):>10}{plain(one.most):>10}{plain(one.mean):>10}{plain(one.deviation):>11}"
            yield f"{one.name:9}{numbers}{100 * one.at_low:>9.1f}%{100 * one.at_high:>9.1f}%"

    def _place(self) -> Iterator[str]:
        colour = np.broadcast_to(self.image.colours[self.y, self.x], 3)
        point = ", ".join(map(short, (self.x, self.y, *colour.tolist())))
        yield f"The pixel at x {self.x}, y {self.y} (from 0 at the upper left) in five dimensions: (x, y, r, g, b) = ({point})"
        for name, values in self.colours().items():
            space = SPACES[name]
            written = "  ".join(f"{one.letter} {value:.4g}" for one, value in zip(space.channels, values, strict=True))
            yield f"  {space.name:6} {written.replace('-', '−')}"
        left, top, patch = self.patch
        yield ""
        yield from _beside(patch, self.image.channels, left, top)

    def _kernel(self) -> Iterator[str]:
        sliding = self.window
        kernel = sliding.kernel
        yield f"Kernel {kernel.name}{', turned by 180°' * self.flipped}. {kernel.meaning}"
        written = kernel.written()
        for plane in range(len(written[0][0])):
            yield from (f"  {line}" for line in _aligned([[cell[plane] for cell in row] for row in written]))
            yield from [""] * (plane + 1 < len(written[0][0]))
        yield from self.sentences()

    def sentences(self) -> Iterator[str]:
        """What the kernel is and does, for a student."""
        sliding = self.window
        kernel, parts = sliding.kernel, _separated(sliding)
        high, wide = kernel.size
        yield f"{kernel.balance.capitalize()}."
        if self.image.is_ink:
            yield "It slides over the red, green and blue that the inks make."
        elif "alpha" in self.image.channels:
            yield "It slides over the colours; alpha is left out."
        if parts is not None and parts.column is not None and parts.row is not None and min(kernel.size) > 1:
            column, row = (", ".join(map(short, part.tolist())) for part in (parts.column, parts.row))
            yield (
                f"Separable (rank 1): the column ({column}) times the row ({row}); two passes, "
                f"{high + wide} products a place instead of {high * wide}."
            )
        elif parts is not None and parts.rank > 1:
            yield f"Not separable: its rank is {parts.rank}, so that it is a sum of {parts.rank} columns times rows."
        if kernel.is_symmetric:
            yield "Turned by 180° it is the same, so that cross-correlation (what nets compute) and convolution agree."
        elif self.flipped:
            yield "Turned first, as the convolution of mathematics does; nets lay it on as it is (cross-correlation)."
        else:
            yield "Laid on as it is: a cross-correlation, which nets call convolution; that of mathematics turns it by 180° first."
        rows, columns = self.sizes()
        yield f"Size, ⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1: rows {rows}, columns {columns}."

    def _products(self) -> Iterator[str]:
        step = self.step
        channel = f", {self.image.colour_names[0]}" if self.result.ndim == 3 else ""
        yield f"At row {step.row}, column {step.column} of the result{channel}:"
        lines = step.lines() if step.patch.shape[1] <= WIDEST else [f"the sum of {step.patch.size} products"]
        yield from (f"  {'+ ' if at else '  '}{line}" for at, line in enumerate(lines))
        yield f"  = {short(step.sum)}"
        yield ""
        top, left, near = around(self.result, step.row, step.column, self._side())
        yield from _beside(near, self.image.colour_names if near.shape[2] > 1 else ("result",), left, top, RESULT)

    def _pool(self) -> Iterator[str]:
        pooled = self.pooled
        assert pooled is not None
        yield f"Pooling {pooled.kind}: {POOLINGS[pooled.kind]}, {pooled.size} × {pooled.size}, {pooled.stride} apart."
        before, after = (" × ".join(map(str, shape)) for shape in (pooled.shape, pooled.values.shape[:2]))
        yield f"{before} → {after}: every {pooled.size**2} numbers become one{uneven(pooled)}."
        top, left, near = around(pooled.values, *self.pooled_spot, self._side())
        yield from _beside(near, self.image.colour_names if near.shape[2] > 1 else ("pooled",), left, top, RESULT)

    def _side(self) -> int:
        return WHOLE if max(self.image.height, self.image.width) <= WHOLE else NEAR_RESULT


def image_view(
    source: Any,
    *,
    at: tuple[int, int] | None = None,
    space: str | None = None,
    kernel: Any = None,
    stride: int = 1,
    padding: int | str = 0,
    dilation: int = 1,
    pool: str | None = None,
    flip: bool = False,
) -> ImageView:
    """Look at an image as numbers. source: as `read_image` takes it; at: (x, y), the middle unless said; kernel, stride,
    padding, dilation: as `slide` takes them, of the image's colours channel by channel; flip: turn the kernel first;
    pool: such as "max:2", of what the kernel gives.

    Raises ProfundoError for a place that is not in the image, and as those do.
    """
    image = read_image(source)
    x, y = (image.width // 2, image.height // 2) if at is None else at
    if not (0 <= x < image.width and 0 <= y < image.height):
        raise ProfundoError(
            f"at: expected x from 0 to {image.width - 1} and y from 0 to {image.height - 1}, got {x},{y}; "
            f"{image.name} has {image.width} × {image.height} pixels"
        )
    if space is not None:
        space_of(space)
    sliding = None
    if kernel is not None:
        one = kernel_of(kernel)
        sliding = slide(_planes(image), turned(one) if flip else one, stride=stride, padding=padding, dilation=dilation)
    elif (stride, str(padding), dilation, flip) != (1, "0", 1, False):
        raise ProfundoError("stride, padding, dilation and flip are of a kernel: give one, such as --kernel sobel-x")
    pooling = None if pool is None else pooling_of(pool)
    view = ImageView(image, x, y, space and space.lower(), sliding, flip, pooling)
    height, width = view.sliding.shape if view.sliding else (image.height, image.width)
    if pooling is not None and min(height, width) < pooling[1]:
        raise ProfundoError(f"pool: expected a window no larger than {height} × {width}, got {pooling[1]}")
    return view


# ----------------------------------------------------------------------------------------------------------- small parts
def _planes(image: Image) -> np.ndarray:
    """What a kernel slides over: (height, width) of a grey image, (height, width, 3) of one in colour."""
    return image.colours[..., 0] if image.is_grey else image.colours


def ends_of(image: Image) -> str:
    """What the least and the greatest number mean."""
    low, high = ("no ink", "all of it") if image.is_ink else ("black", "as bright as can be")
    return f"{plain(image.low)} is {low}, {plain(image.high)} {high}"


def around(values: np.ndarray, row: int, column: int, side: int) -> tuple[int, int, np.ndarray]:
    """At most `side` rows and columns around a place: the first row, the first column, (rows, columns, channels)."""
    top, left = (max(0, min(at - side // 2, n - side)) for at, n in zip((row, column), values.shape, strict=False))
    near = values[top : top + side, left : left + side]
    return top, left, near.reshape(*near.shape[:2], -1)


def shades_of(values: np.ndarray, total: float, own: Shades) -> Shades:
    """What of a result is black and white: as in the image where the weights add up to 1, so that it keeps its brightness;
    else zero is in the middle where there are negative numbers, and black where not."""
    if abs(total - 1) < 1e-9:
        return own
    least, most = float(values.min()), float(values.max())
    most = max(-least, most, 1e-12)
    return (-most if least < 0 else 0.0), most


def uneven(pooled: Pooled) -> str:
    """What is left over at the border, in words."""
    sides = zip(pooled.shape, pooled.values.shape, strict=False)
    rows, columns = (before - (pooled.size + (after - 1) * pooled.stride) for before, after in sides)
    rest = [how_many(n, what) for n, what in ((rows, "row"), (columns, "column")) if n > 0]
    verb = "fills" if rest in (["1 row"], ["1 column"]) else "fill"
    return f"; {' and '.join(rest)} at the end {verb} no window" if rest else ""


def _separated(sliding: Sliding) -> Any:
    return separated(sliding.weights[..., 0]) if sliding.weights.shape[2] == 1 else None


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    width = max(len(cell) for row in rows for cell in row)
    return [" ".join(f"{cell:>{width}}" for cell in row) for row in rows]


def _beside(
    patch: np.ndarray, channels: Sequence[str], left: int, top: int, names: tuple[str, str] = ("x", "y")
) -> Iterator[str]:
    """The numbers of a patch beside the numbers of their rows, one channel to the right of the other."""
    channels_first = np.moveaxis(patch, -1, 0).tolist()
    planes = [_aligned([[short(value) for value in row] for row in plane]) for plane in channels_first]
    edge = len(f"{names[1]} {top + patch.shape[0] - 1}")
    heads = [f"{name} from {names[0]} {left}" for name in channels[: len(planes)]]
    widths = [max(len(plane[0]), len(head)) for plane, head in zip(planes, heads, strict=True)]
    yield (" " * (edge + 2) + "   ".join(f"{head:{width}}" for head, width in zip(heads, widths, strict=True))).rstrip()
    for row in range(patch.shape[0]):
        numbers = "   ".join(f"{plane[row]:{width}}" for plane, width in zip(planes, widths, strict=True))
        yield f"{f'{names[1]} {top + row}':>{edge}}  {numbers}".rstrip()


def _written(values: np.ndarray, row: int, column: int) -> dict[str, Any]:
    """A result: its shape, and all its numbers where they are few, else those near the place."""
    if values.size <= MOST_WRITTEN:
        return {"shape": list(values.shape), "values": values.tolist()}
    top, left, near = around(values, row, column, NEAR_RESULT)
    return {"shape": list(values.shape), "near": {"x": left, "y": top, "values": near.tolist()}}


def _step(step: Step) -> dict[str, Any]:
    numbers = {"patch": step.patch.tolist(), "weights": step.weights.tolist(), "products": step.products.tolist()}
    return {"row": step.row, "column": step.column, **numbers, "sum": step.sum}
