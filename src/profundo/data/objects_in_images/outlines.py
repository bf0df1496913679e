"""Which pixels are an object's: polygons, and runs of pixels, as COCO has both (Lin et al. 2014).

A polygon is a closed line of corners (x, y) in pixels, as edges: pixel (0, 0) reaches from (0, 0) to (1, 1) and belongs to what
its centre lies in, by the even-odd rule. Several polygons are parts of one object, which may overlap.

Runs go down the columns, one column after the other: (start, length) of each stretch of an object's pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Outline", "Polygons", "Runs", "box_of", "coded_mask", "coded_runs", "counted_runs", "drawn", "filled",
           "runs_by_value"]  # fmt: skip

AT_ONCE = 1 << 22  # crossings of edges and rows that are held in memory


@dataclass(frozen=True, slots=True)
class Polygons:
    """parts: float64 (corners, 2) each, three corners or more."""

    parts: tuple[np.ndarray, ...]

    def times(self, wide: float, high: float) -> Polygons:
        return Polygons(tuple(part * (wide, high) for part in self.parts))


@dataclass(frozen=True, slots=True)
class Runs:
    """starts, lengths: int64 (runs,), ascending, none touching the next, of the pixels of an image of that height and width."""

    height: int
    width: int
    starts: np.ndarray
    lengths: np.ndarray


Outline = Polygons | Runs


# ------------------------------------------------------------------------------------------------------------- drawing
def drawn(outline: Outline, height: int, width: int) -> np.ndarray:
    """bool (height, width), of the image that the outline is of. Raises ValueError for runs of another size."""
    if isinstance(outline, Polygons):
        mask = np.zeros((height, width), bool)
        for part in outline.parts:
            mask |= filled(part, height, width)
        return mask
    if (outline.height, outline.width) != (height, width):
        raise ValueError(f"its mask is of {outline.width}×{outline.height} pixels, the image has {width}×{height}")
    steps = np.zeros(height * width + 1, np.int8)
    steps[outline.starts] = 1
    steps[outline.starts + outline.lengths] -= 1
    return steps[:-1].cumsum(dtype=np.int8).astype(bool).reshape(width, height).T


def filled(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """bool (height, width): the pixels whose centres a row crosses an odd number of edges to reach.

    corners: float64 (corners, 2). Each edge is met by the rows whose centres it passes, its lower end excluded, so that a corner
    between two edges counts once.
    """
    turns = np.zeros((height, width + 1), np.uint8)
    start, end = corners, np.roll(corners, -1, 0)
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first, last = (np.ceil(edge - 0.5).clip(0, height).astype(np.int64) for edge in (low, high))
    step = max(1, AT_ONCE // max(1, height))
    for begin in range(0, len(corners), step):
        some = slice(begin, begin + step)
        _turn(turns, start[some], end[some], first[some], last[some])
    return np.bitwise_xor.accumulate(turns, 1)[:, :width].astype(bool)


def _turn(turns: np.ndarray, start: np.ndarray, end: np.ndarray, first: np.ndarray, last: np.ndarray) -> None:
    """Change sides, in the rows from first to last, at the pixel whose centre is the first beyond each edge."""
    counts = last - first
    edges = np.repeat(np.arange(len(first)), counts)
    rows = np.arange(len(edges)) + (first - counts.cumsum() + counts)[edges]
    (x0, y0), (x1, y1) = start[edges].T, end[edges].T
    across = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    columns = np.ceil(across - 0.5).clip(0, turns.shape[1] - 1).astype(np.int64)
    np.bitwise_xor.at(turns, (rows, columns), np.uint8(1))


def box_of(outline: Outline) -> tuple[float, float, float, float]:
    """(left, top, right, bottom), as edges; all 0 of an outline without pixels."""
    if isinstance(outline, Polygons):
        corners = np.concatenate(outline.parts)
        (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
        return left, top, right, bottom
    if not len(outline.starts):
        return 0.0, 0.0, 0.0, 0.0
    last = outline.starts + outline.lengths - 1
    (first_column, top), (last_column, bottom) = (np.divmod(at, outline.height) for at in (outline.starts, last))
    if (first_column != last_column).any():  # a run that goes on in the next column touches both ends
        return float(first_column.min()), 0.0, float(last_column.max() + 1), float(outline.height)
    return float(first_column.min()), float(top.min()), float(last_column.max() + 1), float(bottom.max() + 1)


# ---------------------------------------------------------------------------------------------------------------- runs
def counted_runs(counts: Sequence[int], height: int, width: int) -> Runs:
    """From COCO's plain counts: pixels of the ground, of the object, of the ground … Raises ValueError where they are not those
    of an image of this size."""
    values = np.asarray(counts)
    are_counts = values.ndim == 1 and values.dtype.kind == "i" and not ((values < 0) | (values > height * width)).any()
    if not are_counts or values.sum() != height * width:
        raise ValueError(f"the counts of its runs do not add up to {width}×{height} pixels")
    ends = values.cumsum()
    starts, lengths = (ends - values)[1::2], values[1::2]
    return joined(height, width, starts[lengths > 0], lengths[lengths > 0])


def joined(height: int, width: int, starts: np.ndarray, lengths: np.ndarray) -> Runs:
    """Runs of which one that touches the next is one with it."""
    is_new = np.ones(len(starts), bool)
    is_new[1:] = starts[1:] > starts[:-1] + lengths[:-1]
    sums = np.add.reduceat(lengths, np.flatnonzero(is_new)) if len(starts) else lengths
    return Runs(height, width, starts[is_new], sums)


def coded_runs(text: str, height: int, width: int) -> Runs:
    """From COCO's string: each count, less the one two before it from the fourth on, in pieces of five bits, the lowest first,
    as characters from "0" on; the sixth bit says that more follow, the fifth of the last is the sign. Raises ValueError."""
    counts: list[int] = []
    value = shift = 0
    for code in text.encode("ascii", "replace"):
        piece = code - 48
        if not 0 <= piece < 64 or shift > 35:
            raise ValueError("its runs are not written as COCO writes them")
        value |= (piece & 31) << shift
        shift += 5
        if piece & 32:
            continue
        value -= (1 << shift) if piece & 16 else 0
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("its runs end in the middle of a count")
    return counted_runs(counts, height, width)


def coded_mask(mask: np.ndarray) -> str:
    """The reverse: COCO's string of a mask, bool (height, width), of the lengths of its runs down its columns, the ground's first."""
    flat = mask.T.ravel()
    turns = np.flatnonzero(np.diff(flat, prepend=False)).tolist()
    counts = np.diff([0, *turns, len(flat)]).tolist()
    return "".join(_pieces(count - counts[at - 2] if at > 2 else count) for at, count in enumerate(counts))


def _pieces(number: int) -> str:
    """A whole number with a sign, which is the fifth bit of its last piece."""
    text = ""
    while True:
        piece, number = number & 31, number >> 5
        more = number != (-1 if piece & 16 else 0)
        text += chr(48 + (piece | 32 * more))
        if not more:
            return text


def runs_by_value(values: np.ndarray) -> dict[int, Runs]:
    """The runs of each value but 0 in whole numbers (height, width): an instance each."""
    height, width = values.shape
    flat = values.T.ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(starts, append=len(flat))
    order = np.argsort(flat[starts], kind="stable")
    different, first = np.unique(flat[starts[order]], return_index=True)
    groups = np.split(order, first[1:])
    return {
        int(value): Runs(height, width, starts[own], lengths[own])
        for value, own in zip(different, groups, strict=True)
        if value
    }
