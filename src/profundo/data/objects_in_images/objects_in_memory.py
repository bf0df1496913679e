"""Images and their objects as a person has them in Python: (images, objects), one of each.

    load((images, [Objects(boxes, classes), …]))
    load((images, [{"boxes": [[3, 5, 40, 60]], "labels": ["cat"]}, …]))      # "masks" and "iscrowd" where they are known
    load((images, [[[3, 5, 40, 60]], …]))                                    # boxes; the class as a fifth number
    load((images, packed(…)))                                                # float (images, most, 6), as boxes.py has it

An image is uint8 (height, width), (height, width, channels) or (channels, height, width), of any size, real numbers from 0 to 1 in
the same shapes, or one of Pillow's. Where classes are numbers from 1 on, as torchvision's detectors want them, 1 is the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.boxes import NO_OBJECT, Objects, unpacked
from profundo.data.dataset_names import Reading
from profundo.data.images.pixels import GREY, on_white
from profundo.data.objects_in_images.images_with_objects import images_with_objects
from profundo.data.objects_in_images.labelled_images import ONE_CLASS, Remarks, inside
from profundo.data.objects_in_images.object_sources import notes_of
from profundo.data.splits.splits import Collection
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["are_scenes", "scenes_in_memory"]


BOXES = {"boxes", "bboxes", "bbox", "box"}  # of which all but the first are told how they are to be called


def are_scenes(data: Any) -> bool:
    """Whether it is images and what is in each."""
    told = data[1] if isinstance(data, tuple) and len(data) == 2 else ()
    if isinstance(told, Tensor) or (isinstance(told, np.ndarray) and told.dtype.kind in "fiu"):
        return is_packed(torch.as_tensor(told))
    first = next(iter(told), None) if isinstance(told, list | tuple) else None
    if isinstance(first, Objects) or (isinstance(first, Mapping) and BOXES & first.keys()):
        return True
    return first is not None and all(map(are_boxes, told)) and any(map(len, told))


def is_packed(told: Tensor) -> bool:
    """Whether it is a table of `boxes.packed`: classes are whole numbers, crowds 0 or 1, and boxes have some size."""
    if told.ndim != 3 or told.shape[2] != 6 or not told.numel():
        return False
    rows = told[told[..., 4] != NO_OBJECT].double()
    whole = (rows[:, 4] == rows[:, 4].round()) & (rows[:, 4] >= 0) & ((rows[:, 5] == 0) | (rows[:, 5] == 1))
    return bool(whole.all()) and bool((rows[:, 2:4] > rows[:, :2]).all())


def are_boxes(told: Any) -> bool:
    """Whether it is a table of boxes, (n, 4) or (n, 5), or an empty one."""
    if not isinstance(told, list | tuple | Tensor | np.ndarray):
        return False
    return all(np.ndim(row) == 1 and len(row) in (4, 5) for row in told)


def each_of(told: Any) -> list[Any]:
    """What is told of each image, of what `are_scenes` knows."""
    return list(map(unpacked, torch.as_tensor(told).float())) if isinstance(told, Tensor | np.ndarray) else list(told)


def scenes_in_memory(parts: Mapping[str, Any], name: str, how: Reading, known: Sequence[str] = ()) -> Collection:
    """parts: of each split (images, objects); known: the classes, where they are not to be read from the objects. Raises
    ProfundoError, naming the image, for what is none."""
    images, objects, splits = [], [], []
    for split, part in parts.items():
        if not are_scenes(part) or not hasattr(part[0], "__len__") or len(part[0]) != len(part[1]):
            raise ProfundoError(f"{name}: {split}: {EXPECTED}{how_many(part)}")
        images += [pixels_of(one, f"{name}: {split} image {at}") for at, one in enumerate(part[0], 1)]
        objects += each_of(part[1])
        splits += [split] * len(part[0])
    classes = list(known) or names_in(objects)
    numbered = not known and all(name.isdecimal() for name in classes)
    scenes, remarks = [], Remarks()
    for at, (one, pixels) in enumerate(zip(objects, images, strict=True), 1):
        where = f"{name}: image {at}"
        scene = read_objects(one, classes, where)
        check_masks(scene, pixels.shape[:2], where)
        scenes.append(within(scene, pixels.shape[:2], where, remarks))
    colour = any(one.shape[2] == 3 for one in images)
    sizes = [(one.shape[0], one.shape[1]) for one in images]
    whole = images_with_objects(
        *(name, images.__getitem__, sizes, scenes, classes),
        codes=list(map(int, classes)) if numbered and classes[0] != "0" else (),
        splits=splits,
        colour=colour,
        how=how,
        notes=tuple(notes_of(remarks)),
    )
    if whole.validation is None or whole.test is not None:
        return whole
    return replace(whole, test=whole.validation, notes=(*whole.notes, Said("readings.validation_tests")))


def within(one: Objects, size: tuple[int, ...], where: str, remarks: Remarks) -> Objects:
    """The objects as far as they are in their image of that (height, width); what is not, is remarked."""
    cut = [inside(box, size[1], size[0], where, remarks) for box in one.boxes.double().numpy()]
    kept = torch.tensor([box is not None for box in cut], dtype=torch.bool)
    boxes = torch.from_numpy(np.array([box for box in cut if box is not None]).reshape(-1, 4)).float()
    masks = None if one.masks is None else one.masks[kept]
    return Objects(boxes, one.classes[kept], one.crowd[kept], masks)


EXPECTED = (
    "expected (images, objects), as many of each, the objects of an image as {'boxes': [[left, top, right, bottom], …], "
    "'labels': […]}"
)


def how_many(part: Any) -> str:
    pair = part if isinstance(part, tuple) and len(part) == 2 else ()
    counts = [len(one) for one in pair if hasattr(one, "__len__")]
    return f"; got {counts[0]:,} and {counts[1]:,}" if len(counts) == 2 and counts[0] != counts[1] else ""


def pixels_of(image: Any, where: str) -> np.ndarray:
    """uint8 (height, width, 1 or 3); real numbers from 0 to 1 in 256 steps."""
    if isinstance(image, str | Path):
        raise ProfundoError(f"{where}: expected the image itself, got its path; give PIL.Image.open({str(image)!r})")
    values = numbers_of(image)
    if values.dtype.kind == "f" and values.size and 0 <= values.min() <= values.max() <= 1:
        values = np.round(255 * values).astype(np.uint8)
    values = values[:, :, None] if values.ndim == 2 else values
    if values.ndim == 3 and values.shape[0] in (1, 3) and values.shape[2] not in (1, 3):
        values = values.transpose(1, 2, 0)
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] not in (1, 3) or not values.size:
        four = "; leave out the fourth channel: image[:, :, :3]" if values.ndim == 3 and values.shape[2] == 4 else ""
        raise ProfundoError(
            f"{where}: expected uint8 (height, width), grey or with 3 channels, or real numbers from 0 to 1, got {values.dtype} "
            f"{values.shape}{four}"
        )
    return values


def numbers_of(image: Any) -> np.ndarray:
    """An image as an array; of Pillow's, palettes, transparency and the like become grey or RGB, as they do of files."""
    from PIL import Image

    if isinstance(image, Image.Image) and not image.mode.startswith(("I", "F")):
        image = on_white(image, "L" if image.mode in GREY else "RGB")
    return np.asarray(image)


