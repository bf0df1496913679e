"""The proposal network of Faster R-CNN: where something is, of whatever class (Ren, He, Girshick & Sun 2015, section 3.1).

At every place of every map stand anchors, boxes of one size and three shapes. A small net that slides over the maps says of each how
surely it is an object, and by which offsets it would fit better. The surest, thinned out, are the proposals.

    cost = cross-entropy(object or not) + |offsets − wanted|₁

over a sample of anchors, half of them with an object if there are so many.

An anchor has an object if they overlap by HIGH or it is the object's best; it has none if it overlaps each by less than LOW; between
the two it is not asked, nor where a crowd may be what it sees: half of the anchor or more lies in it, or they overlap by LOW.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.boxes import NO_OBJECT, areas, clipped, overlaps, shared_areas
from profundo.nets.detectors.box_costs import moved, offsets
from profundo.nets.detectors.pyramid import centres
from profundo.nets.detectors.suppression import surest

__all__ = ["BACKGROUND", "NOT_ASKED", "Proposals", "Proposed", "drawn", "matched", "proposals"]

SCALE, SHAPES = 4.0, (0.5, 1.0, 2.0)  # of anchors: strides of a side, and height by width
HIGH, LOW = 0.7, 0.3
SAMPLE = 128  # anchors of an image that are trained
BEST, SUPPRESSED = 300, 0.7  # the surest that are thinned out, and by which overlap
BACKGROUND, NOT_ASKED = -1, -2  # in place of an object's number


@dataclass(frozen=True, slots=True)
class Proposed:
    """anchors (anchors, 4); logits (batch, anchors) that it is an object; by (batch, anchors, 4): offsets from the anchors."""

    anchors: Tensor
    logits: Tensor
    by: Tensor


class Proposals(nn.Module):
    """maps of a pyramid → Proposed; width: of the maps, strides: of them."""

    def __init__(self, width: int, strides: Sequence[int]) -> None:
        super().__init__()
        self.strides = list(strides)
        self.sliding = nn.Conv2d(width, width, 3, padding=1)
        self.surely = nn.Conv2d(width, len(SHAPES), 1)
        self.by = nn.Conv2d(width, 4 * len(SHAPES), 1)
        for layer in (self.surely, self.by):
            nn.init.normal_(layer.weight, std=0.01)

    def forward(self, maps: Sequence[Tensor]) -> Proposed:
        seen = [F.relu(self.sliding(one)) for one in maps]
        logits = torch.cat([self.surely(one).permute(0, 2, 3, 1).flatten(1) for one in seen], 1)
        by = torch.cat([self.by(one).permute(0, 2, 3, 1).flatten(1) for one in seen], 1)
        return Proposed(anchors(maps, self.strides), logits, by.view(by.shape[0], -1, 4))

    def cost(self, proposed: Proposed, table: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            which = matched(proposed.anchors[None], table, LOW, HIGH, best=True)
            positive, asked = drawn(which, SAMPLE, SAMPLE // 2)
            rows = table.gather(1, which.clamp(min=0)[..., None].expand(-1, -1, 6))
            wanted = offsets(rows[positive][:, :4], proposed.anchors.expand(len(table), -1, -1)[positive])
        number = asked.sum().clamp(min=1)
        told = F.binary_cross_entropy_with_logits(proposed.logits[asked], positive[asked].float(), reduction="sum")
        return {"object": told / number, "proposal": (proposed.by[positive] - wanted).abs().sum() / number}


@torch.no_grad()
def proposals(proposed: Proposed, size: tuple[int, int], count: int) -> tuple[Tensor, Tensor]:
    """Boxes (batch, count, 4) inside the image (height, width), the surest first, and which of the places are filled."""
    best, number = proposed.logits.topk(min(BEST, proposed.logits.shape[1]))
    by = proposed.by.gather(1, number[..., None].expand(-1, -1, 4))
    boxes = clipped(moved(proposed.anchors[number], by), size)
    boxes, _, scores, _ = surest(boxes, best.sigmoid(), torch.zeros_like(number), SUPPRESSED, count)
    return boxes, scores > 0


def anchors(maps: Sequence[Tensor], strides: Sequence[int]) -> Tensor:
    """(anchors, 4): at each place of each map the SHAPES one after the other, all of one area."""
    results = []
    for points, stride in zip(centres(maps, strides), strides, strict=True):
        sides = points.new_tensor([[1 / math.sqrt(shape), math.sqrt(shape)] for shape in SHAPES]) * SCALE * stride
        low, high = points[:, None] - sides / 2, points[:, None] + sides / 2
        results.append(torch.cat([low, high], 2).flatten(0, 1))
    return torch.cat(results)


def matched(boxes: Tensor, table: Tensor, low: float, high: float, *, best: bool = False) -> Tensor:
    """The number of the object of the table (batch, most, 6) that each of the boxes (batch or 1, n, 4) overlaps most, int64
    (batch, n), if by `high` or more; BACKGROUND if by less than `low`; NOT_ASKED between them, and of those without an object where
    the box is `in_crowds`. Crowds are nobody's object.

    best: the boxes that overlap an object more than all others do are its own, too, however little it is.
    """
    there, crowd = table[..., 4] != NO_OBJECT, table[..., 5] > 0
    overlap = overlaps(boxes, table[..., :4])
    shared = overlap.masked_fill(~(there & ~crowd)[:, None], 0)
    most, which = shared.max(2)
    result = torch.where(most >= high, which, torch.where(most < low, BACKGROUND, NOT_ASKED))
    if best:
        highest = shared.amax(1, keepdim=True)
        own, whose = ((shared == highest) & (highest > 0)).max(2)
        result = torch.where(own & (result < 0), whose, result)
    unsure = (in_crowds(boxes, table) | (overlap >= low)) & (there & crowd)[:, None]
    return result.masked_fill(unsure.any(2) & (result < 0), NOT_ASKED)


def in_crowds(boxes: Tensor, table: Tensor) -> Tensor:
    """bool (batch, n, most): of which of the table's places half of a box's own area or more is part, as COCO measures crowds: a
    union with one that is a hundred times as large would say nothing."""
    return 2 * shared_areas(boxes, table[..., :4]) >= areas(boxes)[..., None].clamp(min=1e-6)


def drawn(which: Tensor, count: int, positives: int) -> tuple[Tensor, Tensor]:
    """A sample of boxes that were matched, (batch, n): bool, those with an object, at most so many; and with them the background,
    `count` in all. By chance."""
    chance = torch.rand(which.shape, device=which.device)
    positive = first_of(which >= 0, chance, torch.full_like(which[:, :1], positives))
    background = first_of(which == BACKGROUND, chance, count - positive.sum(1, keepdim=True))
    return positive, positive | background


def first_of(mask: Tensor, chance: Tensor, count: Tensor) -> Tensor:
    """The mask (batch, n), but no more than `count` (batch, 1) of each row: those of the greatest chance."""
    order = torch.where(mask, chance, -1.0).argsort(1, descending=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    return mask & (rank < count)
