"""The weights that touch an image, as pictures of what they look for."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from profundo.pictures.run_page.report_content import FirstLayer
from profundo.records import Inputs, LayerRow

__all__ = ["first_layer"]

MOST_PICTURES = 64
SMALL_KERNEL = 8  # pixels; smaller ones are enlarged, so that the gaps between them stay thin


def first_layer(net: nn.Module, inputs: Inputs, layers: Sequence[LayerRow]) -> FirstLayer | None:
    """The first layer with weights, if it reads an image itself: filters of a convolution, units of a dense layer."""
    if inputs.kind != "image":
        return None
    row = next((row for row in layers if row.parameters), None)
    layer = dict(net.named_modules()).get(row.name) if row else None
    weight = getattr(layer, "weight", None)
    if row is None or not isinstance(weight, Tensor) or not bool(weight.isfinite().all()):
        return None
    kernels = _as_images(layer, weight.detach().float().cpu(), inputs.shape)
    return None if kernels is None else FirstLayer(row.name, row.kind, len(weight), _pictures(kernels))


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
