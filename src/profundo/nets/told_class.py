"""Nets that are told a class beside their input: the two ways of conditional generators and of those that judge them.

beside(rows, classes, K)    rows, each followed by the one-hot code of its class (Mirza & Osindero 2014, arXiv:1411.1784)
ToldClass(net, K)           net(beside(rows, classes, K)), for a generator or a decoder
Projection(net, K)          score(x, y) = ψ(φ(x)) + v_y · φ(x), for a discriminator (Miyato & Koyama 2018, arXiv:1802.05637, eq. 3)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Projection", "ToldClass", "beside"]


def beside(rows: Tensor, classes: Tensor, many: int) -> Tensor:
    """(batch, d), int64 (batch,) below `many` → (batch, d + many)."""
    return torch.cat([rows, F.one_hot(classes, many).to(rows)], 1)


class ToldClass(nn.Module):
    """net: takes rows that are longer by one number a class."""

    def __init__(self, net: nn.Module, many: int) -> None:
        super().__init__()
        self.net, self.many = net, many

    def forward(self, rows: Tensor, classes: Tensor) -> Tensor:
        """(batch, d), int64 (batch,) → what the net makes of them."""
        made: Tensor = self.net(beside(rows, classes, self.many))
        return made


class Projection(nn.Module):
    """net: all but its last layer is φ, the last one, linear and with one output, ψ. The vectors v begin at zero: at first an
    image is judged for itself alone."""

    def __init__(self, net: nn.Sequential, many: int) -> None:
        super().__init__()
        *features, last = net
        assert isinstance(last, nn.Linear)
        self.features, self.score = nn.Sequential(*features), last
        self.classes = nn.Embedding(many, last.in_features)
        nn.init.zeros_(self.classes.weight)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        """(batch, *shape), int64 (batch,) → (batch, 1)."""
        features = self.features(images)
        score: Tensor = self.score(features) + (self.classes(classes) * features).sum(1, keepdim=True)
        return score
