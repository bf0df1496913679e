"""Optimizers by name, each PyTorch's own, fused where that exists: one kernel for all parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from profundo.compiler import leave_the_compiler_out
from profundo.records import ProfundoError

__all__ = ["OPTIMIZERS", "optimizer", "take_step"]

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


def optimizer(
    name: str,
    net: nn.Module,
    learning_rate: float,
    weight_decay: float = 0.0,
    rates: Mapping[str, float] | None = None,
) -> Optimizer:
    """The optimizer for the net's trainable parameters.

    "sgd": plain stochastic descent; "momentum": Nesterov's, 0.9 (Sutskever et al. 2013); "adam" (Kingma & Ba 2015);
    "adamw" (Loshchilov & Hutter 2019). weight_decay λ adds λW to the gradient (the cost λ/2‖W‖²), in "adamw" it
    shrinks W directly; only weights decay, never biases or normalisation scales, which have one dimension.
    rates: factors of the learning rate by the beginning of parameters' names, such as {"conv1.": 0.1}; the longest that
    fits counts, 1 where none does (discriminative fine-tuning, Howard & Ruder 2018, section 3.2).
    Raises ProfundoError for an unknown name, a net without trainable parameters, or a beginning that no parameter has.
    """
    if name not in OPTIMIZERS:
        raise ProfundoError(f"optimizer {name!r} is unknown; known: {', '.join(OPTIMIZERS)}")
    parameters = [(label, parameter) for label, parameter in net.named_parameters() if parameter.requires_grad]
    if not parameters:
        raise ProfundoError(f"{type(net).__name__}: expected trainable parameters, found none; is everything frozen?")
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}  # each group costs a call: as few as will do
    for label, parameter in parameters:
        decay = weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate_factor(label, rates or {}), decay), []).append(parameter)
    for beginning in rates or {}:
        if not any(label.startswith(beginning) for label, _ in parameters):
            raise ProfundoError(f"rates: no trainable parameter's name begins with {beginning!r}")
    leave_the_compiler_out(vars(Optimizer).values())
    return OPTIMIZERS[name](
        [
            {"params": members, "weight_decay": decay, "lr": learning_rate * factor}
            for (factor, decay), members in sorted(groups.items(), key=lambda group: (group[0][0], -group[0][1]))
        ],
        learning_rate,
    )


def rate_factor(name: str, rates: Mapping[str, float]) -> float:
    """Of the longest beginning of the name that has one, else 1."""
    fitting = [beginning for beginning in rates if name.startswith(beginning)]
    return rates[max(fitting, key=len)] if fitting else 1.0


def take_step(optimizer: Optimizer) -> None:
    """What `optimizer.step()` does, without the wrappers around it where nobody looks at them.

    They mark ranges for a profiler and load PyTorch's compiler in order to tell it to keep out: the first costs a small
    net a tenth of its step, the second every training almost a second. With hooks, or for another class: `step()`.
    """
    plain = PLAIN.get(type(optimizer))
    if plain is None or "step" in optimizer.__dict__ or any(map(optimizer.__dict__.get, WATCHED)):
        optimizer.step()
        return
    with torch.no_grad():
        plain(optimizer)


PLAIN: dict[type[Optimizer], Callable[[Optimizer], object]] = {
    kind: inspect.unwrap(kind.step) for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
}
WATCHED = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
