"""The page of an image: its numbers, channels and colours, and what a kernel and a pooling make of it, as pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import product

import numpy as np
import torch

from profundo.images.colour_spaces import SPACES, Space
from profundo.images.convolution import Step, correlate, short
from profundo.images.image_arrays import Image
from profundo.images.kernels import KERNELS, kernel_of
from profundo.images.pooling import POOLINGS, pool, unpool
from profundo.inspect.image_view import ImageView, Shades, around, ends_of, shades_of, uneven
from profundo.pictures.bars import small_histogram_svg
from profundo.pictures.image_grid import image_svg
from profundo.pictures.image_page.pixel_cells import Cells, Turn, cells_svg, sliding_svg
from profundo.pictures.numbers import count, how_many, percent, plain
from profundo.pictures.sheet import Part, Sheet, sheet_html, standalone
from profundo.pictures.tables import Cell, Figure, Grid, Row

__all__ = ["Drawing", "image_page", "picture", "pixels_as_cells", "pooling_steps", "sliding_steps"]

LONGEST, SMALL = 640, 320  # pixels of a large picture, and of one of many
PATCH = {1: 12, 3: 8}  # pixels of the patch that is written out, by channels
IN_VIEW = 9  # rows and columns of the image that a sliding window is shown over
MOST_TURNS = 7  # rows and columns of its result
WIDEST_KERNEL = 13  # spread out, to be shown step by step
WRITTEN = 5  # columns of a kernel whose products are written out


def image_page(view: ImageView) -> str:
    """One page that is complete in itself. The same view gives the same page, byte for byte."""
    image = view.image
    parts = [_numbers(view), _channels(image), *_spaces(view)]
    parts += [_gallery(image)] if view.sliding is None else [_convolution(view)]
    parts += [_pooling(view)] if view.pooled is not None else []
    many = f"{how_many(len(image.channels), 'channel')} each"
    lead = f"{image.height} × {image.width} pixels of {many}: {count(image.pixels.size)} numbers. All that a net sees is these."
    return sheet_html(Sheet(image.name, "Image as numbers", lead, parts))


# --------------------------------------------------------------------------------------------------------------- parts
def _numbers(view: ImageView) -> Part:
    image = view.image
    left, top, side = _patch(view)
    how = "Each cell is a pixel" + (", its red, green and blue from the top down." if not image.is_grey else ".")
    figures = [Figure(pixels_as_cells(view).svg, how)]
    if max(image.height, image.width) > side:
        whole = _eight(_shrunk(image.rgb, LONGEST))
        whole = _framed(whole, [at * whole.shape[1] / image.width for at in (left, top, left + side, top + side)])
        figures.insert(0, _pictured(whole, image.name, "The frame holds the pixels beside."))
    words = (
        f"A number says how {'much ink its pixel has' if image.is_ink else 'bright its pixel is'}: {ends_of(image)}. "
        "x counts columns from the left, y rows from the top, both from 0."
    )
    return Part("Pixels are numbers", [words, image.note] if image.note else [words], figures, _points(view))


def _patch(view: ImageView) -> tuple[int, int, int]:
    """Left, top and side of the square that is written out."""
    side = PATCH[view.image.colours.shape[2]]
    top, left, _ = around(view.image.pixels, view.y, view.x, side)
    return left, top, side


def pixels_as_cells(view: ImageView) -> Drawing:
    """The pixels around the view's place as cells of their colours, with their numbers in them."""
    left, top, side = _patch(view)
    there = np.s_[top : top + side, left : left + side]
    cells = Cells(_texts(view.image.colours[there]), _triples(_eight(view.image.rgb[there])), first=(left, top))
    title = f"Pixels as numbers, columns from x {left}, rows from y {top}"
    return Drawing(cells_svg(cells, title), "pixels as numbers")


def _points(view: ImageView) -> Grid:
    """Some pixels of a row as points of five dimensions."""
    start = max(0, min(view.x - 2, view.image.width - 5))
    colours = np.broadcast_to(view.image.colours[view.y, start : start + 5], (min(5, view.image.width), 3))
    rows = [[Cell(short(n)) for n in (start + at, view.y, *colour)] for at, colour in enumerate(colours.tolist())]
    words = (
        "A pixel is a point of five dimensions: where it is, and its colour. Points that are near each other in all five "
        "belong together: k-means on them cuts an image into patches."
    )
    return Grid(words, ["x", "y", "red", "green", "blue"], rows)


