"""One look at each image of a set: its size, its colours, a thumbnail, a digest of its content, or why it does not read.

Memory is bounded by what is kept of an image, 350 bytes: pixels are let go at once, and read again for the few that are
shown. Large JPEG files are decoded at an eighth to a half of their size, which the format allows at less work.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from profundo.data.images.layouts import placing
from profundo.data.images.pixels import GREY, eight_bits, on_white, read_pixels
from profundo.data.splits.splits import Collection
from profundo.data.streams.archives import Files, Parts, printable
from profundo.data.streams.blocks import gather
from profundo.files import in_words
from profundo.image_files import DAMAGED, FORMATS, MOST_PIXELS, ORIENTATION, strict
from profundo.languages import Said
from profundo.looks.resemblance import SIDE
from profundo.records import Samples

__all__ = ["SPLITS", "Placed", "Survey", "Tell", "placed_files", "survey_files", "survey_samples"]

SPLITS = ("train", "validation", "test")
LARGE = 20_000  # bytes of a file from which decoding is worth a thread
REDUCED = 256  # pixels of the shorter side above which a JPEG is decoded smaller
CHUNK = 256
COLOURLESS = 8  # the most by which the channels of a grey image stored in colour differ

Tell = Callable[[int, int], None]  # how many of how many were looked at


@dataclass(slots=True)
class Survey:
    """What is known of each image, by number.

    split: index in SPLITS, −1 for none; label: index in classes, −1 for none; sizes: (images, 2), width and height as
    shown; thumbnails: uint8 (images, 16, 16), grey; low, high: the least and the greatest value of any channel; mode:
    that of Pillow, such as L or RGB; kind: the format of the file, bytes its size; turned: whether a camera's note asks
    for a turn; colourless: whether an image in colour shows greys only; faults: of what does not read, why.
    name and picture: of an image by its number; picture: uint8 (height, width, channels).
    """

    classes: tuple[str, ...]
    name: Callable[[int], str]
    picture: Callable[[int], np.ndarray]
    split: np.ndarray
    label: np.ndarray
    sizes: np.ndarray
    thumbnails: np.ndarray
    low: np.ndarray
    high: np.ndarray
    digests: list[bytes]
    mode: list[str]
    kind: list[str]
    bytes: np.ndarray
    turned: np.ndarray
    colourless: np.ndarray
    faults: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.split)

    @property
    def reads(self) -> np.ndarray:
        """bool (images,): whether it could be decoded."""
        reads = np.ones(len(self), bool)
        reads[list(self.faults)] = False
        return reads


@dataclass(frozen=True, slots=True)
class Placed:
    """Where each file lies, by number, as in a Survey."""

    classes: tuple[str, ...]
    name: Callable[[int], str]
    split: np.ndarray
    label: np.ndarray


def placed_files(files: Files) -> Placed:
    placed = [_class_of(placing_of) for placing_of in map(placing(files.paths), files.paths)]
    classes = tuple(sorted({label for _, label in placed if label is not None}))
    numbers = {name: label for label, name in enumerate(classes)}
    split = np.array([-1 if split is None else SPLITS.index(split) for split, _ in placed], np.int8)
    label = np.array([-1 if label is None else numbers[label] for _, label in placed], np.int32)
    return Placed(tuple(map(printable, classes)), files.name, split, label)


# ----------------------------------------------------------------------------------------------------------- in memory
def survey_samples(collection: Collection, tell: Tell) -> Survey:
    """Of the images of a collection, in memory or read as they are asked for."""
    parts = [
        (split, getattr(collection, name)) for split, name in enumerate(SPLITS) if getattr(collection, name) is not None
    ]
    ends = np.cumsum([len(samples) for _, samples in parts])
    number, channels = int(ends[-1]), collection.inputs.shape[0]

    def place(index: int) -> tuple[int, Samples, int]:
        part = int(np.searchsorted(ends, index, side="right"))
        return parts[part][0], parts[part][1], index - (int(ends[part - 1]) if part else 0)

    def name(index: int) -> str:
        split, _, within = place(index)
        return Said("looks.sample_of", split=Said(f"looks.split_{SPLITS[split]}"), number=within + 1)

    def picture(index: int) -> np.ndarray:
        _, samples, within = place(index)
        pixels: np.ndarray = samples.inputs[within].permute(1, 2, 0).numpy()
        return pixels

    survey = _empty(number, collection.targets.classes, name, picture)
    survey.mode = [{1: "L", 3: "RGB"}.get(channels, f"{channels} channels")] * number
    done = 0
    for split, samples in parts:
        has_label = isinstance(samples.targets, Tensor) and samples.targets.dim() == 1
        labels = samples.targets.numpy() if has_label else np.full(len(samples), -1)
        survey.label[done : done + len(samples)] = labels if collection.targets.classes else -1
        survey.split[done : done + len(samples)] = split
        for start in range(0, len(samples), CHUNK):
            images = gather(samples.inputs, range(start, min(len(samples), start + CHUNK)))
            _look_at(images, survey, done + start)
            tell(done + start + len(images), number)
        done += len(samples)
    return survey


def _look_at(images: Tensor, survey: Survey, begin: int) -> None:
    """Note down a chunk of uint8 images (images, channels, height, width) of one size."""
    there = slice(begin, begin + len(images))
    survey.sizes[there] = images.shape[3], images.shape[2]
    survey.low[there] = images.flatten(1).amin(1).numpy()
    survey.high[there] = images.flatten(1).amax(1).numpy()
    grey = images.float().mean(1, keepdim=True)
    small = torch.nn.functional.adaptive_avg_pool2d(grey, SIDE)
    survey.thumbnails[there] = small.round().to(torch.uint8)[:, 0].numpy()
    if images.shape[1] == 3:
        spread = images.amax(1).int() - images.amin(1).int()
        survey.colourless[there] = (spread.flatten(1).amax(1) <= COLOURLESS).numpy()
    for place, image in enumerate(images.contiguous().numpy(), begin):
        survey.digests[place] = hashlib.blake2b(image.data, digest_size=16).digest()


# -------------------------------------------------------------------------------------------------------------- in files
def survey_files(files: Files, tell: Tell) -> Survey:
    """Of the image files of a folder or archive. Those that do not read are told of in `faults`; nothing stops."""
    placed = placed_files(files)
    survey = _empty(len(files.paths), placed.classes, files.name, lambda index: _shown(files.read(index)))
    survey.split[:], survey.label[:] = placed.split, placed.label
    with strict():
        _look_at_all(files, survey, tell)
    return survey


def _class_of(place: tuple[str | None, Parts]) -> tuple[str | None, str | None]:
    """(split, class folder) of a file; none of either where it lies in no class folder."""
    split, inner = place
    return (split, inner[0]) if split is not None and len(inner) > 1 else (None, None)


def _look_at_all(files: Files, survey: Survey, tell: Tell) -> None:
    def look(numbers: range) -> int:
        for number in numbers:
            try:
                data = files.read(number)
                survey.bytes[number] = len(data)
                _look_into(data, survey, number)
            except (OSError, ValueError) as error:
                survey.faults[number] = str(error)
        return len(numbers)

    total, done = len(survey), 0
    chunks = [range(start, min(total, start + CHUNK)) for start in range(0, total, CHUNK)]
    first = look(chunks.pop(0)) if chunks else 0
    done += first
    tell(done, total)
    threads = min(8, os.cpu_count() or 1) if survey.bytes[:first].sum() > LARGE * first else 1
    with ThreadPoolExecutor(threads) as pool:
        for looked in map(look, chunks) if threads == 1 else pool.map(look, chunks):
            done += looked
            tell(done, total)


def _look_into(data: bytes, survey: Survey, number: int) -> None:
    """Note down one file. Raises ValueError with the reason where it cannot be used, as `decode` does."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not data:
        raise ValueError("the file is empty, 0 bytes")
    survey.digests[number] = hashlib.blake2b(data, digest_size=16).digest()
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            survey.mode[number], survey.kind[number] = image.mode, image.format or ""
            turn = image.getexif().get(ORIENTATION, 1)
            survey.turned[number] = turn != 1
            survey.sizes[number] = image.size[:: -1 if turn >= 5 else 1]
            if image.width * image.height > MOST_PIXELS or image.mode.startswith(("I", "F")):
                seen = Image.fromarray(_shown(data)[:, :, 0])  # says what is wrong, or makes 8 bits of 16
            else:
                if image.format == "JPEG" and min(image.size) >= 2 * REDUCED:
                    image.draft(image.mode, (REDUCED, REDUCED))
                seen = ImageOps.exif_transpose(image) if turn != 1 else image
            _note_colours(seen, survey, number)
    except UnidentifiedImageError:
        raise ValueError("not an image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, *DAMAGED) as error:
        raise ValueError(in_words(error)) from None


def _shown(data: bytes) -> np.ndarray:
    """uint8 (height, width, channels); of 16 bits a channel, between the least and the greatest value of the image."""
    pixels = read_pixels(data)
    return eight_bits(pixels, (int(pixels.min()), int(pixels.max())))


def _note_colours(image: object, survey: Survey, number: int) -> None:
    from PIL import Image

    assert isinstance(image, Image.Image)
    seen = on_white(image, "L" if image.mode in GREY else "RGB")
    values = np.asarray(seen)
    survey.low[number], survey.high[number] = values.min(), values.max()
    small = np.asarray(seen.resize((SIDE, SIDE), Image.Resampling.BOX))
    if seen.mode == "RGB":
        spread = small.max(2).astype(np.int16) - small.min(2)
        survey.colourless[number] = spread.max() <= COLOURLESS
        small = np.rint(small.mean(2)).astype(np.uint8)
    survey.thumbnails[number] = small


def _empty(
    number: int, classes: Sequence[str], name: Callable[[int], str], picture: Callable[[int], np.ndarray]
) -> Survey:
    return Survey(
        tuple(classes),
        name,
        picture,
        split=np.zeros(number, np.int8),
        label=np.full(number, -1, np.int32),
        sizes=np.zeros((number, 2), np.int32),
        thumbnails=np.zeros((number, SIDE, SIDE), np.uint8),
        digests=[b""] * number,
        mode=[""] * number,
        kind=[""] * number,
        bytes=np.zeros(number, np.int64),
        low=np.zeros(number, np.uint8),
        high=np.zeros(number, np.uint8),
        turned=np.zeros(number, bool),
        colourless=np.zeros(number, bool),
    )
