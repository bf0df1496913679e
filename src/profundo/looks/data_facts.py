"""What is known of data before training, as plain facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from torch import Tensor

from profundo.data.splits.splits import Collection, divide, learned_targets, note_of_splits, separated
from profundo.languages import Said, told_by
from profundo.looks.findings import DataFinding
from profundo.looks.image_facts import ImageFacts
from profundo.looks.objects.object_sizes import LabelFacts
from profundo.looks.sound_facts import Heard, SoundFacts
from profundo.looks.survey import SPLITS, Survey
from profundo.looks.table_facts import ColumnFacts
from profundo.records import ColumnReading, ProfundoError, Samples, Targets

__all__ = [
    "DataFacts",
    "as_classes",
    "class_counts",
    "label_counts",
    "mask_counts",
    "pixel_shares",
    "prepared",
    "split_sizes",
    "stopped",
    "target_in_words",
]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What there is to know of data before training.

    kind: "images", "sounds", "arrays", "table" or "series". findings: the gravest first. splits: split → samples, as they lie; all
    are "train" where nothing is set apart. training: split → samples as `train` would have them, empty where it would stop.
    readings: of a table in text, what its columns were taken for.
    shape: of one input of a net, channels first. target: what is predicted, in words. classes: their names; counts:
    split → samples, or objects, of each class, of masks images in which it is. per: what has a target of its own, as
    kinds.Traits have it; shares: of masks, the share of the training pixels that is of each class. images, sounds, objects,
    columns: figures. notes: what reading had to say.
    seconds: that it took.
    """

    name: str
    kind: str
    findings: tuple[DataFinding, ...]
    splits: Mapping[str, int]
    training: Mapping[str, int]
    shape: tuple[int, ...]
    target: str
    classes: tuple[str, ...] = ()
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    images: ImageFacts | None = None
    sounds: SoundFacts | None = None
    objects: LabelFacts | None = None
    columns: tuple[ColumnFacts, ...] = ()
    readings: tuple[ColumnReading, ...] = ()
    notes: tuple[str, ...] = ()
    per: Literal["sample", "pixel", "object"] = "sample"
    shares: tuple[float, ...] = ()
    seconds: float = 0.0
    survey: Survey | None = field(default=None, repr=False, compare=False)
    heard: Heard | None = field(default=None, repr=False, compare=False)

    @property
    def samples(self) -> int:
        return sum(self.splits.values())

    def as_plain_data(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON can hold it."""
        whole = asdict(replace(self, survey=None, heard=None))
        del whole["survey"], whole["heard"]
        return {"samples": self.samples, **whole}


def split_sizes(split: np.ndarray) -> dict[str, int]:
    """Split → samples, of indices in SPLITS; −1 is in none."""
    sizes = {name: int((split == number).sum()) for number, name in enumerate(SPLITS)}
    return {name: size for name, size in sizes.items() if size}


def label_counts(collection: Collection) -> dict[str, list[int]]:
    """Split → samples that have each label."""
    if collection.targets.kind != "labels":
        return {}
    parts = {name: getattr(collection, name) for name in SPLITS}
    return {name: part.targets.sum(0).long().tolist() for name, part in parts.items() if part is not None}


def class_counts(label: np.ndarray, split: np.ndarray, classes: int) -> dict[str, list[int]]:
    """Split → samples of each class. label: −1 for none; split: index in SPLITS. Splits without a label are left out."""
    counts = {}
    for number, name in enumerate(SPLITS):
        labels = label[(split == number) & (label >= 0)]
        if len(labels) or name == "train":
            counts[name] = np.bincount(labels, minlength=classes).tolist()
    return counts


def prepared(collection: Collection | None) -> tuple[tuple[int, ...], dict[str, int], list[DataFinding]]:
    """The shape of an input, the sizes of the splits that training would have, and why it would stop, if it
    would; or who would be where, if that is not left to chance."""
    if collection is None:
        return (), {}, []
    try:
        if isinstance(collection.train.inputs, Tensor) and collection.inputs.kind != "image":
            data = divide(collection, validation=None, seed=0, stream=False)
            shape, parts = data.spec.inputs.shape, (data.train, data.validation, data.test)
        else:  # nothing need be read to know the sizes
            shape, parts = collection.inputs.shape, separated(collection, validation=None, seed=0, stream=True)
    except ProfundoError as error:
        return collection.inputs.shape, {}, [stopped(error)]
    sizes = {name: len(part) for name, part in zip(SPLITS, parts, strict=True)}
    if collection.split_by is None:
        return shape, sizes, []
    return (
        shape,
        sizes,
        [
            DataFinding(
                "note", Said("readings.one_sentence", what=note_of_splits(collection)), Said("looks.who_is_where_do")
            )
        ],
    )


def stopped(error: ProfundoError) -> DataFinding:
    """What training would say, as a finding."""
    told = told_by(error)
    what, sign, advice = str(told).rpartition("; ")
    if isinstance(told, Said) or not sign:
        return DataFinding("error", Said("looks.stops", what=told), Said("looks.stops_do"))
    text = f"{advice[:1].upper()}{advice[1:]}."
    return DataFinding("error", Said("looks.stops", what=what), Said("looks.verbatim", text=text))


def mask_counts(collection: Collection) -> dict[str, list[int]]:
    """Split → images that have a pixel of each class."""
    if collection.targets.kind != "mask":
        return {}
    parts = {name: getattr(collection, name) for name in SPLITS}
    classes = range(len(collection.targets.classes))
    return {
        name: [int((part.targets == place).flatten(1).any(1).sum()) for place in classes]
        for name, part in parts.items()
        if part is not None
    }


def pixel_shares(collection: Collection) -> tuple[float, ...]:
    """Of masks the share of the training pixels that is of each class; else nothing."""
    if collection.targets.kind != "mask":
        return ()
    return learned_targets(collection.targets, collection.train.targets).shares or ()


def target_in_words(targets: Targets, train: Samples | None = None) -> str:
    """train: the samples that say what share of the pixels is of each class."""
    if targets.traits.per == "pixel" and train is not None:
        targets = learned_targets(targets, train.targets)
    if targets.kind == "map":
        if not targets.mean:
            return Said("looks.pixel_number")
        return Said("looks.pixel_number_ends", mean=float(targets.mean[0]), deviation=float(targets.std[0]))
    if targets.kind == "mask":
        shares = targets.shares or (None,) * len(targets.classes)
        each = [
            name if own is None else f"{name} {100 * own:.1f} %"
            for name, own in zip(targets.classes, shares, strict=True)
        ]
        return Said("looks.pixel_classes", count=len(targets.classes), names=_listed(each))
    if targets.kind == "objects":
        return Said("looks.objects", count=len(targets.classes), names=_listed(targets.classes))
    if targets.kind == "real":
        several = len(targets.names) > 1
        return Said("looks.numbers_each", names=_listed(targets.names)) if several else Said("looks.a_number")
    if targets.kind == "labels":
        return Said("looks.labels", count=len(targets.classes), names=_listed(targets.classes))
    return as_classes(targets.classes)


def as_classes(classes: Sequence[str], in_folders: bool = False) -> Said:
    key = f"{'two_classes' if len(classes) == 2 else 'classes'}{'_folders' if in_folders else ''}"
    return Said(f"looks.{key}", count=len(classes), names=_listed(classes))


def _listed(words: Sequence[str], most: int = 10) -> str:
    return ", ".join(words[:most]) + (" …" if len(words) > most else "")
