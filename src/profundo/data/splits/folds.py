"""Folds and nested subsets: who is held out when data are few (cross-validation; Stone 1974, Kohavi 1995).

Both are taken from the samples as they were read, before anything is learned from them. Means, deviations, categories
and what fills a gap are then learned from the training part of each fold alone (splits.py, columns.py): what is held out
has no way into what it judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from profundo.data.batches import mix
from profundo.data.splits.split_by import group_count, packed
from profundo.data.splits.splits import Collection, Selection, check_classes, chosen, finished, labels_of, set_apart
from profundo.records import Dataset, ProfundoError, Samples

__all__ = [
    "folds",
    "held_out",
    "labels_of",
    "nested",
    "pooled",
    "seed_of",
    "small_classes",
    "subset",
]


# --------------------------------------------------------------------------------------------------------------- folds
def folds(labels: Tensor, count: int, seed: int, groups: Tensor | None = None) -> list[Tensor]:
    """Indices of `count` folds, each ascending: together all samples, each sample in one fold.

    labels: class indices (samples,), all zero where there are no classes. Fold sizes differ by at most one, and so does
    the number of samples of each class. groups: (samples,) numbers from 0; a group is not torn apart, so folds are as
    even as whole groups allow. Raises ProfundoError for fewer than 2 folds, and more folds than samples or groups.
    """
    things, number = ("samples", len(labels)) if groups is None else ("groups", group_count(groups))
    if count < 2:
        raise ProfundoError(f"folds: expected at least 2, got {count}")
    if count > number:
        raise ProfundoError(f"folds: {count} are more than the {number:,} {things} there are; ask for fewer folds")
    largest = int(torch.bincount(labels).max())
    if largest < count:
        raise ProfundoError(f"folds: {count} are more than the {largest} samples of the largest class; ask for fewer")
    generator = torch.Generator().manual_seed(seed)
    even = torch.full((count,), 1 / count, dtype=torch.float64)
    of = dealt(labels, count, generator) if groups is None else packed(labels, groups, even, generator)
    return [(of == fold).nonzero().squeeze(1) for fold in range(count)]


def dealt(labels: Tensor, count: int, generator: Generator) -> Tensor:
    """(samples,): the fold of each. Shuffled, put in the order of their classes and dealt out like cards."""
    shuffled = torch.randperm(len(labels), generator=generator)
    in_turn = shuffled[labels[shuffled].argsort(stable=True)]
    of = torch.empty_like(in_turn)
    of[in_turn] = torch.arange(len(labels)) % count
    return of


def small_classes(collection: Collection, labels: Tensor, count: int) -> tuple[str, ...]:
    """A sentence if some class has fewer samples than there are folds: then it is missing from what some folds hold out."""
    if not collection.targets.traits.one_class:
        return ()
    few = [
        f"{collection.targets.classes[label]} ({number})"
        for label, number in enumerate(torch.bincount(labels, minlength=len(collection.targets.classes)).tolist())
        if number < count
    ]
    told = ", ".join(few[:5]) + (f" and {len(few) - 5} more" if len(few) > 5 else "")
    return (f"classes with fewer samples than the {count} folds are missing in some of them: {told}",) if few else ()


def pooled(collection: Collection) -> Collection:
    """With all samples that are not in the data's own test split to be divided into folds: training and validation."""
    train, held = collection.train, collection.validation
    if held is None or held is train:
        return replace(collection, validation=None)
    if collection.split_by is not None:
        raise ProfundoError(
            f"{collection.name}: {collection.split_by}: has a validation split of its own; put all its samples into train"
        )
    if train.anew is not None:  # which knows of those to train on only
        collection = replace(
            collection, notes=(*collection.notes, "with the validation samples among them, all are read once")
        )
    targets = torch.cat([train.targets, held.targets])
    if isinstance(train.inputs, Tensor) and isinstance(held.inputs, Tensor):
        return replace(collection, train=Samples(torch.cat([train.inputs, held.inputs]), targets), validation=None)
    if isinstance(train.inputs, Selection) and isinstance(held.inputs, Selection):
        indices = torch.cat([train.inputs.indices, held.inputs.indices])
        return replace(collection, train=Samples(Selection(train.inputs.source, indices), targets), validation=None)
    raise ProfundoError(
        f"{collection.name}: its training and validation samples are kept in different ways; give one of them"
    )


def held_out(collection: Collection, fold: Tensor, *, validation: float | None, seed: int) -> Dataset:
    """The data whose test split is the fold; everything that is learned from data is learned from the rest of them, or,
    where they are split by time, from those before the fold.

    collection: as `pooled` gives it. validation: share of the rest to be kept aside, as `divide` would; None keeps none
    aside, and the validation split is empty.
    """
    by = collection.split_by
    rest = torch.ones(len(collection.train), dtype=torch.bool)
    rest[fold] = False
    if by is not None and by.kind == "time":
        rest &= (by.keys if by.ends is None else by.ends) < by.keys[fold].min()
    among = rest.nonzero().squeeze(1)
    labels = labels_of(collection, collection.train.targets)
    test = chosen(collection.train, fold)
    if validation is None:
        check_classes(collection, labels[among], labels[fold])
        data = finished(collection, chosen(collection.train, among), test, test)
        return replace(data, validation=chosen(data.test, torch.empty(0, dtype=torch.int64)))
    among, aside = set_apart(collection, labels, among, validation, torch.Generator().manual_seed(seed))
    check_classes(collection, labels[among], torch.cat([labels[aside], labels[fold]]))
    return finished(collection, chosen(collection.train, among), chosen(collection.train, aside), test)


# ------------------------------------------------------------------------------------------------------ nested subsets
def nested(labels: Tensor, seed: int, groups: Tensor | None = None) -> Tensor:
    """An order of the samples, (samples,), of which every beginning has nearly the class shares of the whole.

    The r-th of the n samples of a class, shuffled, comes at (r + ½) / n of the way. groups: int64 (samples,); those of one
    come one after the other, in the place of a sample of the class that most of them have.
    """
    if groups is not None:
        _, unit = torch.unique(groups, return_inverse=True)
        counts = torch.zeros(int(unit.max()) + 1, int(labels.max()) + 1).index_put_(
            (unit, labels), torch.tensor(1.0), accumulate=True
        )
        return nested(counts.argmax(1), seed).argsort()[unit].argsort(stable=True)
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    place = torch.empty(len(labels), dtype=torch.float64)
    for label in range(int(labels.max()) + 1):
        members = shuffled[labels[shuffled] == label]
        place[members] = (torch.arange(len(members), dtype=torch.float64) + 0.5) / len(members)
    return shuffled[place[shuffled].argsort(stable=True)]


def subset(collection: Collection, splits: Sequence[Samples], indices: Tensor) -> Dataset:
    """The data with only these of the training samples, of which all is learned anew, and the other splits unchanged."""
    train, validation, test = splits
    return finished(collection, chosen(train, indices), validation, test)


def seed_of(seed: int, repeat: int) -> int:
    """Of the shuffle of a repetition: neighbours share nothing."""
    return mix(seed, repeat)
