"""What each place of a net with attention looks at: softmax(Q Kᵀ / √d), whatever module or function computes it.

Seen are nn.MultiheadAttention, scaled_dot_product_attention, and attention written out: a softmax over the last axis whose
result is the left factor of a matrix product. How much is looked at is not how much it counts (Jain & Wallace 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from profundo.inside.observing import device_of, removed_after, undisturbed
from profundo.trees import called, to_device

__all__ = ["AttentionMap", "attention_maps"]

SOFTMAX = {torch.softmax, Tensor.softmax, F.softmax, torch.special.softmax}
PRODUCTS = {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm}


@dataclass(frozen=True, slots=True)
class AttentionMap:
    """weights: (batch, heads, queries, keys), each row a distribution over the keys. module: within whose call it was computed."""

    module: str
    weights: Tensor


def attention_maps(net: nn.Module, inputs: Any) -> list[AttentionMap]:
    """Every attention of one pass, in its order; none of a net without."""
    watch = Watch()
    handles = [module.register_forward_pre_hook(watch.entering(name)) for name, module in net.named_modules()]
    handles += [module.register_forward_hook(watch.leave, always_call=True) for module in net.modules()]
    with removed_after(handles), undisturbed(net), torch.no_grad(), watch:
        called(net, to_device(inputs, device_of(net)))
    return watch.maps


class Watch(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.maps: list[AttentionMap] = []
        self.inside: list[str] = []
        self.softmaxes: list[Tensor] = []

    def entering(self, name: str) -> Callable[[nn.Module, Any], None]:
        return lambda _module, _inputs: self.inside.append(name)

    def leave(self, _module: nn.Module, _inputs: Any, _outputs: Any) -> None:
        self.inside.pop()

    def __torch_function__(self, function: Any, _types: Any, places: Any = (), names: Any = None) -> Any:
        names = names or {}
        if function is F.multi_head_attention_forward:
            wanted = names.get("need_weights", True), names.get("average_attn_weights", True)
            output, weights = function(*places, **{**names, "need_weights": True, "average_attn_weights": False})
            assert weights is not None
            self.keep(weights)
            return output, (weights.mean(-3) if wanted[1] else weights) if wanted[0] else None
        if function is F.scaled_dot_product_attention:
            self.keep(attention_weights(*places, **names))
        elif function in PRODUCTS and any(is_same(places[0], one) for one in self.softmaxes):
            self.keep(places[0])
        result = function(*places, **names)
        if function in SOFTMAX and isinstance(result, Tensor) and result.ndim > 1:
            self.softmaxes.append(result)
        return result

    def keep(self, weights: Tensor) -> None:
        """(batch, heads, queries, keys), of one head where there was no axis for them."""
        heads = weights[:, None] if weights.ndim == 3 else weights.flatten(1, -3) if weights.ndim > 4 else weights
        self.maps.append(AttentionMap(self.inside[-1] if self.inside else "", heads.float().cpu()))


def is_same(a: Any, b: Tensor) -> bool:
    """Whether it is the same memory, seen in whatever shape: dropout in evaluation mode and views change nothing."""
    return isinstance(a, Tensor) and a.data_ptr() == b.data_ptr() and a.numel() == b.numel()


def attention_weights(
    query: Tensor,
    key: Tensor,
    _value: Tensor | None = None,
    attn_mask: Tensor | None = None,
    _dropout: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    **_others: Any,
) -> Tensor:
    """softmax(Q Kᵀ scale + mask) as `scaled_dot_product_attention` has it: (batch, …, queries, keys)."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    scores = query @ key.transpose(-2, -1) * (scale or 1 / math.sqrt(query.shape[-1]))
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -torch.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1)
