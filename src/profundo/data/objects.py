"""What a person has in memory becomes a Collection: arrays, tables, PyTorch's and Hugging Face's datasets, images.

    object_collection((X, y), Reading())                     # NumPy, PyTorch, lists, scipy.sparse; weights as a third
    object_collection(frame, Reading(target="price"))        # pandas, polars, pyarrow, a dict of columns
    object_collection(loader, Reading(), validation=other)   # Dataset, DataLoader, IterableDataset, datasets.Dataset
    object_collection((images, objects), Reading())          # boxes and masks of each: objects_in_images/objects_in_memory.py

What a thing is says recognising.py; its form, object_forms.py or, sample by sample, object_samples.py; what samples
become, object_arrays.py. All is read into memory: validation and test samples together with those to train on, so that
classes, padding and columns are the same. Samples of a Dataset that differ each time they are read are read again in
training (rereading.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading
from profundo.data.images.image_tables import files_of_table
from profundo.data.object_arrays import Raw, Taker, of_arrays, samples_in, weights_of
from profundo.data.object_forms import (
    Framed,
    as_polars,
    from_frame,
    from_hugging_face,
    from_mapping,
    from_pair,
    joined_frame,
)
from profundo.data.object_samples import from_dataset, from_iterator, from_keras, from_list, from_loader, is_iterator
from profundo.data.objects_in_images.objects_in_memory import are_scenes, scenes_in_memory
from profundo.data.recognising import (
    is_array,
    is_dataset,
    is_frame,
    is_hugging_face,
    is_keras_dataset,
    is_loader,
    words_in,
)
from profundo.data.rereading import differences, draw_from, own_draws
from profundo.data.series.series_rows import rows_collection
from profundo.data.splits.splits import Collection, chosen, heeded
from profundo.data.tables.reading import typed_table
from profundo.languages import Said
from profundo.records import ProfundoError, Samples, in_words_of_the_door

if TYPE_CHECKING:
    pass

__all__ = ["Framed", "as_polars", "called_in_words", "object_collection", "read"]

OF_FILES = ("missing", "encoding", "header")  # options of how a table is written
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
FEWEST = 20  # samples of which a part is set aside


def object_collection(
    data: Any, how: Reading, *, validation: Any = None, test: Any = None, taker: Taker | None = None
) -> Collection:
    """The samples in these objects. validation, test: more of the same kind; without, they are taken from `data`.

    Raises ProfundoError for what is no data, in one line that says what to give.
    """
    with own_draws():
        draw_from(0)
        result = gathered(data, how, validation, test, taker or Taker())
    return replace(result, notes=tuple(dict.fromkeys(map(in_words_of_the_door, result.notes))))


def gathered(data: Any, how: Reading, validation: Any, test: Any, taker: Taker) -> Collection:
    """The same, its notes in the words of the command line."""
    name = called_in_words(data)
    splits = splits_in(data) or {"train": data}
    if of_files := [option for option in OF_FILES if option in how.of_tables()]:
        raise ProfundoError(f"{name}: --{of_files[0]} is for files, and this is in memory; leave it out")
    splits |= {split: given for split, given in (("validation", validation), ("test", test)) if given is not None}
    if are_scenes(splits["train"]):
        return heeded(scenes_in_memory(splits, name, how), how)
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
    (is_keras_dataset, from_keras),
    (is_dataset, from_dataset),
    (is_iterator, from_iterator),
)


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
    target = how.target or ""
    keep = [target, *(column.strip() for column in target.split(","))]
    told = {**parts[0].columns, **how.columns}
    table = typed_table(frame, told, as_text=True, keep=keep)
    media = files_of_table(table, Path(name), how) if target else None
    whole = media or rows_collection(table, name, name, replace(how, columns=told))
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
        notes = (*notes, Said("readings.validation_tests"))
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
