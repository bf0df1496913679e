"""First weights that are drawn anew, each layer scaled by what comes out of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from profundo.doctor.passage import FUSED, LAYERS, PRODUCTS, Call, Functions, parameters_of
from profundo.doctor.trials import in_evaluation, main
from profundo.trees import called

__all__ = ["USUAL", "reinitialize_", "relative_scale"]

USUAL = (0.25, 5.0)  # weights' deviation times √(incoming values); PyTorch's own is 0.58, that of Glorot 1, of He 1.4


def reinitialize_(net: nn.Module, inputs: Any) -> None:
    """New normal weights, in place, scaled layer by layer until values of deviation 1 come out (Mishkin & Matas 2016).

    inputs: some samples as the net takes them, on its device. Frozen parameters stay as they are. Biases become zero; vectors
    of nn.Embedding keep their weights unless these are far too large; recurrent layers begin as PyTorch draws them, with
    orthogonal weights between states.
    """

    def change(call: Call, run: Callable[[], Any]) -> Any:
        if call.function == "embedding":
            vectors = call.weights[0]
            if vectors.requires_grad and relative_scale(call, vectors) > USUAL[1]:
                nn.init.normal_(vectors, std=0.1)
        if not call.weighted or call.function not in LAYERS | PRODUCTS:
            return run()
        drawn = [one for one in parameters_of((*call.arguments, *call.named.values())) if one.requires_grad]
        for one in drawn:
            _ = nn.init.normal_(one) if one.ndim > 1 else nn.init.zeros_(one)
        deviation = main(run()).std().clamp_min(1e-12)
        for weight in (one for one in drawn if one.ndim > 1):
            weight.data.div_(deviation)
        return run()

    for module in net.modules():
        if not all(one.requires_grad for one in module.parameters(recurse=False)):
            continue
        if isinstance(module, nn.RNNBase | nn.RNNCellBase):
            module.reset_parameters()
            for name, one in module.named_parameters():
                _ = nn.init.orthogonal_(one) if name.startswith("weight_hh") else None
        elif isinstance(module, nn.MultiheadAttention):
            module._reset_parameters()
    with in_evaluation(net), torch.no_grad(), Functions(change):
        called(net, inputs)


def relative_scale(call: Call, weight: Tensor) -> float:
    """Root mean square of weights times the root of the number of values that each output sums; a mean off 0 sums up faster."""
    inputs = weight.shape[0] if call.function in PRODUCTS else weight[0].numel()
    mean, size = float(weight.detach().mean()), float(weight.detach().square().mean().sqrt())
    if call.function == "embedding":  # looked up, not summed: of deviation 1 as PyTorch draws it, or less
        return max(1.0, size)
    if call.function in FUSED:  # drawn by their number of units, not of inputs
        return max(1.0, size * math.sqrt(inputs))
    return max(size * math.sqrt(inputs), abs(mean) * inputs / 2 if abs(mean) > size / 2 and inputs > 4 else 0.0)
