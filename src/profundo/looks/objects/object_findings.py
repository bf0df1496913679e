"""What is suspicious about where objects are said to be: boxes of doubtful size, two at one place, labels that seem to be missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from profundo.boxes import overlaps
from profundo.data.objects_in_images.labelled_images import LabelledImages, Remarks
from profundo.data.objects_in_images.object_sources import told
from profundo.languages import Said
from profundo.looks.findings import DataFinding, Level, some
from profundo.looks.objects.missing_labels import Unlabelled
from profundo.looks.objects.object_sizes import Gathered
from profundo.nets.detectors.suppression import PLACES

__all__ = ["alike_findings", "missing_findings", "object_findings", "rare_findings", "source_findings"]

TINY = 4.0  # pixels of a side, and
TINY_SHARE = 0.005  # the share of the image's longer side, below which a box is hardly seen by a net
HUGE = 0.95  # share of an image that a box covers
SAME_PLACE = 0.9  # overlap from which two boxes are one
SAME_PLACE_OTHER = 0.8  # and of two classes
MANY_AT_BORDER = 0.5  # share of objects that touch the border of their image
FEW = 10  # objects of a class to train on
SHOWN = 12  # pictures of a finding


def source_findings(remarks: Remarks) -> Iterator[DataFinding]:
    """What reading stopped at or mended."""
    if remarks.faults:
        what, advice = Said("looks.object_faults", count=len(remarks.faults)), Said("looks.object_faults_do")
        yield DataFinding("error", what, advice, some([f"{place}: {reason}" for place, reason in remarks.faults]))
    for what_was, places in remarks.mended.items():
        level: Level = "note" if what_was in ("outside", "turned") else "warning"
        advice = Said("looks.corners_do" if what_was == "corners" else "looks.mended_do")
        yield DataFinding(level, told(what_was, len(places)), advice, some(places))


def object_findings(images: LabelledImages, everything: Gathered) -> Iterator[DataFinding]:
    sizes = np.array(images.sizes, float)[everything.image]
    sides = everything.boxes[:, 2:] - everything.boxes[:, :2]
    least = np.maximum(TINY, TINY_SHARE * sizes.max(1))
    is_one = ~everything.crowd
    doubled, quarrels = _same_place(everything)
    yield from _of_boxes(images, everything, np.flatnonzero(is_one & (sides < least[:, None]).any(1)), "hardly_seen")
    yield from _of_boxes(
        images, everything, np.flatnonzero(is_one & (sides.prod(1) > HUGE * sizes.prod(1))), "as_large"
    )
    yield from _of_boxes(images, everything, quarrels, "other_class_there", least=SAME_PLACE_OTHER)
    yield from _of_boxes(images, everything, doubled, "there_twice", least=SAME_PLACE)
    yield from _crowded(images, everything)
    yield from _at_border(everything, sizes)


def _of_boxes(
    images: LabelledImages, everything: Gathered, numbers: np.ndarray, key: str, **more: float
) -> Iterator[DataFinding]:
    """The text looks.KEY of these objects, and where they are."""
    if len(numbers):
        named = some(numbers.tolist(), lambda number: _place(images, everything, number))
        what, advice = Said(f"looks.{key}", count=len(numbers), **more), Said(f"looks.{key}_do")
        shown = tuple(dict.fromkeys(everything.image[numbers].tolist()))[:SHOWN]
        yield DataFinding("warning", what, advice, named, shown)


def _place(images: LabelledImages, everything: Gathered, number: int) -> Said:
    edges = ", ".join(f"{edge:.4g}" for edge in everything.boxes[number])
    name, what = images.name(int(everything.image[number])), images.classes[everything.label[number]]
    return Said("looks.object_at", name=name, what=what, edges=edges)


def _same_place(everything: Gathered) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the boxes that lie on one before them, of the same class and of another."""
    doubled: list[int] = []
    quarrels: list[int] = []
    for begin, end in zip(everything.starts[:-1].tolist(), everything.starts[1:].tolist(), strict=True):
        boxes = torch.from_numpy(everything.boxes[begin:end])
        shared = overlaps(boxes, boxes).numpy()
        label = everything.label[begin:end]
        same = label[:, None] == label
        later = np.tri(end - begin, k=-1, dtype=bool)
        doubled += (begin + np.flatnonzero((later & same & (shared >= SAME_PLACE)).any(1))).tolist()
        quarrels += (begin + np.flatnonzero((later & ~same & (shared >= SAME_PLACE_OTHER)).any(1))).tolist()
    return np.array(doubled, np.int64), np.array(quarrels, np.int64)


