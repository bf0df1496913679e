"""Rules for a network that has been trained: parameters are numbers like any others.

Batch normalisation with fixed statistics is an affine map of each channel, so that the convolution or dense layer
before it can do it as well (Jacob et al. 2018, "Quantization and training of neural networks", section 3.2). New
weights are computed in float64 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.graph.nodes import Node, Ref
from profundo.graph.rewriting.matching import (
    Change,
    Draft,
    Rule,
    argument,
    changed,
    family,
    is_floating,
    made_like,
    rule,
)
from profundo.graph.rewriting.rules import fold

__all__ = ["INFERENCE", "folded", "largest_in_windows"]


# ------------------------------------------------------------------------------------------------- batch normalisation
def folded(
    weight: Tensor, bias: Tensor | None, mean: Tensor, variance: Tensor, gain: Tensor, shift: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """W′ = s·W and b′ = s·(b − μ) + β with s = γ/√(σ² + ε); weight: (channels, …), the rest (channels,)."""
    scale = gain / (variance + epsilon).sqrt()
    start = torch.zeros_like(mean) if bias is None else bias
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), scale * (start - mean) + shift


def fold_batch_norm(node: Node, draft: Draft) -> Change | None:
    """Batch normalisation with fixed statistics, done by the weights of the layer before it."""
    source, *learned_and_fixed, training, _, epsilon = node.args[:8]
    before = draft.node(source, "convolution", "addmm", "matmul")
    if before is None or training is not False or not draft.is_private(source) or before.dtype != node.dtype:
        return None
    layer, statistics = layer_of(before, draft), _statistics(learned_and_fixed, draft)
    is_alone = not any(draft.uses[Ref(node.name, part)] for part in (1, 2, 3))
    if layer is None or statistics is None or not is_alone or len(statistics[0]) != len(layer.weight):
        return None
    start = None if layer.bias is None else layer.bias.detach().double()
    weight, bias = folded(layer.weight.detach().double(), start, *statistics, epsilon)
    held = (
        _constant(before, layer.stored(weight).to(layer.weight.dtype), draft.fresh(f"{before.name}_weight")),
        _constant(before, bias.to(layer.weight.dtype), draft.fresh(f"{before.name}_bias")),
    )
    return changed(*held, layer.node(*(Ref(item.name) for item in held)), part=0)


def _statistics(given: Sequence[Any], draft: Draft) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
    """Mean, variance, gain and shift in float64; None where one is not known. given: gain, shift, mean, variance."""
    mean, variance = draft.known(given[2]), draft.known(given[3])
    if mean is None or variance is None:
        return None
    gain = torch.ones_like(mean) if given[0] is None else draft.known(given[0])
    shift = torch.zeros_like(mean) if given[1] is None else draft.known(given[1])
    if gain is None or shift is None:
        return None
    return mean.detach().double(), variance.detach().double(), gain.detach().double(), shift.detach().double()


def _constant(like: Node, data: Tensor, name: str) -> Node:
    made = made_like(like, "constant", None)
    return replace(made, name=name, data=data, shape=tuple(data.shape), dtype=str(data.dtype).removeprefix("torch."))


@dataclass(frozen=True, slots=True)
class Layer:
    """What a convolution or dense layer multiplies and adds, read from its call.

    weight: channels of the result first; bias: (channels,) or None; stored: a weight of that layout as the call wants
    it; node: the call with another weight and bias.
    """

    weight: Tensor
    bias: Tensor | None
    stored: Callable[[Tensor], Tensor]
    node: Callable[[Ref, Ref], Node]


def layer_of(node: Node, draft: Draft) -> Layer | None:
    """None where a weight is not known or channels are not the second dimension."""
    if not is_floating(node):
        return None
    result = (_convolution if family(node) == "convolution" else _dense)(node, draft)
    if result is None or not result.weight.is_floating_point():
        return None
    return None if result.bias is not None and result.bias.shape != result.weight.shape[:1] else result


def _convolution(node: Node, draft: Draft) -> Layer | None:
    """convolution(x, W, b, stride, padding, dilation, transposed, output padding, groups)."""
    x, given, bias, *steps = node.args
    weight, held = draft.known(given), draft.known(bias)
    if weight is None or (bias is not None and held is None) or len(node.shape) != weight.ndim:
        return None

    def made(new_weight: Ref, new_bias: Ref) -> Node:
        return made_like(node, node.op, node.call, x, new_weight, new_bias, *steps)

    is_transposed, groups = steps[3], steps[5]
    if not is_transposed:
        return Layer(weight, held, lambda new: new, made)
    return Layer(_swapped(weight, groups), held, lambda new: _swapped(new, groups), made)


def _swapped(weight: Tensor, groups: int) -> Tensor:
    """(groups · a, b, …) → (groups · b, a, …): of a transposed convolution, channels of the result first; and back."""
    grouped = weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2)
    return grouped.reshape(-1, *grouped.shape[2:])


def _dense(node: Node, draft: Draft) -> Layer | None:
    """addmm(b, x, Wᵀ) or x @ Wᵀ, of rows: (batch, features)."""
    *biases, x, given = node.args
    bias = biases[0] if biases else None
    matrix, held = draft.known(given), draft.known(bias)
    if matrix is None or matrix.ndim != 2 or len(node.shape) != 2 or node.kwargs or (bias is not None and held is None):
        return None
    return Layer(matrix.t(), held, lambda new: new.t(), lambda w, b: made_like(node, "addmm", torch.addmm, b, x, w))


# -------------------------------------------------------------------------------------------------------------- pooling
WORTH_IT = 8192
"""Numbers to be pooled from which several vectorised maxima beat PyTorch's loop over windows."""


