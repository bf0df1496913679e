"""What is known of an ATen operation, PyTorch's own unit of computation: its word, what it writes to, what it costs.

Most is read from PyTorch's schemas ("relu_(Tensor(a!) self)" writes to its first argument). FLOPs of products,
convolutions and attention are those of torch.utils.flop_counter, two per multiply-add; other arithmetic counts one
for each entry of the largest tensor among its first input and its results; views and copies count none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

__all__ = [
    "EMPTY", "Facts", "facts", "flops", "on_copies", "piece_of", "result_of", "tensors_in", "traffic", "with_piece", "word",
    "written",
]  # fmt: skip

aten = torch.ops.aten
Place = int | str  # of an argument: its position, or its name where it is given by name only

WORDS = {
    "mm": "matmul", "bmm": "matmul", "mv": "matmul", "dot": "matmul", "vdot": "matmul",
    "softmax_backward_data": "softmax_backward", "log_softmax_backward_data": "log_softmax_backward",
    "native_batch_norm": "batch_norm", "cudnn_batch_norm": "batch_norm", "miopen_batch_norm": "batch_norm",
    "native_batch_norm_legit": "batch_norm", "native_batch_norm_legit_functional": "batch_norm",
    "native_layer_norm": "layer_norm", "native_group_norm": "group_norm", "native_dropout": "dropout",
    "fused_rms_norm": "rms_norm", "safe_softmax": "softmax", "max_pool2d_with_indices": "max_pool2d",
    "max_pool3d_with_indices": "max_pool3d", "nll_loss_forward": "nll_loss", "nll_loss2d_forward": "nll_loss",
    "view": "reshape", "unsafe_view": "reshape", "reshape_alias": "reshape", "t": "transpose", "to_copy": "to",
    "cdist_forward": "cdist", "thnn_fused_lstm_cell": "lstm_cell", "thnn_fused_gru_cell": "gru_cell",
    "mkldnn_rnn_layer": "lstm", "cudnn_rnn": "rnn", "embedding_bag_forward_only": "embedding_bag",
    "scaled_dot_product_flash_attention_for_cpu": "scaled_dot_product_attention",
    "scaled_dot_product_flash_attention": "scaled_dot_product_attention",
    "scaled_dot_product_efficient_attention": "scaled_dot_product_attention",
    "scaled_dot_product_cudnn_attention": "scaled_dot_product_attention",
    "scaled_dot_product_fused_attention_overrideable": "scaled_dot_product_attention",
}  # fmt: skip
"""By ATen's name, without underscores at its ends. What is not here keeps that name."""

MOVES = frozenset((
    "alias", "arange", "as_strided_scatter", "cat", "clone", "constant_pad_nd", "contiguous", "copy", "copy_",
    "detach", "diagonal_scatter", "embedding", "empty", "empty_like", "empty_strided", "expand", "eye", "fill",
    "fill_", "flip", "full", "full_like", "gather", "im2col", "index", "index_put", "index_put_", "index_select",
    "lift_fresh", "masked_fill", "masked_fill_", "masked_scatter", "masked_select", "new_empty",
    "new_empty_strided", "new_full", "new_ones", "new_zeros", "one_hot", "ones", "ones_like", "pad",
    "pixel_shuffle", "pixel_unshuffle", "reflection_pad1d", "reflection_pad2d", "repeat", "repeat_interleave",
    "replication_pad1d", "replication_pad2d", "reshape", "roll", "rot90", "scalar_tensor", "scatter", "scatter_",
    "select_backward", "select_scatter", "slice_backward", "slice_scatter", "stack", "to_copy", "tril", "triu",
    "unfold_backward", "unsafe_view", "upsample_nearest2d", "where", "zero", "zero_", "zeros", "zeros_like",
))  # fmt: skip
"""Operations that only move or make numbers, by name without leading underscores."""

EMPTY = frozenset(("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"))
"""What these return is whatever was in memory."""

UNLIKE = frozenset(
    ("copy", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "logical_not")
)
"""Comparisons in place keep the type of what they change, elsewhere they return truth values; copy has no derivative."""

HIDDEN = dict.fromkeys(("native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm"), (3, 4))
"""Arguments that are written to although the schema does not say so: running mean and variance, while training."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one operation. name: without leading underscores; writes: the arguments that it changes;
    functional: the operation that returns the changed first argument instead."""

    name: str
    writes: tuple[Place, ...]
    is_view: bool
    moves: bool
    functional: Any


@cache
def facts(operation: Any) -> Facts:
    """Read from the schema of an OpOverload."""
    schema = operation._schema
    name = schema.name.split("::")[-1].lstrip("_")
    arguments = list(enumerate(schema.arguments))
    writes = tuple(
        argument.name if argument.kwarg_only else place
        for place, argument in arguments
        if argument.alias_info is not None and argument.alias_info.is_write
    )
    reads_alias = any(argument.alias_info is not None and not argument.alias_info.is_write for _, argument in arguments)
    is_view = (reads_alias and not writes) or name == "unsafe_view"
    return Facts(name, writes, is_view, is_view or name in MOVES, _functional(operation, writes))


