"""Weights, activations and gradients of a net at several moments of its training, as distributions.

A net's states are put into a copy of it, one after the other; of every tensor so many values are kept that a histogram needs, so
that memory does not grow with the net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from profundo.inside.observing import observed, undisturbed
from profundo.records import ProfundoError
from profundo.trees import length

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


def values_of(
    net: nn.Module, batches: Sequence[tuple[Any, Any]], cost: Callable[[Any, Any], Tensor]
) -> dict[tuple[str, str], Tensor]:
    """Of every parameter its values and its gradient of the cost of the net's outputs and the targets, a mean over samples; of every
    layer what it gives. batches: inputs and targets; what is held at once is of one of them."""
    samples = sum(length(inputs) for inputs, _ in batches)
    draws = torch.Generator().manual_seed(0)  # the same places at every moment
    gradients: dict[str, Tensor] = {}
    given: dict[str, list[Tensor]] = {}
    with undisturbed(net):
        weights = {name: one for name, one in net.named_parameters() if one.requires_grad}
        for inputs, targets in batches:
            share = length(inputs) / samples
            outputs, now = observed(net, inputs)
            slopes = torch.autograd.grad(cost(outputs, targets), list(weights.values()), allow_unused=True)
            for name, slope in zip(weights, slopes, strict=True):
                if slope is not None:
                    gradients[name] = gradients.get(name, 0) + share * slope
            for name, values in now.items():
                given.setdefault(name, []).append(_some(values, draws, max(1, round(share * MOST))))
    named = {("weights", name): _some(one, draws) for name, one in weights.items()}
    named |= {("activations", name): torch.cat(parts) for name, parts in given.items()}
    return named | {("gradients", name): _some(one, draws) for name, one in gradients.items()}


def _some(values: Tensor, draws: torch.Generator, most: int = MOST) -> Tensor:
    """All, or so many at random places: even steps would meet the same places of every map."""
    flat = values.detach().flatten()
    if len(flat) > most:
        flat = flat[torch.randint(len(flat), (most,), generator=draws).to(flat.device)]
    return flat.float().cpu().clone()


@dataclass(frozen=True, slots=True)
class Distribution:
    """Of one tensor through training. edges: (BINS + 1,), the same at every moment; counts: (moments, BINS); mean, deviation, zero:
    (moments,), zero the share of values that are exactly 0."""

    edges: Tensor
    counts: Tensor
    mean: Tensor
    deviation: Tensor
    zero: Tensor


def distributions(moments: Iterable[Values]) -> dict[tuple[str, str], Distribution]:
    """Of each tensor that is there at every moment; what is not finite is left out."""
    every = list(moments)
    always = [key for key in every[0] if all(key in one for one in every)]
    return {key: _distribution([one[key][one[key].isfinite()] for one in every]) for key in always}


def _distribution(parts: list[Tensor]) -> Distribution:
    together = torch.cat(parts).double()
    low, high = (together.min().item(), together.max().item()) if len(together) else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = torch.stack([torch.histc(one.double(), BINS, low, high) for one in parts]).long()
    figures = [(one.double().mean(), one.double().std(correction=0), (one == 0).double().mean()) for one in parts]
    return Distribution(torch.linspace(low, high, BINS + 1), counts, *map(torch.stack, zip(*figures, strict=True)))
