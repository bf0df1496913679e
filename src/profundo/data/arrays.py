"""Arrays of NumPy in an .npz file: inputs and targets, with or without splits of their own. Nothing is unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Task
from profundo.data.grids.grid_arrays import channels_first, grid_targets
from profundo.data.series.filling import filled_series
from profundo.data.sets.sklearn_sets import finite
from profundo.data.splits.splits import Collection
from profundo.data.streams.archives import SMALL, TIGHT, printable, what_is_at
from profundo.languages import Said
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = [
    "INPUTS",
    "TARGETS",
    "array_collection",
    "array_inputs",
    "array_kind",
    "array_targets",
    "is_zero_one",
    "named_classes",
    "read_inputs",
    "without_one_hot",
]

LARGEST = 16 << 30  # bytes when unpacked
INPUTS, TARGETS = ("x", "X", "inputs", "images", "data", "features"), ("y", "Y", "targets", "labels", "target")
SPLITS = {"train": ("train", "training"), "validation": ("validation", "val", "valid"), "test": ("test", "testing")}
KNOWN = "x and y, or x_train, y_train, x_test, y_test"
MOST_WORDS = 1000  # different ones that are classes
FEW = 100  # different whole numbers that are taken as classes

Pair = tuple[np.ndarray, np.ndarray]


def array_collection(path: Path, task: Task = "auto") -> Collection:
    """The arrays x, y or x_train, y_train, … of a file.

    Inputs are images if they are of 8-bit whole numbers with 3 or 4 dimensions, (n, height, width), (n, channels, h, w)
    or (n, h, w, channels); other numbers (n, features) are rows, (n, channels, steps) series in the
    order of time, whose holes are filled, and of more dimensions, (n, channels, …), arrays.
    Targets: whole numbers or words are classes, (n, K) of 0 and 1 are one of K classes where each row has one 1 (one-hot),
    else K labels if they are whole numbers; (n, h, w) are a class or a number for each pixel (data/grids).
    Raises ProfundoError for pickled objects, missing or mismatched arrays, and values that are not finite.
    """
    pairs = _pairs(_arrays(path), path)
    if len(forms := {targets.shape[1:] for _, targets in pairs.values()}) > 1:
        raise ProfundoError(f"{path}: expected targets of one shape in all splits, got {sorted(forms)}")
    whole, notes = without_one_hot(np.concatenate([targets for _, targets in pairs.values()]), task)
    grids = whole.squeeze(-1) if whole.ndim == 4 and whole.shape[-1] == 1 else whole
    if is_grid := grids.ndim == 3:
        pairs = {
            split: (channels_first(inputs, grids.shape[1:], str(path)), own) for split, (inputs, own) in pairs.items()
        }
    targets, places = grid_targets(grids, task, str(path)) if is_grid else array_targets(whole, task, path)
    shapes = {inputs.shape[1:] for inputs, _ in pairs.values()}
    if len(shapes) > 1:
        raise ProfundoError(f"{path}: expected inputs of one shape in all splits, got {sorted(shapes)}")
    results, begin = {}, 0
    for split, (inputs, own) in pairs.items():
        ready, more = array_inputs(inputs, path)
        results[split] = Samples(ready, places[begin : begin + len(own)])
        notes += more
        begin += len(own)
    first = results["train"].inputs
    assert isinstance(first, Tensor)
    _check_classes(targets, results, path)
    described = Inputs(tuple(first.shape[1:]), array_kind(first), longest=0 if is_grid else None)
    others = results.get("validation"), results.get("test")
    return Collection(path.stem, described, targets, results["train"], *others, notes=notes)


def read_inputs(path: Path) -> Tensor:
    """The inputs alone: the array x (or inputs, images, …), or the only one of the file. uint8 (n, channels, h, w) images,
    float32 or float64 (n, features) rows or (n, channels, …) arrays. Raises ProfundoError as `array_collection` does."""
    arrays = _arrays(path)
    result = _one(arrays, list(INPUTS))
    if result is None and len(arrays) == 1:
        result = next(iter(arrays.values()))
    if result is None or result.ndim < 2:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise ProfundoError(Said("refusals.arrays_x", where=path, got=shapes))
    return array_inputs(result, path)[0]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        if not path.is_file():  # a FIFO would block, a device need not end
            raise ProfundoError(f"{path}: expected arrays saved by numpy.savez, found {what_is_at(path)}")
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > max(SMALL, TIGHT * path.stat().st_size):
            raise ProfundoError(
                f"{path}: {path.stat().st_size:,} bytes unpack to {size:,}; expected at most {TIGHT} times as many; "
                "save it with numpy.savez, which does not compress, if it is what you want"
            )
        if size > LARGEST:
            raise ProfundoError(f"{path}: unpacks to {size >> 30} GB; expected at most {LARGEST >> 30} GB")
        with np.load(path, allow_pickle=False) as file:
            results = {name: file[name] for name in file.files}
        if strange := [name for name, array in results.items() if not isinstance(array, np.ndarray)]:
            raise ValueError(f"{strange[0]!r} is no array")
        return results
    except MemoryError:
        raise ProfundoError(f"{path}: declares an array larger than the memory; save it anew") from None
    except (OSError, ValueError, LookupError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        if "pickle" in reason.lower() or "object" in reason.lower():
            reason = "it holds Python objects, which are not loaded; save arrays of numbers or words"
        raise ProfundoError(Said("refusals.arrays_unread", where=path, reason=reason)) from None


def array_kind(inputs: Tensor) -> Literal["image", "features", "series", "array"]:
    if inputs.dtype == torch.uint8:
        return "image"
    return "features" if inputs.dim() == 2 else "series" if inputs.dim() == 3 else "array"


def _pairs(arrays: Mapping[str, np.ndarray], path: Path | str) -> dict[str, Pair]:
    """By split: inputs and targets of equal length."""
    pairs: dict[str, Pair] = {}
    for split, words in SPLITS.items():
        endings = [f"_{word}" for word in words] + ([""] if split == "train" else [])
        inputs = _one(arrays, [name + ending for name in INPUTS for ending in endings])
        targets = _one(arrays, [name + ending for name in TARGETS for ending in endings])
        if inputs is None and targets is None:
            continue
        if inputs is None or targets is None:
            raise ProfundoError(
                f"{path}: {split} has {'targets' if inputs is None else 'inputs'} only; expected {KNOWN}"
            )
        if len(inputs) != len(targets) or inputs.ndim < 2:
            raise ProfundoError(
                Said(
                    "refusals.arrays_lengths",
                    where=path,
                    split=split,
                    inputs=str(inputs.shape),
                    targets=str(targets.shape),
                )
            )
        pairs[split] = inputs, targets
    if "train" not in pairs:
        raise ProfundoError(Said("refusals.arrays_names", where=path, has=", ".join(arrays) or "none"))
    return pairs


def _check_classes(targets: Targets, results: Mapping[str, Samples], path: Path | str) -> None:
    """Raises ProfundoError for a class that another split has and the training split has not."""
    if not targets.traits.one_class:
        return
    learned = set(results["train"].targets.tolist())
    for split, samples in results.items():
        for label in sorted(set(samples.targets.tolist()) - learned):
            raise ProfundoError(
                Said(
                    "refusals.arrays_unlearned",
                    where=path,
                    name=repr(targets.classes[label]),
                    split=Said(f"looks.split_{split}"),
                )
            )


def _one(arrays: Mapping[str, np.ndarray], names: list[str]) -> np.ndarray | None:
    return next((arrays[name] for name in names if name in arrays and arrays[name].ndim), None)


def array_inputs(inputs: np.ndarray, path: Path | str) -> tuple[Tensor, tuple[str, ...]]:
    """The inputs, and notes on what was done to them."""
    if 0 in inputs.shape[1:]:
        raise ProfundoError(f"{path}: expected inputs with at least one number each, got shape {inputs.shape}")
    if inputs.dtype == np.uint8 and inputs.ndim in (3, 4):
        images = torch.from_numpy(np.ascontiguousarray(inputs))
        if images.dim() == 3:
            return images.unsqueeze(1), ()
        channels_last = images.shape[3] in (1, 3) and images.shape[1] not in (1, 3)
        images = images.permute(0, 3, 1, 2).contiguous() if channels_last else images
        if images.shape[1] not in (1, 3):
            raise ProfundoError(Said("refusals.arrays_channels", where=path, shape=str(inputs.shape)))
        return images, ()
    if inputs.dtype.kind not in "fiub":
        raise ProfundoError(Said("refusals.arrays_numbers", where=path, got=inputs.dtype))
    wide = torch.from_numpy(np.ascontiguousarray(inputs, dtype=_wide(inputs)))
    wide, notes = filled_series(wide, str(path)) if wide.dim() == 3 else (wide, ())
    rows = wide.flatten(1)
    return finite(rows, (), str(path)).view(wide.shape), notes


def _wide(values: np.ndarray) -> np.dtype:
    """float32 where that holds every value, float64 for wider numbers."""
    return np.result_type(values.dtype, np.float32)


def without_one_hot(values: np.ndarray, task: Task) -> tuple[np.ndarray, tuple[str, ...]]:
    """One-hot targets (n, K) as class indices (n,), and a note of it; others as they are."""
    if task not in ("auto", "classes") or not is_zero_one(values):
        return values, ()
    if not (values.sum(1) == 1).all():
        note = "Targets of 0.0 and 1.0 in several columns are taken for numbers; --task labels takes them for labels."
        return values, (note,) if task == "auto" and values.dtype.kind == "f" else ()
    overrule = "--task labels takes them for labels that may go together, --task real for numbers"
    return values.argmax(1), (
        f"Targets have one 1 in each row: they are one of {values.shape[1]} classes; {overrule}.",
    )


def is_zero_one(values: np.ndarray) -> bool:
    """Whether these are several columns of 0 and 1, in whatever type."""
    return (
        values.ndim == 2 and values.shape[1] > 1 and values.dtype.kind in "fbiu" and bool(np.isin(values, (0, 1)).all())
    )


def array_targets(values: np.ndarray, task: Task, path: Path | str) -> tuple[Targets, Tensor]:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind not in "fiubUSM" or 0 in values.shape[1:]:
        raise ProfundoError(Said("refusals.arrays_targets", where=path, kind=values.dtype, shape=str(values.shape)))
    different = np.unique(values) if values.ndim == 1 else None
    is_number = values.dtype.kind in "fiu"
    is_whole = is_number and bool(np.all(np.isfinite(values)) and np.all(values == np.round(values)))
    is_table = is_zero_one(values)
    if task == "labels" or (task == "auto" and is_table and values.dtype.kind != "f"):
        if not is_table:
            raise ProfundoError(f"{path}: expected labels (n, labels) of 0 and 1, got {values.dtype} {values.shape}")
        return Targets("labels", tuple(f"label {place + 1}" for place in range(values.shape[1]))), torch.from_numpy(
            np.ascontiguousarray(values, dtype=np.float32)
        )
    as_classes = different is not None and (not is_number or (is_whole and len(different) <= FEW))
    if task == "real" or (task == "auto" and not as_classes):
        if not is_number or values.ndim > 2:
            raise ProfundoError(
                f"{path}: expected targets of numbers, (n,) or (n, outputs), got {values.dtype} {values.shape}"
            )
        wide = torch.from_numpy(np.ascontiguousarray(values, dtype=_wide(values))).reshape(len(values), -1)
        names = tuple(f"y{place + 1}" for place in range(wide.shape[1])) if wide.shape[1] > 1 else ("y",)
        return Targets("real", names=names), finite(wide, names, str(path))
    return named_classes(values, path)


def named_classes(values: np.ndarray, path: Path | str) -> tuple[Targets, Tensor]:
    """Classes, named as they are written, and int64 (n,) the class of each. values: numbers or words."""
    different = np.unique(values) if values.ndim == 1 else ()
    is_number = values.dtype.kind in "fiu"
    is_whole = is_number and bool(np.all(np.isfinite(values)) and np.all(values == np.round(values)))
    if len(different) == 1:
        raise ProfundoError(Said("refusals.arrays_one_class", where=path, count=len(values), value=values[0]))
    if not len(different):
        raise ProfundoError(f"{path}: expected targets (n,) of two classes or more, got shape {values.shape}")
    places = torch.from_numpy(np.searchsorted(different, values).astype(np.int64))
    if not is_number and len(different) > MOST_WORDS:
        raise ProfundoError(Said("refusals.arrays_many", where=path, count=len(different), most=MOST_WORDS))
    names = tuple(printable(str(int(value)) if is_whole else str(value)) for value in different)
    return Targets("classes" if len(names) > 2 else "binary", names), places
