"""Learning on from a net that was trained before: its features, its last part, and normalisation that stays."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from profundo.records import Batch, ProfundoError
from profundo.threads import same_bits

__all__ = ["features", "freeze_normalisation", "last_part", "output_layer"]


def output_layer(net: nn.Module) -> nn.Linear:
    """The last layer, which turns features into outputs. Raises ProfundoError where it is not linear."""
    *_, last = net.modules()
    if not isinstance(last, nn.Linear):
        raise ProfundoError(f"{type(net).__name__}: expected a linear output layer, its last is {type(last).__name__}")
    return last


def last_part(net: nn.Module) -> nn.Module:
    """What is trained of a frozen net: its `readout`, where it has one (nets/sentence_encoder.py), or its output layer."""
    readout = getattr(net, "readout", None)
    return readout if isinstance(readout, nn.Module) else output_layer(net)


def features(net: nn.Module, batches: Iterable[Batch]) -> Tensor:
    """What reaches the last part, in evaluation mode: float32 (samples, features), without gradients."""
    output, parts = last_part(net), []
    seen: list[Tensor] = []
    hook = output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    modes = [(module, module.training) for module in net.modules()]

    def before_output(inputs: Tensor) -> Tensor:
        net(inputs)
        return seen.pop()

    try:
        net.eval()
        with torch.no_grad():
            parts = [same_bits(net)(partial(before_output, batch.inputs), batch.inputs.shape) for batch in batches]
    finally:
        hook.remove()
        for module, mode in modes:
            module.training = mode
    return torch.cat(parts) if parts else torch.empty(0)


def freeze_normalisation(net: nn.Module) -> None:
    """Batch normalisation goes on with the averages it has: a few hundred samples know no better ones."""
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
