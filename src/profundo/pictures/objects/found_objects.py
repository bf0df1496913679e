"""What a page shows of a run that finds objects, as plain facts that others measured. What is empty or None is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from profundo.boxes import Objects

__all__ = ["FoundClass", "Mark", "ObjectFacts", "Picture", "Verdict", "object_marks"]

Verdict = Literal["object", "found", "false", "missed", "ignored", "doubtful"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One box of a picture, edges in its pixels: left, top, right, bottom.

    verdict: "object", one that is told and not judged; "found", a detection that is right; "false", one that is not; "missed", an
    object that none found; "ignored", what is neither, such as a crowd; "doubtful", a place that looks like an object and has no
    label. name: of the class, "" where none is to be written; kind: its number, whose colour an object has that is not judged.
    why: of a false one the kind of its error, as in `ObjectFacts.errors`. mask: bool (rows, columns) over the whole picture, of as
    many pixels or fewer, where it is known.
    """

    box: tuple[float, float, float, float]
    name: str
    verdict: Verdict
    score: float | None = None
    why: str = ""
    mask: Tensor | None = None
    kind: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with what was found in it. image: uint8 (channels, height, width); number: of the image in its split, from 1; name: of
    its file, where it is from one."""

    image: Tensor
    marks: Sequence[Mark]
    number: int = 0
    name: str = ""


def object_marks(objects: Objects, names: Sequence[str] = ()) -> list[Mark]:
    """What is said to be in an image, as marks: crowds are ignored. names: of the classes, where they are to be written."""
    rows = zip(objects.boxes.tolist(), objects.classes.tolist(), objects.crowd.tolist(), strict=True)
    return [
        Mark((left, top, right, bottom), names[kind] if names else "", "ignored" if crowd else "object", kind=kind)
        for (left, top, right, bottom), kind, crowd in rows
    ]


@dataclass(frozen=True, slots=True)
class FoundClass:
    """How well the objects of one class are found.

    objects: how many there are; average_precision: over overlaps of .50 to .95, and at .50 alone, None where there are none;
    recall, precision: their curve at an overlap of .50, as the threshold of the score falls; told: the place on it of the threshold
    from which objects are told; best: that of the best F1, None where nothing is found; there, found: objects and detections of an
    image at that threshold, on average; count_error: the mean over images of |found − there|.
    """

    name: str
    objects: int
    average_precision: float | None
    average_precision_50: float | None
    recall: Sequence[float] = ()
    precision: Sequence[float] = ()
    told: tuple[float, float] = (0.0, 0.0)
    best: tuple[float, float] | None = None
    there: float = 0.0
    found: float = 0.0
    count_error: float = 0.0


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """All that the section about objects tells, of one split.

    classes: one entry each; sizes: average precision of small, medium and large objects, with how many there are, None where
    there are none; errors: by kind, how many and by how much average precision at .50 would rise without them;
    confusion: counts (classes + 1, classes + 1), rows are what is there and columns what it was taken for, last the
    background; pictures: the worst first; threshold: the score from which objects are told, of all classes.
    """

    classes: Sequence[FoundClass]
    sizes: Mapping[str, tuple[float | None, int]] = field(default_factory=dict)
    errors: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    confusion: Sequence[Sequence[int]] = ()
    pictures: Sequence[Picture] = ()
    threshold: float = 0.5
