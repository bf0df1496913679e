"""New samples for a trained net, in whatever a person has them: arrays, lists, tables, images, paths, one or many.

inputs, alone = inputs_for(frame, spec)        # raw, as the net's spec has them; alone: it was one sample
samples = samples_for((X, y), spec)            # with targets, under the classes that the net knows
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from profundo.boxes import NO_OBJECT
from profundo.data.dataset_names import Reading
from profundo.data.images.pixels import fitted
from profundo.data.loading import collect
from profundo.data.new_inputs import entries, frame_series
from profundo.data.object_arrays import Taker, as_seen, images_of, plain, stacked, targets_for, tensor_of, weights_of
from profundo.data.objects import Framed, as_polars, read
from profundo.data.objects_in_images.objects_in_memory import scenes_in_memory
from profundo.data.recognising import is_frame, is_image, is_keras_dataset, is_loader, is_series, words_in
from profundo.data.splits.splits import Collection
from profundo.data.tables.new_rows import columns_of, features_of_frame, features_of_rows
from profundo.data.tables.reading import typed_table
from profundo.data.tables.table_files import read_table
from profundo.kinds import NO_CLASS
from profundo.object_masks import table_of
from profundo.records import Inputs, ProfundoError, Samples, Spec
from profundo.trees import leaves, length, mapped, rebuilt

if TYPE_CHECKING:
    import polars

__all__ = ["inputs_for", "samples_at", "samples_for"]

LARGEST = 4096  # pixels of a side: no image is larger
FAR = 20.0  # deviations beyond the mean are other units


def inputs_for(given: Any, about: Inputs) -> tuple[Any, bool]:
    """Raw inputs (samples, *shape), and whether one sample was given without the axis of samples.

    Raises ProfundoError for what does not fit the net's inputs.
    """
    if isinstance(given, Samples):
        given = given.inputs
    if is_loader(given) or is_keras_dataset(given) or isinstance(given, torch.utils.data.Dataset):
        held = read(given, Reading(), Taker(len(about.parts) or 1), "inputs")
        given = held.frame if isinstance(held, Framed) else held.inputs
    if about.parts:
        return several_inputs(given, about)
    if isinstance(given, tuple) and any(np.ndim(part) > 0 for part in given if not isinstance(part, str | Path)):
        raise ProfundoError(
            f"inputs: expected one array, table or list, got a tuple of {len(given)}; run.evaluate(X, y) takes targets"
        )
    given = as_texts(as_rows(given, about), about)
    if isinstance(given, str | Path) or is_paths(given):
        return of_files(given, about)
    if (about.forecast is not None or about.rows is not None) and (is_frame(given) or is_rows(given)):
        return of_series(given, about), False
    if about.kind == "features" and (is_frame(given) or isinstance(given, Mapping) or is_rows(given)):
        return of_table(given, about)
    if about.kind == "image":
        return of_images(given, about)
    values = stacked([given], "inputs") if isinstance(given, list) else tensor_of(given, "inputs")
    if about.columns and values.ndim > 0 and values.shape[-1] == len(about.columns) != about.shape[0]:
        return of_columns(values, about)
    if not about.mean and about.kind == "any" and values.ndim == len(about.shape) + 1:
        values = to_width(values, about)
    alone = tuple(values.shape) == about.shape
    values = values[None] if alone else values
    if about.shape == (1,) and values.ndim == 1:
        values = values[:, None]
    free = about.longest is not None and values.shape[1:2] == about.shape[:1] and values.ndim == 4  # of any size
    if tuple(values.shape[1:]) != about.shape and not free:
        raise ProfundoError(f"inputs: expected {in_words(about)}, got {tuple(values.shape)}")
    check_finite(values)
    if (
        values.dtype == torch.uint8
        and values.ndim == 4
        and about.mean
        and max(about.mean) + FAR * max(about.std) < values.max()
    ):
        raise ProfundoError(
            f"inputs: expected numbers as the net learned them, {max(about.mean):.2g} ± {max(about.std):.2g}, got pixels up to "
            f"{values.max()}; give x / 255, or what was done before training"
        )
    return values if about.kind == "any" else values.to(
        torch.float64 if values.dtype == torch.int64 else values.dtype
    ), alone


def check_finite(values: Tensor) -> None:
    """Raises ProfundoError for NaN and infinite values, of which a net makes NaN."""
    if values.is_floating_point() and not bool(values.isfinite().all()):
        bad = int((~values.isfinite()).flatten(1).any(1).nonzero()[0]) + 1
        raise ProfundoError(f"inputs: sample {bad} holds NaN or an infinite value; fill or drop it")


def in_words(about: Inputs) -> str:
    """What several samples are, and one."""
    one = f"({', '.join(map(str, about.shape))}{',' if len(about.shape) == 1 else ''})"
    return f"({', '.join(map(str, ('batch', *about.shape)))}), or {one} of one sample"


def to_width(values: Tensor, about: Inputs) -> Tensor:
    """Sequences (samples, steps, …) padded to as many steps as in training, or cut to them."""
    if not about.shape or tuple(values.shape[2:]) != about.shape[1:] or values.shape[1] == about.shape[0]:
        return values
    result = values.new_zeros(len(values), *about.shape)
    steps = min(values.shape[1], about.shape[0])
    result[:, :steps] = values[:, :steps]
    return result


def several_inputs(given: Any, about: Inputs) -> tuple[Any, bool]:
    """By their names where they had names in training, whatever their order; else by their places."""
    if isinstance(given, list):
        given = tuple(given)
    if about.names and isinstance(given, Mapping):
        if missing := [name for name in about.names if name not in given]:
            raise ProfundoError(f"inputs: expected {', '.join(about.names)}; missing: {', '.join(missing)}")
        given = {name: given[name] for name in about.names}
    if not isinstance(given, Mapping | tuple | list) or len(list(leaves(given))) != len(about.parts):
        raise ProfundoError(
            f"inputs: expected {len(about.parts)} of them, in a tuple or dict as in training, got {type(given).__name__}"
        )
    parts = [inputs_for(part, one) for part, one in zip(leaves(given), about.parts, strict=True)]
    return rebuilt(given, [values for values, _ in parts]), all(alone for _, alone in parts)


def as_rows(given: Any, about: Inputs) -> Any:
    """A row of pandas, and lists or arrays with words in them, by the names of the columns of the table; all else as it is."""
    names = [column.name for column in columns_of(about)] if about.columns else []
    if is_series(given) and hasattr(given, "to_dict") and set(names) & set(map(str, given.index)):
        return {str(name): value for name, value in given.to_dict().items()}
    if isinstance(given, np.ndarray) and given.ndim == 2 and given.dtype.kind in "OUS":
        given = given.tolist()
    if (
        names
        and isinstance(given, list)
        and given
        and all(isinstance(row, list | tuple) and len(row) == len(names) for row in given)
    ):
        return [dict(zip(names, row, strict=True)) for row in given]
    return given


def as_texts(given: Any, about: Inputs) -> Any:
    """A text, or several, as rows of the one column that the net reads, unless they are paths of files; all else as it is."""
    words = [given] if isinstance(given, str) else words_in([*given] if isinstance(given, tuple) else given)
    if (
        not about.texts
        or len(columns_of(about)) != 1
        or words is None
        or all(os.path.isfile(word or "") for word in words)
    ):
        return given
    rows = [{columns_of(about)[0].name: word} for word in words]
    return rows[0] if isinstance(given, str) else rows


def is_paths(given: Any) -> bool:
    return isinstance(given, list | tuple) and bool(given) and all(isinstance(one, str | Path) for one in given)


def is_rows(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and isinstance(given[0], Mapping)


def of_files(given: Any, about: Inputs) -> tuple[Any, bool]:
    """What is in one file or several: images, tables, arrays."""
    single = isinstance(given, str | Path)
    paths = [Path(one) for one in ([given] if single else given)]
    results = []
    for entry in entries(paths, about):
        if entry.values is None:
            raise ProfundoError(entry.fault)
        results.append(entry.values)
    if not results:
        raise ProfundoError(f"{paths[0]}: expected {about.things}, found none")
    alone = single and about.kind == "image" and paths[0].is_file() and len(results) == 1
    return alike(results), alone


def alike(images: list[Tensor]) -> Tensor:
    """Together. Raises ProfundoError for images of several sizes, where a net takes any."""
    if len(sizes := {tuple(image.shape) for image in images}) > 1:
        raise ProfundoError(
            f"inputs: expected images of one size at once, got {len(sizes)} different ones; give one after the other"
        )
    return torch.stack(images)


def of_table(given: Any, about: Inputs) -> tuple[Tensor, bool]:
    """Rows by the names of their columns: of a table, a dict of columns, a list of dicts; one row of a dict of values."""
    if is_frame(given):
        features, alone = features_of_frame(as_polars(given), about), False
    else:
        alone = isinstance(given, Mapping) and not any(
            isinstance(one, list | tuple | np.ndarray) for one in given.values()
        )
        rows = [given] if alone else list(given) if not isinstance(given, Mapping) else rows_of(given)
        features = features_of_rows(rows, about)
    if features.faults:
        row = min(features.faults)
        raise ProfundoError(f"row {row + 1}: {features.faults[row]}")
    return features.values, alone


def of_series(given: Any, about: Inputs) -> Tensor:
    """The series in the rows of a table: of each its end, to be predicted further, or all of it."""
    import polars

    frame = as_polars(given) if is_frame(given) else polars.DataFrame(given, infer_schema_length=None)
    found = list(frame_series(frame, about, "inputs"))
    if bad := next((entry.fault for entry in found if entry.values is None), None):
        raise ProfundoError(bad)
    return torch.stack([entry.values for entry in found if entry.values is not None])


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    values = {name: list(column) for name, column in columns.items()}
    if len({len(column) for column in values.values()}) > 1:
        raise ProfundoError("inputs: expected columns of equal length")
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def of_columns(values: Tensor, about: Inputs) -> tuple[Tensor, bool]:
    """Rows of numbers, a number for each column of the table, in its order."""
    rows = values[None] if values.ndim == 1 else values
    names = [column.name for column in columns_of(about)]
    return of_table([dict(zip(names, row, strict=True)) for row in rows.tolist()], about)[0], values.ndim == 1


def of_images(given: Any, about: Inputs) -> tuple[Tensor, bool]:
    """uint8 (n, channels, height, width), scaled to the net's size; floats are taken for pixels from 0 to 255."""
    channels, height, width = about.shape
    if is_image(given) or (isinstance(given, list) and given and is_image(given[0])):
        images = [given] if is_image(given) else given
        parts = [images_of([image.convert("L" if channels == 1 else "RGB")])[0] for image in images]
        return alike([to_size(part, about) for part in parts]), is_image(given)
    values = tensor_of(given, "inputs")
    alone = tuple(values.shape) in {about.shape, (height, width), (height, width, channels)}
    values = values[None] if alone else values
    if values.ndim == 3:
        values = values[:, None]
    if values.ndim == 4 and values.shape[1] != channels and values.shape[3] == channels:
        values = values.permute(0, 3, 1, 2)
    if values.ndim != 4 or values.shape[1] != channels:
        raise ProfundoError(f"inputs: expected images (n, {channels}, {height}, {width}), got {tuple(values.shape)}")
    if tuple(values.shape[2:]) != (height, width) and values.dtype == torch.uint8:
        values = torch.stack([to_size(one, about) for one in values])
    if tuple(values.shape[1:]) != about.shape and about.longest is None:
        raise ProfundoError(f"inputs: expected images (n, {channels}, {height}, {width}), got {tuple(values.shape)}")
    check_finite(values)
    if values.is_floating_point() and 0 < values.max() <= 1 and bool((values != values.round()).any()):
        raise ProfundoError(
            "inputs: expected pixels from 0 to 255, as the net learned them, got numbers from "
            f"{values.min():.2g} to {values.max():.2g}; give x * 255"
        )
    return values, alone


