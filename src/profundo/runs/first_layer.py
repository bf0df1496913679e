"""The weights that touch the input, as pictures of what they look for or as norms of what they listen to."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from profundo.pictures.report_content import FirstLayer
from profundo.records import Inputs, LayerRow
from profundo.runs.table_values import column_slices

__all__ = ["first_layer"]

MOST_PICTURES = 64
SMALL_KERNEL = 8  # pixels; smaller ones are enlarged, so that the gaps between them stay thin
MOST_NORMS = 400


def first_layer(net: nn.Module, inputs: Inputs, layers: Sequence[LayerRow]) -> FirstLayer | None:
    """The first layer with weights, if it reads the input itself: filters of a convolution, units of a dense layer."""
    row = next((row for row in layers if row.parameters), None)
    layer = dict(net.named_modules()).get(row.name) if row else None
    weight = getattr(layer, "weight", None)
    if row is None or not isinstance(weight, Tensor) or not bool(weight.isfinite().all()):
        return None
    weight = weight.detach().float().cpu()
    if inputs.kind == "image":
        kernels = _as_images(layer, weight, inputs.shape)
        return FirstLayer(row.name, row.kind, len(weight), images=_pictures(kernels)) if kernels is not None else None
    if isinstance(layer, nn.Linear) and weight.shape[1] == inputs.shape[0]:
        return FirstLayer(row.name, row.kind, len(weight), norms=_norms(weight, inputs))
    return None


def _as_images(layer: nn.Module | None, weight: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """(units, channels, height, width), where that is something to look at."""
    if shape[0] not in (1, 3):
        return None
    if isinstance(layer, nn.Conv2d) and weight.shape[1] == shape[0] and min(weight.shape[2:]) > 1:
        return weight
    if isinstance(layer, nn.Linear) and weight.shape[1] == prod(shape):
        return weight.view(-1, *shape)
    return None


def _pictures(kernels: Tensor) -> Tensor:
    """uint8: mid-grey for zero, each unit scaled by its largest weight; of many, those with the largest norms."""
    if len(kernels) > MOST_PICTURES:
        strongest = kernels.flatten(1).norm(dim=1).topk(MOST_PICTURES).indices.sort().values
        kernels = kernels[strongest]
    largest = kernels.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
    pixels = (127.5 + 127.5 * kernels / largest).round().to(torch.uint8)
    times = 1 if max(pixels.shape[2:]) >= SMALL_KERNEL else 4
    return pixels.repeat_interleave(times, 2).repeat_interleave(times, 3)


def _norms(weight: Tensor, inputs: Inputs) -> list[tuple[str, float]]:
    """√Σw² over all weights that leave the features of a column, the largest first."""
    if inputs.columns:
        named = [(column.name, weight[:, at].norm().item()) for column, at in column_slices(inputs)]
    else:
        names = inputs.names or [f"x{place + 1}" for place in range(weight.shape[1])]
        named = list(zip(names, weight.norm(dim=0).tolist(), strict=False))
    return sorted(named, key=lambda pair: -pair[1])[:MOST_NORMS]
