"""A folder or .zip of images, and files that say where objects are in them, becomes a Collection; see object_sources.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import skipped_note
from profundo.data.images.pixels import WHOLE, Window, eight_bits, read_pixels, window_of
from profundo.data.objects_in_images.images_with_objects import images_with_objects
from profundo.data.objects_in_images.labelled_images import LabelledImages, chosen, masks_drawn, objects_of
from profundo.data.objects_in_images.object_sources import Found, notes_of, read_objects
from profundo.data.splits.split_by import by_name
from profundo.data.splits.splits import Collection
from profundo.data.streams.archives import Files, printable
from profundo.image_files import strict
from profundo.records import ProfundoError

__all__ = ["object_images"]


@dataclass(frozen=True, slots=True)
class Photographs:
    """An ImageReader. indices: of each image the number of its file; window: through which 16 bits are seen."""

    files: Files
    indices: tuple[int, ...]
    window: Window

    def name(self, number: int) -> str:
        return self.files.name(self.indices[number])

    def pixels(self, number: int) -> np.ndarray:
        return eight_bits(_decoded(self.files, self.indices[number]), self.window)


def object_images(where: Path, found: Found, how: Reading) -> Collection:
    """The images of a place, and the objects in them. Raises ProfundoError, naming file and place, for what cannot be meant."""
    place = printable(str(where))
    with strict():
        images = read_objects(found, how.skip_bad)
        images, window, colour, notes = _decodable(images, how.skip_bad)
        photographs = Photographs(images.files, tuple(images.images), window)
        collection = images_with_objects(
            printable(where.resolve().name if where.is_dir() else where.resolve().stem),
            photographs.pixels,
            [(height, width) for width, height in images.sizes],
            list(map(objects_of, images.labels)),
            images.classes,
            codes=images.codes,
            masks=(lambda row: masks_drawn(images.labels[row], images.sizes[row])) if images.outlined else None,
            splits=[split or "train" for split in images.splits],
            colour=colour,
            how=how,
            notes=(*notes_of(images.remarks), *_of_masks(images), *notes),
            files=photographs,
        )
    if window != WHOLE:
        collection = replace(collection, inputs=replace(collection.inputs, window=window))
    if how.split_by is None:
        return collection
    names = [images.name(row) for row, split in enumerate(images.splits) if split in (None, "train")]
    return replace(collection, split_by=by_name(how.split_by, names, place))


def _decodable(images: LabelledImages, skip_bad: bool) -> tuple[LabelledImages, Window, bool, tuple[str, ...]]:
    """Those that decode; the window through which images of 16 bits are seen; whether some have colour; notes. Each is decoded
    once for it, and let go. Raises ProfundoError for one that does not decode unless those are left out."""
    counts, deep, colour = np.zeros(WHOLE[1] + 1, np.int64), False, False
    good: list[int] = []
    for row in range(len(images.labels)):
        try:
            pixels = _decoded(images.files, images.images[row])
        except ProfundoError:
            if not skip_bad:
                raise
            continue
        good.append(row)
        colour = colour or pixels.shape[2] == 3
        if pixels.dtype == np.uint16 and images.splits[row] in (None, "train"):
            counts += np.bincount(pixels.ravel(), minlength=len(counts))
            deep = True
    total = len(images.labels)
    return (
        chosen(images, good),
        window_of(counts) if deep else WHOLE,
        colour,
        skipped_note(total - len(good), total, "images"),
    )


def _decoded(files: Files, index: int) -> np.ndarray:
    try:
        return read_pixels(files.read(index))
    except (OSError, ValueError) as error:
        raise ProfundoError(
            f"{files.name(index)} cannot be decoded: {error}; mend or remove it, or leave it out with --skip-bad"
        ) from None


def _of_masks(images: LabelledImages) -> Iterator[str]:
    outlines = [outline is not None for labels in images.labels for outline in labels.outlines]
    if any(outlines) and not all(outlines):
        yield f"Masks are known of {sum(outlines):,} of {len(outlines):,} objects only: boxes alone are learned from."
