"""A folder or .zip of images becomes a Collection: one folder per class, train/ validation/ test/ on top if wanted.

Grey files (also grey with transparency, and black and white) have one channel; all others, palettes and CMYK included,
become RGB; what is transparent shows white (see pixels.py); 16 bits become 8 (see deep_images.py); a camera's note of how it
was held is obeyed. A set that is all grey stays grey, any colour makes it RGB. Images of several sizes are scaled to cover
one size and cut about their centre: the median height and width, made smaller together until the longer is at most 224
pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading, Stream
from profundo.data.images.deep_images import DeepImages
from profundo.data.images.layouts import Layout, NoClassesError, arranged, placing
from profundo.data.images.pixels import WHOLE, Shape, Window, decode, eight_bits, fitted, header, read_pixels, shape_of
from profundo.data.splits.split_by import by_name
from profundo.data.splits.splits import Collection, Measured, Selection
from profundo.data.streams.archives import Files, open_files, printable
from profundo.data.streams.cache import Made, cached
from profundo.data.streams.machine_memory import memory
from profundo.image_files import strict
from profundo.languages import Said
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = [
    "Images",
    "collected",
    "common_shape",
    "decode",
    "decoded",
    "fits_in_memory",
    "fitted",
    "image_collection",
    "images_by_class_or_not",
    "pixel_sums",
    "placing",
    "report",
    "skipped_note",
    "usable",
]

Fault = tuple[int, str]  # number of the file, why it cannot be used
Survey = tuple[np.ndarray, list[Fault], bool]
"""What was noted of each image; those that fail; whether some have 16 bits a channel."""

_CACHE_FROM = 2**24  # decoded bytes; less is decoded again in a blink
_VERSION = 3  # of what is cached
LONGEST_SIDE = 224  # of images that are made to fit


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of every image of a set; fits: whether each is scaled and cut to it, or has it already; window: see pixels."""

    shape: Shape
    fits: bool
    window: Window = WHOLE


class SeveralShapesError(Exception):
    """An image has another size, or another number of channels, than the first."""


