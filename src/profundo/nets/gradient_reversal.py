"""Gradient reversal: what passes forward as it is and backward with its sign turned (Ganin et al. 2016, section 4.2).

    R(x) = x        dR/dx = −λ I

A critic behind it learns to tell two domains apart by their codes; the net before it gets the opposite gradient, and learns codes
by which nobody can. λ grows from 0 to 1 (equation 14), for while the critic knows nothing its gradient is noise.

`adaptable` is a net with codes in its middle, for one to be put behind.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from profundo.nets.embedding import embedding_cnn
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.records import Spec

__all__ = ["adaptable", "domain_critic", "reversal_strength", "reversed_gradient"]


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return values.view_as(values)  # another tensor, or autograd would not see it

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reversed_gradient(values: Tensor, strength: float = 1.0) -> Tensor:
    """The values; their gradient is −strength times the one that comes back."""
    reversed_: Tensor = Reversal.apply(values, strength)  # type: ignore[no-untyped-call]
    return reversed_


def reversal_strength(share: float, steepness: float = 10.0) -> float:
    """λ after that share of training: 2 / (1 + exp(−γ p)) − 1, equation 14."""
    return 2 / (1 + math.exp(-steepness * share)) - 1


def adaptable(spec: Spec, dimensions: int) -> nn.Sequential:
    """Images → `encoder` → codes (batch, dimensions) → `relu`, `output` → (batch, spec.outputs).

    Codes have mean 0 and deviation 1: else the net could deceive a critic by codes that grow without end."""
    layers = OrderedDict(
        encoder=nn.Sequential(
            embedding_cnn(spec.inputs.shape, dimensions, normalize=False), nn.BatchNorm1d(dimensions, affine=False)
        ),
        relu=nn.ReLU(),
        output=initialize_(nn.Sequential(nn.Linear(dimensions, spec.outputs)), output_gain=SMALL_OUTPUT)[0],
    )
    return nn.Sequential(layers)


def domain_critic(dimensions: int, width: int = 100) -> nn.Sequential:
    """Codes (batch, dimensions) → (batch, 1), the log odds that they are of the first domain."""
    return initialize_(
        nn.Sequential(nn.Linear(dimensions, width), nn.ReLU(), nn.Linear(width, 1)), output_gain=SMALL_OUTPUT
    )
