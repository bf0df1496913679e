"""Images with a mask for each object, in PNG or another form that loses nothing.

images/a.jpg, instances/a.png               a value, or colour, for each object; 0, or black, is the ground
images/a.jpg, instances/a/cat/1.png         a file for each object, in a folder of its class, where there are several
7f3a/images/7f3a.png, 7f3a/masks/….png      the same, an image a folder
JPEGImages/, SegmentationObject/, SegmentationClass/       PASCAL VOC's: the latter says the classes
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from profundo.data.grids.mask_codes import VOC_BORDER, listed_classes, read_codes
from profundo.data.objects_in_images.labelled_images import MOST_OBJECTS, ONE_CLASS, Entry, Remarks, Thing
from profundo.data.objects_in_images.named_images import split_of_folders
from profundo.data.objects_in_images.outlines import Runs, runs_by_value
from profundo.data.streams.archives import Files, Parts
from profundo.data.text.text_files import read_text
from profundo.kinds import NO_CLASS

__all__ = ["INSTANCES", "InstanceFiles", "instance_files", "read_instances"]

INSTANCES = ("instances", "instance", "instance_masks", "instancemasks", "instance-masks", "segmentationobject")
CLASSES = "segmentationclass"
IMAGES = ("images", "jpegimages")
JPEG = b"\xff\xd8\xff"  # how such a file begins


@dataclass(frozen=True, slots=True)
class InstanceFiles:
    """By the number of an image: the mask that has all of its objects; masks of one object each with the class; the mask of the
    classes. lost: masks of no image; images: how many there are."""

    whole: dict[int, int]
    single: dict[int, list[tuple[int, str]]]
    of_classes: dict[int, int]
    lost: list[int]
    images: int

    def __bool__(self) -> bool:
        return bool(self.whole or self.single)


def instance_files(files: Files) -> InstanceFiles:
    """Which file is which, by names alone."""
    images: dict[Parts, int] = {}
    masks: list[tuple[int, str, Parts, Parts]] = []
    for index, parts in enumerate(files.paths):
        folders = [part.lower() for part in parts[:-1]]
        place = next((at for at, name in enumerate(folders) if name in (*INSTANCES, CLASSES, "masks")), None)
        if place is None:
            images[(*(part for part in parts[:-1] if part.lower() not in IMAGES), _stem(parts))] = index
        else:
            masks.append((index, folders[place], parts[:place], (*parts[place + 1 : -1], _stem(parts))))
    in_pairs = any((*before, *after) in images for _, role, before, after in masks if role == "masks")
    alone = {} if in_pairs else _alone(images)  # then they say classes: see data/grids
    whole: dict[int, int] = {}
    single: dict[int, list[tuple[int, str]]] = defaultdict(list)
    of_classes: dict[int, int] = {}
    lost = []
    for index, role, before, after in masks:
        image = images.get((*before, *after))
        if role == CLASSES or (role == "masks" and image is not None):
            of_classes.update({} if image is None else {image: index})
        elif role != "masks" and image is not None:
            whole[image] = index
        elif (own := _owner(before, after, images, alone if role == "masks" else {})) is not None:
            single[own[0]].append((index, own[1]))
        elif role != "masks":
            lost.append(index)
    return InstanceFiles(whole, single, of_classes, lost, len(files) - len(masks))


def _alone(images: dict[Parts, int]) -> dict[Parts, int]:
    """Folder → its image, where it has one only."""
    counts = Counter(key[:-1] for key in images)
    return {key[:-1]: index for key, index in images.items() if counts[key[:-1]] == 1 and key[:-1]}


def _owner(before: Parts, after: Parts, images: dict[Parts, int], alone: dict[Parts, int]) -> tuple[int, str] | None:
    """The image that a mask of one object belongs to, and its class."""
    for depth in range(1, len(after)):
        if (image := images.get((*before, *after[:depth]))) is not None:
            return image, after[depth] if depth < len(after) - 1 else ONE_CLASS
    if (image := alone.get(before)) is not None:
        return image, after[0] if len(after) > 1 else ONE_CLASS
    return None


def _stem(parts: Parts) -> str:
    return parts[-1].rpartition(".")[0]


# -------------------------------------------------------------------------------------------------------------- reading
def read_instances(files: Files, texts: Files, remarks: Remarks) -> list[Entry]:
    """An entry for each image that has a mask; a mask of no object says that it has none."""
    found, names = instance_files(files), _names(texts)
    for index in found.lost:
        remarks.fault(files.name(index), "it is the mask of no image")
    entries = []
    for image in sorted({*found.whole, *found.single}, key=files.paths.__getitem__):
        entry = Entry(image, [], split_of_folders(files.paths[image]))
        try:
            entry.things = list(_things(files, found, image, names))
        except (OSError, ValueError) as error:
            remarks.fault(files.name(image), str(error))
            continue
        entries.append(entry)
    return entries


def _names(texts: Files) -> dict[int, str]:
    """What classes.txt says of the values of masks of classes."""
    lists = (index for index, parts in enumerate(texts.paths) if parts[-1].lower() == "classes.txt")
    return next((listed_classes(read_text(texts.read(index)), texts.name(index)) for index in lists), {})


def _things(files: Files, found: InstanceFiles, image: int, names: dict[int, str]) -> Iterator[Thing]:
    """Raises ValueError."""
    if image in found.whole:
        mask = found.whole[image]
        values = _codes(files, mask)
        kinds = _codes(files, found.of_classes[image]) if image in found.of_classes else None
        for value, runs in _runs(files, mask, values).items():
            name = ONE_CLASS if kinds is None else _kind(kinds, values, value, names)
            yield Thing(f"{files.name(mask)}, value {value}", name, None, outline=runs)
    for mask, name in sorted(found.single.get(image, [])):
        values = (_codes(files, mask) != 0).astype(np.int32)
        for runs in _runs(files, mask, values).values():
            yield Thing(files.name(mask), name, None, outline=runs)


def _codes(files: Files, index: int) -> np.ndarray:
    """int32 (height, width); 0 is the ground, and so are PASCAL VOC's borders. Raises ValueError that names the file."""
    try:
        content = files.read(index)
        if content.startswith(JPEG):
            raise ValueError("a JPEG blurs the values at the edges of objects; save masks without loss, as PNG")
        values, palette = read_codes(content)
    except (OSError, ValueError) as error:
        raise ValueError(f"{files.name(index)}: {error}") from None
    borders = (VOC_BORDER, NO_CLASS) if palette else (VOC_BORDER,)
    return np.where(np.isin(values, borders), 0, values)


def _runs(files: Files, index: int, values: np.ndarray) -> dict[int, Runs]:
    changes = int((values.T.ravel()[1:] != values.T.ravel()[:-1]).sum())
    different = len(np.unique(values)) if changes > MOST_OBJECTS else 0
    if different > MOST_OBJECTS:
        raise ValueError(
            f"{files.name(index)}: {different:,} different values; expected one for each object, saved without loss (PNG)"
        )
    return runs_by_value(values)


def _kind(kinds: np.ndarray, values: np.ndarray, value: int, names: dict[int, str]) -> str:
    """What most of the pixels of an object are of. Raises ValueError where that is the ground."""
    if kinds.shape != values.shape:
        theirs, own = ("×".join(map(str, one.shape[::-1])) for one in (kinds, values))
        raise ValueError(f"the mask of its classes has {theirs} pixels, that of its objects {own}")
    codes, counts = np.unique(kinds[values == value], return_counts=True)
    code = int(codes[counts.argmax()])
    if code == 0:
        raise ValueError(f"most pixels of the object of value {value} are ground in the mask of its classes")
    return names.get(code, str(code))