def _channels(image: Image) -> Part:
    edges, counts = image.histogram()
    ends = plain(image.low), plain(image.high)
    names = image.channels
    figures = []
    for at, name in enumerate(names):
        bars = small_histogram_svg(edges.tolist(), counts[at].tolist(), label=name, ends=ends)
        grey = picture(_eight(_shrunk(image.unit[..., at], SMALL)), f"{name} alone").svg if len(names) > 1 else ""
        shown = f"{name} as grey, and " if grey else ""
        figures.append(Figure(grey + bars, f"{shown}how many pixels have which {name}"))
    facts = [(name, numbers[:4], numbers[4:]) for name, *numbers in map(astuple, image.facts())]
    rows: list[Row] = [
        [name, *(Cell(plain(n)) for n in sizes), *(Cell(percent(n)) for n in shares)] for name, sizes, shares in facts
    ]
    columns = ["channel", "least", "greatest", "mean", "deviation", *(f"at {end}" for end in ends)]
    several = (
        f"{len(names)} pictures in grey lie over each other, one a channel; where one is bright, there is much of it."
    )
    words = [several if len(names) > 1 else "One number a pixel makes a picture in grey."]
    words.append(
        "Many pixels at an end of the range mean that brightness was cut off there, and cannot be brought back."
    )
    return Part("Channels", words, figures, Grid("Every channel in figures.", columns, rows), small=True)


def _spaces(view: ImageView) -> Iterator[Part]:
    """The channels of each colour space as pictures; of a grey image only of one that was asked for."""
    if view.space is None and view.image.is_grey:
        return
    rgb, values = _shrunk(view.image.rgb, SMALL), view.colours()
    for space in (SPACES[name] for name in values if name != "rgb" or view.space):
        planes = [(one, plane, one.letter) for one, plane in zip(space.channels, _planes(rgb, space), strict=True)]
        figures = [_pictured(plane, f"{name} of {space.name}", f"{name}: {one.meaning}") for one, plane, name in planes]
        numbers = zip(space.channels, values[space.name.lower()], strict=True)
        pixel = ", ".join(f"{one.letter} {short(value)}" for one, value in numbers)
        yield Part(space.name, [space.meaning, f"The pixel at x {view.x}, y {view.y} is {pixel}."], figures, small=True)


def _planes(rgb: np.ndarray, space: Space) -> Iterator[np.ndarray]:
    """Each channel of a space from black (its least) to white; hue in its own colours."""
    numbers = space.forward(rgb)
    for at, channel in enumerate(space.channels):
        plane = numbers[..., at]
        if channel.letter == "H":
            yield _eight(SPACES["hsv"].back(np.stack([plane, np.ones_like(plane), np.ones_like(plane)], -1)))
        else:
            yield _eight(plane, (channel.low, channel.high))


def _gallery(image: Image) -> Part:
    grey, own = _shrunk(image.grey, SMALL).astype(np.float32), (image.low, image.high)
    fitting = [one for one in map(kernel_of, KERNELS) if min(grey.shape) >= max(one.size)]
    results = {f"{one.name}: {one.meaning}": (correlate(grey, one), one.sum) for one in fitting}
    if fitting:
        strength = np.hypot(correlate(grey, "sobel-x"), correlate(grey, "sobel-y"))
        results["edges: √(sobel-x² + sobel-y²), how strong they are whichever way"] = strength, 0.0
    grey_of = {words: _eight(values, shades_of(values, total, own)) for words, (values, total) in results.items()}
    figures = [_pictured(pixels, words, words) for words, pixels in grey_of.items()]
    words = (
        "A kernel is a small table of weights. It slides over the image; at every place the weights are multiplied with the "
        "numbers under them, and the products added up. The first layer of a convolutional net learns such tables. Where "
        "results are negative, grey is zero, dark is below and bright above."
    )
    how = "Choose one, such as --kernel sobel-x, to see it step by step."
    return Part("What kernels find", [words, how], figures, small=True)


