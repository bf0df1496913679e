"""A look at images with objects in them: what reading mends, doubtful boxes, missing labels, the images themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from profundo.boxes import Objects, packed, unpacked
from profundo.data.dataset_names import Reading
from profundo.data.grids.grid_folders import scaled
from profundo.data.objects_in_images.images_with_objects import longest_side
from profundo.data.objects_in_images.labelled_images import LabelledImages, Labels, Remarks, chosen, objects_of
from profundo.data.objects_in_images.object_sources import Found, read_objects
from profundo.data.splits.split_by import by_name
from profundo.data.splits.splits import Collection
from profundo.data.streams.archives import Parts, printable
from profundo.languages import Said
from profundo.looks.data_facts import DataFacts, class_counts, prepared, split_sizes, target_in_words
from profundo.looks.findings import DataFinding
from profundo.looks.grids.grid_look import Chosen
from profundo.looks.image_facts import image_facts
from profundo.looks.image_findings import image_findings, unreadable
from profundo.looks.image_look import has_colour
from profundo.looks.objects.missing_labels import Unlabelled, unlabelled
from profundo.looks.objects.object_findings import (
    alike_findings,
    missing_findings,
    object_findings,
    rare_findings,
    source_findings,
)
from profundo.looks.objects.object_sizes import gathered, label_facts
from profundo.looks.survey import SPLITS, Survey, Tell, survey_files, survey_samples
from profundo.object_masks import table_of
from profundo.pictures.objects.found_objects import Mark, Picture, object_marks
from profundo.pictures.objects.marked_pixels import marked_pixels
from profundo.records import Inputs, Samples, Targets

__all__ = ["look_at_object_samples", "look_at_objects"]


class Unfiled:
    """Images without files, by their names; see archives.Files."""

    def __init__(self, name: Callable[[int], str]) -> None:
        self.where, self.paths, self.folders, self.notes = "", list[Parts](), set[Parts](), list[Said]()
        self.name = name

    def read(self, index: int) -> bytes:
        raise ValueError(f"{self.name(index)} is in memory")

    def __len__(self) -> int:
        return 0

    def identity(self) -> str:
        return ""


def look_at_objects(where: Path, found: Found, how: Reading, tell: Tell) -> DataFacts:
    """At the images of a folder or archive. Raises ProfundoError where no object can be read."""
    images, survey, broken = _surveyed(read_objects(found, skip_bad=True), tell)
    name = printable(where.resolve().name if where.is_dir() else where.resolve().stem)
    training, stops = _training(images, name, how.split_by)
    facts = _facts(name, images, survey, training, [*source_findings(images.remarks), *broken, *stops])
    return replace(facts, shape=_shape(images, survey, how.image_size))


def look_at_object_samples(collection: Collection, tell: Tell) -> DataFacts:
    """At images in memory."""
    survey, parts = survey_samples(collection, tell), [(name, getattr(collection, name)) for name in SPLITS]
    splits = [name for name, part in parts if part is not None for _ in range(len(part))]
    rows = [row for _, part in parts if part is not None for row in table_of(part.targets)]
    sizes = [(int(width), int(height)) for width, height in survey.sizes]
    labels = [_labels(unpacked(row)) for row in rows]
    numbers, classes = list(range(len(rows))), collection.targets.classes
    images = LabelledImages("", Unfiled(survey.name), numbers, labels, [*splits], sizes, classes, Remarks())
    _, training, stops = prepared(collection)
    return replace(
        _facts(collection.name, images, survey, training, stops), shape=collection.inputs.shape, notes=collection.notes
    )


def _labels(objects: Objects) -> Labels:
    return Labels(
        objects.boxes.double().numpy(), objects.classes.numpy(), objects.crowd.numpy(), (None,) * len(objects)
    )


def _facts(
    name: str, images: LabelledImages, survey: Survey, training: dict[str, int], findings: Sequence[DataFinding]
) -> DataFacts:
    everything = gathered(images)
    places = unlabelled(survey.picture, images.labels, len(images.classes))
    counts = class_counts(everything.label, survey.split[everything.image], len(images.classes))
    more = (
        *object_findings(images, everything),
        *missing_findings(images, places),
        *image_findings(survey)[0],
        *alike_findings(images.classes),
        *rare_findings(images.classes, counts),
    )
    return DataFacts(
        name,
        "images",
        (*findings, *more),
        split_sizes(survey.split),
        training,
        (),
        target_in_words(Targets("objects", images.classes)),
        images.classes,
        counts,
        image_facts(survey),
        objects=label_facts(images, everything, len(places)),
        notes=tuple(images.remarks.notes),
        per="object",
        survey=replace(survey, picture=_with_boxes(survey.picture, images, places)),
    )


def _surveyed(images: LabelledImages, tell: Tell) -> tuple[LabelledImages, Survey, list[DataFinding]]:
    """The images that decode, a survey of them, and what is to be said of the others."""
    survey = survey_files(Chosen(images.files, images.images), tell)
    broken = list(unreadable(survey.faults, survey.name))
    if broken:
        images = chosen(images, np.flatnonzero(survey.reads).tolist())
        survey = survey_files(Chosen(images.files, images.images), tell)
    survey.split[:] = [SPLITS.index(split or "train") for split in images.splits]
    survey.label[:], survey.classes = -1, ()
    return images, survey, broken


def _training(images: LabelledImages, name: str, split_by: str | None) -> tuple[dict[str, int], list[DataFinding]]:
    """How training would divide the images: asked of `divide`, with their numbers in place of the images."""

    def samples(*splits: str | None) -> Samples | None:
        rows = [row for row, split in enumerate(images.splits) if split in splits]
        boxes = [objects_of(images.labels[row]) for row in rows]
        return Samples(torch.tensor(rows).float().unsqueeze(1), packed(boxes)) if rows else None

    train = samples(None, "train")
    if train is None:
        return {}, []
    by = None
    if split_by is not None:
        by = by_name(split_by, [images.name(int(row)) for row in train.inputs[:, 0]], name)  # type: ignore[index]
    parts = train, samples("validation"), samples("test")
    _, training, stops = prepared(
        Collection(name, Inputs((1,), "features"), Targets("objects", images.classes), *parts, split_by=by)
    )
    return training, stops


def _shape(images: LabelledImages, survey: Survey, asked: int | None) -> tuple[int, int, int]:
    """Of an input of a net."""
    longest = longest_side(images.sizes, asked)
    sides = [scaled((height, width), longest) for width, height in set(images.sizes)]
    return 3 if has_colour(survey.mode) else 1, max(side[0] for side in sides), max(side[1] for side in sides)


def _with_boxes(
    picture: Callable[[int], np.ndarray], images: LabelledImages, places: Sequence[Unlabelled]
) -> Callable[[int], np.ndarray]:
    """The same pictures with what is labelled in them, and what seems not to be."""
    doubtful: dict[int, list[Unlabelled]] = defaultdict(list)
    for place in places:
        doubtful[place.image].append(place)

    def drawn(number: int) -> np.ndarray:
        marks = object_marks(objects_of(images.labels[number]))
        marks += [Mark(one.box, "", "doubtful", kind=one.label) for one in doubtful[number]]
        pixels = torch.from_numpy(picture(number).copy()).permute(2, 0, 1)
        return marked_pixels(Picture(pixels, marks)).permute(1, 2, 0).numpy()

    return drawn
