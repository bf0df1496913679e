"""Where an object seems to be that nobody has labelled: places without a box that have the colours of a class.

Of each class the colours inside its boxes are counted, and those outside of all boxes. With equal odds before, a pixel of colour
c speaks for the class with p(c) = in(c) / (in(c) + out(c)), as in a naive Bayes classifier of skin (Jones and Rehg 2002). A
place of the class's middle size speaks with the mean of its pixels, by sums over rectangles (Viola and Jones 2001). One of which
little lies in a box, and which speaks as labelled ones do, is doubtful.

It knows colours, no shapes: of a class whose colours are everywhere nothing is said. In BCCD, whose labels are known to be
incomplete, it marks 750 places on 286 of 364 images; of 31 on twelve images drawn by chance 25 were cells without a label.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from profundo.data.images.pixels import fitted
from profundo.data.objects_in_images.labelled_images import Labels

__all__ = ["Unlabelled", "unlabelled"]

SIDE = 160  # pixels of the longer side of the images that are looked at
FEWEST = 20  # objects of a class
SMALLEST = 4  # pixels of a side in the small image
COVERED = 0.15  # share of a place that may lie in boxes, or in other places
NEARLY, FEW = 0.85, 0.01  # a place that is a little aside of an object; share of those without a box that may speak so
EVERYWHERE = 0.2  # share of the places without a box from which on a class has no colours of its own
BITS = 4  # of each channel that are looked at
MOST_IMAGES = 500
STEPS = 5  # places that begin within the side of one


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A place in an image, by its number: box, left, top, right, bottom, in its pixels, and the class it looks like."""

    image: int
    label: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Small:
    """An image made small: the number of each pixel's colour, its boxes and their classes, and how many pixels of it are one here."""

    colours: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    scale: float


def unlabelled(picture: Callable[[int], np.ndarray], labels: Sequence[Labels], classes: int) -> list[Unlabelled]:
    """Doubtful places of all images, those of large classes first. picture: uint8 (height, width, channels) by number.

    Of more than MOST_IMAGES as many, evenly spread, are looked at.
    """
    numbers = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), MOST_IMAGES)).astype(int)).tolist()
    images = {number: _small(picture(number), labels[number]) for number in numbers}
    free = {number: ~_inside(one, one.boxes) for number, one in images.items()}
    outside = _counts(np.concatenate([one.colours[free[number]] for number, one in images.items()]))
    results: list[Unlabelled] = []
    for label, (width, height) in _sizes(images.values(), classes):
        inside = _counts(np.concatenate([_of_class(one, label) for one in images.values()]))
        weights = _weights(inside, outside)
        places = {number: _Places(one, free[number], weights, width, height) for number, one in images.items()}
        least = _least(
            [score for one in images.values() for score in _scores(one, label, inside, outside)],
            np.concatenate([one.free_scores() for one in places.values()]),
        )
        if least is None:
            continue
        for number, one in places.items():
            for left, top in one.best(least):
                box = np.array([left, top, left + width, top + height])
                free[number] &= ~_inside(images[number], box[None])
                results.append(Unlabelled(number, label, tuple((box / images[number].scale).tolist())))
    return results


def _small(pixels: np.ndarray, labels: Labels) -> Small:
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    small = fitted(pixels, (3, max(1, round(height * scale)), max(1, round(width * scale)))) >> (8 - BITS)
    red, green, blue = np.moveaxis(small.astype(np.int64), 2, 0)
    return Small(
        red << 2 * BITS | green << BITS | blue, labels.boxes * scale, np.where(labels.crowd, -1, labels.classes), scale
    )


def _inside(image: Small, boxes: np.ndarray) -> np.ndarray:
    """bool (height, width): the pixels that lie in one of these boxes."""
    mask = np.zeros(image.colours.shape, bool)
    for left, top, right, bottom in np.rint(boxes).astype(int).tolist():
        mask[top:bottom, left:right] = True
    return mask


def _of_class(image: Small, label: int) -> np.ndarray:
    """The colours inside the boxes of a class."""
    colours: np.ndarray = image.colours[_inside(image, image.boxes[image.labels == label])]
    return colours


def _counts(colours: np.ndarray) -> np.ndarray:
    return np.bincount(colours.ravel(), minlength=1 << 3 * BITS)


def _sizes(images: Collection[Small], classes: int) -> list[tuple[int, tuple[int, int]]]:
    """Classes of enough objects, those of large ones first, and the median (width, height) of each."""
    sizes = []
    for label in range(classes):
        boxes = np.concatenate([one.boxes[one.labels == label] for one in images])
        width, height = np.median(boxes[:, 2:] - boxes[:, :2], 0) if len(boxes) >= FEWEST else (0, 0)
        if min(width, height) >= SMALLEST:
            sizes.append((label, (round(width), round(height))))
    return sorted(sizes, key=lambda one: -one[1][0] * one[1][1])


def _weights(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """p of each colour."""
    own, other = (counts / max(1, counts.sum()) + 1e-6 for counts in (inside, outside))
    weights: np.ndarray = own / (own + other)
    return weights


def _scores(image: Small, label: int, inside: np.ndarray, outside: np.ndarray) -> Iterator[float]:
    """Of each object of a class, how it speaks for it by the colours of the others: its own would say too much."""
    for left, top, right, bottom in np.rint(image.boxes[image.labels == label]).astype(int).tolist():
        colours = image.colours[top:bottom, left:right]
        if colours.size:
            yield float(_weights(inside - _counts(colours), outside)[colours].mean())


def _least(own: Sequence[float], others: np.ndarray) -> float | None:
    """From where on a place speaks as an object does: nearly as nine of ten of them, where few places without a box do, else as the
    middle one. None where many do, or where the colours speak against the class. own: of the objects; others: of those places."""
    for least, most in ((NEARLY * float(np.quantile(own, 0.1)), FEW), (float(np.median(own)), EVERYWHERE)):
        if least > 0.5 and len(others) and (others >= least).mean() <= most:
            return least
    return None


class _Places:
    """All places of one size in an image, a step apart: how they speak, and which are without a box."""

    def __init__(self, image: Small, free: np.ndarray, weights: np.ndarray, width: int, height: int) -> None:
        self.width, self.height = width, height
        rows, columns = image.colours.shape
        self.tops = np.arange(0, rows - height + 1, max(1, height // STEPS))
        self.lefts = np.arange(0, columns - width + 1, max(1, width // STEPS))
        self.scores = self._means(weights[image.colours])
        self.free = self._means(free.astype(float)) >= 1 - COVERED

    def _means(self, values: np.ndarray) -> np.ndarray:
        """Of the values in each place, (tops, lefts)."""
        sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        down = sums[self.tops + self.height] - sums[self.tops]
        means: np.ndarray = (down[:, self.lefts + self.width] - down[:, self.lefts]) / (self.width * self.height)
        return means

    def free_scores(self) -> np.ndarray:
        return self.scores[self.free]

    def best(self, least: float) -> list[tuple[int, int]]:
        """(left, top) of places that speak at least so, the clearest first, that share little with one before."""
        scores, found = np.where(self.free, self.scores, 0.0), []
        while scores.size and scores.max() >= least:
            row, column = divmod(int(scores.argmax()), scores.shape[1])
            top, left = int(self.tops[row]), int(self.lefts[column])
            found.append((left, top))
            high = (self.height - abs(self.tops - top)).clip(0)[:, None]
            wide = (self.width - abs(self.lefts - left)).clip(0)
            scores[high * wide > COVERED * self.width * self.height] = 0.0
        return found
