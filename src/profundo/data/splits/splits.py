"""Training, validation and test: stratified by class, decided by a seed, statistics from training alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from profundo.data.standard import channel_sums, deviations, moments
from profundo.data.tables.columns import as_features
from profundo.records import ColumnReading, Dataset, Inputs, ProfundoError, Samples, Source, Spec, Targets

__all__ = ["Blocked", "Collection", "Selection", "chosen", "divide", "finished", "labels_of", "separated", "stratified"]


@dataclass(frozen=True, slots=True)
class Collection:
    """What a reader found. Splits that are None are to be taken from `train`.

    shares: of `test` among all samples and of `validation` among those left, where they have to be made.
    readings: of a table, what its columns were taken for.
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

    def moments(self, indices: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and population deviation of every feature of these rows."""


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


def labels_of(collection: Collection, targets: Tensor) -> Tensor:
    """Class indices (samples,) to stratify by; all zero where a sample has not one class."""
    return targets if collection.targets.kind in ("classes", "binary") else torch.zeros(len(targets), dtype=torch.int64)


def divide(collection: Collection, *, validation: float | None, seed: int, stream: bool) -> Dataset:
    """Make the splits that are missing, keep those that exist, measure the training split.

    validation: share of the samples not set apart for the test; None: the collection's own custom.
    """
    return finished(collection, *separated(collection, validation=validation, seed=seed, stream=stream))


def separated(
    collection: Collection, *, validation: float | None, seed: int, stream: bool
) -> tuple[Samples, Samples, Samples]:
    """Training, validation and test samples as they were read: nothing has been learned from any of them yet."""
    generator = torch.Generator().manual_seed(seed)
    if validation is not None and collection.validation is not None:
        raise ProfundoError(f"{collection.name} has a validation split of its own: leave `validation` out")
    share = collection.shares[1] if validation is None else validation
    if not 0 < share < 1:
        raise ProfundoError(f"validation: expected a share between 0 and 1, such as 0.1; got {share}")

    labels, rest = labels_of(collection, collection.train.targets), torch.arange(len(collection.train))

    def aside(own: Samples | None, share: float) -> Samples:
        nonlocal rest
        if own is not None:
            return chosen(own, None, stream)
        rest, taken = stratified(labels, rest, share, generator)
        return chosen(collection.train, taken, stream)

    test = aside(collection.test, collection.shares[0])
    held = aside(collection.validation, share)
    for name, split in (("training", rest), ("validation", held), ("test", test)):
        if len(split) == 0:
            raise ProfundoError(
                f"{collection.name}: {len(collection.train)} samples leave none for the {name} split; give more samples per class"
            )
    return chosen(collection.train, rest, stream), held, test


def chosen(samples: Samples, indices: Tensor | None, stream: bool = False) -> Samples:
    """The samples at these indices, in this order, or all: in memory if they come from a tensor, unless streamed."""
    inputs = samples.inputs
    if indices is None:
        if isinstance(inputs, Tensor) and not stream:
            return samples
        indices = torch.arange(len(samples))
    if isinstance(inputs, Selection):
        source, places = inputs.source, inputs.indices[indices]
    else:
        assert isinstance(inputs, Tensor)
        source, places = inputs, indices
    in_memory = isinstance(source, Tensor) and not stream
    return Samples(source[places] if in_memory else Selection(source, places), samples.targets[indices])  # type: ignore[index]


def finished(collection: Collection, train: Samples, validation: Samples, test: Samples) -> Dataset:
    """The dataset, with mean and std of the training split and the fingerprint of all three."""
    inputs, targets, notes = collection.inputs, collection.targets, collection.notes
    source = _source(train)
    if inputs.columns or isinstance(source, Learning):
        learn = source.as_features if isinstance(source, Learning) else as_features
        try:
            inputs, (train, validation, test), more = learn(inputs, train, validation, test)
        except ProfundoError as error:
            raise ProfundoError(f"{collection.name}: {error}") from None
        notes += more
    inputs, more = _measured(inputs, train)
    notes += more
    if targets.kind == "real":
        mean, std = _row_moments(train.targets)
        targets = replace(targets, mean=mean, std=std)
    splits = (train, validation, test)
    facts = {"sha256": _fingerprint(splits, inputs), "samples": [len(split) for split in splits]}
    readings = collection.readings
    return Dataset(collection.name, Spec(inputs, targets), *splits, notes=notes, facts=facts, readings=readings)


def stratified(labels: Tensor, among: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Divide the indices `among` into (rest, taken), both ascending, with `share` of every class taken.

    labels: class indices of all samples. Class sizes are rounded by largest remainder, so that the total is right too;
    every class leaves at least one sample in the rest.
    """
    own = labels[among]
    counts = torch.bincount(own).tolist()
    taken = [
        among[own == label][torch.randperm(count, generator=generator)[:quota]]
        for label, (count, quota) in enumerate(zip(counts, _quotas(counts, share), strict=True))
    ]
    chosen = torch.cat([among[:0], *taken]).sort().values
    return among[~torch.isin(among, chosen, assume_unique=True)], chosen


def _quotas(counts: Sequence[int], share: float) -> list[int]:
    """How many of each class to take: shares rounded by largest remainder, one at least in all, never a whole class."""
    exact = [count * share for count in counts]
    quotas = [int(value) for value in exact]
    missing = max(1, round(sum(exact))) - sum(quotas)
    order = sorted(range(len(counts)), key=lambda label: (counts[label] < 2, quotas[label] - exact[label]))
    for label in order[:missing]:
        quotas[label] += 1
    return [min(quota, max(0, count - 1)) for quota, count in zip(quotas, counts, strict=True)]


def _measured(inputs: Inputs, train: Samples) -> tuple[Inputs, tuple[str, ...]]:
    """With mean and deviation of the samples to train on; and a sentence where they are images without anything in them."""
    notes: tuple[str, ...] = ()
    if inputs.kind == "image":
        sums = train.inputs.sums() if isinstance(train.inputs, Selection) else channel_sums(_tensor(train.inputs))
        count = len(train) * inputs.shape[1] * inputs.shape[2]
        mean, std = moments(sums, count)
        if all(count * squares == total**2 for total, squares in zip(*sums.tolist(), strict=True)):
            notes = ("All images to train on are of one colour: there is nothing to learn from; look at the files.",)
    elif isinstance(source := _source(train), StreamedRows) and isinstance(train.inputs, Selection):
        mean, std = source.moments(train.inputs.indices)
    else:
        mean, std = _row_moments(_tensor(train.inputs))
    return replace(inputs, mean=mean, std=std), notes


def _source(samples: Samples) -> object:
    """What the samples are read from."""
    return samples.inputs.source if isinstance(samples.inputs, Selection) else samples.inputs


def _tensor(inputs: Tensor | Source) -> Tensor:
    return inputs if isinstance(inputs, Tensor) else torch.stack([inputs[index] for index in range(len(inputs))])


def _row_moments(rows: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population deviation of every column, in double precision."""
    wide = rows.double()
    return tuple(wide.mean(0).tolist()), deviations(wide.std(0, correction=0).tolist())


def _fingerprint(splits: Iterable[Samples], inputs: Inputs) -> str:
    """SHA-256 of all targets, the training statistics, which move with any training pixel, and up to 1,000 inputs of
    every split, evenly spread: all of small data, a sample of large."""
    digest = hashlib.sha256(repr((inputs.shape, inputs.mean, inputs.std)).encode())
    for split in splits:
        digest.update(split.targets.numpy().tobytes())
        source = _source(split)
        if isinstance(source, Blocked) and isinstance(split.inputs, Selection):
            digest.update(source.fingerprint(split.inputs.indices))
            continue
        for index in np.unique(np.linspace(0, len(split) - 1, 1000).astype(int)).tolist():
            digest.update(split.inputs[index].numpy().tobytes())
    return digest.hexdigest()
