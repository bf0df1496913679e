"""The table of a network: every layer that computes, in the order of the forward pass.

One sample of zeros runs through the net, in evaluation mode and without gradients, while hooks on its layers write
down what passes. Afterwards the net is as it was: modes, buffers, random generators, hooks.

FLOPs are of one forward pass: 2 × the multiply-adds of convolutions, linear and recurrent layers, without biases;
a rough count for the rest (normalisation 2 and activation 1 per output, pooling one per value it reads); 0 for layers
of another kind. Arithmetic outside modules (additions, torch.nn.functional) is not counted. Receptive fields of images
go through all arithmetic (fields.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.parameter import is_lazy

from profundo.dispatch import Observed
from profundo.nets.fields import Field, Fields
from profundo.nets.layers import (
    GeneralisedMeanPool2d,
    LocallyConnected2d,
    Maxout,
    MaxoutConv2d,
    MinPool2d,
    MixedPool2d,
    RememberingPool2d,
    SparselyConnected,
)
from profundo.nets.lenet1998 import SparseConv
from profundo.nets.table_nets import MemberLinear, MemberOutput, Pieces
from profundo.records import Inputs, LayerRow, ProfundoError
from profundo.trees import called, leaves

__all__ = ["flops", "output_values", "parameter_count", "summary"]

POOLS = (GeneralisedMeanPool2d, MinPool2d, MixedPool2d, RememberingPool2d)
PROBED = 2  # samples that go through the net, since some nets do not take one alone


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a layer, for one sample."""

    layer: nn.Module
    shape: tuple[int, ...] = ()
    flops: int = 0
    field: Field = None


def parameter_count(net: nn.Module) -> int:
    return sum(one.numel() for one in net.parameters())


def summary(net: nn.Module, inputs: Inputs) -> list[LayerRow]:
    """One row a layer and call. A parameter is counted once, in the first row that holds it, so that the rows add up
    to the number of parameters of the net. Raises ProfundoError when the net does not take such inputs."""
    calls: list[Call] = []
    samples = _zeros(net, inputs)
    fields = Fields(samples) if inputs.kind == "image" else None

    def note(layer: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        into, out = _first_tensor(arguments), _first_tensor(output)
        if out is not None:
            operations = 0 if into is None else flops(layer, into, out) // PROBED
            calls.append(Call(layer, tuple(out.shape[1:]), operations, fields.of(out) if fields else None))

    with _untouched(net), _hooked(net, note), Observed(fields.observe) if fields else nullcontext():
        try:
            called(net, samples)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ProfundoError(
                f"summary: expected a net that takes (batch, {', '.join(map(str, inputs.shape))}), it failed: {reason}"
            ) from error
    # torch.nn.MultiheadAttention, for one, holds a layer that it never calls: its parameters count all the same.
    seen = {id(call.layer) for call in calls}
    calls += [Call(layer) for layer in net.modules() if id(layer) not in seen and _own(layer)]
    return list(_rows(net, calls))


def output_values(net: nn.Module, inputs: Inputs) -> int:
    """How many numbers the net gives for one sample, in all its outputs."""
    with _untouched(net):
        outputs = called(net, _zeros(net, inputs))
        return sum(prod(leaf.shape[1:]) for leaf in leaves(outputs) if isinstance(leaf, Tensor))


def _rows(net: nn.Module, calls: list[Call]) -> Iterator[LayerRow]:
    names = {id(layer): name for name, layer in net.named_modules()}
    counted: set[int] = set()
    for call in calls:
        fresh = [p for p in _own(call.layer) if id(p) not in counted]
        counted.update(id(p) for p in fresh)
        kind = type(call.layer).__name__
        parameters = sum(p.numel() for p in fresh)
        yield LayerRow(names[id(call.layer)] or kind, kind, call.shape, parameters, call.flops, call.field)


def flops(layer: nn.Module, into: Tensor, out: Tensor) -> int:
    """Floating-point operations of one call, from the layer's input and output tensors."""
    if isinstance(layer, _ConvTransposeNd):
        return 2 * into.numel() * layer.out_channels // layer.groups * prod(layer.kernel_size)
    if isinstance(layer, _ConvNd):
        return 2 * out.numel() * layer.in_channels // layer.groups * prod(layer.kernel_size)
    if isinstance(layer, SparseConv):
        return 2 * out.numel() // out.shape[1] * layer.kernels.numel()
    if isinstance(layer, nn.Linear):
        return 2 * out.numel() * layer.in_features
    if isinstance(layer, LocallyConnected2d):
        return 2 * out.numel() * layer.weight[0, 0, 0].numel()
    if isinstance(layer, SparselyConnected):
        return 2 * out.numel() // out.shape[-1] * layer.values.numel()
    if isinstance(layer, (Maxout, MaxoutConv2d)):
        return out.numel() * layer.pieces
    if isinstance(layer, (MemberLinear, MemberOutput, Pieces)):
        return 2 * out.numel() * layer.weight.shape[-2]
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
        matrices = sum(p.numel() for p in layer.parameters() if p.ndim == 2)
        return 2 * matrices * (into.numel() // layer.input_size)
    if isinstance(layer, (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)):
        return 2 * out.numel()
    module = type(layer).__module__
    if module == "torch.nn.modules.activation" and not isinstance(layer, nn.MultiheadAttention):
        return out.numel()
    if module == "torch.nn.modules.pooling" or isinstance(layer, POOLS):
        return _pooled(layer, into, out)
    return 0


def _pooled(layer: nn.Module, into: Tensor, out: Tensor) -> int:
    kernel = getattr(layer, "kernel_size", None)
    if kernel is None:  # adaptive: windows tile the input
        return into.numel()
    spatial = out.ndim - 2
    return out.numel() * (prod(kernel) if isinstance(kernel, tuple) else int(kernel) ** spatial)


def _zeros(net: nn.Module, inputs: Inputs) -> Any:
    """Some samples of zeros; whole ones where whole numbers go in; of several inputs a tuple or dict."""
    if inputs.parts:
        parts = [_zeros(net, part) for part in inputs.parts]
        return dict(zip(inputs.names, parts, strict=True)) if inputs.names else tuple(parts)
    like = next((p for p in chain(net.parameters(), net.buffers()) if p.is_floating_point()), torch.empty(0))
    kind = torch.int64 if inputs.kind == "any" else like.dtype
    return torch.zeros(PROBED, *inputs.shape, device=like.device, dtype=kind)


def _own(layer: nn.Module) -> list[nn.Parameter]:
    """The parameters that a module holds itself, not through its children."""
    return list(layer.parameters(recurse=False))


def _has_row(layer: nn.Module) -> bool:
    """Layers without children, and modules that do something of their own beside their children."""
    return next(layer.children(), None) is None or bool(_own(layer)) or isinstance(layer, (Maxout, MaxoutConv2d))


def _first_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return next((result for item in value if (result := _first_tensor(item)) is not None), None)
    return None


@contextmanager
def _hooked(net: nn.Module, note: Callable[[nn.Module, tuple[Any, ...], Any], None]) -> Iterator[None]:
    handles = [layer.register_forward_hook(note) for layer in net.modules() if _has_row(layer)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _untouched(net: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients inside; modes, buffers and random generators as before outside."""
    modes = [(layer, layer.training) for layer in net.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in net.buffers() if not is_lazy(buffer)]
    devices = {p.device.index for p in net.parameters() if p.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=sorted(devices)), torch.no_grad():
            net.eval()
            yield
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        for layer, mode in modes:
            layer.training = mode
