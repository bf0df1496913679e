"""Weights, activations and gradients of a net at several moments of its training, as distributions.

A net's states are put into a copy of it, one after the other; of every tensor so many values are kept that a histogram needs, so
that memory does not grow with the net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from profundo.inside.observing import observed, undisturbed
from profundo.records import ProfundoError

__all__ = ["Distribution", "Values", "distributions", "nets_at", "values_of"]

MOST = 20_000  # values of a tensor that its histogram is made of
BINS = 40

Values = Mapping[tuple[str, str], Tensor]
"""Of "weights", "activations" or "gradients", and the name of a parameter or layer: values (values,)."""


def nets_at(net: nn.Module, states: Iterable[Mapping[str, Tensor]]) -> Iterator[nn.Module]:
    """One copy of the net with each state in turn."""
    copy = deepcopy(net)
    for state in states:
        try:
            copy.load_state_dict(dict(state))
        except RuntimeError as error:
            raise ProfundoError(
                f"a state of {type(net).__name__}: expected the tensors of this net: {' '.join(str(error).split())[:200]}"
            ) from None
        yield copy


def values_of(net: nn.Module, inputs: Any, cost: Callable[[Any], Tensor]) -> dict[tuple[str, str], Tensor]:
    """Of every parameter its values and its gradient of the cost of the net's outputs, a scalar; of every layer what it gives."""
    with undisturbed(net):
        weights = {name: one for name, one in net.named_parameters() if one.requires_grad}
        outputs, given = observed(net, inputs)
        gradients = torch.autograd.grad(cost(outputs), list(weights.values()), allow_unused=True)
    named: dict[tuple[str, str], Tensor] = {("weights", name): one for name, one in weights.items()}
    named |= {("activations", name): one for name, one in given.items()}
    named |= {("gradients", name): g for name, g in zip(weights, gradients, strict=True) if g is not None}
    return {key: _some(one) for key, one in named.items()}


def _some(values: Tensor) -> Tensor:
    """At most so many, evenly spread."""
    flat = values.detach().flatten()
    return flat[:: -(-len(flat) // MOST)].float().cpu().clone()


@dataclass(frozen=True, slots=True)
class Distribution:
    """Of one tensor through training. edges: (bins + 1,), the same at every moment; counts: (moments, bins); mean, deviation, zero:
    (moments,), zero the share of values that are exactly 0."""

    edges: Tensor
    counts: Tensor
    mean: Tensor
    deviation: Tensor
    zero: Tensor


def distributions(moments: Iterable[Values], bins: int = BINS) -> dict[tuple[str, str], Distribution]:
    """Of each tensor that is there at every moment; what is not finite is left out."""
    every = list(moments)
    return {
        key: _distribution([one[key][one[key].isfinite()] for one in every], bins)
        for key in every[0]
        if all(key in one for one in every)
    }


def _distribution(parts: list[Tensor], bins: int) -> Distribution:
    together = torch.cat(parts).double()
    low, high = (together.min().item(), together.max().item()) if len(together) else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return Distribution(
        torch.linspace(low, high, bins + 1),
        torch.stack([torch.histc(one.double(), bins, low, high) for one in parts]).long(),
        torch.stack([one.double().mean() for one in parts]),
        torch.stack([one.double().std(correction=0) for one in parts]),
        torch.stack([(one == 0).double().mean() for one in parts]),
    )
