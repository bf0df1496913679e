"""Masks of objects: eight pixels to a byte in memory, pasted into an image from what a net says of each box; and the targets and
answers that hold them beside a table of boxes.

    of what is      targets                                        as `boxes.packed` has it
    only boxes      float32 (images, most, 6)                      box, class, 1 where it is a crowd
    masks as well   {"objects": that, "masks": (images, most, …)}  uint8 of bits in Samples and Answers, bool in a Batch

    what was found
    only boxes      float32 (images, places, 6)                    box, class, score; NO_OBJECT and 0 where a place is unused
    masks as well   {"objects": that, "masks": (images, places, side, side)}   from 0 to 1, over each box
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.boxes import NO_OBJECT, Detections, Objects, areas, packed, unpacked

__all__ = [
    "bits_of",
    "clipped",
    "detections_in",
    "found_table",
    "masks_of",
    "objects_in",
    "pasted",
    "rescaled",
    "table_of",
    "targets_of",
    "with_bits",
    "with_masks",
]

BIT = (128, 64, 32, 16, 8, 4, 2, 1)  # of a byte, the leftmost pixel first, as numpy.packbits has them


def bits_of(masks: Tensor) -> Tensor:
    """uint8 (…, ⌈width / 8⌉) of masks bool (…, width)."""
    wide = F.pad(masks.to(torch.uint8), (0, -masks.shape[-1] % 8))
    each = wide.view(*wide.shape[:-1], wide.shape[-1] // 8, 8) * torch.tensor(
        BIT, dtype=torch.uint8, device=masks.device
    )
    return each.sum(-1, dtype=torch.uint8)


def masks_of(bits: Tensor, width: int) -> Tensor:
    """bool (…, width) of their bits."""
    each = bits.unsqueeze(-1) & torch.tensor(BIT, dtype=torch.uint8, device=bits.device)
    return (each != 0).flatten(-2)[..., :width]


# ------------------------------------------------------------------------------------------------------------- targets
def targets_of(images: Sequence[Objects], bits: Sequence[Tensor] | None = None) -> Any:
    """The targets of a split, of as many places as its fullest image needs. bits: of the masks of each image, uint8 (objects,
    height, ⌈width / 8⌉); None where only boxes are known."""
    table = packed(images)
    if bits is None:
        return table
    masks = torch.zeros(*table.shape[:2], *bits[0].shape[1:], dtype=torch.uint8)
    for row, own in zip(masks, bits, strict=True):
        row[: len(own)] = own
    return {"objects": table, "masks": masks}


def table_of(targets: Any) -> Tensor:
    """The table of boxes (images, places, 6) among targets or answers."""
    table: Tensor = targets["objects"] if isinstance(targets, Mapping) else targets
    return table


def with_masks(targets: Any, width: int) -> Any:
    """Targets whose masks are bool (images, most, height, width), as nets learn from them; those without masks as they are."""
    if not isinstance(targets, Mapping) or targets["masks"].dtype == torch.bool:
        return targets
    return {**targets, "masks": masks_of(targets["masks"], width)}


def with_bits(targets: Any) -> Any:
    """The reverse."""
    if not isinstance(targets, Mapping) or targets["masks"].dtype != torch.bool:
        return targets
    return {**targets, "masks": bits_of(targets["masks"])}


def objects_in(targets: Any, index: int, width: int) -> Objects:
    """What is in one image of a split. width: of the images, in pixels."""
    row = table_of(targets)[index]
    if not isinstance(targets, Mapping):
        return unpacked(row)
    there = row[:, 4] != NO_OBJECT
    masks = targets["masks"][index][there]
    return unpacked(row[there], masks if masks.dtype == torch.bool else masks_of(masks, width))


# ------------------------------------------------------------------------------------------------------------- answers
def found_table(outputs: Sequence[Tensor]) -> Any:
    """What a detector gives, (boxes, classes, scores[, masks]) with as many places for every image, as answers."""
    boxes, classes, scores = outputs[:3]
    table = torch.cat([boxes.float(), classes.float().unsqueeze(-1), scores.float().unsqueeze(-1)], -1)
    return table if len(outputs) == 3 else {"objects": table, "masks": outputs[3].half()}


def detections_in(answers: Any, index: int, size: tuple[int, int], least: float = 0.0) -> Detections:
    """What was found in one image, the surest first, its boxes cut at the edges of the image and its masks pasted; what lies beyond
    is left out. size: height and width of the image, 0 where they are not known and nothing is cut; least: score from which a
    detection counts.
    """
    whole = table_of(answers)[index]
    boxes = clipped(whole[:, :4], size) if any(size) else whole[:, :4]
    order = whole[:, 5].argsort(descending=True, stable=True)
    order = order[((whole[:, 4] != NO_OBJECT) & (whole[:, 5] >= least) & (areas(boxes) > 0))[order]]
    row, masks = whole[order], None
    if isinstance(answers, Mapping) and "masks" in answers:
        masks = pasted(answers["masks"][index][order], row[:, :4], size)
    return Detections(boxes[order], row[:, 4].long(), row[:, 5], masks)


def clipped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (…, 4), cut at the edges of an image of that height and width."""
    high = torch.tensor([size[1], size[0]] * 2, dtype=boxes.dtype, device=boxes.device)
    return torch.minimum(boxes.clamp(min=0), high)


def rescaled(answers: Any, size: tuple[int, int], to: tuple[int, int]) -> Any:
    """Answers about images of one height and width, as of the same images of another: boxes move, masks go with them."""
    table = table_of(answers)
    factors = torch.tensor([to[1] / size[1], to[0] / size[0]] * 2, dtype=table.dtype)
    moved = torch.cat([table[..., :4] * factors, table[..., 4:]], -1)
    return {**answers, "objects": moved} if isinstance(answers, Mapping) else moved


def pasted(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """bool (found, height, width): the pixels of an image of that size that are of each object, by its mask (found, side, side),
    probabilities over its box (found, 4): those whose centre lies in the box and gets ½ or more, between the four nearest values.

    Each is made within its box alone: as numbers over a whole photograph, a hundred take gigabytes.
    """
    result = torch.zeros(len(masks), *size, dtype=torch.bool, device=masks.device)
    rows = toward(boxes[:, 1], boxes[:, 3], masks.shape[1], size[0])
    columns = toward(boxes[:, 0], boxes[:, 2], masks.shape[2], size[1])
    edges = clipped(torch.cat([boxes[:, :2].floor(), boxes[:, 2:].ceil()], 1), size).long().tolist()
    for at, (left, top, right, bottom) in enumerate(edges):
        inside = rows[at, top:bottom] @ masks[at].float() @ columns[at, left:right].T
        result[at, top:bottom, left:right] = inside >= 0.5
    return result


def toward(low: Tensor, high: Tensor, values: int, pixels: int) -> Tensor:
    """(found, pixels, values): the share that each of a mask's values along one side has in each pixel of the image, linear
    between neighbours; none where the pixel's centre lies outside from low to high (found,)."""
    centre = torch.arange(pixels, device=low.device) + 0.5
    inside = (centre >= low[:, None]) & (centre < high[:, None])
    place = (centre - low[:, None]) / (high - low).clamp_min(1e-6)[:, None] * values - 0.5
    far = place.clamp(0, values - 1).unsqueeze(-1) - torch.arange(values, device=low.device)
    return (1 - far.abs()).clamp_min(0) * inside.unsqueeze(-1)
