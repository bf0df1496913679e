"""Samples one by one, as loaders, datasets, iterators and lists give them: read once, and again where they differ each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import isgeneratorfunction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from profundo.data.dataset_names import Reading
from profundo.data.object_arrays import Raw, Taker
from profundo.data.object_forms import Framed, from_frame_of, from_mapping, from_pair, is_plain
from profundo.data.recognising import is_array
from profundo.data.rereading import draw_from, own_draws
from profundo.data.streams.machine_memory import memory
from profundo.records import ProfundoError
from profundo.trees import leaves, mapped

__all__ = ["from_dataset", "from_iterator", "from_keras", "from_list", "from_loader", "is_iterator"]

MOST = 2 * 10**6  # samples or batches that an iterator gives which does not say how many: a minute or two of reading
OBJECT = 300  # bytes of a small array or tensor beside its numbers
ONE_PASS = 256  # samples that go through a collate function together

Collate = Callable[[list[Any]], Any] | None


def from_loader(loader: Any, how: Reading, taker: Taker) -> Raw | Framed:
    """The samples that a DataLoader would give in an epoch, whatever their order."""
    data, utilities = loader.dataset, torch.utils.data
    sampler = loader.sampler
    if isinstance(sampler, utilities.WeightedRandomSampler):
        raise ProfundoError(
            "DataLoader: a WeightedRandomSampler draws samples by weight; give the weights themselves, (X, y, weights), or "
            "class_weights='balanced'"
        )
    if isinstance(data, utilities.IterableDataset):
        return from_batches(iter(loader), how, taker) if loader.batch_size else from_samples(iter(loader), how, taker)
    indices = getattr(sampler, "indices", None) if isinstance(sampler, utilities.SubsetRandomSampler) else None
    order = sorted(map(int, indices)) if indices is not None else range(len(data))
    default = loader.collate_fn in (
        utilities.default_collate,
        getattr(utilities._utils.collate, "default_convert", None),
    )
    if default and type(data) is utilities.TensorDataset and len(order) == len(data):
        return from_pair(data.tensors, how, taker)
    return from_places(data, order, None if default else loader.collate_fn, how, taker)


def from_dataset(data: Any, how: Reading, taker: Taker) -> Raw | Framed:
    if isinstance(data, torch.utils.data.IterableDataset) or not hasattr(data, "__len__"):
        return from_samples(iter(data), how, taker)
    if type(data) is torch.utils.data.TensorDataset:
        return from_pair(data.tensors, how, taker)
    return from_places(data, range(len(data)), None, how, taker)


def from_places(data: Any, places: Sequence[int], collate: Collate, how: Reading, taker: Taker) -> Raw | Framed:
    """The samples of a Dataset at these places, each drawn from its number as a seed."""
    again = partial(read_places, data, places, collate, how, replace(taker, outputs=Taker().outputs))
    numbers = range(len(places))
    raw = again(numbers, numbers, size=ONE_PASS)
    return replace(raw, again=again) if isinstance(raw, Raw) else raw


def read_places(
    data: Any,
    places: Sequence[int],
    collate: Collate,
    how: Reading,
    taker: Taker,
    numbers: Sequence[int],
    seeds: Sequence[int],
    size: int = MOST,
) -> Any:
    """Of these places those with these numbers, each drawn from a seed. size: samples that go through collate together."""
    with own_draws():
        if collate is None:
            raw = from_samples(drawn(data, places, numbers, seeds), how, taker, len(numbers))
        else:
            pieces = (slice(begin, begin + size) for begin in range(0, len(numbers), size))
            whole = (collate(list(drawn(data, places, numbers[piece], seeds[piece]))) for piece in pieces)
            raw = from_batches(whole, how, taker)
    names = getattr(data, "classes", None)
    if isinstance(raw, Raw) and isinstance(names, list | tuple) and all(isinstance(one, str) for one in names):
        return replace(raw, classes=tuple(names))
    return raw


def drawn(data: Any, places: Sequence[int], numbers: Sequence[int], seeds: Sequence[int]) -> Iterator[Any]:
    for number, seed in zip(numbers, seeds, strict=True):
        draw_from(seed)
        try:
            sample = data[places[number]]
        except Exception as error:
            raise unreadable(f"sample {number}", error) from error
        yield sample


def from_samples(samples: Iterator[Any], how: Reading, taker: Taker, count: int = 0) -> Raw | Framed:
    """One by one; each x, (x, y), (x, y, weight), or a dict. count: how many come, where that is known."""
    result = list(fitting(samples, count))
    if not result:
        raise ProfundoError("data: expected samples, got none")
    shapes = {type(sample) if not isinstance(sample, tuple | list) else len(sample) for sample in result[:100]}
    if len(shapes) > 1:
        raise ProfundoError("data: expected samples of one kind, such as (x, y), got several kinds")
    return from_transposed(transposed(result), how, taker)


def fitting(things: Iterable[Any], known: int = 0) -> Iterator[Any]:
    """The same, read until the end. Raises ProfundoError where they take more memory than there is for them, and where two
    million came, as of an iterator without an end; what the samples' own code raises is told with its place. known: how many
    there are, if that is known."""
    most, taken, count, things = memory() // 2, 0, 0, iter(things)
    while True:
        try:
            thing = next(things)
        except StopIteration:
            return
        except Exception as error:
            raise unreadable(f"sample or batch {count}", error) from error
        taken, count = taken + sum(OBJECT + getattr(leaf, "nbytes", 8) for leaf in leaves(thing)), count + 1
        if taken > most or count > max(MOST, known):
            what = "take more than half of the memory" if taken > most else "were read"
            raise ProfundoError(
                f"data: {count:,} samples or batches {what}, and more come; all is read once, before training: write them as shards "
                "or Parquet (docs/streaming.md), or let the iterator end"
            )
        yield thing


def unreadable(what: str, error: Exception) -> ProfundoError:
    if isinstance(error, ProfundoError):
        return error
    why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ProfundoError(f"data: {what} could not be read: {why}")


def from_batches(batches: Iterable[Any], how: Reading, taker: Taker) -> Raw | Framed:
    """Batches that somebody's collate function made, one after the other; padded further where they are uneven."""
    whole = list(fitting(batches))
    if not whole:
        raise ProfundoError("data: expected samples, got none")
    if samples_in_batch(whole[0]) is not None:
        return from_samples((sample for batch in whole for sample in samples_in_batch(batch) or ()), how, taker)
    whole = [tuple(batch) if isinstance(batch, list) else batch for batch in whole]
    return from_transposed(mapped(lambda *parts: [row for part in parts for row in part], *whole), how, taker)