def to_size(image: Tensor, about: Inputs) -> Tensor:
    if tuple(image.shape) == about.shape or about.longest is not None:
        return image
    shape: Any = about.shape
    return torch.from_numpy(fitted(image.permute(1, 2, 0).numpy(), shape).transpose(2, 0, 1).copy())


# -------------------------------------------------------------------------------------------------------- with targets
def samples_at(path: Path, spec: Spec, how: Reading) -> Samples:
    """What is in a file or folder, with targets as the net knows them: rows by the names of their columns, of all else the test
    split where there is one. how: as the data that were trained on were read."""
    if spec.inputs.columns and spec.inputs.forecast is None:
        return samples_for(Framed(read_table(path, how).frame, how.target), spec)
    if spec.targets.traits.per != "sample":
        return {"pixel": grids_at, "object": scenes_at}[spec.targets.traits.per](path, spec, how)
    shape = spec.inputs.shape
    if spec.inputs.kind == "image" and shape[1] == shape[2] and path.is_dir():
        how = replace(how, image_size=shape[1])
    found = collect(path, how)
    if found.inputs.shape != spec.inputs.shape:
        raise ProfundoError(f"{path}: expected {in_words(spec.inputs)}, got inputs {found.inputs.shape}")
    samples = found.test if found.test is not None else found.train
    if not found.targets.classes or found.targets.classes == spec.targets.classes:
        return samples
    if spec.targets.kind not in ("classes", "binary") or found.targets.kind not in ("classes", "binary"):
        raise ProfundoError(f"{path}: expected {spec.targets.kind!r} targets, got {found.targets.kind!r}")
    names = np.array(found.targets.classes)[samples.targets.numpy()]
    return replace(samples, targets=targets_for(names, spec.targets))