def names_in(objects: Sequence[Any]) -> list[str]:
    """The names of classes: words in their order; of numbers all from 0 to the largest, or from 1 on where that is the least."""
    labels = {label for one in objects for label in labels_of(one)}
    if all(isinstance(label, int) for label in labels):
        are_places = any(isinstance(one, Objects) for one in objects)
        least = 0 if are_places or not labels else max(0, min(1, *labels))
        return [str(number) for number in range(least, max(labels, default=0) + 1)]
    return sorted(map(str, labels))


def labels_of(one: Any) -> list[Any]:
    labels: Iterable[Any]
    if isinstance(one, Objects):
        labels = one.classes
    elif isinstance(one, Mapping):
        labels = one.get("labels", one.get("classes", ()))
    else:
        labels = [row[4] if len(row) == 5 else ONE_CLASS for row in one]
    return [whole(label.item() if isinstance(label, Tensor | np.generic) else label) for label in labels]


def whole(label: Any) -> Any:
    """A class told as 3.0, or as True, is number 3, or 1."""
    return int(label) if isinstance(label, float | bool) and label == int(label) else label


def read_objects(one: Any, classes: Sequence[str], where: str) -> Objects:
    """Objects as they are, or of a mapping. Raises ProfundoError for boxes that are none."""
    try:
        made = of_record(one) if isinstance(one, Objects) else of_mapping(as_mapping(one), classes)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise ProfundoError(
            f"{where}: expected {{'boxes': [[left, top, right, bottom], …], 'labels': […]}}, got {type(one).__name__}: "
            f"{' '.join(str(error).split())[:120]}"
        ) from None
    if len({len(made.boxes), len(made.classes), len(made.crowd)}) > 1:
        raise ProfundoError(
            f"{where}: expected as many classes as boxes, got {len(made.classes)} and {len(made.boxes)}"
        )
    right = made.boxes.isfinite().all(1) & (made.boxes[:, 2:] > made.boxes[:, :2]).all(1)
    if not bool(right.all()):
        got = made.boxes[~right][0].tolist()
        raise ProfundoError(f"{where}: expected boxes (left, top, right, bottom) of some size, got {got}")
    if bool(((made.classes < 0) | (made.classes >= len(classes))).any()):
        raise ProfundoError(f"{where}: expected classes from 0 to {len(classes) - 1}, got {made.classes.tolist()}")
    return made


