"""Training, validation and test: stratified by class, decided by a seed, statistics from training alone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from profundo.boxes import NO_OBJECT
from profundo.data.dataset_names import Reading, TargetTransform
from profundo.data.splits.split_by import SplitBy, grouped, latest, split_note
from profundo.data.standard import Extent, array_moments, channel_sums, measured_rows, moments
from profundo.data.tables.columns import as_features
from profundo.data.target_transforms import measured_targets
from profundo.kinds import InputKind
from profundo.languages import Said, named, told_by, within
from profundo.object_masks import table_of
from profundo.records import (
    ColumnReading,
    Dataset,
    Inputs,
    Originals,
    ProfundoError,
    Samples,
    Source,
    Spec,
    Targets,
)
from profundo.trees import chosen_rows, leaves, length

__all__ = [
    "Blocked",
    "Collection",
    "Selection",
    "chosen",
    "divide",
    "divided",
    "finished",
    "heeded",
    "labels_of",
    "learned_targets",
    "note_of_splits",
    "separated",
    "stratified",
]


@dataclass(frozen=True, slots=True)
class Collection:
    """What a reader found. Splits that are None are to be taken from `train`.

    shares: of `test` among all samples and of `validation` among those left, where they have to be made; split_by: what
    decides who is in which of them, where that is not chance. readings, ids: of a table, as a Dataset has them; originals: of images.
    """

    name: str
    inputs: Inputs
    targets: Targets
    train: Samples
    validation: Samples | None = None
    test: Samples | None = None
    shares: tuple[float, float] = (0.2, 0.125)
    notes: tuple[str, ...] = ()
    readings: tuple[ColumnReading, ...] = ()
    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)
    split_by: SplitBy | None = None
    target_transform: TargetTransform = "none"
    originals: Originals | None = None


@runtime_checkable
class Measured(Source, Protocol):
    """A Source that knows the integer sums of its images."""

    def sums(self, indices: Tensor) -> Tensor: ...


@runtime_checkable
class Blocked(Source, Protocol):
    """A Source of which many samples are read together, from far away or of great size; see blocks.py.

    blocks: int64 (samples,), the number of the block in which each lies. together: blocks of a window. threaded: whether it
    is read by threads of this process, since its library has its own; otherwise by processes.
    """

    blocks: Tensor
    together: int
    threaded: bool

    def gather(self, indices: Tensor) -> Tensor:
        """The raw samples (chosen, *shape) at these indices, in this order."""

    def fingerprint(self, indices: Tensor) -> bytes:
        """What changes when any of these samples does."""


@runtime_checkable
class Learning(Source, Protocol):
    """A Source of which the samples to train on decide what its values mean."""

    def as_features(
        self, inputs: Inputs, train: Samples, *others: Samples
    ) -> tuple[Inputs, tuple[Samples, ...], tuple[str, ...]]:
        """See columns.as_features."""


@runtime_checkable
class StreamedRows(Blocked, Learning, Protocol):
    """Rows of a table in blocks."""

    def measured(self, indices: Tensor) -> tuple[Tensor, Extent]:
        """Some of these rows, evenly spread, and what all of them are like."""


class Selection:
    """A Source: some samples of a tensor or of another Source, in a given order."""

    def __init__(self, source: Tensor | Measured | Blocked, indices: Tensor) -> None:
        self.source, self.indices = source, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Tensor:
        return self.source[int(self.indices[index])]

    def sums(self) -> Tensor:
        """Integer sums (2, channels) of the selected images; see `channel_sums`."""
        if isinstance(self.source, Tensor):
            return channel_sums(self.source.index_select(0, self.indices))
        assert isinstance(self.source, Measured)
        return self.source.sums(self.indices)


def labels_of(collection: Collection, targets: Any) -> Tensor:
    """Class indices (samples,) to stratify by; all zero where a sample has not one class."""
    if collection.targets.traits.one_class:
        assert isinstance(targets, Tensor)
        return targets
    return torch.zeros(length(targets), dtype=torch.int64)


def heeded(collection: Collection, how: Reading, name: str | Path = "") -> Collection:
    """The same, its target to be transformed as asked. Raises ProfundoError for a wish that such data cannot heed."""
    name = name or collection.name
    if how.split_by is not None and collection.split_by is None:
        raise ProfundoError(
            f"{name}: --split-by is for the columns of a table and the file names of images or sounds, which this has not",
            told=Said("refusals.split_by_what", where=name),
        )
    of_sounds = [option for option in ("sound_rate", "sound_seconds") if getattr(how, option) is not None]
    if of_sounds and collection.inputs.kind != "sound":
        raise ProfundoError(
            f"{name}: {of_sounds[0]} is for folders and archives of sounds, which this is not",
            told=Said("refusals.of_sounds_only", where=name, name=of_sounds[0]),
        )
    if how.target_transform in ("log", "rank") and collection.targets.kind != "real":
        raise ProfundoError(
            f"{name}: --target-transform {how.target_transform!r} is for numbers, the target is {collection.targets.kind}; leave "
            "it out",
            told=Said("refusals.transform_of_numbers", where=name, how=repr(how.target_transform)),
        )
    return replace(collection, target_transform=how.target_transform)


def divide(collection: Collection, *, validation: float | None, seed: int, stream: bool) -> Dataset:
    """Make the splits that are missing, keep those that exist, measure the training split.

    validation: share of the samples not set apart for the test; None: the collection's own custom.
    """
    parts = separated(collection, validation=validation, seed=seed, stream=stream)
    if collection.split_by is not None:
        collection = replace(collection, notes=(*collection.notes, note_of_splits(collection, validation, seed)))
    return finished(collection, *parts)


def separated(
    collection: Collection, *, validation: float | None, seed: int, stream: bool
) -> tuple[Samples, Samples, Samples]:
    """Training, validation and test samples as they were read: nothing has been learned from any of them yet."""
    train, held, test = divided(collection, validation, seed)

    def part(own: Samples | None, indices: Tensor | None) -> Samples:
        return chosen(collection.train if own is None else own, indices, stream)

    return part(None, train), part(collection.validation, held), part(collection.test, test)


def divided(collection: Collection, validation: float | None, seed: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Indices of the samples of `train` that train, validate and test; None where there is a split of its own."""
    generator = torch.Generator().manual_seed(seed)
    if validation is not None and collection.validation is not None:
        raise ProfundoError(
            f"{collection.name} has a validation split of its own: leave `validation` out",
            told=Said("refusals.own_validation", where=collection.name),
        )
    share = collection.shares[1] if validation is None else validation
    if not 0 < share < 1:
        raise ProfundoError(Said("refusals.validation_share", share=share))

    labels, rest = labels_of(collection, collection.train.targets), torch.arange(len(collection.train))
    test = held = None
    if collection.test is None:
        rest, test = set_apart(collection, labels, rest, collection.shares[0], generator)
    if collection.validation is None:
        rest, held = set_apart(collection, labels, rest, share, generator)
    sizes = {"training": len(rest)} | {
        name: len(indices) for name, indices in (("validation", held), ("test", test)) if indices is not None
    }
    for name, size in sizes.items():
        if size == 0:
            raise ProfundoError(
                Said(
                    "refusals.few_rows",
                    where=collection.name,
                    samples=len(labels),
                    classes=len(set(labels.tolist())),
                    split=named(name),
                )
            )
    if collection.split_by is not None:
        held_out = torch.ones(len(labels), dtype=torch.bool)
        held_out[rest] = False
        check_classes(collection, labels[rest], labels[held_out])
    return rest, held, test


