"""Scenes of handwritten digits: several in one image, large and small, one before the other, on noise. What detectors learn from.

    scenes = digit_scenes(load("mnist").train, 1000, seed=0)
    scenes.images, scenes.objects, scenes.masks         # (1000, 1, 128, 128), (1000, 8, 6), (1000, 8, 128, 128)

Digits are real; places, sizes and greys are drawn. Scene number i is a function of (seed, i) and of the digits: training can
see new ones for ever and still be resumed, and scenes made of test digits hold no stroke of training.

A digit covers what was painted before it. Its mask is the pixels where its own ink is seen, its box just holds them, and of
no digit is more than HIDDEN of the ink covered: a place where it would be is drawn again, and given up after TRIES.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from profundo.boxes import Objects, packed
from profundo.data.batches import generator
from profundo.data.splits.splits import Collection
from profundo.object_masks import bits_of
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["HIDDEN", "MOST", "SIZES", "Scenes", "collection", "digit_scenes", "split_digits"]

MOST = 8  # digits of a scene
SIZES = (14, 40)  # pixels of the longer side of a digit's ink
SMALLEST, LARGEST = 96, 160  # pixels of a scene's side
GREYS = (130, 255)  # of the ink
NOISE = 25.0  # greys: the largest deviation of the background, which varies from scene to scene
INK = 64  # of 255: from here on a pixel is the digit's
HIDDEN = 0.3  # of a digit's ink that later ones may cover
TRIES = 20

COUNTS = (2250, 250, 500)  # scenes to train, to validate and to test, of the set with a name
HELD_BACK = 12  # one digit in so many is for validation only


@dataclass(frozen=True, slots=True)
class Scenes:
    """images: uint8 (scenes, 1, side, side); objects: their table as boxes.py packs it, float32 (scenes, MOST, 6), the digit as
    class; masks: bool (scenes, MOST, side, side), of the same places."""

    images: Tensor
    objects: Tensor
    masks: Tensor

    def __len__(self) -> int:
        return len(self.images)


def collection(name: str, digits: Collection) -> Collection:
    """The set with a name: scenes whose digits are of different splits, too. digits: MNIST, or a set of its form."""
    assert digits.test is not None
    splits = (*split_digits(digits.train), digits.test)
    made = [digit_scenes(own, count, seed=seed) for seed, (own, count) in enumerate(zip(splits, COUNTS, strict=True))]
    train, validation, test = (
        Samples(one.images, {"objects": one.objects, "masks": bits_of(one.masks)})  # type: ignore[arg-type]
        for one in made
    )
    inputs = Inputs(tuple(train.inputs.shape[1:]), "image", longest=0)  # type: ignore[union-attr]
    return Collection(name, inputs, Targets("objects", digits.targets.classes), train, validation, test)


def split_digits(digits: Samples) -> tuple[Samples, Samples]:
    """The training digits in memory of which training scenes are made, and the last ones, of which those for validation are."""
    images, labels = in_memory(digits), digits.targets
    kept = len(images) - len(images) // HELD_BACK
    return Samples(images[:kept], labels[:kept]), Samples(images[kept:], labels[kept:])


def digit_scenes(digits: Samples, count: int, *, seed: int = 0, first: int = 0, side: int = 128) -> Scenes:
    """Scenes number first to first + count of that seed.

    digits: uint8 images (samples, 1, height, width) in memory, light on dark, and their classes. side: pixels, 96 to 160.
    Raises ProfundoError for other digits, sides and counts.
    """
    images, labels = in_memory(digits), digits.targets
    if not SMALLEST <= side <= LARGEST or count < 1 or first < 0:
        raise ProfundoError(
            f"digit scenes: expected a side from {SMALLEST} to {LARGEST} pixels, one scene or more and a first from 0; "
            f"got side {side}, count {count}, first {first}"
        )
    scenes = [
        scene(images[:, 0], labels, side, generator(seed, number, torch.device("cpu")))
        for number in range(first, first + count)
    ]
    masks = torch.zeros(count, MOST, side, side, dtype=torch.bool)
    for row, (_, objects) in zip(masks, scenes, strict=True):
        row[: len(objects)] = objects.masks
    return Scenes(torch.stack([image for image, _ in scenes])[:, None], packed([own for _, own in scenes], MOST), masks)


def in_memory(digits: Samples) -> Tensor:
    images = digits.inputs
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.dim() != 4 or images.shape[1] != 1:
        raise ProfundoError("digit scenes: expected digits in memory, uint8 (samples, 1, height, width), as MNIST's")
    return images


def scene(digits: Tensor, labels: Tensor, side: int, draw: Generator) -> tuple[Tensor, Objects]:
    """One image uint8 (side, side) of 1 to MOST of the digits uint8 (samples, height, width), and what is where in it."""
    picture = torch.randn(side, side, generator=draw) * (NOISE * uniform(draw))
    owner = torch.full((side, side), -1)  # which digit is seen at a pixel
    inks: list[int] = []  # pixels of each, were none covered
    classes: list[int] = []
    for which in torch.randint(len(digits), (whole(draw, 1, MOST),), generator=draw).tolist():
        ink = resized(digits[which], whole(draw, *SIZES))
        there = ink >= INK
        corner = free_place(owner, there, inks, draw) if bool(there.any()) else None
        if corner is None:
            continue
        window = tuple(slice(at, at + length) for at, length in zip(corner, ink.shape, strict=True))
        share = ink / 255
        picture[window] += share * (whole(draw, *GREYS) - picture[window])
        owner[window][there] = len(inks)
        inks.append(int(there.sum()))
        classes.append(int(labels[which]))
    masks = owner == torch.arange(len(inks))[:, None, None]
    none = torch.zeros(len(inks), dtype=torch.bool)  # is a crowd
    objects = Objects(boxes_around(masks), torch.tensor(classes, dtype=torch.int64), none, masks)
    return picture.round().clamp(0, 255).byte(), objects


def resized(digit: Tensor, longer: int) -> Tensor:
    """The ink of a digit uint8 (height, width), cut out and scaled to a longer side of so many pixels: float 0 to 255."""
    left, top, right, bottom = map(int, boxes_around((digit > 0)[None])[0])
    cut = digit[top:bottom, left:right]
    size = [max(1, round(length * longer / max(cut.shape))) for length in cut.shape]
    return F.interpolate(cut[None, None].float(), size, mode="bilinear", antialias=True)[0, 0].clamp(0, 255)


def free_place(owner: Tensor, there: Tensor, inks: list[int], draw: Generator) -> tuple[int, int] | None:
    """Row and column of an upper left corner at which the new ink leaves enough of every digit before; None if none was found."""
    seen = torch.bincount(owner[owner >= 0], minlength=len(inks))
    least = (1 - HIDDEN) * torch.tensor(inks)
    for _ in range(TRIES):
        row, column = (whole(draw, 0, side - length) for side, length in zip(owner.shape, there.shape, strict=True))
        under = owner[row : row + there.shape[0], column : column + there.shape[1]][there]
        if bool((seen - torch.bincount(under[under >= 0], minlength=len(inks)) >= least).all()):
            return row, column
    return None


def boxes_around(masks: Tensor) -> Tensor:
    """float32 (objects, 4): the edges of the pixels that are set in each mask (objects, height, width); the whole of it where
    none is."""

    def edges(lines: Tensor) -> tuple[Tensor, Tensor]:
        return lines.byte().argmax(1), lines.shape[1] - lines.flip(1).byte().argmax(1)

    (left, right), (top, bottom) = edges(masks.any(1)), edges(masks.any(2))
    return torch.stack([left, top, right, bottom], 1).float()


def uniform(draw: Generator) -> float:
    return torch.rand((), generator=draw).item()


def whole(draw: Generator, least: int, most: int) -> int:
    """One of least to most, both included."""
    return int(torch.randint(least, most + 1, (), generator=draw))
