"""Attributions by what the last convolution gives: maps A_k, weighted by how the answer f depends on each.

Grad-CAM    relu(Σ_k w_k A_k), w_k the mean over places of g_k = ∂f/∂A_k                      (Selvaraju et al. 2017)
Grad-CAM++  w_k = Σ α_k relu(g_k), α_k = g_k² / (2 g_k² + Σ A_k · g_k³), sums over places      (Chattopadhay et al. 2018)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.inside.attributions.question import Question
from profundo.inside.observing import module_at, removed_after
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.trees import called

__all__ = ["grad_cam", "grad_cam_plus_plus"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def grad_cam(question: Question, *, layer: str | None = None) -> tuple[Tensor, dict[str, float]]:
    maps, slopes = maps_and_slopes(question, layer)
    return weighted(question, maps, slopes.flatten(2).mean(2)), {}


def grad_cam_plus_plus(question: Question, *, layer: str | None = None) -> tuple[Tensor, dict[str, float]]:
    maps, slopes = maps_and_slopes(question, layer)
    flat, g = maps.flatten(2), slopes.flatten(2)
    # α is the same of g / scale and A · scale
    scale = g.abs().amax(2, keepdim=True).clamp_min(torch.finfo(g.dtype).tiny)
    g, flat = g / scale, flat * scale
    below = 2 * g.square() + flat.sum(2, keepdim=True) * g**3
    alpha = torch.where(below == 0, 0, g.square() / torch.where(below == 0, 1, below))
    return weighted(question, maps, (alpha * g.relu() * scale).sum(2)), {}


def maps_and_slopes(question: Question, layer: str | None) -> tuple[Tensor, Tensor]:
    """What the layer gives (batch, channels, …), and the gradient of the answer by it."""
    name = layer or last_maps(question)
    call, calls = name.partition("#")[2], 0
    maps: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        nonlocal calls
        calls += 1
        if call and call != str(calls):
            return None
        if not isinstance(output, Tensor) or output.ndim - 2 != len(question.places) or output.ndim < 3 or maps:
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ProfundoError(
                f"layer {name!r}: expected a module that is called once, or one call such as 'relu#2', that gives maps "
                f"(batch, channels, …) over the input's places, it gives {shape}"
            )
        maps.append(output.detach().requires_grad_())
        return maps[0].clone()

    with removed_after([module_at(question.net, name).register_forward_hook(keep)]):
        answer = question.answer(question.values)
    if not maps:
        raise ProfundoError(
            f"layer {name!r}: expected one that the net calls; choose another",
            told=Said("refusals.layer_uncalled", layer=repr(name)),
        )
    return maps[0].detach(), torch.autograd.grad(answer.sum(), maps[0], materialize_grads=True)[0]


def last_maps(question: Question) -> str:
    """The last call whose output is as large as the last convolution's: with its norm and its activation."""
    shapes: list[tuple[str, int, Any]] = []
    calls: Counter[str] = Counter()

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            calls[name] += 1
            shapes.append((name, calls[name], output.shape if isinstance(output, Tensor) else None))

        return hook

    inner = {name: module for name, module in question.net.named_modules() if name}
    modules = inner or {type(question.net).__name__: question.net}
    hooks = (module.register_forward_hook(note(name)) for name, module in modules.items())
    with removed_after(hooks), torch.no_grad():
        called(question.net, question.inputs)
    convolutions = [shape for name, _, shape in shapes if isinstance(modules[name], CONVOLUTIONS)]
    if not convolutions:
        raise ProfundoError(
            "layer: expected a net with convolutions, it has none; use method='integrated_gradients'",
            told=Said("refusals.expect_convolutions"),
        )
    name, call = next((name, call) for name, call, shape in reversed(shapes) if shape == convolutions[-1])
    return f"{name}#{call}" if calls[name] > 1 else name


def weighted(question: Question, maps: Tensor, weights: Tensor) -> Tensor:
    """relu(Σ_k w_k A_k), brought to the size of the input: (batch, 1, …)."""
    sums = torch.einsum("bk,bk...->b...", weights, maps).relu()[:, None]
    return F.interpolate(sums, question.sizes, mode=MODES[len(question.places)], align_corners=False)
