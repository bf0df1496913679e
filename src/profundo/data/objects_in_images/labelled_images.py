"""What files say of the objects in images, brought to one form: edges in pixels, classes as numbers, doubts told.

A reader turns one kind of file into Entries, as they are written there; `labelled` checks and mends them. What stands out of its
image is cut to it, corners that are swapped are put right, and boxes of no size are left out: each is told. What cannot be
meant, such as a number that is none or an image of another size, is a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from profundo.boxes import Objects
from profundo.data.images.pixels import header, note_of_turn
from profundo.data.objects_in_images.outlines import Outline, Polygons, Runs, box_of, drawn
from profundo.data.objects_in_images.stored_places import PLACES, box_as_seen, lies_in, outline_as_seen
from profundo.data.streams.archives import Files, printable
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "ONE_CLASS",
    "Entry",
    "LabelledImages",
    "Labels",
    "Remarks",
    "Thing",
    "chosen",
    "inside",
    "labelled",
    "masks_drawn",
    "number_of",
    "objects_of",
]

MOST_OBJECTS = 10_000  # in one image
FARTHEST = 1e6  # pixels
SLACK = 1.0  # pixels beyond the border that are only a matter of counting from 0 or from 1
FAR_SHARE = 1.5  # a share of a side that is meant as pixels
NAMED = 8  # places in a message
ONE_CLASS = "object"  # of all, where nothing says which


@dataclass(slots=True)
class Thing:
    """One object as a file has it. place: where it is written; name: of its class; box: left, top, right, bottom, as edges, None
    where the outline says it; sides: whether the file has it as left, top, width, height."""

    place: str
    name: str
    box: tuple[float, float, float, float] | None
    crowd: bool = False
    outline: Outline | None = None
    sides: bool = False


@dataclass(slots=True)
class Entry:
    """An image as a file has it. image: its number among the files; split: that it is in, None where none is said; size: (width,
    height) that the file says it has; shares: whether places are shares of its sides rather than pixels."""

    image: int
    things: list[Thing]
    split: str | None = None
    size: tuple[float, float] | None = None
    shares: bool = False


@dataclass(slots=True)
class Remarks:
    """What is wrong with a source. faults: (place, reason) of what cannot be used; mended: what was done → to which places;
    notes: sentences."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    mended: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def fault(self, place: str, reason: str) -> None:
        self.faults.append((place, reason))

    def mend(self, what: str, place: str) -> None:
        self.mended.setdefault(what, []).append(place)


