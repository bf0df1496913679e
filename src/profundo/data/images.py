"""A folder or .zip of images becomes a Collection: one folder per class, train/ validation/ test/ on top if wanted.

Grey files (also grey with transparency, and black and white) have one channel; all others, palettes and CMYK included,
become RGB; transparency is dropped; 16 bits become 8; a camera's note of how it was held is obeyed. A set that is all grey
stays grey, any colour makes it RGB. Images of several sizes are scaled to cover one size and cut about their centre: the
median height and width, made smaller together until the longer is at most 224 pixels.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from profundo.data.archives import Files, Parts, open_files, printable
from profundo.data.cache import Made, cached
from profundo.data.splits import Collection, Selection
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["Images", "decode", "fitted", "image_collection"]

Shape = tuple[int, int, int]  # channels, height, width
Fault = tuple[int, str]  # number of the file, why it cannot be used

_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
_MOST_PIXELS = 2**25  # of one image: 100 MB in colour
_CACHE_FROM = 2**24  # decoded bytes; less is decoded again in a blink
_VERSION = 2  # of what is cached
LONGEST_SIDE = 224  # of images that are made to fit
ORIENTATION = 0x0112  # of EXIF: how the camera was held
_FOLDERS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
# What Pillow is known to raise on damaged files.
_DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of every image of a set; fits: whether each is scaled and cut to it, or has it already."""

    shape: Shape
    fits: bool


class _SeveralShapesError(Exception):
    """An image has another size, or another number of channels, than the first."""


class Images:
    """A Source: images decoded when they are asked for. May be pickled to the workers of a DataLoader.

    measured: int64 (files, 2, channels), the sums of x and x² of every image. fits: whether each is made to fit the shape.
    """

    def __init__(self, files: Files, shape: Shape, measured: Tensor, fits: bool = False) -> None:
        self.files, self.shape, self.measured, self.fits = files, shape, measured, fits

    def __len__(self) -> int:
        return len(self.measured)

    def __getitem__(self, index: int) -> Tensor:
        try:
            pixels = decode(self.files.read(index))
        except (OSError, ValueError) as error:
            raise ProfundoError(f"{_name(self.files, index)} no longer decodes: {error}") from None
        pixels = fitted(pixels, self.shape) if self.fits else pixels
        if _shape(pixels) != self.shape:
            raise ProfundoError(f"{_name(self.files, index)} has changed: {_shape(pixels)}, it was {self.shape}")
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())

    def __getitems__(self, indices: Sequence[int]) -> list[Tensor]:
        return [self[index] for index in indices]

    def sums(self, indices: Tensor) -> Tensor:
        return self.measured[indices].sum(0)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which file is which: `splits` holds file numbers, `labels` a class index per file number (−1: none)."""

    splits: dict[str, list[int]]
    labels: list[int]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def image_collection(
    where: Path,
    name: str | None = None,
    *,
    stream: bool | Literal["auto"] = "auto",
    skip_bad: bool = False,
    size: int | None = None,
) -> Collection:
    """The images of a folder or archive by class. size: of the side that all are scaled and cut to, in pixels.

    Raises ProfundoError when there are no images, fewer than two classes, or files that do not decode.
    """
    files = open_files(where)
    layout = _arrange(files)
    used = [index for split in layout.splits.values() for index in split]
    with _strict():
        first = _first(files, used)
        form = Form(first[1], False) if size is None else Form(_common(files, used, size)[0], True)
        try:
            source, faults = _read(files, form, used, stream)
        except _SeveralShapesError:
            shape, seen = _common(files, used, None)
            form = Form(shape, True)
            source, faults = _read(files, form, used, stream)
            fit_note = f"{seen}: each was scaled to cover {shape[2]}×{shape[1]} and cut about its centre."
            layout = replace(layout, notes=(*layout.notes, fit_note))
    shape = form.shape
    _report(files, faults, len(used), skip_bad)
    bad = {index for index, _ in faults}
    splits = {split: [index for index in members if index not in bad] for split, members in layout.splits.items()}
    _check_classes(files, splits, layout)
    labels = torch.tensor(layout.labels)

    def samples(split: str) -> Samples | None:
        indices = torch.tensor(splits.get(split, []), dtype=torch.int64)
        return Samples(Selection(source, indices), labels[indices]) if len(indices) else None

    train = samples("train")
    assert train is not None
    skipped = (f"{len(faults)} of {len(used)} images could not be decoded and were left out.",) if faults else ()
    return Collection(
        name or printable(where.resolve().stem if where.is_file() else where.resolve().name),
        Inputs(shape, "image"),
        Targets("classes" if len(layout.classes) > 2 else "binary", layout.classes),
        train,
        samples("validation"),
        samples("test"),
        shares=(0.2, 0.1),
        notes=(*files.notes, *layout.notes, *skipped),
    )


def _read(
    files: Files, form: Form, used: list[int], stream: bool | Literal["auto"]
) -> tuple[Tensor | Images, list[Fault]]:
    """In memory if they fit there and nothing else is asked for."""
    needed = len(files.paths) * int(np.prod(form.shape))
    streamed = stream is True or (stream == "auto" and needed > _memory_for_images())
    return (_measure if streamed else _decode_all)(files, form, used)


def _memory_for_images() -> int:
    """Bytes of decoded images that may stay in memory. As float32, beside their copies, they take about six times as
    much; that may be half of what the machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 12
    except (AttributeError, ValueError, OSError):  # not every system says
        return 2**30


