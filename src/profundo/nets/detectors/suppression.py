"""Non-maximum suppression: of boxes that lie on one another and are of one class, the surest stays.

Greedy, as all detectors have it: by falling score, a box stays if it overlaps no box that stays by more than a threshold. Here for
a batch at once and without a loop over boxes. Of boxes in the order of falling score, with M[i, j] whether i is before j, overlaps it
and is of its class,

    stays_j = not any_i (M[i, j] and stays_i)

is iterated from "all stay" until nothing changes. After t rounds every box is right that is at the end of no longer chain in M, so
the end is greedy's result exactly, and where boxes are few on one spot it is reached after a few rounds.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.boxes import NO_OBJECT, overlaps

__all__ = ["PLACES", "stays", "surest"]

PLACES = 100  # objects that a detector can tell of one image
EXPORTED_ROUNDS = 32  # in a graph without a loop; boxes that a chain of more decides are rare


def stays(boxes: Tensor, there: Tensor, classes: Tensor, threshold: float) -> Tensor:
    """bool (…, n): whether each of the boxes (…, n, 4), by falling score, stays; there: bool (…, n), those that are none do not and
    hide none; classes: int64 (…, n). threshold: of intersection over union, above which the less sure one goes."""
    number = torch.arange(boxes.shape[-2], device=boxes.device)
    before = number[:, None] < number
    hides = before & (overlaps(boxes, boxes) > threshold) & (classes[..., :, None] == classes[..., None, :])
    return settled(hides, there)


def settled(hides: Tensor, there: Tensor) -> Tensor:
    """The one solution of stays_j = there_j and no staying i hides j, for hides bool (…, n, n) without circles."""
    exported = torch.compiler.is_exporting()
    weights, result = hides.float(), there
    for _ in range(EXPORTED_ROUNDS if exported else there.shape[-1] + 1):
        hidden = (result[..., None, :].float() @ weights)[..., 0, :] > 0
        last, result = result, there & ~hidden
        if not exported and torch.equal(last, result):
            break
    return result


def surest(
    boxes: Tensor, scores: Tensor, classes: Tensor, threshold: float, places: int = PLACES
) -> tuple[Tensor, ...]:
    """What stays of candidates (batch, n, 4), (batch, n), (batch, n), by falling score, in so many places, and from where.

    Boxes (batch, places, 4), classes int64 (batch, places), scores, and the numbers of the candidates, int64; places that stay
    empty have class NO_OBJECT, score 0 and a box of zeros.
    """
    count = scores.shape[1]
    rank = torch.arange(count, 0, -1, device=scores.device)  # equal scores keep their order, here as in other programs
    place, number = torch.where(stays(boxes, scores > 0, classes, threshold), rank, 0).topk(min(places, count))
    missing = (0, max(0, places - count))
    there, number = F.pad(place, missing) > 0, F.pad(number, missing)
    score = torch.where(there, scores.gather(1, number), 0)
    box = torch.where(there[..., None], boxes.gather(1, number[..., None].expand(-1, -1, 4)), boxes.new_zeros(()))
    return box, torch.where(there, classes.gather(1, number), NO_OBJECT), score, number
