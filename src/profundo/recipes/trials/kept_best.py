"""Nets that learn by trial get worse again now and then: of each the weights are kept with which it did best, by episodes apart."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from profundo.nets.batched_nets import BatchedMLP
from profundo.recipes.trials.tasks import Choice

__all__ = ["KeptBest", "greedy"]


class KeptBest:
    """net: as it did best, of each member; best: the return that it had then, (members,)."""

    def __init__(self, net: BatchedMLP) -> None:
        self.net, self.best = deepcopy(net), torch.full((len(net),), -torch.inf)

    @torch.no_grad()
    def judge(self, net: BatchedMLP, reached: Tensor) -> None:
        """reached: mean return of each member of the net, (members,)."""
        better = reached > self.best
        self.best = torch.where(better, reached, self.best)
        for kept, now in zip(self.net.parameters(), net.parameters(), strict=True):
            kept[better] = now[better]

    def state_dict(self) -> dict[str, Any]:
        return {"net": self.net.state_dict(), "best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.best = state["best"]


def greedy(net: BatchedMLP) -> Choice:
    """Of members times so many copies, one member after another: each its member's action of the largest output."""

    @torch.no_grad()
    def choose(observed: Tensor) -> Tensor:
        outputs: Tensor = net(observed.view(len(net), -1, observed.shape[-1]))
        return outputs.argmax(-1).flatten()

    return choose
