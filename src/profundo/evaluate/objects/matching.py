"""Which detection is of which object, as COCO decides it (Lin et al. 2014; the rules are those of its reference evaluation).

In each image, and within a class, the detections choose, the surest first: each the object that it overlaps most, of those that
are to be found, are free, and overlap by the threshold or more; if there is none, one that is not to be found, such as a crowd or
an object outside the range of areas, and then it is ignored, neither right nor wrong. A crowd is never taken. What is left
without an object is wrong, or ignored where its own area is outside the range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from profundo.evaluate.objects.judged_scenes import Scenes

__all__ = ["ANY_AREA", "MOST", "NONE", "THRESHOLDS", "Matches", "matched"]

THRESHOLDS: tuple[float, ...] = tuple(
    np.linspace(0.5, 0.95, 10).tolist()
)  # as COCO rounds them: 11/20 is none below .55
ANY_AREA = ((0.0, 1e10),)
MOST = 100  # detections of an image and class that are looked at
NONE = -1


@dataclass(frozen=True, slots=True)
class Matches:
    """What became of the detections that were looked at, by class, the surest first.

    found: int64 (n,), which of the scenes' detections each is; rank: its place among those of its image and class, from 0.
    object: int64 (n, ranges, thresholds), which of the scenes' objects it is of, NONE of none; right, ignored: bool, likewise.
    wanted: bool (objects, ranges), which are to be found.
    """

    found: Tensor
    rank: Tensor
    object: Tensor
    right: Tensor
    ignored: Tensor
    wanted: Tensor

    @property
    def wrong(self) -> Tensor:
        return ~(self.right | self.ignored)


def matched(
    seen: Scenes,
    thresholds: Sequence[float] = THRESHOLDS,
    ranges: Sequence[tuple[float, float]] = ANY_AREA,
    most: int = MOST,
) -> Matches:
    """What became of each detection at each threshold of overlap, for objects in each range of areas, ends included."""
    found, rank = ranked(seen, most)
    wanted = inside(seen.object_area, ranges) & ~seen.crowd[:, None]
    which, candidates, overlaps = preferred(seen, found, min(thresholds))
    chosen = torch.full((len(found), len(ranges), len(thresholds)), NONE)
    at_least = torch.tensor(thresholds, dtype=torch.float64)
    chosen[which] = choices(candidates, overlaps, rank[which], wanted, seen.crowd, at_least)
    has, or_none = chosen != NONE, torch.cat([wanted, torch.zeros(1, len(ranges), dtype=torch.bool)])
    right = or_none[chosen, torch.arange(len(ranges))[:, None]]
    return Matches(
        found, rank, chosen, right, torch.where(has, ~right, ~inside(seen.area[found], ranges)[..., None]), wanted
    )


def inside(area: Tensor, ranges: Sequence[tuple[float, float]]) -> Tensor:
    """bool (n, ranges)"""
    low, high = torch.tensor(ranges, dtype=torch.float64).T
    within: Tensor = (low <= area[:, None]) & (area[:, None] <= high)
    return within


def ranked(seen: Scenes, most: int) -> tuple[Tensor, Tensor]:
    """The surest `most` detections of each image and class, by class and falling score, equal ones as they came; and the rank of
    each within its image and class."""
    order = seen.score.sort(descending=True, stable=True).indices
    order = order[seen.kind[order].sort(stable=True).indices]
    groups, by_group = (seen.kind[order] * seen.images + seen.image[order]).sort(stable=True)
    rank = torch.empty_like(order)
    rank[by_group] = torch.arange(len(order)) - torch.searchsorted(groups, groups)
    kept = rank < most
    return order[kept], rank[kept]


def preferred(seen: Scenes, found: Tensor, least: float) -> tuple[Tensor, Tensor, Tensor]:
    """Which of the ranked detections (some,) overlap an object of their class by `least` or more; these objects (some, candidates),
    those overlapped most first, of equal ones the last as COCO has it, NONE in places left over; and their overlaps."""
    place = torch.full_like(seen.kind, NONE)
    place[found] = torch.arange(len(found))
    fits = (
        (place[seen.first] != NONE) & (seen.overlap >= least) & (seen.kind[seen.first] == seen.object_kind[seen.second])
    )
    at, other, overlap = (one[fits].flip(0) for one in (place[seen.first], seen.second, seen.overlap))
    order = overlap.sort(descending=True, stable=True).indices
    order = order[at[order].sort(stable=True).indices]
    which, row, number = torch.unique_consecutive(at[order], return_inverse=True, return_counts=True)
    slot = torch.arange(len(order)) - (number.cumsum(0) - number)[row]
    candidates = torch.full((len(which), int(slot.max()) + 1 if len(slot) else 1), NONE)
    overlaps = torch.zeros(candidates.shape, dtype=torch.float64)
    candidates[row, slot], overlaps[row, slot] = other[order], overlap[order]
    return which, candidates, overlaps


def choices(
    candidates: Tensor, overlaps: Tensor, rank: Tensor, wanted: Tensor, crowd: Tensor, thresholds: Tensor
) -> Tensor:
    """int64 (n, ranges, thresholds): the object that each takes, NONE for none. Those of one rank are of different images or
    classes, cannot want the same, and choose at once."""
    chosen = torch.full((len(candidates), wanted.shape[1], len(thresholds)), NONE)
    free = torch.ones(len(crowd), *chosen.shape[1:], dtype=torch.bool)
    places = torch.arange(candidates.shape[1], 0, -1, dtype=torch.int16)[:, None, None]
    for these in torch.split(rank.sort(stable=True).indices, torch.bincount(rank).tolist()):
        objects = candidates[these]
        may = (overlaps[these][:, :, None, None] >= thresholds) & free[objects]
        better = may & wanted[objects][..., None]
        may = torch.where(better.any(1, keepdim=True), better, may)
        best = (may * places).amax(1).long()  # the first that may be, by its place from the end; 0 of none
        slot = (len(places) - best).clamp_max(len(places) - 1)
        taken = torch.where(best > 0, objects.gather(1, slot.flatten(1)).view_as(slot), NONE)
        chosen[these] = taken
        gone = ((taken != NONE) & ~crowd[taken]).nonzero(as_tuple=True)
        free[taken[gone], gone[1], gone[2]] = False
    return chosen
