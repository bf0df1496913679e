"""Single units: the weights they look with, and where in an input they answer.

A unit is a channel of a map (batch, channels, height, width), or a value of a code (batch, features).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profundo.inside.observing import module_at, observed, undisturbed
from profundo.records import ProfundoError

__all__ = ["feature_maps", "filters"]


def filters(net: nn.Module, layer: str) -> Tensor:
    """The kernels of a convolution, (units, channels, height, width). Raises ProfundoError for another layer."""
    weight = getattr(module_at(net, layer), "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 4:
        kind = type(module_at(net, layer)).__name__
        raise ProfundoError(f"layer {layer!r}: expected a convolution of images, got {kind}; choose one with kernels")
    return weight.detach().float().cpu()


@torch.no_grad()
def feature_maps(net: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """What every layer of maps gives for these inputs: by name (batch, channels, height, width), on the CPU."""
    with undisturbed(net), torch.no_grad():
        given = observed(net, inputs)[1]
    return {name: maps.float().cpu() for name, maps in given.items() if maps.ndim == 4 and min(maps.shape[2:]) > 1}
