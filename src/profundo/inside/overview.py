"""All that a net makes of one input at a glance: the maps of every layer, small enough to be drawn together.

for layer in overview(net, inputs):
    layer.name, layer.shape, layer.maps          # "c1", (6, 28, 28), uint8 (6, 28, 28)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.inside.observing import module_at, observed, undisturbed

__all__ = ["LayerMaps", "overview", "signed_bytes"]

MOST_MAPS, MOST_NUMBERS = 32, 256  # of one layer: maps of places, and units without places
MOST_SIDE = 56
ZERO = 127.5  # between the bytes of the least positive and the least negative value


@dataclass(frozen=True, slots=True)
class LayerMaps:
    """shape: what the layer gives for one input, without the batch. maps: uint8 (units, height, width) of its first units, of
    units without places (units, 1, 1); 0 is −most, 255 is most, the greatest magnitude in the layer."""

    name: str
    kind: str
    shape: tuple[int, ...]
    maps: Tensor
    most: float


def overview(net: nn.Module, inputs: Any) -> tuple[Any, list[LayerMaps]]:
    """The net's answers, and the maps of its layers for the first of the inputs."""
    with undisturbed(net), torch.no_grad():
        answers, given = observed(net, inputs)
    return answers, [_layer(name, module_at(net, name), values[0]) for name, values in given.items()]


def _layer(name: str, module: nn.Module, given: Tensor) -> LayerMaps:
    values = given.detach().cpu().float()
    most = float(values.abs().max())
    if values.ndim == 3:
        planes = values[:MOST_MAPS]
        side = max(planes.shape[1:])
        if side > MOST_SIDE:
            planes = F.adaptive_avg_pool2d(planes, (smaller(planes.shape[1], side), smaller(planes.shape[2], side)))
    else:
        planes = values.reshape(-1)[:MOST_NUMBERS, None, None]
    return LayerMaps(name, type(module).__name__, tuple(values.shape), signed_bytes(planes, most), most)


def smaller(n: int, longest: int) -> int:
    return max(1, round(n * MOST_SIDE / longest))


def signed_bytes(values: Tensor, most: float) -> Tensor:
    """uint8: −most … most as 0 … 255."""
    if not most > 0:
        return torch.full(values.shape, round(ZERO), dtype=torch.uint8)
    return (values / most * ZERO + ZERO).round().clamp(0, 255).to(torch.uint8)
