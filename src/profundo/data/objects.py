"""What a person has in memory becomes a Collection: arrays, tables, PyTorch's and Hugging Face's datasets, images.

    object_collection((X, y), Reading())                     # NumPy, PyTorch, lists, scipy.sparse; weights as a third
    object_collection(frame, Reading(target="price"))        # pandas, polars, pyarrow, a dict of columns
    object_collection(loader, Reading(), validation=other)   # Dataset, DataLoader, IterableDataset, datasets.Dataset

What a thing is says recognising.py; what its samples become, object_arrays.py. All is read into memory: validation
and test samples together with those to train on, so that classes, padding and columns are the same. Samples of a Dataset
that differ each time they are read are read again in training (rereading.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import isgeneratorfunction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from profundo.data.arrays import INPUTS, TARGETS
from profundo.data.dataset_names import Reading
from profundo.data.images.image_tables import files_of_table
from profundo.data.object_arrays import Raw, Taker, of_arrays, plain, samples_in, weights_of
from profundo.data.recognising import (
    is_dataset,
    is_frame,
    is_hugging_face,
    is_image,
    is_loader,
    is_series,
    is_sparse,
    library,
    words_in,
)
from profundo.data.rereading import differences, draw_from, own_draws
from profundo.data.series.series_rows import rows_collection
from profundo.data.splits.splits import Collection, chosen, heeded
from profundo.data.tables.reading import typed_table
from profundo.records import Dataset, ProfundoError, Samples, in_words_of_the_door
from profundo.trees import leaves, mapped

if TYPE_CHECKING:
    import polars

__all__ = ["Framed", "as_polars", "called_in_words", "object_collection", "read"]

LABELS = ("label", "labels", "fine_label", *TARGETS)  # keys and columns that are the target where none is named
ALONE = (*INPUTS, "image", "img", "pixel_values", "input")  # keys whose value a net is given as it is
OF_FILES = ("missing", "encoding", "header")  # options of how a table is written
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
FEWEST = 20  # samples of which a part is set aside
MOST = 2 * 10**6  # samples or batches that an iterator gives which does not say how many: a minute or two of reading
OBJECT = 300  # bytes of a small array or tensor beside its numbers
ONE_PASS = 256  # samples that go through a collate function together


@dataclass(frozen=True, slots=True)
class Framed:
    """Rows of a table, the names of the columns to be predicted, with commas, and what some columns are."""

    frame: polars.DataFrame
    target: str | None
    weights: Any = None
    notes: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


def object_collection(
    data: Any, how: Reading, *, validation: Any = None, test: Any = None, taker: Taker | None = None
) -> Collection:
    """The samples in these objects. validation, test: more of the same kind; without, they are taken from `data`.

    Raises ProfundoError for what is no data, in one line that says what to give.
    """
    with own_draws():
        draw_from(0)
        result = gathered(data, how, validation, test, taker or Taker())
    return replace(result, notes=tuple(map(in_words_of_the_door, result.notes)))


def gathered(data: Any, how: Reading, validation: Any, test: Any, taker: Taker) -> Collection:
    """The same, its notes in the words of the command line."""
    name = called_in_words(data)
    splits = splits_in(data) or {"train": data}
    if of_files := [option for option in OF_FILES if option in how.of_tables()]:
        raise ProfundoError(f"{name}: --{of_files[0]} is for files, and this is in memory; leave it out")
    splits |= {split: given for split, given in (("validation", validation), ("test", test)) if given is not None}
    parts = {split: with_words(read(given, how, taker, split)) for split, given in splits.items()}
    if len({type(part) for part in parts.values()}) > 1:
        raise ProfundoError(f"{name}: expected validation and test samples as those to train on, a table or arrays")
    first = parts["train"]
    ways = [option for option in ("split_by", "horizon", "series") if getattr(how, option) is not None]
    if ways and len(parts) > 1:
        raise ProfundoError(
            f"{name}: {ways[0]} says who validates and tests, and such samples were given; leave one of them out"
        )
    if isinstance(first, Framed):
        whole = of_frames(list(parts.values()), name, how)  # type: ignore[arg-type]
        sizes = [part.frame.height for part in parts.values()]  # type: ignore[union-attr]
    else:
        if ways := [*how.of_tables(), *ways]:
            raise ProfundoError(
                f"{name}: --{ways[0].replace('_', '-')} is for the columns of a table, and arrays have none"
            )
        if how.target is not None and isinstance(data, tuple | np.ndarray | Tensor):
            raise ProfundoError(
                f"{name}: target={how.target!r} is a column of a table, and arrays have none; give (X, y)"
            )
        sizes = [samples_in(part.inputs) for part in parts.values()]  # type: ignore[union-attr]
        if not sizes[0]:
            raise ProfundoError(f"{name}: expected samples, got none")
        whole = of_arrays(list(parts.values()), sizes, name, how.task, taker)  # type: ignore[arg-type]
        if first.again is not None and (notes := differences(first.again, sizes[0])):
            whole = replace(whole, train=replace(whole.train, anew=first.again), notes=(*whole.notes, *notes))
    weights = [weights_of(part.weights, size, name) for part, size in zip(parts.values(), sizes, strict=True)]
    return heeded(cut_into_splits(whole, list(parts), sizes, weights), how)


def called_in_words(data: Any) -> str:
    """What to call data without a name: by the class of the object."""
    name = getattr(data, "name", None)
    return name if isinstance(name, str) and name and not hasattr(data, "columns") else kind_in_words(data)


def kind_in_words(data: Any) -> str:
    return "arrays" if isinstance(data, tuple | list | np.ndarray | Tensor) else type(data).__name__


def splits_in(data: Any) -> dict[str, Any]:
    """What a dict of splits, such as a DatasetDict, holds under their names; {} for all else."""
    if not isinstance(data, Mapping) or not data or not all(str(name) in SPLITS for name in data):
        return {}
    result = {SPLITS[name]: part for name, part in data.items()}
    if "train" not in result:
        raise ProfundoError(f"splits: expected samples to train on under 'train', got {', '.join(map(str, data))}")
    return result


def read(data: Any, how: Reading, taker: Taker, split: str) -> Raw | Framed:
    """One split, by the first recogniser that knows it. Raises ProfundoError where none does."""
    for known, reader in RECOGNISERS:
        if known(data):
            return reader(data, how, taker)
    got, remedy = type(data).__name__, ""
    if isinstance(data, type):
        got, remedy = f"the class {data.__name__}", f"; give an instance of it, {data.__name__}(…)"
    elif isinstance(data, str | os.PathLike):
        got, remedy = repr(str(data)), "; profundo.load(…) reads files, data and validation together"
    raise ProfundoError(
        f"{split}: expected (X, y) of arrays, a table with target=…, a Dataset or DataLoader; got {got}{remedy}"
    )


def with_words(part: Raw | Framed) -> Raw | Framed:
    """Texts, or paths of images, with their targets as a table; all else as it is."""
    if not isinstance(part, Raw) or part.targets is None or (words := words_in(part.inputs)) is None:
        return part
    import polars

    return replace(
        joined_frame(polars.DataFrame({"text": words}), part.targets, part.weights), columns={"text": "text"}
    )


def from_pair(data: Sequence[Any], how: Reading, taker: Taker) -> Raw | Framed:
    """(X,), (X, y), (X, y, weights); (X1, X2, y) for a net that takes two inputs."""
    count = len(data)
    if taker.inputs > 1 and count == taker.inputs + 1:
        return Raw(tuple(data[:-1]), data[-1])
    if not 1 <= count <= 3:
        raise ProfundoError(
            f"data: expected (X, y) or (X, y, weights), got a tuple of {count}; put several inputs in one tuple"
        )
    if (
        taker.lengths and count == 3 and are_lengths(data[1], data[0])
    ):  # as a collate function gives them: x, lengths, y
        return Raw((data[0], data[1]), data[2])
    inputs, targets, weights = (*data, None, None)[:3]
    for one in (inputs, targets):
        if is_loader(one) or isinstance(one, torch.utils.data.Dataset | Dataset):
            raise ProfundoError(
                f"data: expected arrays in a tuple, got a {type(one).__name__}: give the samples to train on alone, which have "
                "their targets, and others as validation=…"
            )
    inputs = in_places(inputs, taker.inputs)
    if isinstance(targets, list):
        targets = in_places(targets, len(targets) if len(targets) != samples_in(inputs) else 1)
    if is_frame(inputs) and isinstance(targets, str):
        return Framed(as_polars(inputs), targets, weights)
    if is_frame(inputs) and targets is not None:
        return joined_frame(as_polars(inputs), one_column(targets, how.task), weights)
    return Raw(inputs, targets, weights)


def one_column(targets: Any, task: str) -> Any:
    """Columns of 0 and 1 with one 1 in each row, as get_dummies makes them, as one of their names; all else as it is."""
    if not is_frame(targets) or task not in ("auto", "classes"):
        return targets
    columns = as_polars(targets)
    values = columns.to_numpy()
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "bif" or not np.isin(values, (0, 1)).all():
        return targets
    return np.array(columns.columns)[values.argmax(1)] if (values.sum(1) == 1).all() else targets


def are_lengths(given: Any, sequences: Any) -> bool:
    """Whether these are whole numbers from 1 to the most steps that a sequence has."""
    values, steps = plain(given), max((len(one) for one in sequences), default=0)
    whole = values.ndim == 1 and values.dtype.kind in "iu" and values.size
    return bool(whole) and int(values.min()) > 0 and int(values.max()) == steps


def in_places(given: Any, wanted: int) -> Any:
    """A list of so many arrays, a place for each, as a tuple; all else as it is."""
    several = wanted > 1 and isinstance(given, list) and len(given) == wanted
    return tuple(given) if several and all(is_array(one) and np.ndim(one) > 0 for one in given) else given


def joined_frame(frame: polars.DataFrame, targets: Any, weights: Any) -> Framed:
    """X and y of a table as one."""
    import polars

    if is_frame(targets):
        columns = as_polars(targets)
    else:
        name = getattr(targets, "name", None) or "target"
        values = targets if type(targets).__module__.startswith("polars") else plain(targets)
        if not isinstance(values, polars.Series) and np.ndim(values) > 1:
            columns = polars.DataFrame({f"{name} {k + 1}": column for k, column in enumerate(np.asarray(values).T)})
        else:
            columns = polars.DataFrame({str(name): values})
    if columns.height != frame.height:
        raise ProfundoError(f"y: expected one target for each of {frame.height:,} rows, got {columns.height:,}")
    columns = columns.rename({name: f"{name} (y)" for name in columns.columns if name in frame.columns})
    return Framed(frame.hstack(columns), ",".join(columns.columns), weights)


def from_frame(data: Any, how: Reading, _taker: Taker) -> Framed:
    return Framed(as_polars(data), how.target)


def from_mapping(data: Mapping[str, Any], how: Reading, _taker: Taker) -> Raw | Framed:
    """A Bunch of scikit-learn, arrays under usual names, columns of a table."""
    if "data" in data and "target" in data:
        names = data.get("target_names")
        inputs, target = data["data"], data["target"]
        if is_frame(inputs):
            return joined_frame(as_polars(inputs), target, None)
        is_class = names is not None and np.asarray(target).ndim == 1 and len(names) > 1
        features = data.get("feature_names")
        shape = np.shape(inputs)
        columns = (
            tuple(map(str, features)) if features is not None and len(shape) == 2 and len(features) == shape[1] else ()
        )
        return Raw(inputs, target, classes=tuple(map(str, names)) if is_class else (), features=columns)  # type: ignore[arg-type]
    if how.target is not None and how.target in data and all(np.ndim(plain(values)) == 1 for values in data.values()):
        return from_frame_of(data, how)
    target_name = how.target or next((name for name in LABELS if name in data), None)
    if target_name is not None and target_name not in data:
        raise ProfundoError(f"target: expected one of {', '.join(map(str, data))}, got {target_name!r}")
    inputs = {str(name): part for name, part in data.items() if name != target_name}
    if not inputs:
        raise ProfundoError("data: expected inputs beside the target, got nothing else")
    alone = next(iter(inputs.values())) if len(inputs) == 1 and next(iter(inputs)) in ALONE else inputs
    return Raw(alone, data[target_name] if target_name is not None else None)


def from_frame_of(columns: Any, how: Reading) -> Framed:
    """A dict of columns, or a list of rows."""
    import polars

    try:
        frame = polars.DataFrame(columns, strict=False)
    except (TypeError, ValueError, polars.exceptions.PolarsError) as error:
        raise ProfundoError(f"data: expected columns of equal length: {' '.join(str(error).split())[:200]}") from None
    return Framed(frame, how.target)


def from_hugging_face(data: Any, how: Reading, _taker: Taker) -> Raw | Framed:
    """datasets.Dataset: a table where its cells are plain, else one input for each column."""
    names = list(data.column_names)
    target = how.target or next((name for name in LABELS if name in names), None)
    if target is None or target not in names:
        raise ProfundoError(f"datasets: expected target=…, one of the columns {', '.join(names)}")
    classes = tuple(map(str, getattr(data.features[target], "names", None) or ()))
    samples = list(data)
    plain_cells = all(not is_image(v) and np.ndim(v) == 0 for name, v in samples[0].items() if name != target)
    if plain_cells and all(is_plain(value) for value in samples[0].values()):
        rows = [{**row, target: classes[row[target]]} if classes else row for row in samples]
        return replace(from_frame_of(rows, how), target=target)
    inputs = {name: [row[name] for row in samples] for name in names if name != target}
    alone = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    return Raw(alone, [row[target] for row in samples], classes=classes)


def is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool) or hasattr(value, "isoformat")


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


Collate = Callable[[list[Any]], Any] | None


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
    result = from_batches(things, how, taker)
    note = f"the {type(data).__name__} gave {len(things):,} batches: they were read once, and are mixed anew in every epoch"
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


def is_array(thing: Any) -> bool:
    return isinstance(thing, np.ndarray | Tensor) or is_sparse(thing) or is_series(thing) or hasattr(thing, "__array__")


Reader = Callable[[Any, Reading, Taker], Raw | Framed]
RECOGNISERS: tuple[tuple[Callable[[Any], bool], Reader], ...] = (
    (is_frame, from_frame),
    (is_hugging_face, from_hugging_face),
    (is_loader, from_loader),
    (lambda thing: isinstance(thing, torch.utils.data.Dataset), from_dataset),
    (lambda thing: isinstance(thing, Mapping), from_mapping),
    (lambda thing: isinstance(thing, tuple), from_pair),
    (lambda thing: isinstance(thing, list), from_list),
    (is_array, lambda data, _how, _taker: Raw(data)),
    (is_dataset, from_dataset),
    (is_iterator, from_iterator),
)


def memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 16 << 30


# --------------------------------------------------------------------------------------------------------------- tables
def as_polars(data: Any) -> polars.DataFrame:
    """A table of whichever library. Of pandas column by column, which needs no pyarrow."""
    import polars

    if isinstance(data, polars.LazyFrame):
        return data.collect()
    if isinstance(data, polars.DataFrame):
        return data.fill_nan(None)
    if library(data) == "pyarrow":
        return polars.DataFrame(polars.from_arrow(data)).fill_nan(None)
    names = [str(name) for name in data.columns]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ProfundoError(f"data: expected columns with different names, got {twice!r} twice; rename one of them")
    return polars.DataFrame([pandas_column(str(name), data[name]) for name in data.columns])


def pandas_column(name: str, series: Any) -> polars.Series:
    import polars

    kind = getattr(series.dtype, "kind", "O")
    if kind in "iufb" and isinstance(series.dtype, np.dtype):
        return polars.Series(name, series.to_numpy().copy(), nan_to_null=True)
    missing = series.isna().to_numpy()
    values = [None if gone else value for value, gone in zip(series.tolist(), missing, strict=True)]
    if any(isinstance(value, str) for value in values):  # one column, one kind: as text where some cells are
        values = [None if value is None else str(value) for value in values]
    return polars.Series(name, values, strict=False)


def of_frames(parts: list[Framed], name: str, how: Reading) -> Collection:
    import polars

    wanted = parts[0].frame.columns
    for part in parts[1:]:  # by their names, whatever their order
        if missing := [column for column in wanted if column not in part.frame.columns]:
            raise ProfundoError(
                f"{name}: expected the same columns in all splits, only one has {', '.join(map(repr, missing[:5]))}"
            )
    try:
        frame = polars.concat([part.frame.select(wanted) for part in parts], how="vertical_relaxed")
    except polars.exceptions.PolarsError as error:
        raise ProfundoError(
            f"{name}: expected columns of one kind in all splits: {' '.join(str(error).split())[:200]}"
        ) from None
    if not frame.height or not frame.width:
        raise ProfundoError(f"{name}: expected a table with rows and columns, got {frame.height} × {frame.width}")
    if parts[0].weights is not None and (how.horizon is not None or how.series is not None):
        raise ProfundoError(f"{name}: weights are of rows, which become series; leave them out")
    how = replace(how, target=parts[0].target)
    media = files_of_table(typed_table(frame), Path(name), how) if how.target else None
    how = replace(how, columns={**parts[0].columns, **how.columns})
    whole = media or rows_collection(typed_table(frame, how.columns), name, name, how)
    return whole if len(parts) == 1 else replace(whole, split_by=None)


# --------------------------------------------------------------------------------------------------------------- splits
def cut_into_splits(whole: Collection, names: list[str], sizes: list[int], weights: list[Tensor | None]) -> Collection:
    """The samples of each split, which follow each other. Where validation samples were given and none to test on, they
    are for both; fewer than FEWEST samples are for everything."""
    samples = whole.train
    numbers = samples.numbers if samples.numbers is not None else torch.arange(len(samples))
    edges = np.cumsum([0, *sizes]).tolist()
    if any(one is not None for one in weights):  # of the rows that are left
        each = torch.cat([torch.ones(size) if one is None else one for one, size in zip(weights, sizes, strict=True)])
        samples = replace(samples, weights=each[numbers])
    notes = whole.notes
    if len(names) == 1 and len(samples) < FEWEST:
        note = f"{len(samples)} samples are too few to set any aside: figures are of the samples that were trained on"
        return replace(whole, train=samples, validation=samples, test=samples, notes=(*notes, note))
    if len(names) == 1:
        return replace(whole, train=samples)
    parts = {}
    for place, split in enumerate(names):
        inside = ((numbers >= edges[place]) & (numbers < edges[place + 1])).nonzero().flatten()
        if not len(inside):
            raise ProfundoError(f"{whole.name}: expected samples in {split}, got none")
        part = chosen(replace(samples, numbers=None, anew=samples.anew if split == "train" else None), inside)
        parts[split] = replace(
            part, numbers=inside - int(inside[0]), weights=part.weights if weights[place] is not None else None
        )
    if "test" not in parts:
        parts["test"] = parts["validation"]
        notes = (*notes, "no test samples were given: the figures are of the validation samples; test=… gives others")
    if whole.targets.traits.one_class:
        check_learned(whole, parts)
    return replace(whole, train=parts["train"], validation=parts.get("validation"), test=parts["test"], notes=notes)


def check_learned(whole: Collection, parts: Mapping[str, Samples]) -> None:
    """Raises ProfundoError for a class that is judged but never trained on."""
    learned = set(parts["train"].targets.tolist())
    for split, samples in parts.items():
        for label in sorted(set(samples.targets.tolist()) - learned):
            raise ProfundoError(
                f"{whole.name}: class {whole.targets.classes[label]!r} has samples in {split} but none to train on; add some"
            )
