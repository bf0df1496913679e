"""A look at a folder or .zip of images and masks: what has no partner, what the masks hold, and the images themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from profundo.data.dataset_names import Reading
from profundo.data.grids.grid_folders import Pairs, grid_collection, paired
from profundo.data.splits.splits import Collection
from profundo.data.streams.archives import Files, Parts, printable
from profundo.languages import Said
from profundo.looks.data_facts import (
    DataFacts,
    mask_counts,
    pixel_shares,
    prepared,
    split_sizes,
    stopped,
    target_in_words,
)
from profundo.looks.findings import DataFinding, some
from profundo.looks.grids.mask_pictures import overlaid
from profundo.looks.image_facts import image_facts
from profundo.looks.image_findings import image_findings
from profundo.looks.survey import SPLITS, Survey, Tell, survey_files
from profundo.records import ProfundoError

__all__ = ["look_at_grids", "look_at_pixel_arrays"]


class Chosen:
    """Some of these files, called without the folder that says what they are; see archives.Files."""

    def __init__(self, files: Files, indices: list[int]) -> None:
        self.files, self.indices = files, indices
        self.where, self.folders, self.notes = files.where, set[Parts](), files.notes
        self.paths = [tuple(part for part in files.paths[index] if part.lower() != "images") for index in indices]

    def read(self, index: int) -> bytes:
        return self.files.read(self.indices[index])

    def __len__(self) -> int:
        return len(self.indices)

    def name(self, index: int) -> str:
        return self.files.name(self.indices[index])

    def identity(self) -> str:
        return self.files.identity()


def look_at_grids(files: Files, path: Path, how: Reading, tell: Tell) -> DataFacts:
    """Raises ProfundoError where no pair of image and mask can be read."""
    pairs = paired(files)
    findings = list(unpaired_findings(files, pairs))
    survey = survey_files(Chosen(files, pairs.images), tell)
    collection = grid_collection(path, replace(how, skip_bad=True))
    shape, training, stops = prepared(collection)
    try:
        grid_collection(path, replace(how, skip_bad=False))
    except ProfundoError as error:
        training, stops = {}, [] if findings else [stopped(error)]
    if survey.reads.any():
        findings += image_findings(survey)[0]
    return DataFacts(
        printable(path.resolve().stem if path.is_file() else path.resolve().name),
        "images",
        (*findings, *stops),
        split_sizes(survey.split[survey.reads]) or {"train": int(survey.reads.sum())},
        training,
        shape,
        target_in_words(collection.targets, collection.train),
        collection.targets.classes,
        mask_counts(collection),
        image_facts(survey),
        notes=collection.notes,
        per="pixel",
        shares=pixel_shares(collection),
        survey=with_masks(survey, collection),
    )


def look_at_pixel_arrays(collection: Collection) -> DataFacts:
    """At arrays, of which there are no pictures, with a target for each pixel."""
    shape, training, stops = prepared(collection)
    parts = {name: getattr(collection, name) for name in SPLITS}
    return DataFacts(
        collection.name,
        "arrays",
        tuple(stops),
        {name: len(part) for name, part in parts.items() if part is not None},
        training,
        shape,
        target_in_words(collection.targets, collection.train),
        collection.targets.classes,
        mask_counts(collection),
        notes=collection.notes,
        per="pixel",
        shares=pixel_shares(collection),
    )


def unpaired_findings(files: Files, pairs: Pairs) -> Iterator[DataFinding]:
    """What training would stop at."""
    for key, those in (("no_mask", pairs.alone), ("mask_alone", pairs.extra), ("name_twice", pairs.doubled)):
        if those:
            what = Said(f"looks.{key}", count=len(those))
            yield DataFinding("error", what, Said("looks.unpaired_do"), some(those, files.name))


def with_masks(survey: Survey, collection: Collection) -> Survey:
    """The same survey, whose pictures are samples of the collection under their masks, where there are as many."""
    splits = [split for split in (collection.train, collection.validation, collection.test) if split is not None]
    if sum(map(len, splits)) != len(survey):
        return survey
    places = [(split, row) for split in splits for row in range(len(split))]

    def picture(index: int) -> np.ndarray:
        split, row = places[index]
        image = torch.as_tensor(split.inputs[row])
        result: np.ndarray = overlaid(image[None], split.targets[row][None])[0].permute(1, 2, 0).numpy()
        return result

    return replace(survey, picture=picture)
