"""COCO's JSON (Lin et al. 2014, cocodataset.org/#format-data): images, annotations and categories, each with an id.

A box is [x, y, width, height]; a segmentation polygons, or runs of pixels, plain or as a string; iscrowd marks a region of many.
Several files, such as one for each split, are read as one set: their categories go together by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from profundo.data.objects_in_images.labelled_images import Entry, Remarks, Thing
from profundo.data.objects_in_images.named_images import NamedImages, split_of_name
from profundo.data.objects_in_images.outlines import Outline, Polygons, coded_runs, counted_runs
from profundo.data.streams.archives import LabelFiles, printable
from profundo.files import in_words, kind_of

__all__ = ["box_of_sides", "image_ids", "numbers", "read_coco"]

Id = Any  # a whole number or a text
UNREAD = (ValueError, RecursionError)  # what JSON that does not read raises


def read_coco(
    files: LabelFiles, wanted: Sequence[int], images: NamedImages, remarks: Remarks
) -> tuple[list[Entry], list[str], dict[str, int]]:
    """The entries, the names of the categories in the order of their ids, and these ids, none where they are texts or files differ
    about them. wanted: numbers of the JSON files."""
    entries: dict[int, Entry] = {}
    pairs: set[tuple[str, Id]] = set()
    order: dict[str, tuple[int, int]] = {}
    for index in wanted:
        place = files.name(index)
        try:
            whole = json.loads(files.read_labels(index))
            names = _categories(whole)
            pairs |= {(name, key) for key, name in names.items()}
            for at, (number, name) in enumerate(names.items()):
                rank = (number, 0) if isinstance(number, int) else (0, at)
                order[name] = min(order.get(name, rank), rank)
            for entry in _entries(whole, names, files.paths[index], images, place, remarks):
                if entry.image in entries:
                    remarks.fault(images.files.name(entry.image), f"{place}: it is there twice")
                entries.setdefault(entry.image, entry)
        except (OSError, *UNREAD) as error:
            remarks.fault(place, in_words(error))
    return list(entries.values()), sorted(order, key=order.__getitem__), _one_for_one(pairs)


def image_ids(files: LabelFiles, wanted: Sequence[int]) -> dict[str, Id]:
    """file_name → id of the images in these files, of those that read."""
    ids: dict[str, Id] = {}
    for index in wanted:
        try:
            images = list(_listed(json.loads(files.read_labels(index)), "images"))
        except (OSError, TypeError, AttributeError, *UNREAD):
            continue
        named = ((one.get("file_name"), one.get("id")) for _, one in images)
        ids |= {name: key for name, key in named if isinstance(name, str) and _is_id(key)}
    return ids


def _one_for_one(pairs: set[tuple[str, Id]]) -> dict[str, int]:
    """Name → id, where each has one whole number of its own in all files, of 31 bits as runs keep it; else nothing."""
    ids = dict(pairs)
    are_whole = all(isinstance(key, int) and 0 <= key < 2**31 for key in ids.values())
    is_plain = are_whole and len(set(ids.values())) == len(ids) == len(pairs)
    return ids if is_plain else {}


def _categories(whole: Any) -> dict[Id, str]:
    """id → name. Raises ValueError."""
    if not isinstance(whole, dict):
        raise ValueError(f"expected an object with images, annotations and categories, found {kind_of(whole)}")
    names: dict[Id, str] = {}
    seen: set[str] = set()
    for number, one in _listed(whole, "categories"):
        name, key = one.get("name"), one.get("id")
        if not isinstance(name, str) or not _is_id(key):
            raise ValueError(f"category {number}: expected an id and a name")
        if key in names or name in seen:
            raise ValueError(f"category {number}: {printable(name[:50])!r}, id {key}, is there twice")
        names[key] = name
        seen.add(name)
    return names


def _entries(
    whole: dict[str, Any],
    names: dict[Id, str],
    path: tuple[str, ...],
    images: NamedImages,
    place: str,
    remarks: Remarks,
) -> Iterator[Entry]:
    things = _by_image(whole, names, place, remarks)
    whole["annotations"] = []  # each is let go of once it is read
    seen: set[Any] = set()
    for number, one in _listed(whole, "images"):
        key, name = one.get("id"), one.get("file_name")
        where = f"{place}, image {number}"
        if not _is_id(key) or not isinstance(name, str):
            remarks.fault(where, "expected an id and a file_name")
            continue
        if key in seen:
            remarks.fault(where, f"the id {key} is there twice")
            continue
        seen.add(key)
        try:
            index = images.called(name, path)
            size = numbers([one["width"], one["height"]], 2) if one.get("width") and one.get("height") else None
            own = [_thing(annotation, known, at) for annotation, known, at in things.pop(key, [])]
        except ValueError as error:
            remarks.fault(where, str(error))
            continue
        yield Entry(index, own, split_of_name(path), None if size is None else (size[0], size[1]))
    for key, left in things.items():
        if key not in seen:
            remarks.fault(left[0][2], f"there is no image with the id {key}")


def _by_image(
    whole: dict[str, Any], names: dict[Id, str], place: str, remarks: Remarks
) -> dict[Any, list[tuple[dict[str, Any], str, str]]]:
    """Id of the image → its annotations, with the name of their category and where they are."""
    things: dict[Any, list[tuple[dict[str, Any], str, str]]] = {}
    for number, one in _listed(whole, "annotations"):
        at = f"{place}, annotation {number}"
        key, category = one.get("image_id"), one.get("category_id")
        name = names.get(category) if _is_id(category) else None
        if not _is_id(key):
            remarks.fault(at, "expected an image_id")
        elif name is None:
            remarks.fault(at, f"there is no category with the id {printable(str(category)[:50])}")
        else:
            things.setdefault(key, []).append((one, name, at))
    return things


def _listed(whole: dict[str, Any], what: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a list, numbered from 1. Raises ValueError."""
    values = whole.get(what)
    if not isinstance(values, list):
        raise ValueError(f"expected a list of {what}, found {kind_of(values)}")
    for number, one in enumerate(values, 1):
        if not isinstance(one, dict):
            raise ValueError(f"{what[:-1]} {number}: expected an object, found {kind_of(one)}")
        yield number, one


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _thing(one: dict[str, Any], name: str, place: str) -> Thing:
    """Raises ValueError for a box or segmentation that does not read."""
    try:
        outline = _outline(one.get("segmentation"))
        if one.get("bbox") is None and outline is None:
            raise ValueError("expected a bbox or a segmentation")
        box = None if one.get("bbox") is None else box_of_sides(*numbers(one["bbox"], 4))
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{place.rpartition(', ')[2]}: {in_words(error)}") from None
    return Thing(place, name, box, bool(one.get("iscrowd")), outline, sides=True)


