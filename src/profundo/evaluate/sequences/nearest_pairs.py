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
AT_ONCE = 500


def nearest(known: Tensor, asked: Tensor, pad: int) -> Tensor:
    """int64 (asked,): for each sequence (asked, steps) the place among those known (known, steps) of the one with the largest cosine
    of counts; the first of equals."""
    there = profiles(known, pad)
    return torch.cat([(profiles(part, pad) @ there.T).argmax(1) for part in torch.split(asked, AT_ONCE)])


def profiles(sequences: Tensor, pad: int) -> Tensor:
    """Counts of symbols and of pairs of neighbours, hashed into buckets: float32 (sequences, buckets), each of length 1."""
    left, right = sequences[:, :-1], sequences[:, 1:]
    single = sequences % BUCKETS
    double = (left * SPREAD + right) % BUCKETS
    meant = torch.cat([sequences != pad, right != pad], 1)
    counts = torch.zeros(len(sequences), BUCKETS, device=sequences.device)
    counts.scatter_add_(1, torch.cat([single, double], 1), meant.float())
    return F.normalize(counts)
