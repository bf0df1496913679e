"""A copy of a net that follows it slowly: the exponential moving average of its weights (Polyak & Juditsky 1992).

    θ̄ ← d θ̄ + (1 − d) θ,  after every step

Players of a game circle around what they look for; the average stands nearer to the middle of the circle, so images from
an averaged generator are better (Yazıcı et al. 2019, "The unusual effectiveness of averaging in GAN training").
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from profundo.records import ProfundoError

__all__ = ["averaged", "follow"]


def averaged(net: nn.Module) -> nn.Module:
    """A copy to be moved by `follow`: not trained, in evaluation mode."""
    return deepcopy(net).requires_grad_(False).eval()


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Move parameters and running statistics 1 − decay of the way to the net's; counters are copied.

    decay: d in [0, 1). About the last 1 / (1 − d) steps count. Raises ProfundoError for another.
    """
    if not 0 <= decay < 1:
        raise ProfundoError(f"moving average: expected a decay in [0, 1), got {decay}")
    slow, fast = values(average), values(net)
    torch._foreach_lerp_(slow, fast, 1 - decay)
    for mine, other in zip(average.buffers(), net.buffers(), strict=True):
        if not mine.is_floating_point():
            mine.copy_(other)


def values(net: nn.Module) -> list[Tensor]:
    """Parameters and floating-point buffers."""
    return [*net.parameters(), *(buffer for buffer in net.buffers() if buffer.is_floating_point())]
