"""Images of any size and the objects in them, brought to one size: the samples of the kind "objects".

An image keeps its shape. Larger ones are scaled down until the longer side has LONGEST_SIDE pixels, or as many as were asked
for; smaller ones are continued by their edges, below and to the right, to the largest. Boxes and masks go with their image; what
a net finds is brought back to the photograph's own pixels (`rescaled` in object_masks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from profundo.boxes import Objects
from profundo.data.dataset_names import Reading
from profundo.data.grids.grid_folders import fitted_grid, fitted_image, scaled
from profundo.data.images.image_folders import fits_in_memory
from profundo.data.splits.splits import Collection
from profundo.object_masks import bits_of, targets_of
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["LONGEST_SIDE", "fitted_objects", "images_with_objects"]

LONGEST_SIDE = 320  # pixels, to which larger images are scaled down
SCALED = (
    "Images of up to {largest:,} pixels were scaled down, their longer side to {longest}; --image-size says otherwise. Boxes that "
    "are predicted are in the pixels of their image."
)


def images_with_objects(
    name: str,
    pixels: Callable[[int], np.ndarray],
    sizes: Sequence[tuple[int, int]],
    objects: Sequence[Objects],
    classes: Sequence[str],
    *,
    codes: Sequence[int] = (),
    splits: Sequence[str] = (),
    colour: bool = True,
    how: Reading = Reading(),  # noqa: B008 - frozen
    notes: Sequence[str] = (),
) -> Collection:
    """The samples of one source, read whole.

    pixels: of image number i, uint8 (height, width, channels), 1 or 3; sizes: (height, width) of each; objects: of each, in its
    own pixels; codes: of each class, its number in the source, empty where it has none; splits: "train", "validation" or "test" of
    each, empty where that is left to chance; colour: whether some have colour. Masks are kept where all objects have one. Raises
    ProfundoError where none is to be trained on, and for more than memory holds.
    """
    longest = how.image_size or (LONGEST_SIDE if max(map(max, sizes), default=0) > LONGEST_SIDE else 0)
    height, width = (max(side) for side in zip(*(scaled(size, longest) for size in sizes), strict=True))
    shape = (3 if colour else 1, height, width)
    moved, bits = apart(fitted_objects(one, size, longest, shape) for one, size in zip(objects, sizes, strict=True))
    masked = any(map(len, moved)) and all(len(own) == len(one) for own, one in zip(bits, moved, strict=True))
    each = shape[0] + (max(map(len, moved)) / 8 if masked else 0)
    if not fits_in_memory(int(len(sizes) * height * width * each), how.stream):
        raise ProfundoError(
            f"{name}: {len(sizes):,} images of {width}×{height} with objects are read whole, and do not fit in memory or were to "
            "be streamed; leave --stream out, or choose a smaller --image-size"
        )
    images = torch.stack([as_tensor(fitted_image(pixels(at), longest, shape)) for at in range(len(sizes))])
    parts: dict[str, Samples] = {}
    for split in dict.fromkeys(splits or ("train",)):
        rows = [at for at in range(len(sizes)) if not splits or splits[at] == split]
        own = [bits[at].view(-1, height, -(-width // 8)) for at in rows] if masked else None
        parts[split] = Samples(images[torch.tensor(rows)], targets_of([moved[at] for at in rows], own))
    if "train" not in parts:
        raise ProfundoError(f"{name}: expected images with objects to train on, found none in its training split")
    if longest and how.image_size is None:
        notes = (*notes, SCALED.format(largest=max(map(max, sizes)), longest=longest))
    rest = (parts.get("validation"), parts.get("test"))
    about = Inputs(shape, "image", longest=longest), Targets("objects", tuple(classes), codes=tuple(codes))
    return Collection(name, *about, parts["train"], *rest, notes=tuple(notes))


def apart(objects: Iterable[Objects]) -> tuple[list[Objects], list[Tensor]]:
    """The objects of each image without their masks, and the bits of these, none where they are not known."""
    bare, bits = [], []
    for one in objects:  # one after the other, for masks as they come take eight times as much
        bare.append(replace(one, masks=None))
        bits.append(torch.empty(0, dtype=torch.uint8) if one.masks is None else bits_of(one.masks))
    return bare, bits


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def fitted_objects(objects: Objects, size: tuple[int, int], longest: int, shape: tuple[int, ...]) -> Objects:
    """The objects of an image of that size (height, width), moved with it: see `fitted_image`."""
    height, width = scaled(size, longest)
    boxes = objects.boxes * torch.tensor([width / size[1], height / size[0]] * 2)
    masks = objects.masks
    if masks is not None:
        grids = [fitted_grid(one.numpy(), longest, shape, False) for one in masks]
        masks = torch.from_numpy(np.stack(grids)) if grids else torch.zeros(0, *shape[1:], dtype=torch.bool)
    return replace(objects, boxes=boxes, masks=masks)
