"""Which hidden units learn nothing: their activation is flat at every training point, so that no gradient comes through."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from profundo.nets.plane_nets import SeededDropout

__all__ = ["UnitStates", "states_of"]

FLAT, NEARLY = 1e-6, 0.025  # of the slope: a tenth of the logistic function's largest


@dataclass(frozen=True, slots=True)
class UnitStates:
    """Of one hidden layer, its units by place. dead: of no slope at any point; saturated: of hardly any."""

    units: int
    dead: tuple[int, ...]
    saturated: tuple[int, ...]


def states_of(body: nn.Sequential, features: Tensor) -> list[UnitStates]:
    """Of each hidden layer of a net of linear layers and activations; features: (samples, inputs)."""
    found, values, received = [], features, features
    for part in body:
        if isinstance(part, nn.Linear):
            with torch.no_grad():
                values = received = part(values)
        elif not isinstance(part, SeededDropout):
            steepest = slopes(part, received).abs().amax(0)
            flat = (steepest < FLAT).nonzero().flatten().tolist()
            nearly = ((steepest >= FLAT) & (steepest < NEARLY)).nonzero().flatten().tolist()
            found.append(UnitStates(len(steepest), tuple(flat), tuple(nearly)))
            with torch.no_grad():
                values = part(received)
    return found


def slopes(activation: nn.Module, received: Tensor) -> Tensor:
    """f′(a), value by value."""
    with torch.enable_grad():
        a = received.detach().requires_grad_()
        (result,) = torch.autograd.grad(activation(a).sum(), a)
    return result
