"""Images of a run as they are shown: as their source has them, where it still does, and not as small as a net sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from profundo.data.grids.grid_folders import fitted_image, scaled
from profundo.records import Dataset, ProfundoError, Samples

__all__ = ["ShownImage", "shown_image"]

LONGEST = 1024  # pixels of a side: what a page of a dozen photographs can carry


@dataclass(frozen=True, slots=True)
class ShownImage:
    """pixels: uint8 (channels, height, width); size: the (height, width) that the net saw of it, without what continued it to the
    size of its batches; name: of its file, "" where it has none."""

    pixels: Tensor
    size: tuple[int, int]
    name: str = ""


def shown_image(data: Dataset, split: Samples, at: int, seen: Tensor) -> ShownImage:
    """Sample number `at` of a split. seen: uint8 (channels, height, width), as the net saw it: shown where nothing else is."""
    if data.originals is None:
        return ShownImage(seen, (seen.shape[1], seen.shape[2]))
    longest, number = data.spec.inputs.longest or 0, at if split.numbers is None else int(split.numbers[at])
    height, width = scaled(data.originals.sizes[number], longest)
    as_seen = ShownImage(seen[:, :height, :width], (height, width))
    if (files := data.originals.files) is None:
        return as_seen
    try:
        pixels = files.pixels(number)
    except (OSError, ValueError, ProfundoError):  # gone or changed meanwhile
        return as_seen
    size: tuple[int, int] = (pixels.shape[0], pixels.shape[1])
    shape = (3 if pixels.shape[2] == 3 else 1, *scaled(size, LONGEST))
    small = np.ascontiguousarray(fitted_image(pixels, LONGEST, shape).transpose(2, 0, 1))
    return ShownImage(torch.from_numpy(small), scaled(size, longest), files.name(number))
