"""Activations by the names the courses use."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from profundo.records import ProfundoError

__all__ = ["ACTIVATIONS", "activation_layer"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "elu": nn.ELU,
    "softplus": nn.Softplus,
}


def activation_layer(name: str) -> nn.Module:
    if name not in ACTIVATIONS:
        raise ProfundoError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]()
