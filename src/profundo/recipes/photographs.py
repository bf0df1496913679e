"""Photographs as recipes that learn from patches take them: each of its own size, divided, made small, cut into patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from profundo.data.drawn_batches import DrawnBatches
from profundo.data.images.pixels import decode, header
from profundo.data.streams.archives import Files, open_files, printable, things_at
from profundo.files import reason
from profundo.images.colour_spaces import LUMA
from profundo.images.image_arrays import read_image
from profundo.recipes.context import Context
from profundo.recipes.own_data import Takes, is_own
from profundo.records import Batch, ProfundoError, Samples

__all__ = [
    "SAMPLES",
    "Pair",
    "Parts",
    "Photograph",
    "brightness",
    "drawn_patches",
    "no_longer",
    "pair",
    "photograph",
    "photographs",
    "photographs_or_set",
    "resized",
    "squares",
]

SAMPLES = ("china", "flower")  # come with scikit-learn
MOST_PIXELS = 2**27  # of all photographs together: 400 MB
MOST_OF_SET = 2_000  # images of each part of a data set by name
FEW = 5  # photographs; fewer are cut, so that there is something to train on, to validate and to test

T = TypeVar("T")
Photograph = tuple[str, np.ndarray]
"""A name and uint8 (height, width, 3)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """cut: whether they are parts of the same photographs."""

    train: Sequence[Photograph]
    validation: Sequence[Photograph]
    test: Sequence[Photograph]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One photograph small and large: uint8 (3, height, width) and (3, scale · height, scale · width)."""

    name: str
    small: Tensor
    large: Tensor


# ------------------------------------------------------------------------------------------------------------- reading
def photographs(context: Context, name: str, takes: Takes, least: int, longest: int | None = None) -> Parts:
    """Those that come with scikit-learn, for the name "samples", or one's own in a folder or .zip, in colour.

    least: pixels of a side; smaller ones are left out, in three parts of a photograph that is cut, too. longest: of the longer
    side of one's own, which are made no longer, so that more fit; those that are cut stay whole. Raises ProfundoError for other data.
    """
    if name == "samples":
        context.facts["photographs"] = list(SAMPLES)
        return parted([(one, np.asarray(read_image(one).colours)) for one in SAMPLES], context.generator("parts"))
    found = own_photographs(context, Path(name), takes, least, longest)
    parts = parted(found, context.generator("parts"))
    small = [
        one for part in (parts.train, parts.validation, parts.test) for one, pixels in part if side(pixels) < least
    ]
    if small:
        raise ProfundoError(
            f"data {printable(name)}: expected photographs of which a quarter has {least} pixels on a side, {small[0]} has less; "
            f"give {FEW} or more, which are not cut, or larger ones"
        )
    return parts


def photographs_or_set(context: Context, name: str, takes: Takes, least: int, longest: int | None = None) -> Parts:
    """The same, or the first images of each part of a data set by name, such as cifar10, however small."""
    if is_own(name):
        return photographs(context, name, takes, least, longest)
    data = context.images(name, None)
    return Parts(images_of(name, data.train), images_of(name, data.validation), images_of(name, data.test))


def images_of(name: str, samples: Samples) -> list[Photograph]:
    assert isinstance(samples.inputs, Tensor)  # which the door checked
    images = samples.inputs[:MOST_OF_SET].permute(0, 2, 3, 1).numpy()
    coloured = np.broadcast_to(images, (*images.shape[:3], 3))
    return [(f"{name} {number}", image) for number, image in enumerate(coloured, 1)]


def own_photographs(
    context: Context, path: Path, takes: Takes, least: int, longest: int | None = None
) -> list[Photograph]:
    """longest: pixels of the longer side that is asked for; None for photographs as they are."""
    where = printable(str(path))
    if path.exists() and (what := things_at(path)) != "images":
        raise ProfundoError(f"data {where}: expected {takes}; found {what}")
    files = open_files(path)
    kept = kept_of(files, least, longest if len(files) >= FEW else None, context.skip_bad)
    if longest and len(kept.found) < FEW <= len(files):
        kept = kept_of(
            files, least, None, context.skip_bad
        )  # they are cut, so that parts of small ones would be smaller still
    for line in kept.left_out(len(files), least):
        context.say(line)
    if not kept.found:
        raise ProfundoError(
            f"data {where}: expected photographs of {least} pixels on a side or more, found none of {len(files)}"
        )
    context.facts["photographs"] = files.identity()
    return kept.found


@dataclass(slots=True)
class Kept:
    """Photographs of one's own; small, more, bad: how many are left out, as they are too small, more than fit, and do not
    read; pixels: of all that are found."""

    found: list[Photograph]
    small: int = 0
    more: int = 0
    bad: int = 0
    pixels: int = 0

    def left_out(self, among: int, least: int) -> list[str]:
        reasons = (
            (self.small, f"of less than {least} pixels on a side"),
            (self.more, f"more than fit into {MOST_PIXELS:,} pixels together"),
            (self.bad, "that do not read"),
        )
        return [f"data: left out {number} of {among} photographs, {why}" for number, why in reasons if number]


def kept_of(files: Files, least: int, longest: int | None, skip_bad: bool = False) -> Kept:
    """By their headers; pixels are read of none that is left out. skip_bad: those that do not read are left out, too."""
    kept = Kept([])
    for index in sorted(range(len(files)), key=files.paths.__getitem__):
        try:
            keep_one(kept, files, index, least, longest)
        except ProfundoError as error:
            if not skip_bad:
                raise ProfundoError(f"{error}; mend or remove it, or leave it out with --skip-bad") from None
            kept.bad += 1
    return kept


def keep_one(kept: Kept, files: Files, index: int, least: int, longest: int | None) -> None:
    name = files.name(index)
    data = readable(name, partial(files.read, index))
    _, high, wide = readable(name, partial(header, data))
    height, width = lengths(high, wide, longest)
    if min(high, wide) < least:
        kept.small += 1
    elif kept.found and kept.pixels + height * width > MOST_PIXELS:
        kept.more += 1
    else:
        one = name, photograph(name, lambda: data)
        kept.found.append(one if longest is None else no_longer(one, longest))
        kept.pixels += height * width


def photograph(name: str, read: Callable[[], bytes]) -> np.ndarray:
    """uint8 (height, width, 3) of a file's bytes; what is transparent shows white. Raises ProfundoError for what is no image."""
    pixels = readable(name, lambda: decode(read()))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def readable(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except OSError as error:
        raise ProfundoError(f"{printable(name)}: cannot be read: {reason(error)}") from None
    except ValueError as error:
        raise ProfundoError(f"{printable(name)}: expected an image, but it does not read: {error}") from None


def side(pixels: np.ndarray) -> int:
    return int(min(pixels.shape[:2]))


# ------------------------------------------------------------------------------------------------------------ dividing
def parted(found: Sequence[Photograph], generator: torch.Generator) -> Parts:
    """A fifth of the photographs to test, a tenth to validate. Of fewer than five, each is cut: its right half to test, of its left
    half the lowest quarter to validate, so that no pixel stands in two parts."""
    if len(found) < FEW:
        left, low, right = zip(*map(pieces, found), strict=True)
        return Parts(left, low, right, cut=True)
    order = torch.randperm(len(found), generator=generator).tolist()
    tested, validated = max(1, len(found) // 5), max(1, len(found) // 10)
    chosen = [found[at] for at in order]
    return Parts(chosen[tested + validated :], chosen[tested : tested + validated], chosen[:tested])


def pieces(one: Photograph) -> tuple[Photograph, Photograph, Photograph]:
    name, pixels = one
    across, down = pixels.shape[1] // 2, pixels.shape[0] * 3 // 4
    left = pixels[:, :across]
    return (f"{name}, left", left[:down]), (f"{name}, lower left", left[down:]), (f"{name}, right", pixels[:, across:])


# -------------------------------------------------------------------------------------------------------- sizes, patches
def resized(pixels: np.ndarray, height: int, width: int, how: Pillow.Resampling) -> np.ndarray:
    """uint8 (height, width, 3), by one of Pillow's filters; where it makes smaller, it takes the mean of what falls together."""
    return np.asarray(Pillow.fromarray(pixels).resize((width, height), how))


def pair(one: Photograph, scale: int) -> Pair:
    """The photograph, cut to a multiple of the scale, and made so many times smaller by bicubic interpolation."""
    name, pixels = one
    height, width = (side // scale for side in pixels.shape[:2])
    large = pixels[: height * scale, : width * scale]
    return Pair(name, as_tensor(resized(large, height, width, Pillow.Resampling.BICUBIC)), as_tensor(large))


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())  # which of a single pixel is a view otherwise


def brightness(images: Tensor) -> Tensor:
    """uint8 (…, 3, height, width) → float32 (…, 1, height, width) from 0 to 1."""
    weights = torch.tensor(LUMA, dtype=torch.float32, device=images.device).view(3, 1, 1) / 255
    return (images * weights).sum(-3, keepdim=True)


def drawn_patches(
    pairs: Sequence[Pair],
    size: int,
    batch_size: int,
    updates: int,
    generator: Callable[[str], torch.Generator],
    device: torch.device,
) -> DrawnBatches:
    """Batches of brightness: patches of size × size of the small photographs, and the same places of the large ones, mirrored and
    turned as chance has it. A photograph is drawn as often as it has pixels. generator: by the name of a batch."""
    shares = torch.tensor([float(one.small[0].numel()) for one in pairs])

    def batch(number: int) -> Batch:
        draws = generator(f"patches {number}")
        drawn = [patch(pairs[at], size, draws) for at in torch.multinomial(shares, batch_size, True, generator=draws)]
        small, large = (brightness(torch.stack(side)).to(device) for side in zip(*drawn, strict=True))
        return Batch(small, large, batch_size)

    return DrawnBatches(batch, updates)


def patch(one: Pair, size: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    scale = one.large.shape[1] // one.small.shape[1]
    y, x = (int(torch.randint(side - size + 1, (), generator=draws)) for side in one.small.shape[1:])
    way = int(torch.randint(8, (), generator=draws))
    small = one.small[:, y : y + size, x : x + size]
    large = one.large[:, scale * y : scale * (y + size), scale * x : scale * (x + size)]
    return turned(small, way), turned(large, way)


def turned(image: Tensor, way: int) -> Tensor:
    """One of the eight ways to lay a square on itself."""
    return torch.rot90(image.flip(2) if way >= 4 else image, way % 4, (1, 2))


def squares(photographs: Sequence[Photograph], size: int, count: int, draws: torch.Generator) -> Tensor:
    """float32 (count, 3, size, size) from 0 to 1: squares of photographs, mirrored as chance has it, of a side between `size` and the
    shorter of the photograph's, made to `size`. A photograph is drawn as often as it has pixels."""
    shares = torch.tensor([float(pixels.size) for _, pixels in photographs])
    drawn = torch.multinomial(shares, count, True, generator=draws).tolist()
    return torch.stack([square(photographs[at][1], size, draws) for at in drawn]).float() / 255


def square(pixels: np.ndarray, size: int, draws: torch.Generator) -> Tensor:
    shorter = side(pixels)
    wide = int(torch.randint(min(size, shorter), shorter + 1, (), generator=draws))
    y, x = (int(torch.randint(whole - wide + 1, (), generator=draws)) for whole in pixels.shape[:2])
    cut = as_tensor(resized(pixels[y : y + wide, x : x + wide], size, size, Pillow.Resampling.LANCZOS))
    return cut.flip(2) if int(torch.randint(2, (), generator=draws)) else cut


def no_longer(one: Photograph, size: int) -> Photograph:
    """The photograph, made so small that its longer side has `size` pixels at most."""
    name, pixels = one
    height, width = lengths(pixels.shape[0], pixels.shape[1], size)
    if (height, width) == pixels.shape[:2]:
        return one
    return name, resized(pixels, height, width, Pillow.Resampling.LANCZOS)


def lengths(height: int, width: int, longest: int | None) -> tuple[int, int]:
    """Both sides, the longer of `longest` pixels at most."""
    scale = 1.0 if longest is None else min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