def grids_at(path: Path, spec: Spec, how: Reading) -> Samples:
    """Images of any size with their masks or maps, in the scale of training; classes by how masks are written."""
    found = collect(path, replace(how, image_size=spec.inputs.longest or LARGEST))
    if (found.inputs.shape[0], found.targets.kind) != (spec.inputs.shape[0], spec.targets.kind):
        raise ProfundoError(
            f"{path}: expected images of {spec.inputs.shape[0]} channels with a {spec.targets.kind} each, got "
            f"{found.inputs.shape[0]} and {found.targets.kind!r} targets"
        )
    samples = found.test if found.test is not None else found.train
    if spec.targets.kind == "map":
        return samples
    if unknown := [code for code in found.targets.codes if code not in spec.targets.codes]:
        name = found.targets.classes[found.targets.codes.index(unknown[0])]
        raise ProfundoError(
            f"{path}: masks have a class {name!r}, the net knows {', '.join(spec.targets.classes[:10])}"
        )
    table = np.full(256, NO_CLASS, np.uint8)
    table[: len(found.targets.codes)] = [spec.targets.codes.index(code) for code in found.targets.codes]
    return replace(samples, targets=torch.from_numpy(table)[samples.targets.long()])


def scenes_at(path: Path, spec: Spec, how: Reading) -> Samples:
    """Images of any size with the objects in them, in the scale of training."""
    found = under_known(collect(path, replace(how, image_size=spec.inputs.longest or LARGEST)), spec, str(path))
    return found.test if found.test is not None else found.train