def samples_in_batch(batch: Any) -> list[Any] | None:
    """The samples of a batch that is a list of them, or tuple(zip(*samples)); None where it has tensors of many."""
    if not isinstance(batch, list | tuple) or not batch or not all(isinstance(part, list | tuple) for part in batch):
        return None
    if all(part and np.ndim(part[-1]) == 0 for part in batch) and len({len(part) for part in batch}) == 1:
        return list(batch)  # a target ends each
    return list(zip(*batch, strict=True)) if any(np.ndim(part[0]) == 0 for part in batch if part) else None


def from_transposed(columns: Any, how: Reading, taker: Taker) -> Raw | Framed:
    if isinstance(columns, tuple):
        raw = from_pair(columns, how, taker)
        note = "the third part of each sample is taken for its weight"
        return raw if raw.weights is None else replace(raw, notes=(*raw.notes, note))
    return from_mapping(columns, how, taker) if isinstance(columns, Mapping) else Raw(columns)


def transposed(samples: list[Any]) -> Any:
    """A list of samples as a tree of lists."""
    first = samples[0]
    if isinstance(first, Mapping):
        return {name: transposed([sample[name] for sample in samples]) for name in first}
    if isinstance(first, tuple) or (isinstance(first, list) and first and not np.isscalar(first[0])):
        return tuple(transposed([sample[place] for sample in samples]) for place in range(len(first)))
    return samples


def from_iterator(data: Any, how: Reading, taker: Taker) -> Raw | Framed:
    """Of a generator, or an iterable such as tf.data's: samples (x, y), or batches of them, where each y is as long as its x."""
    things = list(fitting(data() if isgeneratorfunction(data) else data))
    first = things[0] if things else None
    pair = isinstance(first, tuple | list) and len(first) > 1 and all(np.ndim(one) > 0 for one in first)
    if not pair or len({len(one) for one in first}) > 1:  # type: ignore[union-attr]
        return from_samples(iter(things), how, taker)
    return told(from_batches(things, how, taker), data, len(things))


def from_keras(data: Any, how: Reading, taker: Taker) -> Raw | Framed:
    """Of a Sequence or PyDataset: batches x, (x, y) or (x, y, weights), where x may be a tuple, list or dict of inputs."""
    batches = (as_tuples(data[place]) for place in range(len(data)))
    return told(from_batches(batches, how, taker), data, len(data))


def as_tuples(batch: Any) -> Any:
    """The same, what Keras gives as a list of arrays in a tuple, as a batch is."""
    if isinstance(batch, tuple | list) and any(
        np.ndim(part) > 0 for part in batch if not isinstance(part, tuple | list | Mapping)
    ):
        return tuple(map(as_tuples, batch))
    return batch


def told(result: Raw | Framed, data: Any, count: int) -> Raw | Framed:
    note = f"the {type(data).__name__} gave {count:,} batches: they were read once, and are mixed anew in every epoch"
    return replace(result, notes=(*result.notes, note))


def is_iterator(thing: Any) -> bool:
    return isgeneratorfunction(thing) or (
        hasattr(thing, "__iter__") and not isinstance(thing, str | bytes | Path | nn.Module | type)
    )


def from_list(data: list[Any], how: Reading, taker: Taker) -> Raw | Framed:
    """Rows as dicts, samples (x, y), inputs and targets as a list [X, y], or inputs without targets."""
    if len(data) == 2 and all(map(is_array, data)) and all(map(np.ndim, data)):
        shapes = [np.shape(one) for one in data]
        if shapes[0][0] == shapes[1][0] and shapes[0][1:] != shapes[1][1:]:  # as many, and no sequences of one kind
            return from_pair(tuple(data), how, taker)
    if data and isinstance(data[0], Mapping):
        scalars = all(is_plain(value) for value in data[0].values())
        return from_frame_of(data, how) if scalars and how.target else from_samples(iter(data), how, taker)
    if data and isinstance(data[0], list) and all(is_array(part) and np.ndim(part) for part in data[0]):
        shapes = [np.shape(part) for part in data[0]]
        if len({shape[0] for shape in shapes}) == 1 < len({shape[1:] for shape in shapes}):  # as list(loader) has them
            return from_batches(data, how, taker)
    return from_samples(iter(data), how, taker) if data and isinstance(data[0], tuple) else Raw(data)
