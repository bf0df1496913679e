"""Images with 16 bits a channel, of which cameras, scanners and microscopes seldom use all: which values are black and white
is measured on the images to train on, and kept with the net as `Inputs.window`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from profundo.data.images.pixels import WHOLE, Window, read_pixels, window_of
from profundo.data.splits.splits import Measured, Selection
from profundo.data.streams.blocks import gather, root_of
from profundo.image_files import strict
from profundo.records import Inputs, Samples

__all__ = ["DeepImages"]


class DeepImages:
    """A Source: images of which some have 16 bits a channel, seen through the whole window until another is measured.

    read: the bytes of an image, by its number; seen_through: all images, by the window.
    """

    def __init__(self, read: Callable[[int], bytes], seen_through: Callable[[Window], Tensor | Measured]) -> None:
        self.read, self.seen_through = read, seen_through
        self.whole = seen_through(WHOLE)

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: int) -> Tensor:
        return self.whole[index]

    def gather(self, indices: Tensor) -> Tensor:
        return gather(Selection(self.whole, indices), range(len(indices)))

    def as_features(
        self, inputs: Inputs, train: Samples, *others: Samples
    ) -> tuple[Inputs, tuple[Samples, ...], tuple[str, ...]]:
        """See splits.Learning: the inputs with their window, the samples seen through it, and what to say of it."""
        counts = np.zeros(WHOLE[1] + 1, np.int64)
        with strict():
            for index in _places(train).tolist():
                pixels = read_pixels(self.read(index))
                if pixels.dtype == np.uint16:
                    counts += np.bincount(pixels.ravel(), minlength=len(counts))
            low, high = window_of(counts)
            images = self.seen_through((low, high))
        note = (
            f"Of images with 16 bits a channel, {low:,} becomes black and {high:,} white, as those to train on have it."
        )
        splits = (Samples(_chosen(images, _places(split)), split.targets) for split in (train, *others))
        return replace(inputs, window=(low, high)), tuple(splits), (note,)


def _places(split: Samples) -> Tensor:
    return root_of(split.inputs, torch.arange(len(split)))[1]


def _chosen(images: Tensor | Measured, places: Tensor) -> Tensor | Selection:
    return images[places] if isinstance(images, Tensor) else Selection(images, places)
