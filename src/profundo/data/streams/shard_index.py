"""One tar shard, looked at once from front to back: where its samples lie, their classes, and what their pixels add up to.

What is found is an array, a row a sample, kept in the cache under the shard's size and time (or tag).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from profundo.data.images.image_folders import Fault, pixel_sums
from profundo.data.images.pixels import WHOLE, eight_bits, fitted, read_pixels
from profundo.data.streams.addresses import Stored
from profundo.data.streams.archives import printable
from profundo.data.streams.cache import Made, cached
from profundo.data.streams.tars import Front, Member, members
from profundo.records import ProfundoError

__all__ = ["INPUTS", "LARGEST_IMAGE", "ROW", "Look", "looked_at"]

INPUTS = frozenset(("jpg", "jpeg", "png", "webp", "ppm", "pgm", "pbm", "bmp", "gif", "tif", "tiff", "npy"))
LABELS = ("cls", "json", "txt")  # the first of them counts
PICKLED = frozenset(("pyd", "pkl", "pickle", "pickled", "pth", "pt", "joblib"))
LARGEST_IMAGE, LARGEST_LABEL = 2**26, 2**20  # bytes
LONGEST_NAME = 200  # of a class
VERSION = 3  # of what is cached

# About a sample: where it lies; which label it has; height, width, channels; the sums of x and of x² in up to three of them.
ROW = np.dtype([("offset", "i8"), ("size", "i8"), ("label", "i8"), ("shape", "i8", 3), ("sums", "i8", (2, 3))])

Measures = tuple[tuple[int, ...], np.ndarray]  # shape and sums
UNMEASURED: Measures = (0, 0, 0), np.zeros((2, 3), np.int64)


@dataclass(frozen=True, slots=True)
class Look:
    """What is found out about each image: nothing, or its shape and sums, in its own size or scaled to `side` pixels."""

    measures: bool
    side: int | None = None

    @property
    def key(self) -> str:
        return f"{self.side or 'own'}" if self.measures else "places"


@dataclass(slots=True)
class Sample:
    """One sample while its members come by."""

    key: str
    input: Member | None = None
    labels: dict[str, bytes] = field(default_factory=dict)


def looked_at(file: Stored, look: Look) -> Made:
    if not file.mark:
        return _index(file, look)
    return cached(f"shard-{VERSION}-{look.key}-{file.key}", lambda: _index(file, look))


def _index(file: Stored, look: Look) -> Made:
    """ROWs about the samples of one shard; in the notes the labels that they number, the images that do not decode, how many
    members have no part in a sample, and whether images have 16 bits a channel."""
    front, rows, is_deep = Front(file), list[tuple[Any, ...]](), False
    labels, faults, left_out = dict[str, int](), list[Fault](), [0]
    for sample in _samples(front, left_out):
        if sample.input is None:
            left_out[0] += len(sample.labels)
            continue
        label, measures = labels.setdefault(_label(sample, file), len(labels)), UNMEASURED
        if look.measures:
            try:
                measures, deep = _measures(front, sample.input, look.side)
                is_deep |= deep
            except (OSError, ValueError) as error:
                faults.append((len(rows), str(error)))
        rows.append((sample.input.offset, sample.input.size, label, *measures))
    if not rows:
        raise ProfundoError(f"{printable(file.address)}: expected samples such as 000.jpg with 000.cls, found none")
    notes = {"labels": list(labels), "faults": faults, "left_out": left_out[0], "deep": is_deep}
    return np.array(rows, ROW), notes


def _samples(front: Front, left_out: list[int]) -> Iterator[Sample]:
    """The runs of members with one name. Raises ProfundoError when a name comes back later, and for pickled members."""
    where, seen = printable(front.file.address), set[str]()
    sample: Sample | None = None
    for member in members(front):
        folder, _, base = member.name.rpartition("/")
        stem, _, extension = base.partition(".")
        suffix = extension.rpartition(".")[2].lower()
        if not stem or folder.startswith("__MACOSX"):
            continue  # hidden files of a file manager
        if suffix in PICKLED:
            raise ProfundoError(
                f"{where}: {printable(member.name)!r} is pickled, and to read it could run any program; save images or arrays"
            )
        key = f"{folder}/{stem}"
        if sample is None or key != sample.key:
            if sample is not None:
                yield sample
            if key in seen:
                raise ProfundoError(
                    f"{where}: {printable(key.lstrip('/'))!r} comes twice, with other samples in between; "
                    "give each sample a name of its own and keep its members together"
                )
            seen.add(key)
            sample = Sample(key)
        left_out[0] += not _put(sample, suffix, member, front)
    if sample is not None:
        yield sample


def _put(sample: Sample, suffix: str, member: Member, front: Front) -> bool:
    """Note a member; whether it has a part in the sample."""
    if suffix in INPUTS:
        if sample.input is not None:
            raise ProfundoError(
                f"{printable(front.file.address)}: {printable(member.name)!r} is a second image of its sample; "
                "give each image a name of its own up to the first dot"
            )
        sample.input = member
    elif suffix in LABELS:
        if member.size > LARGEST_LABEL:
            raise ProfundoError(
                f"{printable(front.file.address)}: {printable(member.name)!r}: expected a class, found {member.size:,} bytes"
            )
        sample.labels[suffix] = front.span(member.offset, member.size)
    return suffix in INPUTS or suffix in LABELS


def _label(sample: Sample, file: Stored) -> str:
    """The class of a sample, a number or a name. Raises ProfundoError when there is none."""
    name = printable(f"{file.address}/{sample.key.lstrip('/')}")
    suffix = next((one for one in LABELS if one in sample.labels), None)
    if suffix is None:
        raise ProfundoError(f"{name}: expected its class beside it, in a .cls, .txt or .json, found none")
    try:
        text = sample.labels[suffix].decode("utf-8").strip()
        value = _in_json(text) if suffix == "json" else text
    except (ValueError, RecursionError):
        raise ProfundoError(
            f"{name}.{suffix}: expected {'JSON' if suffix == 'json' else 'text'}, it does not read"
        ) from None
    if not value or len(value) > LONGEST_NAME or not value.isprintable():
        raise ProfundoError(
            f"{name}.{suffix}: expected a class, a number or one short line"
            + (', as "label", "class" or "cls"' if suffix == "json" else "")
            + (f"; found {value[:40]!r}" if value else "; found none")
        )
    return str(int(value)) if value.isascii() and value.isdecimal() else value


def _in_json(text: str) -> str:
    content = json.loads(text)
    content = (
        next((content[key] for key in ("label", "class", "cls") if key in content), None)
        if isinstance(content, dict)
        else content
    )
    return str(content) if isinstance(content, str | int) and not isinstance(content, bool) else ""


def _measures(front: Front, member: Member, side: int | None) -> tuple[Measures, bool]:
    """Of an image, and whether it has 16 bits a channel."""
    if member.size > LARGEST_IMAGE:
        raise ValueError(f"{member.size:,} bytes, more than the limit of {LARGEST_IMAGE:,}")
    read = read_pixels(front.span(member.offset, member.size))
    pixels = eight_bits(read, WHOLE)
    if side is not None:
        pixels = fitted(pixels, (pixels.shape[2], side, side))
    sums = np.zeros((2, 3), np.int64)
    sums[:, : pixels.shape[2]] = pixel_sums(pixels)
    return (pixels.shape, sums), read.dtype == np.uint16
