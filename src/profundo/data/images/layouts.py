"""Which image or sound belongs to which split and class, read from the folders that they are in; of files, from their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from profundo.data.streams.archives import Files, Parts, printable
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["SPLITS", "Layout", "NoClassesError", "arranged", "placing", "splits_of"]

SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
TRAINING = SPLITS | {"training": "train", "testing": "test", "dev": "validation"}
OF_IMAGES = {"images", "image", "imgs", "img", "jpegimages", "photos", "inputs"}
OF_MASKS = {
    "masks",
    "mask",
    "labels",
    "annotations",
    "segmentationclass",
    "segmentation",
    "segmentations",
    "gt",
    "groundtruth",
    "ground_truth",
}


class NoClassesError(ProfundoError):
    """The files do not lie in two folders of classes or more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which file is which: `splits` holds file numbers, `labels` a class index per file number (−1: none)."""

    splits: dict[str, list[int]]
    labels: list[int]
    classes: tuple[str, ...]
    notes: tuple[Said, ...]


def arranged(files: Files, things: str = "images") -> Layout:
    """Splits and classes from the folders. A single folder around everything is looked through. things: what the files are."""
    where, paths = printable(str(files.where)), files.paths
    placed = placing(paths)
    members: dict[str, dict[str, list[int]]] = {}  # split → class folder → file numbers
    loose = 0
    for index in sorted(range(len(paths)), key=paths.__getitem__):
        split, inner = placed(paths[index])
        if split is None or len(inner) < 2:
            loose += 1
        else:
            members.setdefault(split, {}).setdefault(inner[0], []).append(index)
    classes = _classes(where, members, loose, things)
    places = map(placed, files.folders)
    empty = sorted((s, inner[0]) for s, inner in places if s and len(inner) == 1 and inner[0] not in members.get(s, ()))
    of = Said(f"readings.things_{things}")
    notes = [Said("readings.empty_folder", split=split, name=repr(printable(name)), things=of) for split, name in empty]
    if all(map(split_called, classes)):
        notes.append(Said("readings.folders_for_classes", names=", ".join(classes)))
    notes += [Said("readings.loose_files", count=loose, things=of)] if loose else []

    numbers = {name: label for label, name in enumerate(classes)}
    labels = [-1] * len(paths)
    for folders in members.values():
        for name, indices in folders.items():
            for index in indices:
                labels[index] = numbers[name]
    splits = {split: [i for name in classes for i in folders.get(name, ())] for split, folders in members.items()}
    return Layout(splits, labels, tuple(map(printable, classes)), tuple(notes))


def _classes(where: str, members: dict[str, dict[str, list[int]]], loose: int, things: str) -> list[str]:
    """The class folders of the training split, in the order of their names; every other split may hold only these."""
    result = sorted(members.get("train", ()))
    if not result:
        raise NoClassesError(
            Said("refusals.no_classes", where=where, things=Said(f"refusals.of_{things}"), loose=loose)
        )
    for split, folders in members.items():
        for name in sorted(set(folders) - set(result)):
            raise ProfundoError(
                f"{where}: class {printable(name)!r} has {things} in {split}/ but none in train/; add some there, "
                "or remove the folder",
                told=Said("refusals.class_unlearned", where=where, name=repr(printable(name)), split=split),
            )
    words = {name.lower() for name in result}
    if words <= OF_IMAGES | OF_MASKS and (len(words) == 1 or (words & OF_IMAGES and words & OF_MASKS)):
        there = ", ".join(f"{printable(name)}/" for name in result)
        raise NoClassesError(
            f"{where}: expected two classes or more in a folder each, found {there}; of images with masks, both lie in images/ and "
            "masks/ under the same names (docs/masks.md)"
        )
    if len(result) < 2:
        of = Said(f"refusals.of_{things}")
        raise NoClassesError(Said("refusals.one_class", where=where, things=of, name=repr(printable(result[0]))))
    return result


def placing(paths: list[Parts]) -> Callable[[Parts], tuple[str | None, Parts]]:
    """How these files are laid out: from the path of one of them, or of a folder, to (split, path below it).

    The split is None for a folder that is no split where there are splits, and for what lies above the classes.
    """
    depth = _wrapping(paths)
    splits_on_top = _has_splits([parts[depth:] for parts in paths])

    def placed(parts: Parts) -> tuple[str | None, Parts]:
        inner = parts[depth:]
        if not inner:
            return None, ()
        if not splits_on_top:
            return "train", inner
        return split_called(inner[0]), inner[
            2 if inner[1:2] == inner[:1] else 1 :
        ]  # archives unpack seg_train/seg_train/

    return placed


def split_called(folder: str) -> str | None:
    """Of train, Training, test_set, seg_train … the split; None of a folder that is called otherwise."""
    word = re.sub(r"^seg[ _-]|[ _-]?(set|data|images|imgs|folder)$", "", folder.lower())
    return TRAINING.get(word)


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
        split = split_called(parts[0])
        if split:
            tops[split] = max(tops.get(split, 0), len(parts))
    return "train" in tops and len(tops) > 1 and min(tops.values()) > 2


def splits_of(addresses: Sequence[str]) -> list[str | None]:
    """The split of each shard; None for those without one beside others that have. Alone, those for validation or test are
    data like any other; where none is for training, those without a split are."""
    results = [_split(address) for address in addresses]
    if "train" in results:
        return results
    return [split or "train" for split in results] if None in results else ["train"] * len(results)


def _split(address: str) -> str | None:
    """From the folder or the beginning of the name."""
    folder, _, name = address.rpartition("/")
    letters = len(name) - len(name.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    return SPLITS.get(folder.rpartition("/")[2].lower()) or SPLITS.get(name[:letters].lower())
