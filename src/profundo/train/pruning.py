"""Pruning: the smallest weights go, and what is left learns on without them (Han, Pool, Tran & Dally 2015, arXiv:1506.02626).

    masks = largest(net, share=0.1)                     # of all weights, wherever they are
    update = Pruned(Supervised(net, objective, optimizer), masks)

Weights are those of convolutions and linear layers; biases and normalisation stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from profundo.records import Batch, ProfundoError
from profundo.train.loop import Around, Update

__all__ = ["Pruned", "largest", "prune_"]


def pruned_weights(net: nn.Module) -> dict[str, nn.Parameter]:
    return {name: one for name, one in net.named_parameters() if one.ndim > 1}


def largest(net: nn.Module, share: float) -> dict[str, Tensor]:
    """By weight's name, bool of its shape: that share of all weights that are largest, by their magnitude. Ties go by their order.

    Raises ProfundoError for a share outside of (0, 1].
    """
    if not 0 < share <= 1:
        raise ProfundoError(f"pruning: expected a share of the weights to be kept, above 0 and at most 1, got {share}")
    weights = pruned_weights(net)
    sizes = torch.cat([one.detach().abs().flatten() for one in weights.values()])
    kept = torch.zeros(len(sizes), dtype=torch.bool, device=sizes.device)
    kept[sizes.argsort(descending=True, stable=True)[: max(1, round(share * len(sizes)))]] = True
    parts = torch.split(kept, [one.numel() for one in weights.values()])
    return {name: part.view(one.shape) for (name, one), part in zip(weights.items(), parts, strict=True)}


@torch.no_grad()
def prune_(net: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Put zeros where the masks have none."""
    for name, weight in pruned_weights(net).items():
        weight.mul_(masks[name])


class Pruned(Around):
    """An update after which pruned weights are 0 again. Of the update's only net."""

    def __init__(self, update: Update, masks: Mapping[str, Tensor]) -> None:
        self.update: Any = update
        (self.net,) = update.networks.values()
        self.masks = masks
        prune_(self.net, masks)

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        losses: Mapping[str, Tensor] = self.update(batch)
        prune_(self.net, self.masks)
        return losses