def set_apart(
    collection: Collection, labels: Tensor, among: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Divide the indices `among` into (rest, taken): by chance, stratified; the latest; or whole groups."""
    by = collection.split_by
    if by is None:
        return stratified(labels, among, share, generator)
    keys = by.keys[among]
    try:
        taken = latest(keys, share) if by.kind == "time" else grouped(labels[among], keys, share, generator)
    except ProfundoError as error:
        raise ProfundoError(
            Said(f"refusals.three_{by.kind}s", where=collection.name, by=by, why=told_by(error))
        ) from None
    rest = among[~taken]
    if by.ends is not None:
        rest = rest[by.ends[rest] < keys[taken].min()]
    return rest, among[taken]


def check_classes(collection: Collection, train: Tensor, held_out: Tensor) -> None:
    """Raises ProfundoError for a class, of these labels, that is held out and of which nothing would be learned."""
    gone = sorted(set(held_out.tolist()) - set(train.tolist()))
    if gone and collection.split_by is not None:
        where = "later than those to train on" if collection.split_by.kind == "time" else "in groups that are held out"
        raise ProfundoError(
            f"{collection.name}: {collection.split_by}: class {collection.targets.classes[gone[0]]!r} has samples {where}, "
            "none to train on; leave that class out, or split by something else",
            told=Said(
                "refusals.class_held_out",
                where=collection.name,
                by=collection.split_by,
                name=repr(collection.targets.classes[gone[0]]),
            ),
        )


def note_of_splits(collection: Collection, validation: float | None = None, seed: int = 0) -> str:
    """Who is in which split, where something else than chance decides it."""
    assert collection.split_by is not None
    names = ("training", "validation", "test")
    parts = zip(names, divided(collection, validation, seed), strict=True)
    return split_note(collection.split_by, [(name, indices) for name, indices in parts if indices is not None])


def chosen(samples: Samples, indices: Tensor | None, stream: bool = False) -> Samples:
    """The samples at these indices, in this order, or all: in memory if they come from a tensor, unless streamed."""
    inputs, weights = samples.inputs, samples.weights
    if indices is None:
        if isinstance(inputs, Tensor | tuple | dict) and not stream:
            return samples
        indices = torch.arange(len(samples))
    if weights is not None:
        weights = weights[indices]
    targets = chosen_rows(samples.targets, indices)
    numbers = indices if samples.numbers is None else samples.numbers[indices]
    if isinstance(inputs, tuple | dict):
        return Samples(chosen_rows(inputs, indices), targets, numbers, weights, samples.anew)
    if isinstance(inputs, Selection):
        source, places = inputs.source, inputs.indices[indices]
    else:
        source, places = inputs, indices  # type: ignore[assignment]
    in_memory = isinstance(source, Tensor) and not stream
    values = _rows_at(source, places) if in_memory else Selection(source, places)  # type: ignore[arg-type]
    return Samples(values, targets, numbers, weights, samples.anew)


def _rows_at(rows: Tensor, places: Tensor) -> Tensor:
    """Those at these places; column after column, as columns are learned from, where all are stored so."""
    return rows.T[:, places].T if rows.dim() == 2 and not rows.is_contiguous() else rows[places]


def finished(collection: Collection, train: Samples, validation: Samples, test: Samples) -> Dataset:
    """The dataset, with mean and std of the training split and the fingerprint of all three."""
    inputs, targets, notes = collection.inputs, collection.targets, collection.notes
    source = _source(train)
    if inputs.columns or isinstance(source, Learning):
        learn = source.as_features if isinstance(source, Learning) else as_features
        try:
            inputs, made, more = learn(inputs, train, validation, test)
        except ProfundoError as error:
            raise ProfundoError(f"{collection.name}: {error}", told=within(collection.name, told_by(error))) from None
        train, validation, test = (
            replace(new, numbers=old.numbers, weights=old.weights)
            for new, old in zip(made, (train, validation, test), strict=True)
        )
        notes += more
    inputs, more = _measured(inputs, train)
    notes += more
    if inputs.forecast is not None:  # what goes on has the units of what was
        targets = replace(targets, mean=inputs.mean[:1] * len(targets.names), std=inputs.std[:1] * len(targets.names))
    else:
        targets = learned_targets(targets, train.targets, collection.target_transform)
        if targets.kind == "mask":
            notes += tuple(_classes_unseen(targets, validation, test))
    splits = (train, validation, test)
    facts = {"sha256": _fingerprint(splits, inputs), "samples": [len(split) for split in splits]}
    spec, readings, ids = Spec(inputs, targets), collection.readings, collection.ids
    return Dataset(
        *(collection.name, spec, *splits),
        notes=notes,
        facts=facts,
        readings=readings,
        ids=ids,
        originals=collection.originals,
    )


def stratified(labels: Tensor, among: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Divide the indices `among` into (rest, taken), both ascending, with `share` of every class taken.

    labels: class indices of all samples. Class sizes are rounded by largest remainder, so that the total is right too;
    every class leaves at least one sample in the rest.
    """
    own = labels[among]
    counts = torch.bincount(own).tolist()
    taken = [
        _where(own == label)[torch.randperm(count, generator=generator)[:quota]]
        for label, (count, quota) in enumerate(zip(counts, _quotas(counts, share), strict=True))
    ]
    rest = torch.ones(len(among), dtype=torch.bool)
    rest[torch.cat([among[:0], *taken])] = False
    return among[_where(rest)], among[_where(~rest)].sort().values


def _where(marks: Tensor) -> Tensor:
    """As of PyTorch's `nonzero`, which takes four times as long."""
    return torch.from_numpy(np.flatnonzero(marks.numpy()))


def _quotas(counts: Sequence[int], share: float) -> list[int]:
    """How many of each class to take: shares rounded by largest remainder, one at least in all, never a whole class."""
    exact = [count * share for count in counts]
    quotas = [int(value) for value in exact]
    missing = max(1, round(sum(exact))) - sum(quotas)
    order = sorted(range(len(counts)), key=lambda label: (counts[label] < 2, quotas[label] - exact[label]))
    for label in order[:missing]:
        quotas[label] += 1
    return [min(quota, max(0, count - 1)) for quota, count in zip(quotas, counts, strict=True)]


def learned_targets(targets: Targets, values: Any, bent: TargetTransform = "none") -> Targets:
    """The targets with what is learned of them from those of the training split: mean and deviation of numbers, the shares of
    classes, or labels, among the samples, pixels or objects."""
    if targets.kind == "map":
        return measured_targets(targets, values[values.isfinite()].unsqueeze(1))
    if targets.traits.numeric:
        return measured_targets(targets, values, bent)
    if not targets.classes:
        return targets
    if targets.kind == "labels":
        return replace(targets, shares=tuple(values.double().mean(0).tolist()))
    if targets.traits.per == "object":
        labels = table_of(values)[:, :, 4]
        values = labels[labels != NO_OBJECT]
    counts = torch.bincount(values.flatten().long(), minlength=len(targets.classes))[: len(targets.classes)]
    shares = counts / max(1, int(counts.sum()))  # without pixels of no class
    return replace(targets, shares=tuple(shares.double().tolist()))


def _classes_unseen(targets: Targets, *held: Samples) -> Iterator[str]:
    """A note of classes that masks to be judged have, and none to train on."""
    there = {
        place for split in held for place in torch.bincount(split.targets.flatten().long()).nonzero().flatten().tolist()
    }
    unseen = [name for place, name in enumerate(targets.classes) if place in there and not targets.shares[place]]
    if unseen:
        yield f"Of {', '.join(unseen)} there are pixels to validate or test on, and none to train on: they cannot be learned."


EMPTY: Mapping[InputKind, str] = {"image": "of one colour", "sound": "silent"}


def _measured(inputs: Inputs, train: Samples) -> tuple[Inputs, tuple[str, ...]]:
    """With mean and deviation of the samples to train on; and a sentence where there is nothing in them."""
    notes: tuple[str, ...] = ()
    if inputs.parts:
        parts = zip(inputs.parts, leaves(train.inputs), strict=True)
        return replace(inputs, parts=tuple(_measured(one, replace(train, inputs=leaf))[0] for one, leaf in parts)), ()
    if not inputs.traits.measured:
        return inputs, notes
    if inputs.traits.is_media:
        sums = train.inputs.sums() if isinstance(train.inputs, Selection) else channel_sums(_tensor(train.inputs))
        count = len(train) * math.prod(inputs.shape[1:])
        mean, std = moments(sums, count)
        if all(count * squares == total**2 for total, squares in zip(*sums.tolist(), strict=True)):
            nothing = EMPTY[inputs.kind]
            notes = (
                f"All {inputs.things} to train on are {nothing}: there is nothing to learn from; look at the files.",
            )
        return replace(inputs, mean=mean, std=std), notes
    if inputs.traits.measured == "channel":
        mean, std = array_moments(_tensor(train.inputs))
        return replace(inputs, mean=mean, std=std), notes
    if isinstance(source := _source(train), StreamedRows) and isinstance(train.inputs, Selection):
        return measured_rows(inputs, *source.measured(train.inputs.indices)), notes
    return measured_rows(inputs, _tensor(train.inputs)), notes


def _source(samples: Samples) -> object:
    """What the samples are read from."""
    return samples.inputs.source if isinstance(samples.inputs, Selection) else samples.inputs


def _tensor(inputs: Tensor | Source) -> Tensor:
    return inputs if isinstance(inputs, Tensor) else torch.stack([inputs[index] for index in range(len(inputs))])


def _fingerprint(splits: Iterable[Samples], inputs: Inputs) -> str:
    """SHA-256 of all targets, the training statistics, which move with any training pixel, and up to 1,000 inputs of
    every split, evenly spread: all of small data, a sample of large."""
    parts = [(one.shape, one.mean, one.std) for one in inputs.parts]
    digest = hashlib.sha256(repr((inputs.shape, inputs.mean, inputs.std, *parts)).encode())
    for split in splits:
        for tree in (split.targets, *([] if split.weights is None else [split.weights])):
            digest.update(b"".join(leaf.contiguous().numpy().tobytes() for leaf in leaves(tree)))
        source = _source(split)
        if isinstance(source, Blocked) and isinstance(split.inputs, Selection):
            digest.update(source.fingerprint(split.inputs.indices))
            continue
        for index in np.unique(np.linspace(0, len(split) - 1, 1000 if len(split) else 0).astype(int)).tolist():
            sources = leaves(split.inputs) if isinstance(split.inputs, tuple | dict) else (split.inputs,)
            digest.update(b"".join(source[index].contiguous().numpy().tobytes() for source in sources))
    return digest.hexdigest()