def _crowded(images: LabelledImages, everything: Gathered) -> Iterator[DataFinding]:
    """Images with more objects than a detector can tell of one, those that are not judged left out."""
    counts = np.bincount(everything.image[~everything.crowd], minlength=len(images.labels))
    those = np.flatnonzero(counts > PLACES).tolist()
    if those:
        named = some(those, lambda image: f"{images.name(image)} ({counts[image]})")
        yield DataFinding(
            "warning", Said("looks.crowded", count=len(those), most=PLACES), Said("looks.crowded_do"), named
        )


def _at_border(everything: Gathered, sizes: np.ndarray) -> Iterator[DataFinding]:
    touching = ((everything.boxes[:, :2] <= 1) | (everything.boxes[:, 2:] >= sizes - 1)).any(1)
    if touching.mean() > MANY_AT_BORDER:
        what = Said("looks.at_border", count=int(touching.sum()), all=len(sizes))
        yield DataFinding("note", what, Said("looks.at_border_do"))


def missing_findings(images: LabelledImages, places: Sequence[Unlabelled]) -> Iterator[DataFinding]:
    """Places that look like objects and have no box."""
    if not places:
        return
    counts = Counter(place.image for place in places)
    classes = Counter(images.classes[place.label] for place in places)
    shown = [image for image, _ in counts.most_common()]
    yield DataFinding(
        "warning",
        Said(
            "looks.no_label",
            count=len(places),
            images=len(counts),
            all=len(images.labels),
            names=", ".join(f"{name} {number}" for name, number in classes.most_common()),
        ),
        Said("looks.no_label_do"),
        some([f"{images.name(image)} ({counts[image]})" for image in shown]),
        tuple(shown[:SHOWN]),
    )


def alike_findings(classes: Sequence[str]) -> Iterator[DataFinding]:
    """Classes whose names differ in capitals, spaces and dashes only."""
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(" ".join(re.split(r"[\s_-]+", name.casefold().strip(" _-"))), []).append(name)
    several = [names for names in alike.values() if len(names) > 1]
    if several:
        named = some([", ".join(map(repr, names)) for names in several])
        yield DataFinding("warning", Said("looks.same_name", count=len(several)), Said("looks.same_name_do"), named)


def rare_findings(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Iterator[DataFinding]:
    """Classes with too few objects. counts: split → objects of each class; "train" is always there."""
    train = counts["train"]
    held = [sum(there) for there in zip(*(own for split, own in counts.items() if split != "train"), strict=True)]
    both = list(zip(classes, train, held, strict=False))  # nothing is held out where splits are made by chance
    untaught = [name for name, own, other in both if other and not own]
    if untaught:
        what = Said("looks.not_taught", count=len(untaught))
        yield DataFinding("error", what, Said("looks.not_taught_do"), some(untaught))
    few = [f"{name} ({own})" for name, own in zip(classes, train, strict=True) if 0 < own < FEW]
    if few:
        what = Said("looks.few_objects", count=len(few), least=FEW)
        yield DataFinding("warning", what, Said("looks.few_objects_do"), some(few))
    untested = [name for name, own, other in both if own and not other]
    if untested:
        what = Said("looks.not_judged", count=len(untested))
        yield DataFinding("warning", what, Said("looks.not_judged_do"), some(untested))
