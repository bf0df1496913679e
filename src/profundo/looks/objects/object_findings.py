"""What is suspicious about where objects are said to be: boxes of doubtful size, two at one place, labels that seem to be missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from profundo.boxes import overlaps
from profundo.data.objects_in_images.labelled_images import LabelledImages, Remarks
from profundo.data.objects_in_images.object_sources import told
from profundo.looks.findings import DataFinding, some
from profundo.looks.objects.missing_labels import Unlabelled
from profundo.looks.objects.object_sizes import Gathered

__all__ = ["missing_findings", "object_findings", "rare_findings", "source_findings"]

TINY = 4.0  # pixels of a side, and
TINY_SHARE = 0.005  # the share of the image's longer side, below which a box is hardly seen by a net
HUGE = 0.95  # share of an image that a box covers
SAME_PLACE = 0.9  # overlap from which two boxes are one
SAME_PLACE_OTHER = 0.8  # and of two classes
MANY_AT_BORDER = 0.5  # share of objects that touch the border of their image
FEW = 10  # objects of a class to train on
SHOWN = 12  # pictures of a finding
MEND = "Mend the file, so that other programs read the same."


def source_findings(remarks: Remarks) -> Iterator[DataFinding]:
    """What reading stopped at or mended."""
    if remarks.faults:
        number = len(remarks.faults)
        yield DataFinding(
            "error",
            f"{number:,} {'place' if number == 1 else 'places'} in the files of labels cannot be meant; training stops at them.",
            "Mend them; or leave out their images with --skip-bad.",
            some([f"{place}: {reason}" for place, reason in remarks.faults]),
        )
    for what, places in remarks.mended.items():
        level = "note" if what == "outside" else "warning"
        yield DataFinding(level, f"{told(what, places)}.", MEND, some(places))  # type: ignore[arg-type]


def object_findings(images: LabelledImages, everything: Gathered) -> Iterator[DataFinding]:
    sizes = np.array(images.sizes, float)[everything.image]
    sides = everything.boxes[:, 2:] - everything.boxes[:, :2]
    least = np.maximum(TINY, TINY_SHARE * sizes.max(1))
    advice = "Look at them: a slip of the mouse leaves such boxes. What is hardly seen is not learned; larger images may help."
    yield from _of_boxes(
        images, everything, (sides < least[:, None]).any(1), "hardly seen, with a side of a few pixels", advice
    )
    advice = "Look at them: a box round the whole image is often a class of the image, not an object in it."
    yield from _of_boxes(images, everything, sides.prod(1) > HUGE * sizes.prod(1), "as large as the image", advice)
    yield from _same_place(images, everything)
    yield from _at_border(everything, sizes)


def _of_boxes(
    images: LabelledImages, everything: Gathered, which: np.ndarray, are: str, advice: str
) -> Iterator[DataFinding]:
    numbers = np.flatnonzero(which & ~everything.crowd)
    if len(numbers):
        what = f"{len(numbers):,} {'object is' if len(numbers) == 1 else 'objects are'} {are}."
        yield DataFinding("warning", what, advice, _named(images, everything, numbers), _pictures(everything, numbers))


def _same_place(images: LabelledImages, everything: Gathered) -> Iterator[DataFinding]:
    """Boxes of which one lies on another, of the same class or of another."""
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
    if quarrels:
        number = f"{len(quarrels):,} {'object has' if len(quarrels) == 1 else 'objects have'}"
        yield DataFinding(
            "warning",
            f"{number} a box of another class at the same place (overlap {SAME_PLACE_OTHER:g} or more).",
            "One of the two classes is wrong, unless a thing is both; a net is told two things of the same pixels.",
            _named(images, everything, np.array(quarrels)),
            _pictures(everything, np.array(quarrels)),
        )
    if doubled:
        number = f"{len(doubled):,} {'object is' if len(doubled) == 1 else 'objects are'}"
        yield DataFinding(
            "warning",
            f"{number} there twice, with two boxes of one class at the same place (overlap {SAME_PLACE:g} or more).",
            "Remove one of each two: in scores one of them is always missed.",
            _named(images, everything, np.array(doubled)),
            _pictures(everything, np.array(doubled)),
        )


def _at_border(everything: Gathered, sizes: np.ndarray) -> Iterator[DataFinding]:
    touching = ((everything.boxes[:, :2] <= 1) | (everything.boxes[:, 2:] >= sizes - 1)).any(1)
    if touching.mean() > MANY_AT_BORDER:
        yield DataFinding(
            "note",
            f"{touching.sum():,} of {len(sizes):,} objects touch the border of their image.",
            "Make sure that images were not cut from larger ones without their boxes being cut with care.",
        )


def missing_findings(images: LabelledImages, places: Sequence[Unlabelled]) -> Iterator[DataFinding]:
    """Places that look like objects and have no box."""
    if not places:
        return
    counts = Counter(place.image for place in places)
    classes = Counter(images.classes[place.label] for place in places)
    each = ", ".join(f"{name} {number:,}" for name, number in classes.most_common())
    shown = [image for image, _ in counts.most_common()]
    number = f"{len(places):,} {'place has' if len(places) == 1 else 'places have'}"
    yield DataFinding(
        "warning",
        f"{number} the colours of a class and no box, in {len(counts):,} of {len(images.labels):,} images: {each}. Labels may be "
        "missing there.",
        "Look at the images (dashed on the page of --out): a net that finds what nobody labelled is told that it is wrong, and its "
        "precision is better than its score.",
        some([f"{images.name(image)} ({counts[image]})" for image in shown]),
        tuple(shown[:SHOWN]),
    )


def rare_findings(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Iterator[DataFinding]:
    """Classes with too few objects. counts: split → objects of each class; "train" is always there."""
    train = counts["train"]
    held = [sum(there) for there in zip(*(own for split, own in counts.items() if split != "train"), strict=True)]
    untaught = [name for name, own, other in zip(classes, train, held, strict=False) if other and not own]
    if untaught:
        yield DataFinding(
            "error",
            f"{_classes(untaught)} objects to be judged by, and none to train on: they cannot be found.",
            "Add some to the images to train on, or remove them from the others.",
            some(untaught),
        )
    few = [f"{name} ({own:,})" for name, own in zip(classes, train, strict=True) if 0 < own < FEW]
    if few:
        yield DataFinding(
            "warning",
            f"{_classes(few)} fewer than {FEW} objects to train on.",
            "Label more of them, or leave the class out: so few are remembered, not learned.",
            some(few),
        )
    untested = [name for name, own, other in zip(classes, train, held, strict=False) if own and not other]
    if untested:
        yield DataFinding(
            "warning",
            f"{_classes(untested)} objects to train on and none to be judged by.",
            "Move images that show them into the other splits: nothing will be known of how well they are found.",
            some(untested),
        )


def _classes(names: Sequence[str]) -> str:
    return f"{len(names):,} {'class has' if len(names) == 1 else 'classes have'}"


def _named(images: LabelledImages, everything: Gathered, numbers: np.ndarray) -> tuple[str, ...]:
    return some([_place(images, everything, number) for number in numbers.tolist()])


def _place(images: LabelledImages, everything: Gathered, number: int) -> str:
    edges = ", ".join(f"{edge:.4g}" for edge in everything.boxes[number])
    return f"{images.name(int(everything.image[number]))}: {images.classes[everything.label[number]]} at {edges}"


def _pictures(everything: Gathered, numbers: np.ndarray) -> tuple[int, ...]:
    return tuple(dict.fromkeys(everything.image[numbers].tolist()))[:SHOWN]
