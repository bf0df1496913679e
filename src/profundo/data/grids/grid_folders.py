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
from profundo.data.grids.mask_codes import Coding, coding_of, listed_classes, read_codes
from profundo.data.images.deep_images import DeepImages
from profundo.data.images.image_folders import fits_in_memory, report, skipped_note
from profundo.data.images.layouts import SPLITS
from profundo.data.images.pixels import WHOLE, Window, eight_bits, header, read_pixels
from profundo.data.splits.split_by import by_name
from profundo.data.splits.splits import Collection, Selection
from profundo.data.streams.archives import MASKED, Files, Parts, open_files, printable
from profundo.data.text.text_files import read_text
from profundo.image_files import strict
from profundo.kinds import NO_CLASS
from profundo.languages import Said
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["Pairs", "coded", "fitted_grid", "fitted_image", "grid_collection", "longest_side", "paired", "scaled"]

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
    files = open_files(where)
    pairs, place = paired(files), printable(str(where))
    notes = [*files.notes, *unpaired(files, pairs, place, how.skip_bad)]
    if not pairs.images:
        raise ProfundoError(Said("refusals.no_mask_pairs", where=place))
    with strict():
        seen = looked_at(files, pairs)
        read = None if how.task == "real" else coded(files, pairs, seen.faults, place)
        frames, more = framed(files, pairs, seen, how, place)
        source = DeepImages(frames.file, frames.images) if seen.deep else frames.images(WHOLE)
        if read is None:
            targets, values = Targets("map", names=("value",)), frames.numbers()
        else:
            coding, by_colour = read
            targets, values = Targets("mask", coding.names, codes=coding.codes), frames.masks(coding, by_colour)
            more += tuple(notes_of(coding))
    rows = {split: [row for row, at in enumerate(frames.used) if pairs.split[at] == split] for split in SPLITS.values()}
    if not rows["train"]:
        raise ProfundoError(f"{place}: expected images with masks to train on, found none in train/")
    parts = {
        split: Samples(Selection(source, torch.tensor(own)), values[torch.tensor(own)])  # type: ignore[arg-type]
        for split, own in rows.items()
        if own
    }
    names = [files.name(pairs.images[frames.used[row]]) for row in rows["train"]]
    return Collection(
        printable(where.resolve().stem if where.is_file() else where.resolve().name),
        Inputs(frames.shape, "image", longest=frames.longest),
        targets,
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        notes=(*notes, *more),
        split_by=None if how.split_by is None else by_name(how.split_by, names, place),
    )


@dataclass(frozen=True, slots=True)
class Frames:
    """The pairs that are used, by their numbers, as they are made one size: scaled down to `longest`, continued to `shape`."""

    files: Files
    pairs: Pairs
    used: list[int]
    longest: int
    shape: tuple[int, int, int]

    def file(self, row: int) -> bytes:
        """Of an image."""
        return self.files.read(self.pairs.images[self.used[row]])

    def images(self, window: Window) -> Tensor:
        """uint8 (pairs, *shape)."""
        channels, height, width = self.shape
        whole = np.zeros((len(self.used), height, width, channels), np.uint8)
        for row in range(len(self.used)):
            whole[row] = fitted_image(eight_bits(read_pixels(self.file(row)), window), self.longest, self.shape)
        return torch.from_numpy(whole).permute(0, 3, 1, 2).contiguous()

    def masks(self, coding: Coding, by_colour: bool) -> Tensor:
        """uint8 (pairs, height, width)."""
        codes = (read_codes(self.files.read(self.pairs.masks[at]), by_colour)[0] for at in self.used)
        grids = [fitted_grid(coding.indices(one), self.longest, self.shape, NO_CLASS) for one in codes]
        return torch.from_numpy(np.stack(grids))

    def numbers(self) -> Tensor:
        """float32 (pairs, height, width), of grey masks of 8 or 16 bits."""
        grids = []
        for at in self.used:
            values = read_pixels(self.files.read(self.pairs.masks[at]))
            if values.shape[2] != 1:
                name = self.files.name(self.pairs.masks[at])
                raise ProfundoError(f"{name}: expected grey values as numbers, got colours; leave --task real out")
            grids.append(fitted_grid(values[:, :, 0].astype(np.float32), self.longest, self.shape, np.nan))
        return torch.from_numpy(np.stack(grids))


