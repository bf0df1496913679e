"""Images and their objects as a person has them in Python: (images, objects), one of each.

    load((images, [Objects(boxes, classes, crowd), …]))
    load((images, [{"boxes": [[3, 5, 40, 60]], "labels": ["cat"]}, …]))      # "masks" and "iscrowd" where they are known

An image is uint8 (height, width), (height, width, channels) or (channels, height, width), of any size, or one of Pillow's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.boxes import Objects
from profundo.data.dataset_names import Reading
from profundo.data.objects_in_images.images_with_objects import images_with_objects
from profundo.data.objects_in_images.labelled_images import Remarks, inside
from profundo.data.objects_in_images.object_sources import notes_of
from profundo.data.splits.splits import Collection
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["are_scenes", "scenes_in_memory"]


def are_scenes(data: Any) -> bool:
    """Whether it is images and what is in each."""
    pair = data if isinstance(data, tuple) and len(data) == 2 else ((), ())
    first = next(iter(pair[1]), None) if isinstance(pair[1], list | tuple) else None
    return isinstance(first, Objects) or (isinstance(first, Mapping) and "boxes" in first)


def scenes_in_memory(parts: Mapping[str, Any], name: str, how: Reading, known: Sequence[str] = ()) -> Collection:
    """parts: of each split (images, objects); known: the classes, where they are not to be read from the objects. Raises
    ProfundoError, naming the image, for what is none."""
    images, objects, splits = [], [], []
    for split, part in parts.items():
        if not are_scenes(part) or len(part[0]) != len(part[1]):
            raise ProfundoError(f"{name}: {split}: expected (images, objects), as many of each")
        images += [pixels_of(one, f"{name}: {split} image {at}") for at, one in enumerate(part[0], 1)]
        objects += list(part[1])
        splits += [split] * len(part[0])
    classes = list(known) or names_in(objects)
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


def pixels_of(image: Any, where: str) -> np.ndarray:
    """uint8 (height, width, 1 or 3)."""
    values = np.asarray(image)
    values = values[:, :, None] if values.ndim == 2 else values
    if values.ndim == 3 and values.shape[0] in (1, 3) and values.shape[2] not in (1, 3):
        values = values.transpose(1, 2, 0)
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] not in (1, 3) or not values.size:
        raise ProfundoError(
            f"{where}: expected uint8 (height, width), grey or with 3 channels, got {values.dtype} {values.shape}"
        )
    return values


def names_in(objects: Sequence[Any]) -> list[str]:
    """The names of classes: words in their order, of numbers all from 0 to the largest."""
    labels = {label for one in objects for label in labels_of(one)}
    if all(isinstance(label, int) for label in labels):
        return [str(number) for number in range(max(labels, default=0) + 1)]
    return sorted(map(str, labels))


def labels_of(one: Any) -> list[Any]:
    if isinstance(one, Objects):
        return one.classes.tolist()
    labels = one.get("labels", one.get("classes", ())) if isinstance(one, Mapping) else ()
    if isinstance(labels, Tensor | np.ndarray):
        return labels.tolist()
    return [label.item() if isinstance(label, Tensor | np.generic) else label for label in labels]


def read_objects(one: Any, classes: Sequence[str], where: str) -> Objects:
    """Objects as they are, or of a mapping. Raises ProfundoError for boxes that are none."""
    try:
        made = one if isinstance(one, Objects) else of_mapping(one, classes)
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


def of_mapping(one: Any, classes: Sequence[str]) -> Objects:
    """As the datasets of torchvision tell objects."""
    boxes = tensor_of(one["boxes"], torch.float32).view(-1, 4)
    kinds = torch.tensor([place_of(label, classes) for label in labels_of(one)], dtype=torch.int64)
    crowd = tensor_of(one.get("iscrowd", [False] * len(boxes)), torch.bool).view(-1)
    masks = None if one.get("masks") is None else tensor_of(one["masks"], torch.bool)
    return Objects(boxes, kinds, crowd, masks)


def place_of(label: Any, classes: Sequence[str]) -> int:
    """Of a class by its name, or by its number."""
    if isinstance(label, int) and str(label) not in classes:
        return label
    if str(label) not in classes:
        raise ProfundoError(f"objects of a class {label!r}: the net knows {', '.join(classes[:10])}")
    return classes.index(str(label))


def tensor_of(values: Any, dtype: torch.dtype) -> Tensor:
    return values.to(dtype) if isinstance(values, Tensor) else torch.from_numpy(np.array(values)).to(dtype)


def check_masks(one: Objects, size: tuple[int, ...], where: str) -> None:
    if one.masks is not None and tuple(one.masks.shape) != (len(one), *size):
        raise ProfundoError(f"{where}: expected masks {(len(one), *size)}, got {tuple(one.masks.shape)}")
