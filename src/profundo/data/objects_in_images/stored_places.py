"""Places in an image as its file stores it, brought to the image as it is seen.

A camera that was held upright stores its pixels on their side, with a note of how to turn them (EXIF, Orientation). Programs that do
not heed the note have labels written in the stored pixels, and say the stored size beside them; we see the image turned, so that what
they say turns with it. Where the two sizes are the same, nothing tells which is meant, and it is the image as it is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from profundo.data.objects_in_images.outlines import Outline, Polygons, Runs, drawn, runs_by_value

__all__ = ["PLACES", "box_as_seen", "lies_in", "outline_as_seen"]

Size = tuple[float, float]  # width, height

# Orientation → where a corner (x, y) of the stored image of this (width, height) is seen, and the same of its pixels (height, width).
PLACES: Mapping[int, Callable[[np.ndarray, np.ndarray, Size], tuple[np.ndarray, np.ndarray]]] = {
    5: lambda x, y, _: (y, x),
    6: lambda x, y, size: (size[1] - y, x),
    7: lambda x, y, size: (size[1] - y, size[0] - x),
    8: lambda x, y, size: (y, size[0] - x),
}
PIXELS: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    5: lambda mask: mask.T,
    6: lambda mask: mask[::-1].T,
    7: lambda mask: mask[::-1, ::-1].T,
    8: lambda mask: mask[:, ::-1].T,
}


def lies_in(box: tuple[float, ...], size: Size) -> bool:
    """Whether no edge is more than a pixel out of an image of this size."""
    return min(box) >= -1 and max(box[::2]) <= size[0] + 1 and max(box[1::2]) <= size[1] + 1


def box_as_seen(box: tuple[float, ...], stored: Size, note: int) -> tuple[float, float, float, float]:
    """left, top, right, bottom of a box in an image that is stored in this size with this note, 5 to 8."""
    x, y = PLACES[note](np.array(box[::2]), np.array(box[1::2]), stored)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def outline_as_seen(outline: Outline, stored: Size, note: int) -> Outline:
    """The same of an outline; runs of another size stay as they are: they are a fault, told of later."""
    if isinstance(outline, Polygons):
        return Polygons(tuple(np.stack(PLACES[note](part[:, 0], part[:, 1], stored), 1) for part in outline.parts))
    if outline.width != stored[0] or outline.height != stored[1]:
        return outline
    mask = PIXELS[note](drawn(outline, outline.height, outline.width))
    nothing = np.zeros(0, np.int64)
    return runs_by_value(mask.astype(np.uint8)).get(1, Runs(outline.width, outline.height, nothing, nothing))