def decode(data: bytes) -> np.ndarray:
    """uint8 (height, width, channels). The size in the header is checked before any pixel is decoded.

    Raises ValueError with the reason when the bytes are no image that can be used.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > _MOST_PIXELS:
                raise ValueError(f"{width}×{height} pixels, more than the limit of {_MOST_PIXELS:,}")
            if image.mode.startswith(("I", "F")):
                return _eight_bits(image)
            mode = "L" if image.mode in ("L", "1", "LA", "La") else "RGB"
            upright = ImageOps.exif_transpose(image) if ORIENTATION in image.getexif() else image
            pixels = np.asarray(upright if upright.mode == mode else upright.convert(mode))
    except UnidentifiedImageError:
        raise ValueError("not an image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, *_DAMAGED) as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None
    return pixels.reshape(*pixels.shape[:2], -1)


def fitted(pixels: np.ndarray, shape: Shape) -> np.ndarray:
    """uint8 (height, width, channels) of this shape: scaled to cover it, what hangs over at the sides cut off."""
    from PIL import Image, ImageOps

    channels, height, width = shape
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(height, width, channels)


def _eight_bits(image: Any) -> np.ndarray:
    """Grey of 16 bits as 8. Raises ValueError for wider numbers, which have no agreed white."""
    values = np.asarray(image)
    if values.dtype.kind not in "iu" or values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise ValueError(f"more than 16 bits a channel (mode {image.mode}); convert it to 8")
    return np.rint(values / 257).astype(np.uint8)[:, :, None]


def _arrange(files: Files) -> Layout:
    """Splits and classes from the folders. A single folder around everything is looked through."""
    where = printable(str(files.where))
    depth = _wrapping(files.paths)
    paths = [parts[depth:] for parts in files.paths]
    splits_on_top = _has_splits(paths)
    members: dict[str, dict[str, list[int]]] = {}  # split → class folder → file numbers
    loose = 0
    for index in sorted(range(len(paths)), key=paths.__getitem__):
        split, inner = _placed(paths[index], splits_on_top)
        if split is None or len(inner) < 2:
            loose += 1
        else:
            members.setdefault(split, {}).setdefault(inner[0], []).append(index)
    classes = _classes(where, members, loose)
    placed = (_placed(parts[depth:], splits_on_top) for parts in files.folders if len(parts) > depth)
    empty = sorted((s, inner[0]) for s, inner in placed if s and len(inner) == 1 and inner[0] not in members.get(s, ()))
    notes = [f"{split}: folder {printable(name)!r} holds no images and was left out." for split, name in empty]
    notes += [f"{loose} images outside the class folders were left out."] if loose else []

    numbers = {name: label for label, name in enumerate(classes)}
    labels = [-1] * len(paths)
    for folders in members.values():
        for name, indices in folders.items():
            for index in indices:
                labels[index] = numbers[name]
    splits = {split: [i for name in classes for i in folders.get(name, ())] for split, folders in members.items()}
    return Layout(splits, labels, tuple(map(printable, classes)), tuple(notes))


def _classes(where: str, members: dict[str, dict[str, list[int]]], loose: int) -> list[str]:
    """The class folders of the training split, in the order of their names; every other split may hold only these."""
    found = sorted(members.get("train", ()))
    if not found:
        raise ProfundoError(
            f"{where}: expected images in one folder per class, found none there and {loose} outside; "
            "make a folder for each class"
        )
    for split, folders in members.items():
        for name in sorted(set(folders) - set(found)):
            raise ProfundoError(
                f"{where}: class {printable(name)!r} has images in {split}/ but none in train/; add some there, "
                "or remove the folder"
            )
    if len(found) < 2:
        raise ProfundoError(f"{where}: expected two classes or more, found images of {printable(found[0])!r} only")
    return found


def _placed(parts: Parts, splits_on_top: bool) -> tuple[str | None, Parts]:
    """(split, path below it); the split is None for a folder that is no split where there are splits."""
    return (_FOLDERS.get(parts[0].lower()), parts[1:]) if splits_on_top else ("train", parts)


def _wrapping(paths: list[Parts]) -> int:
    """How many folders on top contain everything and still leave a class folder below."""
    depth = 0
    while paths and all(len(parts) > depth + 2 for parts in paths) and len({parts[depth] for parts in paths}) == 1:
        depth += 1
    return depth


def _has_splits(paths: list[Parts]) -> bool:
    """train/ beside test/ or validation/, each with class folders: otherwise these words may be classes."""
    tops: dict[str, int] = {}
    for parts in paths:
        split = _FOLDERS.get(parts[0].lower())
        if split:
            tops[split] = max(tops.get(split, 0), len(parts))
    return "train" in tops and len(tops) > 1 and min(tops.values()) > 2


def _first(files: Files, used: list[int]) -> tuple[int, Shape]:
    """Number and shape of the first image that decodes; a ProfundoError when none does."""
    faults: list[Fault] = []
    for index in used:
        try:
            return index, _shape(decode(files.read(index)))
        except (OSError, ValueError) as error:
            faults.append((index, str(error)))
    _report(files, faults, len(used), skip_bad=False)
    raise ProfundoError(f"{printable(str(files.where))}: expected images, found none")


def _common(files: Files, used: list[int], size: int | None) -> tuple[Shape, str]:
    """The shape that all images are made to fit, and in words why. From the headers: nothing is decoded.

    size: of both sides, where that was asked for.
    """
    from PIL import Image

    sizes, has_colour = [], False
    for index in used:
        try:
            with Image.open(io.BytesIO(files.read(index)), formats=_FORMATS) as image:
                turned = image.getexif().get(ORIENTATION, 1) >= 5
                sizes.append(image.size[:: -1 if turned else 1])
                has_colour |= image.mode not in ("L", "1", "LA", "La") and not image.mode.startswith(("I", "F"))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, *_DAMAGED):
            continue  # told of when it is decoded
    width, height = (float(np.median(side)) for side in zip(*sizes, strict=True))
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    sides = (size, size) if size is not None else (max(1, round(height * scale)), max(1, round(width * scale)))
    smallest, largest = min(sizes, key=lambda s: s[0] * s[1]), max(sizes, key=lambda s: s[0] * s[1])
    seen = f"The images have different sizes, from {smallest[0]}×{smallest[1]} to {largest[0]}×{largest[1]}"
    if smallest == largest:
        seen = "Some images are grey and some are in colour"
    return (3 if has_colour else 1, *sides), seen


def _decode_all(files: Files, form: Form, used: list[int]) -> tuple[Tensor, list[Fault]]:
    """uint8 (files, channels, height, width), from the cache if it holds them; files that fail stay black."""

    shape = form.shape

    def make() -> Made:
        pixels = np.zeros((len(files.paths), *shape), np.uint8)

        def keep(index: int, image: np.ndarray) -> None:
            pixels[index] = image.transpose(2, 0, 1)

        return pixels, {"faults": _survey(files, form, used, keep)}

    pixels, notes = _kept(files, form, "pixels", make)
    return torch.from_numpy(pixels), [(int(index), str(reason)) for index, reason in notes["faults"]]


def _measure(files: Files, form: Form, used: list[int]) -> tuple[Images, list[Fault]]:
    """The images as a Source, after one look at each: does it decode, has it the shape, what are its sums?"""

    shape = form.shape

    def make() -> Made:
        measured = np.zeros((len(files.paths), 2, shape[0]), np.int64)

        def keep(index: int, image: np.ndarray) -> None:
            values = image.reshape(-1, shape[0]).astype(np.int64)
            measured[index] = values.sum(0), (values * values).sum(0)

        return measured, {"faults": _survey(files, form, used, keep)}

    measured, notes = _kept(files, form, "sums", make)
    images = Images(files, shape, torch.from_numpy(np.array(measured)), form.fits)
    return images, [(int(index), str(reason)) for index, reason in notes["faults"]]


def _kept(files: Files, form: Form, what: str, make: Callable[[], Made]) -> Made:
    if len(files.paths) * int(np.prod(form.shape)) < _CACHE_FROM:
        return make()
    fit = "-".join(map(str, form.shape)) + "-" if form.fits else ""
    return cached(f"{what}-{_VERSION}-{fit}{files.identity()}", make)


def _survey(files: Files, form: Form, used: list[int], keep: Callable[[int, np.ndarray], None]) -> list[Fault]:
    """Decode every image, make it fit if that is asked for, and hand it to `keep`; returns those that fail.

    Raises _SeveralShapesError for one that has another shape and is not to be fitted.
    """
    shape = form.shape

    def look(indices: list[int]) -> list[Fault]:
        faults = []
        for index in indices:
            try:
                image = decode(files.read(index))
            except (OSError, ValueError) as error:
                faults.append((index, str(error)))
                continue
            if form.fits:
                image = fitted(image, shape)
            elif _shape(image) != shape:
                raise _SeveralShapesError
            keep(index, image)
        return faults

    chunks = [used[start : start + 64] for start in range(0, len(used), 64)]
    # Small images spend their time in the interpreter, where threads only wait for each other.
    if shape[1] * shape[2] < 96 * 96:
        return [fault for chunk in chunks for fault in look(chunk)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return [fault for faults in pool.map(look, chunks) for fault in faults]


def _report(files: Files, faults: list[Fault], total: int, skip_bad: bool) -> None:
    if not faults or skip_bad:
        return
    listed = ", ".join(f"{_name(files, index)} ({reason})" for index, reason in faults[:10])
    more = f" and {len(faults) - 10} more" if len(faults) > 10 else ""
    raise ProfundoError(
        f"{printable(str(files.where))}: {len(faults)} of {total} images cannot be decoded: {listed}{more}; "
        "mend or remove them, or leave them out with skip_bad (--skip-bad)"
    )


def _check_classes(files: Files, splits: dict[str, list[int]], layout: Layout) -> None:
    """Every class must be left in the training split when bad files are gone."""
    left = {layout.labels[index] for index in splits["train"]}
    gone = [name for label, name in enumerate(layout.classes) if label not in left]
    if gone:
        raise ProfundoError(f"{printable(str(files.where))}: class {gone[0]!r} has no image that decodes to train on")


def _shape(image: np.ndarray) -> Shape:
    height, width, channels = image.shape
    return channels, height, width


def _name(files: Files, index: int) -> str:
    return printable("/".join(files.paths[index]))


@contextmanager
def _strict() -> Iterator[None]:
    """Pillow's warning of a decompression bomb is an error here."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
