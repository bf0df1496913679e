"""Integers of 8 bits in place of numbers of 32 (Jacob et al. 2018, arXiv:1712.05877; Krishnamoorthi 2018, arXiv:1806.08342).

    r = S (q − Z)        q: an integer of 8 bits; S: the scale; Z: the integer that stands for 0, which is met exactly

    weights       S of each output channel, Z = 0, q from −127 to 127
    activations   S and Z of a layer's inputs and outputs, by the range that they have on some samples, q from 0 to 255
    biases        integers of 32 bits, whose scale is that of the inputs times that of the weights

Nothing is trained for it. What a layer here computes in numbers of 32 bits is what integers alone would give: an ONNX graph with
the same integers (runs/whole_nets/onnx_integers.py) is compared with it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["Grid", "QuantisedLayer", "folded", "grid_of", "integers_of", "quantised"]

LEVELS, LARGEST = 255, 127  # of an activation, and of a weight to each side
LARGEST_BIAS = 2**30  # to each side: as much again is left for the sum of products that a bias is added to
SMALLEST = 2.0**-60  # scale: the product of two is a normal number in float32


@dataclass(frozen=True, slots=True)
class Grid:
    """The numbers that an activation may have: scale · (q − zero), q from 0 to 255."""

    scale: float
    zero: int

    def rounded(self, values: Tensor) -> Tensor:
        """Each value's nearest on the grid; ties to even, as ONNX has it."""
        scale = torch.tensor(self.scale, dtype=torch.float32, device=values.device)
        return ((values / scale).round() + self.zero).clamp(0, LEVELS).sub(self.zero) * scale


def grid_of(low: float, high: float) -> Grid:
    """The grid that holds this range, and 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = torch.tensor(max((high - low) / LEVELS, SMALLEST) if high > low else 1.0, dtype=torch.float32).item()
    return Grid(scale, round(-low / scale))


def integers_of(weight: Tensor, least: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """int8 weights (outputs, …) and the scale of each output, float32 (outputs,). least: of each scale, as its bias needs it."""
    scale = (weight.detach().flatten(1).abs().amax(1).float() / LARGEST).clamp(min=SMALLEST)
    if least is not None:
        scale = torch.maximum(scale, least)
    shaped = scale.view(-1, *[1] * (weight.ndim - 1))
    return (weight.detach().float() / shaped).round().clamp(-LARGEST, LARGEST).to(torch.int8), scale


class QuantisedLayer(nn.Module):
    """A convolution or linear layer of integers. outputs: None where they stay as they are, as of the last layer."""

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, layer: nn.Conv2d | nn.Linear, inputs: Grid, outputs: Grid | None) -> None:
        super().__init__()
        bias = layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias.detach()
        # Of weights so small that they say little beside the bias, its scale, theirs times that of the inputs, would be too small.
        weight, scale = integers_of(layer.weight, (bias.double().abs() / (LARGEST_BIAS * inputs.scale)).float())
        self.inputs, self.outputs = inputs, outputs
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", (bias.double() / self.bias_scale.double()).round().to(torch.int32))
        ways = ("stride", "padding", "dilation", "groups")
        self.window: Any = None if isinstance(layer, nn.Linear) else {name: getattr(layer, name) for name in ways}

    @property
    def bias_scale(self) -> Tensor:
        return self.scale * self.inputs.scale

    def forward(self, values: Tensor) -> Tensor:
        weight = self.weight.float() * self.scale.view(-1, *[1] * (self.weight.ndim - 1))
        bias, values = self.bias.float() * self.bias_scale, self.inputs.rounded(values)
        made = F.linear(values, weight, bias) if self.window is None else F.conv2d(values, weight, bias, **self.window)
        return made if self.outputs is None else self.outputs.rounded(made)


# ------------------------------------------------------------------------------------------------- watching a net's pass
@dataclass(slots=True)
class Passed:
    """What one pass showed. made: by the identity of an output the layer that made it; kept: the outputs themselves, lest another
    tensor gets the identity of one that is gone. ranges: by layer, least and greatest of inputs and outputs."""

    made: dict[int, str] = field(default_factory=dict)
    kept: list[Tensor] = field(default_factory=list)
    norms: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, list[float]] = field(default_factory=dict)
    rectified: set[str] = field(default_factory=set)

    def layer(self, name: str, given: Tensor, made: Tensor) -> None:
        self.made[id(made)] = name
        self.kept.append(made)
        old = self.ranges.get(name, [0.0] * 4)
        new = [given.min().item(), given.max().item(), made.min().item(), made.max().item()]
        self.ranges[name] = [chosen(a, b) for chosen, a, b in zip((min, max) * 2, old, new, strict=True)]

    def follower(self, name: str, module: nn.Module, given: Tensor) -> None:
        if (before := self.made.get(id(given))) is None:
            return
        if isinstance(module, _BatchNorm):
            self.norms[name] = before
        else:
            self.rectified.add(before)


@contextmanager
def watched(net: nn.Module) -> Iterator[Passed]:
    passed, hooks = Passed(), []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            hooks.append(
                module.register_forward_hook(lambda _, given, made, name=name: passed.layer(name, given[0], made))
            )
        elif isinstance(module, _BatchNorm | nn.ReLU):
            hooks.append(
                module.register_forward_pre_hook(lambda own, given, name=name: passed.follower(name, own, given[0]))
            )
    try:
        yield passed
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def folded(net: nn.Module, inputs: Tensor) -> nn.Module:
    """A copy in evaluation mode, whose convolutions hold the batch normalisation that follows them (Jacob et al. 2018, section 3.2).
    inputs: a few samples, to see what follows what."""
    copied = copy.deepcopy(net).eval()
    with watched(copied) as passed:
        copied(inputs)
    for norm, layer in passed.norms.items():
        conv, after = copied.get_submodule(layer), copied.get_submodule(norm)
        if isinstance(conv, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
            copied.set_submodule(layer, fuse_conv_bn_eval(conv, after))
            copied.set_submodule(norm, nn.Identity())
    return copied


@torch.no_grad()
def quantised(net: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A copy of a folded net whose convolutions and linear layers are of integers. batches: of inputs, from which the ranges of
    activations are taken. Where a rectifier follows, negative outputs are not kept apart: it would make them 0."""
    copied = copy.deepcopy(net).eval()
    with watched(copied) as passed:
        for inputs in batches:
            copied(inputs)
            passed.made.clear()
            passed.kept.clear()
    *_, last = passed.ranges
    for name, (low, high, least, most) in passed.ranges.items():
        outputs = grid_of(0.0 if name in passed.rectified else least, most)
        layer = copied.get_submodule(name)
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        copied.set_submodule(name, QuantisedLayer(layer, grid_of(low, high), None if name == last else outputs))
    return copied
