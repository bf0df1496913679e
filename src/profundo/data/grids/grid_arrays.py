"""Arrays of images and of a class or a number for each pixel, as a .npz holds them or a person gives them in Python.

x (n, h, w), (n, h, w, c) or (n, c, h, w)        y (n, h, w) of whole numbers: classes, of which 255 or any below 0 is none;
                                                 of other numbers: numbers, of which NaN is none; fractions that are all
                                                 whole, of at most FEW kinds, are classes, too
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Task
from profundo.data.grids.mask_codes import coding_of
from profundo.data.splits.splits import learned_targets
from profundo.kinds import NO_CLASS
from profundo.records import Dataset, Inputs, ProfundoError, Targets

__all__ = ["as_grids", "channels_first", "grid_targets"]

FEW = 20  # different whole numbers that are classes though they are stored as fractions


def channels_first(inputs: np.ndarray, grid: tuple[int, ...], where: str) -> np.ndarray:
    """(n, channels, height, width) of images that have the height and width of their grids."""
    result = inputs[:, None] if inputs.shape[1:] == grid else inputs
    if result.ndim == 4 and result.shape[2:] != grid and result.shape[1:3] == grid:
        result = result.transpose(0, 3, 1, 2)
    if result.ndim == 4 and result.shape[2:] == grid:
        return result if result.shape[1] in (1, 3) else result.astype(np.result_type(result, np.float32))  # no pictures
    raise ProfundoError(
        f"{where}: expected inputs (n, height, width), with channels before or after them, of the height and width of their "
        f"targets {grid}; got {inputs.shape}"
    )


def grid_targets(values: np.ndarray, task: Task, where: str) -> tuple[Targets, Tensor]:
    """Masks or maps (n, height, width). Raises ProfundoError for what is neither."""
    if values.dtype.kind not in "fiub" or (task == "labels"):
        raise ProfundoError(f"{where}: expected a class or a number for each pixel, got {values.dtype} {values.shape}")
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not known.size:
        raise ProfundoError(f"{where}: expected a class or a number for each pixel, all are missing")
    few = values.dtype.kind == "f" and len(np.unique(known)) <= FEW and bool((known == np.round(known)).all())
    if task == "real" or (task == "auto" and values.dtype.kind == "f" and not few):
        return Targets("map", names=("value",)), torch.from_numpy(np.where(np.isfinite(values), values, np.nan)).float()
    if not (known == np.round(known)).all():
        raise ProfundoError(f"{where}: expected whole numbers as classes, got {known[known != np.round(known)][0]}")
    codes = np.where(np.isfinite(values), values, -1).astype(np.int64)
    coding = coding_of(np.unique(codes[codes >= 0]).tolist(), {}, where)
    return Targets("mask", coding.names, codes=coding.codes), torch.from_numpy(coding.indices(codes))


def as_grids(data: Dataset, outputs: tuple[int, ...] | None = None) -> Dataset:
    """Data in memory whose targets, so far of any shape, are (n, height, width) beside images of that size: with masks or maps
    as targets. outputs: of a net of one's own for a sample, (channels, height, width), where it says how many classes there are;
    data that do not go with them stay as they are."""
    inputs, grid = data.spec.inputs, data.train.targets
    if data.spec.targets.kind != "any" or not isinstance(grid, Tensor) or not isinstance(data.train.inputs, Tensor):
        return data
    splits = data.train, data.validation, data.test
    whole = flat(np.concatenate([split.targets.numpy() for split in splits]))
    size = whole.shape[1:]
    if whole.ndim != 3 or size not in (tuple(inputs.shape), tuple(inputs.shape[1:])):
        return data
    if outputs is not None and (outputs[1:] != size or grid.is_floating_point() or outputs[0] < 2):
        return data
    targets, values = grid_targets(whole, "auto", data.name)
    if outputs is not None:
        if max(targets.codes) >= outputs[0]:
            return data
        targets = Targets("mask", tuple(map(str, range(outputs[0]))), codes=tuple(range(outputs[0])))
        values = torch.from_numpy(np.where((whole >= 0) & (whole < outputs[0]), whole, NO_CLASS).astype(np.uint8))
    alone = size == tuple(inputs.shape)  # grey images without the axis of channels
    parts = [
        replace(split, inputs=split.inputs[:, None] if alone else split.inputs, targets=own)  # type: ignore[index]
        for split, own in zip(splits, torch.split(values, [len(split) for split in splits]), strict=True)
    ]
    seen = with_channel(inputs, parts[0].inputs) if alone else inputs  # type: ignore[arg-type]
    spec = replace(data.spec, inputs=replace(seen, longest=0), targets=learned_targets(targets, parts[0].targets))
    return replace(data, spec=spec, train=parts[0], validation=parts[1], test=parts[2])


def flat(grid: np.ndarray) -> np.ndarray:
    """(n, height, width) of a class or a number for each pixel on an axis of its own, (n, 1, height, width) or last, and of
    classes one-hot; all else as it is."""
    if grid.ndim != 4:
        return grid
    if axis := next((axis for axis in (1, 3) if grid.shape[axis] == 1), None):
        return grid.squeeze(axis)
    if not np.isin(grid, (0, 1)).all():
        return grid
    axis = next((axis for axis in (3, 1) if (grid.sum(axis) == 1).all()), None)
    return grid if axis is None else grid.argmax(axis)


def with_channel(inputs: Inputs, images: Tensor) -> Inputs:
    wide = images.double()
    return Inputs((1, *inputs.shape), "array", (wide.mean().item(),), (wide.std(correction=0).item() or 1.0,))