@runtime_checkable
class Known(Protocol):
    """Files that lie together, and were looked at when they were found."""

    def read_many(self, indices: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """(place among the indices, the bytes), in the order in which they lie."""

    def known(self, form: Form, used: list[int]) -> Survey | None:
        """The sums of the images in this form, int64 (files, 2, channels); None if they were not measured so. Raises
        SeveralShapesError where an image has another shape and is not to be fitted."""

    def sizes(self) -> tuple[list[tuple[int, int]], bool] | None:
        """(width, height) of every image that decodes, and whether any has colour; None if they were not measured."""


class Images:
    """A Source: images decoded when they are asked for. May be pickled to the workers of a DataLoader.

    measured: int64 (files, 2, channels), the sums of x and x² of every image.
    """

    def __init__(self, files: Files, form: Form, measured: Tensor) -> None:
        self.files, self.form, self.shape, self.measured = files, form, form.shape, measured

    def __len__(self) -> int:
        return len(self.measured)

    def __getitem__(self, index: int) -> Tensor:
        return self.gather(torch.tensor([index]))[0].contiguous()

    def gather(self, indices: Tensor) -> Tensor:
        """uint8 (chosen, channels, height, width), channels last in memory: as they come from the decoder."""
        return self.made(indices, self.fetched(indices))

    def fetched(self, indices: Tensor) -> Iterator[tuple[int, bytes]]:
        """(place among the indices, the bytes of the file)."""
        if isinstance(self.files, Known):
            yield from self.files.read_many(indices.tolist())
            return
        for place, index in enumerate(indices.tolist()):
            try:
                yield place, self.files.read(index)
            except (OSError, ValueError) as error:
                raise ProfundoError(f"{self.files.name(index)} can no longer be read: {error}") from None

    def made(self, indices: Tensor, fetched: Iterable[tuple[int, bytes]]) -> Tensor:
        """What `gather` gives, from what `fetched` gave."""
        channels, height, width = self.shape
        whole = _shared((len(indices), height, width, channels))
        pixels, chosen = whole.numpy(), indices.tolist()
        for place, data in fetched:
            pixels[place] = self._pixels(chosen[place], data)
        return whole.permute(0, 3, 1, 2)

    def _pixels(self, index: int, data: bytes) -> np.ndarray:
        """uint8 (height, width, channels)."""
        try:
            pixels = decode(data, self.form.window)
        except ValueError as error:
            raise ProfundoError(f"{self.files.name(index)} no longer decodes: {error}") from None
        pixels = fitted(pixels, self.shape) if self.form.fits else pixels
        if shape_of(pixels) != self.shape:
            raise ProfundoError(f"{self.files.name(index)} has changed: {shape_of(pixels)}, it was {self.shape}")
        return pixels

    def sums(self, indices: Tensor) -> Tensor:
        return self.measured[indices].sum(0)


def _shared(shape: tuple[int, ...]) -> Tensor:
    """uint8; in a worker in memory that it shares with its parent, as the DataLoader's own collation does."""
    from torch.utils.data import get_worker_info

    if get_worker_info() is None:
        return torch.empty(shape, dtype=torch.uint8)
    storage = torch.UntypedStorage._new_shared(int(np.prod(shape)))  # type: ignore[no-untyped-call]
    whole: Tensor = torch.empty(0, dtype=torch.uint8).set_(storage)
    return whole.reshape(shape)


def image_collection(where: Path, how: Reading, name: str | None = None) -> Collection:
    """The images of a folder or archive by class.

    Raises ProfundoError when there are no images, fewer than two classes, or files that do not decode.
    """
    files = open_files(where)
    named = name or printable(where.resolve().stem if where.is_file() else where.resolve().name)
    return collected(named, files, arranged(files), how)


def images_by_class_or_not(where: Path, how: Reading) -> Collection:
    """The images of a folder or archive by class where they lie in folders of classes; else all of them together, with targets
    of kind "any", which say nothing."""
    files, named = open_files(where), printable(where.resolve().stem if where.is_file() else where.resolve().name)
    if not files.paths:
        raise ProfundoError(Said("refusals.no_images", where=printable(str(where))))
    try:
        return collected(named, files, arranged(files), how)
    except NoClassesError:
        order = sorted(range(len(files)), key=files.paths.__getitem__)
        layout = Layout({"train": order}, [0] * len(files), ("images",), ())
        return replace(collected(named, files, layout, how), targets=Targets("any"))


def collected(
    name: str,
    files: Files,
    layout: Layout,
    how: Reading,
    streamed: Callable[[Images], Measured] = lambda images: images,
) -> Collection:
    """The images of these files, as they are laid out. streamed: what reads those that are not kept in memory."""
    images = decoded(files, [index for split in layout.splits.values() for index in split], how, streamed)
    splits = usable(files, images.faults, layout, "images", how.skip_bad)
    labels = torch.tensor(layout.labels)

    def samples(split: str) -> Samples | None:
        indices = torch.tensor(splits.get(split, []), dtype=torch.int64)
        return Samples(Selection(images.source, indices), labels[indices]) if len(indices) else None

    train = samples("train")
    assert train is not None
    by = None
    if how.split_by is not None:
        by = by_name(how.split_by, [files.name(index) for index in splits["train"]], printable(str(files.where)))
    return Collection(
        name,
        Inputs(images.form.shape, "image"),
        Targets("classes" if len(layout.classes) > 2 else "binary", layout.classes),
        train,
        samples("validation"),
        samples("test"),
        shares=(0.2, 0.1),
        notes=(*files.notes, *layout.notes, *images.notes),
        split_by=by,
    )


@dataclass(frozen=True, slots=True)
class Decoded:
    """Images in one form. source: by the numbers of their files; faults: of those that do not decode; notes: what was done."""

    source: Any
    form: Form
    faults: list[Fault]
    notes: tuple[str, ...]


def decoded(
    files: Files, used: list[int], how: Reading, streamed: Callable[[Images], Measured] = lambda images: images
) -> Decoded:
    """The images of these files that are used. Raises ProfundoError for one that does not decode, unless those are skipped."""
    with strict():
        (source, faults, is_deep), form, notes = _in_one_form(files, used, how)
    if not how.skip_bad:
        report(files, faults, len(used), "images")

    def seen_through(window: Window) -> Tensor | Measured:
        images = source if window == WHOLE else _read(files, replace(form, window=window), used, how.stream)[0]
        return streamed(images) if isinstance(images, Images) else images

    notes += skipped_note(len(faults), len(used), "images")
    read = DeepImages(files.read, seen_through) if is_deep else seen_through(WHOLE)
    return Decoded(read, form, faults, notes)


def _in_one_form(
    files: Files, used: list[int], how: Reading
) -> tuple[tuple[Tensor | Images, list[Fault], bool], Form, tuple[str, ...]]:
    """The images in the size that was asked for, else in their own if they share it, else made to fit a common one, which
    the notes say."""
    first = _first(files, used)
    if how.image_size is not None:
        form = Form(_common(files, used, how.image_size)[0], True)
        return _read(files, form, used, how.stream), form, ()
    try:
        form = Form(first, False)
        return _read(files, form, used, how.stream), form, ()
    except SeveralShapesError:
        shape, seen = _common(files, used, None)
        note = Said("readings.scaled", why=seen, size=f"{shape[2]}×{shape[1]}")
        form = Form(shape, True)
        return _read(files, form, used, how.stream), form, (note,)


def _read(files: Files, form: Form, used: list[int], stream: Stream) -> tuple[Tensor | Images, list[Fault], bool]:
    """In memory if they fit there and nothing else is asked for: uint8 (files, channels, height, width). Else as a Source,
    after one look at each image: does it decode, has it the shape, what are its sums? With them, what Survey has."""
    count, shape = len(files), form.shape
    if fits_in_memory(count * int(np.prod(shape)), stream):
        black = np.zeros((count, *shape), np.uint8)
        pixels, faults, is_deep = _surveyed(files, form, used, "pixels", black, lambda image: image.transpose(2, 0, 1))
        return torch.from_numpy(pixels), faults, is_deep
    known = files.known(form, used) if isinstance(files, Known) else None
    none = np.zeros((count, 2, shape[0]), np.int64)
    measured, faults, is_deep = known or _surveyed(files, form, used, "sums", none, pixel_sums)
    return Images(files, form, torch.from_numpy(np.array(measured))), faults, is_deep


def fits_in_memory(needed: int, stream: Stream) -> bool:
    """Whether images of so many bytes are to be kept in memory."""
    return stream is False or (stream == "auto" and needed <= _memory_for_images())


def _memory_for_images() -> int:
    """Bytes of decoded images that may stay in memory. As float32, beside their copies, they take about six times as
    much; that may be half of what the machine has."""
    return memory() // 12


def _first(files: Files, used: list[int]) -> Shape:
    """The shape of the first image that decodes; a ProfundoError when none does."""
    faults: list[Fault] = []
    for index in used:
        try:
            return shape_of(decode(files.read(index)))
        except (OSError, ValueError) as error:
            faults.append((index, str(error)))
    report(files, faults, len(used), "images")
    raise ProfundoError(Said("refusals.no_images", where=printable(str(files.where))))


def _common(files: Files, used: list[int], size: int | None) -> tuple[Shape, str]:
    """The shape that all images are made to fit, and in words why. From the headers: nothing is decoded.

    size: of both sides, where that was asked for.
    """
    if isinstance(files, Known) and (known := files.sizes()) is not None:
        return common_shape(*known, size)
    sizes, has_colour = [], False
    for index in used:
        try:
            channels, height, width = header(files.read(index))
        except (OSError, ValueError):
            continue  # told of when it is decoded
        sizes.append((width, height))
        has_colour |= channels == 3
    return common_shape(sizes, has_colour, size)


def common_shape(sizes: Sequence[tuple[int, int]], has_colour: bool, size: int | None) -> tuple[Shape, str]:
    """The shape that images of these (width, height) are made to fit, and in words why."""
    width, height = (float(np.median(side)) for side in zip(*sizes, strict=True))
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    sides = (size, size) if size is not None else (max(1, round(height * scale)), max(1, round(width * scale)))
    smallest, largest = min(sizes, key=lambda s: s[0] * s[1]), max(sizes, key=lambda s: s[0] * s[1])
    ends = {name: f"{w}×{h}" for name, (w, h) in (("smallest", smallest), ("largest", largest))}
    seen = Said("readings.sizes_differ", **ends) if smallest != largest else Said("readings.colours_differ")
    return (3 if has_colour else 1, *sides), seen


def pixel_sums(image: np.ndarray) -> np.ndarray:
    """int64 (2, channels): the sums of x and x² over an image, uint8 (height, width, channels)."""
    values = image.reshape(-1, image.shape[2]).astype(np.float64)  # whole numbers below 2⁵³ add without rounding
    return np.stack([np.ones(len(values)) @ values, np.diag(values.T @ values)]).astype(np.int64)


def _surveyed(
    files: Files, form: Form, used: list[int], what: str, empty: np.ndarray, of: Callable[[np.ndarray], np.ndarray]
) -> Survey:
    """`of` every image, in the place of its file in `empty`, from the cache if it holds them; files that fail stay as they
    are there."""

    def make() -> Made:
        faults, is_deep = _survey(files, form, used, empty, of)
        return empty, {"faults": faults, "deep": is_deep}

    if len(files) * int(np.prod(form.shape)) < _CACHE_FROM:
        values, notes = make()
    else:
        fit, window = form.shape if form.fits else (), form.window if form.window != WHOLE else ()
        values, notes = cached("-".join(map(str, (what, _VERSION, *fit, *window, files.identity()))), make)
    return values, [(int(index), str(reason)) for index, reason in notes["faults"]], bool(notes["deep"])


def _survey(
    files: Files, form: Form, used: list[int], values: np.ndarray, of: Callable[[np.ndarray], np.ndarray]
) -> tuple[list[Fault], bool]:
    """Decode every image, make it fit if that is asked for, and note `of` it; returns those that fail, and whether some have
    16 bits a channel.

    Raises SeveralShapesError for one that has another shape and is not to be fitted.
    """
    shape = form.shape

    def look(indices: list[int]) -> tuple[list[Fault], bool]:
        faults, is_deep = [], False
        for index in indices:
            try:
                pixels = read_pixels(files.read(index))
            except (OSError, ValueError) as error:
                faults.append((index, str(error)))
                continue
            is_deep |= pixels.dtype == np.uint16
            image = eight_bits(pixels, form.window)
            if form.fits:
                image = fitted(image, shape)
            elif shape_of(image) != shape:
                raise SeveralShapesError
            values[index] = of(image)
        return faults, is_deep

    chunks = [used[start : start + 64] for start in range(0, len(used), 64)]
    # Small images spend their time in the interpreter, where threads only wait for each other.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        looks = list((map if shape[1] * shape[2] < 96 * 96 else pool.map)(look, chunks))
    return [fault for faults, _ in looks for fault in faults], any(is_deep for _, is_deep in looks)


def usable(files: Files, faults: list[Fault], layout: Layout, things: str, skip_bad: bool) -> dict[str, list[int]]:
    """Split → numbers of the files without a fault. Raises ProfundoError for faults that are not to be skipped, and where
    a class is left without a file to train on."""
    if not skip_bad:
        report(files, faults, sum(map(len, layout.splits.values())), things)
    bad = {index for index, _ in faults}
    splits = {split: [index for index in members if index not in bad] for split, members in layout.splits.items()}
    left = {layout.labels[index] for index in splits["train"]}
    gone = [name for label, name in enumerate(layout.classes) if label not in left]
    if gone:
        one = things.removesuffix("s")
        raise ProfundoError(
            f"{printable(str(files.where))}: class {gone[0]!r} has no {one} that decodes to train on",
            told=Said("refusals.class_undecoded", where=printable(str(files.where)), name=repr(gone[0])),
        )
    return splits


def report(files: Files, faults: list[Fault], total: int, things: str) -> None:
    """Raises ProfundoError where there are faults."""
    if not faults:
        return
    listed = ", ".join(f"{files.name(index)} ({reason})" for index, reason in faults[:10])
    more = f" and {len(faults) - 10} more" if len(faults) > 10 else ""
    raise ProfundoError(
        f"{printable(str(files.where))}: {len(faults)} of {total} {things} cannot be decoded: {listed}{more}; "
        "mend or remove them, or leave them out with --skip-bad",
        told=Said("refusals.undecoded", where=printable(str(files.where)), count=len(faults), of=total, listed=listed),
    )


def skipped_note(faults: int, total: int, things: str) -> tuple[str, ...]:
    told = {"count": faults, "whole": total, "things": Said(f"readings.things_{things}")}
    return (Said("readings.skipped", **told),) if faults else ()