def under_known(found: Collection, spec: Spec, where: str) -> Collection:
    """Objects in images under the classes that the net knows, by their names."""
    known = spec.targets.classes
    if (found.inputs.shape[0], found.targets.kind) != (spec.inputs.shape[0], spec.targets.kind):
        raise ProfundoError(
            f"{where}: expected images of {spec.inputs.shape[0]} channels with objects in them, got {found.inputs.shape[0]} and "
            f"{found.targets.kind!r} targets"
        )
    if unknown := [name for name in found.targets.classes if name not in known]:
        raise ProfundoError(f"{where}: has objects of a class {unknown[0]!r}, the net knows {', '.join(known[:10])}")
    places = torch.tensor([*map(known.index, found.targets.classes), NO_OBJECT])  # −1 is the last

    def renamed(samples: Samples) -> Samples:
        table = table_of(samples.targets).clone()
        table[..., 4] = places[table[..., 4].long()].to(table.dtype)
        targets: Any = samples.targets
        targets = {**targets, "objects": table} if isinstance(targets, dict) else table
        return replace(samples, targets=targets)

    return replace(found, train=renamed(found.train), test=None if found.test is None else renamed(found.test))


def targets_read(frame: polars.DataFrame, kind: str) -> list[polars.Series]:
    """Columns of targets as those that were trained on were read; of classes, which have the cells for names, as they are written."""
    read = typed_table(frame, as_text=True, keep=frame.columns)
    words = {} if kind == "real" else read.texts
    return [words.get(one.name, one).set(one.is_null(), None) for one in read.frame]


