"""Folds and nested subsets: who is held out when data are few (cross-validation; Stone 1974, Kohavi 1995).

Both are taken from the samples as they were read, before anything is learned from them. Means, deviations, categories
and what fills a gap are then learned from the training part of each fold alone (splits.py, columns.py): what is held out
has no way into what it judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from profundo.data.batches import mix
from profundo.data.dataset_names import SUFFIXES, nearest
from profundo.data.splits.splits import Collection, Selection, chosen, finished, labels_of, stratified
from profundo.records import Dataset, ProfundoError, Samples

__all__ = [
    "folds",
    "group_count",
    "grouped_by",
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
    of = dealt(labels, count, generator) if groups is None else packed(labels, groups, count, generator)
    return [(of == fold).nonzero().squeeze(1) for fold in range(count)]


def group_count(groups: Tensor) -> int:
    return int((torch.bincount(groups) > 0).sum())


def dealt(labels: Tensor, count: int, generator: Generator) -> Tensor:
    """(samples,): the fold of each. Shuffled, put in the order of their classes and dealt out like cards."""
    shuffled = torch.randperm(len(labels), generator=generator)
    in_turn = shuffled[labels[shuffled].argsort(stable=True)]
    of = torch.empty_like(in_turn)
    of[in_turn] = torch.arange(len(labels)) % count
    return of


def packed(labels: Tensor, groups: Tensor, count: int, generator: Generator) -> Tensor:
    """(samples,): the fold of each, whole groups together.

    Groups, the largest first, go one by one where they are needed most. With n[f, c] samples of class c in fold f, N[c] in
    all and g[c] in the group, that is the fold with the least Σ_c n[f, c] g[c] / N[c]²: it lets Σ_fc (n[f, c] / N[c])²,
    which is least for even folds, grow the least.
    """
    kinds = int(labels.max()) + 1
    table = torch.bincount(groups * kinds + labels, minlength=(int(groups.max()) + 1) * kinds).view(-1, kinds).double()
    weights = table.sum(0).clamp(min=1).square().reciprocal()
    filled = torch.zeros(count, kinds, dtype=torch.float64)
    fold_of = torch.full((len(table),), -1)
    shuffled = torch.randperm(len(table), generator=generator)
    for group in shuffled[table[shuffled].sum(1).argsort(descending=True, stable=True)].tolist():
        growth = (filled * table[group] * weights).sum(1)
        crowded = filled.sum(1)
        fold = min(range(count), key=lambda at: (float(growth[at]), float(crowded[at])))
        fold_of[group] = fold
        filled[fold] += table[group]
    return fold_of[groups]


def small_classes(collection: Collection, labels: Tensor, count: int) -> tuple[str, ...]:
    """A sentence if some class has fewer samples than there are folds: then it is missing from what some folds hold out."""
    if collection.targets.kind not in ("classes", "binary"):
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
    targets = torch.cat([train.targets, held.targets])
    if isinstance(train.inputs, Tensor) and isinstance(held.inputs, Tensor):
        return replace(collection, train=Samples(torch.cat([train.inputs, held.inputs]), targets), validation=None)
    if isinstance(train.inputs, Selection) and isinstance(held.inputs, Selection):
        indices = torch.cat([train.inputs.indices, held.inputs.indices])
        return replace(collection, train=Samples(Selection(train.inputs.source, indices), targets), validation=None)
    raise ProfundoError(
        f"{collection.name}: its training and validation samples are kept in different ways; give one of them"
    )


def held_out(
    collection: Collection,
    fold: Tensor,
    *,
    validation: float | None,
    seed: int,
    groups: Tensor | None = None,
) -> Dataset:
    """The data whose test split is the fold; everything that is learned from data is learned from the rest of them.

    collection: as `pooled` gives it. validation: share of the rest to be kept aside, stratified, whole groups together if
    there are groups; None keeps none aside, and the validation split is empty.
    """
    rest = torch.ones(len(collection.train), dtype=torch.bool)
    rest[fold] = False
    among = rest.nonzero().squeeze(1)
    test = chosen(collection.train, fold)
    if validation is None:
        data = finished(collection, chosen(collection.train, among), test, test)
        return replace(data, validation=chosen(data.test, torch.empty(0, dtype=torch.int64)))
    labels = labels_of(collection, collection.train.targets)
    if groups is None:
        among, aside = stratified(labels, among, validation, torch.Generator().manual_seed(seed))
    else:
        parts = _parts(labels[among], validation, seed, groups[among])
        aside = among[parts[0]]
        among = among[torch.cat(parts[1:]).sort().values]
    return finished(collection, chosen(collection.train, among), chosen(collection.train, aside), test)


def _parts(labels: Tensor, share: float, seed: int, groups: Tensor) -> list[Tensor]:
    """Folds of whole groups, each about that share, or as near to it as the groups and the largest class allow."""
    most = min(group_count(groups), int(torch.bincount(labels).max()))
    if most < 2:
        raise ProfundoError(
            f"validation: {group_count(groups)} group is left beside the fold that is held out, none to keep aside; ask for more "
            "folds, or leave early_stop and validation out"
        )
    return folds(labels, min(most, max(2, round(1 / share))), seed, groups)


def target_names(target: str | None, columns: Sequence[str]) -> list[str]:
    """The columns that a target names: one whose name it is, or several with commas between them."""
    if target is None:
        return []
    return [target] if target in columns else [part.strip() for part in target.split(",")]


def grouped_by(path: str | Path, column: str, target: str | None, collection: Collection) -> tuple[Collection, Tensor]:
    """The collection without that column of its table, and the number of the group of each sample, (samples,).

    Raises ProfundoError when the data are no table, or the column is not there or has holes.
    """
    from profundo.data.tables.frames import read_frame

    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ProfundoError(f"{path}: groups are told by a column of a table ({', '.join(SUFFIXES)})")
    frame = read_frame(path)
    names = target_names(target, frame.columns)
    if column in names:
        raise ProfundoError(f"{path}: column {column!r} is to be predicted; group by another one")
    if column not in frame.columns:
        raise ProfundoError(f"{path} has no column {column!r} to group by; {nearest(column, frame.columns)}")
    for name in names:
        frame = frame.filter(frame[name].is_not_null()) if name in frame.columns else frame
    words = frame[column].to_list()
    if any(word is None for word in words):
        raise ProfundoError(f"{path}: column {column!r} is empty in {words.count(None):,} rows; a group needs a name")
    if len(words) != len(collection.train):
        raise ProfundoError(
            f"{path}: {len(words):,} rows have a group, {len(collection.train):,} a target; fill or drop rows"
        )
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    return without(collection, column), torch.tensor([numbers[word] for word in words])


def without(collection: Collection, column: str) -> Collection:
    """Not to be learned from: it would tell one group from another."""
    keep = [place for place, name in enumerate(collection.inputs.names) if name != column]
    if len(keep) == len(collection.inputs.names):
        return collection
    if not keep:
        raise ProfundoError(f"{collection.name}: no column is left besides {column!r} to learn from")
    if not isinstance(collection.train.inputs, Tensor):
        raise ProfundoError(f"{collection.name}: groups need a table that fits into memory")
    inputs = replace(
        collection.inputs,
        shape=(len(keep),),
        names=tuple(collection.inputs.names[place] for place in keep),
        columns=tuple(collection.inputs.columns[place] for place in keep),
    )
    return replace(collection, inputs=inputs, train=Samples(collection.train.inputs[:, keep], collection.train.targets))


# ------------------------------------------------------------------------------------------------------ nested subsets
def nested(labels: Tensor, seed: int) -> Tensor:
    """An order of the samples, (samples,), of which every beginning has nearly the class shares of the whole.

    The r-th of the n samples of a class, shuffled, comes at (r + ½) / n of the way.
    """
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
