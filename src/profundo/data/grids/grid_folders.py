"""A folder or .zip with images/ and masks/ becomes a Collection whose targets are a class for each pixel, or a number.

    images/a.jpg, masks/a.png           a mask has the name of its image, whatever the ending
    train/images/…, images/train/…      splits of their own, on top or below
    JPEGImages/, SegmentationClass/     the same, as PASCAL VOC calls them
    classes.txt                         what the values of masks are called, if it is there; see mask_codes.py

Images stay as they are, but their longer side is scaled down to 256 pixels, or to the image size that was asked for; smaller
ones are continued by their edges to the largest, which no figure and no gradient sees: the mask has no class there. With
--task real masks are numbers, such as the depths in a PNG of 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading
from profundo.data.grids.mask_codes import IGNORED, Coding, coding_of, listed_classes, read_codes
from profundo.data.images.deep_images import DeepImages
from profundo.data.images.image_folders import fits_in_memory, report, skipped_note
from profundo.data.images.layouts import SPLITS
from profundo.data.images.pixels import WHOLE, Window, eight_bits, header, read_pixels, strict
from profundo.data.splits.split_by import by_name
from profundo.data.splits.splits import Collection, Selection
from profundo.data.streams.archives import MASKED, Files, Parts, open_files, printable
from profundo.data.text.text_files import read_text
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["Pairs", "coded", "grid_collection", "paired", "scaled"]

LONGEST_SIDE = 256  # pixels, to which larger images are scaled down
NAMED = 10  # files in a message


@dataclass(frozen=True, slots=True)
class Pairs:
    """images, masks: numbers of files, those of a pair at the same place; split: of each pair. alone: images without a mask;
    extra: masks without an image; doubled: one of two of the same name."""

    images: list[int]
    masks: list[int]
    split: list[str]
    alone: list[int]
    extra: list[int]
    doubled: list[int]


def paired(files: Files) -> Pairs:
    """Which mask belongs to which image, by names. Files in other folders are passed over."""
    roles: dict[str, dict[Parts, int]] = {"images": {}, "masks": {}}
    doubled = []
    for index, parts in sorted(enumerate(files.paths), key=lambda one: one[1]):
        place = next((at for at, part in enumerate(parts[:-1]) if part.lower() in MASKED), None)
        if place is None:
            continue
        key = (*parts[:place], *parts[place + 1 : -1], Path(parts[-1]).stem)
        known = roles[MASKED[parts[place].lower()]]
        if key in known:
            doubled.append(index)
        known.setdefault(key, index)
    images, masks = roles["images"], roles["masks"]
    both = [key for key in images if key in masks]
    return Pairs(
        [images[key] for key in both],
        [masks[key] for key in both],
        [next((SPLITS[part.lower()] for part in key[:-1] if part.lower() in SPLITS), "train") for key in both],
        [index for key, index in images.items() if key not in masks],
        [index for key, index in masks.items() if key not in images],
        doubled,
    )


def grid_collection(where: Path, how: Reading) -> Collection:
    """Raises ProfundoError, naming the files, for images without mask and masks without image, unless those are to be left out
    (skip_bad); for files that do not decode; and where a mask has another size than its image."""
    files, pairs = open_files(where), paired(open_files(where))
    name = printable(where.resolve().stem if where.is_file() else where.resolve().name)
    place = printable(str(where))
    notes = [*files.notes, *unpaired(files, pairs, place, how.skip_bad)]
    if not pairs.images:
        raise ProfundoError(
            f"{place}: expected a mask in masks/ for each image in images/, of the same name; found no pair"
        )
    with strict():
        sizes, colour, deep, faults = looked_at(files, pairs)
        seen = None if how.task == "real" else coded(files, pairs, faults, place)
    if faults and not how.skip_bad:
        report(files, sorted(faults.items()), 2 * len(pairs.images), "images and masks")
    used = [at for at in range(len(pairs.images)) if not {pairs.images[at], pairs.masks[at]} & faults.keys()]
    if not used:
        raise ProfundoError(f"{place}: expected images with masks, none of {len(pairs.images)} pairs can be read")
    notes += skipped_note(len(pairs.images) - len(used), len(pairs.images), "pairs of image and mask")
    longest, note = longest_side([sizes[at] for at in used], how.image_size)
    height, width = (max(side) for side in zip(*(scaled(sizes[at], longest) for at in used), strict=True))
    shape = (3 if colour else 1, height, width)
    if not fits_in_memory(len(used) * (shape[0] + 1) * height * width, how.stream):
        raise ProfundoError(
            f"{place}: {len(used):,} images of {width}×{height} with masks are read whole, and do not fit in memory or were to be "
            "streamed; leave --stream out, or choose a smaller --image-size"
        )

    def images(window: Window) -> Tensor:
        """uint8 (pairs that are used, *shape)."""
        whole = np.zeros((len(used), height, width, shape[0]), np.uint8)
        for row, at in enumerate(used):
            whole[row] = fitted_image(eight_bits(read_pixels(files.read(pairs.images[at])), window), longest, shape)
        return torch.from_numpy(whole).permute(0, 3, 1, 2).contiguous()

    def picture(row: int) -> bytes:
        return files.read(pairs.images[used[row]])

    if seen is None:
        targets, values = (
            Targets("map", names=("value",)),
            numbers(files, [pairs.masks[at] for at in used], longest, shape),
        )
    else:
        coding, by_colour = seen
        notes += notes_of(coding)
        targets = Targets("mask", coding.names, codes=coding.codes)
        values = masks(files, [pairs.masks[at] for at in used], by_colour, coding, longest, shape)
    with strict():
        source = DeepImages(picture, images) if deep else images(WHOLE)
    splits = {
        split: [row for row, at in enumerate(used) if pairs.split[at] == split]
        for split in ("train", "validation", "test")
    }
    if not splits["train"]:
        raise ProfundoError(f"{place}: expected images with masks to train on, found none in train/")
    parts = {
        split: Samples(Selection(source, torch.tensor(rows)), values[torch.tensor(rows)])  # type: ignore[arg-type]
        for split, rows in splits.items()
        if rows
    }
    by = None
    if how.split_by is not None:
        by = by_name(how.split_by, [files.name(pairs.images[used[row]]) for row in splits["train"]], place)
    return Collection(
        name,
        Inputs(shape, "image", longest=longest),
        targets,
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        shares=(0.2, 0.125),
        notes=(*notes, *note),
        split_by=by,
    )


def unpaired(files: Files, pairs: Pairs, where: str, skip_bad: bool) -> Iterator[str]:
    """Notes on what has no partner. Raises ProfundoError unless that is to be left out."""
    for those, what in (
        (pairs.alone, "images without a mask"),
        (pairs.extra, "masks without an image"),
        (pairs.doubled, "images or masks of a name that another one has, with another ending"),
    ):
        if those and not skip_bad:
            raise ProfundoError(
                f"{where}: {len(those)} {what}: {some_names(files, those)}; expected the same name in images/ and masks/: add or "
                "remove them, or leave them out with skip_bad (--skip-bad)"
            )
        if those:
            yield f"{len(those)} {what} were left out: {some_names(files, those)}."


def some_names(files: Files, indices: list[int]) -> str:
    more = f" and {len(indices) - NAMED} more" if len(indices) > NAMED else ""
    return ", ".join(files.name(index) for index in indices[:NAMED]) + more


def looked_at(files: Files, pairs: Pairs) -> tuple[list[tuple[int, int]], bool, bool, dict[int, str]]:
    """By the headers: (height, width) of each image, whether some have colour; whether some have 16 bits a channel; and what
    is wrong with which file."""
    sizes, faults, colour, deep = [], {}, False, False
    for image in pairs.images:
        try:
            pixels = read_pixels(files.read(image))
            sizes.append(pixels.shape[:2])
            colour, deep = colour or pixels.shape[2] == 3, deep or pixels.dtype == np.uint16
        except (OSError, ValueError) as error:
            sizes.append((0, 0))
            faults[image] = str(error)
    for mask, size, image in zip(pairs.masks, sizes, pairs.images, strict=True):
        try:
            own = header(files.read(mask))[1:]
            if own != size and image not in faults:
                raise ValueError(f"{own[1]}×{own[0]} pixels, its image has {size[1]}×{size[0]}")
        except (OSError, ValueError) as error:
            faults[mask] = str(error)
    return sizes, colour, deep, faults


def coded(files: Files, pairs: Pairs, faults: dict[int, str], where: str) -> tuple[Coding, bool]:
    """What the masks' values stand for, and whether those with a palette are read by its colours: where two files have another
    colour for the same index. Adds to the faults."""
    codes: set[int] = set()
    palette: dict[int, set[int]] = {}
    good = [mask for mask in pairs.masks if mask not in faults]
    for by_colour in (False, True):
        codes.clear()
        for mask in good:
            try:
                values, colours = read_codes(files.read(mask), by_colour)
            except (OSError, ValueError) as error:
                faults[mask] = str(error)
                continue
            codes |= set(np.unique(values).tolist())
            for index, colour in colours.items():
                palette.setdefault(index, set()).add(colour)
        if by_colour or not any(len(colours) > 1 for colours in palette.values()):
            break
    return coding_of(codes, listed(files), where), by_colour


def listed(files: Files) -> dict[int, str]:
    """What classes.txt says, where there is one."""
    texts = open_files(Path(files.where), "texts")
    for index, parts in enumerate(texts.paths):
        if parts[-1].lower() == "classes.txt":
            return listed_classes(read_text(texts.read(index)), texts.name(index))
    return {}


def notes_of(coding: Coding) -> Iterator[str]:
    if coding.ignored is not None:
        what = f"of the value {coding.ignored}" if coding.ignored >= 0 else "of the colour of VOC's borders"
        yield f"Pixels {what} are of no class and count nowhere, as in PASCAL VOC; a line in classes.txt makes them one."


def longest_side(sizes: list[tuple[int, int]], asked: int | None) -> tuple[int, tuple[str, ...]]:
    """To how many pixels the longer side of larger images is scaled down, 0 where none is; and a note of it."""
    largest = max(max(size) for size in sizes)
    longest = asked or LONGEST_SIDE
    if largest <= longest:
        return 0 if asked is None else longest, ()
    return longest, (
        f"Images of up to {largest:,} pixels were scaled down, their longer side to {longest}; --image-size says otherwise. "
        "Masks that are predicted have the size of their image.",
    )


def scaled(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(height, width) with the longer side at most `longest`, where that is not 0."""
    shrink = min(1.0, longest / max(size)) if longest else 1.0
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))


