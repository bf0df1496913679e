"""Pairs of images that are given and to be made: of any images what a task takes away, or pairs of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.data.images.layouts import split_called
from profundo.data.images.pixels import decode, fitted
from profundo.data.splits.splits import Collection, divide
from profundo.data.streams.archives import Files, Parts, open_files, printable
from profundo.recipes.net_outputs import few_at_once, in_parts
from profundo.recipes.photographs import brightness, readable
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Targets

__all__ = [
    "PAIRED",
    "TASKS",
    "Pairs",
    "of_the_dataset",
    "outlines",
    "own_pairs",
    "pairs_of",
    "upper_half",
    "without_colour",
]

GREY = 128  # of what is not told
SHARP = 0.2  # of a line: how strong it is at least beside the strongest of its image
FAINT = 0.5  # what Sobel's filters say of the strongest at least; a step from black to white has 4
SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
SIDES = ("a", "b")
FEWEST = 20  # pairs
PAIRED = "under equal names in two folders a and b or two side by side in each file"


@dataclass(frozen=True, slots=True)
class Pairs:
    """given, truth: uint8 (pairs, channels, height, width), with as many channels as each has."""

    given: Tensor
    truth: Tensor

    def __len__(self) -> int:
        return len(self.truth)

    def some(self, places: Sequence[int] | Tensor) -> Pairs:
        at = torch.as_tensor(places)
        return Pairs(self.given[at], self.truth[at])


# --------------------------------------------------------------------------------------------- what a task takes away
def upper_half(images: Tensor) -> Tensor:
    """The same images, the lower half grey."""
    given = images.clone()
    given[:, :, images.shape[2] // 2 :] = GREY
    return given


def outlines(images: Tensor) -> Tensor:
    """Black lines on white, uint8 (images, 1, height, width): where brightness changes, across the line most of all (Sobel's filters,
    and the thinning of Canny 1986 along rows or columns)."""
    return in_parts(lines, images)


def lines(images: Tensor) -> Tensor:
    light = F.pad(bright(images), (1, 1, 1, 1), mode="replicate")
    across, down = (F.conv2d(light, kernel[None, None]) for kernel in (SOBEL, SOBEL.T))
    strength = torch.hypot(across, down)
    around = F.pad(strength, (1, 1, 1, 1))
    left, right = around[:, :, 1:-1, :-2], around[:, :, 1:-1, 2:]
    above, below = around[:, :, :-2, 1:-1], around[:, :, 2:, 1:-1]
    upright = across.abs() >= down.abs()
    most = torch.where(upright, (strength >= left) & (strength > right), (strength >= above) & (strength > below))
    least = SHARP * strength.amax((2, 3), keepdim=True).clamp(min=FAINT)
    return torch.where(most & (strength > least), 0, 255).to(torch.uint8)


def without_colour(images: Tensor) -> Tensor:
    """uint8 (images, 1, height, width). Raises ProfundoError where there is no colour to be taken away."""
    if images.shape[1] != 3 or not any(
        bool((part != part[:, :1]).any()) for part in torch.split(images, few_at_once(images))
    ):
        raise ProfundoError(
            "task colours: expected images in colour to learn from, found grey ones only; try task=halves"
        )
    return in_parts(lambda part: (255 * bright(part)).round().to(torch.uint8), images)


def bright(images: Tensor) -> Tensor:
    """float32 (images, 1, height, width) from 0 to 1."""
    return brightness(images) if images.shape[1] == 3 else images[:, :1].float() / 255


TASKS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "halves": upper_half,
    "edges": outlines,
    "colours": without_colour,
}
"""By name what is given of images, uint8 to uint8."""


def pairs_of(task: str, samples: Samples) -> Pairs:
    assert isinstance(samples.inputs, Tensor)  # own_data.py refuses what is read from disk
    return Pairs(TASKS[task](samples.inputs), samples.inputs)


# ------------------------------------------------------------------------------------------------------ pairs of one's own
def of_the_dataset(samples: Samples) -> Pairs:
    """Of the images of `own_pairs`, whose targets are what they are made of."""
    assert isinstance(samples.inputs, Tensor)
    assert isinstance(samples.targets, Tensor)
    return Pairs(samples.targets, samples.inputs)


@dataclass(frozen=True, slots=True)
class Found:
    """A pair among files: the number of the first, and of the second, which is None where both stand in one file; its split."""

    first: int
    second: int | None
    split: str


def own_pairs(path: Path, side: int, reverse: bool, seed: int) -> tuple[Dataset, str]:
    """Images to be made, with what they are made of as targets, and what identifies the files.

    In folders a and b, under equal names, or side by side in each file, as the paper's data lie; below train, val and test where
    there are such. side: pixels that all are scaled and cut to. reverse: the first is to be made of the second. Raises ProfundoError
    for a file without a partner, pairs of different shape, fewer than twenty pairs, and files that do not read.
    """
    files, where = open_files(path), printable(str(path))
    found = in_two_folders(files, where) or [Found(at, None, split_in(parts)) for at, parts in by_name(files)]
    if len(found) < FEWEST:
        raise ProfundoError(f"data {where}: expected {FEWEST} pairs of images or more, {PAIRED}, found {len(found)}")
    read = [pixels_of(files, pair, side) for pair in found]
    both = zip(*(pair[::-1] if reverse else pair for pair in read), strict=True)
    given, truth = map(stacked, both)
    rows = rows_by_split(found)
    few = [name for name, at in rows.items() if len(at) < 2]
    if few:
        raise ProfundoError(f"data {where}: expected two pairs or more in {few[0]}, found {len(rows[few[0]])}")
    parts = {name: Samples(truth[at], given[at]) for name, at in rows.items()}
    kept = Collection(
        where,
        Inputs(tuple(truth.shape[1:]), "image"),
        Targets("any"),
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
    )
    return divide(kept, validation=None, seed=seed, stream=False), files.identity()


def by_name(files: Files) -> list[tuple[int, Parts]]:
    return sorted(enumerate(files.paths), key=lambda one: one[1])


def split_in(parts: Parts) -> str:
    """Of a folder on the way to the file that is called so."""
    return next((split for part in parts[:-1] if (split := split_called(part))), "train")


def in_two_folders(files: Files, where: str) -> list[Found]:
    """Empty where no file lies in a folder a or b."""
    sides: dict[str, dict[Parts, int]] = {name: {} for name in SIDES}
    for at, parts in by_name(files):
        place = next((place for place, part in enumerate(parts[:-1]) if part.lower() in SIDES), None)
        if place is not None:
            key = (*parts[:place], *parts[place + 1 : -1], Path(parts[-1]).stem)
            sides[parts[place].lower()].setdefault(key, at)
    first, second = sides.values()
    alone = sorted(first.keys() ^ second.keys())
    if alone:
        at, other = (first[alone[0]], "b") if alone[0] in first else (second[alone[0]], "a")
        raise ProfundoError(
            f"data {where}: expected images of equal names in folders a and b, found none in {other} for {files.name(at)} "
            f"({len(alone)} without a partner)"
        )
    return [Found(at, second[key], split_in(key)) for key, at in first.items()]


def pixels_of(files: Files, pair: Found, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Both of a pair, uint8 (side, side, channels), each with its own channels."""
    names = [files.name(at) for at in (pair.first, pair.second) if at is not None]
    first, *others = (
        readable(name, partial(lambda at: decode(files.read(at)), at))
        for name, at in zip(names, (pair.first, pair.second), strict=False)
    )
    second = others[0] if others else None
    if second is None:
        first, second = halved(first, names[0])
    (high, wide), (tall, broad) = first.shape[:2], second.shape[:2]
    if abs(high * broad - wide * tall) > max(high * broad, wide * tall) / 50:
        raise ProfundoError(
            f"data {names[0]}: expected two images of one shape, pixel on pixel, got {wide}×{high} and {broad}×{tall}"
        )
    return square(first, side), square(second, side)


def halved(pixels: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    height, width = pixels.shape[:2]
    if width % 2 or width <= height:
        raise ProfundoError(
            f"data {name}: expected two images side by side, of an even width above their height, got {width}×{height}; or give "
            "folders a and b with images of equal names"
        )
    return pixels[:, : width // 2], pixels[:, width // 2 :]


def square(pixels: np.ndarray, side: int) -> np.ndarray:
    return fitted(np.ascontiguousarray(pixels), (pixels.shape[2], side, side))


def stacked(images: Sequence[np.ndarray]) -> Tensor:
    """uint8 (images, channels, side, side), of one channel where all are grey."""
    channels = max(image.shape[2] for image in images)
    made = [np.broadcast_to(image, (*image.shape[:2], channels)) for image in images]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).contiguous()


def rows_by_split(found: Sequence[Found]) -> dict[str, Tensor]:
    """All to train on where nothing is said to be for that."""
    named = [pair.split for pair in found]
    if "train" not in named:
        named = ["train"] * len(named)
    return {name: torch.tensor([at for at, one in enumerate(named) if one == name]) for name in dict.fromkeys(named)}
