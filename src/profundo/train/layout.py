"""In which memory layout a network trains.

Nets that convolve images run channels last: a step takes a tenth to a fifth less on a CPU, with AVX2 and with AVX-512
alike. Batches of images come so, and layers pass the layout on. But one kernel of oneDNN (PyTorch 2.13) writes beyond its
memory there: the gradient by the inputs of a convolution with a kernel of one pixel, a stride above 1 and fewer channels coming
in than a vector holds, 2 to 7 with AVX2 and 2 to 15 with the AVX-512 of some CPUs, which is also the value of the transposed one
with so few going out (`benchmarks/kernel_safety.py`). Such a layer alone is kept contiguous, whatever layout comes to it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from profundo.train.hardware import convolutional

__all__ = ["lay_out", "writes_beyond"]

VECTOR = 16  # floats that an AVX-512 instruction writes; AVX2's are 8


def lay_out(net: nn.Module, device: torch.device) -> None:
    """Move the net to the device, in place, in the layout in which it trains fast and safely there."""
    if convolutional(net):
        net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        net.to(device)
    if device.type == "cpu":
        for layer in filter(writes_beyond, net.modules()):
            _keep_contiguous(layer)


def writes_beyond(layer: nn.Module) -> bool:
    """Whether its kernel, channels last, writes whole vectors where fewer channels are."""
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return False
    written = layer.in_channels if isinstance(layer, nn.Conv2d) else layer.out_channels
    return set(layer.kernel_size) == {1} and max(layer.stride) > 1 and 1 < written < VECTOR


def _keep_contiguous(layer: nn.Module) -> None:
    layer.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    if _contiguous not in layer._forward_pre_hooks.values():
        layer.register_forward_pre_hook(_contiguous)


def _contiguous(_layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return inputs[0].contiguous(), *inputs[1:]