def of_record(one: Objects) -> Objects:
    """The same in tensors, where it was made of lists."""
    masks = None if one.masks is None else tensor_of(one.masks, torch.bool)
    boxes, kinds = tensor_of(one.boxes, torch.float32).view(-1, 4), tensor_of(one.classes, torch.int64).view(-1)
    return Objects(boxes, kinds, tensor_of(one.crowd, torch.bool).view(-1), masks)


def as_mapping(one: Any) -> Mapping[str, Any]:
    return one if isinstance(one, Mapping) else {"boxes": [list(row)[:4] for row in one], "labels": labels_of(one)}


def of_mapping(one: Any, classes: Sequence[str]) -> Objects:
    """As the datasets of torchvision tell objects."""
    boxes = tensor_of(one["boxes"], torch.float32).view(-1, 4)
    kinds = torch.tensor([place_of(label, classes) for label in labels_of(one)], dtype=torch.int64)
    crowd = tensor_of(one.get("iscrowd", [False] * len(boxes)), torch.bool).view(-1)
    masks = None if one.get("masks") is None else tensor_of(one["masks"], torch.bool)
    return Objects(boxes, kinds, crowd, masks)


def place_of(label: Any, classes: Sequence[str]) -> int:
    """Of a class by its name, or by its number."""
    if isinstance(label, int) and str(label) not in classes and not all(name.isdecimal() for name in classes):
        return label
    if str(label) not in classes:
        raise ProfundoError(f"objects of a class {label!r}: the net knows {', '.join(classes[:10])}")
    return classes.index(str(label))


def tensor_of(values: Any, dtype: torch.dtype) -> Tensor:
    return values.to(dtype) if isinstance(values, Tensor) else torch.from_numpy(np.array(values)).to(dtype)


def check_masks(one: Objects, size: tuple[int, ...], where: str) -> None:
    if one.masks is not None and tuple(one.masks.shape) != (len(one), *size):
        raise ProfundoError(f"{where}: expected masks {(len(one), *size)}, got {tuple(one.masks.shape)}")
