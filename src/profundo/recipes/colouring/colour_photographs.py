"""Photographs in colour to learn from and to be asked about: of a data set, of one's own, or squares of two that come with
scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from profundo.data.streams.archives import printable
from profundo.ranks_and_places import evenly
from profundo.recipes.colouring.colour_hints import no_hints
from profundo.recipes.colouring.colour_planes import Colouring, Planes, painted_all, planes_of
from profundo.recipes.context import Context
from profundo.recipes.own_data import Takes
from profundo.recipes.photographs import Photograph, as_tensor, photographs
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Spec, Targets

__all__ = ["SAMPLES", "SMALLEST", "TAKES", "Unseen", "colour_photographs", "images_of", "painted", "unseen"]

TAKES = Takes("images", samples=20)
SAMPLES = "samples"  # the name of those two
SMALLEST = 8  # pixels of a side


@dataclass(frozen=True, slots=True)
class Unseen:
    """Photographs, uint8 (images, 3, height, width), that no net learns from, and their planes."""

    truth: Tensor
    planes: Planes

    @property
    def lightness(self) -> Tensor:
        return self.planes.lightness

    def few(self, number: int) -> Unseen:
        """Evenly spread, as the classes may stand one after another."""
        places = torch.tensor(evenly(len(self.truth), number))
        return Unseen(self.truth[places], self.planes.some(places))


def unseen(images: Tensor) -> Unseen:
    return Unseen(images, planes_of(images))


def painted(way: Colouring, photos: Unseen) -> Tensor:
    return painted_all(way, photos.lightness, no_hints(photos.lightness))


def colour_photographs(context: Context, name: str, image_size: int) -> Dataset:
    """In memory, with even sides. Raises ProfundoError for grey ones, for other channels than three, and for fewer than 8 pixels on a
    side."""
    data = squares(context, image_size) if name == SAMPLES else context.images(name, image_size)
    channels, *sides = data.spec.inputs.shape
    where = printable(name)
    if min(sides) < SMALLEST:
        raise ProfundoError(f"data {where}: expected {SMALLEST} pixels on a side or more, found {sides[1]}×{sides[0]}")
    if channels not in (1, 3):
        raise ProfundoError(
            f"data {where}: expected photographs of three channels, red, green and blue, found images of {channels}"
        )
    if channels == 1 or not has_colour(images_of(data.train)):
        raise ProfundoError(f"data {where}: expected photographs in colour to learn from, found grey ones only")
    return with_even_sides(data)


def images_of(samples: Samples) -> Tensor:
    assert isinstance(samples.inputs, Tensor)  # own_data.py refuses what is read from disk
    return samples.inputs


def has_colour(images: Tensor) -> bool:
    return bool((images != images[:, :1]).any())


def with_even_sides(data: Dataset) -> Dataset:
    """Without the last row and column where there are odd numbers of them."""
    _, height, width = data.spec.inputs.shape
    high, wide = height - height % 2, width - width % 2
    train, validation, test = (
        replace(split, inputs=images_of(split)[:, :, :high, :wide])
        for split in (data.train, data.validation, data.test)
    )
    inputs = replace(data.spec.inputs, shape=(3, high, wide))
    return replace(data, spec=replace(data.spec, inputs=inputs), train=train, validation=validation, test=test)


def squares(context: Context, side: int) -> Dataset:
    """Of two photographs, which share no pixel between parts. Raises ProfundoError where they are too small."""
    parts = photographs(context, SAMPLES, TAKES, side)
    splits = [part_squares(part, side) for part in (parts.train, parts.validation, parts.test)]
    if not all(map(len, splits)):
        raise ProfundoError(f"image_size: expected at most 106 for the sample photographs, which are cut, got {side}")
    values = splits[0].double()
    mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3))
    inputs = Inputs((3, side, side), "image", mean=tuple(mean.tolist()), std=tuple(std.tolist()))
    train, validation, test = (Samples(images, torch.zeros(len(images))) for images in splits)
    return Dataset(SAMPLES, Spec(inputs, Targets("any")), train, validation, test)


def part_squares(photos: Sequence[Photograph], side: int) -> Tensor:
    """uint8 (squares, 3, side, side), each half over the next."""
    found = [as_tensor(pixels).new_zeros(0, 3, side, side) for _, pixels in photos[:1]]
    for _, pixels in photos:
        image = as_tensor(pixels)
        if min(image.shape[1:]) >= side:
            cut = image.unfold(1, side, side // 2).unfold(2, side, side // 2)
            found.append(cut.permute(1, 2, 0, 3, 4).flatten(0, 1))
    return torch.cat(found).contiguous()