def box_of_sides(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return x, y, x + width, y + height


def numbers(values: Any, count: int) -> tuple[float, ...]:
    """So many finite numbers. Raises ValueError."""
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"expected {count} numbers, got {_short(values)}")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise ValueError(f"expected {count} numbers, got {_short(values)}")
    result = tuple(float(value) if abs(value) < 1e18 else math.inf for value in values)
    if not all(map(math.isfinite, result)):
        raise ValueError(f"expected {count} numbers, got {_short(values)}")
    return result


def _short(values: Any) -> str:
    shown = printable(str(values)[:60])
    return shown if len(shown) < 60 else f"{shown} …"


def _outline(value: Any) -> Outline | None:
    """Of a segmentation; None where it says nothing."""
    if not value:
        return None
    if isinstance(value, dict):
        height, width = (int(side) for side in numbers(value.get("size"), 2))
        counts = value.get("counts")
        if isinstance(counts, str):
            return coded_runs(counts, height, width)
        if isinstance(counts, list):
            return counted_runs(counts, height, width)
    elif isinstance(value, list):
        parts = [np.array(part, float) for part in (value if isinstance(value[0], list) else [value])]
        if all(part.ndim == 1 and len(part) >= 6 and len(part) % 2 == 0 for part in parts):
            return Polygons(tuple(part.reshape(-1, 2) for part in parts))
    raise ValueError(f"expected polygons of three corners or more, or runs with their size, got {_short(value)}")