def _functional(operation: Any, writes: tuple[Place, ...]) -> Any:
    """relu for relu_: where both take the same arguments."""
    schema = operation._schema
    space, _, name = schema.name.partition("::")
    if (
        writes != (0,)
        or not name.endswith("_")
        or name[:-1] in UNLIKE
        or not hasattr(getattr(torch.ops, space), name[:-1])
    ):
        return None
    packet = getattr(getattr(torch.ops, space), name[:-1])
    wanted = _signature(operation)
    overloads = [getattr(packet, overload) for overload in packet.overloads()]
    return next((twin for twin in overloads if _signature(twin) == wanted and not twin._schema.is_mutable
                 and len(twin._schema.returns) == 1), None)  # fmt: skip


def _signature(operation: Any) -> list[tuple[str, str, str]]:
    """Names, types and defaults of the arguments."""
    return [(one.name, str(one.type), str(one.default_value)) for one in operation._schema.arguments]


def written(operation: Any, args: Sequence[Any]) -> tuple[Place, ...]:
    """The arguments that this call changes."""
    known = facts(operation)
    if known.name in HIDDEN and len(args) > 5 and args[5] and args[3] is not None:
        return HIDDEN[known.name]
    return known.writes


def on_copies(operation: Any, places: Sequence[Place], *args: Any, **kwargs: Any) -> Any:
    """Call an operation that writes to some of its arguments on copies of these.

    Returns what it returns, then the copies as they are afterwards; alone if it is one tensor.
    """
    args = tuple(_copied(value) if place in places else value for place, value in enumerate(args))
    kwargs = {name: _copied(value) if name in places else value for name, value in kwargs.items()}
    changed = list(tensors_in([args[place] if isinstance(place, int) else kwargs[place] for place in places]))
    return result_of(operation(*args, **kwargs), changed)


def result_of(returned: Any, changed: Sequence[Tensor]) -> Any:
    """What `on_copies` makes of what was returned and what was changed."""
    others = [tensor for tensor in tensors_in(returned) if not any(tensor is other for other in changed)]
    results = (*others, *changed)
    return results[0] if len(results) == 1 else results


def piece_of(whole: Tensor, lies: Sequence[int], size: Sequence[int], stride: Sequence[int], offset: int) -> Tensor:
    """A view of the whole, laid out in memory with the strides `lies`: of this size, with these strides, from there on."""
    return _laid_out(whole, lies).as_strided(size, stride, offset)


def with_piece(
    whole: Tensor, piece: Tensor, lies: Sequence[int], size: Sequence[int], stride: Sequence[int], offset: int
) -> Tensor:
    """A copy of the whole in which `piece_of` is the piece. (The derivative of aten.as_strided_scatter is wrong.)"""
    copy = torch.empty_strided(whole.shape, tuple(lies), dtype=whole.dtype, device=whole.device).copy_(whole)
    copy.as_strided(size, stride, offset).copy_(piece)
    return copy


def _laid_out(whole: Tensor, strides: Sequence[int]) -> Tensor:
    if whole.stride() == tuple(strides) and whole.storage_offset() == 0:
        return whole
    return torch.empty_strided(whole.shape, tuple(strides), dtype=whole.dtype, device=whole.device).copy_(whole)


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    return type(value)(map(_copied, value)) if isinstance(value, tuple | list) else value


def word(operation: Any, args: Sequence[Any]) -> str:
    """What is computed, in a word: "matmul" for mm, "conv2d" for convolution of images."""
    name = facts(operation).name.rstrip("_")
    if name == "convolution" and len(args) > 6:
        return f"conv{'_transpose' if args[6] else ''}{args[1].ndim - 2}d"
    return WORDS.get(name, name)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """In nested data, from left to right."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, Mapping):
        yield from tensors_in(tuple(value.values()))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from tensors_in([getattr(value, field.name) for field in fields(value)])


def flops(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> int:
    """Of one call; see the head of this file."""
    known = facts(operation)
    packet = (known.functional or operation).overloadpacket
    if packet in flop_registry:
        formula: Callable[..., int] = flop_registry[packet]
        return int(formula(*args, **kwargs, out_val=result))
    if known.name in PRODUCTS:
        return int(PRODUCTS[known.name](*args))
    if known.moves:
        return 0
    first = next(tensors_in(args), None)
    return max((tensor.numel() for tensor in (*tensors_in(result), *(() if first is None else (first,)))), default=0)


_attention: Callable[..., int] = sdpa_flop_count
PRODUCTS: dict[str, Callable[..., int]] = {
    "mv": lambda matrix, *_: 2 * matrix.numel(),
    "dot": lambda left, *_: 2 * left.numel(),
    "vdot": lambda left, *_: 2 * left.numel(),
    "addmv": lambda _, matrix, *__: 2 * matrix.numel(),
    "addr": lambda _, left, right, *__: 2 * left.numel() * right.numel(),
    "mkldnn_rnn_layer": lambda x, ih, hh, *_: 2 * x.shape[0] * x.shape[1] * (ih.numel() + hh.numel()),
    "scaled_dot_product_flash_attention_for_cpu": lambda q, k, v, *_: _attention(q.shape, k.shape, v.shape),
}
"""Products that torch.utils.flop_counter does not know."""


def traffic(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> int:
    """Bytes of the tensors read and made; none for views and for memory that is only set aside."""
    known = facts(operation)
    if known.is_view or known.name in EMPTY or known.name == "lift_fresh":
        return 0
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_in((args, tuple(kwargs.values()), result)))