def _convolution(view: ImageView) -> Part:
    sliding = view.window
    figures = []
    if max(sliding.reach) <= WIDEST_KERNEL:
        channel = f" of {view.image.colour_names[0]}" if view.result.ndim == 3 and view.result.shape[2] > 1 else ""
        padded = "" if sliding.inside.all() else " Cells with dashes are padding."
        words = f"Step by step{channel}: point at a cell of the result to see what it is made of.{padded}"
        figures.append(Figure(sliding_steps(view).svg, words))
    figures.append(_everywhere(view, view.result, f"All {sliding.shape[0]} × {sliding.shape[1]} places", LONGEST))
    title = f"Kernel {sliding.kernel.name}{' turned by 180°' * view.flipped}"
    return Part(title, [sliding.kernel.meaning, *view.sentences()], figures)


def _pooling(view: ImageView) -> Part:
    pooled = view.pooled
    assert pooled is not None
    before, after = (" × ".join(map(str, shape)) for shape in (pooled.shape, pooled.values.shape[:2]))
    stood = ", and in blue where the value stood" if pooled.places is not None else ""
    steps = Figure(pooling_steps(view).svg, f"Step by step: the window in orange{stood}.")
    figures = [steps, _everywhere(view, pooled.values, f"All {after} windows", SMALL)]
    window = f"Of each window of {pooled.size} × {pooled.size}, {POOLINGS[pooled.kind]}"
    words = [f"{window}: {before} → {after}{uneven(pooled)}."]
    if pooled.places is not None:
        back = "Unpooled, each value back at its place and zero elsewhere"
        figures.append(_everywhere(view, unpool(pooled), back, SMALL))
        words.append("The place of each value is remembered, so that it can be put back where it was.")
    return Part(f"Pooling {pooled.kind}", words, figures)


def _everywhere(view: ImageView, values: np.ndarray, words: str, longest: int) -> Figure:
    low, high = view.shades
    caption = f"{words}; black is {plain(low)}, white {plain(high)}."
    return _pictured(_eight(_shrunk(values, longest), view.shades), words, caption)


# --------------------------------------------------------------------------------------------------- windows that slide
@dataclass(frozen=True, slots=True)
class _Plane:
    """Numbers (rows, columns, channels) of which a part is drawn as cells; start: x, y of the first; inside: no padding."""

    values: np.ndarray
    shades: Shades
    title: str
    start: tuple[int, int] = (0, 0)
    inside: np.ndarray | None = None

    def cells(self, rows: slice, columns: slice) -> Cells:
        values, (x, y) = self.values[rows, columns], self.start
        inside = None if self.inside is None else self.inside[rows, columns].tolist()
        colours = _triples(_eight(values, self.shades))
        return Cells(_texts(values), colours, self.title, (x + columns.start, y + rows.start), inside)


def sliding_steps(view: ImageView) -> Drawing:
    """The kernel over the pixels around the view's place, as a picture that moves; of the first channel."""
    sliding, low, high = view.window, view.image.low, view.image.high
    planes = sliding.image if sliding.adds_channels else sliding.image[..., :1]
    start = -sliding.padding.columns[0], -sliding.padding.rows[0]
    before = _Plane(planes, (low, high), "image", start, sliding.inside)
    after = _Plane(view.result.reshape(*sliding.shape, -1)[..., :1], view.shades, "result")
    weights = sliding.kernel.written()
    kernel = Cells(weights, [[None for _ in row] for row in weights], "kernel")

    def turn(row: int, column: int) -> Turn:
        step = sliding.step(row, column)
        return Turn(row, column, [(r, c) for r in step.rows.tolist() for c in step.columns.tolist()], _sum(step))

    return _steps(before, after, view.spot, sliding.stride, sliding.reach, turn, "Convolution", kernel)


def _sum(step: Step) -> list[str]:
    if step.patch.shape[1] > WRITTEN or step.patch.shape[2] > 1:
        return [f"the sum of {step.patch.size} products", f"= {short(step.sum)}"]
    return [*(f"{'+ ' * (at > 0)}{line}" for at, line in enumerate(step.lines())), f"= {short(step.sum)}"]


def pooling_steps(view: ImageView) -> Drawing:
    """The window of the pooling over the numbers around the view's place, as a picture that moves; of the first channel."""
    pooled = view.pooled
    assert pooled is not None
    size, stride, places = pooled.size, pooled.stride, pooled.places
    before = _Plane(view.result.reshape(*pooled.shape, -1)[..., :1], view.shades, "before")
    after = _Plane(pooled.values.reshape(*pooled.values.shape[:2], -1)[..., :1], view.shades, "pooled")

    def turn(row: int, column: int) -> Turn:
        under = [(row * stride + u, column * stride + v) for u in range(size) for v in range(size)]
        numbers = ", ".join(short(before.values[r, c, 0]) for r, c in under) if size <= 3 else f"{len(under)} numbers"
        taken = None if places is None else divmod(int(places[row, column].flat[0]), pooled.shape[1])
        lines = [f"{pooled.kind}({numbers})", f"= {short(after.values[row, column, 0])}"]
        return Turn(row, column, under, lines, taken)

    return _steps(before, after, view.pooled_spot, stride, (size, size), turn, f"Pooling {pooled.kind}")