def largest_in_windows(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
    """Max pooling of (…, height, width) as maxima of whole tensors, first down the columns, then along the rows.

    The same numbers (of −0.0 and 0.0, which are equal, either). PyTorch 2.13 looks at one window after the other where
    channels lie first; this is 6 to 17 times faster there, on one core with AVX-512. Elsewhere PyTorch is left to it.
    """
    is_last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    if x.device.type != "cpu" or (is_last and any(padding)):
        return F.max_pool2d(x, kernel, stride, padding)
    if any(padding):
        x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]), value=-torch.inf)
    return _largest_along(_largest_along(x, -2, kernel[0], stride[0]), -1, kernel[1], stride[1])


def _largest_along(x: Tensor, dim: int, size: int, step: int) -> Tensor:
    reach = (x.shape[dim] - size) // step * step + 1
    after: list[Any] = [slice(None)] * (-1 - dim)
    return reduce(torch.maximum, [x[(..., slice(at, at + reach, step), *after)] for at in range(size)])


def pool_by_maxima(node: Node, draft: Draft) -> Change | None:
    """Max pooling of large pictures without places; the gradient of ties is another, so not for training."""
    source = argument(node, 0, "input", "self")
    before = draft.nodes.get(source.node) if isinstance(source, Ref) else None
    windows = _windows(node)
    if before is None or windows is None or not is_floating(node) or not _is_large(before.shape):
        return None
    if argument(node, 5, "ceil_mode", default=False) is not False and not _fit(before.shape[-2:], *windows):
        return None
    if draft.uses[Ref(node.name, 1)]:
        return None
    new = made_like(node, node.op, largest_in_windows, source, *windows)
    return changed(new, part=0 if isinstance(node.call, torch._ops.OpOverload) else None)


def _is_large(shape: tuple[int | str, ...]) -> bool:
    sizes = [size for size in shape if isinstance(size, int)]
    return len(sizes) == len(shape) and math.prod(sizes) >= WORTH_IT


def _fit(sizes: Any, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> bool:
    """Whether windows end where the picture does, so that half ones make no difference."""
    sides = zip(sizes, kernel, stride, padding, strict=True)
    return all((size + 2 * pad - side) % step == 0 for size, side, step, pad in sides)


def _windows(node: Node) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None:
    """Kernel, stride and padding of a pooling of pictures without further wishes."""
    if node.call is largest_in_windows:
        return None
    kernel = _two(argument(node, 1, "kernel_size", "kernel"))
    stride = _two(argument(node, 2, "stride", default=())) or kernel
    padding, dilation = _two(argument(node, 3, "padding", default=0)), _two(argument(node, 4, "dilation", default=1))
    if kernel is None or stride is None or padding is None or dilation != (1, 1):
        return None
    return kernel, stride, padding


def _two(value: Any) -> tuple[int, int] | None:
    """One whole number stands for two; None for anything else."""
    sides = (value, value) if isinstance(value, int) else tuple(value or ())
    sides = sides * 2 if len(sides) == 1 else sides
    return (sides[0], sides[1]) if len(sides) == 2 and all(isinstance(side, int) for side in sides) else None


# -------------------------------------------------------------------------------------------------------------- the rest
def fold_parameters(node: Node, draft: Draft) -> Change | None:
    """Compute now what depends on parameters, buffers and constants alone."""
    return fold(node, draft, ("constant", "parameter", "buffer"))


INFERENCE: tuple[Rule, ...] = (
    rule("parameters folded", "Wᵀ, with W known → a constant", "what depends on parameters alone is computed once",
         fold_parameters, "", training=False),
    rule("batch norm folded", "γ(Wx + b − μ)/√(σ² + ε) + β → W′x + b′", "the layer before does the normalisation",
         fold_batch_norm, "batch_norm", training=False, exact=False),
    rule("pooling by maxima", "max over a window → max of columns, then of rows", "many windows at once",
         pool_by_maxima, "max_pool2d", training=False, exact=False),
)  # fmt: skip
"""Rules that change a gradient, or let it flow where it did not, or take parameters as they are now."""
