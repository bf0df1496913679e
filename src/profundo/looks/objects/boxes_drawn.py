"""Boxes drawn on an image, a colour for each class; those that nobody labelled are dashed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from profundo.data.grids.mask_codes import colour_of

__all__ = ["with_boxes"]

THIN = 1 / 160  # of the longer side
DASH = 4  # times as long as a line is wide


def with_boxes(
    pixels: np.ndarray, boxes: np.ndarray, labels: Sequence[int], dashed: Sequence[bool] | None = None
) -> np.ndarray:
    """uint8 (height, width, 3). boxes: (n, 4), in pixels of the image."""
    picture: np.ndarray = np.repeat(pixels[:, :, :1], 3, 2) if pixels.shape[2] != 3 else pixels.copy()
    wide = max(1, round(max(picture.shape[:2]) * THIN))
    for number, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        line = _line(picture.shape[:2], np.rint(box).astype(int), wide)
        if dashed is not None and dashed[number]:
            line &= np.add.outer(*map(np.arange, picture.shape[:2])) // (DASH * wide) % 2 == 0
        picture[line] = colour_of(label + 1)
    return picture


def _line(size: tuple[int, ...], box: np.ndarray, wide: int) -> np.ndarray:
    """bool (height, width): the pixels within a box that are nearer to its edges than the line is wide."""
    left, top, right, bottom = box.tolist()
    line = np.zeros(size, bool)
    line[_span(top, bottom), _span(left, right)] = True
    line[_span(top + wide, bottom - wide), _span(left + wide, right - wide)] = False
    return line


def _span(low: int, high: int) -> slice:
    """Of an image's pixels: what is below 0 would be counted from the other end."""
    return slice(max(0, low), max(0, low, high))
