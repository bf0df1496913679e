"""A look at images, in files or in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import common_shape
from profundo.data.images.layouts import arranged
from profundo.data.splits.split_by import by_name
from profundo.data.splits.splits import Collection
from profundo.data.streams.archives import Files, printable
from profundo.languages import Said
from profundo.looks.class_findings import class_findings
from profundo.looks.data_facts import (
    DataFacts,
    as_classes,
    class_counts,
    label_counts,
    mask_counts,
    pixel_shares,
    prepared,
    split_sizes,
    stopped,
    target_in_words,
)
from profundo.looks.findings import DataFinding
from profundo.looks.image_facts import image_facts
from profundo.looks.image_findings import image_findings
from profundo.looks.other_files import other_files
from profundo.looks.survey import Placed, Survey, Tell, survey_files, survey_samples
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["has_colour", "layout_findings", "look_at_files", "look_at_images", "training_of_labels"]


def look_at_files(files: Files, path: Path, how: Reading, tell: Tell) -> DataFacts:
    """At the image files of a folder or archive, one by one. how: the side they are to be made to fit, and what divides them.

    Raises ProfundoError where none of them reads.
    """
    survey, size = survey_files(files, tell), how.image_size
    reads = survey.reads
    if not reads.any():
        first = min(survey.faults)
        raise ProfundoError(
            Said(
                "refusals.none_decoded",
                where=path,
                count=len(survey),
                name=survey.name(first),
                reason=survey.faults[first],
            )
        )
    placed = survey.split >= 0
    used = reads & (placed if placed.any() else ~placed)
    sizes = [tuple(map(int, size)) for size in survey.sizes[used]]
    shape, why = common_shape(sizes, has_colour(np.array(survey.mode)[used].tolist()), size)  # type: ignore[arg-type]
    several = len(set(sizes)) > 1 or size is not None
    findings = _images_and_classes(survey)
    findings += layout_findings(files, survey)
    if several:
        findings.append(_of_sizes(shape, why))
    name = path.resolve().stem if path.is_file() else path.resolve().name
    training, stops = training_of_labels(survey, used, name, how.split_by)
    findings += stops
    return DataFacts(
        printable(name),
        "images",
        tuple(findings),
        split_sizes(survey.split[reads]),
        training,
        shape if several else (shape[0], *survey.sizes[used][0][::-1].tolist()),
        as_classes(survey.classes, in_folders=True),
        survey.classes,
        _counts(survey),
        image_facts(survey),
        notes=tuple(files.notes),
        survey=survey,
    )


def has_colour(modes: Iterable[str]) -> bool:
    """Whether one of these modes of Pillow's holds more than shades of grey."""
    return any(mode not in ("L", "1", "LA", "La") and mode[:1] not in "IF" for mode in modes)


def layout_findings(files: Files, survey: Survey | Placed, things: str = "images") -> Iterator[DataFinding]:
    """What is wrong with the folders: what training would stop at, empty ones, files that are nobody's."""
    try:
        notes: Sequence[Said] = arranged(files, things).notes
    except ProfundoError as error:
        notes = ()
        if not (survey.split >= 0).any() or len(survey.classes) < 2:
            yield stopped(error)
    for note in notes:
        yield DataFinding("warning", note, Said(f"looks.{note.key.partition('.')[2]}_do"))
    others = other_files(Path(files.where), things)
    if others:
        total = sum(others.values())
        yield DataFinding(
            "note",
            Said("looks.not_by_name", count=total, thing=Said(f"looks.one_{things.removesuffix('s')}")),
            Said(f"looks.not_by_name_{things}"),
            tuple(
                Said(f"looks.{'' if suffix else 'no_'}ending", **{"suffix": suffix} if suffix else {}, count=number)
                for suffix, number in others.most_common(8)
            ),
        )


def _of_sizes(shape: tuple[int, ...], why: str) -> DataFinding:
    what = Said("looks.will_be_scaled", why=why, size=f"{shape[2]}×{shape[1]}")
    return DataFinding("note", what, Said("looks.will_be_scaled_do"))


def look_at_images(collection: Collection, tell: Tell) -> DataFacts:
    """At images of one size, as a collection has them."""
    survey = survey_samples(collection, tell)
    _, training, stops = prepared(collection)
    return DataFacts(
        collection.name,
        "images",
        (*stops, *_images_and_classes(survey)),
        split_sizes(survey.split),
        training,
        collection.inputs.shape,
        target_in_words(collection.targets, collection.train),
        collection.targets.classes,
        _counts(survey) if collection.targets.traits.one_class else label_counts(collection) or mask_counts(collection),
        image_facts(survey),
        notes=collection.notes,
        per=collection.targets.traits.per,
        shares=pixel_shares(collection),
        survey=survey,
    )


def _images_and_classes(survey: Survey) -> list[DataFinding]:
    findings, _ = image_findings(survey)
    if survey.classes and (survey.label >= 0).any():
        findings += class_findings(survey.classes, _counts(survey))
    return findings


def _counts(survey: Survey) -> dict[str, list[int]]:
    reads = survey.reads
    return class_counts(survey.label[reads], survey.split[reads], len(survey.classes))


def training_of_labels(
    survey: Survey | Placed, used: np.ndarray, name: str, split_by: str | None
) -> tuple[dict[str, int], list[DataFinding]]:
    """How training would divide these samples: asked of `divide`, with their numbers in place of the samples."""

    def samples(split: int) -> Samples | None:
        numbers = torch.from_numpy(np.flatnonzero(used & (survey.split == split) & (survey.label >= 0)))
        labels = torch.from_numpy(survey.label.astype(np.int64))[numbers]
        return Samples(numbers.float().unsqueeze(1), labels) if len(numbers) else None

    train = samples(0)
    if train is None or len(survey.classes) < 2:
        return {}, []
    kind = Targets("classes" if len(survey.classes) > 2 else "binary", survey.classes)
    by = None
    if split_by is not None:
        assert isinstance(train.inputs, torch.Tensor)
        by = by_name(split_by, [survey.name(number) for number in train.inputs[:, 0].int().tolist()], name)
    parts = train, samples(1), samples(2)
    result = Collection(printable(name), Inputs((1,), "features"), kind, *parts, shares=(0.2, 0.1), split_by=by)
    _, training, stops = prepared(result)
    return training, stops
