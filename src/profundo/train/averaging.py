"""A copy of a net that follows it slowly: the exponential moving average of its weights (Polyak & Juditsky 1992).

    θ̄ ← d θ̄ + (1 − d) θ,  after every step

Players of a game circle around what they look for; the average stands nearer to the middle of the circle, so images from
an averaged generator are better (Yazıcı et al. 2019, "The unusual effectiveness of averaging in GAN training").
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from profundo.records import Batch, ProfundoError
from profundo.train.loop import Around, Update

__all__ = ["Averaging", "averaged", "follow"]


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


class Averaging(Around):
    """An update of one net, "net", followed by the moving average of its weights, "average", which is the one to use.

    After n steps the decay is at most (1 + n) / (10 + n), so that the first weights, drawn at random, are soon forgotten.
    """

    def __init__(self, update: Update, decay: float) -> None:
        self.update, self.decay = update, decay
        self.average = averaged(update.networks["net"])
        self.steps = 0

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {**self.update.networks, "average": self.average}

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        losses: Mapping[str, Tensor] = self.update(batch)
        self.steps += 1
        early = (1 + self.steps) / (10 + self.steps)
        follow(self.average, self.update.networks["net"], min(self.decay, early))
        return losses

    def state_dict(self) -> dict[str, Any]:
        return {"update": self.update.state_dict(), "average": self.average.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.update.load_state_dict(state["update"])
        self.average.load_state_dict(state["average"])
        self.steps = state["steps"]