def samples_for(given: Any, spec: Spec, target: str | None = None) -> Samples:
    """Samples with targets as the net knows them. target: of a table, the column to be predicted.

    Raises ProfundoError for samples without targets, and for a class that the net does not know.
    """
    import polars

    if spec.targets.traits.per == "object":
        how = Reading(image_size=spec.inputs.longest or LARGEST)
        return under_known(scenes_in_memory({"train": given}, "data", how, spec.targets.classes), spec, "data").train
    names = spec.targets.names
    how = Reading(target=target or (",".join(names) if names and names != ("y",) else None))
    count = len(spec.inputs.parts) or 1
    raw = given if isinstance(given, Framed) else read(given, how, Taker(count), "samples")
    if isinstance(raw, Framed):
        wanted = [name.strip() for name in (raw.target or "").split(",")]
        if not raw.target:
            raise ProfundoError("data: expected targets beside the table: run.evaluate(table, y)")
        if missing := [name for name in wanted if name not in raw.frame.columns]:
            raise ProfundoError(
                f"target: expected a column {missing[0]!r}; columns: {', '.join(raw.frame.columns)}; or give (X, y)"
            )
        frame, made = (
            raw.frame.with_columns(targets_read(raw.frame.select(wanted), spec.targets.kind)),
            spec.inputs.rows,
        )
        frame = frame.drop_nulls(wanted) if raw.weights is None else frame
        if spec.inputs.forecast is not None:
            raise ProfundoError(
                "data: a forecast is judged by what came later; profundo.cross_validate does so from several moments (a backtest)"
            )
        inputs = inputs_for(frame.drop(wanted), spec.inputs)[0]
        if made is not None:  # the label of each series, which all of its rows have
            frame = frame.group_by(made.series, maintain_order=True).agg(polars.col(wanted).drop_nulls().first())
        values = frame.select(wanted).to_numpy()
        values = values[:, 0] if len(wanted) == 1 else values
    else:
        inputs, _ = inputs_for(raw.inputs, spec.inputs)
        if raw.targets is None and spec.targets.kind == "any":
            return Samples(inputs, mapped(as_seen, inputs))
        if raw.targets is None:
            raise ProfundoError(
                "data: expected samples with targets, (X, y), got inputs only; run.predict(X) answers those"
            )
        values = raw.targets
    targets = (
        mapped(lambda leaf: tensor_of(leaf, "targets"), values)
        if spec.targets.kind == "any"
        else targets_for(plain(values), spec.targets, () if isinstance(raw, Framed) else raw.classes)
    )
    if length(inputs) != length(targets):
        raise ProfundoError(f"data: {length(inputs):,} inputs and {length(targets):,} targets; expected as many")
    return Samples(inputs, targets, weights=weights_of(raw.weights, length(targets), "data"))
