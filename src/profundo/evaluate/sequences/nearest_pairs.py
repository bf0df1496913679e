"""What a memory of translations knows of a new text: the one known that is most like it, by the symbols and neighbours they share.

It understands nothing: what is needed beyond it is what a net has learned.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["nearest"]

BUCKETS = 1024
SPREAD = 7919  # a prime: neighbours with the same sum go into different buckets
AT_ONCE = 500  # that are asked
KNOWN_AT_ONCE = 10_000  # of which the profiles are held: 40 MB


def nearest(known: Tensor, asked: Tensor, pad: int) -> Tensor:
    """int64 (asked,): for each sequence (asked, steps) the place among those known (known, steps) of the one with the largest cosine
    of counts; the first of equals."""
    largest = torch.full((len(asked),), -torch.inf, device=asked.device)
    places = torch.zeros(len(asked), dtype=torch.int64, device=asked.device)
    for first in range(0, len(known), KNOWN_AT_ONCE):
        there = profiles(known[first : first + KNOWN_AT_ONCE], pad)
        likest = [(profiles(part, pad) @ there.T).max(1) for part in torch.split(asked, AT_ONCE)]
        cosines, found = (torch.cat(parts) for parts in zip(*likest, strict=True))
        is_more = cosines > largest
        largest, places = largest.where(~is_more, cosines), places.where(~is_more, first + found)
    return places


def profiles(sequences: Tensor, pad: int) -> Tensor:
    """Counts of symbols and of pairs of neighbours, hashed into buckets: float32 (sequences, buckets), each of length 1."""
    left, right = sequences[:, :-1], sequences[:, 1:]
    single = sequences % BUCKETS
    double = (left * SPREAD + right) % BUCKETS
    meant = torch.cat([sequences != pad, right != pad], 1)
    counts = torch.zeros(len(sequences), BUCKETS, device=sequences.device)
    counts.scatter_add_(1, torch.cat([single, double], 1), meant.float())
    return F.normalize(counts)
