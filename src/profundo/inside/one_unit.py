"""One unit of a convolutional layer taken apart: its inputs, its kernels, what each kernel makes of its input, and their sum.

    map[u] = bias[u] + Σ_c  (kernel[u, c] over input[c])        c: the channels that the unit sees

unit = unit_of(net, inputs, "c3", 5)
unit.parts.sum(0) + unit.bias          # unit.map, (height, width)
unit.at(3, 4).products                 # (channels, rows, columns) whose sum, with the bias, stands at that place
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.inside.observing import module_at, observed, removed_after, undisturbed
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["ConvolutionUnit", "Place", "convolutions", "unit_of"]


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a unit's map. top, left: of the window in the padded input; patch, products: (channels, rows, columns);
    sums: (channels,) of the products; value: of all, with the bias."""

    top: int
    left: int
    patch: Tensor
    products: Tensor
    sums: Tensor
    value: float


@dataclass(frozen=True, slots=True)
class ConvolutionUnit:
    """channels: which of the layer's inputs it sees; inputs: (channels, height, width), padding included; weights: (channels,
    rows, columns); parts: (channels, map height, map width), before they are added up; map: with the bias. padding: rows above
    and columns to the left that are not the input's own."""

    channels: tuple[int, ...]
    inputs: Tensor
    weights: Tensor
    parts: Tensor
    bias: float
    map: Tensor
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]

    def at(self, row: int, column: int) -> Place:
        """Raises ProfundoError for a place that the map has not."""
        high, wide = self.map.shape
        if not (0 <= row < high and 0 <= column < wide):
            raise ProfundoError(f"place: expected a row below {high} and a column below {wide}, got {row}, {column}")
        top, left = row * self.stride[0], column * self.stride[1]
        taps = [d * torch.arange(n) for d, n in zip(self.dilation, self.weights.shape[1:], strict=True)]
        patch = self.inputs[:, top + taps[0][:, None], left + taps[1][None]]
        products = patch * self.weights
        sums = products.sum((1, 2))
        return Place(top, left, patch, products, sums, float(sums.sum()) + self.bias)


def convolutions(net: nn.Module) -> list[str]:
    """The layers that `unit_of` takes apart."""
    return [name or type(module).__name__ for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]


def unit_of(net: nn.Module, inputs: Any, layer: str, unit: int) -> ConvolutionUnit:
    """Of the first sample of the inputs. Raises ProfundoError for a layer that is no convolution of images, or that the net
    does not call, and for a unit that it has not."""
    module = module_at(net, layer)
    if not isinstance(module, nn.Conv2d):
        raise ProfundoError(
            Said(
                "refusals.no_convolution",
                layer=repr(layer),
                kind=type(module).__name__,
                known=", ".join(convolutions(net)) or "another net",
            )
        )
    if not 0 <= unit < module.out_channels:
        raise ProfundoError(Said("refusals.no_unit", unit=unit, layer=layer, last=module.out_channels - 1))
    with undisturbed(net), torch.no_grad():
        return _taken_apart(module, _input_of(net, module, inputs, layer), unit)


def _input_of(net: nn.Module, module: nn.Module, inputs: Any, layer: str) -> Tensor:
    """What the layer was given, (channels, height, width), in the call that its name means."""
    seen: list[Tensor] = []
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    with removed_after([hook]):
        observed(net, inputs, [layer], stop=True)
    return seen[-1][0].cpu().float()


def _taken_apart(module: nn.Conv2d, given: Tensor, unit: int) -> ConvolutionUnit:
    weights = module.weight[unit].detach().cpu().float()
    many = module.in_channels // module.groups
    first = unit // (module.out_channels // module.groups) * many
    padded, before = _padded(module, given[first : first + many])
    stride, dilation = _pair(module.stride), _pair(module.dilation)
    parts = F.conv2d(padded[None], weights[:, None], None, stride, 0, dilation, many)[0]
    bias = 0.0 if module.bias is None else float(module.bias[unit])
    channels = tuple(range(first, first + many))
    return ConvolutionUnit(
        channels,
        padded,
        weights,
        parts,
        bias,
        map=parts.sum(0) + bias,
        stride=stride,
        dilation=dilation,
        padding=before,
    )


def _padded(module: nn.Conv2d, planes: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """With the rows and columns that the layer adds around, and how many of them stand before the first."""
    left, right, top, bottom = module._reversed_padding_repeated_twice
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    return F.pad(planes[None], (left, right, top, bottom), mode=mode)[0], (top, left)


def _pair(given: tuple[int, ...]) -> tuple[int, int]:
    return given[0], given[1]
