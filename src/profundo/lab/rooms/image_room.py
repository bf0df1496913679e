"""Images as numbers: what the lab's page about pixels, colours, kernels and pooling asks of `profundo.images`; what it asks of
nets is in `image_nets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from profundo.images import (
    KERNELS,
    SAMPLES,
    SPACES,
    Image,
    Sliding,
    from_space,
    kernel_of,
    pool,
    reduced,
    separated,
    size_formula,
    slide,
    to_space,
    unpool,
)
from profundo.images.colour_spaces import space_of
from profundo.images.convolution import turned
from profundo.images.kernels import LARGEST, Kernel, written
from profundo.inspect.image_view import shades_of
from profundo.lab.calls import Call, Nothing
from profundo.lab.desks import Desk
from profundo.lab.rooms import image_nets
from profundo.lab.rooms.image_sources import DRAWN, WHITE, Source, as_bytes, classes_of, desktop, image_of, sets_at_hand

__all__ = ["CALLS"]

WHOLE = 14  # rows and columns of numbers that are written whole; of more, those around the place
NEAR = 9
LONGEST_IN_COLOUR = 320  # pixels of a side: Lab takes a cube root of each number

Place = Annotated[int, Field(ge=0, le=2**25)]


# ----------------------------------------------------------------------------------------------------------- what there is
def choices(_: Desk, __: Nothing) -> Mapping[str, Any]:
    """What can be picked: images, kernels with the numbers that they take, colour spaces, poolings."""
    return {
        "samples": list(SAMPLES),
        "sets": [{"name": name, "classes": classes_of(name)} for name in sets_at_hand()],
        "kernels": [{"name": name, "numbers": one.numbers} for name, one in KERNELS.items()],
        "spaces": [{"name": name, "title": space.name, "channels": space.channels} for name, space in SPACES.items()],
    }


# -------------------------------------------------------------------------------------------------------------- one image
class PixelAt(Source):
    x: Place = 0
    y: Place = 0


def opened(desk: Desk, asked: Source) -> Mapping[str, Any]:
    """The picture as it is shown, and what is known of it as a whole."""
    image = image_of(desk, asked)
    edges, counts = image.histogram()
    facts = {name: getattr(image, name) for name in ("width", "height", "channels", "bits", "low", "high")}
    return {
        **facts,
        "format": image.format,
        "whole": image.note,
        "picture": as_bytes(image.rgb),
        "facts": image.facts(),
        "edges": edges,
        "counts": counts,
    }


def pixel(desk: Desk, asked: PixelAt) -> Mapping[str, Any]:
    """The numbers around a pixel, and its own in every colour space."""
    image = image_of(desk, asked)
    x, y = min(asked.x, image.width - 1), min(asked.y, image.height - 1)
    rgb = image.rgb[y, x]
    return {
        "x": x,
        "y": y,
        "near": around(image.pixels, y, x, NEAR),
        "colours": around(as_bytes(image.rgb), y, x, NEAR)["values"],
        "five": [x, y, *np.broadcast_to(image.colours[y, x], 3)],
        "spaces": {name: to_space(rgb, name) for name in SPACES},
    }


def around(values: np.ndarray, row: int, column: int, side: int) -> dict[str, Any]:
    """Numbers around a place, whole where there are few: top, left, (rows, columns, channels)."""
    sides = [n if n <= WHOLE else side for n in values.shape[:2]]
    tops = [max(0, min(at - one // 2, n - one)) for at, one, n in zip((row, column), sides, values.shape, strict=False)]
    near = values[tops[0] : tops[0] + sides[0], tops[1] : tops[1] + sides[1]]
    return {"top": tops[0], "left": tops[1], "values": near.reshape(*near.shape[:2], -1)}


# ---------------------------------------------------------------------------------------------------------------- colours
class InSpace(Source):
    """shifts: of each channel, as a share of its range; kept: of the others their means are taken, where it is given."""

    space: Annotated[str, Field(max_length=20)]
    shifts: Annotated[list[Annotated[float, Field(ge=-1, le=1)]], Field(max_length=4)] = Field(default_factory=list)
    kept: Annotated[int, Field(ge=0, le=3)] | None = None


def colours(desk: Desk, asked: InSpace) -> Mapping[str, Any]:
    """An image in a colour space, channel by channel, and the way back, after what was changed there."""
    image, space = image_of(desk, asked), space_of(asked.space)
    image = reduced(image, LONGEST_IN_COLOUR)
    numbers = in_space(desk, asked, image)
    lows, highs = (np.array([getattr(one, end) for one in space.channels]) for end in ("low", "high"))
    planes = (np.moveaxis(numbers, -1, 0) - lows[:, None, None]) / (highs - lows)[:, None, None]
    back = from_space(changed(numbers, asked, lows, highs), space.name)
    return {
        "planes": as_bytes(planes),
        "least": numbers.min((0, 1)),
        "most": numbers.max((0, 1)),
        "back": as_bytes(back),
        "difference": float(np.abs(back - image.rgb).max() * WHITE),
    }


def in_space(desk: Desk, asked: InSpace, image: Image) -> np.ndarray:
    if asked.image == DRAWN:
        return to_space(image.rgb, asked.space)
    name = f"{asked.image} {asked.space.lower()}"
    numbers: np.ndarray = desktop(desk).kept(name, lambda: to_space(image.rgb, asked.space))
    return numbers


def changed(numbers: np.ndarray, asked: InSpace, lows: np.ndarray, highs: np.ndarray) -> np.ndarray:
    """A hue goes round and round; any other channel ends where its range does."""
    shifts = np.zeros(len(lows))
    shifts[: len(asked.shifts)] = asked.shifts[: len(lows)]
    if asked.kept is not None and asked.kept < len(lows):
        numbers = np.where(np.arange(len(lows)) == asked.kept, numbers, numbers.mean((0, 1)))
    if not shifts.any():
        return numbers
    moved = numbers + shifts * (highs - lows)
    turns = highs == 360
    result: np.ndarray = np.where(turns, moved, np.clip(moved, lows, highs))
    return result


# ---------------------------------------------------------------------------------------------------------------- kernels
class Slid(Source):
    """kernel: a name or weights, as `kernel_of` reads them. plane: over the grey image, over each colour by itself, or with a
    table for each colour. turned: the convolution of mathematics."""

    kernel: Annotated[str, Field(min_length=1, max_length=2000)]
    plane: Literal["grey", "colours"] = "grey"
    padding: Annotated[str, Field(max_length=20)] = "0"
    stride: Annotated[int, Field(ge=1, le=64)] = 1
    dilation: Annotated[int, Field(ge=1, le=32)] = 1
    turned: bool = False


class SlidTo(Slid):
    row: Place = 0
    column: Place = 0
    channel: Annotated[int, Field(ge=0, le=3)] = 0


def sliding(desk: Desk, asked: Slid) -> Sliding:
    image = image_of(desk, asked)
    kernel = kernel_of(asked.kernel)
    kernel = turned(kernel) if asked.turned else kernel
    pixels = planes_of(image, asked.plane)
    return slide(pixels, kernel, padding=asked.padding, stride=asked.stride, dilation=asked.dilation)


def planes_of(image: Image, plane: str) -> np.ndarray:
    return image.grey if plane == "grey" else image.colours


def convolved(desk: Desk, asked: Slid) -> Mapping[str, Any]:
    """All places at once, as bytes between the shades, and what there is to say of the kernel and of the sizes."""
    image, over = image_of(desk, asked), sliding(desk, asked)
    result = over.result()
    low, high = shades_of(result, over.kernel.sum, (image.low, image.high))
    sizes = zip(planes_of(image, asked.plane).shape, over.kernel.size, padded(over), strict=False)
    return {
        "shape": over.shape,
        "picture": as_bytes((result - low) / (high - low)),
        "low": low,
        "high": high,
        "least": result.min(),
        "most": result.max(),
        "kernel": facts_of(over.kernel),
        "padding": [over.padding.rows, over.padding.columns],
        "formulas": [size_formula(n, k, asked.stride, p, asked.dilation) for n, k, p in sizes],
    }


def padded(over: Sliding) -> Sequence[tuple[int, int]]:
    return over.padding.rows, over.padding.columns


def facts_of(kernel: Kernel) -> Mapping[str, Any]:
    """rank: of one table, how many columns times rows it is made of."""
    single = kernel.weights.ndim == 2 or kernel.weights.shape[2] == 1
    rank = separated(kernel.weights.reshape(kernel.size)).rank if single else None
    return {
        "weights": kernel.weights.reshape(*kernel.size, -1),
        "written": kernel.written(),
        "sum": kernel.sum,
        "sum_written": written(kernel.sum),
        "symmetric": kernel.is_symmetric,
        "rank": rank,
    }


def step(desk: Desk, asked: SlidTo) -> Mapping[str, Any]:
    """One place of the result: what lies under the kernel, the products, their sum; and the numbers around both."""
    over = sliding(desk, asked)
    high, wide = over.shape
    row, column = min(asked.row, high - 1), min(asked.column, wide - 1)
    channel = 0 if over.adds_channels else min(asked.channel, over.image.shape[2] - 1)
    one = over.step(row, column, channel)
    planes = over.image if over.adds_channels else over.image[..., channel : channel + 1]
    reach = min(LARGEST, max(over.reach) + 4)
    middle = int(one.rows[0] + one.rows[-1]) // 2, int(one.columns[0] + one.columns[-1]) // 2
    return {
        "row": row,
        "column": column,
        "rows": one.rows,
        "columns": one.columns,
        "patch": one.patch,
        "products": one.products,
        "sums": one.products.sum((0, 1)),
        "sum": one.sum,
        "input": {**around(planes, *middle, reach), "inside": around(over.inside, *middle, reach)["values"]},
        "output": results_around(over, row, column, channel),
    }


def results_around(over: Sliding, row: int, column: int, channel: int) -> Mapping[str, Any]:
    """The results near a place, of steps of their own, so that a large image need not be gone over for each."""
    rows, columns = (span(at, n) for at, n in zip((row, column), over.shape, strict=True))
    values = [[over.step(at, across, channel).sum for across in columns] for at in rows]
    return {"top": rows[0], "left": columns[0], "values": np.array(values)[..., None]}


def span(at: int, n: int) -> range:
    return range(n) if n <= WHOLE else range(max(0, at - 2), min(n, at + 3))


# ---------------------------------------------------------------------------------------------------------------- pooling
class PooledAt(Source):
    plane: Literal["grey", "colours"] = "grey"
    kind: Literal["max", "min", "average"] = "max"
    size: Annotated[int, Field(ge=1, le=32)] = 2
    stride: Annotated[int, Field(ge=1, le=32)] = 2
    row: Place = 0
    column: Place = 0


def pooled(desk: Desk, asked: PooledAt) -> Mapping[str, Any]:
    """What is left of each window, what unpooling makes of it, and one window in numbers."""
    image = image_of(desk, asked)
    pixels = planes_of(image, asked.plane)
    result = pool(pixels, asked.kind, asked.size, asked.stride)
    high, wide = result.values.shape[:2]
    row, column = min(asked.row, high - 1), min(asked.column, wide - 1)
    top, left = row * asked.stride, column * asked.stride
    window = pixels[top : top + asked.size, left : left + asked.size]
    place = None if result.places is None else int(result.places[row, column].flat[0])
    return {
        "shape": (high, wide),
        "picture": shown(result.values, image),
        "unpooled": None if result.places is None else shown(unpool(result), image),
        "formulas": [size_formula(n, asked.size, asked.stride) for n in pixels.shape[:2]],
        "row": row,
        "column": column,
        "window": window.reshape(*window.shape[:2], -1)[..., 0],
        "value": result.values[row, column].flat[0],
        "place": None if place is None else divmod(place, pixels.shape[1]),
        "input": around(pixels, top + asked.size // 2, left + asked.size // 2, max(7, asked.size + 2)),
        "output": around(result.values, row, column, 5),
    }


def shown(values: np.ndarray, image: Image) -> np.ndarray:
    return as_bytes((values - image.low) / (image.high - image.low))


CALLS: Mapping[str, Call] = {
    "choices": Call(Nothing, choices),
    "open": Call(Source, opened),
    "pixel": Call(PixelAt, pixel),
    "colours": Call(InSpace, colours),
    "convolve": Call(Slid, convolved),
    "step": Call(SlidTo, step),
    "pool": Call(PooledAt, pooled),
    **image_nets.CALLS,
}
