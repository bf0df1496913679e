"""Lines drawn by hand as pictures, and as the pictures that a net has learned from: of their size, in their place, as thick.

    sketched(strokes, (64, 64))                       # as they lie on the paper
    frame = frame_of(mnist.train.inputs[:1000, 0])     # how those were drawn: Frame(box=20, pen=2.4, by_mass=True, …)
    framed(strokes, (28, 28), frame)                   # a digit drawn anywhere, as MNIST would have it

MNIST's digits were brought into a box of 20 × 20 with their proportions, and laid into 28 × 28 with their centre of mass in the
middle (LeCun, Bottou, Bengio & Haffner 1998, section III). Other sets do otherwise; what a set did is measured from its images.
A stroke is a row of points (x, y) on a square paper whose sides are 1000 long, y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from profundo.images.image_arrays import array_of
from profundo.records import ProfundoError

__all__ = ["PAPER", "Frame", "Strokes", "frame_of", "framed", "sketched"]

Strokes = Sequence[Sequence[Sequence[float]]]  # of points (x, y)

PAPER = 1000.0
PEN = 1 / 14  # of the paper's side, where nothing is said of it
FINE = 8  # rows and columns into which a pixel is divided to draw smoothly
INK = 0.05  # of the range of values, from which on a pixel belongs to what is drawn
MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class Frame:
    """How the images of a set were drawn. box: the longer side of what is drawn, pen: the width of its lines, both in pixels.
    by_mass: its centre of mass stands in the middle, else that of its box. dark: on a bright ground."""

    box: float
    pen: float
    by_mass: bool = True
    dark: bool = False


# ----------------------------------------------------------------------------------------------------------- measured
def frame_of(images: Any) -> Frame | None:
    """Of images (images, height, width) the frame that they have in common; None where they are no drawings: their edges
    are not of one shade, the darkest or the brightest.

    The width of a line is 2 · area / outline, with the outline as the total variation Σ|∇ink|.
    """
    values = array_of(images).astype(np.float64)
    if values.ndim != 3 or not values.size or values.max() == values.min():
        return None
    shades = (values - values.min()) / (values.max() - values.min())
    ground = float(np.median(np.concatenate([shades[:, [0, -1]].ravel(), shades[:, :, [0, -1]].ravel()])))
    if INK < ground < 1 - INK:
        return None
    ink = 1 - shades if ground > 0.5 else shades
    ink = ink[(ink > INK).any((1, 2))]
    ends = np.array([ends_of(one) for one in ink])  # (images, first and last, row and column)
    box = float(np.median(np.ptp(ends, axis=1).max(1) + 1))
    middles, masses = ends.mean(1), np.array([centre_of_mass(one) for one in ink])
    by_mass = bool(masses.var(0).sum() < middles.var(0).sum())
    return Frame(box, min(box / 3, float(np.median(thickness(ink)))), by_mass, dark=ground > 0.5)


def ends_of(ink: np.ndarray) -> np.ndarray:
    """((first row, first column), (last row, last column)) of what is drawn."""
    places = np.argwhere(ink > INK)
    return np.stack([places.min(0), places.max(0)])


def centre_of_mass(ink: np.ndarray) -> np.ndarray:
    """(row, column), Σ ink · place / Σ ink; the middle of a pixel is a whole number."""
    total = ink.sum()
    rows, columns = (ink.sum(1 - axis) @ np.arange(ink.shape[axis]) for axis in (0, 1))
    place: np.ndarray = np.array([rows, columns]) / total
    return place


def thickness(ink: np.ndarray) -> np.ndarray:
    """Of each image the width of its lines in pixels."""
    around = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    down, right = np.diff(around, axis=1)[:, :, :-1], np.diff(around, axis=2)[:, :-1]
    outline = np.hypot(down, right).sum((1, 2))
    widths: np.ndarray = 2 * ink.sum((1, 2)) / outline
    return widths


# -------------------------------------------------------------------------------------------------------------- drawn
def sketched(strokes: Strokes, size: tuple[int, int], pen: float = PEN) -> np.ndarray:
    """uint8 (height, width), white lines on black where they were drawn; pen: their width as a share of the paper's side."""
    points = checked(strokes)
    side = min(size)
    edge = (np.array(size)[::-1] - side) / 2
    return drawn([one * (side / PAPER) + edge for one in points], size, pen * side)


def framed(strokes: Strokes, size: tuple[int, int], frame: Frame) -> np.ndarray:
    """uint8 (height, width): scaled with its proportions to the frame's box, in the frame's place and shades."""
    points = checked(strokes)
    if not points:
        return np.full(size, 255 * frame.dark, np.uint8)
    every = np.concatenate(points)
    low, high = every.min(0), every.max(0)
    room, extent = max(0.0, frame.box - frame.pen), float((high - low).max())
    scale = room / extent if extent > PEN * PAPER / 2 else 0.0  # a dot stays one
    middle = np.array(size)[::-1] / 2
    placed = [(one - (low + high) / 2) * scale + middle for one in points]
    picture = drawn(placed, size, frame.pen)
    if frame.by_mass and picture.any():
        shift = middle - 0.5 - centre_of_mass(picture.astype(np.float64))[::-1]
        picture = drawn([one + shift for one in placed], size, frame.pen)
    return 255 - picture if frame.dark else picture


def drawn(strokes: Sequence[np.ndarray], size: tuple[int, int], pen: float) -> np.ndarray:
    """uint8 (height, width) of strokes (points, 2) in pixels, whose upper left corner is (0, 0), with round ends."""
    from PIL import Image, ImageDraw

    height, width = size
    fine = Image.new("L", (width * FINE, height * FINE))
    draw = ImageDraw.Draw(fine)
    radius = max(0.5, pen * FINE / 2)
    for stroke in strokes:
        places = [(float(x) * FINE - 0.5, float(y) * FINE - 0.5) for x, y in stroke]
        draw.line(places, fill=255, width=max(1, round(2 * radius)))
        for x, y in places:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(fine.reduce(FINE))


def checked(strokes: Strokes) -> list[np.ndarray]:
    """Each (points, 2); those without a point are left out. Raises ProfundoError for what is no row of points on the paper."""
    if sum(map(len, strokes)) > MOST_POINTS:
        raise ProfundoError(f"strokes: expected at most {MOST_POINTS:,} points, got {sum(map(len, strokes)):,}")
    return [points_of(stroke) for stroke in strokes if len(stroke)]


def points_of(stroke: Sequence[Sequence[float]]) -> np.ndarray:
    try:
        points = np.asarray(stroke, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or not ((points >= 0) & (points <= PAPER)).all():
        raise ProfundoError(f"strokes: expected points (x, y) from 0 to {PAPER:g}, got others")
    return points
