"""Optimizers by name, each PyTorch's own, fused where that exists: one kernel for all parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from profundo.records import ProfundoError

__all__ = ["OPTIMIZERS", "optimizer"]

Groups = list[dict[str, Any]]


def _sgd(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.SGD(groups, lr=rate, fused=True)


def _momentum(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=True)


def _adam(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.Adam(groups, lr=rate, fused=True)


def _adamw(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.AdamW(groups, lr=rate, fused=True)


OPTIMIZERS: dict[str, Callable[[Groups, float], Optimizer]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "adam": _adam,
    "adamw": _adamw,
}


def optimizer(name: str, net: nn.Module, learning_rate: float, weight_decay: float = 0.0) -> Optimizer:
    """The optimizer for the net's trainable parameters.

    "sgd": plain stochastic descent; "momentum": Nesterov's, 0.9 (Sutskever et al. 2013); "adam" (Kingma & Ba 2015);
    "adamw" (Loshchilov & Hutter 2019). weight_decay λ adds λW to the gradient (the cost λ/2‖W‖²), in "adamw" it
    shrinks W directly; only weights decay, never biases or normalisation scales, which have one dimension.
    Raises ProfundoError for an unknown name or a net without trainable parameters.
    """
    if name not in OPTIMIZERS:
        raise ProfundoError(f"optimizer {name!r} is unknown; known: {', '.join(OPTIMIZERS)}")
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    if not parameters:
        raise ProfundoError(f"{type(net).__name__}: expected trainable parameters, found none; is everything frozen?")
    groups = [{"params": parameters, "weight_decay": 0.0}]
    if weight_decay:  # each group costs a call, so one is better where one will do
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
    return OPTIMIZERS[name]([group for group in groups if group["params"]], learning_rate)
