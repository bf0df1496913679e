"""What a layer makes of each sample, its code, and its neighbours.

A code is all that a layer gives for a sample, (features,). Where that is much, maps are averaged over parts of the image, and
everything else is hashed into sums with random signs, which keeps inner products on average (Weinberger et al. 2009), so that
memory does not grow with the layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.inside.observing import observed, undisturbed
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.trees import length

__all__ = ["codes", "compact", "neighbours"]

MOST = 1024  # features of a code


def codes(net: nn.Module, batches: Iterable[Any], layers: Sequence[str] = (), most: int = MOST) -> dict[str, Tensor]:
    """Of these layers, or of all that give each sample its own, the code of every sample: float32 (samples, features), on the
    CPU, by name."""
    parts: dict[str, list[Tensor]] = {}
    with undisturbed(net), torch.no_grad():
        for batch in batches:
            for name, given in observed(net, batch, layers, stop=bool(layers))[1].items():
                if len(given) == length(batch):
                    parts.setdefault(name, []).append(compact(given, most).cpu())
    together = {name: torch.cat(some) for name, some in parts.items()}
    for name, one in together.items():
        if not bool(one.isfinite().all()):
            raise ProfundoError(Said("refusals.codes_nan", layer=repr(name)))
    return together


def compact(given: Tensor, most: int = MOST) -> Tensor:
    """(batch, …) → float32 (batch, features), at most so many of them; as they are where they are fewer."""
    flat = given.float().reshape(len(given), -1)
    if flat.shape[1] <= most:
        return flat
    if given.ndim == 4 and given.shape[1] <= most:
        side = isqrt(most // given.shape[1])
        sides = (min(side, given.shape[2]), min(side, given.shape[3]))
        return F.adaptive_avg_pool2d(given.float(), sides).flatten(1)
    draws = torch.Generator().manual_seed(flat.shape[1])  # the same for the same layer
    place = torch.randint(most, (flat.shape[1],), generator=draws).to(flat.device)
    sign = (2 * torch.randint(2, (flat.shape[1],), generator=draws) - 1).to(flat)
    return flat.new_zeros(len(flat), most).index_add_(1, place, flat * sign)


def neighbours(values: Tensor, of: Tensor, k: int = 8) -> tuple[Tensor, Tensor]:
    """Of each code in `of` (queries, features) the k nearest among values (samples, features): distances and int64 numbers,
    (queries, k), nearest first."""
    nearest = torch.cdist(of.double(), values.double()).topk(min(k, len(values)), 1, largest=False)
    return nearest.values, nearest.indices
