"""Non-maximum suppression: of boxes that lie on one another and are of one class, the surest stays.

Greedy, as all detectors have it: by falling score, a box stays if it overlaps no box that stays by more than a threshold. Here for
a batch at once and without a loop over boxes: with M[i, j] whether i comes before j, overlaps it and is of its class,

    stays_j = not any_i (M[i, j] and stays_i)

is iterated from "all stay" until nothing changes. After t rounds every box is right that fewer than t others can reach along M, so
the end is greedy's result exactly, and where boxes are few on one spot it is reached after a few rounds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.boxes import NO_OBJECT, overlaps

__all__ = ["PLACES", "stays", "surest"]

PLACES = 100  # objects that a detector can tell of one image
EXPORTED_ROUNDS = 16  # in a graph without a loop; boxes that a chain of more decides are rare


def stays(boxes: Tensor, scores: Tensor, classes: Tensor, threshold: float) -> Tensor:
    """bool (…, n): whether each of the boxes (…, n, 4) stays; scores and classes (…, n).

    threshold: of intersection over union, above which the less sure one goes. Boxes of score 0 do not stay and hide none; of
    two equal scores the earlier counts as the surer.
    """
    before = (scores[..., :, None] > scores[..., None, :]) | (
        (scores[..., :, None] == scores[..., None, :]) & earlier(boxes.shape[-2], boxes.device)
    )
    hides = before & (overlaps(boxes, boxes) > threshold) & (classes[..., :, None] == classes[..., None, :])
    there = scores > 0
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


def earlier(count: int, device: torch.device) -> Tensor:
    """bool (count, count): whether the row's number is below the column's."""
    numbers = torch.arange(count, device=device)
    return numbers[:, None] < numbers


def surest(
    boxes: Tensor, scores: Tensor, classes: Tensor, threshold: float, places: int = PLACES
) -> tuple[Tensor, ...]:
    """What stays of candidates (batch, n, 4), (batch, n), (batch, n), in so many places, the surest first, and from where.

    Boxes (batch, places, 4), classes int64 (batch, places), scores, and the numbers of the candidates, int64; places that stay
    empty have class NO_OBJECT, score 0 and a box of zeros.
    """
    kept = torch.where(stays(boxes, scores, classes, threshold), scores, torch.zeros_like(scores))
    missing = max(0, places - kept.shape[1])
    score, number = torch.nn.functional.pad(kept, (0, missing)).sort(descending=True, stable=True)
    score, number = score[:, :places], number[:, :places].clamp(max=kept.shape[1] - 1)
    there = score > 0
    box = torch.where(there[..., None], boxes.gather(1, number[..., None].expand(-1, -1, 4)), boxes.new_zeros(()))
    return box, torch.where(there, classes.gather(1, number), NO_OBJECT), score, number