@dataclass(frozen=True, slots=True)
class Labels:
    """The objects of one image, in its own pixels. boxes: float64 (objects, 4); classes: int64 (objects,); crowd: bool
    (objects,); outlines: of each, None where only its box is known."""

    boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray
    outlines: tuple[Outline | None, ...]

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images and the objects in them. form: the kind of file that says so; images: numbers of files, of each its labels, its split,
    None where its source knows of none, and its size, (width, height); remarks: what was left out or mended; codes: the numbers of
    the classes in their source, empty where it has none."""

    form: str
    files: Files
    images: list[int]
    labels: list[Labels]
    splits: list[str | None]
    sizes: list[tuple[int, int]]
    classes: tuple[str, ...]
    remarks: Remarks
    codes: tuple[int, ...] = ()

    @property
    def outlined(self) -> bool:
        """Whether the pixels of every object are known."""
        return all(None not in labels.outlines for labels in self.labels) and any(map(len, self.labels))

    def name(self, row: int) -> str:
        return self.files.name(self.images[row])


def number_of(word: str) -> float:
    """Raises ValueError."""
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"expected a number, got {printable(word[:50])!r}") from None


def chosen(images: LabelledImages, rows: Sequence[int]) -> LabelledImages:
    """These of the images, in this order."""
    return replace(
        images,
        images=[images.images[row] for row in rows],
        labels=[images.labels[row] for row in rows],
        splits=[images.splits[row] for row in rows],
        sizes=[images.sizes[row] for row in rows],
    )


def objects_of(labels: Labels) -> Objects:
    """What is in an image, in its own pixels, without masks."""
    boxes = torch.from_numpy(labels.boxes).float()
    return Objects(boxes, torch.from_numpy(labels.classes), torch.from_numpy(labels.crowd))


def masks_drawn(labels: Labels, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """The mask of each object of an image of this (width, height), bool (height, width), one after the other: together those of
    a photograph take gigabytes."""
    return (drawn(outline, size[1], size[0]) for outline in labels.outlines if outline is not None)


# ------------------------------------------------------------------------------------------------------ checked, mended
def labelled(
    form: str,
    files: Files,
    entries: Iterable[Entry],
    remarks: Remarks,
    *,
    order: Sequence[str] | None = None,
    codes: Mapping[str, int] | None = None,
) -> LabelledImages:
    """The entries in one form. order: the classes in their order, where the source has one; those of no object are left out; codes:
    the number by which the source knows each, where it has some.

    Images with a fault are left out, and told of in the remarks. Raises ProfundoError where nothing is left.
    """
    rows: list[tuple[Entry, tuple[int, int], list[Thing]]] = []
    for entry, (width, height) in _upright(list(_headed(files, entries, remarks)), files, remarks):
        try:
            _check_entry(entry, width, height)
            rows.append((entry, (width, height), list(_mended(entry, width, height, remarks))))
        except ValueError as error:
            remarks.fault(files.name(entry.image), str(error))
    remark_corners([(thing, size) for entry, size, _ in rows if not entry.shares for thing in entry.things], remarks)
    there = {thing.name for _, _, things in rows for thing in things}
    if not there:
        _nothing(files, remarks)
    classes = sorted(there) if order is None else [name for name in order if name in there]
    gone = [] if order is None else [name for name in order if name not in there]
    if gone:
        listed = ", ".join(map(printable, gone[:NAMED])) + (" …" if len(gone) > NAMED else "")
        remarks.notes.append(f"Classes of which no object is there are left out: {listed}.")
    numbers = {name: place for place, name in enumerate(classes)}
    return LabelledImages(
        form,
        files,
        [entry.image for entry, _, _ in rows],
        [_labels(things, numbers) for _, _, things in rows],
        [entry.split for entry, _, _ in rows],
        [size for _, size, _ in rows],
        tuple(map(printable, classes)),
        remarks,
        tuple(codes[name] for name in classes) if codes else (),
    )


def _nothing(files: Files, remarks: Remarks) -> None:
    where = printable(str(files.where))
    if remarks.faults:
        place, reason = remarks.faults[0]
        raise ProfundoError(Said("refusals.objects_unread", where=where, place=place, reason=reason))
    raise ProfundoError(Said("refusals.no_object", where=where))


def _headed(files: Files, entries: Iterable[Entry], remarks: Remarks) -> Iterator[tuple[Entry, tuple[int, int], int]]:
    """Each entry with the (width, height) of its image, and the camera's note, 5 to 8, where the entry has the size of the image on
    its side and the note turns it so; else 0."""
    for entry in entries:
        try:
            data = files.read(entry.image)
            _, height, width = header(data)
            is_turned = entry.size == (float(height), float(width)) and width != height and not entry.shares
            note = note_of_turn(data) if is_turned else 0
        except (OSError, ValueError) as error:
            remarks.fault(files.name(entry.image), str(error))
            continue
        yield entry, (width, height), note if note in PLACES else 0


def _upright(
    headed: Sequence[tuple[Entry, tuple[int, int], int]], files: Files, remarks: Remarks
) -> Iterator[tuple[Entry, tuple[int, int]]]:
    """The entries, of which those with a note are turned with their images, for their labels were written in the image as stored;
    none where what is labelled in one of them does not lie in that, for then its size alone is of the stored image, and so may
    that of the others be."""
    are_stored = all(
        lies_in(thing.box, size[::-1]) for entry, size, note in headed if note for thing in entry.things if thing.box
    )
    for entry, size, note in headed:
        if note and are_stored:
            remarks.mend("turned", files.name(entry.image))
        yield (_turned(entry, size[::-1], note), size) if note and are_stored else (entry, size)


def _turned(entry: Entry, stored: tuple[int, int], note: int) -> Entry:
    things = [
        replace(
            thing,
            box=None if thing.box is None else box_as_seen(thing.box, stored, note),
            outline=None if thing.outline is None else outline_as_seen(thing.outline, stored, note),
        )
        for thing in entry.things
    ]
    return replace(entry, things=things, size=(float(stored[1]), float(stored[0])))


def _check_entry(entry: Entry, width: int, height: int) -> None:
    """Raises ValueError for what cannot be of this image."""
    if entry.size is not None and entry.size != (width, height):
        turned = (
            " (width and height are exchanged: write them as the image is seen)"
            if entry.size == (height, width)
            else ""
        )
        says = "×".join(f"{side:g}" for side in entry.size)
        raise ValueError(f"the image has {width}×{height} pixels, its labels are of {says}{turned}")
    if len(entry.things) > MOST_OBJECTS:
        raise ValueError(f"{len(entry.things):,} objects, more than the limit of {MOST_OBJECTS:,} in an image")
    for thing in entry.things:
        if isinstance(thing.outline, Runs) and (thing.outline.width, thing.outline.height) != (width, height):
            raise ValueError(
                f"{thing.place}: its runs are of {thing.outline.width}×{thing.outline.height} pixels, the image of {width}×{height}"
            )
        for value in _numbers(thing):
            if not abs(value) <= FARTHEST:  # nor what is no number
                raise ValueError(f"{thing.place}: {value:g} is no place in an image")
            if entry.shares and abs(value) > FAR_SHARE:
                raise ValueError(f"{thing.place}: expected shares of the image’s sides, 0 to 1, got {value:g}")


def _numbers(thing: Thing) -> Iterator[float]:
    yield from thing.box or ()
    if isinstance(thing.outline, Polygons):
        for part in thing.outline.parts:
            flat = part.ravel()
            yield from flat[[np.abs(np.nan_to_num(flat, nan=np.inf)).argmax()]].tolist() if len(flat) else ()


def _mended(entry: Entry, width: int, height: int, remarks: Remarks) -> Iterator[Thing]:
    """Its things in pixels, of which some is in the image."""
    for thing in entry.things:
        outline = thing.outline
        scale = (width, height) if entry.shares else (1, 1)
        if isinstance(outline, Polygons):
            outline = outline.times(*scale) if entry.shares else outline
        box = np.array(box_of(outline) if thing.box is None and outline is not None else thing.box, float)
        box = box * (*scale, *scale) if thing.box is not None else box
        if (cut := inside(box, width, height, thing.place, remarks)) is not None:
            yield Thing(thing.place, thing.name, tuple(cut.tolist()), thing.crowd, outline)


def inside(box: np.ndarray, width: int, height: int, place: str, remarks: Remarks) -> np.ndarray | None:
    """A box, float64 (4,), as far as it is in its image, its corners put right; None where nothing of it is. What was done to it
    is remarked."""
    right = np.concatenate([np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])])
    cut: np.ndarray = right.clip(0, (width, height, width, height))
    if (right != box).any():
        remarks.mend("swapped", place)
    if not (cut[2:] > cut[:2]).all():
        remarks.mend("beyond" if (right[2:] > right[:2]).all() else "empty", place)
        return None
    if np.abs(cut - right).max() > SLACK:
        remarks.mend("outside", place)
    return cut


def remark_corners(told: Sequence[tuple[Thing, tuple[int, int]]], remarks: Remarks) -> None:
    """Where most boxes told by their sides stand out of their images, and would not if these were the other corner, as files are
    often written by mistake. told: each with the (width, height) of its image."""
    boxes = [(thing.place, thing.box, size) for thing, size in told if thing.sides and thing.box is not None]
    places = [place for place, box, size in boxes if seems_corners(box, size)]
    if 2 * len(places) > len(boxes):
        remarks.mended["corners"] = places


def seems_corners(box: tuple[float, ...], size: tuple[int, int]) -> bool:
    left, top, right, bottom = box
    (width, height), (across, down) = size, (right - left, bottom - top)
    stands_out = right > width + SLACK or bottom > height + SLACK
    return stands_out and left < across <= width + SLACK and top < down <= height + SLACK


def _labels(things: Sequence[Thing], numbers: dict[str, int]) -> Labels:
    return Labels(
        np.array([thing.box for thing in things], float).reshape(-1, 4),
        np.array([numbers[thing.name] for thing in things], np.int64),
        np.array([thing.crowd for thing in things], bool),
        tuple(thing.outline for thing in things),
    )