def framed(files: Files, pairs: Pairs, seen: Seen, how: Reading, where: str) -> tuple[Frames, tuple[str, ...]]:
    """The pairs without a fault, and notes. Raises ProfundoError for faults that are not to be left out, where no pair is left,
    and for more than memory holds."""
    total = len(pairs.images)
    if seen.faults and not how.skip_bad:
        report(files, sorted(seen.faults.items()), 2 * total, "images and masks")
    used = [at for at in range(total) if not {pairs.images[at], pairs.masks[at]} & seen.faults.keys()]
    if not used:
        raise ProfundoError(f"{where}: expected images with masks, none of {total} pairs can be read")
    longest, note = longest_side([seen.sizes[at] for at in used], how.image_size)
    height, width = (max(side) for side in zip(*(scaled(seen.sizes[at], longest) for at in used), strict=True))
    shape = (3 if seen.colour else 1, height, width)
    if not fits_in_memory(len(used) * (shape[0] + 1) * height * width, how.stream):
        raise ProfundoError(
            f"{where}: {len(used):,} images of {width}×{height} with masks are read whole, and do not fit in memory or were to be "
            "streamed; leave --stream out, or choose a smaller --image-size"
        )
    skipped = skipped_note(total - len(used), total, "pairs")
    return Frames(files, pairs, used, longest, shape), (*skipped, *note)


def unpaired(files: Files, pairs: Pairs, where: str, skip_bad: bool) -> Iterator[str]:
    """Notes on what has no partner. Raises ProfundoError unless that is to be left out."""
    for those, what in (
        (pairs.alone, Said("refusals.no_mask")),
        (pairs.extra, Said("refusals.no_image_of_mask")),
        (pairs.doubled, Said("refusals.same_name")),
    ):
        if those and not skip_bad:
            raise ProfundoError(
                f"{where}: {len(those)} {what}: {some_names(files, those)}; expected the same name in images/ and masks/: add or "
                "remove them, or leave them out with --skip-bad",
                told=Said(
                    "refusals.mask_unpaired", where=where, count=len(those), what=what, names=some_names(files, those)
                ),
            )
        if those:
            yield f"{len(those)} {what} were left out: {some_names(files, those)}."


def some_names(files: Files, indices: list[int]) -> str:
    more = f" and {len(indices) - NAMED} more" if len(indices) > NAMED else ""
    return ", ".join(files.name(index) for index in indices[:NAMED]) + more


@dataclass(frozen=True, slots=True)
class Seen:
    """Of all pairs: (height, width) of each image; whether some have colour, or 16 bits a channel; what is wrong with which file."""

    sizes: list[tuple[int, int]]
    colour: bool
    deep: bool
    faults: dict[int, str]


def looked_at(files: Files, pairs: Pairs) -> Seen:
    sizes: list[tuple[int, int]] = []
    faults, colour, deep = {}, False, False
    for image, mask in zip(pairs.images, pairs.masks, strict=True):
        sizes.append((0, 0))
        at = image
        try:
            pixels = read_pixels(files.read(image))
            sizes[-1] = pixels.shape[0], pixels.shape[1]
            colour, deep = colour or pixels.shape[2] == 3, deep or pixels.dtype == np.uint16
            at = mask
            own = header(files.read(mask))[1:]
            if own != sizes[-1]:
                raise ValueError(f"{own[1]}×{own[0]} pixels, its image has {sizes[-1][1]}×{sizes[-1][0]}")
        except (OSError, ValueError) as error:
            faults[at] = str(error)
    return Seen(sizes, colour, deep, faults)


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