def _steps(
    before: _Plane,
    after: _Plane,
    spot: tuple[int, int],
    stride: int,
    reach: tuple[int, int],
    turn: Callable[[int, int], Turn],
    label: str,
    kernel: Cells | None = None,
) -> Drawing:
    """The steps of a window near a place of the result. reach: rows and columns under the window."""
    sizes = zip(spot, after.values.shape, reach, strict=False)
    rows, columns = (_stretch(at, size, (max(IN_VIEW, side) - side) // stride + 1) for at, size, side in sizes)
    parts = zip((rows, columns), reach, strict=True)
    down, along = (slice(part.start * stride, (part.stop - 1) * stride + side) for part, side in parts)
    turns = []
    for row, column in product(range(rows.start, rows.stop), range(columns.start, columns.stop)):
        one = turn(row, column)
        under = [(r - down.start, c - along.start) for r, c in one.under]
        taken = one.taken and (one.taken[0] - down.start, one.taken[1] - along.start)
        turns.append(Turn(row - rows.start, column - columns.start, under, one.lines, taken))
    cells = before.cells(down, along), after.cells(rows, columns)
    return Drawing(sliding_svg(*cells, turns, f"{label}: step by step", kernel), label)


def _stretch(at: int, size: int, most: int) -> slice:
    """So many places around one, at least one and at most seven, all within the size."""
    many = min(max(1, most), MOST_TURNS, size)
    start = max(0, min(at - many // 2, size - many))
    return slice(start, start + many)


# ------------------------------------------------------------------------------------------------------------- pictures
@dataclass(frozen=True, slots=True, repr=False)
class Drawing:
    """An SVG that notebooks show."""

    svg: str
    title: str

    def __repr__(self) -> str:
        return f"drawing: {self.title}"

    def _repr_svg_(self) -> str:
        return standalone(self.svg)


def picture(pixels: np.ndarray, title: str) -> Drawing:
    """Numbers from 0 to 255, (height, width) or (height, width, channels), as an image in a drawing; others are cut off."""
    planes = np.clip(np.rint(pixels), 0, 255).astype(np.uint8).reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)
    return Drawing(image_svg(torch.from_numpy(planes.copy())[None], 1, title), title)


def _pictured(pixels: np.ndarray, title: str, caption: str) -> Figure:
    return Figure(picture(pixels, title).svg, caption)


def _eight(values: np.ndarray, shades: Shades = (0.0, 1.0)) -> np.ndarray:
    """uint8 of numbers; what lies beyond black and white is cut off."""
    unit = (values - shades[0]) / (shades[1] - shades[0])
    eight: np.ndarray = np.rint(255 * np.clip(unit, 0, 1)).astype(np.uint8)
    return eight


def _shrunk(values: np.ndarray, longest: int) -> np.ndarray:
    """Means of squares of pixels, so many that the longer side is at most `longest`."""
    size = min(-(-max(values.shape[:2]) // longest), min(values.shape[:2]))
    return values if size == 1 else pool(values, "average", size).values


def _framed(pixels: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """With a frame, white in black, around a part: left, top, right, bottom."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    image = Pillow.fromarray(pixels)
    for out, colour, width in ((4, "black", 3), (3, "white", 1)):
        box = [edges[0] - out, edges[1] - out, edges[2] + out, edges[3] + out]
        ImageDraw.Draw(image).rectangle(box, outline=colour, width=width)
    return np.asarray(image)


def _texts(values: np.ndarray) -> list[list[list[str]]]:
    return [[[short(value) for value in cell] for cell in row] for row in values.tolist()]


def _triples(colours: np.ndarray) -> list[list[tuple[int, int, int]]]:
    """Red, green and blue of each cell; grey of one channel."""
    return [[(cell[0], cell[len(cell) // 2], cell[-1]) for cell in row] for row in colours.tolist()]