def fitted_image(pixels: np.ndarray, longest: int, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 (height, width, channels): scaled down, in as many channels, continued by its edges."""
    from PIL import Image

    height, width = scaled(pixels.shape[:2], longest)
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert(
        "L" if shape[0] == 1 else "RGB"
    )
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    values = np.asarray(image).reshape(height, width, shape[0])
    return np.pad(values, ((0, shape[1] - height), (0, shape[2] - width), (0, 0)), mode="edge")


def fitted_grid(values: np.ndarray, longest: int, shape: tuple[int, ...], nothing: float) -> np.ndarray:
    """A mask or map of the image's size: the nearest value in place of each, and `nothing` beyond its edges."""
    height, width = scaled(values.shape, longest)
    rows, columns = (
        (np.arange(new) * 2 + 1) * old // (2 * new) for new, old in zip((height, width), values.shape, strict=True)
    )
    pad = ((0, shape[1] - height), (0, shape[2] - width))
    return np.pad(values[np.ix_(rows, columns)], pad, constant_values=nothing)


def masks(
    files: Files, indices: list[int], by_colour: bool, coding: Coding, longest: int, shape: tuple[int, ...]
) -> Tensor:
    """uint8 (masks, height, width)."""
    read = (coding.indices(read_codes(files.read(index), by_colour)[0]) for index in indices)
    return torch.from_numpy(np.stack([fitted_grid(values, longest, shape, IGNORED) for values in read]))


def numbers(files: Files, indices: list[int], longest: int, shape: tuple[int, ...]) -> Tensor:
    """float32 (masks, height, width), of grey masks of 8 or 16 bits."""
    result = []
    for index in indices:
        values = read_pixels(files.read(index))
        if values.shape[2] != 1:
            raise ProfundoError(
                f"{files.name(index)}: expected grey values as numbers, got colours; leave --task real out"
            )
        result.append(fitted_grid(values[:, :, 0].astype(np.float32), longest, shape, np.nan))
    return torch.from_numpy(np.stack(result))
