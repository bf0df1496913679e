"""An index of images: a folder that keeps their features, in parts that are mapped into memory and never read whole.

    index.json           what made the features, and the parts
    part-00000.npy       float16 (images, features), of length 1; part-00000.json: their names, and how each file was then
    part-00000.bits.npy  uint8 (images, bits / 8), where codes were asked for; codes.npz: how features become codes

Each part is written whole, then told of in index.json: killed at any moment, indexing goes on where it was. What is indexed again
looks at files that are new or changed, and forgets those that are gone.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from profundo.data.streams.archives import Files, open_files, printable
from profundo.files import clear_leftovers, in_words, open_place, read_object, write_bytes, write_json
from profundo.records import ProfundoError
from profundo.use.image_search.encoders import Encoder, encoder_named
from profundo.use.image_search.hash_codes import HashCodes, check_bits, learned_codes

__all__ = ["ImageIndex", "Indexed", "Part", "index_images", "open_index"]

PART, BATCH = 4096, 32  # images of a part, and of one pass through the net
INDEX, CODES = "index.json", "codes.npz"
PART_NAME = re.compile(r"part-\d{5,8}")
TOLD = 0.5  # seconds from one word of progress to the next


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    images: int


@dataclass(frozen=True, slots=True)
class ImageIndex:
    """images: the folder or .zip that was indexed; encoder, image_size, digest: what made the features, as `encoder_named` takes
    it; features: how many numbers each image has; bits: of its code, 0 where it has none."""

    folder: Path = field(metadata={"kept": False})
    images: str
    encoder: str
    image_size: int
    digest: str
    features: int
    bits: int = 0
    parts: tuple[Part, ...] = ()

    def __len__(self) -> int:
        return sum(part.images for part in self.parts)

    def values(self, part: Part) -> np.ndarray:
        """float16 (images, features), mapped into memory. Raises ProfundoError where the file is not as described."""
        return self._mapped(f"{part.name}.npy", (part.images, self.features), np.float16)

    def codes(self, part: Part) -> np.ndarray:
        """uint8 (images, bits / 8)."""
        return self._mapped(f"{part.name}.bits.npy", (part.images, self.bits // 8), np.uint8)

    def files(self, part: Part) -> list[tuple[str, str]]:
        """The name of each image in the folder or archive, and how its file was."""
        path = self.folder / f"{part.name}.json"
        try:
            found = TypeAdapter(list[tuple[str, str]]).validate_python(read_object(path).get("files"))
            if len(found) != part.images:
                raise ValueError(f"expected {part.images} names, got {len(found)}")
        except (ValidationError, ValueError) as error:
            raise damaged(path, in_words(error)) from None
        return found

    def hashing(self) -> HashCodes:
        try:
            with np.load(self.folder / CODES, allow_pickle=False) as kept:
                mean, directions = torch.from_numpy(kept["mean"]), torch.from_numpy(kept["directions"])
            if mean.shape != (self.features,) or directions.shape != (self.features, self.bits):
                raise ValueError(f"expected codes of {self.bits} bits")
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise damaged(self.folder / CODES, in_words(error)) from None
        return HashCodes(mean.float(), directions.float())

    def loaded_encoder(self) -> Encoder:
        """Raises ProfundoError where it gives other features than those that are kept."""
        encoder = encoder_named(self.encoder, self.image_size or None)
        if encoder.digest != self.digest:
            raise ProfundoError(
                f"{self.folder}: its features are of other weights than {self.encoder} has now; index the images again, into "
                "another folder"
            )
        return encoder

    def _mapped(self, name: str, shape: tuple[int, int], kind: type) -> np.ndarray:
        path = self.folder / name
        try:
            values: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
            if values.shape != shape or values.dtype != kind:
                raise ValueError(f"expected {np.dtype(kind)} {shape}, found {values.dtype} {values.shape}")
        except (OSError, ValueError, EOFError) as error:
            raise damaged(path, in_words(error)) from None
        return values


@dataclass(frozen=True, slots=True)
class Indexed:
    """What indexing did: images that are new, kept and forgotten, and those that do not read, each with the reason."""

    index: ImageIndex
    new: int
    kept: int
    forgotten: int
    faults: tuple[str, ...]


def damaged(path: Path, why: str) -> ProfundoError:
    return ProfundoError(f"{path}: expected a part of an index of images: {why}; index the images anew")


def open_index(folder: str | Path) -> ImageIndex:
    """Raises ProfundoError where there is none, and for one that is not as it was written."""
    folder = Path(folder)
    described = read_object(folder / INDEX)
    try:
        found = TypeAdapter(ImageIndex).validate_python({**described, "folder": folder})
        if any(not PART_NAME.fullmatch(part.name) or part.images < 1 for part in found.parts) or found.features < 1:
            raise ValueError("its parts have other names than an index has")
    except (ValidationError, ValueError, TypeError) as error:
        raise damaged(folder / INDEX, in_words(error)) from None
    return found


def index_images(
    images: str | Path,
    out: str | Path,
    encoder: str | Path = "efficientnet_lite0",
    *,
    image_size: int | None = None,
    bits: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> Indexed:
    """Compute the features of every image in a folder or .zip, and keep them in the folder `out`.

    encoder: a published net, the folder of a run, or "pixels". bits: of a short code of each image beside its features, 0 for
    none. An index that is there already is brought up to date; then `encoder` and `image_size` must be as before, and `bits` where
    it has codes.
    told: gets a line of progress now and then. Raises ProfundoError for a folder without images, or one of another index.
    """
    files, folder = open_files(Path(images)), Path(out)
    if not len(files):
        raise ProfundoError(f"{printable(str(images))}: expected images in it, found none")
    ready = encoder_named(encoder, image_size)
    if folder.resolve().is_relative_to(Path(images).resolve()):
        raise ProfundoError(
            f"{folder}: expected a folder outside of {images}, whose images are indexed; choose another"
        )
    index = begun(folder, str(images), ready, bits, len(files))
    clear_leftovers(folder)
    marks = {"/".join(parts): number for number, parts in enumerate(files.paths)}
    there = {name: files.mark(number) for name, number in marks.items()}
    index, forgotten = without_gone(index, there)
    known = {name for part in index.parts for name, _ in index.files(part)}
    new = [(name, mark) for name, mark in there.items() if name not in known]
    faults: list[str] = []
    kept = len(index)
    for names, values in encoded(ready, files, marks, new, faults, told):
        index = with_part(index, names, values)
    if not len(index):
        raise ProfundoError(f"{printable(str(images))}: expected images that read; {faults[0]}")
    if bits:
        index = with_codes(index)
    return Indexed(index, len(index) - kept, kept, forgotten, tuple(faults))


def begun(folder: Path, images: str, encoder: Encoder, bits: int, count: int) -> ImageIndex:
    """The index in that folder, or a new one. count: of images that there are. Raises ProfundoError where one of other features
    is there, or of other codes, and for codes that so many images cannot tell."""
    side = encoder.inputs.shape[1]
    width = encoder([torch.zeros(encoder.inputs.shape, dtype=torch.uint8)]).shape[1]
    if bits and not (folder / CODES).exists():  # before anything is computed
        check_bits(bits, count, width)
    wanted = ImageIndex(folder, images, encoder.name, side, encoder.digest, width, bits)
    if not (folder / INDEX).exists():
        if folder.exists() and any(folder.iterdir()):
            raise ProfundoError(
                f"{folder}: expected an empty folder or an index of images, found other files; choose another"
            )
        folder.mkdir(parents=True, exist_ok=True)
        return wanted
    found = open_index(folder)
    has_codes = (folder / CODES).exists()
    for name in ("encoder", "image_size", "digest", "features", *(("bits",) if has_codes else ())):
        before, now = getattr(found, name), getattr(wanted, name)
        if before != now:
            raise ProfundoError(
                f"{folder}: is an index with {name} {str(before)[:60]!r}, asked for was {str(now)[:60]!r}; choose another folder"
            )
    return found if found.bits == bits else kept(replace(found, bits=bits), found.parts)


def encoded(
    encoder: Encoder,
    files: Files,
    places: dict[str, int],
    wanted: Sequence[tuple[str, str]],
    faults: list[str],
    told: Callable[[str], None],
) -> Iterator[tuple[list[tuple[str, str]], Tensor]]:
    """A part of the images at a time: names with marks, and float32 (images, features). What does not read is a line of `faults`."""
    started, last = time.monotonic(), 0.0
    names: list[tuple[str, str]] = []
    values: list[Tensor] = []
    for begin in range(0, len(wanted), BATCH):
        some = []
        for name, mark in wanted[begin : begin + BATCH]:
            try:
                some.append(((name, mark), encoder.read(files.read(places[name]))))
            except (OSError, ValueError) as error:
                faults.append(f"{printable(name)}: expected an image, but it does not read: {error}")
        if some:
            names += [one for one, _ in some]
            values.append(encoder([image for _, image in some]))
        done = min(begin + BATCH, len(wanted))
        if (seconds := time.monotonic() - started) - last > TOLD:
            last = seconds
            told(f"{done:,} of {len(wanted):,} images, {done / seconds:.0f} a second")
        if names and (len(names) >= PART or done == len(wanted)):
            yield names, torch.cat(values)
            names, values = [], []


# --------------------------------------------------------------------------------------------------------- the folder
def with_part(index: ImageIndex, names: Sequence[tuple[str, str]], values: Tensor) -> ImageIndex:
    """The index with one more part, written."""
    return kept(index, (*index.parts, written(index.folder, next_number(index), names, values)))


def next_number(index: ImageIndex) -> int:
    return max((int(part.name.removeprefix("part-")) for part in index.parts), default=-1) + 1


def written(folder: Path, number: int, names: Sequence[tuple[str, str]], values: Tensor) -> Part:
    part = Part(f"part-{number:05d}", len(names))
    with open_place(folder) as place:
        place.erase(f"{part.name}.bits.npy")  # of one that had the number before
    write_array(folder / f"{part.name}.npy", values.half().numpy())
    write_json(folder / f"{part.name}.json", {"files": [list(one) for one in names]})
    return part


def without_gone(index: ImageIndex, there: dict[str, str]) -> tuple[ImageIndex, int]:
    """The index without images that are gone or changed, and how many those were. Their parts are written anew."""
    number, whole = next_number(index), []
    for part in index.parts:
        files = index.files(part)
        stay = [row for row, (name, mark) in enumerate(files) if there.get(name) == mark]
        if len(stay) == part.images:
            whole.append(part)
        elif stay:
            values = torch.from_numpy(index.values(part)[stay]).float()
            whole.append(written(index.folder, number, [files[row] for row in stay], values))
            number += 1
    after = index if tuple(whole) == index.parts else kept(index, tuple(whole))
    with open_place(index.folder) as place:
        for part in set(index.parts) - set(whole):
            for ending in (".npy", ".json", ".bits.npy"):
                place.erase(part.name + ending)
    return after, len(index) - len(after)


def with_codes(index: ImageIndex) -> ImageIndex:
    """The index with a code for every image: learned from the first that came, and the same for all that come later."""
    if not (index.folder / CODES).exists():
        first = torch.cat([torch.from_numpy(np.array(index.values(part))) for part in index.parts[:8]]).float()
        learned = learned_codes(first, index.bits)
        content = io.BytesIO()
        np.savez(content, mean=learned.mean.numpy(), directions=learned.directions.numpy())
        write_bytes(index.folder / CODES, content.getvalue())
    hashing = index.hashing()
    for part in index.parts:
        if not (index.folder / f"{part.name}.bits.npy").exists():
            values = torch.from_numpy(np.array(index.values(part))).float()
            write_array(index.folder / f"{part.name}.bits.npy", hashing(values))
    return index


def kept(index: ImageIndex, parts: tuple[Part, ...]) -> ImageIndex:
    described: dict[str, Any] = TypeAdapter(ImageIndex).dump_python(index, mode="json", exclude={"folder"})
    described["parts"] = [{"name": part.name, "images": part.images} for part in parts]
    write_json(index.folder / INDEX, described)
    return open_index(index.folder)


def write_array(path: Path, values: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    write_bytes(path, content.getvalue())
