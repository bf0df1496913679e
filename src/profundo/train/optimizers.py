"""Optimizers by name, each PyTorch's own, by the fewest kernels: fused where that exists, else over lists of tensors.

With g the gradient of the mean cost of a batch, η the learning rate and t the step:

    sgd        W ← W − η g                                                    (Robbins & Monro 1951)
    momentum   v ← 0.9 v + g;  W ← W − η v                                    (Polyak 1964)
    nesterov   v ← 0.9 v + g;  W ← W − η (g + 0.9 v)                          (Nesterov 1983; Sutskever et al. 2013)
    adagrad    s ← s + g²;  W ← W − η g / (√s + ε)                            (Duchi et al. 2011)
    adadelta   s ← ρs + (1−ρ)g²;  d = g √(u+ε) / √(s+ε);  u ← ρu + (1−ρ)d²;  W ← W − η d;  ρ = 0.95   (Zeiler 2012)
    rmsprop    s ← 0.9 s + 0.1 g²;  W ← W − η g / (√s + ε)                    (Tieleman & Hinton 2012, lecture 6e)
    adam       m ← 0.9 m + 0.1 g;  s ← 0.999 s + 0.001 g²;
               W ← W − η (m / (1−0.9ᵗ)) / (√(s / (1−0.999ᵗ)) + ε)             (Kingma & Ba 2015, algorithm 1)
    adamw      W ← (1 − ηλ) W, then as adam, of the cost alone                (Loshchilov & Hutter 2019, algorithm 2)

How many samples a batch has makes descent stochastic (one), in mini-batches (some) or in batches (all of them); the rule
is the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from profundo.compiler import leave_the_compiler_out
from profundo.records import ProfundoError

__all__ = ["OPTIMIZERS", "add_l1", "optimizer", "take_step", "weights_of"]

Groups = list[dict[str, Any]]


def _kernels(groups: Groups) -> dict[str, Any]:
    """The fused one takes no complex parameters."""
    are_real = all(parameter.is_floating_point() for group in groups for parameter in group["params"])
    return {"fused" if are_real else "foreach": True}


def _sgd(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.SGD(groups, lr=rate, **_kernels(groups))


def _momentum(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.SGD(groups, lr=rate, momentum=0.9, **_kernels(groups))


def _nesterov(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, **_kernels(groups))


def _adagrad(groups: Groups, rate: float) -> Optimizer:
    on_cpu = all(parameter.device.type == "cpu" for group in groups for parameter in group["params"])
    kernels = {"fused" if on_cpu else "foreach": True}  # older releases of PyTorch have no fused one for GPUs
    return torch.optim.Adagrad(groups, lr=rate, **kernels)


def _adadelta(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.Adadelta(groups, lr=rate, rho=0.95, foreach=True)  # on one core half the time of a loop


def _rmsprop(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.RMSprop(groups, lr=rate, alpha=0.9, foreach=True)


def _adam(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.Adam(groups, lr=rate, **_kernels(groups))


def _adamw(groups: Groups, rate: float) -> Optimizer:
    return torch.optim.AdamW(groups, lr=rate, **_kernels(groups))


OPTIMIZERS: dict[str, Callable[[Groups, float], Optimizer]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "rmsprop": _rmsprop,
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
    """The optimizer of that name for the net's trainable parameters; the rules stand at the head of this file.

    weight_decay λ adds λW to the gradient (the cost λ/2‖W‖²), in "adamw" it shrinks W directly; only weights decay, never
    biases or normalisation scales (`weights_of`).
    rates: factors of the learning rate by the beginning of parameters' names, such as {"conv1.": 0.1}; the longest that
    fits counts, 1 where none does (discriminative fine-tuning, Howard & Ruder 2018, section 3.2).
    Raises ProfundoError for an unknown name, a net without trainable parameters, or a beginning that no parameter has.
    """
    if not isinstance(net, nn.Module):
        raise ProfundoError(
            f"optimizer: expected the net itself, optimizer({name!r}, net, 0.001), got {type(net).__name__}"
        )
    name = name.lower()
    if name not in OPTIMIZERS:
        raise ProfundoError(f"optimizer {name!r} is unknown; known: {', '.join(OPTIMIZERS)}")
    parameters = [(label, parameter) for label, parameter in net.named_parameters() if parameter.requires_grad]
    if not parameters:
        raise ProfundoError(f"{type(net).__name__}: expected trainable parameters, found none; is everything frozen?")
    weights = set(map(id, weights_of(net)))
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}  # each group costs a call: as few as will do
    for label, parameter in parameters:
        decay = weight_decay if id(parameter) in weights else 0.0
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


def weights_of(net: nn.Module) -> list[nn.Parameter]:
    """The parameters that penalties on weights are for. Spared are vectors, what is called a bias, whatever its shape, and
    what normalisation scales and shifts by, which has the shape of an image in some layers."""
    kinds = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
    spared = {id(one) for part in net.modules() if isinstance(part, kinds) for one in part.parameters(recurse=False)}
    named = [(name.rpartition(".")[2], one) for name, one in net.named_parameters() if one.ndim > 1]
    return [one for name, one in named if "bias" not in name and id(one) not in spared]


def rate_factor(name: str, rates: Mapping[str, float]) -> float:
    """Of the longest beginning of the name that has one, else 1."""
    fitting = [beginning for beginning in rates if name.startswith(beginning)]
    return rates[max(fitting, key=len)] if fitting else 1.0


def add_l1(weights: Iterable[nn.Parameter], strength: float) -> None:
    """Add the gradient of λ‖W‖₁, λ sign(W), to those of the weights that have one; λ: strength.

    So what is lowered is exactly cost + λ‖W‖₁, by whichever optimizer. At W = 0, where the penalty has a corner, its
    subgradient 0 is taken: a weight that should vanish keeps crossing zero, at most a step away, the closer the smaller
    the rate gets.
    """
    pairs = [(weight.data, weight.grad) for weight in weights if weight.grad is not None]
    if pairs:
        values, gradients = zip(*pairs, strict=True)
        torch._foreach_add_(gradients, torch._foreach_sign(values), alpha=strength)


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
    kind: inspect.unwrap(kind.step)
    for kind in (
        torch.optim.SGD,
        torch.optim.Adagrad,
        torch.optim.Adadelta,
        torch.optim.RMSprop,
        torch.optim.Adam,
        torch.optim.AdamW,
    )
}
WATCHED = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
