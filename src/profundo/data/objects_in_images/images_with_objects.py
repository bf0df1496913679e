"""Images of any size and the objects in them, brought to one size: the samples of the kind "objects".

An image keeps its shape. Larger ones are scaled down until the longer side has LONGEST_SIDE pixels, or as many as were asked
for; smaller ones are continued by their edges, below and to the right, to the largest. Boxes and masks go with their image; what
a net finds is brought back to the photograph's own pixels (`object_masks.rescaled`).
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
from profundo.languages import Said
from profundo.object_masks import bits_of, targets_of
from profundo.records import ImageReader, Inputs, Originals, ProfundoError, Samples, Targets

__all__ = ["LONGEST_SIDE", "images_with_objects", "longest_side"]

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
    masks: Callable[[int], Iterable[np.ndarray]] | None = None,
    codes: Sequence[int] = (),
    splits: Sequence[str] = (),
    colour: bool = True,
    how: Reading = Reading(),  # noqa: B008 - frozen
    notes: Sequence[str] = (),
    files: ImageReader | None = None,
) -> Collection:
    """The samples of one source, read whole.

    pixels: of image number i, uint8 (height, width, channels), 1 or 3; sizes: (height, width) of each; objects: of each, in its
    own pixels; masks: of the objects of image number i, bool (height, width) in its own pixels, one after the other, where they
    are not among `objects`; codes: of each class, its number in the source, empty where it has none; splits: "train", "validation"
    or "test" of each, empty where that is left to chance; colour: whether some have colour; files: that the images are read of again
    where they are shown. Masks are kept where all objects have one. Raises ProfundoError where none is to be trained on, and for
    more than memory holds.
    """
    longest = longest_side(sizes, how.image_size)
    height, width = (max(side) for side in zip(*(scaled(size, longest) for size in sizes), strict=True))
    shape = (3 if colour else 1, height, width)
    moved = [fitted_boxes(one, size, longest) for one, size in zip(objects, sizes, strict=True)]
    if masks is None and all(one.masks is not None for one in objects if len(one)):
        masks = own_masks(objects)
    masks = masks if any(map(len, moved)) else None
    each = shape[0] + (0 if masks is None else max(map(len, moved)) / 8)
    if not fits_in_memory(int(len(sizes) * height * width * each), how.stream):
        raise ProfundoError(
            f"{name}: {len(sizes):,} images of {width}×{height} with objects are read whole, and do not fit in memory or were to "
            "be streamed; leave --stream out, or choose a smaller --image-size"
        )
    images = torch.stack([as_tensor(fitted_image(pixels(at), longest, shape)) for at in range(len(sizes))])
    bits = None if masks is None else [packed_masks(masks(at), longest, shape) for at in range(len(sizes))]
    parts: dict[str, Samples] = {}
    for split in dict.fromkeys(splits or ("train",)):
        rows = [at for at in range(len(sizes)) if not splits or splits[at] == split]
        own = None if bits is None else [bits[at] for at in rows]
        numbers = torch.tensor(rows)
        parts[split] = Samples(images[numbers], targets_of([moved[at] for at in rows], own), numbers)
    if "train" not in parts:
        raise ProfundoError(Said("refusals.objects_to_train", where=name))
    if longest and how.image_size is None:
        notes = (*notes, SCALED.format(largest=max(map(max, sizes)), longest=longest))
    rest = (parts.get("validation"), parts.get("test"))
    about = Inputs(shape, "image", longest=longest), Targets("objects", tuple(classes), codes=tuple(codes))
    originals = Originals(tuple((height, width) for height, width in sizes), files)
    return Collection(name, *about, parts["train"], *rest, notes=tuple(notes), originals=originals)


def longest_side(sizes: Iterable[Sequence[int]], asked: int | None) -> int:
    """Pixels to which the longer side of images of these sizes is scaled down; 0 where they keep theirs."""
    return asked or (LONGEST_SIDE if max(map(max, sizes), default=0) > LONGEST_SIDE else 0)


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def fitted_boxes(objects: Objects, size: tuple[int, int], longest: int) -> Objects:
    """The objects of an image of that size (height, width) without masks, moved with it: see `fitted_image`."""
    height, width = scaled(size, longest)
    return replace(objects, boxes=objects.boxes * torch.tensor([width / size[1], height / size[0]] * 2), masks=None)


def own_masks(objects: Sequence[Objects]) -> Callable[[int], Iterable[np.ndarray]]:
    def of(at: int) -> Iterable[np.ndarray]:
        masks = objects[at].masks
        return () if masks is None else (mask.numpy() for mask in masks)

    return of


def packed_masks(masks: Iterable[np.ndarray], longest: int, shape: tuple[int, ...]) -> Tensor:
    """uint8 (objects, height, ⌈width / 8⌉), moved with their image. One after the other, for as they come they take eight times
    as much, and those of a photograph far more."""
    bits = [bits_of(torch.from_numpy(fitted_grid(one, longest, shape, False))) for one in masks]
    return torch.stack(bits) if bits else torch.zeros(0, shape[1], -(-shape[2] // 8), dtype=torch.uint8)
